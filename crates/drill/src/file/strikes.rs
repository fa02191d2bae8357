//! How often an episode strikes: once, twice in a row, again and again, or member after member.

use toml::Spanned;

use super::misfit;
use crate::{Episode, Guard, Target, Then, target::Offer};

/// Most repetitions of one episode.
const MOST: u32 = 1000;

/// The episode for each member of its target, each from full health.
///
/// # Errors
/// When the members are not known before.
pub(super) fn one_by_one(whole: Episode, offer: Offer<'_>) -> Result<Vec<Episode>, String> {
    let known = match whole.target {
        Target::Containers(_) | Target::All(_) | Target::Zone(_) | Target::Label(_) => true,
        Target::Container(_) | Target::Role(_) | Target::Any(_) | Target::Minority(_) => false,
    };
    if !known || whole.fault.pressure().is_some() {
        let known =
            "one_by_one takes members that are known before: containers, all, zone or label";
        return Err(known.into());
    }
    let members = whole.target.among(offer.candidates);
    let episode = |member: &String| Episode {
        name: format!("{}-{member}", whole.name),
        target: Target::Container(member.clone()),
        ..whole.clone()
    };
    Ok(members.iter().map(episode).collect())
}

/// The episodes with a second strike, once that is known to be possible.
///
/// # Errors
/// The place of the mistake, and the mistake.
pub(super) fn then(
    mut episodes: Vec<Episode>,
    then: Option<Spanned<Then>>,
    offer: Offer<'_>,
) -> Result<Vec<Episode>, (usize, String)> {
    let Some(then) = then else {
        return Ok(episodes);
    };
    let place = then.span().start;
    let Then {
        after,
        target,
        fault,
    } = then.into_inner();
    let fail = |mistake: String| (place, format!("then {mistake}"));
    let target = target.checked(offer).map_err(fail)?;
    for episode in &mut episodes {
        let hold = episode.hold;
        let pressed = fault.pressure().or(episode.fault.pressure());
        let mistake = fault.mistake().or_else(|| misfit(&fault, &target));
        let mistake = match mistake {
            Some(mistake) => Some(format!("fault {mistake}")),
            None if pressed.is_some() => Some("can't be combined with load".into()),
            None if after >= hold => Some(format!("after {after:?} is not within hold {hold:?}")),
            None => None,
        };
        if let Some(mistake) = mistake {
            return Err(fail(mistake));
        }
        episode.then = Some(Then {
            after,
            target: target.clone(),
            fault: fault.clone(),
        });
    }
    Ok(episodes)
}

/// Why one of the episodes would break too much at once, whoever is drawn.
pub(super) fn too_wide(episodes: &[Episode], guard: &Guard, offer: Offer<'_>) -> Option<String> {
    let strikes = episodes.iter().flat_map(|episode| {
        let second = episode.then.as_ref();
        let second = second.map(|then| (&then.fault, &then.target));
        [(&episode.fault, &episode.target)]
            .into_iter()
            .chain(second)
    });
    let mut strikes = strikes;
    strikes.find_map(|(fault, target)| guard.too_wide(fault, target, offer.candidates))
}

/// As many of each as are asked for.
///
/// # Errors
/// The place of a number that is none.
pub(super) fn repeated(
    episodes: Vec<Episode>,
    repeat: Option<Spanned<u32>>,
) -> Result<Vec<Episode>, (usize, String)> {
    let Some(repeat) = repeat else {
        return Ok(episodes);
    };
    let (place, times) = (repeat.span().start, repeat.into_inner());
    if !(1..=MOST).contains(&times) {
        return Err((place, format!("repeat {times} is not within 1 to {MOST}")));
    }
    let round = |number: u32| {
        let episodes = episodes.iter().cloned();
        episodes.map(move |episode| Episode {
            name: format!("{}-{number}", episode.name),
            repetition_of: Some(episode.name),
            ..episode
        })
    };
    Ok((1..=times).flat_map(round).collect())
}

/// The episodes with how often such a fault happens in the contract's window; repetitions of one fault share it.
///
/// # Errors
/// The place of a number that is none.
pub(super) fn in_window(
    mut episodes: Vec<Episode>,
    per_window: Option<Spanned<f64>>,
) -> Result<Vec<Episode>, (usize, String)> {
    let Some(per_window) = per_window else {
        return Ok(episodes);
    };
    let (place, times) = (per_window.span().start, per_window.into_inner());
    if !(times > 0.0 && times <= f64::from(MOST)) {
        return Err((
            place,
            format!("per_window {times} is not above 0 and at most {MOST}"),
        ));
    }
    let repetitions = |of: &Option<String>| {
        let same = episodes.iter().filter(|other| other.repetition_of == *of);
        of.as_ref().map_or(1, |_| same.count())
    };
    let shares: Vec<f64> = episodes
        .iter()
        .map(|episode| times / repetitions(&episode.repetition_of) as f64)
        .collect();
    for (episode, share) in episodes.iter_mut().zip(shares) {
        episode.per_window = share;
    }
    Ok(episodes)
}
