//! A printed entry reads as the entry that it was printed from.
//!
//! Knows lists with every setting and check, values that look like something else, and every way to write them. Refuses
//! to know what settings mean: two readings are compared.

use std::fs;
use std::path::Path;
use std::sync::{Arc, mpsc};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::config::Operand;
use crate::list::{self, Credits, Delivery, Reading};

/// What the variables of the lists here are.
fn variable(name: &str) -> Option<std::ffi::OsString> {
    Some(match name {
        "A" => "a value # \"with\" 'all' \\ of it=".into(),
        "SEGMENT" => "x/y".into(),
        "BASE" => "http://base.example:8080/dir".into(),
        "PORT" => "8080".into(),
        "PASS" => "correct horse".into(),
        _ => return None,
    })
}

fn reading() -> Reading {
    let variables = Variables::new(Arc::new(variable), Arc::default());
    Reading { wants_again: true, variables, ..Reading::default() }
}

/// The entries of a list that stands in this folder.
fn read(folder: &Path, text: &str) -> Vec<Entry> {
    let path = folder.join("list");
    fs::write(&path, text).unwrap();
    let list = list::check(&[Operand::File(path)], &reading()).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let credits = Arc::new(Credits::new());
    credits.give(1_000);
    let (sender, deliveries) = mpsc::channel();
    let deliver = move |delivery| sender.send(delivery).unwrap_or_default();
    list.start(|_, entry| Ok(entry), credits, deliver).unwrap().join().unwrap();
    let listed = |delivery| match delivery {
        Delivery::Listed(entries) => entries,
        _ => Vec::new(),
    };
    deliveries.into_iter().flat_map(listed).collect()
}

/// All that holds for an entry. Between those that are about something else the order says nothing.
fn terms(entry: &Entry) -> Vec<Term> {
    let is_said =
        |setting: &&Setting| !entry.settings.iter().any(|own| own.term.is_about_the_same(&setting.term));
    let all =
        entry.defaults.iter().filter(is_said).chain(&*entry.settings).map(|setting| setting.term.clone());
    let mut terms: Vec<Term> =
        all.filter(|term| entry.method.is_none() || !matches!(term, Term::Method(_))).collect();
    terms.sort_by_key(subject);
    terms
}

fn subject(term: &Term) -> String {
    match term {
        Term::Header(edit) => format!("header {}", edit.name().to_ascii_lowercase()),
        Term::Check(check) => format!("check {:?}", check.identity()),
        Term::Resolve(resolve) => format!("resolve {} {}", resolve.host, resolve.port),
        other => format!("{:?}", std::mem::discriminant(other)),
    }
}

/// Reads a list, prints its entries, and reads each of them in another folder.
fn is_read_as_it_was(text: &str) {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["body.json", "a b'\"#.json"] {
        fs::write(here.path().join(name), "{\"file\": 1}").unwrap();
    }
    for entry in read(here.path(), text) {
        let printed = entry.again.as_deref().unwrap_or_else(|| panic!("{:?}\n{text}", entry.url));
        let again = read(there.path(), printed);
        let [again] = again.as_slice() else { panic!("{} entries\n{text}\n{printed}", again.len()) };
        assert_eq!(again.url, entry.url, "\n{text}\n{printed}");
        assert_eq!(again.method, entry.method, "\n{text}\n{printed}");
        assert_eq!(terms(again), terms(&entry), "\n{text}\n{printed}");
        assert_eq!(again.again.as_deref(), Some(printed), "\n{text}");
        assert!(!printed.contains('\t'), "\n{text}\n{printed}");
    }
}

/// A text of pieces that mean something somewhere in a list.
fn hostile() -> impl Strategy<Value = String> {
    const PIECES: [&str; 36] = [
        "a", "Z", "7", " ", "  ", "\t", "#", " # ", "\"", "'", "\\", "\\n", "${A}", "$${A}", "$${", "$", "{",
        "}", "=", "==", "~=", "!", "*=", ":", ";", "@", "a@b", "[", "]", "(", ")", "%20", "é", "日",
        "\u{202e}", "http://",
    ];
    vec(select(&PIECES[..]), 1..6).prop_map(|pieces| pieces.concat())
}

/// A setting as a key, what stands behind it, and a value.
type Typed = (String, &'static str, String);

fn setting() -> impl Strategy<Value = Typed> {
    fn of(written: (&'static str, &'static str, &'static str)) -> Typed {
        (written.0.to_owned(), written.1, written.2.to_owned())
    }
    let fixed = select(&FIXED[..]).prop_map(of);
    let texts = select(&TEXTS[..]).prop_flat_map(|(key, op, before)| {
        hostile().prop_map(move |value| (key.to_owned(), op, format!("{before}{value}")))
    });
    prop_oneof![fixed, texts]
}

const FIXED: [(&str, &str, &str); 45] = [
    ("method", "=", "PUT"),
    ("max-time", "=", "5s"),
    ("max-time", "==", "0"),
    ("connect-timeout", "=", "300ms"),
    ("retry", "=", "3"),
    ("max-redirs", "=", "0"),
    ("max-filesize", "=", "64KiB"),
    ("resolve", "=", "a.example:443:127.0.0.1,::1"),
    ("resolve", "=", "a.example:443:127.0.0.2"),
    ("insecure", "", ""),
    ("compressed", "=", "false"),
    ("soft", "", ""),
    ("soft", "=", "false"),
    ("tag", "=", "one"),
    ("tag", "=", "two words"),
    ("header", "=", "X-Removed:"),
    ("header", "=", "X-Empty;"),
    ("header", "=", "Authorization: Bearer ${PASS}"),
    ("header", "=", "Cookie: a=${PASS}; b=2"),
    ("header", "=", "Cookie:"),
    ("user", "=", "some one:${PASS}"),
    ("data", "=", "@body.json"),
    ("data", "=", "a=b&c=d"),
    ("json", "=", "@a b'\"#.json"),
    ("json", "=", "{\"mail\": \"a:b@c # x\", \"to\": \"${SEGMENT}\"}"),
    ("json", "=", "[1, \"\\\\ \\\"quoted\\\"\"]"),
    ("checksum", "=", "sha-256=0000000000000000000000000000000000000000000000000000000000000000"),
    ("expect", "=", "2xx,!204"),
    ("expect", "=", "200..299"),
    ("bytes", ">=", "1KiB"),
    ("bytes", "!=", "0"),
    ("sha256", "!=", "0000000000000000000000000000000000000000000000000000000000000000"),
    ("type", "==", "text/html"),
    ("time", "<", "2s"),
    ("ttfb", "<=", "300ms"),
    ("tls-days", ">=", "21"),
    ("redirects", "<=", "1"),
    ("header.X-One", "", ""),
    ("!header.X-Two", "", ""),
    ("header.age", "<", "60"),
    ("!json.$.error", "", ""),
    ("json.$['a # \"b\"']", "", ""),
    ("json.$.a[?@.b == \"c = d\"]", ">=", "3"),
    ("body", "~=", "^a \\d+ [\"'#] b$"),
    ("body", "!~=", "(?i)err or\\s"),
];

/// Their values may be anything.
const TEXTS: [(&str, &str, &str); 14] = [
    ("name", "=", "n"),
    ("tag", "=", "t"),
    ("header", "=", "X-Any: v"),
    ("header", "=", "x-any: w"),
    ("user-agent", "=", "u"),
    ("referer", "=", "r"),
    ("data", "=", "d"),
    ("out", "=", "o"),
    ("dir", "=", "d"),
    ("body", "*=", ""),
    ("type", "=", "t"),
    ("header.x-one", "!=", ""),
    ("final-url", "==", "u"),
    ("json.$['é']", "==", ""),
];

/// A setting in one of the ways in which its value may be written: bare, in quotes of either kind, or as the rest of a
/// line of its own, which the flag says.
fn line_of(setting: Typed, way: usize) -> (String, bool) {
    let (key, op, value) = setting;
    let is_text_key = list::setting::TEXT_KEYS.contains(&&*key);
    let is_bare = !value.contains([' ', '\t']) && !value.starts_with(['"', '\'']);
    let is_rest = is_text_key && op == "=" && !value.starts_with([' ', '\t']);
    match way {
        _ if op.is_empty() => (key, false),
        0 | 1 if is_rest => (format!("{key}{op}{value}"), true),
        0..=2 if is_bare && !value.is_empty() => (format!("{key}{op}{value}"), false),
        3 if !value.contains('\'') && !value.contains("${") => (format!("{key}{op}'{value}'"), false),
        _ => {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t");
            (format!("{key}{op}\"{escaped}\""), false)
        }
    }
}

/// Settings on a line and below it, some behind others there: as the first word some would take the rest of the line.
fn settings(most: usize) -> impl Strategy<Value = (String, String)> {
    vec((setting(), 0..5_usize, any::<bool>()), 0..most).prop_map(|all| {
        let (mut line, mut below) = (String::new(), String::new());
        for (setting, way, is_late) in all.into_iter().filter(|((key, _, value), ..)| is_taken(key, value)) {
            let (text, is_own_line) = line_of(setting, way);
            let (place, before) = match (is_own_line, is_late) {
                (true, _) => (&mut below, "\n  "),
                (false, true) => (&mut below, "\n  bytes>=0 "),
                (false, false) => (&mut line, " "),
            };
            place.push_str(before);
            place.push_str(&text);
        }
        (line, below)
    })
}

/// What is no error of the list, and has no password that would not be printed.
fn is_taken(key: &str, value: &str) -> bool {
    let is_path = matches!(key, "out" | "dir");
    let is_no_path = value.contains(['\\', '/', '\t']) || value.contains("${A}");
    let is_expanded = expand(value, &reading().variables, false, true).is_ok();
    is_expanded && !(is_path && is_no_path) && mask_urls(value) == value
}

fn list() -> impl Strategy<Value = String> {
    const BASES: [&str; 6] = [
        "",
        "@base https://base.example/a/b?c\n",
        "@base ${BASE}\n",
        "@base ${BASE}/v1/\n",
        "@base http://localhost:${PORT}/v1/\n",
        "@base http://u:${PASS}@base.example/${SEGMENT}/\n",
    ];
    const URLS: [&str; 14] = [
        "https://a.example/p?q=1#top",
        "HTTP://u@h.example:8080",
        "https://u:${PASS}@a.example/",
        "${BASE}/x",
        "${BASE}",
        "http://a.example/${SEGMENT}/$${A}?q=${PASS}&x={}",
        "http://bücher.example/ñ%20[x]\u{202e}",
        "/health",
        "../up?${SEGMENT}",
        "${SEGMENT}/here",
        "a/b:c/$${x}",
        "?only=query",
        "//other.example:${PORT}/x",
        "./$${",
    ];
    let entry =
        (select(vec!["", "POST ", "GET "]), select(&URLS[..]), settings(7), select(vec!["", " # a comment"]));
    let entry = entry.prop_map(|(method, url, (line, below), comment)| (method, url, line, below, comment));
    (select(&BASES[..]), settings(5), entry).prop_map(|(base, (line, below), entry)| {
        let (method, url, own_line, own_below, comment) = entry;
        // Without a base these are none.
        let url = if base.is_empty() && !http_url::is_http(url) { "http://a.example/" } else { url };
        format!("{base}@defaults{line}{below}\n{method}{url}{own_line}{comment}{own_below}\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn a_printed_entry_reads_as_the_one_that_it_was(text in list()) {
        is_read_as_it_was(&text);
    }
}

#[test]
fn what_is_easily_printed_wrong_is_right() {
    for text in [
        // A mail address in JSON is no password.
        "https://a/\n  json={\"mail\":\"a@b\"}",
        "https://a/ name=\"x: y@z\"",
        // The last word holds, in whichever order they would be printed.
        "https://a/ data=@body.json data=x",
        "https://a/\n  name=\"a\" ${SEGMENT} \\ 'b'\n  expect=200 name=c",
        "https://a/\n  header=X-A: 1 \"2\"\n  expect=200 header=X-A:",
        "https://a/\n  header=X-A:\n  expect=200 header=\"X-A: 1\"\n  header=X-A: 2",
        "https://a/ name='a\t$${A} b'\n  header=X-A: 1\t2\n  expect=200 header=X-A:",
        "https://a/\n  name==a b\n  expect=200 name=c",
        "@defaults\n  data=a b\n  expect=200 data=c\nhttps://a/",
        "https://a/ header=\"Cookie: ${PASS}\" header=Cookie:",
        "https://a/ data=\"@a b'\\\"#.json\"",
        "@base http://localhost:${PORT}/v1/\nhealth\n/\n?x\n//b.example/",
        "@base ${BASE}\n/x\ny",
        "https://u:${PASS}@a/",
    ] {
        is_read_as_it_was(text);
    }
}

#[test]
fn addresses_of_the_line_stay_before_those_of_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let text = "@defaults resolve=*:80:192.0.2.1 bytes>1\nhttp://a/ resolve=a:80:192.0.2.2";
    let printed = read(folder.path(), text)[0].again.clone().unwrap();
    assert_eq!(&*printed, "http://a/ bytes>1 resolve=a:80:192.0.2.2 resolve=*:80:192.0.2.1");
}

#[test]
fn a_password_that_is_no_variable_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let text = "https://u:hunter2@a/ user=me:hunter2 header=\"Cookie: hunter2\" final-url=https://u:hunter2@b/\n  \
                header=Authorization: hunter2\n  referer=http://u:hunter2@c/";
    let printed = read(folder.path(), text)[0].again.clone().unwrap();
    let expected = "https://u:***@a/ user=me:*** header=\"Cookie: ***\" final-url=https://u:***@b/\n  \
                    header=Authorization: ***\n  referer=http://u:***@c/";
    assert_eq!(&*printed, expected);
    assert_eq!(read(folder.path(), &printed)[0].again.as_deref(), Some(expected));
}
