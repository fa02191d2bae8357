//! The arrows that must never be drawn, checked over the resolved dependencies.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

const PURE: [&str; 5] = ["drill", "lease", "timeline", "judge", "report"];
const LOOPS: [&str; 4] = ["stage", "loadgen", "chaos", "probe"];
const SERVICES: [&str; 6] = ["service-kit", "api", "ws", "gateway", "worker", "pager"];
const TESTBED: [&str; 16] = [
    "agent",
    "drill",
    "lease",
    "timeline",
    "judge",
    "report",
    "clock",
    "engine",
    "stage",
    "loadgen",
    "chaos",
    "probe",
    "calibrate",
    "run",
    "gameday",
    "xtask",
];

/// What each package of the workspace needs outside its tests, directly.
fn direct() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let needs = |package: &cargo_metadata::Package| {
        let normal = package
            .dependencies
            .iter()
            .filter(|d| d.kind == DependencyKind::Normal);
        (
            package.name.to_string(),
            normal.map(|d| d.name.clone()).collect(),
        )
    };
    metadata
        .workspace_packages()
        .into_iter()
        .map(needs)
        .collect()
}

fn metadata() -> Metadata {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    MetadataCommand::new()
        .manifest_path(manifest)
        .exec()
        .expect("cargo metadata")
}

/// Everything that a package of the workspace reaches through other packages of the workspace.
fn reached(direct: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(package) = next.pop() {
        for need in direct.get(&package).into_iter().flatten() {
            if reached.insert(need.clone()) {
                next.push(need.clone());
            }
        }
    }
    reached
}

#[test]
fn pure_crates_reach_no_runtime_no_clock_and_no_network() {
    let direct = direct();
    for pure in PURE {
        let reached = reached(&direct, pure);
        for effect in ["tokio", "clock", "engine", "hyper", "bollard", "jiff"] {
            assert!(!reached.contains(effect), "NEVER {pure} -> {effect}");
        }
    }
}

#[test]
fn loops_do_not_know_each_other() {
    let direct = direct();
    for from in LOOPS {
        for to in LOOPS {
            assert!(!reached(&direct, from).contains(to), "NEVER {from} -> {to}");
        }
    }
}

#[test]
fn the_testbed_and_the_services_share_only_the_wire() {
    let direct = direct();
    for testbed in TESTBED {
        for service in SERVICES {
            let reached = reached(&direct, testbed);
            assert!(!reached.contains(service), "NEVER {testbed} -> {service}");
        }
    }
    for service in SERVICES {
        for testbed in TESTBED {
            let reached = reached(&direct, service);
            assert!(!reached.contains(testbed), "NEVER {service} -> {testbed}");
        }
    }
}

#[test]
fn only_the_engine_knows_bollard() {
    for (package, needs) in direct() {
        assert!(
            package == "engine" || !needs.contains("bollard"),
            "NEVER {package} -> bollard"
        );
    }
}

#[test]
fn only_the_services_know_the_stores_apart_from_the_read_only_probe() {
    for (package, needs) in direct() {
        if SERVICES.contains(&package.as_str()) {
            continue;
        }
        for store in ["deadpool-postgres", "lapin", "redis", "tokio-postgres"] {
            let read_only_probe =
                package == "probe" && ["redis", "tokio-postgres"].contains(&store);
            assert!(
                read_only_probe || !needs.contains(store),
                "NEVER {package} -> {store}"
            );
        }
    }
}

#[test]
fn every_crate_is_named_in_the_lists_above() {
    for package in direct().keys() {
        let known = [TESTBED.as_slice(), &SERVICES, &["wire", "tests"]].concat();
        assert!(
            known.contains(&package.as_str()),
            "{package} is in no layer"
        );
    }
}
