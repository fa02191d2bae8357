//! A line of a container's log as something to read: when it was written, and what it says.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Longest text to show, in characters.
const WIDTH: usize = 180;
/// Where structured logs keep their message and level, and what says nothing that the page does not know.
const MESSAGE: [&str; 2] = ["message", "msg"];
const KNOWN: [&str; 6] = ["timestamp", "ts", "time", "level", "target", "caller"];

/// One line that begins something; a stack trace's or table's further lines are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// By the engine's clock, in nanoseconds since the Unix epoch.
    pub(crate) unix_ns: i128,
    /// Without the time and without colours.
    pub(crate) text: String,
}

/// Reads a line as the engine gives it: its own time, a space, and what the container wrote.
pub(crate) fn read(line: &str) -> Option<LogLine> {
    let (stamp, written) = line.split_once(' ')?;
    let unix_ns = stamp.parse::<Timestamp>().ok()?.as_nanosecond();
    let written = without_colours(written);
    if written.starts_with(char::is_whitespace) {
        return None;
    }
    let text = match serde_json::from_str::<Map<String, Value>>(&written) {
        Ok(object) => words(object),
        Err(_) => without_time(&written).to_owned(),
    };
    let text = text.trim().to_owned();
    (!text.is_empty()).then_some(LogLine { unix_ns, text })
}

/// Without escape sequences and other control characters.
fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            // A sequence ends with its first letter.
            '\x1b' => while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {},
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A structured line: level, message, then each field.
fn words(mut object: Map<String, Value>) -> String {
    let level = object.get("level").and_then(Value::as_str);
    let level = level.map(str::to_uppercase).unwrap_or_default();
    if let Some(Value::Object(fields)) = object.remove("fields") {
        object.extend(fields);
    }
    let message = MESSAGE.iter().find_map(|name| object.remove(*name));
    let mut out = level;
    for (name, value) in [(String::new(), message.unwrap_or_default())]
        .into_iter()
        .chain(object)
        .filter(|(name, value)| !value.is_null() && !KNOWN.contains(&name.as_str()))
    {
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        out += &match name.is_empty() {
            true => format!(" {value}"),
            false => format!(" {name}={value}"),
        };
    }
    out
}

/// Without the server's own time at the beginning: the engine's stands before it, on the one clock.
fn without_time(text: &str) -> &str {
    let is_time = |word: &str| {
        let mark = word.contains(':') || word.matches('-').count() == 2;
        mark && word.starts_with(|c: char| c.is_ascii_digit())
            && word
                .chars()
                .all(|c| c.is_ascii_digit() || "-:.,+TZ".contains(c))
    };
    let mut rest = text;
    while let Some((word, after)) = rest.split_once(' ') {
        if !is_time(word) {
            break;
        }
        rest = after.trim_start();
    }
    rest
}

/// The beginning of a text that is too long to show.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(written: &str) -> Option<String> {
        read(&format!("2026-11-24T06:07:52.098234673Z {written}")).map(|line| line.text)
    }

    #[test]
    fn a_line_has_the_engines_time_and_loses_its_own() {
        let line = read("2026-01-02T03:04:05.5Z 2026-01-02 03:04:05,499 WARNING: no leader");
        let expected = LogLine {
            unix_ns: 1_767_323_045_500_000_000,
            text: "WARNING: no leader".into(),
        };
        assert_eq!(line, Some(expected));
        let broker = "2026-11-24 06:08:00.81+00:00 [notice] <0.45.0> stopped";
        assert_eq!(text(broker).unwrap(), "[notice] <0.45.0> stopped");
        assert_eq!(
            text("1:X 24 Nov 2026 +sdown").unwrap(),
            "1:X 24 Nov 2026 +sdown"
        );
    }

    #[test]
    fn structured_lines_become_words() {
        let ours = r#"{"timestamp":"2026-11-24T06:07:52Z","level":"INFO","fields":{"message":"dependency changed","dependency":"redis","up":true},"target":"x"}"#;
        assert_eq!(
            text(ours).unwrap(),
            "INFO dependency changed dependency=redis up=true"
        );
        let etcd = r#"{"level":"warn","ts":"2026","caller":"a.go:1","msg":"lost leader","term":7}"#;
        assert_eq!(text(etcd).unwrap(), "WARN lost leader term=7");
        assert_eq!(text(r#"{"level":"info"}"#).unwrap(), "INFO");
    }

    #[test]
    fn colours_and_control_characters_do_not_pass() {
        assert_eq!(text("\x1b[32m INFO\x1b[0m a\tb\x07").as_deref(), None);
        assert_eq!(text("\x1b[32mINFO\x1b[0m a\tb\x07").unwrap(), "INFO a b");
        assert_eq!(text("\x1b["), None);
    }

    #[test]
    fn what_is_shown_is_bounded() {
        assert_eq!(shorten(&"é".repeat(500)).chars().count(), WIDTH + 1);
        assert_eq!(shorten("short"), "short");
    }

    #[test]
    fn continued_lines_and_lines_without_a_time_are_none() {
        for line in [
            "",
            "no time",
            "2026-11-24T06:07:52Z ",
            "2026-11-24T06:07:52Z   File x",
        ] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }
}
