//! The one pass over the arrivals.

use std::{collections::BTreeMap, io::Read};

use drill::Class;
use hdrhistogram::Histogram;
use timeline::{Arrival, ArrivalError, Arrivals, NEVER, Offset, Outcome};

use crate::{
    latency::{self, Latencies},
    ledger::Acknowledged,
    outage::Outages,
    pressure::Pressures,
    series::AnsweredOverTime,
    slots::{CLASSES, Slots, index},
    story::{Story, Stretch},
    uptime::Uptime,
    users::Users,
};

/// Arrivals due this long after the last entry of the timeline are nobody's: no generator writes them,
/// and believing them would let one record claim any amount of memory.
const BEYOND_NS: u64 = 60_000_000_000;

/// Everything counted in the pass.
#[derive(Debug)]
pub(crate) struct Tally {
    horizon: Offset,
    stretches: Vec<Stretch>,
    /// All arrivals read.
    pub(crate) arrivals: u64,
    /// Of those, abusers'.
    pub(crate) abuse: u64,
    /// Those who came with a fault of the load.
    pub(crate) pressures: Pressures,
    /// Arrivals due beyond the end of the timeline; counted nowhere else.
    pub(crate) strays: u64,
    /// By second of the run (not of the load) and class.
    pub(crate) slots: Slots,
    pub(crate) latencies: [Latencies; CLASSES],
    pub(crate) outcomes: [[u64; Outcome::ALL.len()]; CLASSES],
    /// Microseconds between due and sent.
    pub(crate) lateness: Histogram<u64>,
    pub(crate) users: Users,
    pub(crate) answered: AnsweredOverTime,
    /// What was acknowledged, until it is compared with what is stored.
    pub(crate) acknowledged: Option<Acknowledged>,
    /// Quiet time first, then one for each episode of the drill.
    pub(crate) shares: Vec<Share>,
    pub(crate) outages: Outages,
    pub(crate) uptime: Uptime,
    /// Whether the contract names a class.
    promised: [bool; CLASSES],
}

/// What falls to one episode, or to the quiet time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Share {
    pub(crate) requests: [u64; CLASSES],
    pub(crate) bad: [u64; CLASSES],
    /// Good ones at the second attempt.
    pub(crate) good_again: [u64; CLASSES],
    /// Bad requests by second.
    pub(crate) bad_slots: BTreeMap<usize, [u32; CLASSES]>,
    /// Due times of the first and the last bad request.
    pub(crate) bad_span: Option<(Offset, Offset)>,
}

impl Share {
    fn add(&mut self, class: usize, second: usize, due: Offset, bad: bool) {
        self.requests[class] += 1;
        if !bad {
            return;
        }
        self.bad[class] += 1;
        let slot = &mut self.bad_slots.entry(second).or_default()[class];
        *slot = slot.saturating_add(1);
        let (first, last) = self.bad_span.unwrap_or((due, due));
        self.bad_span = Some((first.min(due), last.max(due)));
    }
}

impl Tally {
    /// For the run that the story tells.
    pub(crate) fn new(story: &Story) -> Self {
        let drill = &story.header.drill;
        let limits = || drill.contract.latency.iter().map(|clause| clause.at_most);
        let end = story.last.0.saturating_add(BEYOND_NS);
        Self {
            horizon: Offset(end),
            stretches: story.stretches(),
            arrivals: 0,
            abuse: 0,
            pressures: Pressures::new(story),
            strays: 0,
            slots: Slots::default(),
            latencies: std::array::from_fn(|_| Latencies::new(limits())),
            outcomes: Default::default(),
            lateness: latency::histogram(),
            users: Users::new(&drill.traffic, story.zero()),
            answered: AnsweredOverTime::new(story),
            acknowledged: Some(Acknowledged::new(story)),
            shares: vec![Share::default(); drill.episodes.len() + 1],
            outages: Outages::new(drill.episodes.len()),
            uptime: Uptime::new(story),
            promised: std::array::from_fn(|class| {
                drill.contract.classes.contains(&Class::ALL[class])
            }),
        }
    }

    /// Reads the arrivals to their end. A record that no generator writes ends the reading; its description
    /// is returned, because the rest of the recording can't be trusted.
    ///
    /// # Errors
    /// When the source can't be read.
    pub(crate) fn read(
        &mut self,
        arrivals: &mut Arrivals<impl Read>,
    ) -> Result<Option<String>, ArrivalError> {
        for arrival in arrivals {
            match arrival {
                Ok(arrival) => self.add(&arrival),
                Err(ArrivalError::Io(error)) => return Err(error.into()),
                Err(spoilt) => return Ok(Some(spoilt.to_string())),
            }
        }
        Ok(None)
    }

    fn add(&mut self, arrival: &Arrival) {
        self.arrivals += 1;
        if arrival.due >= self.horizon {
            self.strays += 1;
            return;
        }
        self.pressures.add(self.episode_at(arrival.due), arrival);
        if arrival.is_abuse() {
            self.abuse += 1;
            return;
        }
        let class = index(arrival.class);
        let bad = arrival.outcome != Outcome::Ok || arrival.done == NEVER;
        let second = (arrival.due.0 / 1_000_000_000) as usize;
        self.outcomes[class][arrival.outcome as usize] += 1;
        self.slots.add(second, class, bad);
        match arrival.latency() {
            Some(latency) if !bad => {
                self.latencies[class].good(latency);
                self.answered.add(arrival.class, arrival.due, latency);
            }
            _ => self.latencies[class].failed(),
        }
        // An alert is nobody's request: the generator can't be late with it.
        let asked_for = arrival.class != Class::Alert;
        if let Some(lateness) = arrival.lateness().filter(|_| asked_for) {
            self.lateness.saturating_record(latency::micros(lateness));
        }
        self.users.see(arrival.user, arrival.due);
        if let Some(ledger) = &mut self.acknowledged {
            ledger.add(arrival);
        }
        if self.promised[class] {
            self.uptime.see(arrival.user, arrival.due, !bad);
        }
        let share = self.share_of(arrival, bad);
        self.shares[share].add(class, second, arrival.due, bad);
        self.shares[share].good_again[class] += u64::from(arrival.again && !bad);
        match share.checked_sub(1) {
            Some(episode) if bad => self.outages.bad(episode, class, arrival.due),
            _ if !bad => self.outages.good(class, arrival.due),
            _ => {}
        }
    }

    /// Requests of a class that were good only at the second attempt.
    pub(crate) fn good_again(&self, class: usize) -> u64 {
        self.shares
            .iter()
            .map(|share| share.good_again[class])
            .sum()
    }

    /// The episode, by its position in the drill, to which a moment belongs.
    pub(crate) fn episode_at(&self, at: Offset) -> Option<usize> {
        let after = self.stretches.partition_point(|stretch| stretch.from <= at);
        let stretch = self.stretches[..after].last();
        let stretch = stretch.filter(|stretch| at < stretch.until);
        stretch.map(|stretch| stretch.episode)
    }

    /// The share that an arrival falls to: that of the episode in which it was due. A bad one that was
    /// under way when a fault came, and ended after it, is that fault's doing and not the quiet time's.
    fn share_of(&self, arrival: &Arrival, bad: bool) -> usize {
        let at = |at: Offset| self.episode_at(at).map(|episode| episode + 1);
        let under_way = || at(arrival.done).filter(|_| bad && arrival.done != NEVER);
        at(arrival.due).or_else(under_way).unwrap_or(0)
    }
}
