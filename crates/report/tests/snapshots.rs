//! What people read, word for word.

mod sample;

use judge::{DiskStallFigures, compare};
use report::{Excerpt, ExcerptLine, Style, comparison, html, json, junit, styled_text, text};
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
    let excerpt = excerpt("<script src=x>");
    let page = html(&judgement, &[excerpt]);
    for banned in ["<script", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(banned), "{banned}");
    }
    assert!(page.contains("BROKEN") && page.contains("&#60;script"));
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn the_page_is_drawn_as_before() {
    let excerpts = [excerpt("LOG: database system is shut down")];
    insta::assert_snapshot!(html(&judged(22.05..41.0, true), &excerpts));
}

/// What the primary wrote when it was hit.
fn excerpt(text: &str) -> Excerpt {
    let line = |after_s: f64| ExcerptLine {
        after_s,
        text: text.into(),
    };
    Excerpt {
        episode: 1,
        member: "postgres-1".into(),
        first: vec![line(-0.4), line(0.0)],
        left_out: 12,
        last: vec![line(6.3)],
    }
}

#[test]
fn a_log_that_was_lost_leaves_the_rest_of_the_page() {
    let page = html(&judged(0.0..0.0, true), &[]);
    assert!(page.contains("HELD") && !page.contains("class=\"log\""));
}

#[test]
fn a_disk_that_stood_still_is_told_of() {
    let mut judgement = judged(0.0..0.0, true);
    let stall = |begin_s, lasted_s, episode: &str| DiskStallFigures {
        disk: "vda".into(),
        begin_s,
        lasted_s,
        episode: episode.into(),
    };
    judgement.load.disk_stalls = vec![stall(9.0, 0.3, ""), stall(23.2, 1.25, "database")];
    let text = text(&judgement);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = "A disk stood still for a fifth of a second or longer 2 times, at worst vda for 1.2 s (from 23 s on, in database)";
    assert!(words.contains(told), "{words}");
}

#[test]
fn a_recording_without_members_has_no_picture() {
    let mut judgement = judged(0.0..0.0, true);
    judgement.members.clear();
    assert!(!html(&judgement, &[]).contains("class=\"topology\""));
}

#[test]
fn several_victims_fit_the_table_and_are_all_on_the_page() {
    let mut judgement = judged(0.0..0.0, true);
    judgement.episodes[0].members = vec!["api-2".into(), "api-3".into(), "gateway-1".into()];
    let text = text(&judgement);
    assert!(
        text.contains(" api-2 +2 ") && !text.contains("gateway-1"),
        "{text}"
    );
    assert!(html(&judgement, &[]).contains("kill api-2, api-3, gateway-1"));
    assert!(text.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn junit_of_a_run_that_broke() {
    insta::assert_snapshot!(junit(&judged(22.05..41.0, true)));
}

#[test]
fn junit_counts_what_is_not_green() {
    let junit = junit(&judged(0.0..0.0, false));
    assert!(
        junit.contains(r#"tests="8" failures="0" errors="2""#),
        "{junit}"
    );
    assert_eq!(junit.matches("<error ").count(), 2);
    assert!(!junit.contains("<skipped"));
}

#[test]
fn junit_stays_well_formed_whatever_the_names() {
    let mut judgement = judged(0.0..0.0, false);
    let hostile = "]]>\"'<!-- & \u{1b}[31m\u{0}\u{ffff}";
    judgement.drill = hostile.into();
    judgement.started_at = "äöü".into();
    judgement.findings[0].why = hostile.into();
    judgement.episodes[2].detail = hostile.into();
    judgement.machine.insert(hostile.into(), hostile.into());
    let junit = junit(&judgement);
    assert!(junit.contains("]]&#62;&#34;&#39;&#60;!-- &#38; [31m"));
    for banned in ["]]>", "<!--", "& ", "\u{1b}", "\u{0}", "\u{ffff}"] {
        assert!(!junit.contains(banned), "{banned:?}");
    }
}

#[test]
fn two_runs_side_by_side() {
    let (held, broke) = (judged(0.0..0.0, true), judged(22.05..41.0, false));
    let text = comparison(&compare(&held, &broke), Style::default());
    assert!(text.lines().all(|line| line.chars().count() <= 100));
    insta::assert_snapshot!(text);
}
