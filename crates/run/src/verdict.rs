//! From a run folder to its verdict.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use judge::{Integrity, JudgeError, Judgement};
use timeline::{
    Arrivals, Entry, Event, HEADER, Recorded, STORED_HEADER, StoredReadings, Unknown, read_recorded,
};

use crate::{
    RunError, RunFolder,
    excerpts::excerpts,
    seal::{self, ARRIVALS, MANIFEST, STORED, Seal, TIMELINE},
};

/// Of one file, so many doubts are told; the others are counted.
const MOST_DOUBTS: usize = 3;

/// Judges a recorded run and writes `verdict.json`, `report.txt`, `report.xml` and `report.html` beside the
/// recording. The same recording always gives the same bytes. A record that is not as it was sealed is judged as far as
/// it can be read, and proves nothing.
///
/// # Errors
/// When the recording can't be read or judged; the error names the files that are not as they were sealed.
pub fn judge_folder(folder: &RunFolder) -> Result<Judgement, RunError> {
    let seal = seal::check(folder);
    judge_against(folder, &seal).map_err(|source| match seal.in_words() {
        None => source,
        Some(changed) => RunError::Changed {
            changed,
            source: Box::new(source),
        },
    })
}

fn judge_against(folder: &RunFolder, seal: &Seal) -> Result<Judgement, RunError> {
    let path = folder.timeline();
    let file = File::open(&path).map_err(RunError::file(&path))?;
    let unknown = match seal.is_changed(TIMELINE) {
        true => Unknown::Doubt,
        false => Unknown::Error,
    };
    let recorded = read_recorded(BufReader::new(file), unknown)?;
    let entries = &recorded.entries;
    let judgement = judged(folder, seal, entries, &integrity(seal, &recorded))?;
    folder.write("verdict.json", report::json(&judgement).as_bytes())?;
    folder.write("report.txt", report::text(&judgement).as_bytes())?;
    folder.write("report.xml", report::junit(&judgement).as_bytes())?;
    let excerpts = excerpts(folder, entries, &judgement);
    folder.write(
        "report.html",
        report::html(&judgement, &excerpts).as_bytes(),
    )?;
    Ok(judgement)
}

/// A recording that is known to have changed need not be readable: the judge is told of the change, and gets what is left.
fn judged(
    folder: &RunFolder,
    seal: &Seal,
    entries: &[Entry],
    integrity: &Integrity,
) -> Result<Judgement, RunError> {
    let arrivals = || match Arrivals::open(recording(&folder.arrivals(), &HEADER)) {
        Err(_) if seal.is_changed(ARRIVALS) => {
            let nothing: Box<dyn Read> = Box::new(HEADER.as_slice());
            Arrivals::open(nothing)
        }
        opened => opened,
    };
    let path = folder.stored();
    let stored = path
        .exists()
        .then(|| StoredReadings::open(recording(&path, &STORED_HEADER)));
    let stored = match stored.transpose() {
        Err(_) if seal.is_changed(STORED) => None,
        opened => opened?,
    };
    match judge::judge_record(entries, arrivals()?, stored, integrity) {
        Err(JudgeError::Stored(_)) if seal.is_changed(STORED) => {
            let nothing = None::<StoredReadings<&[u8]>>;
            Ok(judge::judge_record(
                entries,
                arrivals()?,
                nothing,
                integrity,
            )?)
        }
        judged => Ok(judged?),
    }
}

/// What the judge has to know of the record's files.
fn integrity(seal: &Seal, recorded: &Recorded) -> Integrity {
    let mut changed = vec![];
    if let (Some(sealed), Some(told)) = (&seal.run, run_of(recorded))
        && sealed != told
    {
        changed.push(format!(
            "{MANIFEST}: of run {sealed}, and the timeline is of run {told}"
        ));
    }
    for (name, difference) in &seal.changed {
        changed.push(format!("{name}: {difference}"));
    }
    let doubts = recorded.doubts.iter().take(MOST_DOUBTS);
    changed.extend(doubts.map(|doubt| format!("{TIMELINE}: {doubt}")));
    if let Some(more @ 1..) = recorded.doubts.len().checked_sub(MOST_DOUBTS) {
        changed.push(format!("{TIMELINE}: and {more} more"));
    }
    Integrity {
        unsealed: seal.missing.clone(),
        changed,
        numbered: recorded.numbered,
    }
}

/// The run's id by its timeline.
fn run_of(recorded: &Recorded) -> Option<&String> {
    match &recorded.entries.first()?.event {
        Event::Started(header) => Some(&header.run),
        _ => None,
    }
}

/// A recording to read, or one that ends after its header where there is none: the judge says what is missing.
fn recording<'a>(path: &Path, header: &'a [u8]) -> Box<dyn Read + 'a> {
    // A run that was killed early may have made the file and written nothing into it.
    let begun = std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    match File::open(path) {
        Ok(file) if begun => Box::new(BufReader::with_capacity(1 << 20, file)),
        _ => Box::new(header),
    }
}

#[cfg(test)]
mod tests;
