//! Packets are queued to the agent, which decides about each and holds those that are to be late.
//!
//! Fail-open by `--queue-bypass`: when nobody is bound to the queue, the kernel lets its packets pass, though
//! the rules still stand. What a killed agent held at that moment is lost.

use std::{
    io,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use super::{
    Backend, Queue, Say,
    chains::{Chains, matches},
    proof::Proof,
    queue::Queued,
    share::{COUNTED, Share},
    spoil::{Fate, Spoiler},
    waiting::Waiting,
};
use crate::{
    Direction, Effect, Ended, Figures, NetworkFault, Order,
    clock::now,
    lifetime::{Lease, Wake},
    packet::{Injector, MARK, Packet, flip, mend},
};

/// How often is looked whether the share of the packets that were hit can be told.
const LOOK: Duration = Duration::from_millis(100);

/// The first queue's number ("GD"); the slot is added.
const FIRST_QUEUE: u16 = 0x4744;
/// Most packets that may wait in the kernel: 10 s of 10,000 a second. Its default of 1,024 overflows at half a second
/// of delay and 2,000 a second.
const MOST_PACKETS: u32 = 100_000;
/// Packets that are read before what is due is released.
const BATCH: u32 = 64;
/// A release later than this is counted as late.
const LATE: Duration = Duration::from_millis(2);

/// The mechanism for one order.
pub(super) struct Nfqueue {
    fault: NetworkFault,
    chains: Chains,
    /// Where answers are forged.
    untracked: Option<Chains>,
    number: u16,
    proof: Proof,
    spoiler: Spoiler,
    waiting: Waiting,
    open: Option<(Queue, Injector)>,
    begin: Instant,
    figures: Figures,
}

impl Nfqueue {
    pub(super) fn new(order: &Order, fault: &NetworkFault) -> Self {
        let dns = matches!(fault.effect, Effect::Dns { .. });
        let direction = if dns { Direction::Out } else { fault.direction };
        let forges = dns || fault.effect == (Effect::Reject {});
        Self {
            fault: fault.clone(),
            chains: Chains::new("mangle", order, direction),
            untracked: forges.then(|| Chains::new("raw", order, Direction::Out)),
            number: FIRST_QUEUE + u16::from(order.slot),
            proof: Proof::new(fault),
            spoiler: Spoiler::new(&fault.effect, order.seed),
            waiting: Waiting::default(),
            open: None,
            begin: now(),
            figures: Figures::default(),
        }
    }

    /// Our own packets pass; the rest is queued. Queries are caught before Docker's rules rewrite their port: in the
    /// mangle table, which comes before nat.
    fn rules(&self, inward: bool) -> Vec<String> {
        let queue = format!("-j NFQUEUE --queue-num {} --queue-bypass", self.number);
        let mut matching = matches(&self.fault, inward);
        if matches!(self.fault.effect, Effect::Dns { .. }) {
            for peer in &mut matching {
                peer.push_str(" -p udp -m udp --dport 53");
            }
        }
        let own = format!("-m mark --mark {MARK:#x} -j RETURN");
        let queued = matching
            .into_iter()
            .map(|matching| format!("{matching} {queue}"));
        std::iter::once(own).chain(queued).collect()
    }

    fn take(&mut self, queue: &Queue, injector: &Injector, mut queued: Queued) -> io::Result<()> {
        let at = now() - self.begin;
        self.figures.packets += 1;
        let packet = Packet::read(&queued.bytes);
        let fate = packet.map_or(Fate::Pass, |packet| {
            self.spoiler.decide(&packet, queued.inward, at)
        });
        self.figures.affected += u64::from(fate != Fate::Pass);
        match fate {
            Fate::Pass => queue.accept(queued.id, None),
            Fate::Drop => queue.drop(queued.id),
            Fate::Hold(until) if until <= at => queue.accept(queued.id, None),
            Fate::Hold(until) => {
                self.waiting.hold(until, queued.id);
                self.figures.deepest = self.figures.deepest.max(self.waiting.len() as u64);
                Ok(())
            }
            Fate::Twice => {
                queue.accept(queued.id, None)?;
                injector.send(&queued.bytes)
            }
            Fate::Flip { bit, mend: whole } => {
                flip(&mut queued.bytes, bit);
                if whole {
                    mend(&mut queued.bytes);
                }
                queue.accept(queued.id, Some(&queued.bytes))
            }
            Fate::Answer(answer) => {
                queue.drop(queued.id)?;
                injector.send(&answer)
            }
        }
    }

    fn release(&mut self, queue: &Queue) -> io::Result<()> {
        let at = now() - self.begin;
        while let Some((until, id)) = self.waiting.due(at) {
            queue.accept(id, None)?;
            let late = at - until;
            self.figures.late += u64::from(late > LATE);
            let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
            self.figures.latest_us = self.figures.latest_us.max(late_us);
        }
        Ok(())
    }

    /// Tells the share that was spoiled, as the target's own hook saw it, or when to look again.
    fn tell(&self, say: Say) -> Option<Instant> {
        let share = Share::new(&self.fault.effect);
        if share.is_told(&self.figures, now() - self.begin) {
            say(&share.event(&self.figures));
            return None;
        }
        Some(now() + LOOK)
    }

    fn work(
        &mut self,
        queue: &mut Queue,
        injector: &Injector,
        lease: &Lease,
        say: Say,
    ) -> io::Result<Ended> {
        let watching = self.proof.watch(say);
        let mut told = watching.is_none().then(|| now() + COUNTED);
        let ended = loop {
            let next = self.waiting.next().map(|next| self.begin + next);
            if told.take_if(|at| now() >= *at).is_some() {
                told = self.tell(say);
            }
            let next = [next, told].into_iter().flatten().min();
            match lease.wait(Some(queue.as_fd()), next)? {
                Wake::Ended(ended) => break ended,
                Wake::Due => {}
                Wake::Ready => {
                    for _ in 0..BATCH {
                        let Some(queued) = queue.next()? else { break };
                        self.take(queue, injector, queued)?;
                    }
                }
            }
            self.release(queue)?;
        };
        drop(watching);
        Ok(ended)
    }
}

impl Backend for Nfqueue {
    fn apply(&mut self) -> Result<String, String> {
        self.proof.before();
        let queue = Queue::bind(self.number, MOST_PACKETS)
            .map_err(|error| format!("can't bind packet queue {}: {error}", self.number))?;
        let injector =
            Injector::open().map_err(|error| format!("can't open a raw socket: {error}"))?;
        self.open = Some((queue, injector));
        self.begin = now();
        if let Some(untracked) = &self.untracked {
            // Connection tracking would see a new conversation in a forged answer, and give it another port when the
            // resolver's is taken by an earlier question from the same port: 8 of 500 answers went astray.
            let rule = format!("-m mark --mark {MARK:#x} -j CT --notrack");
            untracked.install(&[], &[rule])?;
        }
        self.chains.install(&self.rules(true), &self.rules(false))?;
        Ok(format!(
            "packets go through queue {} to the agent, and pass by when it is gone",
            self.number
        ))
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        let Some((mut queue, injector)) = self.open.take() else {
            return Ok(Ended::Lost);
        };
        let ended = self.work(&mut queue, &injector, lease, say);
        self.open = Some((queue, injector));
        ended
    }

    fn heal(&mut self) -> Result<(), String> {
        let removed = self.chains.remove();
        // Nothing new comes: what still waits goes on now, in its order, since closing the queue would drop it.
        if let Some((mut queue, _)) = self.open.take() {
            self.figures.overflowed = queue.overflowed();
            let mut rest = std::iter::from_fn(|| self.waiting.due(Duration::MAX));
            let mut sent = rest.try_for_each(|(_, id)| queue.accept(id, None));
            while let (Ok(()), Ok(Some(queued))) = (&sent, queue.next()) {
                sent = queue.accept(queued.id, None);
            }
        }
        removed
    }

    fn figures(&self) -> Figures {
        self.figures
    }
}
