//! From the order to the healed target.

use std::{
    io::{self, Write},
    thread,
    time::Duration,
};

use crate::{Event, Fault, Figures, Order, backend, clock::now, digest::Digest, lifetime::Lease};

/// How long the agent waits for its order.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the target may take to be as it was: threads that were let go need a moment to run.
const SETTLE: Duration = Duration::from_millis(500);

/// How the agent ends, by the numbers of sysexits(3) where they have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The target is as it was.
    Healed = 0,
    /// Something of the fault is left, or the target changed otherwise; the last event names it.
    Left = 1,
    /// What came is no order.
    NoOrder = 64,
    /// The fault can't be held here; nothing was changed.
    Refused = 69,
}

/// Reads an order from standard input, holds its fault until the lease is over, and heals. What happens is told on
/// standard output.
///
/// # Errors
/// When the agent can't wait for its standard input.
pub fn hold() -> io::Result<Exit> {
    let mut lease = Lease::new(PATIENCE)?;
    let Some(line) = lease.line()? else {
        return Ok(refused(
            "standard input ended before the order".into(),
            Exit::NoOrder,
        ));
    };
    let order: Order = match serde_json::from_str(&line) {
        Ok(order) => order,
        Err(error) => return Ok(refused(format!("not an order: {error}"), Exit::NoOrder)),
    };
    if let Err(reason) = order.check() {
        return Ok(refused(reason, Exit::NoOrder));
    }
    lease.last(order.lease());
    Ok(held(&order, &lease))
}

fn held(order: &Order, lease: &Lease) -> Exit {
    let before = match Digest::take(&order.fault) {
        Ok(before) => before,
        Err(reason) => {
            return refused(
                format!("can't see the target's state: {reason}"),
                Exit::Refused,
            );
        }
    };
    let mut chosen = match backend::apply(order) {
        Ok(chosen) => chosen,
        Err(reason) => return refused(reason, Exit::Refused),
    };
    say(&chosen.applied);
    let ended = chosen.backend.hold(lease, say).unwrap_or_else(|error| {
        eprintln!("the fault can't be kept up: {error}");
        crate::Ended::Lost
    });
    if let Err(error) = chosen.backend.heal() {
        eprintln!("healing: {error}");
    }
    let (before, after) = settled(&order.fault, &before);
    let exit = if after == before {
        Exit::Healed
    } else {
        Exit::Left
    };
    let figures: Figures = chosen.backend.figures();
    say(&Event::Healed {
        ended,
        digest_before: before.name(),
        digest_after: after.name(),
        differences: before.differences(&after),
        figures,
    });
    exit
}

/// The states before and after, as they can be compared: as soon as it is what it was, or after a while.
fn settled(fault: &Fault, before: &Digest) -> (Digest, Digest) {
    let until = now() + SETTLE;
    loop {
        let after = Digest::take(fault).unwrap_or_default();
        let (then, after) = Digest::comparable(before, &after);
        if after == then || now() > until {
            return (then, after);
        }
        thread::sleep(SETTLE / 20);
    }
}

fn refused(reason: String, exit: Exit) -> Exit {
    say(&Event::Refused { reason });
    exit
}

/// One line on standard output. When nobody reads any more, the fault is about to end anyway.
fn say(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        let mut output = io::stdout().lock();
        let _ = writeln!(output, "{line}").and_then(|()| output.flush());
    }
}
