//! Death, standstill and new life, by the engine.

use drill::{Fault, Signal};
use engine::{EngineError, Life, Member, State};

use crate::Engine;

/// Exit code of a process that a KILL ended: 128 and the signal's number.
const KILLED: i64 = 137;

pub(super) async fn strike<E: Engine>(
    engine: &E,
    fault: &Fault,
    member: &Member,
) -> Result<(), EngineError> {
    match fault {
        Fault::Kill { signal } => engine.kill(&member.id, signal.name()).await,
        Fault::Stop { grace } => engine.stop(&member.id, *grace).await,
        Fault::Restart {} => engine.restart(&member.id).await,
        Fault::Pause {} => engine.pause(&member.id).await,
        // The caller has no other for this family.
        _ => Ok(()),
    }
}

/// What the fault did to a member, in words, or what is seen instead.
pub(super) fn effect(fault: &Fault, before: &Life, now: &Life) -> Result<String, String> {
    let started_again =
        now.state == State::Running && now.started_at_unix_ns > before.started_at_unix_ns;
    match fault {
        Fault::Kill { signal } => match now.state {
            State::Stopped { exit_code, .. } if *signal == Signal::Kill && exit_code != KILLED => {
                Err(format!("{}, not the {KILLED} of a kill", now.state))
            }
            State::Stopped { .. } => Ok(now.state.to_string()),
            _ if started_again => Ok("killed, and started again by its restart policy".to_owned()),
            _ => Err(format!("{} after signal {}", now.state, signal.name())),
        },
        Fault::Stop { .. } => match now.state {
            State::Stopped { .. } => Ok(now.state.to_string()),
            _ => Err(now.state.to_string()),
        },
        Fault::Restart {} if started_again => {
            let after = now.started_at_unix_ns - before.started_at_unix_ns;
            Ok(format!(
                "restarted {:.1} s into its life",
                after as f64 / 1e9
            ))
        }
        Fault::Restart {} => Err(format!("{}, not started again", now.state)),
        Fault::Pause {} => match now.state {
            State::Paused => Ok(now.state.to_string()),
            _ => Err(now.state.to_string()),
        },
        other => Err(format!("not told by its life whether it suffers a {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Life = Life {
        state: State::Running,
        started_at_unix_ns: 1_000_000_000,
    };

    fn stopped(exit_code: i64) -> State {
        State::Stopped {
            exit_code,
            oom_killed: false,
        }
    }

    fn seen(fault: &Fault, state: State, started_at_unix_ns: u64) -> Result<String, String> {
        let now = Life {
            state,
            started_at_unix_ns,
        };
        effect(fault, &BEFORE, &now)
    }

    #[test]
    fn a_kill_leaves_its_exit_code_or_a_new_start() {
        let kill = Fault::Kill {
            signal: Signal::Kill,
        };
        assert!(seen(&kill, stopped(137), 1_000_000_000).is_ok());
        assert!(seen(&kill, State::Running, 2_000_000_000).is_ok());
        assert!(seen(&kill, State::Running, 1_000_000_000).is_err());
        let error = seen(&kill, stopped(1), 1_000_000_000).unwrap_err();
        assert!(error.contains("exit code 1, not the 137"), "{error}");
    }

    #[test]
    fn a_polite_signal_may_end_with_any_code_and_may_be_ignored() {
        let term = Fault::Kill {
            signal: Signal::Term,
        };
        assert!(seen(&term, stopped(0), 1_000_000_000).is_ok());
        let error = seen(&term, State::Running, 1_000_000_000).unwrap_err();
        assert_eq!(error, "running after signal TERM");
    }

    #[test]
    fn only_a_later_start_is_a_restart() {
        let seen = |state, at| seen(&Fault::Restart {}, state, at);
        assert_eq!(
            seen(State::Running, 3_500_000_000).unwrap(),
            "restarted 2.5 s into its life"
        );
        assert!(seen(State::Running, 1_000_000_000).is_err());
        assert!(seen(stopped(137), 1_000_000_000).is_err());
    }

    #[test]
    fn pause_and_stop_are_seen_as_such_and_a_missing_container_proves_nothing() {
        assert!(seen(&Fault::Pause {}, State::Paused, 1_000_000_000).is_ok());
        assert!(seen(&Fault::Pause {}, State::Running, 1_000_000_000).is_err());
        let stop = Fault::Stop {
            grace: std::time::Duration::ZERO,
        };
        assert!(seen(&stop, stopped(0), 1_000_000_000).is_ok());
        assert!(seen(&stop, State::Missing, 0).is_err());
    }
}
