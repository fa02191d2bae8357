//! Less processor, less memory, one network less, by the engine.

use drill::Fault;
use engine::{Endpoint, EngineError, Limits, Member};

use super::Before;
use crate::{ChaosError, Engine, undo::UndoAction};

/// Billionths of a core in a core.
const NANO: f64 = 1e9;
/// A member may seem to have so much more than its share: a burst that was saved up, and the clock's grain.
const SPIN_SLACK_CORES: f64 = 0.1;
/// Spins for a second and says how much processor time that took, in seconds.
const SPIN: &str = "TIMEFORMAT=%U; time timeout 1 bash -c 'while :; do :; done'";
/// Says the memory limit in bytes, under either generation of control groups.
const MEMORY: &str = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -1";

/// Gives less of a resource than the member has.
pub(super) async fn squeeze<E: Engine>(
    engine: &E,
    fault: &Fault,
    member: &Member,
    before: &Before,
) -> Result<(), EngineError> {
    let UndoAction::Limit(limits) = before.undo else {
        return Ok(());
    };
    engine
        .limit(&member.id, squeezed_limits(fault, limits))
        .await
}

fn squeezed_limits(fault: &Fault, before: Limits) -> Limits {
    match fault {
        Fault::Cpu { cores } => Limits {
            nano_cpus: (cores * NANO) as i64,
            ..before
        },
        Fault::Memory { at_most_mib } => {
            let bytes = i64::try_from(*at_most_mib << 20).unwrap_or(i64::MAX);
            Limits {
                memory_bytes: bytes,
                memory_and_swap_bytes: bytes,
                ..before
            }
        }
        _ => before,
    }
}

/// Asks the member itself what it gets.
pub(super) async fn squeezed<E: Engine>(
    engine: &E,
    fault: &Fault,
    member: &Member,
) -> Result<String, String> {
    match fault {
        Fault::Cpu { cores } => {
            let spun = ask(engine, member, SPIN).await?;
            let got: f64 = last_number(&spun).ok_or_else(|| format!("not understood: {spun}"))?;
            let words = format!("given {got:.2} of a core when it asked for one");
            within(got <= cores + SPIN_SLACK_CORES, words)
        }
        Fault::Memory { at_most_mib } => {
            let said = ask(engine, member, MEMORY).await?;
            let bytes: u64 = said
                .parse()
                .map_err(|_| format!("without a limit: {said}"))?;
            let words = format!("limited to {} MiB", bytes >> 20);
            within(bytes <= at_most_mib << 20, words)
        }
        other => Err(format!("not squeezed by a {other}")),
    }
}

fn within(as_wanted: bool, words: String) -> Result<String, String> {
    if as_wanted { Ok(words) } else { Err(words) }
}

fn last_number(text: &str) -> Option<f64> {
    text.split_whitespace()
        .rev()
        .find_map(|word| word.parse().ok())
}

async fn ask<E: Engine>(engine: &E, member: &Member, script: &str) -> Result<String, String> {
    let command = ["bash", "-c", script].map(str::to_owned);
    let ran = engine.exec(&member.id, &command).await;
    Ok(ran.map_err(|error| format!("unknown: {error}"))?.output)
}

/// The member's connection to a network of its project.
pub(super) async fn endpoint<E: Engine>(
    engine: &E,
    member: &Member,
    network: &str,
) -> Result<Endpoint, ChaosError> {
    let wanted = format!("{}_{network}", member.project);
    let endpoints = engine.endpoints(&member.id).await?;
    let found = endpoints
        .into_iter()
        .find(|endpoint| endpoint.network == wanted);
    found.ok_or_else(|| ChaosError::Unfit {
        member: member.service.clone(),
        reason: format!("it is not on network {network}"),
    })
}

pub(super) async fn cut<E: Engine>(
    engine: &E,
    member: &Member,
    before: &Before,
) -> Result<(), EngineError> {
    let UndoAction::Connect(endpoint) = &before.undo else {
        return Ok(());
    };
    engine.disconnect(&member.id, &endpoint.network).await
}

pub(super) async fn is_cut<E: Engine>(
    engine: &E,
    member: &Member,
    network: &str,
) -> Result<String, String> {
    let endpoints = engine.endpoints(&member.id).await;
    let endpoints = endpoints.map_err(|error| format!("unknown: {error}"))?;
    let full = format!("{}_{network}", member.project);
    match endpoints.iter().any(|endpoint| endpoint.network == full) {
        true => Err(format!("still on network {network}")),
        false => Ok(format!("off network {network}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Limits = Limits {
        nano_cpus: 1_000_000_000,
        memory_bytes: 256 << 20,
        memory_and_swap_bytes: 512 << 20,
    };

    #[test]
    fn a_squeeze_changes_its_own_resource_and_no_other() {
        let cpu = squeezed_limits(&Fault::Cpu { cores: 0.05 }, BEFORE);
        assert_eq!((cpu.nano_cpus, cpu.memory_bytes), (50_000_000, 256 << 20));
        let memory = squeezed_limits(&Fault::Memory { at_most_mib: 64 }, BEFORE);
        assert_eq!(memory.nano_cpus, BEFORE.nano_cpus);
        assert_eq!(memory.memory_bytes, 64 << 20);
        assert_eq!(memory.memory_and_swap_bytes, 64 << 20);
    }

    #[test]
    fn the_shells_words_are_read() {
        assert_eq!(last_number("Terminated\n0.052"), Some(0.052));
        assert_eq!(last_number("no number"), None);
    }
}
