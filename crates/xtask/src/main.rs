//! What a contributor and CI run: `cargo xtask test`.

mod steps;

use clap::{Parser, Subcommand};

/// Checks and tests of the workspace.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything: formatting, lints, licences and bans, unit tests, and drills on real containers
    Test {
        /// Install missing distribution packages and start the container engine (Debian, Ubuntu)
        #[arg(long)]
        provision: bool,
        /// Leave out what needs containers
        #[arg(long)]
        no_containers: bool,
    },
    /// Kill the controller, the agent and both, for every fault, at every phase, and see that nothing is left; a quarter
    /// of an hour
    CrashMatrix,
}

fn main() -> anyhow::Result<()> {
    let Command::Test {
        provision,
        no_containers,
    } = Args::parse().command
    else {
        return steps::crash_matrix();
    };
    steps::format()?;
    steps::lints()?;
    if no_containers {
        return steps::unit_tests();
    }
    steps::machine(provision)?;
    steps::unit_tests()?;
    steps::end_to_end()
}
