//! A smoke list from end to end: right and wrong expectations of every kind on their own lines, in any order and mode.
//!
//! Knows which line holds. Refuses to know how a check is judged (a record says pass or fail, and
//! which check it was) and who answers: nginx is asked too.

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::expectation::parse_records;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::{Script, Steps as _};
use crate::support::wire::certificate;

/// SHA-256 of `hello` (FIPS 180-4; `printf hello | sha256sum`).
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A line, what is expected on it, and the check that does not hold; `None` where all do.
type Line = (&'static str, String, Option<&'static str>);

fn lines() -> Vec<Line> {
    let of = |path, check: &str, wrong| (path, check.to_owned(), wrong);
    vec![
        of("/text", "expect=200", None),
        of("/text", "expect=2xx", None),
        of("/text", "expect=200..299,404", None),
        of("/text", "expect=!404", None),
        of("/text", "expect=404", Some("expect=404")),
        of("/404", "expect=404", None),
        of("/404", "", Some("status")),
        of("/404", "expect=!404", Some("expect=!404")),
        of("/moved", "expect=302 header.location~=text$", None),
        of("/moved", "redirects==1 final-url~=/text$", None),
        of("/moved", "redirects==0", Some("redirects==0")),
        of("/text", "body*=ell", None),
        of("/text", "body*=elk", Some("body*=elk")),
        of("/parts", "body*=split body~=^one.*two$", None),
        of("/text", "body~=h[aeiou]l+o", None),
        of("/text", "body~=h[xyz]l+o", Some("body~=h[xyz]l+o")),
        of("/text", "body!~=h[xyz]l+o", None),
        of("/text", "body!~=hello", Some("body!~=hello")),
        of("/text", "header.x-one", None),
        of("/text", "header.x-two", Some("header.x-two")),
        of("/text", "!header.x-two", None),
        of("/text", "!header.x-one", Some("!header.x-one")),
        of("/text", "header.x-one==b", None),
        of("/text", "header.x-one==c", Some("header.x-one==c")),
        of("/json", "json.$.ok==true", None),
        of("/json", "json.$.ok==false", Some("json.$.ok==false")),
        of("/json", "json.$.items[1].id>=7", None),
        of("/json", "json.$..id==3", None),
        of("/json", "json.$.none", Some("json.$.none")),
        of("/text", "json.$.ok", Some("json.$.ok")),
        of("/text", "bytes==5", None),
        of("/text", "bytes>5", Some("bytes>5")),
        of("/text", &format!("sha256={HELLO}"), None),
        of("/text", &format!("sha256={}", "0".repeat(64)), Some("sha256=")),
        of("/json", "type=application/json", None),
        of("/json", "type=text/html", Some("type=text/html")),
        of("/text", "time<=20s ttfb<=20s", None),
        of("/text", "time>60m", Some("time>60m")),
        of("/text", "ttfb>60m", Some("ttfb>60m")),
        of("/text", "final-url~=elsewhere", Some("final-url~=elsewhere")),
        of("/tls", "tls-days>=1", None),
        of("/tls", "tls-days<1", Some("tls-days<1")),
        of("/text", "tls-days>=1", Some("tls-days>=1")),
        of("/cut", "bytes>=1", Some("closed")),
    ]
}

/// What each path of a smoke list answers, but for the one over TLS.
pub(crate) fn origin() -> Origin {
    let head = |extra: &str, n: usize| format!("HTTP/1.1 200 OK\r\n{extra}Content-Length: {n}\r\n\r\n");
    let parts = Script::nothing()
        .then("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none s\r\n")
        .then("7\r\nplit tw\r\n1\r\no\r\n0\r\n\r\n");
    Origin::start()
        .script("/text", format!("{}hello", head("X-One: a\r\nX-One: b\r\n", 5)).keep_alive())
        .script("/404", Script::status(404))
        .script("/moved", Script::redirect(302, "/text"))
        .script("/parts", parts.keep_alive())
        .script(
            "/json",
            format!("{}{JSON}", head("Content-Type: application/json; charset=utf-8\r\n", JSON.len()))
                .keep_alive(),
        )
        .script("/cut", Script::nothing().then(head("", 9)).then("short").then_fin())
}

const JSON: &str = r#"{"ok":true,"items":[{"id":3},{"id":7}]}"#;

/// The list against a server: with each order and mode every verdict is right, and the exit is 1; what is right alone is
/// exit 0.
pub(crate) fn verdicts_are_right(url: impl Fn(&str) -> String) {
    let run = |mode: &str, processes: &str, lines: &[Line]| {
        let list = lines.iter().map(|(path, checks, _)| format!("{} {checks}", url(path)));
        let client = [
            "--cert".into(),
            certificate("client"),
            "--key".into(),
            certificate("client").with_extension("key"),
        ];
        let chain = Greenfetch::new().args(["--json", "--mode", mode, "--processes", processes]).args(client);
        chain.cacert(certificate("ca")).list(list).spawn().finish()
    };
    for (mode, processes, is_reversed) in [
        ("coroutines", "1", false),
        ("threads", "1", true),
        ("sync", "1", false),
        ("coroutines", "1", true),
        ("coroutines", "2", false),
        ("threads", "2", true),
    ] {
        let mut lines = lines();
        if is_reversed {
            lines.reverse();
        }
        let finished = run(mode, processes, &lines);
        assert_eq!(finished.status, Some(1), "{}", finished.story);
        let mut records = parse_records(&finished.stdout);
        records.sort_by_key(|record| record["urlnum"].as_u64());
        assert_eq!(records.len(), lines.len());
        records.iter().zip(&lines).for_each(|(record, line)| judge(record, line));
        lines.retain(|(_, _, wrong)| wrong.is_none());
        let finished = run(mode, processes, &lines);
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert_eq!(finished.stdout.lines().count(), lines.len());
    }
}

fn judge(record: &Value, (path, checks, wrong): &Line) {
    let all = record["checks"].as_array().expect("checks are a list");
    let failed = all.iter().find(|check| check["pass"] == false).and_then(|check| check["check"].as_str());
    let told = failed.or(record["error"]["class"].as_str());
    // == and = are one.
    let [wrong, told] = [*wrong, told].map(|text| text.map(|text| text.replace("==", "=")));
    let is_right = match (&wrong, &told) {
        (Some(wrong), Some(told)) => told.starts_with(wrong),
        (wrong, told) => wrong.is_none() && told.is_none(),
    };
    assert!(is_right, "{path} {checks}: {told:?}\n{record}");
}

#[test]
fn each_expectation_of_a_smoke_list_is_judged_right_in_any_order_and_mode() {
    let (origin, tls) = (origin(), TlsOrigin::start("localhost").script("/tls", Script::ok("hello")));
    verdicts_are_right(|path| if path == "/tls" { tls.url(path) } else { origin.url(path) });
}

#[test]
fn a_soft_line_warns_and_what_failed_in_transfer_is_not_evaluated() {
    let origin = origin();
    let list = [
        format!("{} bytes>=1 body*=x", origin.url("/cut")),
        format!("{} expect=200 soft", origin.url("/404")),
    ];
    let run = Greenfetch::new().args(["--json"]).list(&list[1..]).spawn().finish();
    assert_eq!(run.status, Some(0), "{}", run.story);
    assert!(run.stderr.starts_with("warning: list:1: "), "{}", run.story);
    assert_eq!(parse_records(&run.stdout)[0]["outcome"], "soft");
    let run = Greenfetch::new().args(["--json"]).list(&list[..1]).spawn().finish();
    let record = &parse_records(&run.stdout)[0];
    let passes: Vec<_> =
        record["checks"].as_array().unwrap().iter().map(|check| check["pass"].clone()).collect();
    assert_eq!(passes, [Value::Null, Value::Null], "{record}");
}

/// What is said of a line holds for it also where its URL is none: it is chosen, soft and told as any other.
#[test]
fn the_checks_of_a_line_that_is_no_url_are_not_evaluated() {
    let list = "@defaults tag=smoke expect=200\n\
                htps://a.test/ body*=x name=slip\n\
                http://a.test:99999/ bytes>=1 tag=other\n\
                a.test soft\n\
                plain words expect=200\n";
    Greenfetch::new()
        .args(["--tag", "smoke"])
        .list_text(list)
        .in_every_mode()
        .json(|records| {
            let told = |record: &Value| {
                let checks = record["checks"].as_array().expect("checks are a list").iter();
                let checks = checks.inspect(|check| assert!(check["pass"].is_null(), "{check}"));
                let checks: Vec<&str> = checks.filter_map(|check| check["check"].as_str()).collect();
                format!("{} {} {}", record["error"]["class"], record["outcome"], checks.join(" "))
            };
            let expected = [
                "\"url\" \"fail\" expect=200 body*=x",
                "\"url\" \"fail\" expect=200 bytes>=1",
                "\"url\" \"soft\" expect=200",
                "\"url\" \"fail\" expect=200",
            ];
            assert_eq!(records.iter().map(told).collect::<Vec<_>>(), expected);
            assert_eq!(records[0]["name"], "slip");
        })
        .any_stderr()
        .status(1);
}
