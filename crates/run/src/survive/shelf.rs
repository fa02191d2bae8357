//! Where the trials of all runs lie, until somebody wants the matrix: one file for each run.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use judge::survival::{Asked, Tried, matrix};

use crate::RunError;

/// Name of the matrix's file; every other one in JSON is a run's.
const MATRIX: &str = "matrix.json";

/// A folder of trials that may be put into one matrix.
#[derive(Debug, Clone)]
pub struct Shelf(PathBuf);

impl Shelf {
    /// The shelf under `home` for trials under the same conditions: topology, platform, users and hold.
    pub fn of(home: &Path, asked: &Asked) -> Self {
        let conditions = format!(
            "{}-{}-users-{}-s",
            asked.platform, asked.users, asked.hold_s
        );
        Self(home.join(&asked.topology).join(conditions))
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The page for a browser.
    pub fn page(&self) -> PathBuf {
        self.0.join("survival.html")
    }

    /// All trials, those of the oldest run first; none where there is no shelf yet.
    ///
    /// # Errors
    /// When a file can't be read; the error names it.
    pub fn tried(&self) -> Result<Vec<Tried>, RunError> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut runs: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        runs.retain(|path| {
            let is_json = path
                .extension()
                .is_some_and(|extension| extension == "json");
            is_json && path.file_name().is_some_and(|name| name != MATRIX)
        });
        // A run's id begins with its moment.
        runs.sort();
        let mut tried = vec![];
        for path in runs {
            let text = fs::read(&path).map_err(RunError::file(&path))?;
            let of_run: Vec<Tried> = serde_json::from_slice(&text)
                .map_err(|error| RunError::file(&path)(io::Error::other(error)))?;
            tried.extend(of_run);
        }
        Ok(tried)
    }

    /// Keeps the trials of a run; without any, there is nothing to keep.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn keep(&self, run: &str, tried: &[Tried]) -> Result<(), RunError> {
        if tried.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_string(tried)
            .map_err(|error| RunError::file(&self.0)(io::Error::other(error)))?;
        self.write(&format!("{run}.json"), &text)
    }

    /// Writes the matrix of what was asked for and of everything else on the shelf, as `matrix.json`, `survival.md` and
    /// `survival.html`.
    ///
    /// # Errors
    /// When a file can't be read or written.
    pub fn write_matrix(&self, asked: &Asked) -> Result<(), RunError> {
        let tried = self.tried()?;
        let matrix = matrix(asked.clone().covering(&tried), &tried);
        self.write(MATRIX, &report::survival_json(&matrix))?;
        self.write("survival.md", &report::survival_markdown(&matrix))?;
        self.write("survival.html", &report::survival_html(&matrix))
    }

    /// Whole or not at all: a file that is half written would keep all others from being read.
    fn write(&self, name: &str, text: &str) -> Result<(), RunError> {
        fs::create_dir_all(&self.0).map_err(RunError::file(&self.0))?;
        let (path, new) = (self.0.join(name), self.0.join(format!("{name}.new")));
        fs::write(&new, text).map_err(RunError::file(&new))?;
        fs::rename(&new, &path).map_err(RunError::file(&path))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use drill::survival::{Blow, Subject};
    use judge::Toll;

    use super::*;

    /// A trial that counts and that nobody noticed.
    pub(in crate::survive) fn one(run: &str, member: &str) -> Tried {
        Tried {
            run: run.into(),
            subject: Subject::Member(member.into()),
            blow: Blow::Kill,
            member: member.into(),
            roles: vec![],
            doubt: None,
            not_back: None,
            toll: Toll {
                requests: 10,
                bad: 0,
                bad_seconds: 0,
                bad_second_equivalents: 0.0,
                worst_class: None,
                down: vec![],
                longest_outage_s: 0,
                by_class: vec![],
            },
            troubled_s: None,
            effect_s: Some(0.1),
            noticed_s: None,
            replaced_s: None,
            back_s: Some(1.0),
            at_risk_s: Some(12.0),
            lost: Some(0),
            duplicated: None,
        }
    }

    fn asked() -> Asked {
        Asked {
            topology: "ha".into(),
            settings: Default::default(),
            platform: "0123456789ab".into(),
            users: 800,
            hold_s: 10.0,
            subjects: vec![Subject::Member("api-1".into())],
            blows: vec![Blow::Kill],
            repetitions: 1,
        }
    }

    #[test]
    fn what_was_kept_is_found_again_and_the_matrix_is_no_run() {
        let home = std::env::temp_dir().join(format!("gameday-shelf-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        let shelf = Shelf::of(&home, &asked());
        assert!(shelf.tried().unwrap().is_empty());
        let kept = [one("1124-100000-1", "api-1"), one("1124-110000-2", "api-1")];
        shelf.keep("1124-110000-2", &kept[1..]).unwrap();
        shelf.keep("1124-100000-1", &kept[..1]).unwrap();
        shelf.keep("1124-120000-3", &[]).unwrap();
        shelf.write_matrix(&asked()).unwrap();
        assert_eq!(shelf.tried().unwrap(), kept);
        let other = Asked {
            users: 900,
            ..asked()
        };
        assert!(Shelf::of(&home, &other).tried().unwrap().is_empty());
        fs::write(shelf.path().join("1124-130000-4.json"), "[{").unwrap();
        let error = shelf.tried().unwrap_err().to_string();
        assert!(error.contains("1124-130000-4.json"), "{error}");
        fs::remove_dir_all(home).unwrap();
    }
}
