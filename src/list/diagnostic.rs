//! What is wrong with a list, told to people: all of it at once, each with file, line and a caret.
//!
//! Knows how a line is shown so that it harms no terminal and gives no password away. Refuses to know what is right.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::grammar::Fault;
use super::{ListError, ListErrors, Refusal, secrets};
use crate::request::Location;
use crate::sanitize::escape;

/// A line is shown in so many columns at most.
const COLUMNS: usize = 100;
/// Of a longer one, so many before the span are kept.
const BEFORE: usize = 40;
/// And so many of the span.
const MARKED: usize = 30;

impl ListError {
    /// A fault of the grammar at its place.
    pub(super) fn new(location: Location, fault: &Fault<'_>) -> ListError {
        let (line_text, span) = excerpt(fault.line, fault.span.clone());
        ListError {
            location,
            column: fault.line[..fault.span.start].chars().count() + 1,
            line_text,
            span,
            message: secrets::without_quote(fault, &secrets::places(fault.line)),
            hint: fault.hint.clone(),
        }
    }
}

/// What is shown of a line, and the columns of the span in it. The span is a word or a blank, so each of the three parts
/// can be masked by itself.
fn excerpt(line: &str, span: Range<usize>) -> (String, Range<usize>) {
    let places = secrets::places(line);
    let [before, marked, after] = [0..span.start, span.clone(), span.end..line.len()]
        .map(|part| shown(&secrets::without(line, part, &places)));
    let (before, marked, after) = if width(&before) + width(&marked) + width(&after) <= COLUMNS {
        (before, marked, after)
    } else {
        let (before, marked) = (last_columns(&before, BEFORE), first_columns(&marked, MARKED));
        let left = COLUMNS - width(&before) - width(&marked);
        (before, marked, first_columns(&after, left))
    };
    let start = width(&before);
    let end = start + width(&marked).max(1);
    (before + &marked + &after, start..end)
}

fn shown(part: &str) -> String {
    escape(&part.replace('\t', " ")).into_owned()
}

/// The columns that a terminal gives a text, near enough for a caret.
fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Combining marks and variation selectors have no column, East Asian wide characters (UAX #11) and emoji two.
fn columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' => 2,
        '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' => 2,
        '\u{1f300}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1f9ff}' => 2,
        '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// The text from its start in so many columns, an ellipsis for the rest.
fn first_columns(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let mut left = max.saturating_sub(1);
    let kept = text.chars().take_while(|&c| left.checked_sub(columns(c)).map(|rest| left = rest).is_some());
    let mut kept = kept.collect::<String>();
    kept.push('…');
    kept
}

/// The end of the text in so many columns, an ellipsis for what is before.
fn last_columns(text: &str, max: usize) -> String {
    let reversed = text.chars().rev().collect::<String>();
    first_columns(&reversed, max).chars().rev().collect()
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { source, line } = &self.location;
        writeln!(f, "{}:{line}:{}: {}", escape(source), self.column, escape(&self.message))?;
        writeln!(f, "  {line} | {}", self.line_text)?;
        let gutter = line.to_string().len();
        let (indent, carets) = (self.span.start, self.span.len());
        write!(f, "  {:gutter$} | {:indent$}{:^<carets$}", "", "", "")?;
        match &self.hint {
            Some(hint) => write!(f, " {}", escape(hint)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ListErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            writeln!(f, "{error}")?;
        }
        let not_shown: Cow<'_, str> = match self.more {
            0 => "".into(),
            more => format!(" ({more} not shown)").into(),
        };
        let plural = if self.count() == 1 { "" } else { "s" };
        write!(f, "greenfetch: {} error{plural} in the list{not_shown}: nothing was fetched", self.count())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, file) in self.files.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}greenfetch: {}", escape(&file.to_string()))?;
        }
        match (self.files.is_empty(), self.errors.count()) {
            (_, 0) => Ok(()),
            (true, _) => write!(f, "{}", self.errors),
            (false, _) => write!(f, "\n{}", self.errors),
        }
    }
}

impl std::error::Error for ListErrors {}
impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::super::FileError;
    use super::*;

    fn error(line: &str, word: &str) -> ListError {
        let start = line.find(word).unwrap();
        let span = start..start + word.len();
        let fault = Fault {
            line,
            span,
            message: "a word after the URL".to_owned(),
            hint: Some("write %20".to_owned()),
        };
        ListError::new(Location { source: "urls.txt".into(), line: 3 }, &fault)
    }

    fn caret_line(line: &str, word: &str) -> String {
        error(line, word).to_string().lines().last().unwrap().to_owned()
    }

    #[test]
    fn an_error_shows_its_line_and_a_caret_under_the_word() {
        let expected = "\
urls.txt:3:23: a word after the URL
  3 | https://example.com/a b
    |                       ^ write %20";
        assert_eq!(error("https://example.com/a b", "b").to_string(), expected);
    }

    #[test]
    fn the_caret_stands_right_after_tabs_passwords_and_wide_characters() {
        for (line, word, expected) in [
            ("https://a/\tbc", "bc", "    |            ^^ write %20"),
            ("https://u:secret@a/ b", "b", "    |                  ^ write %20"),
            ("日本 b", "b", "    |      ^ write %20"),
            ("e\u{301} b", "b", "    |   ^ write %20"),
        ] {
            assert_eq!(caret_line(line, word), expected, "{line}");
        }
        assert_eq!(error("日本 b", "b").column, 4);
    }

    #[test]
    fn a_shown_line_holds_no_password_and_no_control_character() {
        let error = error("https://u:secret@a/\u{202e} \u{1b}[31m https://v:hidden@b/", "\u{1b}[31m");
        assert_eq!(error.line_text, "https://u:***@a/\\u{202e} \\x1b[31m https://v:***@b/");
    }

    #[test]
    fn a_shown_line_holds_no_secret_and_its_caret_stands_right() {
        let line = "https://a/ header=\"Cookie: sid=s3cret\" user=me:s3cret oops";
        let shown = "https://a/ header=\"Cookie: ***\" user=me:*** oops";
        assert_eq!(error(line, "oops").line_text, shown);
        let caret = format!("    | {:>1$} write %20", "^^^^", shown.len());
        assert_eq!(caret_line(line, "oops"), caret);
    }

    #[test]
    fn a_long_line_is_shortened_around_its_span() {
        let long = format!("https://a/{} {} {}", "x".repeat(5000), "b".repeat(500), "日".repeat(5000));
        for word in ["b".repeat(500), "日".repeat(5000), long.clone()] {
            let error = error(&long, &word);
            assert!(width(&error.line_text) <= COLUMNS, "{}", error.line_text);
            assert!(error.span.end <= width(&error.line_text) && !error.span.is_empty());
            assert!(error.line_text.contains('…'));
        }
    }

    #[test]
    fn all_errors_are_told_and_then_counted() {
        let one = error("https://a/ b", "b");
        let text = |errors: Vec<ListError>, more| ListErrors { errors, more }.to_string();
        let last = |text: String| text.lines().last().unwrap().to_owned();
        assert_eq!(last(text(vec![one.clone()], 0)), "greenfetch: 1 error in the list: nothing was fetched");
        let many = text(vec![one.clone(), one], 7);
        assert_eq!(many.lines().count(), 7);
        assert_eq!(last(many), "greenfetch: 9 errors in the list (7 not shown): nothing was fetched");
    }

    #[test]
    fn a_refusal_names_the_files_before_the_lines() {
        let file = |name: &str| FileError::Directory { name: name.to_owned() };
        let mut refusal = Refusal { files: vec![file("a"), file("b\x1b")], errors: ListErrors::default() };
        let files =
            "greenfetch: cannot read a: it is a directory\ngreenfetch: cannot read b\\x1b: it is a directory";
        assert_eq!(refusal.to_string(), files);
        refusal.errors.errors.push(error("https://a/ b", "b"));
        assert!(refusal.to_string().starts_with(&format!("{files}\nurls.txt:3:12: ")));
    }
}
