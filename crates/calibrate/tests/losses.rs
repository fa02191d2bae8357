//! The target that a ledger is held against: what it spoils is exactly what it was told to. In a file of its
//! own, because its load would disturb the self-test's measurements.

use std::collections::{HashMap, HashSet};

use calibrate::{Spoil, known_losses};
use timeline::{Arrivals, Outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_what_is_to_be_spoilt_is_spoilt() {
    let spoil = Spoil {
        lose: Some(500),
        double: Some(900),
        alter: Some(1300),
        stale_from: None,
    };
    let known = known_losses(2000, spoil).await.unwrap();
    let arrivals = Arrivals::open(known.arrivals.as_slice()).unwrap();
    let acknowledged = arrivals.filter(|a| a.as_ref().unwrap().outcome == Outcome::Ok);
    let acknowledged = acknowledged.count();
    let mut stored = HashMap::<_, u32>::new();
    for reading in &known.stored {
        *stored.entry(reading.reading_id).or_default() += 1;
    }
    // A busy machine may give up on a reading that was kept after all, but never the other way round.
    assert!(
        stored.len() + 1 >= acknowledged,
        "{} of {acknowledged}",
        stored.len()
    );
    let twice = stored.iter().filter(|(_, count)| **count == 2);
    let twice: Vec<_> = twice.map(|(id, _)| Some(*id)).collect();
    assert_eq!(twice, [known.doubled]);
    let spoilt = [known.lost, known.doubled, known.altered];
    let spoilt: HashSet<_> = spoilt.into_iter().flatten().collect();
    assert_eq!(spoilt.len(), 3);
    assert!(known.lost.is_some_and(|lost| !stored.contains_key(&lost)));
    assert!(
        known
            .altered
            .is_some_and(|altered| stored.contains_key(&altered))
    );
}
