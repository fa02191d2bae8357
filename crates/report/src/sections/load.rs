//! The traffic as users, as the generator and as each component counted it; the bill; and how to repeat it.

use drill::Component;
use judge::{
    CounterFigures, DiskStallFigures, Judgement, Kind, LoadFigures, MachineFigures, Percentiles,
    WorstWindow,
};

use crate::{
    document::{
        Align::{Left, Right},
        Cell, Section, Table, Tone,
    },
    words::{SCENARIO, amount, count, millis, pace, usd},
};

/// Users and requests, each class with its latency, and how late the generator was.
pub(crate) fn load(judgement: &Judgement) -> Section {
    let load = &judgement.load;
    let mut table = Table::new(&[
        ("class", Left),
        ("requests", Right),
        ("good %", Right),
        ("at first", Right),
        ("p50", Right),
        ("p95", Right),
        ("p99", Right),
        ("p99.9", Right),
        ("max", Right),
        ("not good", Left),
    ]);
    for class in &judgement.classes {
        let percent = |good: Option<f64>| match good {
            None => "-".to_owned(),
            Some(good) => format!("{good:.4}"),
        };
        let bad = class
            .outcomes
            .iter()
            .filter(|(outcome, _)| *outcome != "ok");
        let bad: Vec<_> = bad
            .map(|(outcome, n)| format!("{} {outcome}", count(*n)))
            .collect();
        let head = [
            class.class.name().into(),
            count(class.toll.requests).into(),
            percent(class.good_percent).into(),
            percent(class.good_at_first_percent).into(),
        ];
        let tail = Cell::bad_if(!bad.is_empty(), bad.join(", "));
        table.row(
            head.into_iter()
                .chain(percentiles(&class.latency))
                .chain([tail]),
        );
    }
    let late = &load.lateness;
    let head = [
        "generator late".into(),
        count(load.arrivals).into(),
        Cell::default(),
        Cell::default(),
    ];
    let not_sent = match late.not_sent {
        0 => String::new(),
        n => format!("{} not sent", count(n)),
    };
    let tail = Cell::bad_if(late.not_sent > 0, not_sent);
    table.row(
        head.into_iter()
            .chain(percentiles(&late.sent))
            .chain([tail]),
    );
    let note =
        "latency in ms from the due time over all requests; a failed one is slower than any answer";
    let mut section = table.under("load", note);
    section.intro = users_and_rates(load)
        + &uptime(&judgement.user_uptime)
        + &load.machine.as_ref().map_or_else(String::new, machine)
        + &disk_stalls(&load.disk_stalls);
    section.closing = "At first: what was good at the first attempt, in percent; clients try once more where a connection breaks unanswered."
        .into();
    section
}

fn users_and_rates(load: &LoadFigures) -> String {
    format!(
        "{} to {} users by the curve, {} seen within one period; {:.1} requests/s at the peak, {:.1} in \
         the mean; {} requests in {:.0} s. The {} h curve was walked {}; users and outages keep their real \
         pace.",
        count(load.baseline_users.into()),
        count(load.peak_users.into()),
        count(load.users_seen.into()),
        load.peak_requests_per_s,
        load.mean_requests_per_s,
        count(load.arrivals),
        load.seconds,
        amount(load.scenario_hours),
        pace(load),
    )
}

/// With less than this left, in percent, whatever is late may be waiting for a processor.
const TIGHT_BELOW_PERCENT: f64 = 10.0;
/// A host that takes more than this, in percent, is worth a word.
const STOLEN_FROM_PERCENT: f64 = 1.0;

/// What the machine still had to give, and what that means.
fn machine(machine: &MachineFigures) -> String {
    let mut text = format!(
        " Of the machine's processors {:.0} % were idle, and {:.0} % in the tightest 10 s (from {:.0} s on, {}).",
        machine.idle_percent,
        machine.tightest_idle_percent,
        machine.tightest_begin_s,
        place(&machine.tightest_episode),
    );
    if machine.stolen_percent >= STOLEN_FROM_PERCENT {
        text += &format!(
            " Its host kept {:.0} % of their time for others.",
            machine.stolen_percent
        );
    }
    if machine.tightest_idle_percent < TIGHT_BELOW_PERCENT {
        text += " What was late then may have waited for a processor: compare with a larger machine, or fewer users.";
    }
    text
}

/// When every write to a disk was late.
fn disk_stalls(stalls: &[DiskStallFigures]) -> String {
    let lasted = |one: &&DiskStallFigures, other: &&DiskStallFigures| {
        one.lasted_s.total_cmp(&other.lasted_s)
    };
    let Some(longest) = stalls.iter().max_by(lasted) else {
        return String::new();
    };
    format!(
        " A disk stood still for a fifth of a second or longer {}, at worst {} for {:.1} s (from {:.0} s on, {}): every write of every member \
         waited for it.",
        times(stalls.len()),
        longest.disk,
        longest.lasted_s,
        longest.begin_s,
        place(&longest.episode),
    )
}

fn times(count: usize) -> String {
    match count {
        1 => "once".into(),
        many => format!("{many} times"),
    }
}

/// Where in the run something was.
fn place(episode: &str) -> String {
    match episode {
        "" => "in quiet time".into(),
        episode => format!("in {episode}"),
    }
}

/// The users' time in the worst window of each length.
fn uptime(worst: &[WorstWindow]) -> String {
    let part =
        |worst: &WorstWindow| format!("{:.2} % of {:.0} s", worst.up_percent, worst.window_s);
    let parts: Vec<_> = worst.iter().map(part).collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(
            " In the worst window users were up for {}.",
            parts.join(", ")
        ),
    }
}

fn percentiles(of: &Percentiles) -> [Cell; 5] {
    [of.p50_ms, of.p95_ms, of.p99_ms, of.p999_ms, of.max_ms]
        .map(|ms| Cell::bad_if(ms.is_none(), millis(ms)))
}

/// What each component counted itself: traffic crossed all of them.
pub(crate) fn components(judgement: &Judgement) -> Section {
    let mut table = Table::new(&[
        ("component", Left),
        ("", Left),
        ("counter", Left),
        ("value", Right),
        ("by member", Left),
    ]);
    let scenario = SCENARIO.iter().map(|(component, word)| (*component, *word));
    let listed = |component: &Component| SCENARIO.iter().any(|(known, _)| known == component);
    let others = judgement.components.iter().map(|figures| figures.component);
    let others = others
        .filter(|component| !listed(component))
        .map(|component| (component, ""));
    for (component, word) in scenario.chain(others) {
        let figures = judgement
            .components
            .iter()
            .find(|figures| figures.component == component);
        let counters = figures
            .map(|figures| figures.counters.as_slice())
            .unwrap_or_default();
        if counters.is_empty() {
            let nothing = Cell::toned("no counter was read", Tone::Doubt);
            table.row([
                component.name().into(),
                word.into(),
                nothing,
                "-".into(),
                "".into(),
            ]);
        }
        for (position, counter) in counters.iter().enumerate() {
            let first = |text: &'static str| Cell::from(if position == 0 { text } else { "" });
            let head = [first(component.name()), first(word)];
            table.row(head.into_iter().chain(counter_row(counter)));
        }
    }
    let note = "increase over the run; a level, marked max, is the highest value seen";
    table.under("components", note)
}

fn counter_row(counter: &CounterFigures) -> [Cell; 3] {
    let members = counter
        .by_member
        .iter()
        .map(|(member, n)| format!("{member}: {}", amount(*n)));
    let value = match counter.kind {
        Kind::Total => amount(counter.value),
        Kind::Highest => format!("max {}", amount(counter.value)),
    };
    let members = members.collect::<Vec<_>>().join(", ");
    [
        counter.counter.as_str().into(),
        value.into(),
        Cell::toned(members, Tone::Faint),
    ]
}

/// What the topology costs.
pub(crate) fn bill(judgement: &Judgement) -> Section {
    let mut table = Table::new(&[
        ("row", Left),
        ("count", Right),
        ("unit", Right),
        ("sum", Right),
        ("what", Left),
    ]);
    let bill = &judgement.bill;
    for line in &bill.lines {
        table.row([
            line.row.as_str().into(),
            line.count.to_string().into(),
            usd(line.unit_usd).into(),
            usd(line.sum_usd).into(),
            Cell::toned(line.title.as_str(), Tone::Faint),
        ]);
    }
    let limit = judgement.contract.monthly_usd;
    let over = limit.is_some_and(|limit| bill.total_usd > limit);
    let limit = limit.map_or_else(String::new, |limit| format!("limit {}", usd(limit)));
    let total = Cell::bad_if(over, usd(bill.total_usd));
    table.row(["total".into(), "".into(), "".into(), total, limit.into()]);
    table.under("bill", "US dollars a month")
}

/// How to repeat it: what for, and the command.
pub(crate) fn again(judgement: &Judgement) -> [(&'static str, &str); 2] {
    [
        ("run it again", &judgement.rerun),
        ("judge this recording again", &judgement.rejudge),
    ]
}
