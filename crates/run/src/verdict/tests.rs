//! A small healthy record on disk, changed in one way at a time.

use std::{collections::BTreeMap, fs, time::Duration};

use drill::{Class, Component};
use judge::Verdict;
use timeline::{
    Arrival, BillLine, ClockReading, ClocksCompared, FORMAT, Header, Instrument, MemberHealth,
    Offset, Outcome, Placed, write_entry, write_numbered,
};

use super::*;
use crate::Holder;

const DRILL: &str = r#"
name = "small"
about = "Kill a server."
lesson = "A dead server is no outage."
topology = "ha"
seed = 7

[traffic]
baseline_users = 10
peak_users = 20
span = "48h"
speed = 2880.0

[pace]
warm_up = "5s"
settle = "1s"
recover_within = "10s"

[contract]
availability_percent = 99.99
latency = [{ percentile = 95.0, at_most = "100ms" }]
monthly_usd = 600.0

[[episode]]
name = "server"
target.any = { component = "api" }
fault.kill = {}
hold = "5s"
"#;

const LOAD_S: u64 = 60;

fn at(s: f64) -> Offset {
    Offset::from(Duration::from_secs_f64(s))
}

fn small() -> drill::Drill {
    drill::parse("small.toml", DRILL, |_| Ok(vec!["api-1".to_owned()])).unwrap()
}

fn header(run: &str) -> Event {
    Event::Started(Box::new(Header {
        format: FORMAT,
        run: run.into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        drill: small(),
        zero_unix_ns: 1,
        schedule: 0,
        project: "gameday-small".into(),
        machine: BTreeMap::new(),
        bill: vec![BillLine {
            row: "server".into(),
            title: "2 vCPU, 4 GiB".into(),
            count: 3,
            unit_usd: 24.0,
        }],
        members: MEMBERS.map(placed).into(),
    }))
}

const MEMBERS: [&str; 4] = ["api-1", "api-2", "api-3", "api-4"];

fn placed(name: &str) -> Placed {
    Placed {
        name: name.into(),
        component: Component::Api,
        zone: None,
    }
}

fn sighting(name: &str) -> Event {
    Event::Member(MemberHealth {
        member: name.into(),
        component: Component::Api,
        healthy: true,
        answered: true,
        roles: vec![],
        detail: "ready".into(),
    })
}

fn arrivals(outcome: Outcome) -> Vec<Arrival> {
    let traffic = small().traffic;
    let second = |second: u64| {
        let users = traffic.users_at(Duration::from_secs(second));
        (0..users).map(move |user| {
            let ns = |ms: f64| at(1.0 + second as f64 + f64::from(user) / 100.0 + ms / 1000.0);
            Arrival {
                user,
                class: Class::ALL[user as usize % Class::ALL.len()],
                outcome,
                again: false,
                status: 200,
                due: ns(0.0),
                sent: ns(0.2),
                done: ns(5.0),
            }
        })
    };
    (0..LOAD_S).flat_map(second).collect()
}

fn recording_of(arrivals: &[Arrival]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    for arrival in arrivals {
        bytes.extend(arrival.encode());
    }
    bytes.extend(Arrival::footer(arrivals.len() as u64));
    bytes
}

fn clocks(s: u64) -> [Event; 2] {
    let own = ClockReading {
        unix_ns: 1 + s * 1_000_000_000,
        monotonic_ns: s * 1_000_000_000,
        boottime_ns: s * 1_000_000_000,
    };
    [Instrument::Generator, Instrument::Observer].map(|of| {
        Event::Clock(ClocksCompared {
            of,
            read: own,
            own,
            round_trip: Duration::from_millis(1),
        })
    })
}

fn entries(run: &str, arrivals: usize) -> Vec<Entry> {
    let mut entries = vec![];
    let mut push = |s: f64, event| entries.push(Entry { at: at(s), event });
    push(0.0, header(run));
    for name in MEMBERS {
        push(0.5, sighting(name));
    }
    push(1.0, Event::LoadStarted);
    let episode = 0;
    push(10.0, Event::EpisodeStarted { episode });
    push(
        11.0,
        Event::FaultRequested {
            episode,
            members: vec!["api-1".into()],
            roles: vec![],
        },
    );
    push(11.1, Event::FaultApplied { episode });
    let seen = "exited with code 137".to_owned();
    push(11.2, Event::FaultProven { episode, seen });
    push(17.0, Event::HealRequested { episode });
    push(17.5, Event::Healed { episode });
    push(19.0, Event::EpisodeEnded { episode });
    for s in (0..=LOAD_S).step_by(10) {
        for event in clocks(s) {
            push(s as f64, event);
        }
    }
    let arrivals = arrivals as u64;
    push(61.1, Event::LoadEnded { arrivals });
    push(62.0, Event::Finished);
    entries
}

/// A sealed record of a healthy run.
struct Record {
    folder: RunFolder,
    _holder: Holder,
}

impl Record {
    fn new(name: &str) -> Self {
        let record = Self::open(name);
        record.write(Outcome::Ok);
        seal::seal_now(&record.folder).unwrap();
        record
    }

    fn open(name: &str) -> Self {
        let home = format!("gameday-verdict-{name}-{}", std::process::id());
        let home = std::env::temp_dir().join(home);
        let _ = fs::remove_dir_all(&home);
        let (folder, _holder) = RunFolder::create(&home).unwrap();
        Self { folder, _holder }
    }

    fn write(&self, outcome: Outcome) {
        let arrivals = arrivals(outcome);
        let entries = entries(self.folder.id(), arrivals.len());
        let mut timeline = vec![];
        for (n, entry) in (0..).zip(&entries) {
            write_numbered(&mut timeline, n, entry).unwrap();
        }
        self.folder.write(TIMELINE, &timeline).unwrap();
        let bytes = recording_of(&arrivals);
        self.folder.write(ARRIVALS, &bytes).unwrap();
        self.folder.write("drill.toml", DRILL.as_bytes()).unwrap();
    }

    fn change(&self, name: &str, change: impl Fn(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.folder.path().join(name)).unwrap();
        change(&mut bytes);
        self.folder.write(name, &bytes).unwrap();
    }

    fn change_lines(&self, change: impl Fn(&mut Vec<String>)) {
        self.change(TIMELINE, |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            change(&mut lines);
            *bytes = (lines.join("\n") + "\n").into_bytes();
        });
    }

    fn judged(&self) -> Judgement {
        judge_folder(&self.folder).unwrap()
    }

    /// The verdict is unproven, and a finding of that title says each of the words.
    fn is_unproven(&self, title: &str, words: &[&str]) {
        let judgement = self.judged();
        assert_ne!(judgement.verdict, Verdict::Held, "{}", judgement.summary);
        let mut findings = judgement.findings.iter();
        let finding =
            findings.find(|finding| finding.title == title && finding.verdict == Verdict::Unproven);
        let text = &finding
            .unwrap_or_else(|| panic!("{}", judgement.summary))
            .measured
            .text;
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(home) = self.folder.path().parent() {
            let _ = fs::remove_dir_all(home);
        }
    }
}

#[test]
fn a_sealed_record_holds_as_often_as_it_is_judged() {
    let record = Record::new("healthy");
    for _ in 0..2 {
        let judgement = record.judged();
        assert_eq!(judgement.verdict, Verdict::Held, "{}", judgement.summary);
    }
}

#[test]
fn an_edited_contract_proves_nothing() {
    let record = Record::new("contract");
    record.change_lines(|lines| lines[0] = lines[0].replace("99.99", "50.0"));
    record.is_unproven("record changed", &["timeline.jsonl", "were sealed"]);
}

#[test]
fn removed_sightings_prove_nothing() {
    let record = Record::new("sightings");
    record.change_lines(|lines| {
        let mut sightings = 0;
        lines.retain(|line| {
            sightings += usize::from(line.contains("\"member\""));
            !line.contains("\"member\"") || sightings.is_multiple_of(2)
        });
    });
    record.is_unproven("record changed", &["timeline.jsonl", "is missing before"]);
    record.is_unproven("member never seen", &["api-1, and of 1 more"]);
}

#[test]
fn a_header_that_can_not_be_read_is_an_error_that_names_the_file() {
    let record = Record::new("header");
    record.change_lines(|lines| lines[0].truncate(100));
    let error = judge_folder(&record.folder).unwrap_err().to_string();
    assert!(
        error.starts_with("record changed (timeline.jsonl: "),
        "{error}"
    );
}

#[test]
fn a_removed_line_is_named_even_without_a_seal() {
    let record = Record::new("line");
    record.change_lines(|lines| drop(lines.remove(12)));
    let words = ["timeline.jsonl", "entry 12 is missing before line 13"];
    record.is_unproven("record changed", &words);
    fs::remove_file(record.folder.manifest()).unwrap();
    record.is_unproven("record changed", &words);
    record.is_unproven("record not sealed", &["no manifest.json"]);
}

#[test]
fn a_line_that_can_no_longer_be_read_is_named() {
    let record = Record::new("unreadable");
    record.change_lines(|lines| lines[4].truncate(9));
    record.is_unproven("record changed", &["line 5 can't be read"]);
}

#[test]
fn a_flipped_bit_anywhere_in_the_recording_proves_nothing() {
    let record = Record::new("bit");
    let length = fs::metadata(record.folder.arrivals()).unwrap().len() as usize;
    for position in [0, 9, 40, length / 2, length - 1] {
        record.change(ARRIVALS, |bytes| bytes[position] ^= 0x10);
        record.is_unproven("record changed", &["arrivals.bin", "another content"]);
        record.change(ARRIVALS, |bytes| bytes[position] ^= 0x10);
    }
    assert_eq!(record.judged().verdict, Verdict::Held);
}

/// As many arrivals as the timeline tells, all of them good, instead of those that failed.
#[test]
fn another_runs_recording_proves_nothing() {
    let record = Record::open("swapped");
    record.write(Outcome::Failed);
    seal::seal_now(&record.folder).unwrap();
    assert_eq!(record.judged().verdict, Verdict::Broken);
    let good = recording_of(&arrivals(Outcome::Ok));
    record.folder.write(ARRIVALS, &good).unwrap();
    record.is_unproven("record changed", &["arrivals.bin"]);
}

#[test]
fn another_runs_timeline_and_manifest_are_told() {
    let record = Record::new("other");
    record.change(MANIFEST, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text
            .replace(record.folder.id(), "1124-060732-31682")
            .into_bytes();
    });
    let words = ["manifest.json: of run 1124-060732-31682"];
    record.is_unproven("record changed", &words);
}

#[test]
fn a_missing_or_added_file_is_named() {
    let record = Record::new("missing");
    fs::remove_file(record.folder.arrivals()).unwrap();
    record.is_unproven("record changed", &["arrivals.bin: it was sealed"]);
    let record = Record::new("added");
    record.folder.write(STORED, b"no ledger at all").unwrap();
    record.is_unproven("record changed", &["stored.bin: it was not there"]);
}

#[test]
fn removed_comparisons_of_clocks_are_missed() {
    let record = Record::open("clocks");
    record.write(Outcome::Ok);
    record.change(TIMELINE, |bytes| {
        let recorded = read_recorded(bytes.as_slice(), Unknown::Error).unwrap();
        let mut entries = recorded.entries;
        entries.retain(|entry| !matches!(entry.event, Event::Clock(_)));
        bytes.clear();
        for (n, entry) in (0..).zip(&entries) {
            write_numbered(&mut *bytes, n, entry).unwrap();
        }
    });
    seal::seal_now(&record.folder).unwrap();
    record.is_unproven("clocks not compared", &["never with the generator"]);
}

/// Its lines have no numbers and nothing compared its clocks, and only that it is not sealed is held against it.
#[test]
fn a_record_of_an_older_build_is_judged_and_proves_nothing() {
    let record = Record::open("older");
    record.write(Outcome::Ok);
    let count = arrivals(Outcome::Ok).len();
    let mut timeline = vec![];
    for entry in entries(record.folder.id(), count) {
        if !matches!(entry.event, Event::Clock(_)) {
            write_entry(&mut timeline, &entry).unwrap();
        }
    }
    record.folder.write(TIMELINE, &timeline).unwrap();
    record.is_unproven("record not sealed", &["of an older build"]);
    let judgement = record.judged();
    let unproven = judgement.findings.iter();
    let unproven = unproven.filter(|finding| finding.verdict == Verdict::Unproven);
    assert_eq!(unproven.count(), 1, "{}", judgement.summary);
}
