//! The agent as a program.

use std::{path::PathBuf, process::ExitCode};

use agent::{Exit, measure};
use clap::{Parser, Subcommand};
use lease::RunTag;

/// Holds one fault in a target's namespaces for as long as its standard input is open.
#[derive(Debug, Parser)]
#[command(name = "agent")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read an order from standard input and hold its fault.
    Hold,
    /// Print as JSON which mechanisms work here. Wants a network namespace of its own.
    Probe,
    /// Remove what killed agents of a run left in this network namespace, and print its names.
    Sweep {
        /// The run.
        #[arg(long)]
        run: RunTag,
    },
    /// Let the container whose control group is mounted do few writes, and leave it so.
    Throttle {
        /// A directory on the disk.
        #[arg(long)]
        directory: PathBuf,
        /// How many it may do.
        #[arg(long)]
        writes_per_s: u32,
    },
    /// Take every such limit away, and print its device.
    Unthrottle,
    /// Answer whatever is asked, for measuring a fault.
    #[command(flatten)]
    Measure(measure::Command),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            eprintln!("agent: {error}");
            // EX_SOFTWARE of sysexits(3).
            ExitCode::from(70)
        }
    }
}

fn run(command: Command) -> Result<Exit, String> {
    match command {
        Command::Hold => agent::hold().map_err(|error| error.to_string()),
        Command::Probe => {
            let found = serde_json::to_string_pretty(&agent::probe());
            println!("{}", found.map_err(|error| error.to_string())?);
            Ok(Exit::Healed)
        }
        Command::Sweep { run } => {
            for name in agent::sweep(&run)? {
                println!("{name}");
            }
            Ok(Exit::Healed)
        }
        Command::Throttle {
            directory,
            writes_per_s,
        } => {
            println!("throttled {}", agent::throttle(&directory, writes_per_s)?);
            Ok(Exit::Healed)
        }
        Command::Unthrottle => {
            for device in agent::unthrottle()? {
                println!("{device}");
            }
            Ok(Exit::Healed)
        }
        Command::Measure(command) => {
            println!(
                "{}",
                measure::measure(&command).map_err(|error| error.to_string())?
            );
            Ok(Exit::Healed)
        }
    }
}
