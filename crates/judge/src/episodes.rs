//! One row for each episode: what was done, what users noticed, and how long it took to mend.

use drill::{Class, Episode};
use timeline::Offset;

use crate::{
    figures::{EpisodeFigures, EpisodeState, QuietFigures, Toll, figure},
    slots::{OUTAGE_FROM_S, index},
    story::{Chapter, Story},
    tally::{Share, Tally},
    toll,
};

/// The rows of all episodes, in the drill's order.
pub(crate) fn figures(story: &Story, tally: &Tally) -> Vec<EpisodeFigures> {
    (0..story.episodes.len())
        .map(|number| row(story, tally, number))
        .collect()
}

/// The row of an episode, by its position in the drill.
fn row(story: &Story, tally: &Tally, number: usize) -> EpisodeFigures {
    let (episode, chapter) = (
        &story.header.drill.episodes[number],
        &story.episodes[number],
    );
    // The first share is that of the quiet time.
    let share = &tally.shares[number + 1];
    let unmet = unmet(story, tally, number);
    let since = |from: Option<Offset>, to: Option<Offset>| Some(to?.since(from?).as_secs_f64());
    let from = chapter.requested;
    let (first_bad, last_bad) = share.bad_span.unzip();
    let at = |at: Option<Offset>| at.map(|at| story.seconds(at));
    EpisodeFigures {
        name: episode.name.clone(),
        target: episode.target.to_string(),
        victim: victim(episode),
        fault: episode.fault.to_string(),
        members: chapter.members.clone(),
        roles: chapter.roles.clone(),
        state: state_met(story, tally, number),
        detail: unmet.unwrap_or_else(|| detail(chapter)),
        begin_s: at(from),
        heal_s: at(chapter.heal_requested),
        end_s: at(chapter.ended),
        hold_s: since(chapter.applied, chapter.heal_requested),
        applied_s: since(from, chapter.applied),
        effect_s: since(from, chapter.effect),
        detected_s: chapter
            .detected
            .iter()
            .filter_map(|(component, at)| Some((*component, since(from, Some(*at))?)))
            .collect(),
        first_bad_s: since(from, first_bad),
        last_bad_s: since(from, last_bad),
        noticed_s: since(from, chapter.noticed),
        replaced_s: since(from, chapter.replaced),
        recovery_s: since(chapter.healed, chapter.ended),
        exposed_s: since(from, chapter.ended),
        outages: tally.outages.of(number),
        toll: toll::of_share(share, &tally.slots, &Class::ALL),
    }
}

/// How far an episode came.
pub(crate) fn state(chapter: &Chapter) -> EpisodeState {
    match (chapter.applied, chapter.ended) {
        (None, _) => EpisodeState::NotRun,
        (Some(_), _) if !chapter.is_proven() => EpisodeState::NotProven,
        (Some(_), None) => EpisodeState::NotRecovered,
        (Some(_), Some(_)) => EpisodeState::Complete,
    }
}

/// How far an episode came, and whether the load met its fault.
pub(crate) fn state_met(story: &Story, tally: &Tally, number: usize) -> EpisodeState {
    match unmet(story, tally, number) {
        Some(_) => EpisodeState::NotMet,
        None => state(&story.episodes[number]),
    }
}

/// Why a complete episode shows nothing: no user asked for a promised class while its fault was on, or the load ended
/// before clients had given up what it cost. None where the load met it.
pub(crate) fn unmet(story: &Story, tally: &Tally, number: usize) -> Option<String> {
    let chapter = &story.episodes[number];
    if state(chapter) != EpisodeState::Complete {
        return None;
    }
    let drill = &story.header.drill;
    let healed = chapter.healed.or(chapter.heal_requested)?;
    let until = Offset::from(healed.as_duration() + drill.traffic.request_timeout());
    if story.load_end() < until {
        let (ended_s, until_s) = (story.seconds(story.load_end()), story.seconds(until));
        return Some(format!(
            "the load ended at {ended_s:.1} s, and clients wait for an answer until {until_s:.1} s"
        ));
    }
    // Alerts come by themselves: no user asks for one.
    let mut asked = drill
        .contract
        .classes
        .iter()
        .filter(|c| **c != Class::Alert);
    let share = &tally.shares[number + 1];
    // A steady probe asks as a user does.
    let asked_for = |class: Class| share.requests[index(class)] + share.probed[index(class)] > 0;
    // That nobody asked for a class at all is a doubt of its own.
    let ever = |class: Class| tally.outcomes[index(class)].iter().any(|count| *count > 0);
    let silent = asked.find(|class| !asked_for(**class) && ever(**class))?;
    Some(format!("no user asked for {silent} while the fault was on"))
}

/// Why an episode did not come further, or what was seen of its fault.
pub(crate) fn detail(chapter: &Chapter) -> String {
    let failed = chapter.fault_failed.as_ref().or(chapter.failed.as_ref());
    let words = |said: Option<&(Offset, String)>| said.map(|(_, text)| text.clone());
    match state(chapter) {
        EpisodeState::Complete => words(chapter.proven.as_ref()),
        EpisodeState::NotProven => words(failed).or(Some("its effect was not read back".into())),
        EpisodeState::NotMet => Some("no load met it".into()),
        EpisodeState::NotRecovered => {
            words(chapter.failed.as_ref()).or(Some("the record ends before full health".into()))
        }
        EpisodeState::NotRun => words(failed).or(Some("the run ended before its turn".into())),
    }
    .unwrap_or_default()
}

/// The component that a target belongs to, with the role where the target is one; else the target. What comes with the load
/// hits everybody behind the entrance: there it is the fault.
fn victim(episode: &Episode) -> String {
    if let Some(pressure) = episode.fault.pressure() {
        return pressure.to_string();
    }
    let target = &episode.target;
    let component = target
        .component()
        .map_or_else(|| target.to_string(), |c| c.to_string());
    match target.role() {
        Some(role) => format!("{component} ({})", role.word()),
        None => component,
    }
}

/// Who took at least one class of traffic down, in the order of the episodes.
pub(crate) fn took_down(episodes: &[EpisodeFigures]) -> Vec<String> {
    let down = |row: &&EpisodeFigures| row.toll.longest_outage_s >= OUTAGE_FROM_S;
    let mut victims: Vec<String> = vec![];
    for row in episodes.iter().filter(down) {
        if !victims.contains(&row.victim) {
            victims.push(row.victim.clone());
        }
    }
    victims
}

/// The time outside all episodes.
pub(crate) fn quiet(story: &Story, tally: &Tally) -> QuietFigures {
    let (begin, end) = (story.zero(), story.load_end());
    let busy = story.stretches().into_iter().map(|stretch| {
        stretch
            .until
            .min(end)
            .since(stretch.from.max(begin))
            .as_secs_f64()
    });
    QuietFigures {
        seconds: figure((end.since(begin).as_secs_f64() - busy.sum::<f64>()).max(0.0)),
        toll: quiet_toll(tally),
    }
}

fn quiet_toll(tally: &Tally) -> Toll {
    let nothing = Share::default();
    let share = tally.shares.first().unwrap_or(&nothing);
    toll::of_share(share, &tally.slots, &Class::ALL)
}
