//! The topology as drawing instructions: layers from the edge to the stores, zones side by side, and on each
//! member what broke it and when.

use std::collections::BTreeSet;

use drill::Component;
use judge::{Judgement, MemberFigures};

use crate::document::Tone;

/// Width of the canvas, and of the layers' names on its left.
const WIDTH: f64 = 1000.0;
const GUTTER: f64 = 92.0;
/// Space between zones, and around their boxes.
const GAP: f64 = 6.0;
/// Least width of a box: enough for a name and a fault with its time.
const BOX: f64 = 86.0;
/// Heights: above the first layer, of a box with only a name, of a line below it, and between two layers.
const TOP: f64 = 34.0;
const BOX_HEIGHT: f64 = 24.0;
const LINE: f64 = 13.0;
const BETWEEN: f64 = 22.0;
/// Most faults named in one box.
const MOST_FAULTS: usize = 4;

/// The layers in the order in which a request meets them. Whatever is in none of them stands in the last.
const LAYERS: [(&str, &[Component]); 5] = [
    ("edge", &[Component::Varnish, Component::Haproxy]),
    ("rate limiter", &[Component::Gateway]),
    (
        "services",
        &[Component::Api, Component::Ws, Component::Worker],
    ),
    (
        "stores",
        &[Component::Redis, Component::Postgres, Component::Rabbitmq],
    ),
    ("around them", &[]),
];

/// Everything to draw.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    pub(crate) height: f64,
    pub(crate) zones: Vec<Zone>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) members: Vec<Member>,
    pub(crate) width: f64,
}

/// A column.
#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) title: String,
    pub(crate) x: f64,
    pub(crate) width: f64,
}

/// A row's name, and the way into it from the row above.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    pub(crate) middle: f64,
    /// From where the arrow comes; the last layer is on no request's way.
    pub(crate) arrow_from: Option<f64>,
    pub(crate) arrow_to: f64,
}

/// A box.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) roles: String,
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// None for a member that nothing was done to.
    pub(crate) tone: Option<Tone>,
    pub(crate) faults: Vec<Fault>,
}

/// What broke a member, and when.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) y: f64,
    pub(crate) text: String,
    /// For whoever points at it.
    pub(crate) more: String,
    pub(crate) tone: Tone,
}

/// The picture of a run's topology; none when the recording knows no member.
pub(crate) fn picture(judgement: &Judgement) -> Option<Picture> {
    let zones: BTreeSet<Option<&str>> = judgement.members.iter().map(zone).collect();
    if zones.is_empty() {
        return None;
    }
    let width = (WIDTH - GUTTER - GAP * (zones.len() - 1) as f64) / zones.len() as f64;
    let column = |position: usize| GUTTER + position as f64 * (width + GAP);
    let mut picture = Picture {
        width: WIDTH,
        ..Picture::default()
    };
    for (position, zone) in zones.iter().enumerate() {
        picture.zones.push(Zone {
            title: zone.map_or_else(String::new, |zone| format!("zone {zone}")),
            x: column(position),
            width,
        });
    }
    let mut top = TOP;
    for (number, (name, _)) in LAYERS.iter().enumerate() {
        let mut bottom = top;
        for (position, zone_of_column) in zones.iter().enumerate() {
            let here = |member: &&MemberFigures| {
                layer(member.component) == number && zone(member) == *zone_of_column
            };
            let mut members: Vec<_> = judgement.members.iter().filter(here).collect();
            members.sort_by_key(|member| (order(member.component), member.name.as_str()));
            let place = Place {
                x: column(position) + GAP,
                y: top,
                width: width - 2.0 * GAP,
            };
            let boxes = place.boxes(judgement, &members);
            bottom = boxes.iter().map(|b| b.y + b.height).fold(bottom, f64::max);
            picture.members.extend(boxes);
        }
        if bottom > top {
            let last = number + 1 == LAYERS.len();
            let above = picture
                .layers
                .last()
                .map_or(TOP - 12.0, |layer| layer.middle + 6.0);
            let middle = (top + bottom) / 2.0 + 4.0;
            picture.layers.push(Layer {
                name,
                middle,
                arrow_from: (!last).then_some(above),
                arrow_to: middle - 14.0,
            });
            top = bottom + BETWEEN;
        }
    }
    picture.height = top - BETWEEN + GAP + 4.0;
    Some(picture)
}

fn zone(member: &MemberFigures) -> Option<&str> {
    member.zone.as_deref()
}

/// Position of the layer that a component belongs to.
fn layer(component: Component) -> usize {
    let found = LAYERS
        .iter()
        .position(|(_, components)| components.contains(&component));
    found.unwrap_or(LAYERS.len() - 1)
}

/// Position within its layer.
fn order(component: Component) -> usize {
    let (_, components) = LAYERS[layer(component)];
    let listed = components.iter().position(|listed| *listed == component);
    listed.unwrap_or(component as usize)
}

/// Where one layer of one zone has its boxes.
struct Place {
    x: f64,
    y: f64,
    width: f64,
}

impl Place {
    /// Boxes side by side, in as many rows as they need; each row is as high as its highest box.
    fn boxes(&self, judgement: &Judgement, members: &[&MemberFigures]) -> Vec<Member> {
        let per_row = (((self.width + GAP) / (BOX + GAP)) as usize).max(1);
        let width = (self.width + GAP) / per_row as f64 - GAP;
        let mut y = self.y;
        let mut boxes = vec![];
        for row in members.chunks(per_row) {
            let lines = row.iter().map(|member| lines(member)).max().unwrap_or(0);
            let height = BOX_HEIGHT + LINE * lines as f64;
            for (position, member) in row.iter().enumerate() {
                let faults = faults_of(judgement, member, y);
                boxes.push(Member {
                    name: member.name.clone(),
                    roles: roles(member),
                    x: self.x + position as f64 * (width + GAP),
                    y,
                    width,
                    height,
                    tone: worst(&faults),
                    faults,
                });
            }
            y += height + GAP;
        }
        boxes
    }
}

/// Lines below the member's name: its role, if it has one, and its faults.
fn lines(member: &MemberFigures) -> usize {
    usize::from(!member.roles.is_empty()) + member.episodes.len().min(MOST_FAULTS)
}

/// What the member was: its role, without the component that its name tells already.
fn roles(member: &MemberFigures) -> String {
    let roles = member.roles.iter().map(|role| {
        let name = role.name();
        name.strip_prefix(member.component.name())
            .map_or(name, |rest| rest.trim_start_matches('-'))
    });
    roles.collect::<Vec<_>>().join(", ")
}

fn faults_of(judgement: &Judgement, member: &MemberFigures, top: f64) -> Vec<Fault> {
    let mut faults = vec![];
    let below = usize::from(!member.roles.is_empty());
    for (line, episode) in member.episodes.iter().enumerate() {
        let y = top + BOX_HEIGHT + LINE * (below + line) as f64 + 5.0;
        let left = member.episodes.len() - line;
        if line + 1 == MOST_FAULTS && left > 1 {
            faults.push(Fault {
                y,
                text: format!("and {left} more"),
                more: String::new(),
                tone: Tone::Faint,
            });
            break;
        }
        let (Some(row), Some(burn)) = (
            judgement.episodes.get(*episode),
            judgement.budget.burns.get(*episode),
        ) else {
            continue;
        };
        let begin = row
            .begin_s
            .map_or_else(String::new, |at| format!(" {at:.0} s"));
        faults.push(Fault {
            y,
            text: format!("{} {}{begin}", episode + 1, row.fault),
            more: format!("{}: {}", row.name, row.detail),
            tone: burn.verdict.into(),
        });
    }
    faults
}

/// The worst first.
fn worst(faults: &[Fault]) -> Option<Tone> {
    let has = |tone: &Tone| faults.iter().any(|fault| fault.tone == *tone);
    [Tone::Bad, Tone::Doubt, Tone::Good].into_iter().find(has)
}
