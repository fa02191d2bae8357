//! The sections as plain text in aligned columns, with colour where it is wanted.

use crate::{
    document::{Align, Cell, Row, Section, Table, Tone},
    words::wrap,
};

/// Widest line.
pub(crate) const WIDTH: usize = 100;
/// Space before each line below a heading.
pub(crate) const INDENT: &str = "  ";

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
        // Nothing needs no colour, and must still be nothing at the end of a line.
        match self.0 && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    /// Indented lines that keep to the width.
    pub(crate) fn paragraph(self, tone: Tone, text: &str) -> String {
        let lines = wrap(text, WIDTH - INDENT.len()).into_iter();
        let line = |line: String| format!("{INDENT}{}\n", self.tone(tone, &line));
        lines.map(line).collect()
    }

    /// A whole section.
    pub(crate) fn section(self, section: &Section) -> String {
        let title = self.tone(Tone::Heading, &section.title.to_uppercase());
        let note = self.tone(Tone::Faint, section.note);
        let intro = self.paragraph(Tone::Plain, &section.intro);
        let closing = self.paragraph(Tone::Plain, &section.closing);
        format!(
            "{title}  {note}\n{intro}{}{closing}",
            self.table(&section.table)
        )
    }

    /// The lines, each ended. The last column takes what is left of the line, and wraps.
    fn table(self, table: &Table) -> String {
        let columns = Columns::of(table);
        let mut out = String::new();
        if table.has_head() {
            let head = table
                .columns
                .iter()
                .map(|(title, _)| Cell::toned(*title, Tone::Faint));
            out += &columns.line(&head.collect::<Vec<_>>(), self);
        }
        for row in &table.rows {
            match row {
                Row::Cells(cells) => out += &columns.line(cells, self),
                Row::Note(cell) => {
                    let indent = INDENT.repeat(2);
                    for line in wrap(&cell.text, WIDTH - indent.len()) {
                        out += &format!("{indent}{}\n", self.tone(cell.tone, &line));
                    }
                }
            }
        }
        out
    }
}

/// Width and alignment of each column.
struct Columns(Vec<(usize, Align)>);

impl Columns {
    fn of(table: &Table) -> Self {
        let titles = table.columns.iter();
        let mut columns: Vec<_> = titles
            .map(|(title, align)| (title.chars().count(), *align))
            .collect();
        for row in &table.rows {
            let Row::Cells(cells) = row else { continue };
            for ((width, _), cell) in columns.iter_mut().zip(cells) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let before = Self::before_last(&columns);
        if let Some((last, _)) = columns.last_mut() {
            *last = (*last)
                .min(WIDTH.saturating_sub(before + INDENT.len()))
                .max(1);
        }
        Self(columns)
    }

    fn before_last(columns: &[(usize, Align)]) -> usize {
        columns
            .iter()
            .rev()
            .skip(1)
            .map(|(width, _)| width + INDENT.len())
            .sum()
    }

    fn line(&self, cells: &[Cell], paint: Paint) -> String {
        let mut line = String::new();
        let mut rest = vec![];
        for (position, (cell, (width, align))) in cells.iter().zip(&self.0).enumerate() {
            let mut lines = match position + 1 == self.0.len() {
                true => wrap(&cell.text, *width),
                false => vec![cell.text.clone()],
            };
            let text = if lines.is_empty() {
                String::new()
            } else {
                lines.remove(0)
            };
            let padding = " ".repeat(width.saturating_sub(text.chars().count()));
            let text = paint.tone(cell.tone, &text);
            line += INDENT;
            line += &match align {
                Align::Left => text + &padding,
                Align::Right => padding + &text,
            };
            rest = lines
                .iter()
                .map(|line| paint.tone(cell.tone, line))
                .collect();
        }
        let mut out = line.trim_end().to_owned() + "\n";
        let indent = " ".repeat(Self::before_last(&self.0) + INDENT.len());
        for more in rest {
            out += &format!("{indent}{more}\n");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Align::{Left, Right};

    #[test]
    fn columns_are_aligned_and_the_last_one_wraps() {
        let mut table = Table::new(&[("name", Left), ("n", Right), ("rest", Left)]);
        table.row(["a".into(), "10".into(), "word ".repeat(30).into()]);
        table.row(["long".into(), "7".into(), "".into()]);
        table.note("but".into(), Tone::Bad);
        let text = Paint(false).table(&table);
        assert_eq!(text.lines().next(), Some("  name   n  rest"));
        assert_eq!(text.lines().nth(3), Some("  long   7"));
        assert!(text.ends_with("    but\n"));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn colour_changes_no_width() {
        let mut table = Table::new(&[("", Right), ("", Left)]);
        table.row([Cell::toned("x", Tone::Bad), Cell::bad_if(true, "y")]);
        table.row(["long".into(), "y".into()]);
        let bare = Paint(false).table(&table);
        let mut painted = Paint(true).table(&table);
        for code in ["\x1b[31;1m", "\x1b[0m"] {
            painted = painted.replace(code, "");
        }
        assert_eq!(bare, painted);
        assert!(bare.starts_with("     x  y\n"));
    }
}
