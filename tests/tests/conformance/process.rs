//! Faults of processes and their resources.

use std::{fs, path::Path};

use serde_json::json;

use super::{
    figures::{gone_after_ms, percent, quantile_ms},
    stand::{Joined, Stand, docker, wall_us},
    suite::{Finding, digest, finding, lines, measured},
    table::{Row, Table},
};

/// How long a killed agent's fault may last.
const LONGEST_MS: f64 = 1000.0;
const MIB: u64 = 1 << 20;

/// Runs every case and writes its lines.
pub(crate) fn run(stand: &Stand, table: &mut Table) {
    freeze(stand, table);
    cpu_burn(stand, table);
    disk_fill(stand, table);
    memory_hold(stand, table);
    connections_hold(stand, table);
}

fn head(backend: &'static str, fault: &str, asked: &str) -> Row {
    Row {
        backend,
        fault: fault.into(),
        asked: asked.into(),
        ..Row::default()
    }
}

fn freeze(stand: &Stand, table: &mut Table) {
    let asked = json!({ "freeze": {} });
    let (joined, fault) = (stand.in_processes(), json!({ "process": asked }));
    let near = stand.address("near");
    let held = stand.hold(&joined, &fault);
    let (still, threads) = measured(&held).unwrap_or_default();
    let answers = stand.measure("far", &format!("udp --to {near}:7000 --count 100"));
    let silent = percent(&answers, |sample| sample.rtt_us.is_none());
    let connects = stand.measure("far", &format!("connect --to {near}:7000 --count 20"));
    let open = percent(&connects, |sample| sample.copies > 0);
    let findings = vec![
        finding(
            format!("{silent:.0} % of packets unanswered"),
            "100 %",
            silent == 100.0,
        ),
        finding(
            format!("{still} threads still"),
            format!("all {}", threads.unwrap_or(0.0)),
            Some(still) == threads && still > 0.0,
        ),
        finding(
            format!("{open:.0} % of connects accepted by the kernel"),
            "100 %",
            open == 100.0,
        ),
    ];
    let (let_go, same) = digest(held.let_go().0.as_ref());
    let held = stand.hold(&joined, &fault);
    let process = held.process();
    let watching = stand.measuring(
        "far",
        &format!("udp --to {near}:7000 --count 400 --every-us 4000"),
    );
    std::thread::sleep(std::time::Duration::from_millis(500));
    let killed_us = held.kill(&process);
    let samples = watching.samples();
    let gone = gone_after_ms(&samples, killed_us, |sample| {
        sample.rtt_us.is_none_or(|rtt| rtt > 50_000)
    });
    let undone = same && gone <= LONGEST_MS;
    lines(
        table,
        head("ptrace", "freeze", "every thread"),
        findings,
        (let_go, format!("gone in {gone:.0} ms")),
        undone,
    );
}

fn cpu_burn(stand: &Stand, table: &mut Table) {
    let asked = json!({ "cpu-burn": { "threads": 4 } });
    let head = head("cgroup", "cpu burn", "4 threads");
    let engine = docker(&["info", "--format", "{{.CgroupDriver}} {{.CgroupVersion}}"]);
    if engine != "cgroupfs 1" {
        table.0.push(Row {
            measured: format!("cgroups of {engine}"),
            ..head
        });
        return;
    }
    stand.container("slow", &["--cpus", "0.5"]);
    let slow = stand.address("slow");
    let id = docker(&["inspect", "--format", "{{.Id}}", &stand.named("slow")]);
    let joined = Joined {
        options: vec![
            format!("--cgroup-parent=/docker/{id}"),
            "--network=none".into(),
        ],
    };
    let words = format!("udp --to {slow}:7000 --count 250 --every-us 4000 --patience-ms 900");
    let calm = quantile_ms(&stand.measure("far", &words), 0.9);
    let fault = json!({ "process": asked });
    let held = stand.hold(&joined, &fault);
    let (used, _) = measured(&held).unwrap_or_default();
    let starved = quantile_ms(&stand.measure("far", &words), 0.9);
    let (let_go, same) = digest(held.let_go().0.as_ref());
    let findings = vec![
        finding(
            format!("p90 of answers {calm:.2} -> {starved:.1} ms on half a processor"),
            "10 times and 10 ms",
            starved > 10.0 && starved > calm * 10.0,
        ),
        finding(
            format!("{used:.2} processors used"),
            "0.2 to 0.6 of a quota of 0.5",
            (0.2..=0.6).contains(&used),
        ),
    ];
    let held = stand.hold(&joined, &fault);
    let process = held.process();
    let watching = stand.measuring(
        "far",
        &format!("udp --to {slow}:7000 --count 500 --every-us 4000 --patience-ms 900"),
    );
    std::thread::sleep(std::time::Duration::from_millis(600));
    let killed_us = held.kill(&process);
    let samples = watching.samples();
    let gone = gone_after_ms(&samples, killed_us, |sample| {
        sample.rtt_us.is_none_or(|rtt| rtt > 20_000)
    });
    let undone = same && gone <= LONGEST_MS;
    lines(
        table,
        head,
        findings,
        (let_go, format!("gone in {gone:.0} ms")),
        undone,
    );
}

fn disk_fill(stand: &Stand, table: &mut Table) {
    let asked = json!({ "disk-fill": { "directory": "/proc/1/root/scratch", "leave_bytes": MIB } });
    let (joined, fault) = (stand.in_processes(), json!({ "process": asked }));
    let free = || {
        let listed = stand.exec(
            "near",
            &["df", "--block-size=1", "--output=avail", "/scratch"],
        );
        listed
            .lines()
            .last()
            .and_then(|line| line.trim().parse::<u64>().ok())
            .expect("free bytes")
    };
    let before = free();
    let held = stand.hold(&joined, &fault);
    let left = free();
    let write = [
        "sh",
        "-c",
        "dd if=/dev/zero of=/scratch/x bs=1M count=2 2>&1; rm /scratch/x; ls -A /scratch | wc -l",
    ];
    let said = stand.exec("near", &write);
    let refused = match said.contains("No space left") {
        true => "no space left",
        false => "done",
    };
    let (let_go, same) = digest(held.let_go().0.as_ref());
    let after = free();
    let findings = vec![
        finding(
            format!("{} KiB of {} MiB left", left / 1024, before / MIB),
            "1024 KiB ±64",
            left.abs_diff(MIB) <= 65_536,
        ),
        finding(
            format!("2 MiB written by the target: {refused}"),
            "refused",
            refused == "no space left",
        ),
        finding(
            format!("{} files to be seen", said.lines().last().unwrap_or("?")),
            "0",
            said.ends_with('0'),
        ),
        finding(
            format!("{} KiB missing after", before.saturating_sub(after) / 1024),
            "0",
            after == before,
        ),
    ];
    let held = stand.hold(&joined, &fault);
    let process = held.process();
    let killed_us = held.kill(&process);
    let gone = until(killed_us, || free() == before);
    let undone = same && gone <= LONGEST_MS;
    lines(
        table,
        head("O_TMPFILE", "disk fill", "all but 1 MiB"),
        findings,
        (let_go, format!("gone in {gone:.0} ms")),
        undone,
    );
}

fn memory_hold(stand: &Stand, table: &mut Table) {
    let bytes = 256 * MIB;
    let asked = json!({ "memory-hold": { "bytes": bytes } });
    let joined = Joined {
        options: vec!["--network=none".into()],
    };
    let fault = json!({ "process": asked });
    let held = stand.hold(&joined, &fault);
    let (seen, _) = measured(&held).unwrap_or_default();
    let process = held.process();
    let charged = charged_bytes(&process);
    let (let_go, same) = digest(held.let_go().0.as_ref());
    let off = (seen / bytes as f64 - 1.0) * 100.0;
    let mut findings = vec![finding(
        format!("{:.0} MiB resident", seen / MIB as f64),
        "256 MiB, up to 5 % more",
        (0.0..=5.0).contains(&off),
    )];
    if let Some(charged) = charged {
        let measured = format!("{} MiB charged to the cgroup", charged / MIB);
        findings.push(finding(
            measured,
            "256 MiB, up to 5 % more",
            (256 * MIB..269 * MIB).contains(&charged),
        ));
    }
    let held = stand.hold(&joined, &fault);
    let process = held.process();
    let killed_us = held.kill(&process);
    let gone = until(killed_us, || !Path::new("/proc").join(&process).exists());
    let undone = same && gone <= LONGEST_MS;
    lines(
        table,
        head("cgroup", "memory hold", "256 MiB"),
        findings,
        (let_go, format!("gone in {gone:.0} ms")),
        undone,
    );
}

/// What the memory cgroup of a process is charged with, for either version of cgroups.
fn charged_bytes(process: &str) -> Option<u64> {
    let listed = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    let path = |head: &str| {
        listed
            .lines()
            .find_map(|line| line.split_once(head).map(|(_, path)| path.to_owned()))
    };
    let file = match path(":memory:") {
        Some(path) => format!("/sys/fs/cgroup/memory{path}/memory.usage_in_bytes"),
        None => format!("/sys/fs/cgroup{}/memory.current", path("0::")?),
    };
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn connections_hold(stand: &Stand, table: &mut Table) {
    let asked = json!({ "connections-hold": { "address": format!("{}:7001", stand.address("far")), "count": 200 } });
    let (joined, fault) = (stand.in_network(), json!({ "process": asked }));
    let open = || {
        let listed = stand.exec(
            "far",
            &["ss", "-Htn", "state", "established", "( sport = :7001 )"],
        );
        listed.lines().count()
    };
    let held = stand.hold(&joined, &fault);
    // The server's kernel takes those that did not fit into its backlog when they are offered again, within seconds.
    let seen = (0..50)
        .map(|_| open())
        .find(|seen| *seen == 200)
        .unwrap_or_else(open);
    let (let_go, same) = digest(held.let_go().0.as_ref());
    let findings: Vec<Finding> = vec![finding(
        format!("{seen} open at the server"),
        "200",
        seen == 200,
    )];
    let held = stand.hold(&joined, &fault);
    let process = held.process();
    let killed_us = held.kill(&process);
    let gone = until(killed_us, || open() == 0);
    let undone = same && gone <= LONGEST_MS;
    lines(
        table,
        head("sockets", "connections hold", "200"),
        findings,
        (let_go, format!("gone in {gone:.0} ms")),
        undone,
    );
}

/// Milliseconds since the kill until a look finds the condition true: an upper bound, since looking takes its time.
fn until(killed_us: u64, condition: impl FnMut() -> bool) -> f64 {
    tests::wait_until("the fault is gone", condition);
    (wall_us() - killed_us) as f64 / 1e3
}
