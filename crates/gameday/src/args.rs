//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum, value_parser};
use drill::survival::Blow;

/// Chaos drills on a real platform, judged from outside.
///
/// A drill raises a health-monitoring platform in containers, replays a 48-hour curve of users against it,
/// breaks one thing after another, and holds what was measured from outside against a contract.
#[derive(Debug, Parser)]
#[command(name = "gameday", version, after_help = AFTER)]
pub(crate) struct Args {
    /// Folder that holds `compose` and `chaos`; found upwards from here when absent
    #[arg(long, global = true, env = "GAMEDAY_ROOT")]
    pub(crate) root: Option<PathBuf>,
    /// Say more about what goes on inside
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER: &str = "\
Exit codes: 0 held, 1 broken, 2 unproven, 64 bad drill or arguments, 69 topology did not come up,
            70 our own failure, 130 interrupted and healed.

Begin with:  gameday doctor             is this machine able to run drills
             gameday run quick          a first impression, in minutes
             gameday run high-availability";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a drill: raise, replay, break, heal, judge, report
    Run(RunArgs),
    /// Hit every member in every way, and tell what users saw of it: the survival matrix
    #[command(after_help = SURVIVE)]
    Survive(SurviveArgs),
    /// Raise a topology by hand; it stays until `down`
    Up(UpArgs),
    /// Put down what `up` raised: the newest, the run named, or all
    Down {
        /// Run id, as `status` shows it
        run: Option<String>,
        /// Everything raised from this folder
        #[arg(long, conflicts_with = "run")]
        all: bool,
    },
    /// What is standing on this machine
    Status,
    /// Do one fault by hand to a topology that `up` raised, prove it, hold it, and heal it
    Inject(InjectArgs),
    /// Undo whatever is left of runs whose process is gone: faults, containers, networks, volumes
    Heal {
        /// Also put down topologies of ours that this folder does not know
        #[arg(long)]
        all: bool,
    },
    /// Judge a recorded run again, or the judge itself
    Judge {
        /// Run id, folder, or `last`
        #[arg(default_value = "last")]
        run: String,
        /// Produce outages and latencies of known size on this machine, and see whether they are measured
        #[arg(long, conflicts_with = "run")]
        self_test: bool,
    },
    /// Print the report of a recorded run
    Report {
        /// Run id, folder, or `last`
        #[arg(default_value = "last")]
        run: String,
        /// How it is written; the run's folder holds a file of each
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// The schema of the JSON instead of a report
        #[arg(long, conflicts_with_all = ["run", "format"])]
        schema: bool,
    },
    /// Set two recorded runs side by side, and say which differences are more than noise
    Compare {
        /// Run id, folder, or `last`
        a: String,
        /// Run id, folder, or `last`
        #[arg(default_value = "last")]
        b: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List drills and topologies
    List,
    /// Validate a drill file without running it
    Check {
        /// Name of a drill in `chaos`, or path of a drill file
        drill: String,
    },
    /// The lesson behind a drill, and what it will do
    Explain {
        /// Name of a drill in `chaos`, or path of a drill file
        drill: String,
    },
    /// Is this machine able to run drills
    Doctor {
        /// Install missing distribution packages and start the engine (Debian, Ubuntu)
        #[arg(long)]
        fix: bool,
    },
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    /// The summary for a terminal
    #[default]
    Text,
    /// All figures, by the published schema
    Json,
    /// A case for each promise and each episode, for what gates a build
    Junit,
    /// The page with charts
    Html,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Name of a drill in `chaos`, or path of a drill file
    pub(crate) drill: String,
    /// Walk the curve this many times faster than the day; users and outages keep their real pace
    #[arg(long)]
    pub(crate) speed: Option<f64>,
    /// Print every episode with its targets, what undoes it, and what guards the run; start nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Install missing distribution packages and start the engine first (Debian, Ubuntu)
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) provision: bool,
}

/// One fault by hand. Examples:
///
///     gameday inject pause --on api-1 --for 10s
///     gameday inject 'cpu = { cores = 0.05 }' --on api --for 30s
///     gameday inject 'network = { effect = { delay = { latency = "50ms" } }, to = ["postgres"] }' --on api-2
///     gameday inject kill --on 'zone = "b"'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct InjectArgs {
    /// A fault as in a drill file without its `fault.`, or only its name
    pub(crate) fault: String,
    /// A member, a component (any one of it), or a target as in a drill file without its `target.`
    #[arg(long)]
    pub(crate) on: String,
    /// How long it is held
    #[arg(long = "for", default_value = "30s")]
    pub(crate) hold: humantime::Duration,
    /// Draws the members where several would do
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Run id of the topology, as `status` shows it; the newest when absent
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// Print what would be done to whom, and what would undo it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

const SURVIVE: &str = "\
Each member is hit from full health and under a constant load. Trials of one platform add up over as many calls
as it takes; the exit code is 0 once everything that was asked for has been tried, else 2.

  gameday survive ha --only api --faults kill               each of a component once
  gameday survive ha --repetitions 10 --missing --for 25m   as many of what is missing as fit
  gameday survive ha --report                               what was collected until now";

#[derive(Debug, clap::Args)]
pub(crate) struct SurviveArgs {
    /// Name of a topology in `compose`
    #[arg(default_value = "ha")]
    pub(crate) topology: String,
    /// Only these members, components or roles, such as `api-1`, `api` or `api,postgres-primary`
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// What is done to them
    #[arg(long, value_delimiter = ',', value_parser = blow, default_value = "kill,pause,partition")]
    pub(crate) faults: Vec<Blow>,
    /// How often each is done to each
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) repetitions: u32,
    /// Users at every moment; the scenario has 500, and 1,450 in its busiest hour
    #[arg(long, default_value_t = 500, value_parser = value_parser!(u32).range(1..=20_000))]
    pub(crate) users: u32,
    /// Time between a fault and its healing
    #[arg(long, default_value = "10s")]
    pub(crate) hold: humantime::Duration,
    /// Folder where trials and their pages are kept, for everybody who adds to them [default: .gameday/survival]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) trials: Option<PathBuf>,
    /// Only what earlier calls have not collected
    #[arg(long)]
    pub(crate) missing: bool,
    /// Begin no run that would end later than this
    #[arg(long = "for")]
    pub(crate) within: Option<humantime::Duration>,
    /// Print what was collected until now, and try nothing
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "markdown")]
    pub(crate) report: Option<MatrixFormat>,
    /// Print what would be tried, and how long it would take
    #[arg(long, conflicts_with = "report")]
    pub(crate) dry_run: bool,
    /// Install missing distribution packages and start the engine first (Debian, Ubuntu)
    #[arg(long)]
    pub(crate) provision: bool,
}

/// What a survival matrix is written as.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MatrixFormat {
    /// For a terminal
    Text,
    /// A page of a repository
    Markdown,
    /// All figures
    Json,
    /// A page for a browser
    Html,
}

fn blow(name: &str) -> Result<Blow, String> {
    Blow::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Blow::ALL.iter().map(|blow| blow.name()).collect();
        format!("there are: {}", known.join(", "))
    })
}

#[derive(Debug, clap::Args)]
pub(crate) struct UpArgs {
    /// Name of a topology in `compose`
    #[arg(default_value = "ha")]
    pub(crate) topology: String,
    /// Install missing distribution packages and start the engine first (Debian, Ubuntu)
    #[arg(long)]
    pub(crate) provision: bool,
}
