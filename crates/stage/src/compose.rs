//! Either generation of Compose.

use std::{path::Path, time::Duration};

use crate::{Images, Password, StageError, Subnets, program::Program};

/// More than a topology has services: docker-compose 1.29 takes a slot for each service and another for its
/// container, and waits for ever when the first kind has used up all.
const AT_ONCE: &str = "256";

/// Longest time for all containers of a topology to start.
const UP_WITHIN: Duration = Duration::from_secs(600);

/// The Compose of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compose {
    /// Program, and the words before its own arguments.
    command: &'static [&'static str],
    /// Version, such as `2.39.1` or `1.29.2`.
    pub(crate) version: String,
}

/// The newer generation is a plug-in of the Docker command line; the older one is a program of its own,
/// which some distributions also name the newer one.
const GENERATIONS: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];

impl Compose {
    /// Finds it, the newer generation first.
    ///
    /// # Errors
    /// When neither is installed.
    pub(crate) async fn find(host: &str) -> Result<Self, StageError> {
        for command in GENERATIONS {
            let asked = start(command, host).args(["version", "--short"]).run();
            match asked.await {
                Ok(answer) if answer.ok => {
                    let version = answer.stdout.trim().trim_start_matches('v').to_owned();
                    return Ok(Self { command, version });
                }
                Ok(_) | Err(StageError::NoProgram { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StageError::NoProgram {
            program: "docker compose".to_owned(),
            fix: crate::provision::how_to_get("docker-compose"),
        })
    }

    /// How it is called, such as `docker compose`.
    pub(crate) fn name(&self) -> String {
        self.command.join(" ")
    }

    /// The program that starts every container of a topology and builds nothing.
    pub(crate) fn up(&self, host: &str, file: &Path, project: &str) -> Program {
        start(self.command, host)
            .args(["--project-name", project, "--file"])
            .args([file])
            .args(["up", "--detach", "--no-build"])
            .env("COMPOSE_PARALLEL_LIMIT", AT_ONCE)
            // The older generation gives up after a minute without an answer, the engine may just be busy.
            .env("COMPOSE_HTTP_TIMEOUT", "300")
            .env("COMPOSE_IGNORE_ORPHANS", "true")
            .within(UP_WITHIN)
            .to(format!("raising {project}"))
    }
}

fn start(command: &[&str], host: &str) -> Program {
    let program = Program::new(command[0])
        .args(&command[1..])
        .env("DOCKER_HOST", host);
    // What the user set for projects of their own must not reach ours.
    [
        "COMPOSE_FILE",
        "COMPOSE_PROFILES",
        "COMPOSE_PROJECT_NAME",
        "COMPOSE_ENV_FILES",
    ]
    .iter()
    .fold(program, |program, name| program.without_env(name))
}

/// What the Compose files of a topology leave open.
pub(crate) fn variables(
    run: &str,
    subnets: &Subnets,
    password: &Password,
    images: &Images,
) -> Vec<(String, String)> {
    let [edge, app, data] = subnets.prefixes();
    let mut variables = vec![
        ("GAMEDAY_RUN".to_owned(), run.to_owned()),
        ("GAMEDAY_EDGE".to_owned(), edge),
        ("GAMEDAY_APP".to_owned(), app),
        ("GAMEDAY_DATA".to_owned(), data),
        ("GAMEDAY_PASSWORD".to_owned(), password.reveal().to_owned()),
    ];
    let image = |(name, tag): (&str, &str)| {
        let variable = format!("GAMEDAY_IMAGE_{}", name.to_ascii_uppercase());
        (variable, tag.to_owned())
    };
    variables.extend(images.iter().map(image));
    variables
}

/// Whether the engine refused a network because somebody else took the addresses first.
pub(crate) fn is_overlap(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.contains("pool overlaps") || line.contains("networks have overlapping")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_the_contract_is_given() {
        let subnets = Subnets::choose("r1", &[]).unwrap();
        let password = Password::random();
        let images = Images::of([("redis", "gameday/redis:0123456789ab")]);
        let variables = variables("r1", &subnets, &password, &images);
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str()).unwrap()
        };
        assert_eq!(get("GAMEDAY_RUN"), "r1");
        assert_eq!(get("GAMEDAY_IMAGE_REDIS"), "gameday/redis:0123456789ab");
        assert_eq!(get("GAMEDAY_PASSWORD"), password.reveal());
        let names = ["GAMEDAY_EDGE", "GAMEDAY_APP", "GAMEDAY_DATA"];
        assert_eq!(
            names.map(get),
            subnets.prefixes().each_ref().map(String::as_str)
        );
    }

    #[test]
    fn every_variable_of_the_compose_files_is_known() {
        let compose = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../compose"));
        let images = Images::of(crate::images::NAMES.map(|name| (name, "tag")));
        let subnets = Subnets::choose("r1", &[]).unwrap();
        let mut known: Vec<_> = variables("r1", &subnets, &Password::random(), &images)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        // Left to whoever raises a topology by hand.
        known.extend(
            [
                "LOG",
                "CLIENT_RATE_PER_SECOND",
                "CLIENT_BURST",
                "WRITE_BEHIND",
                "FAST_FAILOVER",
                "PRIMARY_START_TIMEOUT_S",
                "PATRONI_PAUSE_S",
                "PUBLISH_HEDGE_AFTER",
                "PRIMARY_FALL",
                "ADVERT_S",
                "SENTINEL_DOWN_AFTER_MS",
                "FAILURE_DETECTOR_POLL_MS",
                "CGROUP_PARENT",
            ]
            .map(|n| format!("GAMEDAY_{n}")),
        );
        let watchdog = crate::watchdog::variables(compose, "unix:///docker.sock").unwrap();
        known.extend(watchdog.into_iter().map(|(name, _)| name));
        for file in ["services.yml", "ha.yml", "single.yml"] {
            let text = std::fs::read_to_string(compose.join(file)).unwrap();
            for rest in text.split("${").skip(1) {
                let name = rest.split([':', '}']).next().unwrap();
                assert!(known.iter().any(|known| known == name), "{name} in {file}");
            }
        }
    }

    #[test]
    fn the_engines_words_for_an_overlap_are_known() {
        let old = "ERROR: Pool overlaps with other one on this address space";
        let new = "failed to create network x: Error response from daemon: invalid pool request: Pool overlaps with other one on this address space";
        assert!(is_overlap(old) && is_overlap(new));
        assert!(!is_overlap("Container api-1 overlapping"));
    }
}
