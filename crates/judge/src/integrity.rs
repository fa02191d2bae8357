//! Whether the record is the one that the run left behind.

use crate::{evidence::doubt, judgement::Finding};

/// What the reader of a record found out about its files. The judge itself sees only what is in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Integrity {
    /// Why nothing vouches for the files; none where they were sealed, or nobody asked.
    pub unsealed: Option<String>,
    /// In which way each file differs from what was sealed, in words that begin with its name.
    pub changed: Vec<String>,
    /// Whether the lines of the timeline are numbered. Builds that number them also compare their clocks, and tell of every
    /// member: then a record without that proves less. Nothing of it is held against records of older builds.
    pub numbered: bool,
}

impl Integrity {
    /// One finding for each kind of doubt; none where every file is as it was recorded.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let unsealed = self.unsealed.iter().map(|reason| {
            let why = "Nothing tells whether the record is still as the run left it.";
            doubt("record not sealed", reason.clone(), 1.0, why)
        });
        let mut findings: Vec<_> = unsealed.collect();
        if !self.changed.is_empty() {
            let why = "What was changed in the record may be what the verdict rests on.";
            let (text, count) = (self.changed.join("; "), self.changed.len());
            findings.push(doubt("record changed", text, count as f64, why));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use timeline::{Arrivals, StoredReadings};

    use super::*;
    use crate::{Judgement, Verdict, judge_record, testing::Run};

    fn judged(integrity: &Integrity) -> Judgement {
        let run = Run::healthy();
        let bytes = run.recording();
        let arrivals = Arrivals::open(bytes.as_slice()).unwrap();
        let stored = None::<StoredReadings<&[u8]>>;
        judge_record(&run.entries, arrivals, stored, integrity).unwrap()
    }

    #[test]
    fn a_record_that_is_as_it_was_holds() {
        let judgement = judged(&Integrity::default());
        assert_eq!(judgement.verdict, Verdict::Held, "{}", judgement.summary);
    }

    #[test]
    fn a_changed_file_is_named_and_nothing_is_proven() {
        let judgement = judged(&Integrity {
            changed: vec!["arrivals.bin: other bytes than were sealed".into()],
            ..Integrity::default()
        });
        assert_eq!(judgement.verdict, Verdict::Unproven);
        assert!(judgement.summary.contains("record changed"));
        let mut texts = judgement.findings.iter().map(|f| &f.measured.text);
        assert!(texts.any(|text| text.contains("arrivals.bin")));
    }

    #[test]
    fn a_record_without_a_seal_proves_nothing() {
        let judgement = judged(&Integrity {
            unsealed: Some("there is no manifest.json".into()),
            ..Integrity::default()
        });
        assert_eq!(judgement.verdict, Verdict::Unproven);
        assert!(judgement.summary.contains("record not sealed"));
    }
}
