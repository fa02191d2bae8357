//! What was asked, what was measured, and whether it is within the tolerance.

use std::fmt;

/// One line of the table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    /// The mechanism.
    pub(crate) backend: &'static str,
    /// The fault.
    pub(crate) fault: String,
    /// What the order says.
    pub(crate) asked: String,
    /// What was seen.
    pub(crate) measured: String,
    /// How far it may be from what was asked.
    pub(crate) tolerance: String,
    /// What became of the target's state when the agent was let go.
    pub(crate) let_go: String,
    /// After how many milliseconds a killed agent's fault was gone.
    pub(crate) killed: String,
    /// Whether it is as it should be.
    pub(crate) verdict: Verdict,
}

/// What a line comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Held,
    /// Not as it should be.
    Broken,
    /// This kernel does not have the mechanism: nothing is known about it.
    #[default]
    NotAvailable,
    /// The mechanism has no such effect on any kernel, and refused the order.
    NotOffered,
}

impl From<bool> for Verdict {
    fn from(held: bool) -> Self {
        if held { Self::Held } else { Self::Broken }
    }
}

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<Row>);

const HEADS: [&str; 8] = [
    "backend",
    "fault",
    "asked",
    "measured",
    "tolerance",
    "let go",
    "killed",
    "verdict",
];

impl Table {
    /// What is not as it should be.
    pub(crate) fn broken(&self) -> usize {
        self.0
            .iter()
            .filter(|row| row.verdict == Verdict::Broken)
            .count()
    }
}

impl Row {
    fn cells(&self) -> [&str; 8] {
        let verdict = match self.verdict {
            Verdict::Held => "held",
            Verdict::Broken => "BROKEN",
            Verdict::NotAvailable => "not available on this kernel",
            Verdict::NotOffered => "not offered",
        };
        [
            self.backend,
            &self.fault,
            &self.asked,
            &self.measured,
            &self.tolerance,
            &self.let_go,
            &self.killed,
            verdict,
        ]
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![HEADS];
        lines.extend(self.0.iter().map(Row::cells));
        let width = |column: usize| {
            let cells = lines.iter().map(|cells| cells[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: [usize; 8] = std::array::from_fn(width);
        for (number, cells) in lines.iter().enumerate() {
            let padded = cells
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "| {} |", padded.collect::<Vec<_>>().join(" | "))?;
            if number == 0 {
                let rule = widths.map(|width| "-".repeat(width));
                writeln!(f, "| {} |", rule.join(" | "))?;
            }
        }
        Ok(())
    }
}
