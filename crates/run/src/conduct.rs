//! One drill from start to verdict.

use std::{collections::BTreeMap, convert::Infallible, path::Path, time::Duration};

use chaos::UndoLedger;
use clock::Clock;
use drill::{Component, Drill};
use engine::Docker;
use judge::Judgement;
use stage::{Prices, Subnets, Topology};
use timeline::{BillLine, Event, FORMAT, Header, LoadPlan, Offset, Placed};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    LoadNow, Platform, Progress, RunError, RunFolder, Say, clocks,
    episodes::Cast,
    guard::{LossCheck, Stop, watch_budget},
    heal, judge_folder, ledger, limits,
    load::Load,
    lookout::{Lookout, look, record_engine},
    pages, raise,
    recorder::Recorder,
    seal, stalls,
};

/// Time between the generator's start and the first arrival, so that every user starts in time.
const LOAD_AHEAD: Duration = Duration::from_secs(2);

/// What is to be run.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The drill.
    pub drill: &'a Drill,
    /// Its file as given, kept in the run folder.
    pub drill_text: &'a str,
    /// The folder that holds `compose` and `crates`.
    pub root: &'a Path,
    /// Where run folders are.
    pub home: &'a Path,
}

/// A run that came to a verdict.
#[derive(Debug)]
pub struct Ended {
    /// Its folder.
    pub folder: RunFolder,
    /// The verdict and all figures behind it.
    pub judgement: Judgement,
    /// Whether everything was put down. What stays is an error of its own, and takes nothing from the verdict.
    pub lowered: Result<(), RunError>,
}

/// A run that came to a record, whatever became of it.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Its folder.
    pub(crate) folder: RunFolder,
    /// How the drill ended. What was recorded by then is there, also when it did not end well.
    pub(crate) drill: Result<(), RunError>,
    /// Whether everything was put down.
    pub(crate) lowered: Result<(), RunError>,
}

/// Runs a drill: heals what earlier runs left, raises the platform, replays the load, breaks and heals
/// one thing after another, puts everything down, and judges.
///
/// # Errors
/// When there can be no verdict. Everything started is put down first, in every case; what can't be is told beside the verdict.
pub async fn conduct(
    order: Order<'_>,
    docker: &Docker,
    say: Say<'_>,
    interrupted: &CancellationToken,
) -> Result<Ended, RunError> {
    let Recorded {
        folder,
        drill,
        lowered,
    } = record(order, docker, say, interrupted).await?;
    if let (Err(_), Err(left)) = (&drill, &lowered) {
        // Only one of two errors can be the end of it.
        say(Progress::Line(left.to_string()));
    }
    drill?;
    let judgement = judge_folder(&folder)?;
    Ok(Ended {
        folder,
        judgement,
        lowered,
    })
}

/// Everything but the verdict.
///
/// # Errors
/// When there is no record at all.
pub(crate) async fn record(
    order: Order<'_>,
    docker: &Docker,
    say: Say<'_>,
    interrupted: &CancellationToken,
) -> Result<Recorded, RunError> {
    let settings = stage::settings(&order.root.join("compose"), std::env::vars_os())?;
    // What can't be healed of an earlier run is said by `heal` itself, and keeps nobody from a platform of their own.
    let _ = heal(docker, order.home, false, say).await;
    let (folder, _holder) = RunFolder::create(order.home)?;
    say(Progress::Line(format!(
        "run {} in {}",
        folder.id(),
        folder.path().display()
    )));
    folder.write("drill.toml", order.drill_text.as_bytes())?;
    let bill = bill(order.root, &order.drill.topology)?;
    // Boxed: the whole drill lives in this future.
    let drill = Box::pin(staged(
        order,
        docker,
        &folder,
        (bill, settings),
        say,
        interrupted,
    ))
    .await;
    say(Progress::Phase("down"));
    let clock = Clock::start().0;
    // Logs are a kindness; nothing may keep the topology from being put down.
    if let Ok(members) = engine::Inspect::members(docker, &folder.project()).await {
        stage::save_logs(docker, &members, &folder.logs()).await;
    }
    let lowered = stage::lower(docker, &folder.project()).await;
    say(Progress::PhaseEnded("down", clock.now().as_duration()));
    Ok(Recorded {
        folder,
        drill,
        lowered: lowered.map(drop).map_err(RunError::from),
    })
}

/// What the topology costs, from its labels and the price list.
fn bill(root: &Path, topology: &str) -> Result<Vec<BillLine>, RunError> {
    let compose = root.join("compose");
    let topology = Topology::load(&compose, topology)?;
    Ok(stage::bill(&topology, &Prices::load(&compose)?)?)
}

/// The part between up and down.
async fn staged(
    order: Order<'_>,
    docker: &Docker,
    folder: &RunFolder,
    (bill, settings): (Vec<BillLine>, BTreeMap<String, String>),
    say: Say<'_>,
    interrupted: &CancellationToken,
) -> Result<(), RunError> {
    let stop = Stop::under(interrupted);
    let topology = &order.drill.topology;
    let platform = raise(docker, order.root, folder, topology, say, interrupted).await?;
    let (clock, zero_unix_ns) = Clock::start();
    let (recorder, writer) = Recorder::start(clock, &folder.timeline())?;
    let header = header(
        order.drill,
        docker,
        folder,
        (bill, settings),
        placed(&platform),
        zero_unix_ns,
    );
    recorder
        .record_at(Offset(0), Event::Started(Box::new(header)))
        .await;
    say(Progress::Phase("drill"));
    let stage = Stage {
        docker,
        folder,
        platform: &platform,
        zero_unix_ns,
        say,
        stop: &stop,
        interrupted,
    };
    let comparing = clocks::compare_from_now_on(&platform, &recorder).await;
    let watching_itself = stalls::watch(&recorder);
    let outcome = stage.drill(order.drill, &recorder).await;
    drop((comparing, watching_itself));
    clocks::compare(&platform, &recorder).await;
    say(Progress::PhaseEnded("drill", clock.now().as_duration()));
    if interrupted.is_cancelled() {
        recorder.record(Event::Interrupted).await;
    } else if outcome.is_ok() {
        if let Some(reason) = stop.reason() {
            let reason = reason.to_owned();
            recorder.record(Event::Stopped { reason }).await;
        }
        recorder.record(Event::Finished).await;
    }
    recorder.close();
    writer.await.unwrap_or(Ok(()))?;
    let sealed = seal::seal(folder).await;
    outcome?;
    sealed?;
    match interrupted.is_cancelled() {
        true => Err(RunError::Interrupted),
        false => Ok(()),
    }
}

/// What must be known to judge the run or to repeat it.
fn header(
    drill: &Drill,
    docker: &Docker,
    folder: &RunFolder,
    (bill, settings): (Vec<BillLine>, BTreeMap<String, String>),
    members: Vec<Placed>,
    zero_unix_ns: u64,
) -> Header {
    let info = docker.info();
    // A verdict about a platform with other settings than its files say must not look like one about those.
    let mut machine = settings;
    let words = [
        ("engine", info.engine_version.clone()),
        ("api", info.api_version.clone()),
        ("kernel", info.kernel.clone()),
        ("system", format!("{} {}", info.os, info.architecture)),
        ("cores", info.cpus.to_string()),
        ("memory_gib", (info.memory_bytes >> 30).to_string()),
        ("gameday", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    machine.extend(words.map(|(key, value)| (key.to_owned(), value)));
    Header {
        format: FORMAT,
        run: folder.id().to_owned(),
        started_at: wall_time(zero_unix_ns),
        drill: drill.clone(),
        zero_unix_ns,
        schedule: drill::schedule::SCHEDULE,
        project: folder.project(),
        machine,
        bill,
        members,
    }
}

/// The wall time of the clock's zero, so that what carries wall time, such as logs, can be set beside the
/// timeline.
fn wall_time(zero_unix_ns: u64) -> String {
    jiff::Timestamp::from_nanosecond(zero_unix_ns.into())
        .unwrap_or_default()
        .to_string()
}

/// Everyone but the instruments, which are no part of the platform.
fn placed(platform: &Platform) -> Vec<Placed> {
    let members = platform.raised.members.iter().filter_map(|member| {
        let component = Component::from_name(&member.component)?;
        (component != Component::Instrument).then(|| Placed {
            name: member.service.clone(),
            component,
            zone: member.zone.clone(),
        })
    });
    members.collect()
}

/// A raised platform with a clock running.
struct Stage<'a> {
    docker: &'a Docker,
    folder: &'a RunFolder,
    platform: &'a Platform,
    zero_unix_ns: u64,
    say: Say<'a>,
    stop: &'a Stop,
    interrupted: &'a CancellationToken,
}

impl Stage<'_> {
    /// Load, episodes and recording, until the curve is walked to its end.
    async fn drill(&self, drill: &Drill, recorder: &Recorder) -> Result<(), RunError> {
        let project = self.folder.project();
        let platform = self.platform;
        record_engine(
            self.docker.clone(),
            project.clone(),
            self.zero_unix_ns,
            recorder.clone(),
        );
        let watched = (platform.observer, &platform.watch_list);
        let lookout = look(
            watched.0,
            watched.1,
            Some(recorder.clone()),
            self.zero_unix_ns,
        )
        .await?;
        let load = self.load(drill, recorder).await?;
        let undo = UndoLedger::open(&self.folder.undo(), &project)?.with_agents(&platform.agents);
        let (ended, now) = (load.ended.clone(), load.now.clone());
        let mut cast = Cast {
            docker: self.docker,
            loadgen: platform.loadgen,
            ledger: &undo,
            recorder,
            lookout: lookout.clone(),
            stop: self.stop,
            losses: LossCheck {
                platform,
                folder: self.folder,
            },
            load_ended: &ended,
            say: self.say,
        };
        let playing = async {
            cast.play(drill).await?;
            if !self.stop.is_due() {
                let line = "episodes done; the curve is walked to its end";
                (self.say)(Progress::Line(line.into()));
            }
            tokio::select! {
                () = ended.cancelled() => {}
                () = self.stop.due() => {}
            }
            Ok(())
        };
        let played = tokio::select! {
            played = playing => played,
            never = self.tell(now.clone()) => match never {},
            never = watch_budget(&drill.guard, now, self.stop) => match never {},
        };
        match (played, self.stop.reason()) {
            (Ok(()), None) if self.stop.is_due() => {
                load.abort().await;
                Ok(())
            }
            (Ok(()), reason) => {
                if let Some(reason) = reason {
                    (self.say)(Progress::Line(format!("ended by its guard: {reason}")));
                    load.cut_short().await?;
                } else {
                    load.finish().await?;
                }
                self.take_stock(drill, lookout, recorder).await
            }
            (Err(error), _) => {
                load.abort().await;
                Err(error)
            }
        }
    }

    /// Reads what is stored and what the third party was told, once all is well.
    async fn take_stock(
        &self,
        drill: &Drill,
        lookout: Lookout,
        recorder: &Recorder,
    ) -> Result<(), RunError> {
        let line = "reading what is stored, once all is well";
        (self.say)(Progress::Line(line.into()));
        let taking = async {
            let stored = self.folder.stored();
            let pace = &drill.pace;
            let asked = ledger::take(self.platform, lookout, pace, stored, recorder).await?;
            pages::take(self.platform, recorder).await;
            // The last of all: a change has had the most time to come out of its queue.
            limits::take(self.platform, asked.as_ref(), recorder).await;
            Ok(())
        };
        tokio::select! {
            taken = taking => taken,
            () = self.interrupted.cancelled() => Ok(()),
        }
    }

    /// Says how the load goes, for as long as it is asked to.
    async fn tell(&self, mut now: watch::Receiver<LoadNow>) -> Infallible {
        while now.changed().await.is_ok() {
            (self.say)(Progress::Load(*now.borrow_and_update()));
        }
        std::future::pending().await
    }

    async fn load(&self, drill: &Drill, recorder: &Recorder) -> Result<Load, RunError> {
        let begin = recorder.clock().now().as_duration() + LOAD_AHEAD;
        let cdn = self.platform.addresses(Component::Varnish, "edge");
        let plan = LoadPlan {
            seed: drill.seed,
            zero_unix_ns: self.zero_unix_ns,
            begin_ns: Offset::from(begin).0,
            traffic: drill.traffic.clone(),
            duration: drill.traffic.real_span(),
            stale_after: drill.contract.stale_at_most,
            visible_within: drill.contract.visible_within,
            probes: loadgen::probes(drill),
            vip: format!("{}:80", self.platform.raised.vip("edge")),
            cdn: cdn
                .into_iter()
                .map(|own| format!("{}:80", Subnets::floating(own)))
                .collect(),
        };
        let file = self.folder.arrivals();
        let contract = &drill.contract;
        Load::start(
            self.platform.loadgen,
            plan,
            contract,
            file,
            recorder.clone(),
        )
        .await
    }
}
