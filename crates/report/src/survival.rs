//! A survival matrix in each of its forms.

use askama::Template;
use judge::survival::Matrix;

use crate::{
    Style,
    document::Tone,
    document::{Align, Cell, Row, Section},
    indented, markdown,
    page::{class, side},
    plain::Paint,
    sections::{survival, survival_about, survival_headline},
};

/// A survival matrix for a terminal, at most 100 columns wide where its columns allow.
pub fn survival_text(matrix: &Matrix, style: Style) -> String {
    let paint = Paint(style.colour);
    let mut out = format!(
        "SURVIVAL  {}: {}\n\n",
        matrix.asked.topology,
        survival_headline(matrix)
    );
    for line in survival_about(matrix) {
        out += &paint.paragraph(Tone::Plain, &line);
    }
    for section in survival(matrix) {
        out.push('\n');
        out += &paint.section(&section);
    }
    out
}

/// A survival matrix as a page of a repository.
pub fn survival_markdown(matrix: &Matrix) -> String {
    let mut parts = vec![
        format!("# Survival of `{}`\n", matrix.asked.topology),
        format!("Cells: {}.\n", survival_headline(matrix)),
        survival_about(matrix).join(" ") + "\n",
    ];
    parts.extend(survival(matrix).iter().map(markdown::section));
    parts.join("\n")
}

/// A survival matrix as one page that needs nothing else.
pub fn survival_html(matrix: &Matrix) -> String {
    let page = Page {
        title: &matrix.asked.topology,
        headline: survival_headline(matrix),
        about: survival_about(matrix),
        sections: survival(matrix),
    };
    match page.render() {
        Ok(html) => html,
        Err(error) => unreachable!("writing to a string does not fail: {error}"),
    }
}

/// A survival matrix for programs, indented.
pub fn survival_json(matrix: &Matrix) -> String {
    indented(matrix)
}

#[derive(Template)]
#[template(path = "survival.html")]
struct Page<'a> {
    title: &'a str,
    headline: String,
    about: [String; 2],
    sections: [Section; 5],
}

impl Page<'_> {
    /// Classes of a cell, as the sections' template asks for them.
    fn cell(&self, section: &Section, column: &usize, cell: &Cell) -> String {
        side(section, *column, cell)
    }
}
