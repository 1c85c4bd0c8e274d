//! Expectations of answers over real sockets, through the library's client, in every mode.
//!
//! Knows what an origin sends and what is expected of it. Refuses to know how a list is cut into settings.

use std::sync::Arc;

use greenfetch::check::{self, Check, Op};
use greenfetch::config::{Config, Connection, Mode, Output};
use greenfetch::http::Client;
use greenfetch::outcome::Outcome;
use greenfetch::plan::{Listed, Planner};

use crate::support::engine::{MODES, Run, request};
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::{Gate, Script, Steps};
use crate::support::wire::certificate;

/// A setting as a list writes it, but for quotes and operators inside paths.
fn read(text: &str) -> Check {
    let cut = text.char_indices().skip(1).find_map(|(at, _)| Op::split(&text[at..]).map(|split| (at, split)));
    let read = match cut {
        Some((at, (op, value))) => check::parse(&text[..at], Some(op), value),
        None => check::parse(text, None, ""),
    };
    read.unwrap_or_else(|| panic!("{text} is no check")).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn listed(config: &Config, lines: &[(String, &str)]) -> Vec<Listed> {
    let planner = Planner::new(config);
    let plan = |(urlnum, (url, checks)): (u64, &(String, &str))| {
        let mut request = request(&planner, urlnum, url);
        Arc::make_mut(&mut request).checks = checks.split_whitespace().map(read).collect();
        Listed::Request(request)
    };
    (0..).zip(lines).map(plan).collect()
}

fn config() -> Config {
    let connection = Connection { cacert: Some(certificate("ca")), ..Connection::default() };
    Config { connection, ..Config::default() }
}

fn outcomes(mode: Mode, config: &Config, lines: &[(String, &str)]) -> Vec<Outcome> {
    let run = Run::new(mode, 4);
    let client = |runtime: &_| Arc::new(Client::new(config, runtime).expect("a client")) as Arc<_>;
    let mut log = run.start_listed(listed(config, lines), client).finish();
    log.outcomes.sort_by_key(|outcome| outcome.subject.urlnum);
    log.outcomes
}

/// What came of each line, the same in every mode: nothing for a pass.
fn failures(config: &Config, lines: &[(String, &str)]) -> Vec<String> {
    let told = |mode| {
        let outcomes = outcomes(mode, config, lines);
        let failure = |outcome: &Outcome| outcome.failure().map(ToString::to_string).unwrap_or_default();
        outcomes.iter().map(failure).collect::<Vec<_>>()
    };
    let mut all = MODES.map(told);
    assert!(all.iter().all(|told| *told == all[0]), "{all:#?}");
    std::mem::take(&mut all[0])
}

/// The verdicts on one line, the same in every mode.
fn verdicts(url: String, checks: &str) -> Vec<Option<bool>> {
    let lines = [(url, checks)];
    let mut all = MODES.map(|mode| {
        let outcomes = outcomes(mode, &config(), &lines);
        outcomes[0].last().verdicts.iter().map(|verdict| verdict.pass).collect::<Vec<_>>()
    });
    assert!(all.iter().all(|told| *told == all[0]), "{all:?}");
    std::mem::take(&mut all[0])
}

#[test]
fn a_check_that_does_not_hold_fails_its_url_with_what_was_seen() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nVia: a\r\nVia: b\r\nContent-Length: 21\r\n\r\n";
    let origin = Origin::start()
        .script("/", head.then("<h1>Maintenance</h1>\n").keep_alive())
        .script("/503", Script::status(503));
    let lines: Vec<(String, &str)> = [
        ("/", "expect=200 body*=Maintenance bytes=21 type=text/html header.via=b"),
        ("/", "body*=Welcome"),
        ("/", "body!~=Main.*e body*=Welcome type=text/html"),
        ("/", "header.via=c"),
        ("/503", "expect=503"),
        ("/503", "body*=x expect=200"),
    ]
    .map(|(path, checks)| (origin.url(path), checks))
    .to_vec();
    assert_eq!(
        failures(&config(), &lines),
        [
            "",
            r#"check (check): expected a body with "Welcome", got "<h1>Maintenance</h1>\n""#,
            r#"check (check): expected a body that does not match /Main.*e/, got "<h1>Maintenance</h1>\n"; 1 more check failed: body*=Welcome"#,
            r#"check (check): expected a header via "c", got "a", "b""#,
            "",
            "status (check): expected status 200, got 503; 1 more check failed: body*=x",
        ]
    );
}

#[test]
fn a_match_across_the_pieces_of_a_body_is_found_however_it_comes() {
    let gate = Gate::new();
    gate.open();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nx ve\r\n"
        .wait_for(&gate)
        .then("7\r\nrsion 1\r\n")
        .wait_for(&gate)
        .then("3\r\n2.7\r\n0\r\n\r\n")
        .keep_alive();
    let closed = "HTTP/1.1 200 OK\r\n\r\nx ver".then("sion 1").then("2.7").then_fin();
    let origin = Origin::start()
        .script("/chunked", chunked)
        .script("/closed", closed)
        .script("/plain", Script::ok("x version 12.7"));
    for path in ["/chunked", "/closed", "/plain"] {
        let url = || origin.url(path);
        let checks = r"body*=version body~=n.\d+\.7$ body*=version7 body!~=versio body~=\bversion\b";
        let expected = [true, true, false, false, true].map(Some);
        assert_eq!(verdicts(url(), checks), expected, "{path}");
    }
}

#[test]
fn json_is_looked_into_wherever_a_path_leads() {
    let origin = Origin::start()
        .script("/json", Script::ok(r#"{"ok":true,"items":[{"id":1},{"id":2}],"name":"a"}"#))
        .script("/html", Script::ok("<html>"))
        .script("/none", Script::status(204));
    let lines: Vec<(String, &str)> = [
        ("/json", "json.$.ok==true json.$.items[*].id>=2 json.$.name=a !json.$.error"),
        ("/json", "json.$.items[*].id==3"),
        ("/html", "json.$.ok==true"),
        ("/none", "json.$.ok"),
    ]
    .map(|(path, checks)| (origin.url(path), checks))
    .to_vec();
    assert_eq!(
        failures(&config(), &lines),
        [
            "",
            "check (check): expected 3 at $.items[*].id, got 1, 2",
            "check (check): expected true at $.ok, got no JSON: expected value at line 1 column 1",
            "check (check): expected something at $.ok, got no JSON: EOF while parsing a value at line 1 column 0",
        ]
    );
}

#[test]
fn on_a_transfer_that_failed_nothing_is_evaluated() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nwelcome".then_fin();
    let origin = Origin::start().script("/cut", cut);
    assert_eq!(verdicts(origin.url("/cut"), "expect=200 body*=welcome body!~=x"), [None, None, None]);
    let failed = failures(&config(), &[(origin.url("/cut"), "body*=welcome")]);
    assert_eq!(failed, ["closed (receive): ended after 7 of 100 bytes"]);
}

#[test]
fn a_redirect_that_is_expected_is_not_followed() {
    let origin =
        Origin::start().script("/old", Script::redirect(301, "/new")).script("/new", Script::ok("new"));
    let lines: Vec<(String, &str)> = [
        ("/old", "expect=301 header.location=/new redirects=0"),
        ("/old", "expect=200,301 redirects=1 !header.location body*=new"),
        ("/old", "final-url~=/new$ redirects<=0"),
    ]
    .map(|(path, checks)| (origin.url(path), checks))
    .to_vec();
    let failed = ["", "", "check (check): expected at most 0 redirects, got 1 redirect"];
    assert_eq!(failures(&config(), &lines), failed);
}

#[test]
fn a_coding_that_nobody_asked_for_is_said_and_not_searched() {
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\n";
    let origin = Origin::start().script("/", head.then(b"\x0b\x00\x80a\x03").keep_alive());
    let lines = [(origin.url("/"), "body*=a"), (origin.url("/"), "bytes=5 expect=200")];
    let why = "check (check): expected a body with \"a\", not evaluated: the body came in the coding \"br\", \
               which --compressed would undo";
    assert_eq!(failures(&config(), &lines), [why, ""]);
    let mut decoding = config();
    decoding.request.compressed = true;
    assert_eq!(failures(&decoding, &lines[..1]), [""]);
}

#[test]
fn headers_are_kept_only_for_those_who_asked_for_them() {
    let origin = Origin::start().script("/", Script::ok("x"));
    let lines = [(origin.url("/"), "header.content-length=1"), (origin.url("/"), "")];
    let kept = |config: &Config| {
        let outcomes = outcomes(Mode::Coroutines, config, &lines);
        assert!(outcomes.iter().all(|outcome| outcome.failure().is_none()));
        outcomes.iter().filter(|outcome| outcome.last().response.headers.is_some()).count()
    };
    assert_eq!(kept(&config()), 0);
    assert_eq!(kept(&Config { output: Output { headers: true, ..Output::default() }, ..config() }), 2);
}

#[test]
fn a_certificate_is_looked_at_for_a_check_alone() {
    let origin = TlsOrigin::start("localhost").script("/", Script::ok("x"));
    let lines = [(origin.url("/"), "tls-days>=1"), (origin.url("/"), "tls-days>=100000")];
    let failed = failures(&config(), &lines);
    assert_eq!(failed[0], "");
    assert!(
        failed[1].starts_with("check (check): expected certificates for at least 100000 days, got "),
        "{}",
        failed[1]
    );
    let plain = Origin::start().script("/", Script::ok("x"));
    let failed = failures(&config(), &[(plain.url("/"), "tls-days>=1")]);
    assert_eq!(failed, ["check (check): expected certificates for at least 1 day, got no certificate"]);
}
