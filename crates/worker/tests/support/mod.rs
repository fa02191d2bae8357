//! A real broker in a container of its own, from the platform's image, made with the engine's command line.

use std::{process::Command, time::Duration};

use service_kit::{
    boot::Process,
    broker::{Brokers, CONSUMER_HEARTBEAT_S},
    env::Setting,
    readiness::Readiness,
    settings::AmqpSettings,
};

/// The platform's image of the broker, by any tag: the newest that was built.
const IMAGE: &str = "gameday/rabbitmq";
const PASSWORD: &str = "only-on-loopback";
/// A cold start takes 5 to 20 s.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Time between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A broker that goes away with its guard, also when the test panics.
pub(crate) struct Broker {
    id: String,
    /// Where it listens on loopback.
    pub(crate) port: u16,
}

impl Broker {
    /// Starts one; `None`, with the reason printed, where this machine can't.
    pub(crate) fn start() -> Option<Self> {
        match Self::run() {
            Ok(broker) => Some(broker),
            Err(reason) => {
                eprintln!("skipped: {reason}");
                None
            }
        }
    }

    fn run() -> Result<Self, String> {
        let images = docker(&["images", "--quiet", IMAGE])?;
        let image = images.lines().next();
        let image = image.ok_or(format!(
            "no image {IMAGE}: gameday up --provision builds it"
        ))?;
        let password = format!("GAMEDAY_PASSWORD={PASSWORD}");
        let id = docker(&[
            "run",
            "--detach",
            "--label=gameday.run=test",
            "--hostname=rabbitmq-1",
            "--publish=127.0.0.1::5672",
            "--env",
            &password,
            "--env=RABBITMQ_MEMBERS=rabbitmq-1",
            "--env=RABBITMQ_NODENAME=rabbit@rabbitmq-1",
            "--env=FAILURE_DETECTOR_POLL_MS=200",
            "--env=RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 2:2 +sbwt none",
            image,
        ])?;
        let mut broker = Self { id, port: 0 };
        let published = docker(&["port", &broker.id, "5672"])?;
        let port = published.lines().next().and_then(|at| at.rsplit_once(':'));
        let port = port.and_then(|(_, port)| port.parse().ok());
        broker.port = port.ok_or(format!("no port in {published:?}"))?;
        Ok(broker)
    }

    /// The platform's own connection to it, once it is up and the platform's queues are declared.
    pub(crate) async fn connect(&self, process: &Process) -> Brokers {
        let settings = AmqpSettings {
            hosts: Setting::read(&format!("127.0.0.1:{}", self.port)).unwrap(),
            user: "gameday".into(),
            password: Setting::read(PASSWORD).unwrap(),
            group_size: 1,
            hedge_after: Duration::from_millis(30),
        };
        let up = Readiness::default();
        let up = { up }.dependency(&process.metrics, "rabbitmq").unwrap();
        let brokers = Brokers::start(&settings, "test", CONSUMER_HEARTBEAT_S, &up);
        eventually("the broker is up", async || up.is_up().then_some(())).await;
        brokers
    }

    /// Runs `rabbitmqctl` in it.
    #[allow(dead_code, reason = "not every test binary needs it")]
    pub(crate) fn control(&self, args: &[&str]) {
        let all = [&["exec", &self.id, "rabbitmqctl", "--quiet"], args].concat();
        docker(&all).unwrap();
    }

    /// For a client that is not the platform's.
    #[allow(dead_code, reason = "not every test binary needs it")]
    pub(crate) fn uri(&self) -> String {
        format!("amqp://gameday:{PASSWORD}@127.0.0.1:{}/%2f", self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = docker(&["rm", "--force", "--volumes", &self.id]);
    }
}

/// Waits until there is an answer.
///
/// # Panics
/// When there is none within a minute; the message names `what`.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let answered = tokio::time::timeout(STARTS_WITHIN, async {
        loop {
            if let Some(answer) = look().await {
                return answer;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    answered
        .await
        .unwrap_or_else(|_| panic!("not within {} s: {what}", STARTS_WITHIN.as_secs()))
}

fn docker(args: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(args).output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
