//! What the generator itself costs, and how punctual it is: measures the measurer.
//!
//! For numbers worth quoting, on a quiet machine: `COST_SECONDS=20 cargo test --release -p loadgen --test
//! load cost -- --nocapture`. The bounds below only catch a generator that is ten times worse.

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::Duration;

use timeline::{Arrival, Outcome};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Mode, Platform, Shape, eventually, get, plan, record};

/// The generator as a program of its own, so that its processor time can be told from the platform's.
struct Program(Child);

impl Program {
    async fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        let child = command.env("LISTEN", address.to_string()).spawn().unwrap();
        let is_up = async || TcpStream::connect(address).await.is_ok();
        eventually("generator", is_up).await;
        (Self(child), address)
    }

    /// User and system time so far, in seconds.
    fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        // Fields 14 and 15 in ticks of 10 ms, counted after the name in parentheses, which is field 2.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: f64 = fields[11..13]
            .iter()
            .map(|t| t.parse::<f64>().unwrap())
            .sum();
        ticks / 100.0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_the_busiest_hour_cost_little_and_are_served_in_time() {
    let seconds = std::env::var("COST_SECONDS").map_or(3, |text| text.parse().unwrap());
    let platform = Platform::start(Mode::Honest).await;
    let shape = Shape {
        users: 1450,
        monitors_percent: 60,
        every: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        duration: Duration::from_secs(seconds),
    };
    let plan = plan(shape, platform.address, &[platform.address]);
    let (program, generator) = Program::start().await;
    let before_s = program.cpu_s();
    let (arrivals, is_complete) = record(generator, &plan).await;
    let cpu_s = program.cpu_s() - before_s;
    assert!(is_complete);
    println!(
        "{} arrivals, {:.0}/s, {cpu_s:.2} CPU-s",
        arrivals.len(),
        arrivals.len() as f64 / seconds as f64
    );
    println!("{}", get(generator, "/stats").await);
    let lateness = sorted(arrivals.iter().filter_map(Arrival::lateness));
    let latency = sorted(arrivals.iter().filter_map(Arrival::latency));
    for (name, all) in [("lateness", &lateness), ("latency", &latency)] {
        let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|share| at(all, share));
        println!("{name}: p50 {p50:?}, p99 {p99:?}, p99.9 {p999:?}, max {max:?}");
    }
    assert!(cpu_s / (arrivals.len() as f64) < 0.002, "{cpu_s} CPU-s");
    assert!(at(&lateness, 0.5) < Duration::from_millis(50));
    assert!(
        arrivals
            .iter()
            .all(|arrival| arrival.outcome == Outcome::Ok)
    );
}

fn sorted(all: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut all: Vec<_> = all.collect();
    all.sort();
    all
}

fn at(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
