//! What one user does, from the first slot to the last.

use std::sync::Arc;

use bytes::Bytes;
use drill::{Class, alarms, reading};
use hyper::Method;
use timeline::{Offset, Outcome};
use wire::{Accepted, Reading, Thresholds, ward_of};

use crate::behaviour::{Action, action};
use crate::content::{self, VITALS};
use crate::http::{Ask, Asked, Line};
use crate::live;
use crate::schedule::{Kind, User};
use crate::visible::Shown;
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

pub(crate) fn class_of(action: Action) -> Class {
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
    if ending.outcome == Outcome::Ok {
        let now = world.clock.now();
        world
            .visible
            .acknowledged(reading.patient_id, reading.taken_at_ms, now);
        if alarms(reading, &Thresholds::default()) {
            let ward = ward_of(reading.patient_id);
            let alerts = &world.alerts;
            alerts.announce(ward, reading.reading_id, now, &world.recorder);
        }
    }
    ending
}

/// Does `action`, and checks what comes back.
pub(crate) async fn act(world: &World, line: &mut Line, action: Action, due: Offset) -> Ending {
    let ask = match action {
        Action::Ward(ward) => Ask::get(format!("/v1/wards/{ward}")),
        Action::Patient(id) => Ask::get(format!("/v1/patients/{id}")),
        Action::PatientVitals(id) => Ask::get(format!("/v1/patients/{id}/vitals?limit={VITALS}")),
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
    judged(asked, 200, |body| {
        checked(world, action, body, sent).unwrap_or(Outcome::Wrong)
    })
}

/// What a complete answer shows; none where it is not what was asked for.
fn checked(world: &World, action: Action, body: &[u8], sent: Offset) -> Option<Outcome> {
    let now = world.clock.now();
    let shown = |patient, latest: Option<&Reading>| Shown {
        patient,
        newest_ms: latest.map(|reading| reading.taken_at_ms),
    };
    Some(match action {
        Action::Asset(name) => content::is_asset(name, body).then_some(Outcome::Ok)?,
        Action::Thresholds(id, _) => {
            let patient = content::patient(body, id)?;
            world.versions.note(id, patient.version, now);
            Outcome::Ok
        }
        Action::Patient(id) => {
            let patient = content::patient(body, id)?;
            let fresh = world.versions.is_fresh(id, patient.version, sent);
            world.versions.note(id, patient.version, now);
            let latest = shown(id, patient.latest.as_ref());
            let seen = world.visible.look(&[latest], sent, now);
            if fresh { seen } else { Outcome::Stale }
        }
        Action::PatientVitals(id) => {
            let list = content::vitals(body, id)?;
            let latest = shown(id, list.first().map(|stored| &stored.reading));
            world.visible.look(&[latest], sent, now)
        }
        Action::Ward(id) => {
            let page = content::ward(body, id)?;
            let lines = page.patients.iter();
            let latest: Vec<_> = lines.map(|p| shown(p.id, p.latest.as_ref())).collect();
            world.visible.look(&latest, sent, now)
        }
    })
}

fn json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::new(), Bytes::from)
}

/// What an answer means, when `expected` is the status that was asked for.
pub(crate) fn ending(asked: Asked, expected: u16, is_usable: impl FnOnce(&[u8]) -> bool) -> Ending {
    judged(asked, expected, |body| match is_usable(body) {
        true => Outcome::Ok,
        false => judge_status(expected, false),
    })
}

/// What an answer means, when `content` tells it of one with the status `expected`.
fn judged(asked: Asked, expected: u16, content: impl FnOnce(&[u8]) -> Outcome) -> Ending {
    let (outcome, status) = match asked.answer {
        Err(outcome) => (outcome, 0),
        Ok(answer) => {
            let status = answer.status.as_u16();
            let outcome = match status == expected {
                true => content(&answer.body),
                false => judge_status(status, false),
            };
            (outcome, status)
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
