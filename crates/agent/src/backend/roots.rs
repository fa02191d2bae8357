//! The queueing discipline at the root of each device: whose it is, and taking ours back.
//!
//! Ours is recognised by its handle, and put only where nothing but the kernel's default stands.

use crate::command;

/// The handle of our root ("GD").
pub(super) const HANDLE: &str = "4744:";
/// What the kernel puts there itself, and what Docker leaves as it is.
const DEFAULTS: [&str; 4] = ["noqueue", "pfifo_fast", "fq_codel", "mq"];

/// Every device but the loopback.
///
/// # Errors
/// When one has a queueing discipline that the kernel did not put there, with its name.
pub(super) fn free() -> Result<Vec<String>, String> {
    let roots = roots(&command::run("tc", &["qdisc", "show"])?);
    match roots
        .iter()
        .find(|(_, kind)| !DEFAULTS.contains(&kind.as_str()))
    {
        Some((device, kind)) => Err(format!(
            "{device} has a queueing discipline of somebody else, {kind}"
        )),
        None => Ok(roots.into_iter().map(|(device, _)| device).collect()),
    }
}

/// Removes roots with our handle, and names their devices.
///
/// # Errors
/// When the kernel does not let go of one.
pub(crate) fn sweep() -> Result<Vec<String>, String> {
    let listed = command::run("tc", &["qdisc", "show"])?;
    let mut swept = Vec::new();
    for device in ours(&listed) {
        command::run(
            "tc",
            &["qdisc", "del", "dev", &device, "root", "handle", HANDLE],
        )?;
        swept.push(device);
    }
    Ok(swept)
}

/// Each device but the loopback with the kind of its root: `qdisc noqueue 0: dev eth0 root refcnt 2`.
fn roots(listed: &str) -> Vec<(String, String)> {
    let rooted = listed.lines().filter(|line| line.contains(" root "));
    let words = rooted.map(|line| line.split(' ').collect::<Vec<_>>());
    words
        .filter(|words| words.len() > 4 && words[4] != "lo")
        .map(|words| (words[4].to_owned(), words[1].to_owned()))
        .collect()
}

fn ours(listed: &str) -> Vec<String> {
    let lines = listed.lines().filter(|line| line.contains(" root "));
    let words = lines.map(|line| line.split(' ').collect::<Vec<_>>());
    let ours = words.filter(|words| words.len() > 4 && words[2] == HANDLE);
    ours.map(|words| words[4].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_root_is_seen_and_never_taken_for_ours() {
        let listed = "qdisc noqueue 0: dev lo root refcnt 2\nqdisc tbf 8001: dev eth0 root refcnt 2 rate 1Mbit\n\
            qdisc netem 4744: dev eth1 root refcnt 2 limit 1000 delay 50ms\nqdisc netem 4745: dev eth2 parent 4744:3 limit 9\n\
            qdisc pfifo 4744: dev eth3 root refcnt 2 limit 0p\n";
        assert_eq!(
            roots(listed),
            [
                ("eth0".into(), "tbf".into()),
                ("eth1".into(), "netem".into()),
                ("eth3".into(), "pfifo".into())
            ]
        );
        assert_eq!(ours(listed), ["eth1", "eth3"]);
    }
}
