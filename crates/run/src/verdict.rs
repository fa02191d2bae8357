//! From a run folder to its verdict.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use judge::Judgement;
use timeline::{Arrivals, HEADER, STORED_HEADER, StoredReadings, read_entries};

use crate::{RunError, RunFolder, excerpts::excerpts};

/// Judges a recorded run and writes `verdict.json`, `report.txt`, `report.xml` and `report.html` beside the
/// recording. The same recording always gives the same bytes.
///
/// # Errors
/// When the recording can't be read or judged.
pub fn judge_folder(folder: &RunFolder) -> Result<Judgement, RunError> {
    let path = folder.timeline();
    let file = File::open(&path).map_err(RunError::file(&path))?;
    let entries = read_entries(BufReader::new(file))?;
    let arrivals = Arrivals::open(recording(&folder.arrivals(), &HEADER))?;
    let stored = folder.stored();
    let stored = match stored.exists() {
        true => Some(StoredReadings::open(recording(&stored, &STORED_HEADER))?),
        false => None,
    };
    let judgement = judge::judge_with_ledger(&entries, arrivals, stored)?;
    folder.write("verdict.json", report::json(&judgement).as_bytes())?;
    folder.write("report.txt", report::text(&judgement).as_bytes())?;
    folder.write("report.xml", report::junit(&judgement).as_bytes())?;
    let excerpts = excerpts(folder, &entries, &judgement);
    folder.write(
        "report.html",
        report::html(&judgement, &excerpts).as_bytes(),
    )?;
    Ok(judgement)
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
