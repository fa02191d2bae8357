//! The one pass over the arrivals.

use std::{collections::BTreeMap, io::Read};

use drill::Class;
use hdrhistogram::Histogram;
use timeline::{Arrival, ArrivalError, Arrivals, NEVER, Offset, Outcome, Span};

use crate::{
    latency::{self, Latencies},
    ledger::Acknowledged,
    order::InOrder,
    outage::Outages,
    pressure::Pressures,
    schedule::Kept,
    series::AnsweredOverTime,
    slots::{CLASSES, Slots, index},
    story::{Story, Stretch},
    streams::{StreamFigures, Times, streams},
    timing::Timing,
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
    /// Of those, steady probes': they are timed and nothing else.
    pub(crate) probes: u64,
    /// Of those, recorded so late that what was due after them had been counted.
    pub(crate) disordered: u64,
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
    /// What followers of live streams went through, where the recording tells it.
    pub(crate) streams: Option<StreamFigures>,
    /// What of the schedule has come, where the recording follows one.
    pub(crate) scheduled: Option<Kept>,
    /// The load's begin and its end.
    load: (Offset, Offset),
    /// Whether the load came to its end: until then, followers have not told how long they stayed.
    ended: bool,
    order: InOrder<Timed>,
    timing: Timing,
    /// Whether the contract names a class.
    promised: [bool; CLASSES],
}

/// What is counted in the order in which arrivals were due.
#[derive(Debug, Clone, Copy)]
struct Timed {
    user: u32,
    share: u32,
    class: u8,
    bad: bool,
    probe: bool,
}

/// Whether an arrival is a request without a good answer. Of an alert that nobody could observe, nothing is known.
pub(crate) fn is_bad(arrival: &Arrival) -> bool {
    match arrival.outcome {
        Outcome::Unobserved => false,
        Outcome::Ok => arrival.done == NEVER,
        _ => true,
    }
}

/// What falls to one episode, or to the quiet time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Share {
    pub(crate) requests: [u64; CLASSES],
    /// Requests of steady probes.
    pub(crate) probed: [u64; CLASSES],
    pub(crate) bad: [u64; CLASSES],
    /// Good ones at the second attempt.
    pub(crate) good_again: [u64; CLASSES],
    /// Bad requests by second.
    pub(crate) bad_slots: BTreeMap<usize, [u32; CLASSES]>,
    /// Due times of the first and the last bad request.
    pub(crate) bad_span: Option<(Offset, Offset)>,
    /// Time without a good answer, in seconds.
    pub(crate) lost_s: [f64; CLASSES],
    /// Longest time in which the class could not show an outage, in seconds; none where the share has no time at all.
    pub(crate) resolution_s: [Option<f64>; CLASSES],
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
            probes: 0,
            disordered: 0,
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
            streams: None,
            scheduled: Kept::new(story),
            load: (story.zero(), story.load_end()),
            ended: story.load_ended.is_some(),
            order: InOrder::new(drill.traffic.request_timeout()),
            timing: Timing::default(),
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
        let mut spoilt = None;
        for arrival in arrivals.by_ref() {
            match arrival {
                Ok(arrival) => self.add(&arrival),
                Err(ArrivalError::Io(error)) => return Err(error.into()),
                Err(other) => {
                    spoilt = Some(other.to_string());
                    break;
                }
            }
        }
        self.close(arrivals.spans());
        Ok(spoilt)
    }

    fn add(&mut self, arrival: &Arrival) {
        self.arrivals += 1;
        if arrival.due >= self.horizon {
            self.strays += 1;
            return;
        }
        let (class, bad) = (index(arrival.class), is_bad(arrival));
        if arrival.is_probe() {
            self.probes += 1;
            // A probe changes thresholds as users do.
            if let Some(ledger) = &mut self.acknowledged {
                ledger.add(arrival);
            }
            let share = self.share_of(arrival, bad);
            self.shares[share].probed[class] += 1;
            self.queue(arrival, class, bad, share);
            return;
        }
        self.pressures.add(self.episode_at(arrival.due), arrival);
        if arrival.is_abuse() {
            self.abuse += 1;
            return;
        }
        let share = self.share_of(arrival, bad);
        self.queue(arrival, class, bad, share);
        self.count(arrival, class, bad, share);
    }

    /// Counts what does not depend on the order of the arrivals.
    fn count(&mut self, arrival: &Arrival, class: usize, bad: bool, share: usize) {
        let second = (arrival.due.0 / 1_000_000_000) as usize;
        self.outcomes[class][arrival.outcome as usize] += 1;
        self.slots.add(second, class, bad);
        match arrival.latency() {
            _ if arrival.outcome == Outcome::Unobserved => {}
            Some(latency) if !bad => {
                self.latencies[class].good(second, latency);
                self.answered.add(arrival.class, arrival.due, latency);
            }
            _ => self.latencies[class].failed(second),
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
        if let Some(scheduled) = &mut self.scheduled {
            scheduled.add(arrival);
        }
        self.shares[share].add(class, second, arrival.due, bad);
        self.shares[share].good_again[class] += u64::from(arrival.again && !bad);
    }

    /// Puts an arrival into the order of due times, and counts those whose turn has come.
    fn queue(&mut self, arrival: &Arrival, class: usize, bad: bool, share: usize) {
        let timed = Timed {
            user: arrival.user,
            share: share as u32,
            class: class as u8,
            bad,
            probe: arrival.is_probe(),
        };
        // A record from nowhere must not hurry the others.
        let done = if arrival.done < self.horizon {
            arrival.done
        } else {
            NEVER
        };
        let in_time = self.order.push(arrival.due, done, timed);
        // Alerts are recorded when their follower is looked at, however long that takes.
        self.disordered += u64::from(!in_time && arrival.class != Class::Alert);
        while let Some((due, timed)) = self.order.pop() {
            self.fold(due, timed);
        }
    }

    /// Counts what depends on the order.
    fn fold(&mut self, due: Offset, timed: Timed) {
        let (class, share) = (usize::from(timed.class), timed.share as usize);
        self.timing.hear(class, self.load.0, due, &self.stretches);
        self.timing.see(class, due, share, timed.bad);
        match share.checked_sub(1) {
            Some(episode) if timed.bad => self.outages.bad(episode, class, due),
            _ if !timed.bad => self.outages.good(class, due),
            _ => {}
        }
        if self.promised[class] && !timed.probe {
            self.uptime.see(timed.user, class, due, !timed.bad);
        }
    }

    /// Counts those that still wait, and adds up what the order told.
    fn close(&mut self, spans: &[Span]) {
        let none = InOrder::new(std::time::Duration::ZERO);
        for (due, timed) in std::mem::replace(&mut self.order, none).rest() {
            self.fold(due, timed);
        }
        let end = self.load.1;
        for class in Class::ALL {
            let class_number = index(class);
            self.timing
                .hear(class_number, self.load.0, end, &self.stretches);
            for (number, share) in self.shares.iter_mut().enumerate() {
                let of = number.checked_sub(1);
                let has_time = of.is_none_or(|of| self.stretches.iter().any(|s| s.episode == of));
                share.lost_s[class_number] = self.timing.lost_s(class_number, number);
                // Nobody asks for alerts: that none came tells nothing.
                share.resolution_s[class_number] = (has_time && class != Class::Alert)
                    .then(|| self.timing.silent_s(class_number, number));
            }
        }
        self.judge_streams(spans);
    }

    /// Where followers told how long they stayed, the live class is judged by time.
    fn judge_streams(&mut self, spans: &[Span]) {
        let times = Times {
            begin: self.load.0,
            end: self.load.1,
            stretches: &self.stretches,
        };
        // A stream that was last heard before a fault, and found silent after it, is that fault's doing.
        let share_at = |at: Offset| self.episode_at(at).map(|episode| episode + 1);
        let place = |gap: &Span| {
            share_at(gap.from)
                .or_else(|| share_at(gap.sure))
                .unwrap_or(0)
        };
        let told = self
            .ended
            .then(|| streams(spans, self.shares.len(), times, place));
        let Some(told) = told.flatten() else { return };
        let live = index(Class::Live);
        let by_share = told.lost_s.iter().zip(&told.resolution_s);
        for (share, (lost_s, resolution_s)) in self.shares.iter_mut().zip(by_share) {
            share.lost_s[live] = *lost_s;
            if let Some(resolution) = &mut share.resolution_s[live] {
                *resolution = *resolution_s;
            }
        }
        self.streams = Some(told.figures);
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
