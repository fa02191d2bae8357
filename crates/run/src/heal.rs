//! Healing what dead runs left behind.

use std::{fmt, path::Path};

use engine::{Docker, Sweep};

use crate::{Progress, RunError, RunFolder, Say};

/// What was healed of one dead run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealedRun {
    /// The run's id.
    pub run: String,
    /// Faults undone, in words.
    pub faults: Vec<String>,
    /// Whether its topology was put down.
    pub lowered: bool,
}

/// Undoes the faults of every run under `home` whose process is gone, and puts their topologies down,
/// except those raised by hand. A run that is alive is not touched, nor one whose folder, lock or undo files are links or
/// another user's. With `all`, projects of ours that no
/// folder under `home` knows are put down as well. Goes on with the other runs when one can't be healed.
///
/// # Errors
/// When the engine does not answer, or the first thing that could not be undone, after all else was.
pub async fn heal(
    docker: &Docker,
    home: &Path,
    all: bool,
    say: Say<'_>,
) -> Result<Vec<HealedRun>, RunError> {
    let projects = docker.projects().await?.into_iter();
    let mut standing: Vec<String> = projects.map(|project| project.name).collect();
    let (mut healed, mut problem) = (Vec::new(), None);
    for folder in RunFolder::all(home) {
        let project = folder.project();
        let is_up = standing.contains(&project);
        standing.retain(|name| *name != project);
        if let Err(error) = chaos::trust::run_folder(folder.path()) {
            say(Progress::Line(format!("run {}: {error}", folder.id())));
            problem.get_or_insert(error.into());
            continue;
        }
        // A lock that can't be taken belongs to a living run: its faults and its topology are its own.
        let Some(_holder) = folder.adopt() else {
            continue;
        };
        match heal_run(docker, &folder, is_up).await {
            Ok(Some(run)) => {
                say(Progress::Line(run.to_string()));
                healed.push(run);
            }
            Ok(None) => {}
            Err(error) => {
                say(Progress::Line(format!("run {}: {error}", folder.id())));
                problem.get_or_insert(error);
            }
        }
    }
    for project in standing {
        if all {
            stage::lower(docker, &project).await?;
            say(Progress::Line(format!("put down {project}")));
        } else {
            let line = format!(
                "{project} was raised elsewhere and is left alone; `gameday heal --all` puts it down"
            );
            say(Progress::Line(line));
        }
    }
    problem.map_or(Ok(healed), Err)
}

/// Heals one dead run; none when there was nothing to do.
async fn heal_run(
    docker: &Docker,
    folder: &RunFolder,
    is_up: bool,
) -> Result<Option<HealedRun>, RunError> {
    let lowered = is_up && folder.kept().is_none();
    let mut faults = chaos::heal_left(docker, &folder.undo(), &folder.project()).await;
    if lowered {
        stage::lower(docker, &folder.project()).await?;
        if faults.is_err() {
            // What could not be brought back is gone now, and that settles its undo.
            faults = chaos::heal_left(docker, &folder.undo(), &folder.project()).await;
        }
    }
    let faults = faults?;
    Ok((lowered || !faults.is_empty()).then(|| HealedRun {
        run: folder.id().to_owned(),
        faults,
        lowered,
    }))
}

impl fmt::Display for HealedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = match self.faults.as_slice() {
            [] => "no fault left".to_owned(),
            faults => faults.join(", "),
        };
        let down = match self.lowered {
            true => "; topology put down",
            false => "",
        };
        write!(f, "healed run {}: {faults}{down}", self.run)
    }
}
