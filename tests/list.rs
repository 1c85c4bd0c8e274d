//! What a list may look like, and what is said of one that is wrong.
//!
//! Knows files, standard input and operands. Refuses to know the grammar's every corner: `src/list` tests itself.

use std::fs;
use std::io::Write as _;

use serde_json::Value;

use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::came_to;
use crate::support::{Greenfetch, sys};

fn origin() -> Origin {
    Origin::start().script("/a", Script::ok("hello")).script("/b", Script::ok("ok"))
}

const A_AND_B: &str = "5 bytes received from {origin}/a.\n2 bytes received from {origin}/b.\n";

#[test]
fn a_list_of_any_editor_is_a_list() {
    let origin = origin();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    for text in [
        format!("{a}\n{b}\n"),
        format!("{a}\n{b}"),
        format!("\u{feff}{a}\r\n{b}\r\n"),
        format!("# a comment\n\n{a}\n   \n\t\n  # another\n{b} # a third\n\n"),
        format!("  {a}\n\t{b}  \n"),
        format!("GET {a}\n{b}\n"),
    ] {
        Greenfetch::new().list_text(&text).in_every_mode().stdout(A_AND_B).stderr("").status(0);
        Greenfetch::new().stdin(&text).operand("-").in_every_mode().stdout(A_AND_B).stderr("").status(0);
        Greenfetch::new().stdin(&text).stdout(A_AND_B).stderr("").status(0);
    }
    assert_eq!(origin.requests("/a"), origin.requests("/b"));
}

#[test]
fn operands_are_taken_in_the_order_given() {
    let origin = origin();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    Greenfetch::new()
        .operand(&a)
        .operand("-")
        .file("more", format!("{b}\n"))
        .operand("more")
        .stdin(format!("# from here\n{b}\n"))
        .in_every_mode()
        .json(|records| {
            let places = records.iter().map(|record| (record["source"].as_str(), record["line"].as_u64()));
            let places: Vec<_> = places.collect();
            assert_eq!(places, [(Some("<args>"), Some(1)), (Some("-"), Some(2)), (Some("more"), Some(1))]);
            assert!(records.iter().enumerate().all(|(n, record)| record["urlnum"] == n));
        })
        .stderr("")
        .status(0);
}

#[test]
fn a_method_before_a_url_is_its_method() {
    let origin = origin();
    Greenfetch::new()
        .args(["-X", "PUT"])
        .list([format!("DELETE {}", origin.url("/a")), origin.url("/b")])
        .json(|records| {
            assert_eq!(records[0]["method"], "DELETE");
            assert_eq!(records[1]["method"], "PUT");
        })
        .stderr("")
        .status(0);
    assert!(origin.last_request("/a").starts_with("DELETE /a HTTP/1.1\r\n"));
    assert!(origin.last_request("/b").starts_with("PUT /b HTTP/1.1\r\n"));
}

#[test]
fn the_same_url_twice_is_fetched_twice() {
    let origin = origin();
    Greenfetch::new()
        .list([origin.url("/a"), origin.url("/a"), origin.url("/a")])
        .in_every_mode()
        .stdout("5 bytes received from {origin}/a.\n".repeat(3))
        .stderr("")
        .status(0);
    assert_eq!(origin.requests("/a"), 9);
}

#[test]
fn a_fragment_is_part_of_the_url_and_is_not_sent() {
    let origin = origin();
    Greenfetch::new()
        .list([format!("{}#part", origin.url("/a"))])
        .stdout("5 bytes received from {origin}/a#part.\n")
        .stderr("")
        .status(0);
    assert!(origin.last_request("/a").starts_with("GET /a HTTP/1.1\r\n"));
}

/// Lines that cannot be fetched, between two that can.
fn is_one_failed_record(lines: &[&[u8]]) {
    let origin = origin();
    let mut text = format!("{}\n", origin.url("/a")).into_bytes();
    for line in lines {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend(format!("{}\n", origin.url("/b")).into_bytes());
    let n = lines.len();
    let shown: Vec<String> = lines.iter().map(|line| shorten(&String::from_utf8_lossy(line))).collect();
    Greenfetch::new()
        .list_text(text)
        .in_every_mode()
        .json(move |records| {
            assert_eq!(records.len(), n + 2);
            assert_eq!([came_to(&records[0]), came_to(&records[n + 1])], ["pass 5", "pass 2"]);
            for (index, record) in records[1..=n].iter().enumerate() {
                let class = &record["error"]["class"];
                assert_eq!(class, "url", "line {}: {}", index + 2, shown[index]);
                assert_eq!(record["line"], index + 2);
                assert_eq!(record["response_code"], Value::Null);
            }
        })
        .stderr_has("list:2: ")
        .stderr_has(": url (")
        .status(1);
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

#[test]
fn a_line_that_is_no_url_is_one_failed_record() {
    is_one_failed_record(&[
        b"example.test/path",
        b"ftp://127.0.0.1/",
        b"file:///etc/passwd",
        b"mailto:me@example.test",
        b"javascript:alert(1)",
        b"http://",
        b"http:///path",
        b"https:127.0.0.1",
        b"http://127.0.0.1:65536/",
        b"http://127.0.0.1:-1/",
        b"http://127.0.0.1:http/",
        b"http://[::1/",
        b"http://a%2fb.test:1/",
    ]);
}

#[test]
fn bytes_that_are_no_text_are_one_failed_record() {
    let long = [b"http://127.0.0.1/".as_slice(), &vec![b'x'; 1 << 20]].concat();
    is_one_failed_record(&[
        b"http://127.0.0.1/\xff\xfe",
        b"http://127.0.0.1/\0",
        b"http://127.0.0.1/\x1b[31m",
        b"http://127.0.0.1/a\rb",
        b"\x07",
        &long,
    ]);
}

#[test]
fn one_parser_decides_where_a_url_leads() {
    let origin = origin();
    let port = origin.addr().port();
    let tricky = format!("http://127.0.0.1:{port}#@elsewhere.test/a");
    let user = format!("http://elsewhere.test;x@127.0.0.1:{port}/a");
    Greenfetch::new()
        .list([tricky, user])
        .in_every_mode()
        .json(|records| assert!(records.iter().all(|record| record["host"] == "127.0.0.1"), "{records:?}"))
        .any_stderr()
        .status(1);
    assert_eq!((origin.requests("/"), origin.requests("/a")), (3, 3));
}

#[test]
fn a_bare_host_gets_the_hint_to_write_the_scheme() {
    Greenfetch::new()
        .list(["example.test/path"])
        .stdout("")
        .stderr_has("https://example.test/path")
        .status(1);
}

/// Each is an error of the list: nothing is fetched.
#[test]
fn an_error_of_the_list_is_found_before_anything_is_fetched() {
    let origin = origin();
    let a = origin.url("/a");
    for (line, word) in [
        (format!("{a} b c"), "%20"),
        (format!("get {a}"), "GET"),
        (format!("{a}\t{a}"), "TAB"),
        ("@defaults max-time=soon".to_owned(), "'soon' is no duration"),
        ("@include other".to_owned(), "other: No such file"),
        ("@base there".to_owned(), "not an http or https URL"),
        (format!("{a} expct=200"), "did you mean expect?"),
        (format!("{a} body=x"), "body*= a text"),
    ] {
        Greenfetch::new()
            .list_text(format!("{a}\n# comment\n{line}\n"))
            .in_every_mode()
            .stdout("")
            .stderr_has("list:3:")
            .stderr_has(word)
            .stderr_has("^")
            .status(2);
    }
    assert_eq!(origin.connections(), 0);
}

/// With a base every word is a URL: a check that nobody indented would be one that is fetched, and never judged.
#[test]
fn behind_a_base_a_setting_is_no_url() {
    let origin = Origin::start().script("/a", Script::ok("hello")).script("/expect=404", Script::ok("!"));
    let a = origin.url("/a");
    for line in ["expect=404", "body*=nope", "!header.x", "json.$.ok==true # note", "soft=true"] {
        Greenfetch::new()
            .list_text(format!("@base {a}\na\n{line}\n"))
            .stdout("")
            .stderr_has("list:3:1: a setting where a URL begins")
            .stderr_has("./")
            .status(2);
    }
    assert_eq!(origin.connections(), 0);
    Greenfetch::new()
        .list_text(format!("@base {a}\na\n./expect=404\n"))
        .in_every_mode()
        .stdout("5 bytes received from a.\n1 bytes received from ./expect=404.\n")
        .stderr("")
        .status(0);
}

#[test]
fn all_errors_of_all_lists_are_told_at_once() {
    let origin = origin();
    let a = origin.url("/a");
    Greenfetch::new()
        .file("one", format!("{a} x\n{a}\nget {a}\n"))
        .file("two", format!("{a} y\n"))
        .operand("one")
        .operand("two")
        .stdout("")
        .stderr_has("one:1:")
        .stderr_has("one:3:")
        .stderr_has("two:1:")
        .stderr_lacks("one:2:")
        .status(2);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn what_is_no_list_at_all_is_said_and_named() {
    let utf16: Vec<u8> = "\u{feff}http://127.0.0.1/\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, word) in [(utf16, "UTF-16"), (b"\x7fELF\0\0\0\n".to_vec(), "list")] {
        Greenfetch::new().list_text(&bytes).stdout("").stderr_has("list").stderr_has(word).status(2);
        Greenfetch::new()
            .stdin(&bytes)
            .operand("-")
            .in_every_mode()
            .stdout("")
            .stderr_has(word)
            .stderr_lacks("nothing to fetch")
            .status(2);
    }
    Greenfetch::new().operand("missing.txt").stdout("").stderr_has("missing.txt").status(2);
    Greenfetch::new().operand(".").stdout("").stderr_has("directory").status(2);
    Greenfetch::new().operand("example.test/x").stdout("").stderr_has("https://example.test/x").status(2);
}

#[test]
fn nothing_to_fetch_is_three_unless_allowed() {
    for text in ["", "\n\n", "# nothing\n", "\u{feff}", "\r\n"] {
        Greenfetch::new().list_text(text).in_every_mode().stdout("").any_stderr().status(3);
        Greenfetch::new().stdin(text).stdout("").any_stderr().status(3);
        Greenfetch::new().args(["--allow-empty"]).list_text(text).stdout("").stderr("").status(0);
    }
}

#[test]
fn results_appear_while_standard_input_is_open() {
    let origin = origin();
    for mode in ["coroutines", "threads", "sync"] {
        let mut running = Greenfetch::new().args(["--mode", mode]).operand("-").stdin_open().spawn();
        for _ in 0..3 {
            running.write_stdin(&format!("{}\n", origin.url("/a")));
            let line = running.next_stdout_line().expect("the line of what was written");
            assert_eq!(line, format!("5 bytes received from {}.", origin.url("/a")));
        }
        running.write_stdin(&origin.url("/b"));
        running.close_stdin();
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert_eq!(finished.stdout.lines().count(), 4, "a last line needs no end: {}", finished.story);
    }
}

#[test]
fn a_fifo_is_read_like_standard_input() {
    let origin = origin();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let fifo = dir.path().join("fifo");
    sys::make_fifo(&fifo);
    // Opened for both, a FIFO does not wait for its other end, which a run that fails would never open.
    let pipe = fs::OpenOptions::new().read(true).write(true).open(&fifo);
    let mut pipe = pipe.expect("a FIFO");
    let mut running = Greenfetch::new().operand(&fifo).spawn();
    writeln!(pipe, "{}", origin.url("/a")).expect("a FIFO that is read");
    assert!(running.next_stdout_line().is_some_and(|line| line.starts_with("5 bytes")));
    drop(pipe);
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
}

#[test]
fn an_error_on_standard_input_does_not_stop_what_follows() {
    let origin = origin();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    Greenfetch::new()
        .stdin(format!("{a}\nget {a}\n{b}\n"))
        .operand("-")
        .in_every_mode()
        .json(|records| {
            let came: Vec<_> = records.iter().map(came_to).collect();
            assert_eq!((came[0].as_str(), came[2].as_str()), ("pass 5", "pass 2"), "{came:?}");
            assert_eq!(records[1]["error"]["class"], "url");
            assert_eq!(records[1]["line"], 2);
        })
        .stderr_has("-:2: ")
        .status(2);
}

#[test]
fn a_line_without_end_is_bounded() {
    let origin = origin();
    let mut text = vec![b'x'; 64 << 20];
    text.extend(format!("\n{}\n", origin.url("/a")).into_bytes());
    Greenfetch::new()
        .stdin(text)
        .operand("-")
        .json(|records| {
            assert_eq!(records.len(), 2);
            assert_eq!(records[0]["error"]["class"], "url");
            assert!(records[0].to_string().len() < 200_000, "what is told of it is short");
            assert_eq!(came_to(&records[1]), "pass 5");
            assert_eq!(records[1]["line"], 2);
        })
        .any_stderr()
        .status(1);
}

#[test]
fn a_long_list_is_fetched_to_its_end() {
    let origin = origin();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    let text: String = (0..1000).map(|_| format!("{a}\n{b}\n")).collect();
    Greenfetch::new().list_text(text).in_every_mode().stdout(A_AND_B.repeat(1000)).stderr("").status(0);
}

#[test]
fn a_check_that_a_name_takes_with_its_line_is_warned_of() {
    let origin = origin();
    Greenfetch::new()
        .list_text(format!("{}\n  name=the page expect=404\n  header=X: y time=1\n", origin.url("/a")))
        .any_stdout()
        .stderr(
            "greenfetch: warning: list:2: name takes the rest of its line, expect=404 too: a check stands on a line of \
             its own\n",
        )
        .status(0);
}

#[test]
fn a_list_that_becomes_shorter_while_it_is_read_does_not_pass() {
    for mode in ["sync", "threads", "coroutines"] {
        let gate = Gate::new();
        let origin = Origin::start()
            .script("/first", Script::ok("hello").wait_for(&gate))
            .script("/next", Script::ok("hello"));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("list");
        let (first, next) =
            (origin.url("/first"), format!("{} name={}\n", origin.url("/next"), "n".repeat(1000)));
        fs::write(&path, format!("{first}\n{}", next.repeat(1000))).expect("a list");
        let run = Greenfetch::new().args(["--mode", mode, "-j", "1"]).operand(&path).spawn();
        origin.wait_for_requests("/first", 1);
        fs::write(&path, "").expect("a shorter one");
        gate.open();
        let finished = run.finish();
        assert!(finished.stderr.contains("changed while it was read: "), "{}", finished.story);
        assert!(finished.stderr.contains(" of 1001 entries are left"), "{}", finished.story);
        assert_eq!(finished.status, Some(2), "{}", finished.story);
    }
}
