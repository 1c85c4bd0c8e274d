//! What was seen, cut down to what a person wants to read of it (pure).
//!
//! Knows how much of a body or a value is shown. Refuses to escape for a terminal: whoever shows it does.

use crate::sanitize;

/// So many bytes of a body are shown: about as much as is left of a terminal's line.
pub(super) const BODY_BYTES: usize = 80;

/// So many bytes before the end of a match are shown, and half as many behind it.
const BEFORE_BYTES: usize = 40;

/// So many characters of one value are shown.
const VALUE_CHARS: usize = 80;

/// So many values are shown where there are several.
const MOST_VALUES: usize = 4;

/// What stands around a place in a block where a match ended.
pub(super) fn around(block: &[u8], end: usize) -> Box<str> {
    let (from, to) = (end.saturating_sub(BEFORE_BYTES), block.len().min(end + BEFORE_BYTES / 2));
    let dots = |is_cut: bool| if is_cut { "…" } else { "" };
    let shown = whole_characters(&block[from..to]);
    format!("{}{shown:?}{}", dots(from > 0), dots(to < block.len())).into()
}

/// A body by its length and how it begins.
pub(super) fn body(beginning: &[u8], length: u64) -> Box<str> {
    let shown = whole_characters(beginning);
    match length {
        0 => "an empty body".into(),
        _ if length <= beginning.len() as u64 => format!("{shown:?}").into(),
        _ => format!("{shown:?}… ({length} bytes)").into(),
    }
}

/// A cut inside a character takes the rest of it away too.
fn whole_characters(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_matches('\u{fffd}').to_owned()
}

/// Values in quotes; `none` where there is none.
pub(super) fn values<'v>(values: impl ExactSizeIterator<Item = &'v str>, none: &str) -> Box<str> {
    listed(values.map(|value| format!("{:?}", sanitize::shorten(value, VALUE_CHARS))), none)
}

/// Texts with commas between them, and how many are left out.
pub(super) fn listed(texts: impl ExactSizeIterator<Item = String>, none: &str) -> Box<str> {
    let count = texts.len();
    if count == 0 {
        return none.into();
    }
    let shown: Vec<String> =
        texts.take(MOST_VALUES).map(|text| sanitize::shorten(&text, VALUE_CHARS + 2).into_owned()).collect();
    let more = if count > MOST_VALUES { format!(" and {} more", count - MOST_VALUES) } else { String::new() };
    format!("{}{more}", shown.join(", ")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_by_its_beginning_and_length() {
        assert_eq!(&*body(b"", 0), "an empty body");
        assert_eq!(&*body(b"no\n", 3), "\"no\\n\"");
        assert_eq!(&*body(b"<html>", 4000), "\"<html>\"… (4000 bytes)");
        assert_eq!(&*body("gr\u{fc}n".as_bytes().split_at(3).0, 5), "\"gr\"… (5 bytes)");
    }

    #[test]
    fn a_match_is_shown_with_what_stands_around_it() {
        assert_eq!(&*around(b"an error here", 8), "\"an error here\"");
        let long = [b"x".repeat(100), b"error".to_vec(), b"y".repeat(100)].concat();
        let shown = around(&long, 105);
        assert!(
            shown.starts_with("…\"xxx") && shown.contains("error") && shown.ends_with("yyy\"…"),
            "{shown}"
        );
    }

    #[test]
    fn many_values_and_long_ones_are_cut() {
        assert_eq!(&*values([].into_iter(), "no such header"), "no such header");
        assert_eq!(&*values(["a", "b\"c"].into_iter(), ""), "\"a\", \"b\\\"c\"");
        let many = ["v"; 9];
        assert!(values(many.into_iter(), "").ends_with("\"v\" and 5 more"));
        assert!(values(["v".repeat(500).as_str()].into_iter(), "").chars().count() < 90);
    }
}
