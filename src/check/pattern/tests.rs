//! Patterns, and what they find wherever blocks end.
//!
//! Knows each way in which one is searched for. Refuses to know checks.

use proptest::prelude::*;

use super::*;
use crate::check::pattern::automaton::tests::{bodies, patterns};

fn pattern(text: &str) -> Arc<Pattern> {
    Pattern::compile(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// Searched in blocks of every size, down to single bytes.
fn found_in_blocks(pattern: &Pattern, text: &[u8]) -> Vec<bool> {
    let in_blocks_of = |size| {
        let mut place = pattern.begin().expect("no need of all at once");
        text.chunks(size).any(|block| pattern.feed(&mut place, block).is_some()) || pattern.ends(&place)
    };
    (1..=text.len().max(1)).map(in_blocks_of).collect()
}

#[test]
fn a_match_is_found_wherever_the_blocks_end() {
    for (text, body, is_found) in [
        ("welcome", "you are welcome!", true),
        ("wel+come$", "wellcome", true),
        ("wel+come$", "wellcome!", false),
        ("^you", "you", true),
        ("^are", "you are", false),
        ("(?m)^are$", "you\nare\nhere", true),
        ("(?i)WELCOME", "you are Welcome", true),
        (r"v\d+\.\d+", "version v12.7", true),
        ("gr(ü|ue)n", "grün", true),
        ("gr.n", "grün", true),
        ("", "", true),
        ("", "x", true),
        ("x*", "", true),
        ("^$", "", true),
        ("^$", "x", false),
        ("a.b", "a\nb", false),
        ("(?s)a.b", "a\nb", true),
        ("(error|panic): .*x", "errerror: yy\npanic: yx", true),
        ("(error|panic): .*x", "error: yy\npanic: y", false),
        (r"(?-u:\b)ok", "book ok", true),
        (r"(?-u:\b)ok", "book", false),
        ("(?m)^ok$", "no\nnook\nok", true),
        ("(?m)^ok$", "no\nnook", false),
        ("aab", "aaaaaaab", true),
        (r"\bok\b", "ganz ok.", true),
        (r"\bok\b", "ganz ok", true),
        (r"\bok\b", "ok", true),
        (r"\bok\b", "okö", false),
        (r"\bok\b", "öok", false),
        (r"\bok\b", "bök oké ok\u{301} nok", false),
        (r"(?m)\bok$", "not ok\nx", true),
        (r"(?m)ok$", "okay", false),
        (r"(?m)^ok", "nook", false),
        (r"(?Rm)^ok$", "a\r\nok\r\nb", true),
        (r"[0-9]{3}-x", "12-x 1234-y 0123-x", true),
        (r"[0-9]{3}-x", "12-x 1234-y 0123- x", false),
        (r"(?i)größe|ﬃ", "GRÖSSE: GRÖßE", true),
        (r"\Bok\b{end}", "book", true),
    ] {
        let pattern = pattern(text);
        assert!(found_in_blocks(&pattern, body.as_bytes()).iter().all(|found| *found == is_found), "{text}");
        assert_eq!(pattern.is_match(body.as_bytes()), is_found, "{text}");
    }
}

#[test]
fn bodies_need_not_be_utf_8() {
    assert!(pattern("end").is_match(b"\xff\xfe\x80 end"));
    assert!(pattern(r"(?-u)\xff").is_match(b"a\xff"));
}

#[test]
fn what_has_no_automaton_and_would_be_slow_is_searched_whole() {
    for text in [r"\b\d+\b", r"\bok.*\b", r"\w{60}", r"\b\w\b"] {
        assert!(pattern(text).begin().is_none(), "{text}");
    }
    let word = pattern(r"\bok.*ö\b");
    assert!(word.is_match("ganz ok, schö".as_bytes()) && !word.is_match("bokö".as_bytes()));
    assert!(pattern(r"(?-u:\b)ok").begin().is_some());
}

#[test]
fn what_people_write_needs_no_whole_body() {
    for text in [
        r"v\d+\.\d+",
        "(?i)internal server error",
        r"build \w+",
        r"^\s*<!doctype html>",
        r"\w+@\w+\.com",
        r"\bword\b",
    ] {
        assert!(pattern(text).begin().is_some(), "{text}");
    }
}

#[test]
fn the_same_text_is_compiled_once() {
    assert!(Arc::ptr_eq(&pattern("o[kK]"), &pattern("o[kK]")));
}

#[test]
fn absurd_patterns_are_refused_and_cost_little() {
    for (bad, why) in [
        ("(".repeat(10_000), "unclosed"),
        (format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000)), "nest"),
        ("(((a{1000}){1000}){1000}){1000}".to_owned(), "larger"),
        (r"\w{1000}".to_owned(), "larger"),
        ("[".to_owned(), "unclosed"),
        ("(?=x)".to_owned(), "look"),
    ] {
        let refused = Pattern::compile(&bad).err().unwrap_or_else(|| panic!("{bad:.40} was taken"));
        assert!(refused.contains(why) && !refused.contains('\n'), "{bad:.40}: {refused}");
    }
}

/// The offload threads and the list's have at least this.
#[test]
fn the_deepest_pattern_is_content_with_a_quarter_of_a_thread() {
    let depth = MOST_NESTED as usize / 4;
    let text = format!("{}a{}", "(?:b|".repeat(depth), ")*".repeat(depth));
    let compile = move || Pattern::compile(&text).map(|_| ());
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(compile).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(()));
}

/// What a pattern is put together of that looks around itself.
const PARTS: [&str; 18] = [
    "a",
    "b",
    "1",
    "é",
    " ",
    "[ab]{1,3}",
    "\\d",
    "a?",
    "(?:a|b1)",
    "\\b",
    "\\B",
    "(?-u:\\b)",
    "(?m:^)",
    "(?m:$)",
    "(?Rm:^)",
    "(?Rm:$)",
    "\\b{start}",
    "(?i:É)",
];

/// A pattern that takes blocks, and whether the library finds it in all of a body at once.
fn with_the_whole(text: &str, body: &str) -> Option<(Arc<Pattern>, bool)> {
    let whole = meta::Regex::builder()
        .syntax(syntax::Config::new().utf8(false))
        .configure(meta::Config::new().utf8_empty(false))
        .build(text)
        .ok()?;
    let pattern = Pattern::compile(text).ok().filter(|pattern| pattern.begin().is_some())?;
    Some((pattern, whole.is_match(body)))
}

proptest! {
    #[test]
    fn no_pattern_and_no_body_make_it_panic(text in ".{0,20}", body: Vec<u8>) {
        if let Ok(pattern) = Pattern::compile(&text) {
            pattern.is_match(&body);
        }
    }

    #[test]
    fn blocks_change_nothing_for_short_matches(
        parts in proptest::collection::vec(proptest::sample::select(&PARTS[..]), 1..5),
        body in "[ab1é \n\r]{0,16}",
    ) {
        let text = parts.concat();
        if let Some((pattern, is_found)) = with_the_whole(&text, &body) {
            prop_assert!(found_in_blocks(&pattern, body.as_bytes()).iter().all(|found| *found == is_found), "{}", text);
        }
    }

    #[test]
    fn blocks_change_nothing(text in "[\\^]?[ab]{1,3}(|[.+*?])(|\\|ba|[ab$])", body in "[ab\n]{0,12}") {
        let pattern = pattern(&text);
        let whole = meta::Regex::new(&text).unwrap().is_match(&body);
        prop_assert!(found_in_blocks(&pattern, body.as_bytes()).iter().all(|found| *found == whole));
    }

    #[test]
    fn blocks_change_nothing_for_matches_of_any_length(text in patterns(), body in bodies(12)) {
        if let Some((pattern, is_found)) = with_the_whole(&text, &body) {
            prop_assert!(found_in_blocks(&pattern, body.as_bytes()).iter().all(|found| *found == is_found), "{}", text);
        }
    }

    #[test]
    fn long_blocks_change_nothing(text in patterns(), body in bodies(500), size in 300..2000_usize) {
        if let Some((pattern, is_found)) = with_the_whole(&text, &body) {
            let mut place = pattern.begin().expect("no need of all at once");
            let found = body.as_bytes().chunks(size).any(|block| pattern.feed(&mut place, block).is_some());
            prop_assert_eq!(found || pattern.ends(&place), is_found, "{}", text);
        }
    }
}
