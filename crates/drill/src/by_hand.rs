//! One fault on one target, as somebody types it.

use crate::{Candidate, Component, Fault, Role, Target, file::misfit, target::Offer};

/// Reads a fault and a target. A fault is a line of a drill file without its `fault.`, or only a name: `pause`,
/// `cpu = { cores = 0.05 }`. A target is a line without its `target.`, or the name of a member or a component.
///
/// # Errors
/// What is wrong, with the allowed values where they are few.
pub fn by_hand(
    fault: &str,
    target: &str,
    topology: &str,
    candidates: &[Candidate],
) -> Result<(Fault, Target), String> {
    let fault: Fault = read("fault", &line(fault))?;
    let offer = Offer {
        topology,
        candidates,
    };
    let target = named(target, candidates)?.checked(offer)?;
    if let Some(role) = target.role() {
        return Err(no_roles(role.name()));
    }
    if let Some(mistake) = fault.mistake().or_else(|| misfit(&fault, &target)) {
        return Err(format!("fault {mistake}"));
    }
    if fault.pressure().is_some() {
        return Err(format!(
            "fault {}: comes with the load of a drill, and by hand there is none; put it into an episode and \
             run the drill",
            fault.name()
        ));
    }
    Ok((fault, target))
}

fn no_roles(role: &str) -> String {
    format!(
        "target {role}: roles are looked up within a run; name the member, see `gameday status`"
    )
}

/// A bare name has no values.
fn line(text: &str) -> String {
    match text.contains('=') {
        true => text.to_owned(),
        false => format!("{} = {{}}", text.trim()),
    }
}

fn named(text: &str, candidates: &[Candidate]) -> Result<Target, String> {
    let name = text.trim();
    if text.contains('=') {
        return read("target", text);
    }
    if Role::from_name(name).is_some() {
        return Err(no_roles(name));
    }
    let is_member = candidates.iter().any(|candidate| candidate.name == name);
    match Component::from_name(name).filter(|_| !is_member) {
        Some(component) => read("target", &format!("any = {{ component = '{component}' }}")),
        None => Ok(Target::Container(name.to_owned())),
    }
}

fn read<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, String> {
    let read = toml::from_str(text);
    read.map_err(|error| format!("{what} {text:?}: {}", error.message().replace('\n', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(fault: &str, target: &str) -> Result<(Fault, Target), String> {
        let candidates =
            ["api-1", "api-2", "redis-1", "haproxy-1"].map(|name| Candidate::named(name.into()));
        by_hand(fault, target, "ha", &candidates)
    }

    #[test]
    fn names_and_lines_are_read() {
        let (fault, target) = typed("pause", "api-1").unwrap();
        assert_eq!(
            (fault.name(), target.to_string()),
            ("pause", "api-1".into())
        );
        let (fault, _) = typed("cpu = { cores = 0.1 }", "api").unwrap();
        assert_eq!(fault, Fault::Cpu { cores: 0.1 });
        assert!(typed("kill", "any = { component = 'api', count = 2 }").is_ok());
    }

    #[test]
    fn mistakes_are_named() {
        for (fault, target, expected) in [
            ("melt", "api-1", "melt"),
            ("cpu", "api-1", "cores"),
            ("pause", "api-9", "api-9"),
            ("pause", "redis-master", "within a run"),
            ("pause", "role = 'redis-master'", "within a run"),
            ("flush-cache", "api-1", "is for redis"),
            ("cpu = { cores = 100.0 }", "api-1", "0.01 to 64"),
            ("surge = { users = 9 }", "haproxy-1", "load of a drill"),
            ("surge = { users = 9 }", "api-1", "is for haproxy"),
        ] {
            let error = typed(fault, target).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
