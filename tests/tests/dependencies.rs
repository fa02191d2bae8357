//! What the workspace may be built from: licences, sources, and crates that it does without.

use std::{collections::BTreeSet, process::Command};

use spdx::{Expression, LicenseReq, ParseMode};

/// What may be linked into an Apache-2.0 program without asking anybody.
const LICENCES: [&str; 9] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// TLS stacks cost a minute of compiling, and every connection here stays on the machine.
const BANNED: [&str; 5] = ["openssl-sys", "aws-lc-sys", "ring", "rustls", "native-tls"];

/// A package that is compiled: its name with its version and where it is from, and its licence.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    licence: String,
}

/// What is compiled on any platform. The lock file also names what a feature that is off would need.
fn compiled() -> BTreeSet<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree =
        "tree --workspace --target all --edges normal,build,dev --prefix none --format {p}|{l}";
    let output = Command::new(cargo)
        .args(tree.split(' '))
        .current_dir(tests::root())
        .output()
        .expect("cargo starts");
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let packages = listed.lines().filter_map(|line| {
        let (name, licence) = line.split_once('|')?;
        Some(Package {
            name: name.to_owned(),
            licence: licence.trim_end_matches(" (*)").to_owned(),
        })
    });
    let packages: BTreeSet<_> = packages.collect();
    assert!(packages.len() > 100, "cargo tree lists {packages:?}");
    packages
}

/// Whether a licence expression can be met with what is allowed.
fn is_allowed(expression: &str) -> Result<bool, String> {
    let allowed: Vec<_> = LICENCES.map(parsed).into_iter().flatten().collect();
    let expression = Expression::parse_mode(expression, ParseMode::LAX);
    let expression = expression.map_err(|error| error.to_string())?;
    Ok(expression.evaluate(|wanted| allowed.contains(wanted)))
}

fn parsed(licence: &str) -> Option<LicenseReq> {
    let expression = Expression::parse(licence).ok()?;
    expression.requirements().next().map(|r| r.req.clone())
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    for Package { name, licence } in compiled() {
        assert_eq!(is_allowed(&licence), Ok(true), "{name}: {licence:?}");
    }
}

#[test]
fn nothing_comes_from_anywhere_but_the_registry_and_this_folder() {
    let here = format!(
        "({}",
        tests::root()
            .join("")
            .canonicalize()
            .expect("a folder")
            .display()
    );
    for Package { name, .. } in compiled() {
        // The registry is where a package is from that says nothing about it.
        let place = name.split(' ').nth(2);
        let ours = place.is_none_or(|place| place.starts_with(&here) || place == "(proc-macro)");
        assert!(ours, "{name} is from elsewhere");
    }
}

#[test]
fn what_is_banned_is_not_there() {
    for Package { name, .. } in compiled() {
        let bare = name.split(' ').next().unwrap_or_default();
        assert!(!BANNED.contains(&bare), "{name} is banned");
    }
}

#[test]
fn the_allowed_licences_are_understood_and_others_refused() {
    assert_eq!(
        LICENCES.iter().filter_map(|l| parsed(l)).count(),
        LICENCES.len()
    );
    for (expression, allowed) in [
        ("MIT OR GPL-3.0-only", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0-only", false),
        ("AGPL-3.0-only", false),
    ] {
        assert_eq!(is_allowed(expression), Ok(allowed), "{expression}");
    }
    assert!(is_allowed("").is_err() || is_allowed("") == Ok(false));
}
