//! Steady probes beside the users.

use std::time::Duration;

use crate::support::{Mode, Platform, Shape, generator, get, plan, record};
use drill::Class;
use loadgen::{LoadError, drive};
use timeline::{LoadPlan, Outcome, ProbePlan};

fn probed(platform: &Platform, class: Class) -> LoadPlan {
    let every = Duration::from_millis(50);
    let mut plan = plan(Shape::default(), platform.address, &[platform.address]);
    plan.probes = vec![ProbePlan { class, every }];
    plan
}

#[tokio::test]
async fn a_probe_asks_at_each_tick_of_the_load() {
    let platform = Platform::start(Mode::Honest).await;
    let generator = generator().await;
    for class in [Class::Admin, Class::Static, Class::Read] {
        let plan = probed(&platform, class);
        let (arrivals, is_complete) = record(generator, &plan).await;
        assert!(is_complete);
        let mut probes: Vec<_> = arrivals.iter().filter(|a| a.is_probe()).collect();
        assert!(
            probes
                .iter()
                .all(|a| a.class == class && a.outcome == Outcome::Ok)
        );
        probes.sort_by_key(|a| a.due.0);
        let dues = probes.iter().map(|a| a.due.0);
        assert!(dues.eq((0..20).map(|tick| plan.begin_ns + tick * 50_000_000)));
        assert_eq!(
            arrivals.len() - probes.len(),
            200,
            "the monitors' are as ever"
        );
        let counts = &get(generator, "/stats").await["counts"]["arrivals"];
        assert!(counts[class.name()]["ok"].is_null(), "{counts}");
    }
}

#[tokio::test]
async fn what_can_not_be_probed_is_refused() {
    let platform = Platform::start(Mode::Honest).await;
    let generator = generator().await;
    let mut too_often = probed(&platform, Class::Read);
    too_often.probes[0].every = Duration::from_millis(1);
    for plan in [probed(&platform, Class::Live), too_often] {
        match drive(generator, &plan).await.err() {
            Some(LoadError::Refused { status, message }) => {
                assert_eq!(status, 400);
                assert!(message.contains("probe of"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}
