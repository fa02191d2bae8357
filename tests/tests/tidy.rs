//! House numbers: what a reader may count on in every file.

use std::{
    fs,
    path::{Path, PathBuf},
};

const LONGEST_FILE_LINES: usize = 500;
const MEDIAN_FILE_LINES: usize = 150;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder)
        .expect("a folder of the workspace")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            into.push((path, text));
        }
    }
}

fn all() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for folder in ["crates", "tests"] {
        sources(&root().join(folder), &mut all);
    }
    all
}

#[test]
fn files_are_short() {
    let mut lengths = Vec::new();
    for (path, text) in all() {
        let lines = text.lines().count();
        assert!(
            lines <= LONGEST_FILE_LINES,
            "{} has {lines} lines",
            path.display()
        );
        lengths.push(lines);
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(
        median <= MEDIAN_FILE_LINES,
        "the median file has {median} lines"
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in all() {
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("//!"),
            "{} does not begin with //!",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_undone() {
    for (path, text) in all() {
        // Written in two parts, so that this file does not find itself.
        for word in [
            concat!("FIX", "ME"),
            concat!("TO", "DO"),
            concat!("todo", "!("),
            concat!("#[ig", "nore"),
        ] {
            assert!(!text.contains(word), "{} contains {word}", path.display());
        }
    }
}

#[test]
fn the_top_level_is_as_agreed() {
    let agreed = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "chaos",
        "compose",
        "crates",
        "dashboards",
        "target",
        "tests",
    ];
    for entry in fs::read_dir(root()).expect("the root").flatten() {
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        assert!(
            name.starts_with('.') || agreed.contains(&name.as_str()),
            "{name} at the top level"
        );
    }
}
