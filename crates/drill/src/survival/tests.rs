//! Which drills follow from a topology, and that a file could hold them.

use proptest::prelude::*;

use super::*;
use crate::parse_for;

fn candidates() -> Vec<Candidate> {
    let names = [
        "api-2",
        "api-1",
        "postgres-1",
        "postgres-2",
        "observer",
        "pager",
    ];
    names.map(|name| Candidate::named(name.into())).into()
}

fn chosen(only: &[&str]) -> Result<Vec<String>, String> {
    let only: Vec<_> = only.iter().map(|word| (*word).to_owned()).collect();
    let subjects = subjects(&candidates(), &only)?;
    Ok(subjects.iter().map(|s| s.name().to_owned()).collect())
}

fn survival() -> Survival {
    Survival {
        topology: "ha".into(),
        users: 300,
        hold: Duration::from_secs(10),
    }
}

#[test]
fn everyone_but_the_instruments_is_hit_in_the_order_of_the_components() {
    let all = ["api-1", "api-2", "pager", "postgres-1", "postgres-2"];
    assert_eq!(chosen(&[]).unwrap(), all);
}

#[test]
fn members_components_and_roles_are_chosen_each_once() {
    let only = ["postgres-primary", "api-2", "api"];
    assert_eq!(
        chosen(&only).unwrap(),
        ["postgres-primary", "api-2", "api-1"]
    );
}

#[test]
fn a_word_that_names_nothing_is_answered_with_what_there_is() {
    for word in ["api-9", "observer", "redis", "redis-master", "instrument"] {
        let error = chosen(&[word]).unwrap_err();
        assert!(error.contains(word), "{error}");
        assert!(
            error.contains("postgres-2, api, pager, postgres, postgres-primary"),
            "{error}"
        );
        assert!(!error.contains("observer,"), "{error}");
    }
}

#[test]
fn all_are_hit_once_before_any_is_hit_twice() {
    let subjects = subjects(&candidates(), &["api".into()]).unwrap();
    let trials = trials(&subjects, &[Blow::Kill, Blow::Partition], 2);
    let names: Vec<_> = trials.iter().map(Trial::name).collect();
    let first = ["api-1-kill-1", "api-2-kill-1", "api-1-partition-1"];
    assert_eq!(names[..3], first);
    assert_eq!(names[4], "api-1-kill-2");
    assert_eq!(names.len(), 8);
}

#[test]
fn the_drill_is_one_that_a_file_could_hold() {
    let only = ["api-1".into(), "postgres-primary".into()];
    let subjects = subjects(&candidates(), &only).unwrap();
    let trials = trials(&subjects, Blow::ALL, 1);
    let span = survival().span(vec![survival().guess(); trials.len()]);
    let drill = survival().drill(&trials, span, 7).unwrap();
    assert_eq!(drill.traffic.real_span(), span);
    let at = |seconds| drill.traffic.users_at(Duration::from_secs(seconds));
    assert_eq!((at(0), at(40)), (300, 300));
    let read = parse_for("x.toml", &drill.text(), |_| Ok(candidates())).unwrap();
    assert_eq!(read, drill);
}

#[test]
fn too_many_users_are_refused() {
    let many = Survival {
        users: 30_000,
        ..survival()
    };
    let error = many.drill(&[], Duration::from_secs(60), 7).unwrap_err();
    assert!(error.to_string().contains("20000"), "{error}");
}

proptest! {
    #[test]
    fn what_fits_fits_and_one_more_would_not(
        expected in prop::collection::vec(0_u64..200, 0..40),
        at_most in 0_u64..1200,
    ) {
        let expected: Vec<_> = expected.into_iter().map(Duration::from_secs).collect();
        let at_most = Duration::from_secs(at_most);
        let count = fitting(&survival(), &expected, at_most);
        let span = |count: usize| survival().span(expected[..count].iter().copied());
        prop_assert!(count == 0 || span(count) <= at_most);
        prop_assert!(count == expected.len() || span(count + 1) > at_most);
    }

    #[test]
    fn a_load_outlasts_what_it_carries(expected in prop::collection::vec(0_u64..200, 0..40)) {
        let sum = Duration::from_secs(expected.iter().sum());
        let span = survival().span(expected.into_iter().map(Duration::from_secs));
        prop_assert!(span >= WARM_UP + sum + AFTERMATH);
    }
}
