//! Markdown, as GitHub and GitLab show it: failures first, then the table (pure).
//!
//! Knows what acts in a table there, and keeps to a number of bytes whatever comes. Refuses to know where it is put.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use super::figures::{bytes, seconds};
use super::headline::{headline, missed};
use super::rows::{Row, Whole, worst_first};
use crate::outcome::Kind;
use crate::sanitize::{escape, shorten};

/// GitHub takes no step summary beyond 1024 KiB ("Workflow commands", 2026-11); a report is kept to the same.
pub(super) const MOST_BYTES: usize = 1_000 << 10;

/// So much of a URL or name is shown, in characters.
const MOST_TITLE: usize = 120;
/// So much of a cause.
const MOST_CAUSE: usize = 300;
/// What is kept free for the sentence that counts what had no room.
const REST_BYTES: usize = 160;

/// At most so many bytes of Markdown; below about 1 KiB not even the heading may have room, and it is empty.
pub(super) fn markdown(whole: Whole<'_>, most_bytes: usize) -> String {
    let mut page = Page { text: String::new(), most: most_bytes };
    page.put(&heading(whole));
    let sorted = worst_first(whole.rows);
    let n_sad = sorted.partition_point(|row| row.kind != Kind::Pass);
    let (sad, all) = (&sorted[..n_sad], sorted.as_slice());
    if !sad.is_empty() {
        let head = "\n| | Line | URL | What went wrong |\n|---|---|---|---|\n";
        page.table(head, sad, "not passed", failure);
    }
    if n_sad < all.len() {
        let head = "\n| | Line | URL | Status | Bytes | Time |\n|---|---|---|--:|--:|--:|\n";
        page.table(head, all, "in all", result);
    }
    page.text
}

/// The report.
pub(super) fn write(whole: Whole<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(markdown(whole, MOST_BYTES).as_bytes())
}

struct Page {
    text: String,
    most: usize,
}

impl Page {
    /// Whether there was room for it.
    fn put(&mut self, piece: &str) -> bool {
        let fits = self.text.len() + piece.len() + REST_BYTES <= self.most;
        if fits {
            self.text.push_str(piece);
        }
        fits
    }

    /// A table of as many rows as have room, and a sentence that counts the others.
    fn table(&mut self, head: &str, rows: &[&Row], of_these: &str, line: fn(&Row) -> String) {
        let shown =
            if self.put(head) { rows.iter().take_while(|row| self.put(&line(row))).count() } else { 0 };
        if shown < rows.len() {
            let rest = format!("\nand {} more of {} {of_these}\n", rows.len() - shown, rows.len());
            if self.text.len() + rest.len() <= self.most {
                self.text.push_str(&rest);
            }
        }
    }
}

fn heading(whole: Whole<'_>) -> String {
    let summary = whole.summary;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "### greenfetch: {}\n\n{} passed", headline(summary), summary.passed);
    for (number, word) in
        [(summary.failed, "failed"), (summary.soft, "soft"), (summary.cancelled, "cancelled")]
    {
        if number > 0 {
            let _ = write!(text, ", {number} {word}");
        }
    }
    let _ = write!(text, "; {} in {}", bytes(summary.size_delivered), time(summary.wall));
    if let (Some(p50), Some(p95)) = (summary.p50, summary.p95) {
        let _ = write!(text, "; p50 {}, p95 {}", time(p50), time(p95));
    }
    if let Some(stop) = &summary.stop {
        let _ = write!(text, "; stopped by {}", code(stop));
    }
    text.push('\n');
    for (gate, words) in missed(summary) {
        let _ = write!(text, "\nslo {} **missed**: {}\n", code(gate), code(&words));
    }
    text
}

fn failure(row: &Row) -> String {
    let words = row.failure.as_ref().map(|failure| failure.words()).unwrap_or_default();
    let words = shorten(&words, MOST_CAUSE).into_owned();
    format!("| {} | {} | {} | {} |\n", word(row.kind), code(&row.place()), title(row), code(&words))
}

fn result(row: &Row) -> String {
    let status = row.response_code.map_or_else(|| "–".to_owned(), |code| code.to_string());
    let (word, place) = (word(row.kind), code(&row.place()));
    format!(
        "| {word} | {place} | {} | {status} | {} | {} |\n",
        title(row),
        bytes(row.size_delivered),
        time(row.time_total)
    )
}

/// Told apart by its shape too, not by colour alone.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Pass => "✓ pass",
        Kind::Fail => "✗ **fail**",
        Kind::Soft => "! soft",
        Kind::Cancelled => "– cancelled",
    }
}

fn title(row: &Row) -> String {
    code(&shorten(&row.title(), MOST_TITLE))
}

fn time(seconds_: f64) -> String {
    seconds(Duration::try_from_secs_f64(seconds_).unwrap_or_default())
}

/// Text from outside, as code: mentions, references and links are not looked for in there. By the element and not by
/// backticks, as a table's pipes end a cell even between those; and each character that means something to Markdown or
/// HTML, or to who reads the log of a workflow (`##[`, `::`), is an entity.
fn code(raw: &str) -> String {
    let mut cell = String::from("<code>");
    for c in escape(raw).chars() {
        if c.is_ascii_alphanumeric()
            || matches!(c, ' ' | '/' | '-' | '?' | '=' | ',' | ';' | '%' | '+')
            || !c.is_ascii()
        {
            cell.push(c);
        } else {
            let _ = write!(cell, "&#{};", u32::from(c));
        }
    }
    cell.push_str("</code>");
    cell
}

#[cfg(test)]
mod tests {
    use super::super::rows::samples::{HOSTILE, Sample};
    use super::*;
    use crate::report::golden;

    #[test]
    fn one_of_everything_is_the_golden_file() {
        golden::is("report.md", &markdown(Sample::rich().whole(), MOST_BYTES));
    }

    #[test]
    fn nothing_from_outside_acts() {
        let cell = code(HOSTILE);
        for bad in ["<script", "|", "`", "@", "##[", "::", "\n", "\u{1b}", "\u{202e}", "${{", "\\"] {
            assert!(!cell.contains(bad), "{bad:?} in {cell}");
        }
    }

    #[test]
    fn it_is_as_long_as_it_may_be_and_says_what_had_no_room() {
        let long = Sample::long(20_000);
        let rich = Sample::rich();
        for most in [0, 100, 300, 1_000, 5_000, 1 << 20] {
            for sample in [&long, &rich] {
                assert!(markdown(sample.whole(), most).len() <= most, "{most}");
            }
        }
        let text = markdown(long.whole(), 100_000);
        assert!(text.len() > 90_000 && text.contains("more of 20000 in all"), "{}", text.len());
        assert!(markdown(rich.whole(), 2_000).contains("more of "), "failures are counted too");
    }

    #[test]
    fn where_all_passed_there_is_no_table_of_failures() {
        let text = markdown(Sample::long(2).whole(), MOST_BYTES);
        assert!(
            text.starts_with("### greenfetch: 2 URLs passed\n") && !text.contains("went wrong"),
            "{text}"
        );
    }
}
