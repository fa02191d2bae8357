//! The survival matrix: who was hit, in which way, and what users saw of it.

use judge::survival::{
    Cell as Trials, CellFigures, CellState, Excluded, Matrix, MatrixRow, Spread,
};

use crate::{
    document::{
        Align::{Left, Right},
        Cell, Section, Table, Tone,
    },
    words::{amount, count},
};

/// All sections of a survival matrix.
pub(crate) fn survival(matrix: &Matrix) -> [Section; 5] {
    [
        grid(matrix),
        toll(matrix),
        stopwatch(matrix),
        doubts(matrix),
        lacking(matrix),
    ]
}

/// What the matrix comes to, in a sentence.
pub(crate) fn survival_headline(matrix: &Matrix) -> String {
    let of = |state: CellState| matrix.states.get(&state).copied().unwrap_or(0);
    let told = [
        (of(CellState::Clean), "cost users nothing"),
        (of(CellState::Felt), "cost requests"),
        (of(CellState::Down), "took a class down or did not recover"),
        (of(CellState::Unproven), "proved nothing"),
        (matrix.untried, "not tried"),
    ];
    let told = told.into_iter().filter(|(cells, _)| *cells > 0);
    let told: Vec<_> = told
        .map(|(cells, words)| format!("{cells} {words}"))
        .collect();
    match told.as_slice() {
        [] => "nothing was asked for".into(),
        told => told.join(", "),
    }
}

/// Under which conditions, and from which runs.
pub(crate) fn survival_about(matrix: &Matrix) -> [String; 2] {
    let asked = &matrix.asked;
    let blows: Vec<_> = asked.blows.iter().map(|blow| blow.name()).collect();
    let settings = asked.settings.iter();
    let settings: String = settings
        .map(|(name, value)| format!(" with {name}={value}"))
        .collect();
    [
        format!(
            "Topology {} of platform {}{settings}, {} users, each blow held for {} s: {}; {} of each asked for.",
            asked.topology,
            asked.platform,
            asked.users,
            amount(asked.hold_s),
            blows.join(", "),
            asked.repetitions,
        ),
        match matrix.runs.as_slice() {
            [] => "No run has tried any of it.".into(),
            [run] => format!("Trials are from run {run}."),
            runs => format!("Trials are from {} runs: {}.", runs.len(), runs.join(", ")),
        },
    ]
}

fn grid(matrix: &Matrix) -> Section {
    let mut columns = vec![("hit", Left), ("as", Left)];
    columns.extend(matrix.asked.blows.iter().map(|blow| (blow.name(), Left)));
    let mut table = Table::new(&columns);
    for row in &matrix.rows {
        let who = [row.member.as_str().into(), roles(row).into()];
        table.row(who.into_iter().chain(row.cells.iter().map(verdict)));
    }
    let note = "bad-second-equivalents of the worst class, median/worst of several trials";
    let mut section = table.under("survival", note);
    section.closing = "Clean: no request failed. Down: a second in which more than half of a class was bad. Not back: no full \
                       health in time. Not counted: see below. Unproven: no trial proves anything. -: not tried in that role."
        .into();
    section
}

/// A cell of the matrix in a few words.
fn verdict(cell: &Trials) -> Cell {
    let times = match cell.trials {
        0 | 1 => String::new(),
        many => format!(" x{many}"),
    };
    let aside = cell.excluded.as_ref().map_or_else(String::new, aside);
    let Some(figures) = &cell.figures else {
        return match cell.state {
            CellState::Missing => Cell::toned("-", Tone::Faint),
            _ => Cell::toned(format!("unproven{aside}"), Tone::Doubt),
        };
    };
    let cost = spread(&figures.equivalents, 2, cell.trials);
    let class = figures.worst_class.map_or("", |class| class.name());
    match cell.state {
        CellState::Clean => Cell::toned(format!("clean{times}{aside}"), Tone::Good),
        CellState::Down => {
            let part = |word: &str, trials: u64| match trials {
                0 => String::new(),
                all if all == cell.trials => format!(", {word}"),
                some => format!(", {word} in {some}"),
            };
            let (down, not_back) = (
                part("down", figures.down_in),
                part("not back", figures.not_back),
            );
            let cost = format!("{cost} {class}");
            let text = format!("{}{times}{down}{not_back}{aside}", cost.trim_end());
            Cell::toned(text, Tone::Bad)
        }
        _ => format!("{cost} {class}{times}{aside}").into(),
    }
}

/// How many trials stand beside those that count, and whether they looked alike.
fn aside(excluded: &Excluded) -> String {
    match excluded.felt {
        0 => format!(" (+{} not counted)", excluded.trials),
        felt => format!(" (+{} not counted, {felt} felt)", excluded.trials),
    }
}

fn roles(row: &MatrixRow) -> String {
    let words: Vec<_> = row.roles.iter().map(|role| role.word()).collect();
    match words.as_slice() {
        [] => "-".into(),
        words => words.join(", "),
    }
}

fn toll(matrix: &Matrix) -> Section {
    let mut table = Table::new(&[
        ("hit", Left),
        ("as", Left),
        ("blow", Left),
        ("n", Right),
        ("equiv s", Right),
        ("bad s", Right),
        ("troubled", Right),
        ("lost", Right),
        ("twice", Right),
        ("again", Right),
        ("errors by class", Left),
    ]);
    each(matrix, &mut table, |n, figures| {
        let whole = |of: &Spread| spread(of, 0, n);
        vec![
            spread(&figures.equivalents, 2, n).into(),
            whole(&figures.bad_seconds).into(),
            spread(&figures.troubled_s, 1, n).into(),
            Cell::bad_if(figures.lost.worst > Some(0.0), whole(&figures.lost)),
            Cell::bad_if(
                figures.duplicated.worst > Some(0.0),
                whole(&figures.duplicated),
            ),
            whole(&figures.good_again).into(),
            errors(figures, n),
        ]
    });
    let note =
        "what users saw; median/worst of several trials, and how many of them have the figure";
    let mut section = table.under("users", note);
    section.closing = "N: trials that count. Equiv s, bad s: of the worst class. Troubled: seconds from a class's first bad request to the \
                       good one after its last. Lost, twice: acknowledged readings; again: requests that were good only at the client's second \
                       attempt; ? where nobody looked."
        .into();
    section
}

/// Requests without a good answer; classes that were down stand out.
fn errors(figures: &CellFigures, trials: u64) -> Cell {
    let class = |(class, errors): (&drill::Class, &Spread)| {
        let down = if figures.down.contains(class) {
            " down"
        } else {
            ""
        };
        let due = figures.requests.get(class).copied().unwrap_or(0);
        format!(
            "{class} {} of {}{down}",
            spread(errors, 0, trials),
            due / trials.max(1)
        )
    };
    let all: Vec<_> = figures.errors.iter().map(class).collect();
    match all.is_empty() {
        true => "none".into(),
        false => Cell::bad_if(!figures.down.is_empty(), all.join(", ")),
    }
}

fn stopwatch(matrix: &Matrix) -> Section {
    let mut table = Table::new(&[
        ("hit", Left),
        ("as", Left),
        ("blow", Left),
        ("n", Right),
        ("effect", Right),
        ("noticed", Right),
        ("replaced", Right),
        ("back", Right),
        ("at risk", Right),
    ]);
    each(matrix, &mut table, |n, figures| {
        let one = |of: &Spread| {
            Cell::from(match of.worst {
                None => "-".into(),
                Some(_) => spread(of, 1, n),
            })
        };
        vec![
            one(&figures.effect_s),
            one(&figures.noticed_s),
            one(&figures.replaced_s),
            one(&figures.back_s),
            one(&figures.at_risk_s),
        ]
    });
    let note = "seconds after the blow; -: not seen";
    let mut section = table.under("stopwatch", note);
    section.closing = "Effect: the engine's word. Noticed: first sight of the victim's ill health. Replaced: another member in its role. \
                       Back: from healing to full health. At risk: from the blow to full health."
        .into();
    section
}

/// A row for each cell with trials that count.
fn each(matrix: &Matrix, table: &mut Table, figures: impl Fn(u64, &CellFigures) -> Vec<Cell>) {
    for row in &matrix.rows {
        for cell in &row.cells {
            let Some(of) = &cell.figures else { continue };
            let head = [
                row.member.as_str().into(),
                roles(row).into(),
                cell.blow.name().into(),
                Cell::from(cell.trials.to_string()),
            ];
            table.row(head.into_iter().chain(figures(cell.trials, of)));
        }
    }
}

/// A row for each cell with trials that do not count: what they showed, and why they do not.
fn doubts(matrix: &Matrix) -> Section {
    let mut table = Table::new(&[
        ("hit", Left),
        ("as", Left),
        ("blow", Left),
        ("n", Right),
        ("felt", Right),
        ("down", Right),
        ("errors", Right),
        ("bad s", Right),
        ("why", Left),
    ]);
    for row in &matrix.rows {
        for cell in &row.cells {
            let Some(excluded) = &cell.excluded else {
                continue;
            };
            let number = |value: u64| Cell::from(count(value));
            table.row([
                row.member.as_str().into(),
                roles(row).into(),
                cell.blow.name().into(),
                number(excluded.trials),
                number(excluded.felt),
                number(excluded.down),
                number(excluded.worst_bad),
                number(excluded.worst_bad_seconds),
                Cell::toned(excluded.reasons.join("; "), Tone::Doubt),
            ]);
        }
    }
    let mut section = table.under(
        "not counted",
        "trials that prove nothing, and what they showed",
    );
    section.closing = "N: such trials. Felt, down: how many of them cost requests or took a class down. Errors, bad s: of the worst of \
                       them. Why a trial does not count never depends on what it cost."
        .into();
    if section.table.rows.is_empty() {
        section.table.columns.clear();
        section.closing = "Every trial counts.".into();
    }
    section
}

fn lacking(matrix: &Matrix) -> Section {
    let mut table = Table::new(&[("blow", Left), ("who", Left)]);
    for blow in &matrix.asked.blows {
        let of_blow = matrix.lacking.iter().filter(|l| l.blow == *blow);
        let repetitions = matrix.asked.repetitions;
        let who: Vec<_> = of_blow
            .map(|l| format!("{} {}/{repetitions}", l.subject.name(), l.counted))
            .collect();
        if !who.is_empty() {
            table.row([Cell::from(blow.name()), who.join(", ").into()]);
        }
    }
    let mut section = table.under("missing", "trials that count, of those asked for");
    let roles: Vec<_> = matrix
        .roles_not_hit
        .iter()
        .map(|role| role.name())
        .collect();
    let complete = match matrix.is_complete() {
        true => {
            section.table.columns.clear();
            "Nothing is missing."
        }
        false => "`gameday survive --missing` tries what is.",
    };
    section.closing = match roles.as_slice() {
        [] => complete.into(),
        roles => format!(
            "{complete} Nobody was hit as {}: `--only` takes a role, too.",
            roles.join(", ")
        ),
    };
    section
}

/// One value where there was one trial, else median/worst; with the number of trials that have it where not all do.
fn spread(of: &Spread, decimals: usize, trials: u64) -> String {
    let (Some(median), Some(worst)) = (of.median, of.worst) else {
        return "?".into();
    };
    let number = |value: f64| match decimals {
        0 => amount(value),
        _ => format!("{value:.decimals$}"),
    };
    let (median, worst) = (number(median), number(worst));
    let both = match of.seen > 1 && median != worst {
        true => format!("{median}/{worst}"),
        false => worst,
    };
    match of.seen < trials {
        true => format!("{both} ({}/{trials})", of.seen),
        false => both,
    }
}
