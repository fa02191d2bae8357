//! An agent that holds a fault in a member's namespaces, and the connection that it lives by.

use std::time::Duration;

use engine::{EngineError, Helper, HelperSpec};
use lease::{Event, Figures, Order};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    ChaosError, Engine,
    undo::{Step, UndoAction},
};

/// How long an agent may take until its fault is on: a container starts within a second on a busy engine, and looks before
/// it changes anything.
const APPLY: Duration = Duration::from_secs(15);
/// How long it may take to show what its fault does: packets are counted for two seconds, or up to seven until one is hit.
const MEASURE: Duration = Duration::from_secs(8);
/// How long it may take to heal and to compare.
const RELEASE: Duration = Duration::from_secs(10);
/// Events that may wait; an agent says fewer in its life.
const BACKLOG: usize = 64;
/// Too little effect is less than this share of what was asked for.
const ENOUGH: f64 = 0.8;
/// A file system gives space in blocks: what is left may be so much more.
const BLOCK_BYTES: f64 = 65_536.0;

/// An agent whose fault is on. Dropped, it lets go.
#[derive(Debug)]
pub(crate) struct Agent {
    events: mpsc::Receiver<Event>,
    release: CancellationToken,
    how: String,
}

impl Agent {
    /// Starts an agent and waits until its fault is on.
    ///
    /// # Errors
    /// When the engine or the agent refuses; nothing is in force then.
    pub(crate) async fn start<E: Engine>(
        engine: &E,
        spec: &HelperSpec,
        order: &Order,
        undo: UndoAction,
        member: &engine::Member,
    ) -> Result<Self, ChaosError> {
        let unfit = |reason: String| ChaosError::Unfit {
            member: member.service.clone(),
            reason,
        };
        let mut helper = engine.start_helper(spec).await?;
        let line = serde_json::to_string(order).map_err(|error| unfit(error.to_string()))?;
        helper.say(&line).await?;
        let (tell, events) = mpsc::channel(BACKLOG);
        let release = CancellationToken::new();
        let (engine, member) = (engine.clone(), member.clone());
        let told = release.clone();
        // It owns the connection and outlives this value: it must hear the end, and sweep if need be.
        tokio::spawn(async move {
            if !keep(helper, &tell, &told).await {
                sweep(&engine, &undo, &member).await;
            }
        });
        let mut agent = Self {
            events,
            release,
            how: String::new(),
        };
        let deadline = Instant::now() + APPLY;
        match agent.next(deadline).await {
            Some(Event::Applied { how, .. }) => agent.how = how,
            Some(Event::Refused { reason }) => return Err(unfit(reason)),
            other => {
                return Err(unfit(format!(
                    "the agent did not apply the fault: {other:?}"
                )));
            }
        }
        Ok(agent)
    }

    /// What the fault does, measured by the agent.
    ///
    /// # Errors
    /// What is seen instead.
    pub(crate) async fn effect(&mut self) -> Result<String, String> {
        match self.next(Instant::now() + MEASURE).await {
            Some(Event::Measured {
                what,
                expected,
                seen,
                unit,
            }) => {
                let asked =
                    expected.map_or(String::new(), |asked| format!(", {asked:.1} asked for"));
                let words = format!(
                    "held by an agent ({}): {what}: {seen:.1} {unit}{asked}",
                    self.how
                );
                if is_enough(&what, expected, seen) {
                    Ok(words)
                } else {
                    Err(words)
                }
            }
            Some(other) => Err(format!("not measured: the agent said {other:?}")),
            None => Err("not measured: the agent said nothing".into()),
        }
    }

    /// Ends the fault, and compares the member's state with what it was.
    ///
    /// # Errors
    /// What is left of the fault.
    pub(crate) async fn release(mut self) -> Result<Figures, String> {
        self.release.cancel();
        let deadline = Instant::now() + RELEASE;
        while let Some(event) = self.next(deadline).await {
            if let Event::Healed {
                digest_before,
                digest_after,
                differences,
                figures,
                ..
            } = event
            {
                return match digest_before == digest_after {
                    true => Ok(figures),
                    false => Err(format!("left: {}", differences.join("; "))),
                };
            }
        }
        Err("the agent ended without a word".into())
    }

    async fn next(&mut self, deadline: Instant) -> Option<Event> {
        timeout_at(deadline, self.events.recv())
            .await
            .ok()
            .flatten()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.release.cancel();
    }
}

/// Hands on what the agent says until it ends; whether it ended as it should.
async fn keep(mut helper: Helper, tell: &mpsc::Sender<Event>, release: &CancellationToken) -> bool {
    let mut in_order = false;
    loop {
        tokio::select! {
            line = helper.hear() => match line {
                Ok(Some(line)) => match serde_json::from_str::<Event>(&line) {
                    Ok(event) => {
                        in_order = ends_in_order(&event);
                        // Nobody listens any more: the end is still waited for.
                        let _ = tell.try_send(event);
                    }
                    Err(_) => tracing::warn!(agent = helper.name, "{line}"),
                },
                Ok(None) | Err(_) => return in_order,
            },
            () = release.cancelled() => {
                let _ = helper.let_go().await;
                return rest(helper, tell, in_order).await;
            }
        }
    }
}

/// The agent's last words after it was let go.
async fn rest(mut helper: Helper, tell: &mpsc::Sender<Event>, mut in_order: bool) -> bool {
    let deadline = Instant::now() + RELEASE;
    while let Ok(Ok(Some(line))) = timeout_at(deadline, helper.hear()).await {
        if let Ok(event) = serde_json::from_str::<Event>(&line) {
            in_order = ends_in_order(&event);
            let _ = tell.try_send(event);
        }
    }
    in_order
}

fn ends_in_order(event: &Event) -> bool {
    match event {
        Event::Refused { .. } => true,
        Event::Healed {
            digest_before,
            digest_after,
            ..
        } => digest_before == digest_after,
        _ => false,
    }
}

/// The agent was killed: most of its fault went with it, and this takes away the rest.
async fn sweep<E: Engine>(engine: &E, undo: &UndoAction, member: &engine::Member) {
    let swept: Result<_, EngineError> = undo.step(engine, &member.project, &member.id).await;
    match swept {
        Ok(Step::Foreign(reason)) => {
            tracing::error!(
                reason,
                "an agent ended unasked, and what it left may still be there"
            );
        }
        Ok(_) => tracing::warn!("an agent ended unasked; what it left was swept up"),
        Err(error) => {
            tracing::error!(%error, "an agent ended unasked, and what it left may still be there")
        }
    }
}

/// Whether the effect is at least most of what was asked for. Where nothing should get through, nothing may.
fn is_enough(what: &str, expected: Option<f64>, seen: f64) -> bool {
    match expected {
        _ if !seen.is_finite() => false,
        None => seen > 0.0,
        Some(0.0) => seen == 0.0,
        // A refusal is there or not; how fast it is says nothing.
        Some(_) if what.starts_with("time until") => true,
        // A filled disk has at most what was to be left, and a block more.
        Some(expected) if what.starts_with("free in") => seen <= expected + BLOCK_BYTES,
        Some(expected) => seen >= expected * ENOUGH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_the_effect_is_enough_and_a_partition_is_whole_or_none() {
        assert!(is_enough("round trip", Some(50.0), 45.0));
        assert!(!is_enough("round trip", Some(50.0), 5.0));
        assert!(!is_enough("round trip", Some(50.0), f64::INFINITY));
        assert!(is_enough("connects", Some(0.0), 0.0) && !is_enough("connects", Some(0.0), 1.0));
        assert!(is_enough("cut", None, 1.0) && !is_enough("cut", None, 0.0));
        assert!(
            !is_enough("free in /x", Some(1e6), 9e6) && is_enough("free in /x", Some(1e6), 1e6)
        );
        assert!(is_enough("time until it refuses", Some(3.0), 0.1));
    }
}
