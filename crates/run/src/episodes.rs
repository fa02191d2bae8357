//! The episodes, one after another, each from full health and back to it.

use std::{net::SocketAddr, time::Duration};

use chaos::{Recovery, UndoLedger};
use clock::Clock;
use drill::{Component, Drill, Episode, Fault, Parts, Players, Target, derive_seed};
use engine::{Docker, Inspect as _, Member};
use timeline::{Event, Offset};
use tokio_util::sync::CancellationToken;

use crate::{
    Progress, RunError, Say,
    affliction::Affliction,
    guard::{LossCheck, Stop},
    lookout::{Lookout, Seen, full_health},
    press::Press,
    recorder::Recorder,
};

/// What the episodes need of the run.
pub(crate) struct Cast<'a> {
    pub(crate) docker: &'a Docker,
    /// The load generator.
    pub(crate) loadgen: SocketAddr,
    pub(crate) ledger: &'a UndoLedger,
    pub(crate) recorder: &'a Recorder,
    pub(crate) lookout: Lookout,
    /// The end before the end: by an interruption, or by the drill's guard.
    pub(crate) stop: &'a Stop,
    pub(crate) losses: LossCheck<'a>,
    /// Cancelled when the load has ended: nothing can be learned from a fault without load.
    pub(crate) load_ended: &'a CancellationToken,
    pub(crate) say: Say<'a>,
}

/// Why the rest of an episode does not take place. It is recorded, and the drill goes on.
struct Failed(String);

impl Failed {
    fn because(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// One fault of an episode.
struct Strike<'a> {
    /// The episode's position in the drill, from 0.
    number: usize,
    target: &'a Target,
    fault: &'a Fault,
    /// From its proof to its healing.
    hold: Duration,
}

impl Cast<'_> {
    /// Plays every episode of the drill. Each fault is healed before the next, also when the run ends early.
    ///
    /// # Errors
    /// When a fault can't be undone.
    pub(crate) async fn play(&mut self, drill: &Drill) -> Result<(), RunError> {
        let at_start = self.warm_up(drill).await;
        for (number, episode) in drill.episodes.iter().enumerate() {
            if self.stop.is_due() {
                return Ok(());
            }
            (self.say)(Progress::Line(format!(
                "episode {}/{} {}: {} {}",
                number + 1,
                drill.episodes.len(),
                episode.name,
                episode.fault,
                episode.target
            )));
            let played = self.episode(drill, number, episode, &at_start).await?;
            if self.stop.is_due() {
                return Ok(());
            }
            if let Err(Failed(reason)) = played {
                (self.say)(Progress::Line(format!("  not proven: {reason}")));
                let event = Event::EpisodeFailed {
                    episode: number,
                    reason,
                };
                self.recorder.record(event).await;
            }
            if drill.guard.stop_at_loss {
                self.look_for_losses().await?;
            }
        }
        Ok(())
    }

    /// Ends the run when an acknowledged reading is gone.
    async fn look_for_losses(&self) -> Result<(), RunError> {
        let lost = self.losses.lost(&self.lookout).await?;
        if lost > 0 {
            self.stop
                .because(format!("{lost} acknowledged readings are not stored"));
        }
        Ok(())
    }

    /// Waits while load without a fault comes in. Returns who played which role at its beginning: as soon as
    /// everybody was seen and every pinned role is played, or at its end.
    async fn warm_up(&self, drill: &Drill) -> Players {
        let second = |episode: &'_ Episode| episode.then.as_ref()?.target.pinned();
        let pinned: Vec<_> = drill
            .episodes
            .iter()
            .flat_map(|episode| [episode.target.pinned(), second(episode)])
            .flatten()
            .collect();
        let known = |seen: &Seen| {
            let roles = seen.board.roles();
            seen.board.all_seen() && pinned.iter().all(|role| roles.contains_key(role))
        };
        let begin = self.recorder.clock().now();
        let mut lookout = self.lookout.clone();
        tokio::select! {
            _ = lookout.wait_for(known) => {}
            () = self.wait(drill.pace.warm_up) => {}
        }
        let roles = self.lookout.borrow().board.roles();
        let passed = self.recorder.clock().now().since(begin);
        self.wait(drill.pace.warm_up.saturating_sub(passed)).await;
        roles
    }

    /// One episode. The outer error means that its fault is still there.
    async fn episode(
        &mut self,
        drill: &Drill,
        number: usize,
        episode: &Episode,
        at_start: &Players,
    ) -> Result<Result<(), Failed>, RunError> {
        let pace = &drill.pace;
        if let Err(failed) = self.until_healthy(pace.settle, pace.recover_within).await {
            return Ok(Err(failed));
        }
        if self.load_ended.is_cancelled() {
            let reason = "the load ended before its turn; a lower --speed gives it time";
            return Ok(Err(Failed(reason.into())));
        }
        self.recorder
            .record(Event::EpisodeStarted { episode: number })
            .await;
        let (afflictions, proof) = match self.strike(drill, number, episode, at_start).await {
            Ok(struck) => struck,
            Err(failed) => {
                // Some of the members may have been hit before the engine refused.
                chaos::heal_left(self.docker, self.ledger.dir(), self.ledger.project()).await?;
                return Ok(Err(failed));
            }
        };
        self.recorder
            .record(Event::HealRequested { episode: number })
            .await;
        let recovery = Recovery {
            stagger: episode.stagger,
            seed: derive_seed(drill.seed, number as u64),
            hurry: self.stop.token(),
        };
        let mut left = vec![];
        for (turn, affliction) in afflictions.into_iter().enumerate() {
            if turn > 0 {
                self.wait(episode.stagger).await;
            }
            left.extend(affliction.heal(self.docker, &recovery).await?);
        }
        self.recorder
            .record(Event::Healed { episode: number })
            .await;
        let proof = proof.and(self.as_before(number, &left).await);
        (self.say)(Progress::Line("  healed, waiting for full health".into()));
        if self.stop.is_due() {
            return Ok(Ok(()));
        }
        let healed = self.recorder.clock().now();
        if let Err(failed) = self.until_healthy(pace.settle, pace.recover_within).await {
            return Ok(Err(failed));
        }
        self.ended(number, healed, pace.settle).await;
        Ok(proof)
    }

    /// Applies the fault, and the second one where the drill has it, and holds both to their time.
    async fn strike(
        &mut self,
        drill: &Drill,
        number: usize,
        episode: &Episode,
        at_start: &Players,
    ) -> Result<(Vec<Affliction>, Result<(), Failed>), Failed> {
        let strike = |target, fault, hold| Strike {
            number,
            target,
            fault,
            hold,
        };
        let mut struck = vec![];
        let first = strike(&episode.target, &episode.fault, episode.hold);
        let first = self.break_it(drill, first, at_start, &mut struck).await?;
        let mut proof = self.prove(number, &first).await;
        let mut left = first.hold(episode.hold);
        let mut afflictions = vec![first];
        if let Some(then) = &episode.then {
            self.wait(then.after).await;
            // Whoever ends a run wants nothing else broken.
            if self.stop.is_due() {
                return Ok((afflictions, proof));
            }
            left = left.saturating_sub(then.after);
            let second = strike(&then.target, &then.fault, left);
            let second = self.break_it(drill, second, at_start, &mut struck).await?;
            proof = proof.and(self.prove(number, &second).await);
            afflictions.push(second);
        }
        self.wait(left).await;
        Ok((afflictions, proof))
    }

    /// Draws the members now, writes the undo, and applies the fault. Who was `struck` before is not struck again.
    async fn break_it(
        &mut self,
        drill: &Drill,
        strike: Strike<'_>,
        at_start: &Players,
        struck: &mut Vec<String>,
    ) -> Result<Affliction, Failed> {
        let parts = Parts {
            at_start: at_start.clone(),
            now: self.lookout.borrow().board.roles(),
        };
        let seed = derive_seed(drill.seed, strike.number as u64);
        // Looked up now: who was replaced by an earlier episode has a new id.
        let all = self.docker.members(self.ledger.project()).await;
        let all = all.map_err(Failed::because)?;
        let members = chaos::resolve(strike.target, seed, &all, &parts)
            .map_err(|unresolved| Failed(unresolved.to_string()))?;
        if let Some(again) = members.iter().find(|m| struck.contains(&m.service)) {
            let reason = format!("{} was struck already", again.service);
            return Err(Failed(reason));
        }
        struck.extend(members.iter().map(|m| m.service.clone()));
        let hit = all.iter().filter(|m| struck.contains(&m.service));
        let components = hit.filter_map(|m| Component::from_name(&m.component));
        if let Some(refused) = drill.guard.exceeded(strike.fault, components) {
            return Err(Failed(refused));
        }
        let names: Vec<_> = members.iter().map(|m| m.service.clone()).collect();
        let plays = |by: &Vec<String>| by.iter().any(|name| names.contains(name));
        let event = Event::FaultRequested {
            episode: strike.number,
            members: names.clone(),
            roles: parts
                .now
                .iter()
                .filter(|(_, by)| plays(by))
                .map(|(role, _)| *role)
                .collect(),
        };
        self.recorder.record(event).await;
        let affliction = self.apply(drill, &strike, &members).await?;
        let episode = strike.number;
        self.recorder.record(Event::FaultApplied { episode }).await;
        (self.say)(Progress::Line(format!(
            "  {} {}",
            strike.fault,
            names.join(", ")
        )));
        Ok(affliction)
    }

    /// To the members, or through the entrance with the load.
    async fn apply(
        &self,
        drill: &Drill,
        strike: &Strike<'_>,
        members: &[Member],
    ) -> Result<Affliction, Failed> {
        let (fault, hold) = (strike.fault, strike.hold);
        if let Some(pressure) = fault.pressure() {
            let lookout = self.lookout.clone();
            let press = Press::start(self.loadgen, pressure, &drill.traffic, hold, lookout).await;
            return press.map(Affliction::Load).map_err(Failed::because);
        }
        let applied = chaos::apply(self.docker, self.ledger, fault, members, hold).await;
        applied.map(Affliction::Member).map_err(Failed::because)
    }

    async fn prove(&self, number: usize, affliction: &Affliction) -> Result<(), Failed> {
        let proof = tokio::select! {
            proof = affliction.prove(self.docker) => proof,
            () = self.stop.due() => Err("the run was ended".to_owned()),
        };
        match proof {
            Ok(seen) => {
                let event = Event::FaultProven {
                    episode: number,
                    seen,
                };
                self.recorder.record(event).await;
                Ok(())
            }
            Err(reason) => {
                let event = Event::FaultFailed {
                    episode: number,
                    reason: reason.clone(),
                };
                self.recorder.record(event).await;
                Err(Failed(reason))
            }
        }
    }

    /// A member that is not as it was before its fault makes the fault one without proof: what came after may be its doing.
    async fn as_before(&self, number: usize, left: &[String]) -> Result<(), Failed> {
        if left.is_empty() {
            return Ok(());
        }
        let reason = format!("healed, but not as before: {}", left.join("; "));
        let event = Event::FaultFailed {
            episode: number,
            reason: reason.clone(),
        };
        self.recorder.record(event).await;
        Err(Failed(reason))
    }

    /// Records the end at the moment at which full health came back, not at the end of the settle time.
    async fn ended(&self, number: usize, healed: Offset, settle: Duration) {
        let now = self.recorder.clock().now();
        let back = Offset(now.0.saturating_sub(Offset::from(settle).0)).max(healed);
        let event = Event::EpisodeEnded { episode: number };
        self.recorder.record_at(back, event).await;
        let seconds = back.since(healed).as_secs_f64();
        (self.say)(Progress::Line(format!(
            "  full health {seconds:.1} s after healing"
        )));
    }

    async fn until_healthy(&mut self, settle: Duration, within: Duration) -> Result<(), Failed> {
        let stop = self.stop.clone();
        tokio::select! {
            health = full_health(&mut self.lookout, settle, within) => match health {
                Ok(()) => Ok(()),
                Err(unhealthy) => Err(Failed(format!("no full health within {} s: {unhealthy}", within.as_secs()))),
            },
            () = stop.due() => Err(Failed("the run was ended".into())),
        }
    }

    /// Waits, but not beyond an interruption.
    async fn wait(&self, duration: Duration) {
        let clock: Clock = self.recorder.clock();
        let until = Offset::from(clock.now().as_duration() + duration);
        tokio::select! {
            () = clock.until(until) => {}
            () = self.stop.due() => {}
        }
    }
}
