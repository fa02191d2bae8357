//! What counts, what does not, and what is still to be tried.

use drill::Target;
use timeline::{DiskStall, Event, Outcome};

use super::*;
use crate::{Judgement, testing::Run};

/// The second episode of the small run hits whoever is the primary, the first one a server.
fn tries(run: &mut Run) -> Vec<Tried> {
    run.header().drill.episodes[0].target = Target::Container("api-2".into());
    let (drill, judgement) = (run.header().drill.clone(), run.judge());
    tried(&drill, &judgement)
}

fn asked(repetitions: u32) -> Asked {
    Asked {
        topology: "ha".into(),
        settings: Default::default(),
        platform: "0123".into(),
        users: 20,
        hold_s: 8.0,
        subjects: vec![
            Subject::Member("api-2".into()),
            Subject::Role(Role::PostgresPrimary),
        ],
        blows: vec![Blow::Kill],
        repetitions,
    }
}

fn states(matrix: &Matrix) -> Vec<CellState> {
    let cells = matrix.rows.iter().flat_map(|row| &row.cells);
    cells.map(|cell| cell.state).collect()
}

#[test]
fn a_blow_that_nobody_felt_is_clean_and_one_that_took_a_class_down_is_not() {
    let mut run = Run::healthy().fail(30.0..36.0, Class::Admin, Outcome::Failed);
    let matrix = matrix(asked(1), &tries(&mut run));
    assert_eq!(states(&matrix), [CellState::Clean, CellState::Down]);
    let primary = &matrix.rows[1];
    assert_eq!(primary.member, "postgres-1");
    assert_eq!(primary.roles, [Role::PostgresPrimary]);
    let figures = primary.cells[0].figures.as_ref().unwrap();
    assert_eq!(figures.worst_class, Some(Class::Admin));
    assert_eq!(
        (figures.down.as_slice(), figures.down_in),
        ([Class::Admin].as_slice(), 1)
    );
    assert!(figures.equivalents.worst > Some(5.0), "{figures:?}");
    assert_eq!(figures.errors.keys().collect::<Vec<_>>(), [&Class::Admin]);
    assert!(matrix.is_complete() && matrix.roles_not_hit.is_empty());
}

#[test]
fn a_cell_without_proof_says_so_and_is_still_to_be_tried() {
    let mut run = Run::healthy()
        .fail(10.0..16.0, Class::Read, Outcome::Failed)
        .without(|event| matches!(event, Event::FaultProven { episode: 0, .. }));
    let tried = tries(&mut run);
    let matrix = matrix(asked(1), &tried);
    assert_eq!(states(&matrix), [CellState::Unproven, CellState::Clean]);
    let cell = &matrix.rows[0].cells[0];
    assert_eq!((cell.trials, &cell.figures), (0, &None));
    assert!(
        cell.doubts[0].starts_with("no proof of the fault"),
        "{:?}",
        cell.doubts
    );
    let missing: Vec<_> = matrix.missing().iter().map(Trial::name).collect();
    assert_eq!(missing, ["api-2-kill-1"]);
}

#[test]
fn a_trial_in_which_the_machines_disk_stood_still_proves_nothing_and_its_neighbour_does() {
    let stalled = |lasted_s| {
        let mut run = Run::healthy();
        let disk = "vda".to_owned();
        run.push(14.0, Event::DiskStall(DiskStall { disk, lasted_s }));
        let doubts = tries(&mut run).into_iter().map(|tried| tried.doubt);
        doubts.collect::<Vec<_>>()
    };
    let doubt = "the machine's disk vda stood still for 0.7 s".to_owned();
    assert_eq!(stalled(0.7), [Some(doubt), None]);
    assert_eq!(stalled(0.3), [None, None]);
}

#[test]
fn second_attempts_are_counted_where_every_class_tells_of_them() {
    let mut run = Run::healthy().each(|arrival| arrival.again = arrival.user == 0);
    let told = tries(&mut run);
    let mut silent = told.clone();
    silent[0].toll.by_class[0].good_again = None;
    let again = |tried: &[Tried]| {
        let matrix = matrix(asked(2), tried);
        matrix.rows[0].cells[0].figures.as_ref().unwrap().good_again
    };
    // Asked once a second from the strike to full health and the aftermath.
    let one = again(&told);
    assert!(one.worst >= Some(10.0) && one.seen == 1, "{one:?}");
    assert_eq!(again(&[told, silent.clone()].concat()), one);
    assert_eq!(again(&silent), Spread::default());
}

#[test]
fn what_proves_nothing_enters_no_median_and_is_shown_beside_it() {
    let proven = tries(&mut Run::healthy());
    let mut bad = Run::healthy()
        .fail(10.0..16.0, Class::Read, Outcome::Failed)
        .without(|event| matches!(event, Event::FaultProven { episode: 0, .. }));
    let both = [proven, tries(&mut bad)].concat();
    let matrix = matrix(asked(2), &both);
    let cell = &matrix.rows[0].cells[0];
    assert_eq!((cell.trials, cell.state), (1, CellState::Clean));
    assert_eq!(cell.figures.as_ref().unwrap().equivalents.worst, Some(0.0));
    let excluded = cell.excluded.as_ref().unwrap();
    assert_eq!((excluded.trials, excluded.felt, excluded.down), (1, 1, 1));
    assert!(
        excluded.worst_bad > 5 && excluded.worst_bad_seconds >= 5,
        "{excluded:?}"
    );
    assert_eq!(excluded.reasons, cell.doubts);
    assert!(!matrix.is_complete());
}

#[test]
fn a_trial_that_did_not_recover_counts_as_the_worst_there_is() {
    let mut run =
        Run::healthy().without(|event| matches!(event, Event::EpisodeEnded { episode: 0 }));
    let tried = tries(&mut run);
    assert!(tried[0].counts() && tried[0].is_not_back());
    let matrix = matrix(asked(1), &tried);
    let cell = &matrix.rows[0].cells[0];
    assert_eq!((cell.trials, cell.state), (1, CellState::Down));
    assert_eq!(cell.figures.as_ref().unwrap().not_back, 1);
    assert_eq!((&cell.excluded, matrix.is_complete()), (&None, true));
}

#[test]
fn a_trial_that_was_left_out_for_not_recovering_counts_again() {
    let kept = &tries(&mut Run::healthy())[0];
    let mut kept = serde_json::to_value(kept).unwrap();
    kept["doubt"] = "no full health: api-2 is not ready".into();
    let old: Tried = serde_json::from_value(kept.clone()).unwrap();
    assert!(old.counts() && old.is_not_back());
    kept["doubt"] = "generator late: 40 ms".into();
    let late: Tried = serde_json::from_value(kept).unwrap();
    assert!(!late.counts() && !late.is_not_back());
}

#[test]
fn a_generator_that_a_hung_platform_kept_from_sending_excludes_nothing() {
    let mut run = Run::healthy().fail(10.0..16.0, Class::Read, Outcome::NotSent);
    let titles: Vec<_> = run.judge().findings.into_iter().map(|f| f.title).collect();
    assert!(titles.contains(&"requests not sent".into()));
    let matrix = matrix(asked(1), &tries(&mut run));
    assert_eq!(states(&matrix), [CellState::Down, CellState::Clean]);
}

#[test]
fn a_missing_repetition_is_lacking_and_comes_with_the_next_number() {
    let matrix = matrix(asked(3), &tries(&mut Run::healthy()));
    let counted: Vec<_> = matrix.lacking.iter().map(|l| l.counted).collect();
    assert_eq!(counted, [1, 1]);
    let missing: Vec<_> = matrix.missing().iter().map(Trial::name).collect();
    let expected = [
        "api-2-kill-2",
        "postgres-primary-kill-2",
        "api-2-kill-3",
        "postgres-primary-kill-3",
    ];
    assert_eq!(missing, expected);
}

#[test]
fn nothing_tried_is_all_missing() {
    let matrix = matrix(asked(1), &[]);
    assert_eq!(states(&matrix), [CellState::Missing, CellState::Missing]);
    assert_eq!(matrix.roles_not_hit, [Role::PostgresPrimary]);
    assert_eq!((matrix.missing().len(), matrix.untried), (2, 2));
    assert!(matrix.states.is_empty());
}

#[test]
fn a_member_has_a_row_for_each_role_in_which_it_was_hit() {
    let as_primary = tries(&mut Run::healthy());
    let mut later = as_primary.clone();
    later[1].roles = vec![Role::PostgresReplica, Role::PostgresFurthestReplica];
    let matrix = matrix(asked(2), &[as_primary, later].concat());
    let roles: Vec<_> = matrix.rows.iter().map(|row| row.roles.clone()).collect();
    let expected = [
        vec![],
        vec![Role::PostgresPrimary],
        vec![Role::PostgresReplica],
    ];
    assert_eq!(roles, expected);
    assert!(
        matrix.is_complete() && matrix.untried == 0,
        "the plan does not ask for roles"
    );
}

#[test]
fn of_a_run_cut_short_counts_what_had_ended_long_before() {
    let cut = |last_s: f64| {
        let mut run = Run::healthy()
            .without(|event| matches!(event, Event::LoadEnded { .. } | Event::Finished));
        run.footer = false;
        run.push(last_s, Event::Interrupted);
        tries(&mut run)
    };
    // Full health was back at 20.5 s and at 40.5 s.
    let counts = |tried: &[Tried]| tried.iter().map(Tried::counts).collect::<Vec<_>>();
    assert_eq!(counts(&cut(60.0)), [true, true]);
    assert_eq!(counts(&cut(52.0)), [true], "the other is still to be made");
}

#[test]
fn what_an_interruption_ended_is_no_failure_to_recover() {
    let mut run = Run::healthy().without(|event| {
        matches!(
            event,
            Event::LoadEnded { .. } | Event::Finished | Event::EpisodeEnded { episode: 1 }
        )
    });
    run.push(60.0, Event::Interrupted);
    assert_eq!(tries(&mut run).len(), 1);
    let mut run =
        Run::healthy().without(|event| matches!(event, Event::EpisodeEnded { episode: 1 }));
    assert!(tries(&mut run)[1].is_not_back(), "nobody interrupted it");
}

#[test]
fn a_late_generator_takes_all_trials_of_its_run_with_it() {
    let late = |judgement: Judgement| {
        let of_all = judgement.findings.iter().map(|f| f.title.clone());
        of_all.collect::<Vec<_>>()
    };
    let mut run = Run::healthy().each(|arrival| arrival.sent.0 = arrival.due.0 + 40_000_000);
    assert!(late(run.judge()).contains(&"generator late".into()));
    let tried = tries(&mut run);
    assert!(tried.iter().all(|one| !one.counts()));
    assert!(
        tried[0]
            .doubt
            .as_ref()
            .unwrap()
            .starts_with("generator late")
    );
}

#[test]
fn a_trial_without_its_turn_is_not_tried() {
    let mut run = Run::healthy().without(|event| {
        matches!(
            event,
            Event::EpisodeStarted { episode: 1 }
                | Event::FaultRequested { episode: 1, .. }
                | Event::FaultApplied { episode: 1 }
        )
    });
    assert_eq!(tries(&mut run).len(), 1);
}

#[test]
fn loss_that_nobody_looked_for_is_not_zero() {
    let tried = tries(&mut Run::healthy());
    assert_eq!((tried[0].lost, tried[0].duplicated), (None, None));
    let figures = matrix(asked(1), &tried).rows[0].cells[0]
        .figures
        .clone()
        .unwrap();
    assert_eq!((figures.lost.worst, figures.lost.seen), (None, 0));
}

#[test]
fn a_part_that_is_asked_for_again_keeps_the_rest() {
    let tried = tries(&mut Run::healthy());
    let part = || Asked {
        subjects: vec![Subject::Member("api-2".into())],
        ..asked(9)
    };
    assert_eq!(matrix(part(), &tried).rows.len(), 1);
    let whole = matrix(part().covering(&tried), &tried);
    assert_eq!(states(&whole), [CellState::Clean, CellState::Clean]);
    assert_eq!((whole.asked.repetitions, whole.is_complete()), (1, true));
    // Nothing else was tried: it stays as it was asked for.
    assert_eq!(part().covering(&tried[..1]), part());
    assert_eq!(part().covering(&[]), part());
}
