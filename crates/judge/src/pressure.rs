//! Faults of the load: who came, where they were stopped, and what it did to everybody else.

use std::collections::HashSet;

use drill::Pressure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::{Arrival, Fates, Offset};

use crate::{figures::figure, story::Story, tally::Tally};

/// A surge or a flood, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PressureFigures {
    /// The episode.
    pub episode: String,
    /// The fault, in words.
    pub fault: String,
    /// Whether they are abusers: no part of the contract, and of no other figure.
    pub abuse: bool,
    /// From the first that was due to the last, in seconds.
    pub seconds: f64,
    /// Distinct users, or names of abusers, that were seen.
    pub clients: u64,
    /// Requests that were due, those of live streams and alerts included.
    pub requests: u64,
    /// Of those, a second.
    pub requests_per_s: f64,
    /// What became of them.
    pub fates: Fates,
    /// Requests of everybody else in the episode.
    pub others: u64,
    /// Of those, without a good answer.
    pub others_bad: u64,
}

/// Those who came in one episode.
#[derive(Debug, Clone, Default)]
struct Came {
    span: Option<(Offset, Offset)>,
    clients: HashSet<u32>,
    fates: Fates,
}

/// Counts who came, episode by episode.
#[derive(Debug)]
pub(crate) struct Pressures {
    /// Users with a number from here on are not the curve's.
    of_curve: u32,
    came: Vec<Came>,
}

impl Pressures {
    pub(crate) fn new(story: &Story) -> Self {
        let drill = &story.header.drill;
        Self {
            of_curve: drill.traffic.peak_users(),
            came: vec![Came::default(); drill.episodes.len()],
        }
    }

    /// Counts an arrival that was due in an episode, if the load alone would not have sent it.
    pub(crate) fn add(&mut self, episode: Option<usize>, arrival: &Arrival) {
        if arrival.user < self.of_curve {
            return;
        }
        let Some(came) = episode.and_then(|episode| self.came.get_mut(episode)) else {
            return;
        };
        let (first, last) = came.span.unwrap_or((arrival.due, arrival.due));
        came.span = Some((first.min(arrival.due), last.max(arrival.due)));
        came.clients.insert(arrival.user);
        came.fates.add(arrival.outcome, arrival.status);
    }
}

/// A row for each episode whose fault comes with the load, in the drill's order.
pub(crate) fn figures(story: &Story, tally: &Tally) -> Vec<PressureFigures> {
    let episodes = story.header.drill.episodes.iter().enumerate();
    let row = |(number, episode): (usize, &drill::Episode)| {
        let pressure = episode.fault.pressure()?;
        let (came, share) = (&tally.pressures.came[number], &tally.shares[number + 1]);
        let abuse = matches!(pressure, Pressure::Flood(_));
        let fates = came.fates;
        let requests = fates.sent() + fates.not_sent;
        // An episode's share has everybody's, but no abuser's.
        let (theirs, theirs_bad) = match abuse {
            true => (0, 0),
            false => (requests, requests - fates.let_through),
        };
        let seconds = came
            .span
            .map_or(0.0, |(first, last)| last.since(first).as_secs_f64());
        Some(PressureFigures {
            episode: episode.name.clone(),
            fault: episode.fault.to_string(),
            abuse,
            seconds: figure(seconds),
            clients: came.clients.len() as u64,
            requests,
            requests_per_s: if seconds > 0.0 {
                figure(requests as f64 / seconds)
            } else {
                0.0
            },
            fates,
            others: share.requests.iter().sum::<u64>().saturating_sub(theirs),
            others_bad: share.bad.iter().sum::<u64>().saturating_sub(theirs_bad),
        })
    };
    episodes.filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use drill::{Class, Fault, Flood, Surge};
    use timeline::{Event, FIRST_ABUSER, Outcome};

    use super::*;
    use crate::{
        Judgement, Verdict,
        testing::{Run, at},
    };

    /// The healthy run, whose first episode, from 10 s on, is that fault instead.
    fn run(fault: Fault) -> Run {
        let mut run = Run::healthy();
        run.header().drill.episodes[0].fault = fault;
        run
    }

    fn arrive(run: &mut Run, more: impl Iterator<Item = Arrival>) {
        run.arrivals.extend(more);
        let all = run.arrivals.len() as u64;
        for entry in &mut run.entries {
            if let Event::LoadEnded { arrivals } = &mut entry.event {
                *arrivals = all;
            }
        }
    }

    fn request(user: u32, due_s: f64, outcome: Outcome, status: u16) -> Arrival {
        let due = at(due_s);
        Arrival {
            user,
            class: Class::Read,
            outcome,
            again: false,
            status,
            due,
            sent: due,
            done: Offset(due.0 + 1_000_000),
        }
    }

    fn flooded() -> Judgement {
        let flood = Flood {
            requests_per_s: 10,
            clients: 2,
        };
        let mut run = run(Fault::Flood(flood));
        let blow = |n: u32| {
            let (outcome, status) = match n % 10 {
                0 => (Outcome::Ok, 200),
                1 => (Outcome::Failed, 503),
                2 => (Outcome::TimedOut, 0),
                _ => (Outcome::Rejected, 429),
            };
            request(
                FIRST_ABUSER + n % 2,
                10.5 + f64::from(n) / 10.0,
                outcome,
                status,
            )
        };
        arrive(&mut run, (0..41).map(blow));
        run.judge()
    }

    #[test]
    fn abusers_are_counted_apart_and_nowhere_else() {
        let (judgement, before) = (flooded(), Run::healthy().judge());
        let row = &judgement.pressures[0];
        assert_eq!((row.abuse, row.clients, row.requests), (true, 2, 41));
        let fates = Fates {
            let_through: 5,
            limited: 28,
            refused: 4,
            unanswered: 4,
            not_sent: 0,
        };
        assert_eq!((row.fates, row.seconds, row.others_bad), (fates, 4.0, 0));
        assert_eq!(judgement.verdict, Verdict::Held, "{}", judgement.summary);
        assert_eq!(judgement.classes, before.classes);
        assert_eq!(judgement.episodes[0].toll, before.episodes[0].toll);
        assert_eq!(row.others, before.episodes[0].toll.requests);
        assert_eq!(judgement.load.arrivals, before.load.arrivals);
        assert_eq!(judgement.load.lateness, before.load.lateness);
        assert!(before.pressures.is_empty());
    }

    #[test]
    fn users_of_a_surge_are_judged_as_everybody() {
        let mut run = run(Fault::Surge(Surge { users: 30 }));
        let before = Run::healthy().judge();
        let ask = |n: u32| {
            let outcome = if n < 10 { Outcome::Failed } else { Outcome::Ok };
            // The curve has 20 users.
            request(20 + n % 30, 10.5 + f64::from(n) / 10.0, outcome, 0)
        };
        arrive(&mut run, (0..40).map(ask));
        let judgement = run.judge();
        let row = &judgement.pressures[0];
        assert_eq!((row.abuse, row.clients, row.requests), (false, 30, 40));
        assert_eq!((row.others_bad, row.fates.refused), (0, 10));
        assert_eq!(row.others, before.episodes[0].toll.requests);
        assert_eq!(judgement.episodes[0].toll.bad, 10);
        assert_eq!(judgement.load.users_seen, before.load.users_seen);
    }
}
