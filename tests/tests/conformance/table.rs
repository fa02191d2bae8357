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
    /// Whether it is as it should be; nothing where it can't be tried here.
    pub(crate) held: Option<bool>,
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
    "let go: digest",
    "killed: gone after",
    "verdict",
];

impl Table {
    /// What is not as it should be.
    pub(crate) fn broken(&self) -> usize {
        self.0.iter().filter(|row| row.held == Some(false)).count()
    }
}

impl Row {
    fn cells(&self) -> [&str; 8] {
        let verdict = match self.held {
            Some(true) => "held",
            Some(false) => "BROKEN",
            None => "not available here",
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
