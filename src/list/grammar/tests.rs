//! Lines, and what they are.
//!
//! Knows the happy and the sad half of the grammar. Refuses to know what settings mean.

use proptest::prelude::*;

use super::*;

fn line(bytes: &[u8]) -> Line<'_> {
    parse(&RawLine { number: 1, bytes, is_cut: false }, false)
}

fn based(text: &str) -> Line<'_> {
    parse(&RawLine { number: 1, bytes: text.as_bytes(), is_cut: false }, true)
}

#[test]
fn a_line_with_a_url_is_an_entry() {
    for (text, method, word) in [
        ("https://a/", None, "https://a/"),
        ("  https://a/ \t", None, "https://a/"),
        ("\thttp://a/", None, "http://a/"),
        ("HTTPS://a/", None, "HTTPS://a/"),
        ("https://a/#top", None, "https://a/#top"),
        ("https://a/ # note", None, "https://a/"),
        ("https://a/#top\t#note", None, "https://a/#top"),
        ("POST https://a/", Some("POST"), "https://a/"),
        ("PROPFIND \t https://a/ # note", Some("PROPFIND"), "https://a/"),
        ("https://a:99999/", None, "https://a:99999/"),
    ] {
        let expected = method.map(|method| Method::parse(method).unwrap());
        let Line::Entry { method, word: found, settings } = line(text.as_bytes()) else { panic!("{text}") };
        assert_eq!((method, found, settings.text().trim()), (expected, word, ""), "{text}");
    }
}

#[test]
fn with_a_base_a_setting_that_is_not_indented_is_an_error() {
    for text in ["expect=404", "!json.$.error", "body~=x y", "name=a/b", "json.$.a[?@.b == 1]==2"] {
        assert!(matches!(based(text), Line::Error(_)), "{text}");
    }
    for text in ["./expect=404", "soft", "date=2026/x", "expect", "x?expect=404", "header.x", "/name=x"] {
        assert!(matches!(based(text), Line::Entry { .. }), "{text}");
    }
}

#[test]
fn nothing_and_comments_are_blank_in_any_encoding() {
    for text in [&b""[..], b" \t ", b"#", b"# x", b"  #https://a/", b"#\xff\xfe\x00\x07"] {
        assert_eq!(line(text), Line::Blank, "{text:?}");
    }
    assert_eq!(parse(&RawLine { number: 1, bytes: b"# long", is_cut: true }, false), Line::Blank);
}

#[test]
fn a_line_without_a_url_is_one_failed_record() {
    for (text, word, expected) in [
        (&b"example.com/x"[..], "example.com/x", "not an http or https URL: write https://example.com/x"),
        (b"plain words here", "plain", "not an http or https URL"),
        (b"ftp://a/ b", "ftp://a/", "scheme ftp is not fetched: http and https only"),
        (b"ftp://a/ https://b/", "ftp://a/", "scheme ftp is not fetched: http and https only"),
        (b"GET example.com", "GET", "after GET: not an http or https URL: write https://example.com"),
        (b"GET", "GET", "not an http or https URL"),
        (b"https://a/\x07b c", "https://a/\u{7}b", "a control character (U+0007) in the line"),
        (b"https://a/\0", "https://a/\0", "a control character (U+0000) in the line"),
        (b"a\rb", "a\rb", "a control character (U+000D) in the line"),
        (b"\xc2\x85", "\u{85}", "a control character (U+0085) in the line"),
        (b" https://a/\xff b", "https://a/\u{fffd}", "not UTF-8"),
        (b"key=value", "key=value", "not an http or https URL"),
        (b" a/b=c", "a/b=c", "not an http or https URL"),
    ] {
        let Line::Rejected { text: found, reason, .. } = line(text) else { panic!("{text:?}") };
        assert_eq!((&*found, &*reason), (word, expected), "{text:?}");
    }
}

#[test]
fn a_line_that_is_too_long_is_one_failed_record_with_its_beginning() {
    let bytes = "ü".repeat(1000).into_bytes();
    let rejected = parse(&RawLine { number: 1, bytes: &bytes, is_cut: true }, false);
    let expected = Line::Rejected {
        text: "ü".repeat(80).into(),
        reason: "line longer than 64 KiB".to_owned(),
        settings: None,
    };
    assert_eq!(rejected, expected);
    assert_eq!(parse_operand(&"ü".repeat(LINE_MAX)), expected);
}

#[test]
fn errors_of_the_list_point_at_the_word_and_say_what_to_write() {
    for (text, word, message, hint) in [
        ("https://a/\thttps://b/", "https://b/", "TAB-separated mirrors", "one URL a line"),
        ("https://a/ \tftp://b/", "ftp://b/", "TAB-separated mirrors", "one URL a line"),
        ("ftp://a/\thttps://b/", "https://b/", "TAB-separated mirrors", "one URL a line"),
        ("get https://a/", "get", "a word before the URL that is no method", "write GET"),
        ("M-SEARCH https://a/", "M-SEARCH", "a word before the URL", "letters A to Z"),
        ("- https://a/", "-", "a word before the URL", "letters A to Z"),
        ("@base", "@base", "@base of nothing", "write a URL"),
        ("  @include a b", "b", "@include takes one word", "the name of a list"),
        ("@default x", "@default", "a word that begins with @", "https:// before a host"),
    ] {
        let Line::Error(fault) = line(text.as_bytes()) else { panic!("{text}") };
        assert_eq!(&fault.line[fault.span.clone()], word, "{text}");
        assert!(fault.message.starts_with(message), "{text}: {}", fault.message);
        assert!(fault.reason().contains(hint), "{text}: {}", fault.reason());
    }
}

#[test]
fn an_operand_is_one_url_without_comments() {
    let word = "https://a/#b";
    let settings = Rest { line: word, at: word.len() };
    assert_eq!(parse_operand(word), Line::Entry { method: None, word, settings });
    for (operand, expected) in [
        ("ftp://a/", "scheme ftp is not fetched: http and https only"),
        ("https://a/\nb", "a control character (U+000A) in the line"),
    ] {
        let rejected = Line::Rejected { text: operand.into(), reason: expected.to_owned(), settings: None };
        assert_eq!(parse_operand(operand), rejected);
    }
    for operand in ["https://a/ #b", "https://a/ ", "https://a/\tb"] {
        assert!(
            matches!(parse_operand(operand), Line::Error(fault) if fault.span == (10..11)),
            "{operand:?}"
        );
    }
}

#[test]
fn settings_are_where_the_url_ends_and_end_where_the_comment_begins() {
    for (text, expected) in [
        ("https://a/ expect=200 # note", " expect=200 "),
        ("GET https://a/\tbody*=\"# no note\" # note", "\tbody*=\"# no note\" "),
        ("https://a/?q=\"x #y", " "),
        ("https://a/ json.$['a # b']==1 #c", " json.$['a # b']==1 "),
        ("https://a/ a='b # c", " a='b # c"),
        ("https://a/ it's #c", " it's "),
    ] {
        let Line::Entry { settings, .. } = line(text.as_bytes()) else { panic!("{text}") };
        assert_eq!(settings.text(), expected, "{text}");
    }
    let Line::Defaults(rest) = line(b"@defaults a=\"b # c\" #d") else { panic!("no defaults") };
    assert_eq!(rest.text(), " a=\"b # c\" ");
}

#[test]
fn an_indented_line_of_settings_is_more_of_what_is_above() {
    for (text, expected) in [
        ("  header=Authorization: x # no note", "header=Authorization: x # no note"),
        ("\tdata=a \"b' #c ", "data=a \"b' #c "),
        ("  expect=200 # note", "expect=200 "),
        (" soft", "soft"),
        (" !header.x-a", "!header.x-a"),
        (" json.$.a[0] b", "json.$.a[0] b"),
        (" body*=\"a # b\" # note", "body*=\"a # b\" "),
        ("  sofft", "sofft"),
        ("  expct=200", "expct=200"),
    ] {
        let Line::More(rest) = line(text.as_bytes()) else { panic!("{text}: {:?}", line(text.as_bytes())) };
        assert_eq!(rest.text(), expected, "{text}");
    }
}

#[test]
fn a_setting_that_is_no_text_is_an_error_and_no_record_of_its_own() {
    for bytes in [&b"  header=a: \xff"[..], b"  data=\x07", b"@defaults name=\xff"] {
        assert!(matches!(line(bytes), Line::Error(fault) if fault.hint.is_none()), "{bytes:?}");
    }
    let long = RawLine { number: 1, bytes: b"  json={", is_cut: true };
    assert!(matches!(parse(&long, false), Line::Error(fault) if fault.message.contains("64 KiB")));
}

#[test]
fn with_a_base_every_word_is_a_url() {
    for (text, method, word) in [
        ("/a expect=200", None, "/a"),
        ("a/b", None, "a/b"),
        ("  ?x=1", None, "?x=1"),
        ("POST /login soft", Some("POST"), "/login"),
        ("POST", None, "POST"),
        ("POST expect=405", None, "POST"),
        ("https://b/", None, "https://b/"),
        ("get /x", None, "get"),
    ] {
        let expected = method.map(|method| Method::parse(method).unwrap());
        let Line::Entry { method, word: found, .. } = based(text) else { panic!("{text}") };
        assert_eq!((method, found), (expected, word), "{text}");
    }
    assert!(matches!(based("ftp://a/"), Line::Rejected { .. }));
    assert!(matches!(based("  expect=200"), Line::More(_)));
}

fn check_shape(line: &Line<'_>) {
    match line {
        Line::Entry { word, .. } => {
            assert!(!word.is_empty() && !word.contains(|c: char| c.is_control() || BLANKS.contains(&c)));
            let _ = http_url::parse(word);
        }
        Line::Error(fault) => assert!(!fault.line[fault.span.clone()].is_empty()),
        _ => {}
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_cut in any::<bool>(), has_base in any::<bool>()) {
        check_shape(&parse(&RawLine { number: 1, bytes: &bytes, is_cut }, has_base));
    }

    #[test]
    fn nor_what_is_almost_a_list(
        text in r"([ \t]{0,2}(GET|get|@base|https?:[/\\]{0,3}|ftp:|[a-zü.:@#%\[\]=~]{0,8}|\PC{0,4})){0,6}",
    ) {
        check_shape(&line(text.as_bytes()));
        check_shape(&parse_operand(&text));
    }
}
