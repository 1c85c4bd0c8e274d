//! Where on a line of a list a secret stands, so that it is not shown with what is wrong with the line (pure).
//!
//! Knows the settings that have one, also where they are written wrong. Refuses to look for passwords in URLs, which
//! `sanitize` finds, and to read settings.

use std::ops::Range;

use super::grammar::Fault;
use crate::sanitize::{MASK, is_secret_header, mask_userinfo};

/// The values of secret headers and the passwords of `user=`, in the order of the line. One that is made of variables is
/// none: their names may be seen.
pub(super) fn places(line: &str) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = starts(line, "header=").filter_map(|at| header(line, at)).collect();
    places.extend(starts(line, "user=").filter_map(|at| user(line, at)));
    places.retain(|place| !place.is_empty() && !is_made_of_variables(&line[place.clone()]));
    places.sort_by_key(|place| place.start);
    places
}

/// A part of a line without the secrets that lie in it and the passwords of URLs.
pub(super) fn without(line: &str, part: Range<usize>, places: &[Range<usize>]) -> String {
    let (mut shown, mut at) = (String::new(), part.start);
    for place in places {
        let (from, to) = (place.start.max(at), place.end.min(part.end));
        if from < to {
            shown.push_str(&mask_userinfo(&line[at..from]));
            shown.push_str(if line[from..to].trim().is_empty() { &line[from..to] } else { MASK });
            at = to;
        }
    }
    shown + &mask_userinfo(&line[at..part.end])
}

/// A message about a word that is a part of a secret quotes it no more.
pub(super) fn without_quote(fault: &Fault<'_>, places: &[Range<usize>]) -> String {
    let message = &fault.message;
    let is_about_one =
        places.iter().any(|place| place.start < fault.span.end && fault.span.start < place.end);
    match (message.find('\''), message.rfind('\'')) {
        (Some(open), Some(close)) if is_about_one && open < close => {
            format!("{}{MASK}{}", &message[..=open], &message[close..])
        }
        _ => message.clone(),
    }
}

/// A line that is wrong and the message of its failure, both without secrets: for where reading goes on.
pub(super) fn told(fault: &Fault<'_>) -> (String, String) {
    let places = places(fault.line);
    let text = without(fault.line, 0..fault.line.len(), &places).trim().to_owned();
    (text, Fault { message: without_quote(fault, &places), ..fault.clone() }.reason())
}

/// Where the values of a key begin.
fn starts<'l>(line: &'l str, key: &'l str) -> impl Iterator<Item = usize> + 'l {
    let is_key = |at: &usize| *at == 0 || line[..*at].ends_with([' ', '\t']);
    let after = |at: usize| at + key.len() + usize::from(line[at + key.len()..].starts_with('='));
    line.match_indices(key).map(|(at, _)| at).filter(is_key).map(after)
}

/// A value that begins there: without its quotes, which may lack an end; bare, up to a blank or, for a header, to the
/// end of the line, as somebody may have forgotten the quotes.
fn value(line: &str, start: usize, is_rest: bool) -> Range<usize> {
    let rest = &line[start..];
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let inside = &rest[usize::from(quote.is_some())..];
    let start = line.len() - inside.len();
    let mut is_escaped = false;
    let mut ends = |c: char| match quote {
        Some('"') if is_escaped || c == '\\' => {
            is_escaped = !is_escaped;
            false
        }
        Some(quote) => c == quote,
        None => !is_rest && matches!(c, ' ' | '\t'),
    };
    start..inside.find(&mut ends).map_or(line.len(), |length| start + length)
}

/// Behind the name of a header that has a secret, or behind what should have been its colon.
fn header(line: &str, start: usize) -> Option<Range<usize>> {
    let value = value(line, start, true);
    let text = &line[value.clone()];
    let name = text.find([':', '=', ';', ' ', '\t']).filter(|end| is_secret_header(&text[..*end]))?;
    let secret = text[name..].trim_start_matches([':', '=', ';', ' ', '\t']);
    Some(value.end - secret.len()..value.end)
}

/// Behind the user.
fn user(line: &str, start: usize) -> Option<Range<usize>> {
    let value = value(line, start, false);
    let colon = line[value.clone()].find(':')?;
    Some(value.start + colon + 1..value.end)
}

/// Besides variables there may be the name of a scheme of credentials.
fn is_made_of_variables(text: &str) -> bool {
    const SCHEMES: [&str; 5] = ["Basic", "Bearer", "Digest", "Negotiate", "Token"];
    let words = text.split([' ', '\t', '"', '\'']).filter(|word| !word.is_empty());
    words.filter(|word| !SCHEMES.contains(word)).all(|word| word.starts_with("${"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(line: &str) -> String {
        without(line, 0..line.len(), &places(line))
    }

    #[test]
    fn secrets_are_found_however_they_are_written() {
        for (line, expected) in [
            ("  header=Authorization: Bearer s3cret", "  header=Authorization: ***"),
            ("https://a/ header=\"Cookie: a=b\" name=x", "https://a/ header=\"Cookie: ***\" name=x"),
            ("https://a/ header='authorization:s' x=y", "https://a/ header='authorization:***' x=y"),
            ("https://a/ header==\"Cookie: \\\"a\\\" b\" x", "https://a/ header==\"Cookie: ***\" x"),
            ("https://a/ header=\"Cookie: a=b", "https://a/ header=\"Cookie: ***"),
            ("https://a/ header=Authorization: Basic dTpw", "https://a/ header=Authorization: ***"),
            ("  header=Authorization=Bearer x", "  header=Authorization=***"),
            ("https://a/ user=me:pass soft", "https://a/ user=me:*** soft"),
            ("https://a/ user=\"m e:p s\" soft", "https://a/ user=\"m e:***\" soft"),
            ("https://u:p@a/ user=me:pass", "https://u:***@a/ user=me:***"),
        ] {
            assert_eq!(shown(line), expected);
        }
    }

    #[test]
    fn what_is_none_stays() {
        for line in [
            "  header=X-Plain: Bearer",
            "  header=Authorization: Bearer ${TOKEN}",
            "https://a/ user=me:${PASS} user=me",
            "  header=Authorization:",
            "  header=",
            "https://a/?header=Authorization:x",
            "x-header=Cookie:a",
            "",
        ] {
            assert_eq!(shown(line), line);
        }
    }

    #[test]
    fn a_part_shows_nothing_of_a_secret_that_it_cuts() {
        let line = "https://a/ header=Authorization: Basic dTpw= soft";
        let at = line.find("dTpw=").unwrap();
        let fault =
            Fault { line, span: at..at + 5, message: "there is no setting 'dTpw'".to_owned(), hint: None };
        let places = places(line);
        let parts = [0..at, at..at + 5, at + 5..line.len()].map(|part| without(line, part, &places));
        assert_eq!(parts, ["https://a/ header=Authorization: ***", "***", "***"]);
        assert_eq!(without_quote(&fault, &places), "there is no setting '***'");
        let other = Fault { span: 0..9, ..fault };
        assert_eq!(without_quote(&other, &places), other.message);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic_and_no_secret_is_shown(
            before in "(https://a/|  |x)[ ]?", quote in "[\"']?", after in r#"[ "'\\=:a-zé]{0,8}"#,
        ) {
            let line = format!("{before} header={quote}Cookie: SECRET{after}");
            for span in 0..line.len() {
                if line.is_char_boundary(span) {
                    let places = places(&line);
                    let parts = [0..span, span..line.len()].map(|part| without(&line, part, &places));
                    prop_assert!(!parts.concat().contains("SECRET"), "{:?}", parts);
                }
            }
        }
    }
}
