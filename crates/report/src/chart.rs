//! The run over time as drawing instructions: where each line, bar and band goes on a 1000-unit wide canvas.

use judge::{EpisodeFigures, Judgement, Series};

use crate::words::{amount, trouble};

/// Width of the canvas.
const WIDTH: f64 = 1000.0;
/// Where the plots begin and end, from the left.
const LEFT: f64 = 60.0;
const RIGHT: f64 = WIDTH - 16.0;
/// Above the first plot: room for the numbers of the episodes.
const TOP: f64 = 22.0;
/// Height of a plot, and of one with the title above it.
const PLOT: f64 = 92.0;
const PANEL: f64 = PLOT + 34.0;

/// Everything to draw.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) bands: Vec<Band>,
    pub(crate) panels: Vec<Panel>,
    /// Ticks of the time below the last plot.
    pub(crate) ticks: Vec<Tick>,
}

/// The time of one episode.
#[derive(Debug)]
pub(crate) struct Band {
    /// Number of the episode, from 1.
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) x: f64,
    /// Width of the fault's own time.
    pub(crate) fault: f64,
    /// Where the healing begins.
    pub(crate) heal: f64,
    /// Width of the time from healing to full health.
    pub(crate) mending: f64,
}

/// A position on an axis and what it stands for.
#[derive(Debug)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) text: String,
}

/// One plot.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    /// Name of its colour.
    pub(crate) kind: &'static str,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    scale: Scale,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) path: String,
    /// Where the promised limit lies.
    pub(crate) limit: Option<f64>,
}

/// From values to heights.
#[derive(Debug, Clone, Copy)]
enum Scale {
    /// From 0 to the given value.
    Linear(f64),
    /// From 1 to the given power of ten.
    Log(f64),
}

impl Scale {
    /// Share of the plot's height.
    fn share(self, value: f64) -> f64 {
        match self {
            Self::Linear(most) => value / most,
            Self::Log(decades) => value.max(1.0).log10() / decades,
        }
        .clamp(0.0, 1.0)
    }

    fn marks(self) -> Vec<f64> {
        match self {
            Self::Linear(most) => vec![0.0, most / 2.0, most],
            Self::Log(decades) => (0..=decades as i32)
                .map(|power| 10_f64.powi(power))
                .collect(),
        }
    }
}

/// The smallest of 2, 4 and 10 times a power of ten that is not below `value`: its half is a round number too.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(2.0).log10().floor());
    let steps = [1.0, 2.0, 4.0, 10.0].map(|step| step * power);
    let fitting = steps.into_iter().find(|step| *step >= value);
    fitting.unwrap_or(10.0 * power).max(2.0)
}

/// As exact as a drawing needs.
fn tenths(units: f64) -> f64 {
    (units * 10.0).round() / 10.0
}

/// Values that follow one another in equal steps of time, some of them missing.
struct Steps {
    begin_s: f64,
    step_s: f64,
    values: Vec<Option<f64>>,
}

impl Steps {
    fn new(begin_s: f64, step_s: f64, values: impl Iterator<Item = f64>) -> Self {
        Self {
            begin_s,
            step_s,
            values: values.map(Some).collect(),
        }
    }

    fn counts(series: &Series, counts: &[u64]) -> Self {
        let values = counts.iter().map(|count| *count as f64);
        Self::new(series.begin_s, series.step_s as f64, values)
    }

    fn most(&self) -> f64 {
        self.values.iter().flatten().copied().fold(0.0, f64::max)
    }

    fn linear(&self) -> Scale {
        Scale::Linear(round_up(self.most()))
    }
}

/// The chart of a run.
pub(crate) fn chart(judgement: &Judgement) -> Chart {
    let series = &judgement.series;
    let last = series.begin_s + (series.requests_all.len() as u64 * series.step_s) as f64;
    let axis = Axis {
        begin_s: series.begin_s.min(0.0),
        end_s: last.max(judgement.load.seconds).max(1.0),
    };
    let panels = panels(judgement, series, axis);
    let height = TOP + PANEL * panels.len() as f64 + 20.0;
    let rows = judgement.episodes.iter().enumerate();
    Chart {
        height,
        left: LEFT,
        right: RIGHT,
        bands: rows
            .filter_map(|(number, row)| band(number + 1, row, axis))
            .collect(),
        panels,
        ticks: axis.ticks(),
    }
}

fn panels(judgement: &Judgement, series: &Series, axis: Axis) -> Vec<Panel> {
    let per = match series.step_s {
        1 => "s".to_owned(),
        step => format!("{step} s"),
    };
    let every = series.users_step_s;
    let users = Steps::new(0.0, every, series.users.iter().map(|n| f64::from(*n)));
    let requests = Steps::counts(series, &series.requests_all);
    let bad = Steps::counts(series, &series.bad_all);
    let title = format!("users, distinct in {every:.0} s");
    vec![
        Panel::new(0, title, "users", users.linear()).line(axis, &users),
        Panel::new(
            1,
            format!("requests per {per}"),
            "requests",
            requests.linear(),
        )
        .line(axis, &requests),
        Panel::new(2, format!("errors per {per}"), "errors", bad.linear()).bars(axis, &bad),
        latency(judgement, series, axis),
    ]
}

/// The tightest limit of the contract is drawn across.
fn latency(judgement: &Judgement, series: &Series, axis: Axis) -> Panel {
    let steps = Steps {
        begin_s: 0.0,
        step_s: series.latency_step_s as f64,
        values: series.answered_p99_ms.clone(),
    };
    let limits = judgement
        .contract
        .latency
        .iter()
        .map(|clause| clause.at_most);
    let scale = Scale::Log(steps.most().max(1000.0).log10().ceil());
    let title = "p99 of the good answers, ms".into();
    let mut panel = Panel::new(3, title, "latency", scale).line(axis, &steps);
    panel.limit = limits
        .min()
        .map(|limit| panel.y(limit.as_secs_f64() * 1000.0));
    panel
}

fn band(number: usize, row: &EpisodeFigures, axis: Axis) -> Option<Band> {
    let begin = row.begin_s?;
    let heal = row.heal_s.unwrap_or(axis.end_s);
    let end = row.end_s.unwrap_or(heal);
    let trouble = trouble(row.state).map_or_else(String::new, |word| format!(" ({word})"));
    Some(Band {
        number,
        name: format!(
            "{} {}: {}{trouble}",
            row.fault,
            row.members.join(" "),
            row.name
        ),
        x: axis.x(begin),
        fault: tenths(axis.x(heal) - axis.x(begin)),
        mending: tenths(axis.x(end) - axis.x(heal)),
        heal: axis.x(heal),
    })
}

/// The time axis that all plots share.
#[derive(Debug, Clone, Copy)]
struct Axis {
    begin_s: f64,
    end_s: f64,
}

impl Axis {
    fn x(self, seconds: f64) -> f64 {
        let share = (seconds - self.begin_s) / (self.end_s - self.begin_s);
        tenths(LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT))
    }

    fn ticks(self) -> Vec<Tick> {
        let step = round_up(self.end_s / 12.0);
        let ticks = (0..)
            .map(|n| f64::from(n) * step)
            .take_while(|s| *s <= self.end_s);
        let tick = |seconds: f64| Tick {
            at: self.x(seconds),
            text: format!("{} s", amount(seconds)),
        };
        ticks.map(tick).collect()
    }
}

impl Panel {
    fn new(position: usize, title: String, kind: &'static str, scale: Scale) -> Self {
        let bottom = TOP + PANEL * (position + 1) as f64;
        let mut panel = Self {
            title,
            kind,
            top: bottom - PLOT,
            bottom,
            scale,
            ticks: vec![],
            path: String::new(),
            limit: None,
        };
        let mark = |value: f64| Tick {
            at: panel.y(value),
            text: amount(value),
        };
        panel.ticks = scale.marks().into_iter().map(mark).collect();
        panel
    }

    fn y(&self, value: f64) -> f64 {
        tenths(self.bottom - self.scale.share(value) * PLOT)
    }

    /// Points in the middle of their steps, joined where they follow one another.
    fn line(mut self, axis: Axis, steps: &Steps) -> Self {
        let mut pen = 'M';
        for (n, value) in steps.values.iter().enumerate() {
            let Some(value) = value else {
                pen = 'M';
                continue;
            };
            let x = axis.x(steps.begin_s + (n as f64 + 0.5) * steps.step_s);
            let y = self.y(*value);
            // A point alone is a line of no length, which round ends make visible.
            let alone = if pen == 'M' { "h0" } else { "" };
            self.path += &format!("{pen}{x:.1} {y:.1}{alone}");
            pen = 'L';
        }
        self
    }

    /// A bar as wide as its step, at least a unit.
    fn bars(mut self, axis: Axis, steps: &Steps) -> Self {
        for (n, value) in steps.values.iter().enumerate() {
            let Some(value) = value.filter(|value| *value > 0.0) else {
                continue;
            };
            let from = steps.begin_s + n as f64 * steps.step_s;
            let (x, until) = (axis.x(from), axis.x(from + steps.step_s));
            let bottom = self.bottom;
            let (width, height) = ((until - x).max(1.0), (bottom - self.y(value)).max(1.0));
            self.path += &format!("M{x:.1} {bottom:.1}v-{height:.1}h{width:.1}v{height:.1}z");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: Axis = Axis {
        begin_s: 0.0,
        end_s: 4.0,
    };

    #[test]
    fn scales_end_on_round_numbers() {
        for (value, most) in [
            (0.0, 2.0),
            (3.0, 4.0),
            (41.0, 100.0),
            (182.0, 200.0),
            (400.0, 400.0),
        ] {
            assert_eq!(round_up(value), most, "{value}");
        }
    }

    #[test]
    fn a_gap_lifts_the_pen() {
        let steps = Steps {
            begin_s: 0.0,
            step_s: 1.0,
            values: vec![Some(1.0), Some(2.0), None, Some(1.0)],
        };
        let panel = Panel::new(0, String::new(), "users", steps.linear()).line(AXIS, &steps);
        let pens: String = panel
            .path
            .chars()
            .filter(|c| c.is_ascii_uppercase())
            .collect();
        assert_eq!(pens, "MLM");
    }

    #[test]
    fn nothing_is_drawn_outside_the_plot() {
        assert_eq!((AXIS.x(-5.0), AXIS.x(99.0)), (LEFT, RIGHT));
        assert_eq!(Scale::Log(3.0).share(1e9), 1.0);
        assert_eq!(Scale::Log(3.0).share(0.0), 0.0);
    }

    #[test]
    fn no_error_is_too_small_to_see() {
        let steps = Steps {
            begin_s: 0.0,
            step_s: 1.0,
            values: vec![Some(1.0), Some(0.0)],
        };
        let panel = Panel::new(0, String::new(), "errors", Scale::Linear(1e6)).bars(AXIS, &steps);
        assert_eq!(panel.path.matches('M').count(), 1);
        assert!(panel.path.contains("v-1.0"));
    }
}
