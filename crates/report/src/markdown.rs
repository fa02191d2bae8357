//! The sections as Markdown, for a page of a repository.

use crate::document::{Align, Cell, Row, Section};

/// A whole section under a heading of the second level.
pub(crate) fn section(section: &Section) -> String {
    let title = capital(section.title);
    let parts = [
        format!("## {title}"),
        format!("{}.", capital(section.note)),
        section.intro.clone(),
        table(section),
        section.closing.clone(),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n") + "\n"
}

fn table(section: &Section) -> String {
    let columns = &section.table.columns;
    if section.table.rows.is_empty() {
        return String::new();
    }
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines = vec![
        line(
            columns
                .iter()
                .map(|(title, _)| (*title).to_owned())
                .collect(),
        ),
        line(
            columns
                .iter()
                .map(|(_, align)| rule(*align).to_owned())
                .collect(),
        ),
    ];
    for row in &section.table.rows {
        lines.push(line(match row {
            Row::Cells(cells) => cells.iter().map(plain).collect(),
            // The last column has the longest texts, and room for one more.
            Row::Note(cell) => {
                let mut cells = vec![String::new(); columns.len()];
                if let Some(last) = cells.last_mut() {
                    *last = plain(cell);
                }
                cells
            }
        }));
    }
    lines.join("\n")
}

fn rule(align: Align) -> &'static str {
    match align {
        Align::Left => "---",
        Align::Right => "---:",
    }
}

/// What has a meaning in Markdown or HTML is taken as it is written.
fn plain(cell: &Cell) -> String {
    let mut out = String::new();
    for c in cell.text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' => out.extend(['\\', c]),
            '<' => out += "&lt;",
            '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{
        Align::{Left, Right},
        Table, Tone,
    };

    #[test]
    fn every_line_has_every_column_and_no_cell_breaks_out() {
        let mut table = Table::new(&[("name", Left), ("n", Right)]);
        table.row(["a|b".into(), "<b>\nx".into()]);
        table.note("why *not*".into(), Tone::Doubt);
        let text = section(&table.under("who", "how many"));
        let expected = "## Who\n\nHow many.\n\n| name | n |\n| --- | ---: |\n| a\\|b | &lt;b> x |\n|  | why \\*not\\* |\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_empty_table_is_left_out() {
        let text = section(&Table::new(&[("a", Left)]).under("none", "nothing"));
        assert_eq!(text, "## None\n\nNothing.\n");
    }
}
