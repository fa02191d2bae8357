//! The sections as plain text in aligned columns, with colour where it is wanted.

use crate::{
    document::{Align, Cell, Row, Section, Table, Tone},
    words::wrap,
};

/// Widest line.
pub(crate) const WIDTH: usize = 100;
/// Space before each line below a heading.
pub(crate) const INDENT: &str = "  ";

/// The last column has so much room, if it needs it; wide columns before it wrap for it.
const LAST: usize = 28;
/// No column wraps for the last one below this width.
const NARROWEST: usize = 12;

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
        Self::make_room(&mut columns);
        Self(columns)
    }

    /// Lets the line end where it should: wide columns of words wrap until the last one has room, which then takes what is left.
    fn make_room(columns: &mut [(usize, Align)]) {
        let Some(wanted) = columns.last().map(|(last, _)| *last) else {
            return;
        };
        let room = |columns: &[_]| WIDTH.saturating_sub(Self::before_last(columns) + INDENT.len());
        while room(columns) < wanted.min(LAST) {
            let before = columns.iter_mut().rev().skip(1);
            let wide = before.filter(|(width, align)| *align == Align::Left && *width > NARROWEST);
            let Some((widest, _)) = wide.max_by_key(|(width, _)| *width) else {
                break;
            };
            *widest -= 1;
        }
        let last = wanted.min(room(columns)).max(1);
        if let Some((width, _)) = columns.last_mut() {
            *width = last;
        }
    }

    fn before_last(columns: &[(usize, Align)]) -> usize {
        columns
            .iter()
            .rev()
            .skip(1)
            .map(|(width, _)| width + INDENT.len())
            .sum()
    }

    /// A row, over as many lines as its longest cell takes.
    fn line(&self, cells: &[Cell], paint: Paint) -> String {
        let wrapped = cells.iter().zip(&self.0).map(|(cell, (width, _))| {
            let fits = cell.text.chars().count() <= *width;
            match fits {
                true => vec![cell.text.clone()],
                false => wrap(&cell.text, *width),
            }
        });
        let wrapped: Vec<_> = wrapped.collect();
        let lines = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        let mut out = String::new();
        for number in 0..lines {
            let mut line = String::new();
            for ((of_cell, cell), (width, align)) in wrapped.iter().zip(cells).zip(&self.0) {
                let text = of_cell.get(number).map_or("", String::as_str);
                let padding = " ".repeat(width.saturating_sub(text.chars().count()));
                let text = paint.tone(cell.tone, text);
                line += INDENT;
                line += &match align {
                    Align::Left => text + &padding,
                    Align::Right => padding + &text,
                };
            }
            out += line.trim_end();
            out.push('\n');
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
    fn a_wide_column_wraps_before_the_last_one_is_a_word_wide() {
        let wide = "word ".repeat(14);
        let mut table = Table::new(&[("who", Left), ("as", Left), ("n", Right), ("why", Left)]);
        table.row([
            "x".repeat(20).as_str().into(),
            wide.as_str().into(),
            "7".into(),
            wide.as_str().into(),
        ]);
        let text = Paint(false).table(&table);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(lines.len(), 1 + 3, "{text}");
        assert!(lines[2].trim_start().starts_with("word word"), "{text}");
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
