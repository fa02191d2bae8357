//! What was done, what users noticed of it, and when.

use drill::Class;
use judge::{EpisodeFigures, Judgement, Toll};

use crate::{
    document::{
        Align::{Left, Right},
        Cell, Section, Table, Tone,
    },
    words::{count, longest, seconds, trouble},
};

/// One row for each episode: what was hit, and what users noticed of it.
pub(crate) fn episodes(judgement: &Judgement) -> Section {
    let mut table = Table::new(&[
        ("episode", Left),
        ("fault", Left),
        ("hit", Left),
        ("requests", Right),
        ("errors", Right),
        ("bad s", Right),
        ("equiv s", Right),
        ("troubled", Left),
        ("down", Left),
    ]);
    for (row, burn) in judgement.episodes.iter().zip(&judgement.budget.burns) {
        let hit = match row.members.as_slice() {
            [] => row.target.clone(),
            [member] => member.clone(),
            // The page names them all.
            [first, others @ ..] => format!("{first} +{}", others.len()),
        };
        let what = [
            row.name.as_str().into(),
            row.fault.as_str().into(),
            hit.into(),
        ];
        table.row(
            what.into_iter()
                .chain(toll(&row.toll, longest(&row.outages))),
        );
        if burn.per_window != 1.0 {
            let times = format!("per window: {:.2} times", burn.per_window);
            table.note(times, Tone::Faint);
        }
        if let Some(trouble) = trouble(row.state) {
            table.note(format!("{trouble}: {}", row.detail), Tone::Doubt);
        }
    }
    let quiet = &judgement.quiet;
    let length = format!("{:.0} s", quiet.seconds);
    table.row(
        [Cell::from("(quiet time)"), "".into(), length.into()]
            .into_iter()
            .chain(toll(&quiet.toll, "-".into())),
    );
    let note = "what broke, and what users noticed; seconds are of the worst class";
    let mut section = table.under("episodes", note);
    section.closing = "Equiv s: bad-second-equivalents. Troubled: the class that was so for longest, and for how many seconds, from its \
                       first bad request to the good one after its last. Down: classes with a second in which \
                       more than half was bad."
        .into();
    section
}

/// What users noticed; the outages of the quiet time are not one stretch, so they have no length.
fn toll(toll: &Toll, troubled: String) -> [Cell; 6] {
    let down: Vec<_> = toll.down.iter().map(|class| class.name()).collect();
    let down = match down.len() {
        n if n == Class::ALL.len() => "all".into(),
        0 => "-".into(),
        _ => down.join(" "),
    };
    [
        count(toll.requests).into(),
        Cell::bad_if(toll.bad > 0, count(toll.bad)),
        count(toll.bad_seconds).into(),
        format!("{:.2}", toll.bad_second_equivalents).into(),
        Cell::from(troubled),
        Cell::bad_if(!toll.down.is_empty(), down),
    ]
}

/// When things happened, counted from each fault.
pub(crate) fn stopwatch(judgement: &Judgement) -> Section {
    let mut table = Table::new(&[
        ("episode", Left),
        ("effect", Right),
        ("seen", Right),
        ("replaced", Right),
        ("first", Right),
        ("last", Right),
        ("back", Right),
        ("at risk", Right),
        ("outage", Right),
        ("told by", Left),
    ]);
    for row in judgement
        .episodes
        .iter()
        .filter(|row| row.begin_s.is_some())
    {
        table.row(stopwatch_row(row));
    }
    let note = "seconds after the fault was asked for; -: not seen";
    let mut section = table.under("stopwatch", note);
    section.closing = "Seen: ill health of the victim. First, last: bad request. Back: from healing to full health. Outage: seconds on end \
                       in which more than half of a class was bad."
        .into();
    section
}

fn stopwatch_row(row: &EpisodeFigures) -> [Cell; 10] {
    // The first to tell; the verdict's file has all.
    let told = row.detected_s.iter();
    let first = told.min_by(|a, b| a.1.total_cmp(b.1));
    let first = first.map(|(component, after_s)| format!("{component} {after_s:.1}"));
    [
        row.name.as_str().into(),
        seconds(row.effect_s).into(),
        seconds(row.noticed_s).into(),
        seconds(row.replaced_s).into(),
        seconds(row.first_bad_s).into(),
        seconds(row.last_bad_s).into(),
        seconds(row.recovery_s).into(),
        seconds(row.exposed_s).into(),
        count(row.toll.longest_outage_s).into(),
        first.unwrap_or_else(|| "-".into()).into(),
    ]
}
