//! The mechanisms behind one trait, and which of them is taken.

mod chains;
mod mute;
mod netem;
mod netem_args;
mod nfqueue;
mod proof;
mod queue;
mod reset;
mod roots;
mod rules;
mod share;
mod spoil;
mod waiting;

use std::io;

use crate::{
    BackendName, Effect, Ended, Event, Fault, Figures, NetworkFault, Order, lifetime::Lease,
    process,
};

pub(crate) use self::{chains::sweep as sweep_chains, queue::Queue, roots::sweep as sweep_roots};

/// A mechanism that holds one fault. Applied, held until the lease is over, healed; healed as well when applying
/// failed halfway, and fine with having nothing to heal.
pub(crate) trait Backend {
    /// Puts the fault on and says how.
    ///
    /// # Errors
    /// Why it can't be done here, in words.
    fn apply(&mut self) -> Result<String, String>;

    /// Keeps the fault up until the lease is over.
    ///
    /// # Errors
    /// When the fault can't be kept up.
    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended>;

    /// Takes the fault off.
    ///
    /// # Errors
    /// When something of it may be left.
    fn heal(&mut self) -> Result<(), String>;

    /// What was counted.
    fn figures(&self) -> Figures {
        Figures::default()
    }

    /// Whether the kernel takes the fault back when the agent is killed.
    fn fail_open(&self) -> bool {
        true
    }
}

/// How a backend tells what it measures.
pub(crate) type Say = fn(&Event);

/// A backend with the fault on.
pub struct Chosen {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) applied: Event,
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.applied.fmt(f)
    }
}

/// Applies the order with the mechanism that it names, or with the first that can do it here.
///
/// # Errors
/// Why none can, in words.
pub(crate) fn apply(order: &Order) -> Result<Chosen, String> {
    let fault = match &order.fault {
        Fault::Process(fault) => return tried(None, process::backend(fault)),
        Fault::Network(fault) => fault,
    };
    if fault.effect == (Effect::Reset {}) {
        return tried(None, Box::new(reset::Reset::new(fault)));
    }
    let names = match fault.backend {
        Some(name) => vec![name],
        None => vec![BackendName::Netem, BackendName::Nfqueue, BackendName::Rules],
    };
    let mut reasons = Vec::new();
    for name in names {
        let done = able(name, fault).and_then(|()| tried(Some(name), named(name, order, fault)));
        match done {
            Ok(chosen) => return Ok(chosen),
            Err(reason) => reasons.push(format!("{}: {reason}", word(name))),
        }
    }
    Err(reasons.join("; "))
}

fn tried(name: Option<BackendName>, mut backend: Box<dyn Backend>) -> Result<Chosen, String> {
    match backend.apply() {
        Ok(how) => {
            let fail_open = backend.fail_open();
            let applied = Event::Applied {
                how,
                backend: name,
                fail_open,
            };
            Ok(Chosen { backend, applied })
        }
        Err(reason) => match backend.heal() {
            Ok(()) => Err(reason),
            Err(left) => Err(format!("{reason}; and could not undo it: {left}")),
        },
    }
}

fn named(name: BackendName, order: &Order, fault: &NetworkFault) -> Box<dyn Backend> {
    let backend: Box<dyn Backend> = match name {
        // Drops every frame by itself, but only outward.
        BackendName::Netem => return Box::new(netem::Netem::new(fault)),
        BackendName::Nfqueue => Box::new(nfqueue::Nfqueue::new(order, fault)),
        BackendName::Rules => Box::new(rules::Rules::new(order, fault)),
    };
    match mute::silences(fault) {
        true => Box::new(mute::Mute::new(backend)),
        false => backend,
    }
}

/// Whether a mechanism has the effect at all, on any kernel.
fn able(name: BackendName, fault: &NetworkFault) -> Result<(), String> {
    let no = |why: &str| Err(format!("no {}: {why}", fault.effect.name()));
    match (name, &fault.effect) {
        (BackendName::Nfqueue, _) => Ok(()),
        (BackendName::Netem, Effect::Reject {} | Effect::Dns { .. }) => no("it sends no answers"),
        (BackendName::Netem, Effect::Corrupt { mend: true, .. }) => no("it mends no checksum"),
        (BackendName::Netem, _) if fault.direction.inward() => {
            no("it acts on what leaves the target, and the order is about what arrives")
        }
        (BackendName::Rules, Effect::Loss { burst: Some(_), .. }) => no("rules remember no state"),
        (BackendName::Netem, _)
        | (BackendName::Rules, Effect::Loss { .. } | Effect::Partition {} | Effect::Reject {}) => {
            Ok(())
        }
        (BackendName::Rules, _) => no("rules do loss, partition and reject only"),
    }
}

fn word(name: BackendName) -> &'static str {
    match name {
        BackendName::Netem => "netem",
        BackendName::Nfqueue => "nfqueue",
        BackendName::Rules => "rules",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mechanism_can_not_do_it_says() {
        let fault = |effect: &str, direction: &str| {
            let line = format!(r#"{{"effect":{{{effect}}},"direction":"{direction}"}}"#);
            serde_json::from_str::<NetworkFault>(&line).unwrap()
        };
        let partition = fault(r#""partition":{}"#, "in");
        assert_eq!(able(BackendName::Rules, &partition), Ok(()));
        assert!(
            able(BackendName::Netem, &partition)
                .unwrap_err()
                .contains("arrives")
        );
        let delay = fault(r#""delay":{"latency":"1ms"}"#, "out");
        assert_eq!(able(BackendName::Netem, &delay), Ok(()));
        assert!(
            able(BackendName::Rules, &delay)
                .unwrap_err()
                .starts_with("no delay")
        );
        let burst = fault(r#""loss":{"percent":1,"burst":3}"#, "out");
        assert!(
            able(BackendName::Rules, &burst)
                .unwrap_err()
                .contains("state")
        );
    }
}
