//! Healing what dead runs left behind.

use std::path::Path;

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
/// except those raised by hand. A run that is alive is not touched. With `all`, projects of ours that no
/// folder under `home` knows are put down as well.
///
/// # Errors
/// When the engine does not answer or something can't be undone.
pub async fn heal(
    docker: &Docker,
    home: &Path,
    all: bool,
    say: Say<'_>,
) -> Result<Vec<HealedRun>, RunError> {
    let mut standing: Vec<String> = docker
        .projects()
        .await?
        .into_iter()
        .map(|p| p.name)
        .collect();
    let mut healed = Vec::new();
    for folder in RunFolder::all(home) {
        let project = folder.project();
        let is_up = standing.contains(&project);
        standing.retain(|name| *name != project);
        // A lock that can't be taken belongs to a living run: its faults and its topology are its own.
        let Some(_holder) = folder.adopt() else {
            continue;
        };
        let faults = chaos::heal_left(docker, &folder.undo()).await?;
        let lowered = is_up && folder.kept().is_none();
        if lowered {
            stage::lower(docker, &project).await?;
        }
        if lowered || !faults.is_empty() {
            healed.push(HealedRun {
                run: folder.id().to_owned(),
                faults,
                lowered,
            });
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
    for run in &healed {
        let faults = match run.faults.as_slice() {
            [] => "no fault left".to_owned(),
            faults => faults.join(", "),
        };
        let down = if run.lowered {
            "; topology put down"
        } else {
            ""
        };
        say(Progress::Line(format!(
            "healed run {}: {faults}{down}",
            run.run
        )));
    }
    Ok(healed)
}
