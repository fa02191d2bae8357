//! Gameday: chaos drills on a real platform, judged from outside.

// First, so that its macros stand in for the standard ones everywhere.
#[macro_use]
mod out;

mod args;
mod commands;
mod exit;
mod place;
mod show;

use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use args::{Args, Command};
use exit::Exit;

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return exit::usage(&error),
    };
    show::start_log(args.verbose);
    let interrupted = CancellationToken::new();
    tokio::spawn(interrupt(interrupted.clone()));
    let exit = match Box::pin(dispatch(args, &interrupted)).await {
        Ok(exit) => exit,
        Err(error) => exit::explain(&error),
    };
    exit.into()
}

async fn dispatch(args: Args, interrupted: &CancellationToken) -> anyhow::Result<Exit> {
    if let Command::Judge {
        self_test: true, ..
    } = args.command
    {
        return commands::self_test::self_test(interrupted).await;
    }
    let place = place::Place::find(args.root)?;
    match args.command {
        Command::Run(run) => commands::run::run(&place, &run, interrupted).await,
        Command::Survive(survive) => {
            Box::pin(commands::survive::survive(&place, &survive, interrupted)).await
        }
        Command::Up(up) => Box::pin(commands::topology::up(&place, &up, interrupted)).await,
        Command::Down { run, all } => commands::topology::down(&place, run.as_deref(), all).await,
        Command::Status => commands::topology::status(&place).await,
        Command::Inject(inject) => {
            Box::pin(commands::inject::inject(&place, &inject, interrupted)).await
        }
        Command::Heal { all } => commands::heal::heal(&place, all).await,
        Command::Judge { run, .. } => commands::past::judge(&place, &run),
        Command::Report { schema: true, .. } => commands::past::schema(),
        Command::Report { run, format, .. } => commands::past::report(&place, &run, format),
        Command::Compare { a, b, json } => commands::past::compare(&place, &a, &b, json),
        Command::List => commands::drills::list(&place),
        Command::Check { drill } => commands::drills::check(&place, &drill),
        Command::Explain { drill } => commands::drills::explain(&place, &drill),
        Command::Doctor { fix } => commands::doctor::doctor(&place, fix).await,
    }
}

/// Ctrl-C, SIGTERM and a closed terminal all heal; a second one can't hurry the healing, and says so. A run under `nohup` goes
/// on without its terminal, as it was asked to.
async fn interrupt(interrupted: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        tracing::warn!("signals can't be caught: `gameday heal` cleans up after an interruption");
        return;
    };
    let mut closed = match ignores_hangup() {
        true => None,
        false => signal(SignalKind::hangup()).ok(),
    };
    let hangup = async |closed: &mut Option<tokio::signal::unix::Signal>| match closed {
        Some(closed) => closed.recv().await,
        None => std::future::pending().await,
    };
    loop {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hangup(&mut closed) => {}
        }
        show::interrupted(interrupted.is_cancelled());
        interrupted.cancel();
    }
}

/// Whether this process was started to outlive its terminal: `nohup` sets SIGHUP, signal 1, to be ignored.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 != 0)
}
