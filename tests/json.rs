//! The record of `--json`: its fields, their types, and what is null.
//!
//! Knows the contract's table. Refuses to know more of a value than the contract says.

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

/// Every field of every record, whatever came of it.
const FIELDS: [&str; 52] = [
    "type",
    "schema_version",
    "run_id",
    "urlnum",
    "source",
    "line",
    "name",
    "tags",
    "host",
    "url",
    "url_effective",
    "method",
    "outcome",
    "soft",
    "error",
    "exitcode",
    "errormsg",
    "response_code",
    "http_version",
    "scheme",
    "content_type",
    "size_download",
    "size_delivered",
    "size_header",
    "size_upload",
    "remote_ip",
    "remote_port",
    "local_ip",
    "local_port",
    "num_connects",
    "num_redirects",
    "redirects",
    "num_retries",
    "attempts",
    "round",
    "time_queue",
    "time_namelookup",
    "time_connect",
    "time_appconnect",
    "time_pretransfer",
    "time_starttransfer",
    "time_total",
    "time_redirect",
    "phases",
    "started_at",
    "t_start",
    "t_end",
    "checks",
    "tls",
    "sha256",
    "filename_effective",
    "mode",
];

fn origin() -> Origin {
    Origin::start()
        .script(
            "/ok",
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello".keep_alive(),
        )
        .script("/short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".then_fin())
        .script("/silent", Script::nothing().then_hang())
}

#[test]
fn every_record_has_every_field() {
    let origin = origin();
    let urls = [origin.url("/ok"), origin.url("/404"), origin.url("/short"), "nonsense".to_owned()];
    Greenfetch::new()
        .list(urls)
        .in_every_mode()
        .json(|records| {
            assert_eq!(records.len(), 4);
            for record in &records {
                let missing: Vec<_> = FIELDS.iter().filter(|field| record.get(**field).is_none()).collect();
                assert!(missing.is_empty(), "{missing:?} of {record}");
                assert_eq!(record["type"], "result");
                assert_eq!(record["schema_version"], 1);
                assert_eq!(record["run_id"], records[0]["run_id"]);
                assert_eq!(record["soft"], false);
            }
        })
        .any_stderr()
        .status(1);
}

#[test]
fn the_record_of_a_pass() {
    let origin = origin();
    let (url, port) = (origin.url("/ok"), origin.addr().port());
    Greenfetch::new()
        .list([&url])
        .in_every_mode()
        .json(move |records| {
            let record = &records[0];
            for (field, value) in [
                ("url", Value::from(url.as_str())),
                ("url_effective", Value::from(url.as_str())),
                ("host", "127.0.0.1".into()),
                ("source", "list".into()),
                ("line", 1.into()),
                ("method", "GET".into()),
                ("outcome", "pass".into()),
                ("error", Value::Null),
                ("exitcode", 0.into()),
                ("response_code", 200.into()),
                ("http_version", "1.1".into()),
                ("content_type", "text/plain".into()),
                ("size_download", 5.into()),
                ("size_delivered", 5.into()),
                ("size_upload", 0.into()),
                ("remote_ip", "127.0.0.1".into()),
                ("remote_port", port.into()),
                ("num_connects", 1.into()),
                ("num_redirects", 0.into()),
                ("num_retries", 0.into()),
                ("tls", Value::Null),
            ] {
                assert_eq!(record[field], value, "{field} of {record}");
            }
            assert_eq!(record["scheme"].as_str().map(str::to_lowercase).as_deref(), Some("http"));
            assert_eq!(record["size_header"], 64);
            assert_times(record);
        })
        .stderr("")
        .status(0);
}

/// Marks are cumulative; the phases add up to the total.
fn assert_times(record: &Value) {
    let marks = ["namelookup", "connect", "pretransfer", "starttransfer", "total"];
    let mark = |name: &str| record[format!("time_{name}")].as_f64().expect(name);
    let marks = marks.map(mark);
    assert!(marks.is_sorted() && marks[0] >= 0.0, "{marks:?} of {record}");
    let phases = record["phases"].as_object().expect("an object");
    let sum: f64 = phases.values().filter_map(Value::as_f64).sum();
    assert!((sum - marks[4]).abs() < 0.001, "the phases add up to {sum}: {record}");
    let names: Vec<_> = phases.keys().map(String::as_str).collect();
    for phase in ["dns", "connect", "tls", "send", "wait", "receive", "check", "write", "backoff"] {
        assert!(names.contains(&phase), "{phase} of {names:?}");
    }
    let lasted = record["t_end"].as_f64().zip(record["t_start"].as_f64()).map(|(end, start)| end - start);
    assert!(lasted.is_some_and(|lasted| (lasted - marks[4]).abs() < 0.001), "{record}");
    let date = record["started_at"].as_str().expect("a date");
    assert!(date.len() >= 20 && date.as_bytes()[10] == b'T' && date.ends_with('Z'), "{date}");
}

#[test]
fn the_record_of_a_failure() {
    let origin = origin();
    Greenfetch::new()
        .list([origin.url("/404"), origin.url("/short"), "nonsense".to_owned()])
        .in_every_mode()
        .json(|records| {
            let [status, short, none] = records.as_slice() else { panic!("three records") };
            assert_eq!(status["response_code"], 404);
            assert_eq!(status["error"]["class"], "status");
            assert_eq!(status["exitcode"], 22);
            assert_eq!(short["error"]["class"], "closed");
            assert_eq!(short["error"]["phase"], "receive");
            assert_eq!(short["size_download"], 5);
            assert_eq!(short["exitcode"], 18);
            assert_eq!(none["error"]["class"], "url");
            assert_eq!(none["exitcode"], 3);
            for field in ["response_code", "http_version", "remote_ip", "time_connect", "time_starttransfer"]
            {
                assert_eq!(none[field], Value::Null, "{field}");
            }
            for record in &records {
                assert_eq!(record["outcome"], "fail");
                assert_eq!(record["error"]["tried"], Value::Array(Vec::new()));
                assert!(record["error"]["message"].as_str().is_some_and(|text| !text.is_empty()));
                assert!(record["errormsg"].as_str().is_some_and(|text| !text.is_empty()));
            }
        })
        .any_stderr()
        .status(1);
}

#[test]
fn a_mark_that_was_never_reached_is_null() {
    let origin = origin();
    Greenfetch::new()
        .args(["-m", "0.5"])
        .list([origin.url("/silent")])
        .in_every_mode()
        .json(|records| {
            let record = &records[0];
            assert_eq!(record["error"]["class"], "timeout");
            assert_eq!(record["exitcode"], 28);
            assert!(record["time_connect"].is_number(), "{record}");
            assert!(record["time_starttransfer"].is_null(), "{record}");
            assert!(record["phases"]["receive"].is_null(), "{record}");
            assert!(record["phases"]["wait"].as_f64() > Some(0.3), "{record}");
        })
        .any_stderr()
        .status(1);
}

#[test]
fn the_request_goes_out_as_the_options_say() {
    let origin = origin();
    Greenfetch::new()
        .args(["-X", "PATCH", "-d", "a=b", "-d", "c=d", "-A", "me/1", "-H", "X-One: 1", "-H", "X-None;"])
        .list([origin.url("/ok")])
        .json(|records| {
            assert_eq!(records[0]["method"], "PATCH");
            assert_eq!(records[0]["size_upload"], 7);
        })
        .stderr("")
        .status(0);
    let request = origin.last_request("/ok");
    let lower = request.to_lowercase();
    assert!(
        request.starts_with("PATCH /ok HTTP/1.1\r\n") && request.ends_with("\r\n\r\na=b&c=d"),
        "{request}"
    );
    for line in [
        "\r\nuser-agent: me/1\r\n",
        "\r\nx-one: 1\r\n",
        "\r\ncontent-type: application/x-www-form-urlencoded\r\n",
        "\r\ncontent-length: 7\r\n",
    ] {
        assert_eq!(lower.matches(line).count(), 1, "{line:?} of {request}");
    }
    assert!(lower.contains("\r\nx-none:"), "{request}");
}

#[test]
fn a_header_of_ours_can_be_replaced_or_left_out() {
    let origin = origin();
    let ask = |args: &[&str]| {
        Greenfetch::new()
            .args(args.iter().copied())
            .list([origin.url("/ok")])
            .any_stdout()
            .stderr("")
            .status(0);
        origin.last_request("/ok").to_lowercase()
    };
    let plain = ask(&[]);
    let agent = format!("\r\nuser-agent: greenfetch/{}\r\n", env!("CARGO_PKG_VERSION"));
    assert!(plain.contains(&agent) && plain.contains("\r\nhost: 127.0.0.1:"), "{plain}");
    assert!(!plain.contains("accept-encoding: gzip"), "the count is the file's: {plain}");
    assert!(!ask(&["-H", "User-Agent:"]).contains("user-agent"));
    assert!(!ask(&["-A", ""]).contains("user-agent"));
    let host = ask(&["-H", "Host: other.test"]);
    assert!(host.contains("\r\nhost: other.test\r\n") && host.matches("\r\nhost:").count() == 1, "{host}");
    assert!(ask(&["-u", "me:hunter2"]).contains("\r\nauthorization: basic bwu6ahvudgvymg==\r\n"));
    assert!(ask(&["-I"]).starts_with("head /ok "));
}

#[test]
fn headers_are_in_the_record_when_they_are_asked_for_and_secrets_are_not() {
    let head = "HTTP/1.1 200 OK\r\nVia: a\r\nvia: b\r\nSet-Cookie: sid=hunter2\r\n";
    let origin = Origin::start().script("/", head.then("Content-Length: 1\r\n\r\nx").keep_alive());
    let asked = |args: &[&str], judge: fn(Vec<Value>)| {
        let args = ["--json"].iter().chain(args).copied();
        Greenfetch::new().list([origin.url("/")]).args(args).in_every_mode().json(judge).stderr("").status(0);
    };
    asked(&[], |records| assert_eq!(records[0]["headers"], Value::Null));
    asked(&["--headers"], |records| {
        let headers = &records[0]["headers"];
        assert_eq!(headers["via"], serde_json::json!(["a", "b"]));
        assert_eq!(headers["set-cookie"], serde_json::json!(["***"]));
        assert_eq!(headers["content-length"], serde_json::json!(["1"]));
        assert!(!records[0].to_string().contains("hunter2"));
    });
}
