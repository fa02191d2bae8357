//! Measures a fault from the outside: something that answers, and something that asks at a steady pace and keeps
//! what became of each question. What it means is for the reader to say.

mod connect;
mod echo;
mod lookup;
mod pace;
mod stream;
mod udp;

use std::{
    io,
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use clap::Subcommand;
use serde::{Deserialize, Serialize};

use self::pace::Pace;

/// What became of one question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was asked, in microseconds since the Unix epoch.
    pub at_us: u64,
    /// The time until the first answer, in microseconds; nothing when none came in time.
    pub rtt_us: Option<u64>,
    /// How many answers came.
    #[serde(default)]
    pub copies: u32,
    /// What was wrong with the answer, or what it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What can be measured.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Answer on these ports, TCP and UDP, with what was sent, until killed.
    Echo {
        /// The ports.
        #[arg(long, value_delimiter = ',')]
        ports: Vec<u16>,
    },
    /// Print how many packets the UDP echo of a port has received.
    Received {
        /// Where it listens.
        #[arg(long)]
        at: SocketAddr,
    },
    /// Send UDP packets to an echo.
    Udp {
        /// The pace.
        #[command(flatten)]
        pace: Asking,
        /// Where to.
        #[arg(long)]
        to: SocketAddr,
        /// Bytes in each packet, from 16.
        #[arg(long, default_value_t = 200)]
        bytes: usize,
    },
    /// Open TCP connections.
    Connect {
        /// The pace.
        #[command(flatten)]
        pace: Asking,
        /// Where to.
        #[arg(long)]
        to: SocketAddr,
    },
    /// Ask over one TCP connection to an echo, opened anew when it breaks.
    Stream {
        /// The pace.
        #[command(flatten)]
        pace: Asking,
        /// Where to.
        #[arg(long)]
        to: SocketAddr,
    },
    /// Ask a resolver for the address of a name.
    Lookup {
        /// The pace.
        #[command(flatten)]
        pace: Asking,
        /// The resolver: Docker's own by default.
        #[arg(long, default_value = "127.0.0.11:53")]
        to: SocketAddrV4,
        /// The name.
        #[arg(long)]
        name: String,
    },
}

/// How often is asked, and how long an answer is waited for.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Asking {
    /// How many questions.
    #[arg(long)]
    count: u32,
    /// Microseconds between two questions.
    #[arg(long, default_value_t = 2000)]
    every_us: u64,
    /// Milliseconds after which there is no answer.
    #[arg(long, default_value_t = 300)]
    patience_ms: u64,
}

impl Asking {
    fn patience(self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }

    fn pace(self) -> Pace {
        Pace::new(Duration::from_micros(self.every_us))
    }
}

/// Measures, and returns what was found as JSON: an array of [`Sample`]s, or a number.
///
/// # Errors
/// When the socket can't be used.
pub fn measure(command: &Command) -> io::Result<String> {
    let samples = match command {
        Command::Echo { ports } => return echo::serve(ports).map(|()| String::new()),
        Command::Received { at } => return echo::received(*at),
        Command::Udp { pace, to, bytes } => udp::ask(*pace, *to, *bytes)?,
        Command::Connect { pace, to } => connect::ask(*pace, *to),
        Command::Stream { pace, to } => stream::ask(*pace, *to),
        Command::Lookup { pace, to, name } => lookup::ask(*pace, *to, name)?,
    };
    serde_json::to_string(&samples).map_err(io::Error::other)
}
