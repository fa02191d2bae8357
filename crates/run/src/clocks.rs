//! The clocks of the controller, the generator and the observer, compared before, during and after a drill.

use std::{net::SocketAddr, time::Duration};

use timeline::{ClocksCompared, Event, Instrument};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::task::AbortOnDropHandle;

use crate::{Platform, recorder::Recorder};

/// Time between two comparisons.
const EVERY: Duration = Duration::from_secs(10);

/// Where the instruments' clocks are read.
type Instruments = [(Instrument, SocketAddr); 2];

fn instruments(platform: &Platform) -> Instruments {
    [
        (Instrument::Generator, platform.loadgen),
        (Instrument::Observer, platform.observer),
    ]
}

/// Compares and records once.
pub(crate) async fn compare(platform: &Platform, recorder: &Recorder) {
    compare_all(instruments(platform), recorder).await;
}

/// Compares and records once, and then every 10 s until the returned handle is dropped.
pub(crate) async fn compare_from_now_on(
    platform: &Platform,
    recorder: &Recorder,
) -> AbortOnDropHandle<()> {
    let (instruments, recorder) = (instruments(platform), recorder.clone());
    compare_all(instruments, &recorder).await;
    let comparing = async move {
        let mut rounds = interval_at(Instant::now() + EVERY, EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            compare_all(instruments, &recorder).await;
        }
    };
    AbortOnDropHandle::new(tokio::spawn(comparing))
}

/// An instrument that does not answer is left out: the judge misses it, and the load or the sightings end with it.
async fn compare_all(instruments: Instruments, recorder: &Recorder) {
    for (of, address) in instruments {
        match compare_one(of, address, recorder).await {
            Ok(compared) => recorder.record(Event::Clock(compared)).await,
            Err(error) => tracing::warn!(%error, of = of.name(), "clocks not compared"),
        }
    }
}

async fn compare_one(
    of: Instrument,
    address: SocketAddr,
    recorder: &Recorder,
) -> Result<ClocksCompared, probe::ProbeError> {
    let begin = recorder.clock().now();
    let own = clock::read();
    let read = probe::clocks(address).await?;
    Ok(ClocksCompared {
        of,
        read,
        own,
        round_trip: recorder.clock().now().since(begin),
    })
}

#[cfg(test)]
mod tests {
    use clock::Clock;
    use probe::{Ports, serve};
    use timeline::Entry;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_answers_is_recorded_and_who_does_not_is_left_out() {
        let path = std::env::temp_dir().join(format!("gameday-clocks-{}", std::process::id()));
        let (recorder, writer) = Recorder::start(Clock::start().0, &path).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let observer = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, Ports::default()));
        let nobody = SocketAddr::from(([127, 0, 0, 9], observer.port()));
        let instruments = [
            (Instrument::Generator, nobody),
            (Instrument::Observer, observer),
        ];
        compare_all(instruments, &recorder).await;
        recorder.close();
        writer.await.unwrap().unwrap();
        serving.abort();
        let lines = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        let entries: Vec<Entry> = lines
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let [
            Entry {
                event: Event::Clock(compared),
                ..
            },
        ] = entries.as_slice()
        else {
            panic!("{entries:?}");
        };
        assert_eq!(compared.of, Instrument::Observer);
        assert_eq!(compared.apart_ns(), 0, "{compared:?}");
    }
}
