//! The bench: the real generator on loopback, a load, and what the real judge makes of its recording.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use drill::Drill;
use futures_util::TryStreamExt;
use judge::{Clause, Judgement, Verdict};
use timeline::{Arrival, Arrivals, Entry, Event, FORMAT, Header, LoadPlan, Offset, ProbePlan};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::CalibrateError;
use crate::table::Conditions;
use crate::witness::Witness;

/// From the plan to the first request: the generator reads the plan and makes its users.
const LEAD: Duration = Duration::from_millis(300);
/// Full health after the fault, before the episode ends.
const SETTLED: Duration = Duration::from_secs(1);
/// The one member of the topology, a name that a drill file may use.
const MEMBER: &str = "api-1";

/// A load of monitors, or of clinicians, at a constant rate of `users / every`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    /// Two descriptors each: fewer than 500 fit into the usual limit of 1024.
    pub(crate) users: u32,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    pub(crate) lasts: Duration,
    /// What is done to the target, as a drill file names it; none for a load without an episode.
    pub(crate) fault: Option<&'static str>,
    /// Clinicians instead of monitors, with the age beyond which what they read is stale.
    pub(crate) clinicians: Option<Duration>,
}

/// When the target suffered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suffered {
    pub(crate) from: Offset,
    pub(crate) until: Offset,
}

/// Clock and generator of one experiment.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) clock: Clock,
    zero_unix_ns: u64,
    generator: SocketAddr,
    /// Steady probes beside the users.
    pub(crate) probes: Vec<ProbePlan>,
    /// An address that clients of the CDN try beside the target's, as the first of two.
    pub(crate) spare: Option<SocketAddr>,
    /// Share of monitors among the users, where a load is to have both kinds.
    pub(crate) monitors_percent: Option<u32>,
    _stop: DropGuard,
}

/// A load that was run to its end.
#[derive(Debug)]
pub(crate) struct Recording<T> {
    drill: Drill,
    zero_unix_ns: u64,
    begin: Offset,
    pub(crate) end: Offset,
    /// The content of `arrivals.bin`.
    pub(crate) bytes: Vec<u8>,
    pub(crate) arrivals: Vec<Arrival>,
    /// What the script told.
    pub(crate) told: T,
    delay: Duration,
}

impl Bench {
    /// Starts a generator.
    pub(crate) async fn start() -> Result<Self, CalibrateError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let generator = listener.local_addr()?;
        let stop = CancellationToken::new();
        tokio::spawn(loadgen::serve(listener, stop.clone()));
        let (clock, zero_unix_ns) = Clock::start();
        Ok(Self {
            clock,
            zero_unix_ns,
            generator,
            probes: vec![],
            spare: None,
            monitors_percent: None,
            _stop: stop.drop_guard(),
        })
    }

    /// Runs a load against `target`, with `script` beside it, which is given the load's begin.
    pub(crate) async fn run<T>(
        &self,
        load: &Load,
        target: SocketAddr,
        script: impl AsyncFnOnce(Offset) -> Result<T, CalibrateError>,
    ) -> Result<Recording<T>, CalibrateError> {
        let drill = load.drill(self.monitors_percent)?;
        let begin = Offset::from(self.clock.now().as_duration() + LEAD);
        let plan = LoadPlan {
            seed: drill.seed,
            zero_unix_ns: self.zero_unix_ns,
            begin_ns: begin.0,
            traffic: drill.traffic.clone(),
            duration: load.lasts,
            stale_after: drill.contract.stale_at_most,
            visible_within: drill.contract.visible_within,
            probes: self.probes.clone(),
            vip: target.to_string(),
            cdn: self
                .spare
                .iter()
                .chain([&target])
                .map(SocketAddr::to_string)
                .collect(),
        };
        let witness = Witness::start(self.clock);
        let recording = async {
            let stream = loadgen::drive(self.generator, &plan).await?;
            Ok::<Vec<Bytes>, CalibrateError>(stream.try_collect().await?)
        };
        let (pieces, told) = tokio::try_join!(recording, script(begin))?;
        let bytes = pieces.concat();
        let arrivals = Arrivals::open(bytes.as_slice())?.collect::<Result<Vec<_>, _>>()?;
        Ok(Recording {
            drill,
            zero_unix_ns: self.zero_unix_ns,
            begin,
            end: self.clock.now(),
            bytes,
            arrivals,
            told,
            delay: witness.worst(),
        })
    }
}

impl Load {
    fn drill(&self, monitors: Option<u32>) -> Result<Drill, CalibrateError> {
        let Self { name, users, .. } = self;
        let [every, timeout, span] =
            [self.every, self.timeout, self.lasts].map(|time| format!("{}ms", time.as_millis()));
        let (monitors_percent, class, bound) = match self.clinicians {
            None => (100, "ingest", String::new()),
            Some(bound) => (
                0,
                "read",
                format!("stale_at_most = \"{}ms\"", bound.as_millis()),
            ),
        };
        let monitors_percent = monitors.unwrap_or(monitors_percent);
        let mut text = format!(
            r#"
            name = "{name}"
            about = "A plain target and a fault of known size."
            lesson = "What is measured is what happened."
            topology = "plain"
            seed = 1
            pace = {{ warm_up = "1s", settle = "1s", recover_within = "10s" }}
            [traffic]
            baseline_users = {users}
            peak_users = {users}
            span = "{span}"
            speed = 1.0
            monitors_percent = {monitors_percent}
            monitor_every = "{every}"
            clinician_every = "{every}"
            request_timeout = "{timeout}"
            [contract]
            availability_percent = 99.99
            classes = ["{class}"]
            {bound}
            latency = [{{ percentile = 90.0, at_most = "100ms" }}]
            "#
        );
        if let Some(fault) = self.fault {
            text += &format!("[[episode]]\nname = \"{name}\"\nhold = \"1s\"\n");
            text += &format!("target.container = \"{MEMBER}\"\nfault.{fault} = {{}}\n");
        }
        Ok(drill::parse(name, &text, |_| Ok(vec![MEMBER.to_owned()]))?)
    }
}

impl<T> Recording<T> {
    /// The timeline as a run would have recorded it.
    pub(crate) fn entries(&self, suffered: Option<Suffered>) -> Vec<Entry> {
        let header = Header {
            format: FORMAT,
            run: self.drill.name.clone(),
            started_at: String::new(),
            drill: self.drill.clone(),
            zero_unix_ns: self.zero_unix_ns,
            schedule: 0,
            project: String::new(),
            members: vec![],
            machine: BTreeMap::new(),
            bill: vec![],
        };
        let mut events = vec![
            (Offset(0), Event::Started(Box::new(header))),
            (self.begin, Event::LoadStarted),
        ];
        events.extend(suffered.into_iter().flat_map(episode));
        let arrivals = self.arrivals.len() as u64;
        events.push((self.end, Event::LoadEnded { arrivals }));
        events.push((self.end, Event::Finished));
        let entry = |(at, event)| Entry { at, event };
        events.into_iter().map(entry).collect()
    }

    /// The judgement, and what speaks against trusting it.
    pub(crate) fn judge(
        &self,
        suffered: Option<Suffered>,
    ) -> Result<(Judgement, Conditions), CalibrateError> {
        let entries = self.entries(suffered);
        let judgement = judge::judge(&entries, Arrivals::open(self.bytes.as_slice())?)?;
        let doubts = judgement.findings.iter().filter(|finding| {
            finding.clause == Clause::Evidence && finding.verdict != Verdict::Held
        });
        let doubts = doubts.map(|doubt| format!("{}, {}", doubt.title, doubt.measured.text));
        let late_ms = judgement.load.lateness.sent.max_ms.unwrap_or(0.0);
        let conditions = Conditions {
            delay_ms: late_ms.max(self.delay.as_secs_f64() * 1000.0),
            doubts: doubts.collect::<Vec<_>>().join("; "),
        };
        Ok((judgement, conditions))
    }
}

fn episode(suffered: Suffered) -> [(Offset, Event); 7] {
    let Suffered { from, until } = suffered;
    let (episode, settled) = (0, Offset::from(until.as_duration() + SETTLED));
    let requested = Event::FaultRequested {
        episode,
        members: vec![MEMBER.to_owned()],
        roles: vec![],
    };
    let seen = "told by the target itself".to_owned();
    [
        (from, Event::EpisodeStarted { episode }),
        (from, requested),
        (from, Event::FaultApplied { episode }),
        (from, Event::FaultProven { episode, seen }),
        (until, Event::HealRequested { episode }),
        (until, Event::Healed { episode }),
        (settled, Event::EpisodeEnded { episode }),
    ]
}
