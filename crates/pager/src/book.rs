//! The third party's own book: every page that it took, a line each in a file, so that killing it loses none.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use uuid::Uuid;
use wire::Paged;

/// Pages in the order in which they were taken.
#[derive(Debug)]
pub(crate) struct Book {
    file: File,
    pages: Vec<Paged>,
}

impl Book {
    /// Opens the book, and begins it where there is none. A last line that was cut short is left out: nobody was
    /// told that its page was taken.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(whole.len() as u64)?;
        file.flush()?;
        let pages = whole.lines().filter_map(parse).collect();
        Ok(Self { file, pages })
    }

    /// Enters a page. Only then may it be acknowledged.
    ///
    /// # Errors
    /// When the line can't be written.
    pub(crate) fn enter(&mut self, page: Paged) -> io::Result<()> {
        let Paged {
            alert_id,
            reading_id,
            taken_at_ms,
        } = page;
        let line = format!("{alert_id} {reading_id} {taken_at_ms}\n");
        self.file.write_all(line.as_bytes())?;
        self.pages.push(page);
        Ok(())
    }

    /// Everything so far.
    pub(crate) fn pages(&self) -> &[Paged] {
        &self.pages
    }
}

fn parse(line: &str) -> Option<Paged> {
    let mut words = line.split(' ');
    Some(Paged {
        alert_id: Uuid::parse_str(words.next()?).ok()?,
        reading_id: Uuid::parse_str(words.next()?).ok()?,
        taken_at_ms: words.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(alert_id: u128) -> Paged {
        Paged {
            alert_id: Uuid::from_u128(alert_id),
            reading_id: Uuid::from_u128(7),
            taken_at_ms: 1_700_000_000_123,
        }
    }

    fn fresh(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("pager-book-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn what_was_entered_outlives_the_process() {
        let path = fresh("kept");
        let mut book = Book::open(&path).unwrap();
        book.enter(page(1)).unwrap();
        book.enter(page(1)).unwrap();
        drop(book);
        assert_eq!(Book::open(&path).unwrap().pages(), [page(1), page(1)]);
    }

    #[test]
    fn a_line_that_was_cut_short_is_no_page_and_spoils_none() {
        let path = fresh("cut");
        Book::open(&path).unwrap().enter(page(1)).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"2 0000").unwrap();
        let mut book = Book::open(&path).unwrap();
        assert_eq!(book.pages(), [page(1)]);
        book.enter(page(3)).unwrap();
        assert_eq!(Book::open(&path).unwrap().pages(), [page(1), page(3)]);
    }

    #[test]
    fn a_book_that_can_not_be_kept_is_an_error() {
        assert!(Book::open(Path::new("/nowhere/book")).is_err());
    }
}
