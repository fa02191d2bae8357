//! What people read, word for word.

mod sample;

use report::{Style, html, json, styled_text, text};
use sample::judged;

#[test]
fn a_run_that_held() {
    insta::assert_snapshot!(text(&judged(0.0..0.0, true)));
}

#[test]
fn a_run_that_broke() {
    insta::assert_snapshot!(text(&judged(22.05..41.0, true)));
}

#[test]
fn a_run_that_proves_nothing() {
    insta::assert_snapshot!(text(&judged(0.0..0.0, false)));
}

#[test]
fn no_line_is_wider_than_100_columns_and_none_has_colour() {
    for outage in [0.0..0.0, 22.05..41.0] {
        let text = text(&judged(outage, false));
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
            assert!(!line.contains('\x1b') && !line.ends_with(' '), "{line:?}");
        }
    }
}

#[test]
fn colour_is_all_that_the_style_changes() {
    let judgement = judged(22.05..41.0, false);
    let painted = styled_text(&judgement, Style { colour: true });
    assert!(painted.contains("\x1b[31;1mBROKEN\x1b[0m"));
    let mut bare = painted;
    for code in ["0", "1", "2", "31;1", "32;1", "33;1"] {
        bare = bare.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(bare, text(&judgement));
}

#[test]
fn json_is_read_back_as_the_same_judgement() {
    let judgement = judged(22.05..41.0, true);
    assert_eq!(
        serde_json::from_str::<judge::Judgement>(&json(&judgement)).unwrap(),
        judgement
    );
}

#[test]
fn the_page_needs_nothing_else_and_trusts_no_name() {
    let mut judgement = judged(22.05..41.0, false);
    judgement.episodes[0].name = "<script>alert(1)</script>".into();
    let page = html(&judgement);
    for banned in ["<script", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(banned), "{banned}");
    }
    assert!(page.contains("BROKEN") && page.contains("&#60;script"));
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn the_page_is_drawn_as_before() {
    insta::assert_snapshot!(html(&judged(22.05..41.0, true)));
}
