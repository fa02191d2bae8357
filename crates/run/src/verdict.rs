//! From a run folder to its verdict.

use std::{fs::File, io::BufReader};

use judge::Judgement;
use timeline::{Arrivals, HEADER, read_entries};

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
    let judgement = match File::open(folder.arrivals()) {
        Ok(file) => judge::judge(
            &entries,
            Arrivals::open(BufReader::with_capacity(1 << 20, file))?,
        )?,
        // No load was recorded: the judge says what is missing.
        Err(_) => judge::judge(&entries, Arrivals::open(HEADER.as_slice())?)?,
    };
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
