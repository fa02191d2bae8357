//! What one user does, from the first slot to the last.

use std::sync::Arc;

use bytes::Bytes;
use drill::{Class, alarms, reading};
use hyper::Method;
use serde::{Deserialize, de::IgnoredAny};
use timeline::{Offset, Outcome};
use wire::{Accepted, Reading, Thresholds, ward_of};

use crate::behaviour::{Action, action};
use crate::http::{Ask, Asked, Line};
use crate::live;
use crate::schedule::{Kind, User};
use crate::world::{Ending, World};

/// Lives through the load as `user`.
pub(crate) async fn live_through(world: Arc<World>, user: User) {
    match user.kind {
        Kind::Monitor => monitor(&world, user).await,
        Kind::Clinician => {
            let acting = clinician(&world, user);
            let following = live::follow(&world, user.half_a_period_later());
            tokio::join!(acting, following);
        }
    }
}

async fn monitor(world: &World, user: User) {
    let mut vip = Line::new(world.vip.clone(), user.number);
    for slot in world.schedule.slots(user) {
        let taken_at_ms = taken_at_ms(world, slot.due);
        let reading = reading(world.seed, user.number, slot.number, taken_at_ms);
        let work = post(world, &mut vip, &reading, slot.due);
        world
            .arrive(user.number, Class::Ingest, slot.due, work)
            .await;
        if slot.last {
            vip.hang_up();
        }
    }
}

async fn clinician(world: &World, user: User) {
    let mut vip = Line::new(world.vip.clone(), user.number);
    let mut cdn = Line::new(world.cdn.clone(), user.number);
    for slot in world.schedule.slots(user) {
        let action = action(world.seed, user.number, slot.number);
        let line = match action {
            Action::Ward(_) | Action::Asset(_) => &mut cdn,
            _ => &mut vip,
        };
        let work = act(world, line, action, slot.due);
        world
            .arrive(user.number, class_of(action), slot.due, work)
            .await;
        if slot.last {
            vip.hang_up();
            cdn.hang_up();
        }
    }
}

/// Wall time of `due` in milliseconds since the Unix epoch.
fn taken_at_ms(world: &World, due: Offset) -> i64 {
    i64::try_from((world.zero_unix_ns + due.0) / 1_000_000).unwrap_or(i64::MAX)
}

fn class_of(action: Action) -> Class {
    match action {
        Action::Ward(_) | Action::Patient(_) | Action::PatientVitals(_) => Class::Read,
        Action::Thresholds(..) => Class::Admin,
        Action::Asset(_) => Class::Static,
    }
}

async fn post(world: &World, line: &mut Line, reading: &Reading, due: Offset) -> Ending {
    let ask = Ask {
        method: Method::POST,
        path: "/v1/vitals".into(),
        body: json(reading),
    };
    let patience = world.patience(due);
    let asked = line.ask(&ask, patience, world.recorder.tally()).await;
    let ending = ending(asked, 202, |body| {
        serde_json::from_slice(body)
            .is_ok_and(|Accepted { reading_id }| reading_id == reading.reading_id)
    });
    if ending.outcome == Outcome::Ok && alarms(reading, &Thresholds::default()) {
        let ward = ward_of(reading.patient_id);
        world
            .alerts
            .announce(ward, reading.reading_id, world.clock.now());
    }
    ending
}

async fn act(world: &World, line: &mut Line, action: Action, due: Offset) -> Ending {
    let ask = match action {
        Action::Ward(ward) => Ask::get(format!("/v1/wards/{ward}")),
        Action::Patient(id) => Ask::get(format!("/v1/patients/{id}")),
        Action::PatientVitals(id) => Ask::get(format!("/v1/patients/{id}/vitals?limit=20")),
        Action::Asset(name) => Ask::get(format!("/static/{name}")),
        Action::Thresholds(id, thresholds) => Ask {
            method: Method::PUT,
            path: format!("/v1/patients/{id}/thresholds"),
            body: json(&thresholds),
        },
    };
    let patience = world.patience(due);
    let sent = world.clock.now();
    let asked = line.ask(&ask, patience, world.recorder.tally()).await;
    let mut stale = false;
    let ending = ending(asked, 200, |body| match action {
        Action::Asset(_) => !body.is_empty(),
        Action::Thresholds(id, _) => match version(body) {
            Some(version) => {
                world.versions.note(id, version, world.clock.now());
                true
            }
            None => false,
        },
        Action::Patient(id) => match version(body) {
            Some(version) => {
                stale = !world.versions.is_fresh(id, version, sent);
                world.versions.note(id, version, world.clock.now());
                true
            }
            None => false,
        },
        Action::Ward(_) | Action::PatientVitals(_) => {
            serde_json::from_slice::<IgnoredAny>(body).is_ok()
        }
    });
    match stale {
        true => Ending {
            outcome: Outcome::Stale,
            ..ending
        },
        false => ending,
    }
}

/// The version of a patient's record.
fn version(body: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Record {
        version: i64,
    }
    let record: Record = serde_json::from_slice(body).ok()?;
    Some(record.version)
}

fn json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::new(), Bytes::from)
}

/// What an answer means, when `expected` is the status that was asked for.
pub(crate) fn ending(asked: Asked, expected: u16, is_usable: impl FnOnce(&[u8]) -> bool) -> Ending {
    let (outcome, status) = match asked.answer {
        Err(outcome) => (outcome, 0),
        Ok(answer) => {
            let status = answer.status.as_u16();
            let fits = status == expected && is_usable(&answer.body);
            (judge_status(status, fits), status)
        }
    };
    Ending {
        outcome,
        status,
        again: asked.again,
    }
}

/// What a status means, when `fits` says whether the answer is the one that was expected.
pub(crate) fn judge_status(status: u16, fits: bool) -> Outcome {
    match status {
        _ if fits => Outcome::Ok,
        400..500 => Outcome::Rejected,
        _ => Outcome::Failed,
    }
}
