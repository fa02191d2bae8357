//! The numbers of the timeline's lines: each entry has its own, so that none can be taken out, put in twice or moved.

/// Follows the numbers from line to line.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// Whether the first line had a number.
    pub(crate) numbered: bool,
    /// What is wrong, in words.
    pub(crate) doubts: Vec<String>,
    next: u64,
}

impl Sequence {
    /// The line of that number, counted from 1, has `n`.
    pub(crate) fn follow(&mut self, line: usize, n: Option<u64>) {
        if line == 1 {
            self.numbered = n.is_some();
        }
        let due = self.next;
        match n {
            None if !self.numbered => {}
            None => {
                self.doubts.push(format!("line {line} has no number"));
                self.next += 1;
            }
            Some(_) if !self.numbered => {
                self.doubts
                    .push(format!("line {line} has a number, and the first has none"));
            }
            Some(n) => {
                if n < due {
                    let text = format!("entry {n} is repeated or out of order in line {line}");
                    self.doubts.push(text);
                } else if n > due {
                    let missing = match n - due {
                        1 => format!("entry {due} is missing"),
                        _ => format!("entries {due} to {} are missing", n - 1),
                    };
                    self.doubts.push(format!("{missing} before line {line}"));
                }
                self.next = due.max(n.saturating_add(1));
            }
        }
    }

    /// The line of that number, counted from 1, is not an entry.
    pub(crate) fn unknown(&mut self, line: usize) {
        self.doubts.push(format!("line {line} can't be read"));
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn doubts(numbers: &[Option<u64>]) -> Vec<String> {
        let mut sequence = Sequence::default();
        for (line, n) in (1..).zip(numbers) {
            sequence.follow(line, *n);
        }
        sequence.doubts
    }

    #[test]
    fn each_kind_of_change_is_told_in_words() {
        let of = |numbers: &[u64]| doubts(&numbers.iter().map(|n| Some(*n)).collect::<Vec<_>>());
        assert_eq!(of(&[0, 4]), ["entries 1 to 3 are missing before line 2"]);
        assert_eq!(
            of(&[0, 1, 1]),
            ["entry 1 is repeated or out of order in line 3"]
        );
        assert_eq!(of(&[0, 2, 1, 3]).len(), 2);
        assert_eq!(doubts(&[Some(0), None]), ["line 2 has no number"]);
        assert_eq!(
            doubts(&[None, Some(1)]),
            ["line 2 has a number, and the first has none"]
        );
    }

    #[test]
    fn a_hostile_number_is_told_and_nothing_more() {
        let most = [Some(0), Some(u64::MAX), Some(u64::MAX)];
        assert!(!doubts(&most).is_empty());
    }

    proptest! {
        #[test]
        fn any_one_line_taken_out_or_doubled_is_told(lines in 2_u64..60, at in 1_u64..60) {
            let at = 1 + (at - 1) % (lines - 1);
            let whole: Vec<_> = (0..lines).map(Some).collect();
            prop_assert!(doubts(&whole).is_empty());
            let mut doubled = whole.clone();
            doubled.insert(at as usize, Some(at));
            prop_assert!(!doubts(&doubled).is_empty());
            let mut holed = whole;
            holed.remove(at as usize);
            // Without its last line a timeline looks whole: the sum over the file tells that.
            prop_assert_eq!(doubts(&holed).is_empty(), at == lines - 1);
        }
    }
}
