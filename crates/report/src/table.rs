//! Aligned columns, with colour where it is wanted.

use judge::Verdict;

use crate::words::wrap;

/// Widest line.
pub(crate) const WIDTH: usize = 100;
/// Space before each line below a heading.
pub(crate) const INDENT: &str = "  ";

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

/// Whether there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    /// The text in its tone.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32;1",
            Tone::Doubt => "33;1",
            Tone::Bad => "31;1",
            Tone::Faint => "2",
            Tone::Heading => "1",
        };
        match self.0 {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    /// A section's first line.
    pub(crate) fn heading(self, title: &str, note: &str) -> String {
        let title = self.tone(Tone::Heading, &title.to_uppercase());
        match note {
            "" => format!("{title}\n"),
            note => format!("{title}  {}\n", self.tone(Tone::Faint, note)),
        }
    }
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
    text: String,
    tone: Tone,
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

/// Rows of fields under titles. The last column takes what is left of the line, and wraps.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Row>,
}

#[derive(Debug)]
enum Row {
    Cells(Vec<Cell>),
    /// A remark on the row above it.
    Note(Cell),
}

impl Table {
    /// Columns by title; a title of none has no head line.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: vec![],
        }
    }

    /// Adds a row, which has a cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row::Cells(cells.into_iter().collect()));
    }

    /// Adds a remark on the row before.
    pub(crate) fn note(&mut self, cell: Cell) {
        self.rows.push(Row::Note(cell));
    }

    /// The lines, each ended.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let widths = self.widths();
        let mut out = String::new();
        if self.columns.iter().any(|(title, _)| !title.is_empty()) {
            let head = self
                .columns
                .iter()
                .map(|(title, _)| Cell::toned(*title, Tone::Faint));
            out += &self.line(&head.collect::<Vec<_>>(), &widths, paint);
        }
        for row in &self.rows {
            match row {
                Row::Cells(cells) => out += &self.line(cells, &widths, paint),
                Row::Note(cell) => {
                    let indent = INDENT.repeat(2);
                    for line in wrap(&cell.text, WIDTH - indent.len()) {
                        out += &format!("{indent}{}\n", paint.tone(cell.tone, &line));
                    }
                }
            }
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<_> = self
            .columns
            .iter()
            .map(|(title, _)| title.chars().count())
            .collect();
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let before = widths
            .iter()
            .rev()
            .skip(1)
            .map(|width| width + INDENT.len())
            .sum::<usize>();
        if let Some(last) = widths.last_mut() {
            *last = (*last)
                .min(WIDTH.saturating_sub(before + INDENT.len()))
                .max(1);
        }
        widths
    }

    fn line(&self, cells: &[Cell], widths: &[usize], paint: Paint) -> String {
        let mut line = String::new();
        let mut rest = vec![];
        let last = cells.len().saturating_sub(1);
        for (position, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let mut lines = vec![cell.text.clone()];
            if position == last {
                lines = wrap(&cell.text, *width);
            }
            let text = lines.first().cloned().unwrap_or_default();
            let padding = " ".repeat(width.saturating_sub(text.chars().count()));
            let text = paint.tone(cell.tone, &text);
            let right = self
                .columns
                .get(position)
                .is_some_and(|(_, align)| *align == Align::Right);
            line += INDENT;
            line += &if right {
                padding + &text
            } else {
                text + &padding
            };
            rest = lines
                .into_iter()
                .skip(1)
                .map(|line| paint.tone(cell.tone, &line))
                .collect();
        }
        let mut out = line.trim_end().to_owned() + "\n";
        let before = widths[..last]
            .iter()
            .map(|width| width + INDENT.len())
            .sum::<usize>();
        for more in rest {
            out += &format!("{}{INDENT}{more}\n", " ".repeat(before));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_the_last_one_wraps() {
        let mut table = Table::new(&[
            ("name", Align::Left),
            ("n", Align::Right),
            ("rest", Align::Left),
        ]);
        table.row(["a".into(), "10".into(), "word ".repeat(30).into()]);
        table.row(["long".into(), "7".into(), "".into()]);
        table.note(Cell::toned("but", Tone::Bad));
        let text = table.render(Paint(false));
        assert_eq!(text.lines().next(), Some("  name   n  rest"));
        assert_eq!(text.lines().nth(3), Some("  long   7"));
        assert!(text.ends_with("    but\n"));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn colour_changes_no_width() {
        let mut table = Table::new(&[("", Align::Right), ("", Align::Left)]);
        table.row([Cell::toned("x", Tone::Bad), Cell::bad_if(true, "y")]);
        table.row(["long".into(), "y".into()]);
        let bare = table.render(Paint(false));
        let mut painted = table.render(Paint(true));
        for code in ["\x1b[31;1m", "\x1b[0m"] {
            painted = painted.replace(code, "");
        }
        assert_eq!(bare, painted);
        assert!(bare.starts_with("     x  y\n"));
    }
}
