//! What members wrote to their logs around a fault, as plain values: whoever reads files fills them.

/// Lines of one member's log around one fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Excerpt {
    /// Position in the judgement's episodes.
    pub episode: usize,
    /// Service name.
    pub member: String,
    /// The first lines, in the order of time.
    pub first: Vec<ExcerptLine>,
    /// Lines after those that are not shown.
    pub left_out: usize,
    /// The last lines.
    pub last: Vec<ExcerptLine>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct ExcerptLine {
    /// Time after the fault, in seconds; negative before it.
    pub after_s: f64,
    /// What the member wrote.
    pub text: String,
}
