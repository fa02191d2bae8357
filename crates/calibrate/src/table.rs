//! Known against measured, row by row.

use std::fmt;

use judge::Verdict;

/// Of an error beyond the allowed one, the machine's own delay explains this many times its length: the
/// request may be sent late, answered late and read late.
const DELAYS_IN_A_REQUEST: f64 = 3.0;

/// Milliseconds.
pub(crate) const MS: &str = "ms";
/// Percent.
pub(crate) const PERCENT: &str = "%";
/// How many.
pub(crate) const COUNT: &str = "n";

/// One figure, known and measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub what: String,
    /// Unit of the numbers: [`MS`], [`PERCENT`] or [`COUNT`].
    pub unit: &'static str,
    /// What the target did, by its own clock and its own count.
    pub known: f64,
    /// What the judge made of it; none when it found nothing, or something else.
    pub measured: Option<f64>,
    /// The stated error.
    pub allowed: f64,
    /// Held within the stated error, broken beyond it, unproven where the machine was too busy.
    pub verdict: Verdict,
    /// Why it is unproven; empty otherwise.
    pub why: String,
}

/// What may spoil a measurement from outside.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Conditions {
    /// Longest delay of the machine, the generator's own among them, in milliseconds.
    pub(crate) delay_ms: f64,
    /// What the judge itself says against the recording, such as a late generator; empty for nothing.
    pub(crate) doubts: String,
}

impl Row {
    /// Judges a measurement made under the given conditions.
    ///
    /// An error is unproven, not broken, where the machine's delays can explain it: a busy machine must not
    /// look like a wrong judge. An error that they can't explain is broken however busy the machine was.
    pub(crate) fn new(
        what: impl Into<String>,
        unit: &'static str,
        known: f64,
        measured: Option<f64>,
        allowed: f64,
        conditions: &Conditions,
    ) -> Self {
        let error = measured.map_or(f64::INFINITY, |measured| (measured - known).abs());
        let delay_ms = conditions.delay_ms;
        // A delay moves times; it makes nothing appear or vanish.
        let explained = unit == MS && error <= allowed + DELAYS_IN_A_REQUEST * delay_ms;
        let (verdict, why) = match () {
            () if !conditions.doubts.is_empty() => (Verdict::Unproven, conditions.doubts.clone()),
            () if error <= allowed => (Verdict::Held, String::new()),
            () if explained => {
                let why = format!("the machine itself was up to {delay_ms:.1} ms late");
                (Verdict::Unproven, why)
            }
            () => (Verdict::Broken, String::new()),
        };
        Self {
            what: what.into(),
            unit,
            known,
            measured,
            allowed,
            verdict,
            why,
        }
    }
}

/// What one experiment or all of them found. It is displayed as aligned text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The rows, in the order of the experiments.
    pub rows: Vec<Row>,
    /// What is worth knowing beside the rows.
    pub notes: Vec<String>,
}

impl Table {
    /// Puts another experiment's rows and notes below.
    pub(crate) fn append(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.notes.extend(other.notes);
    }

    /// The worst of the rows; unproven when there is none.
    pub fn verdict(&self) -> Verdict {
        let worst = self.rows.iter().map(|row| row.verdict).max();
        worst.unwrap_or(Verdict::Unproven)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.what.len()).max();
        let width = width.unwrap_or(0);
        let head = ["known", "measured", "error", "allowed"];
        write!(f, "{:width$}  unit", "what")?;
        head.iter().try_for_each(|name| write!(f, "  {name:>11}"))?;
        writeln!(f, "  verdict")?;
        for row in &self.rows {
            let error = row.measured.map(|measured| measured - row.known);
            let number = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.1}"));
            write!(
                f,
                "{:width$}  {:<4}  {:>11.1}",
                row.what, row.unit, row.known
            )?;
            write!(f, "  {:>11}", number(row.measured))?;
            let signed = error.map_or("-".into(), |error| format!("{error:+.1}"));
            write!(f, "  {signed:>11}  {:>11.1}", row.allowed)?;
            writeln!(f, "  {}", row.verdict.name())?;
        }
        let mut reasons: Vec<_> = self.rows.iter().map(|row| &row.why).collect();
        reasons.retain(|why| !why.is_empty());
        reasons.dedup();
        reasons
            .iter()
            .try_for_each(|why| writeln!(f, "unproven: {why}"))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(measured: Option<f64>, delay_ms: f64, doubts: &str) -> Row {
        let conditions = Conditions {
            delay_ms,
            doubts: doubts.into(),
        };
        Row::new("outage", MS, 5000.0, measured, 20.0, &conditions)
    }

    #[test]
    fn within_the_error_is_held_and_beyond_it_broken() {
        assert_eq!(row(Some(5020.0), 1.0, "").verdict, Verdict::Held);
        assert_eq!(row(Some(4979.0), 0.0, "").verdict, Verdict::Broken);
        assert_eq!(row(None, 1.0, "").verdict, Verdict::Broken);
    }

    #[test]
    fn a_busy_machine_explains_as_much_as_it_was_late_and_no_more() {
        assert_eq!(row(Some(5100.0), 30.0, "").verdict, Verdict::Unproven);
        assert_eq!(row(Some(5500.0), 30.0, "").verdict, Verdict::Broken);
    }

    #[test]
    fn what_the_judge_doubts_is_unproven_even_if_it_fits() {
        let row = row(Some(5000.0), 0.0, "generator late");
        assert_eq!(
            (row.verdict, row.why.as_str()),
            (Verdict::Unproven, "generator late")
        );
    }

    #[test]
    fn the_table_is_aligned_and_the_worst_row_counts() {
        let rows = vec![row(Some(5001.24), 0.0, ""), row(None, 0.0, "late")];
        let table = Table {
            rows,
            notes: vec!["a note".into()],
        };
        assert_eq!(table.verdict(), Verdict::Unproven);
        assert_eq!(Table::default().verdict(), Verdict::Unproven);
        let text = table.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[1],
            "outage  ms         5000.0       5001.2         +1.2         20.0  held"
        );
        assert_eq!(lines[3..], ["unproven: late", "a note"]);
        assert_eq!(lines[0].find("verdict"), lines[1].find("held"));
    }
}
