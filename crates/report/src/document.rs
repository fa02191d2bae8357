//! What a report says, before it has a form: the same sections make the text and the page.

use judge::Verdict;

/// A heading with what belongs under it.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// How to read it.
    pub(crate) note: &'static str,
    /// Sentences before the table.
    pub(crate) intro: String,
    pub(crate) table: Table,
    /// Sentences after the table.
    pub(crate) closing: String,
}

/// Rows of cells under titles.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) columns: Vec<(&'static str, Align)>,
    pub(crate) rows: Vec<Row>,
}

/// One row.
#[derive(Debug)]
pub(crate) enum Row {
    /// A cell for each column.
    Cells(Vec<Cell>),
    /// A remark on the row above it.
    Note(Cell),
}

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// One field of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// What a piece of text means, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Doubt,
    Bad,
    Faint,
    Heading,
}

impl From<Verdict> for Tone {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Held => Self::Good,
            Verdict::Unproven => Self::Doubt,
            Verdict::Broken => Self::Bad,
        }
    }
}

impl Cell {
    /// In a tone of its own.
    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }

    /// Bad where `bad`, else plain.
    pub(crate) fn bad_if(bad: bool, text: impl Into<String>) -> Self {
        Self::toned(text, if bad { Tone::Bad } else { Tone::Plain })
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

impl Table {
    /// Columns by title; without any title there is no head line.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: vec![],
        }
    }

    /// Whether there is a head line.
    pub(crate) fn has_head(&self) -> bool {
        self.columns.iter().any(|(title, _)| !title.is_empty())
    }

    /// Adds a row, which has a cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row::Cells(cells.into_iter().collect()));
    }

    /// Adds a remark on the row before.
    pub(crate) fn note(&mut self, text: String, tone: Tone) {
        self.rows.push(Row::Note(Cell { text, tone }));
    }

    /// The table under a heading.
    pub(crate) fn under(self, title: &'static str, note: &'static str) -> Section {
        Section {
            title,
            note,
            intro: String::new(),
            table: self,
            closing: String::new(),
        }
    }
}
