//! A smoke list from end to end: right and wrong expectations of every kind on their own lines, in any order and mode.
//!
//! Knows which line holds. Refuses to know how a check is judged: a record says pass or fail, and which check it was.

use crate::support::Greenfetch;
use crate::support::expectation::parse_records;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

/// SHA-256 of `hello` (FIPS 180-4; `printf hello | sha256sum`).
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A line, what is expected on it, and the check that does not hold; `None` where all do.
fn lines() -> Vec<(&'static str, String, Option<&'static str>)> {
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
        of("/parts", "body*=split", None),
        of("/parts", "body~=^one.*two$", None),
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
        of("/text", "tls-days>=1", Some("tls-days>=1")),
        of("/cut", "bytes>=1", Some("closed")),
    ]
}

fn origin() -> Origin {
    let json = r#"{"ok":true,"items":[{"id":3},{"id":7}]}"#;
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
            format!("{}{json}", head("Content-Type: application/json; charset=utf-8\r\n", json.len()))
                .keep_alive(),
        )
        .script("/cut", Script::nothing().then(head("", 9)).then("short").then_fin())
}

#[test]
fn each_expectation_of_a_smoke_list_is_judged_right_in_any_order_and_mode() {
    let origin = origin();
    for (mode, is_reversed) in
        [("coroutines", false), ("threads", true), ("sync", false), ("coroutines", true)]
    {
        let mut lines = lines();
        if is_reversed {
            lines.reverse();
        }
        let list = lines.iter().map(|(path, checks, _)| format!("{} {checks}", origin.url(path)));
        let run = Greenfetch::new().args(["--json", "--mode", mode]).list(list).spawn().finish();
        assert_eq!(run.status, Some(1), "{}", run.story);
        let mut records = parse_records(&run.stdout);
        records.sort_by_key(|record| record["urlnum"].as_u64());
        assert_eq!(records.len(), lines.len());
        for (record, (path, checks, wrong)) in records.iter().zip(&lines) {
            let failed: Vec<&str> = record["checks"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|check| check["pass"] == false)
                .map(|check| check["check"].as_str().unwrap())
                .collect();
            let class = record["error"]["class"].as_str();
            let told = match (failed.first(), class) {
                (Some(check), _) => Some(*check),
                (None, class) => class,
            };
            // == and = are one.
            let wrong = wrong.map(|wrong| wrong.replace("==", "="));
            let told = told.map(|told| told.replace("==", "="));
            let is_it = |wrong: &String| told.as_ref().is_some_and(|told| told.starts_with(wrong));
            let holds = wrong.as_ref().is_none_or(is_it);
            assert!(holds && told.is_some() == wrong.is_some(), "{mode} {path} {checks}: {told:?}\n{record}");
        }
    }
}

#[test]
fn a_list_that_is_mended_is_exit_0() {
    let origin = origin();
    let right = lines().into_iter().filter(|(_, _, wrong)| wrong.is_none());
    let list: Vec<String> = right.map(|(path, checks, _)| format!("{} {checks}", origin.url(path))).collect();
    for mode in ["coroutines", "threads", "sync"] {
        let run = Greenfetch::new().args(["--mode", mode]).list(&list).spawn().finish();
        assert_eq!((run.status, run.stdout.lines().count()), (Some(0), list.len()), "{}", run.story);
    }
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
    assert_eq!(passes, [serde_json::Value::Null, serde_json::Value::Null], "{record}");
}
