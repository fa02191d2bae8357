//! One good file, and each way to spoil it.

use super::*;
use crate::Role;

const GOOD: &str = r#"
name = "first"
about = "Kill one server."
lesson = "One server less is no outage."
topology = "ha"
seed = 7

[traffic]
baseline_users = 500
peak_users = 1450
span = "48h"
speed = 288.0

[pace]
warm_up = "10s"
settle = "3s"
recover_within = "60s"

[contract]
availability_percent = 99.99
latency = [{ percentile = 95.0, at_most = "100ms" }]
monthly_usd = 600.0

[[episode]]
name = "server"
target.any = { component = "api" }
fault.kill = {}
hold = "12s"

[[episode]]
name = "primary"
target.role = "postgres-primary"
fault.pause = {}
hold = "25s"
"#;

fn members(topology: &str) -> Result<Vec<String>, Vec<String>> {
    let known = ["api-1", "api-2", "postgres-1", "observer"];
    match topology {
        "ha" => Ok(known.map(String::from).to_vec()),
        _ => Err(vec!["ha".into(), "single".into()]),
    }
}

fn check(replace: &str, with: &str, expected: &str) {
    assert!(GOOD.contains(replace), "nothing to replace: {replace}");
    let text = GOOD.replacen(replace, with, 1);
    let error = parse("x.toml", &text, members).expect_err(with).to_string();
    assert!(error.contains(expected), "{error:?} lacks {expected:?}");
}

#[test]
fn a_good_file_parses() {
    let drill = parse("x.toml", GOOD, members).unwrap();
    assert_eq!(drill.episodes.len(), 2);
    assert_eq!(
        drill.episodes[1].target,
        Target::Role(Role::PostgresPrimary.into())
    );
    assert_eq!(drill.contract.classes.len(), 5);
}

#[test]
fn a_typo_in_a_key_names_line_and_allowed_keys() {
    check(
        "settle =",
        "setle =",
        "x.toml:16: unknown field `setle`, expected one of `warm_up`, `settle`",
    );
}

#[test]
fn a_typo_in_a_fault_names_the_allowed_faults() {
    check(
        "fault.kill = {}",
        "fault.kil = {}",
        "expected one of `kill`, `stop`, `restart`, `recreate`",
    );
    check(
        "fault.kill = {}",
        "fault.kill = { singal = \"TERM\" }",
        "x.toml:27: unexpected keys in table: singal, available keys: signal",
    );
}

#[test]
fn an_unknown_component_or_role_names_the_allowed_ones() {
    check(
        "component = \"api\"",
        "component = \"apii\"",
        "x.toml:26: unknown variant `apii`, expected one of `api`, `ws`",
    );
    check(
        "\"postgres-primary\"",
        "\"primary\"",
        "expected one of `postgres-primary`",
    );
}

#[test]
fn a_target_that_the_topology_lacks_is_refused() {
    check(
        "any = { component = \"api\" }",
        "any = { component = \"redis\" }",
        "x.toml:26: topology \"ha\" has 0 of redis",
    );
    check(
        "any = { component = \"api\" }",
        "container = \"api-9\"",
        "no container \"api-9\" in topology \"ha\"; there are: api-1, api-2",
    );
    check(
        "any = { component = \"api\" }",
        "container = \"observer\"",
        "never a target",
    );
    check(
        "\"postgres-primary\"",
        "\"redis-master\"",
        "has no redis to be redis-master",
    );
}

#[test]
fn every_target_is_checked_at_its_line() {
    let any = "any = { component = \"api\" }";
    check(
        any,
        "any = { component = \"api\", percent = 0 }",
        "x.toml:26: percent 0 is not above 0 and at most 100",
    );
    check(
        any,
        "any = { component = \"api\", count = 3 }",
        "x.toml:26: topology \"ha\" has 2 of api, fewer than count 3",
    );
    check(
        any,
        "minority = { component = \"api\" }",
        "x.toml:26: topology \"ha\" has 2 of api, and a minority takes at least 3",
    );
    check(
        any,
        "containers = [\"api-1\", \"api-3\"]",
        "x.toml:26: no container \"api-3\"",
    );
    check(
        any,
        "all = { component = \"ws\" }",
        "x.toml:26: topology \"ha\" has 0 of ws; there are: api, postgres",
    );
    check(
        "\"postgres-primary\"",
        "{ name = \"postgres-replica\", at = \"start\" }",
        "x.toml:32: topology \"ha\" has 1 of postgres, fewer than the 2",
    );
    check(
        "\"postgres-primary\"",
        "{ name = \"postgres-primary\", at = \"begin\" }",
        "x.toml:32: unknown variant `begin`, expected `now` or `start`",
    );
    check(any, "zone = \"a\"", "x.toml:26: no zone \"a\"");
    let label = "label = { name = \"tier\", value = \"front\" }";
    check(
        any,
        label,
        "x.toml:26: nobody in topology \"ha\" has a label",
    );
}

/// Like [`members`], with zones and labels.
fn placed(topology: &str) -> Result<Vec<Candidate>, Vec<String>> {
    let placed = |name: String| Candidate {
        zone: (name != "observer").then(|| name[name.len() - 1..].to_owned()),
        labels: [("gameday.price".to_owned(), "server".to_owned())].into(),
        ..Candidate::named(name)
    };
    Ok(members(topology)?.into_iter().map(placed).collect())
}

#[test]
fn zones_and_labels_are_those_of_the_topology() {
    let target = |target: &str| {
        let text = GOOD.replacen("any = { component = \"api\" }", target, 1);
        let drill = parse_for("x.toml", &text, placed);
        drill.map(|drill| drill.episodes[0].target.clone())
    };
    assert_eq!(target("zone = \"2\""), Ok(Target::Zone("2".into())));
    let error = target("zone = \"b\"").unwrap_err().to_string();
    assert_eq!(
        error,
        "x.toml:26: no zone \"b\" in topology \"ha\"; there are: 1, 2"
    );
    let label = target("label = { name = \"gameday.price\", value = \"server\" }").unwrap();
    let Target::Label(label) = label else {
        panic!("{label} is no label");
    };
    assert_eq!(label.members, ["api-1", "api-2", "postgres-1"]);
    let error = target("label = { name = \"gameday.price\", value = \"gold\" }").unwrap_err();
    assert!(error.message.ends_with("its values are: server"), "{error}");
}

#[test]
fn a_negative_duration_is_refused_with_its_line() {
    check("hold = \"12s\"", "hold = \"-12s\"", "x.toml:28: ");
}

#[test]
fn an_unknown_topology_names_those_that_exist() {
    check(
        "topology = \"ha\"",
        "topology = \"hha\"",
        "x.toml:5: no topology \"hha\"; there are: ha, single",
    );
}

#[test]
fn bad_numbers_are_refused_with_their_place() {
    check(
        "99.99",
        "100.0",
        "availability_percent 100 is not above 0 and below 100",
    );
    check(
        "speed = 288.0",
        "speed = 0.0",
        "speed 0 is not within 1 to 100000",
    );
    check(
        "name = \"primary\"",
        "name = \"server\"",
        "x.toml:31: a second episode is named \"server\"",
    );
}

#[test]
fn an_episode_beyond_the_blast_radius_is_refused_at_its_line() {
    let all = "target.all = { component = \"api\" }";
    let wide = GOOD.replacen("target.any = { component = \"api\" }", all, 1);
    let guarded = wide.replacen(
        "[contract]",
        "[guard]\nblast_radius = { api = 1 }\n\n[contract]",
        1,
    );
    let error = parse("x.toml", &guarded, members).unwrap_err().to_string();
    assert!(
        error.starts_with("x.toml:29: target hits 2 of api at once"),
        "{error}"
    );
    assert!(parse("x.toml", &wide, members).unwrap().guard.is_open());
    let loose = guarded.replacen("api = 1", "api = 2", 1);
    assert!(!parse("x.toml", &loose, members).unwrap().guard.is_open());
}

#[test]
fn a_guard_that_guards_nothing_is_refused_at_its_line() {
    check(
        "[contract]",
        "[guard]\nstop_at_budget_percent = -1.0\n\n[contract]",
        "guard: stop_at_budget_percent -1 is not above 0",
    );
    check(
        "[contract]",
        "[guard]\nblast = 1\n\n[contract]",
        "unknown field `blast`",
    );
}

#[test]
fn a_fault_of_the_load_comes_through_the_entrance_and_lasts() {
    let server = "target.any = { component = \"api\" }\nfault.kill = {}\nhold = \"12s\"";
    let surged = |component: &str, hold: &str| {
        let surge = format!(
            "target.all = {{ component = \"{component}\" }}\nfault.surge = {{ users = 900 }}\nhold = \"{hold}\""
        );
        let names = ["api-1", "postgres-1", "haproxy-1"].map(String::from);
        parse("x.toml", &GOOD.replacen(server, &surge, 1), |_| {
            Ok(names.to_vec())
        })
    };
    let refused = |component: &str, hold: &str, expected: &str| {
        let error = surged(component, hold).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused("api", "12s", "surge: is for haproxy");
    refused(
        "haproxy",
        "1s",
        "x.toml:27: fault surge 900 users: a hold of 1s",
    );
    assert_eq!(surged("haproxy", "12s").unwrap().most_users(), 1450 + 900);
    assert_eq!(parse("x.toml", GOOD, members).unwrap().most_users(), 1450);
}

#[test]
fn a_second_strike_is_checked_like_the_first() {
    let then = |after: &str, rest: &str| {
        format!("hold = \"25s\"\nthen = {{ after = \"{after}\", {rest} }}")
    };
    let successor = "target.role = \"postgres-primary\", fault.kill = {}";
    let twice = GOOD.replacen(r#"hold = "25s""#, &then("24s", successor), 1);
    let drill = parse("x.toml", &twice, members).unwrap();
    let second = drill.episodes[1].then.as_ref().unwrap();
    assert_eq!(second.after, Duration::from_secs(24));
    assert_eq!(second.target, drill.episodes[1].target);
    assert_eq!(
        parse("x.toml", &drill.text(), members).unwrap().episodes,
        drill.episodes
    );
    for (after, rest, expected) in [
        (
            "25s",
            successor,
            "x.toml:35: then after 25s is not within hold 25s",
        ),
        (
            "1s",
            "target.container = \"api-9\", fault.kill = {}",
            "x.toml:35: then no container",
        ),
        (
            "1s",
            "target.container = \"api-1\", fault.surge = { users = 9 }",
            "x.toml:35: then fault surge: is for haproxy",
        ),
        (
            "1s",
            "target.container = \"api-1\", fault.flush-cache = {}",
            "then fault flush-cache",
        ),
    ] {
        check(r#"hold = "25s""#, &then(after, rest), expected);
    }
}

#[test]
fn an_episode_that_is_repeated_is_several() {
    let text = GOOD.replacen(r#"hold = "12s""#, "hold = \"12s\"\nrepeat = 3", 1);
    let drill = parse("x.toml", &text, members).unwrap();
    let names: Vec<_> = drill.episodes.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["server-1", "server-2", "server-3", "primary"]);
    check(
        r#"hold = "12s""#,
        "hold = \"12s\"\nrepeat = 0",
        "x.toml:29: repeat 0 is not within 1 to 1000",
    );
}

#[test]
fn one_by_one_is_an_episode_for_each_member() {
    let all = "target.all = { component = \"api\" }\none_by_one = true";
    let text = GOOD.replacen(r#"target.any = { component = "api" }"#, all, 1);
    let drill = parse("x.toml", &text, members).unwrap();
    let names: Vec<_> = drill.episodes.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["server-api-1", "server-api-2", "primary"]);
    assert_eq!(drill.episodes[1].target, Target::Container("api-2".into()));
    let guarded = text.replacen(
        "[contract]",
        "[guard]\nblast_radius = { api = 1 }\n\n[contract]",
        1,
    );
    assert!(parse("x.toml", &guarded, members).is_ok());
    check(
        r#"target.role = "postgres-primary""#,
        "target.role = \"postgres-primary\"\none_by_one = true",
        "x.toml:32: one_by_one takes members that are known before",
    );
    let twice = text.replacen(r#"name = "primary""#, r#"name = "server-api-2""#, 1);
    let error = parse("x.toml", &twice, members).unwrap_err().to_string();
    assert!(error.contains("a second episode is named"), "{error}");
}

#[test]
fn a_load_that_ends_before_the_last_fault_is_over_is_refused() {
    // 100 users for 60 s, a kill of 20 s after 58 s.
    let text = GOOD.replace("speed = 288.0", "speed = 2880.0");
    let text = text.replace("warm_up = \"10s\"", "warm_up = \"58s\"");
    let error = parse("x.toml", &text, members).unwrap_err().to_string();
    assert!(
        error.starts_with("x.toml:25: the load ends after 60s"),
        "{error}"
    );
    assert!(error.contains("traffic.span"), "{error}");
}

#[test]
fn holds_and_paces_that_nobody_means_are_refused() {
    check("hold = \"12s\"", "hold = \"0s\"", "x.toml:25: hold is zero");
    check("hold = \"12s\"", "hold = \"200years\"", "up to 24h");
    check(
        "settle = \"3s\"",
        "settle = \"25h\"",
        "settle is longer than 24h",
    );
}

#[test]
fn control_characters_are_refused() {
    check(
        "Kill one server.",
        "Kill\\u001b[2J.",
        "x.toml:3: about has the control character",
    );
    check(
        "name = \"first\"",
        "name = \"fi\\nrst\"",
        "x.toml:2: name has",
    );
    check(
        "One server less",
        "One\\u0007server less",
        "x.toml:4: lesson has",
    );
}
