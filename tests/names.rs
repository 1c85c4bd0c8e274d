//! Names and where they lead, without asking a name server: nothing here leaves the machine.
//!
//! Knows `--resolve`, `-4`, `-6` and the loopback's own names. Refuses to look up a name that could be somebody's.

use std::net::{IpAddr, Ipv6Addr, TcpListener};

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::Script;
use crate::support::table::came_to;

fn origin() -> Origin {
    Origin::start().script("/", Script::ok("hello"))
}

fn has_ipv6() -> bool {
    TcpListener::bind((IpAddr::V6(Ipv6Addr::LOCALHOST), 0)).is_ok()
}

#[test]
fn names_below_localhost_are_the_loopback() {
    let origin = origin();
    let hosts = ["localhost", "a.localhost", "b.c.LOCALHOST", "localhost."];
    Greenfetch::new()
        .list(hosts.map(|host| origin.url_as("http", host, "/")))
        .in_every_mode()
        .json(|records| {
            for record in records {
                assert_eq!(came_to(&record), "pass 5", "{record}");
                assert_eq!(record["remote_ip"], "127.0.0.1");
            }
        })
        .stderr("")
        .status(0);
}

#[test]
fn resolve_answers_in_place_of_a_name_server() {
    let origin = origin();
    let port = origin.addr().port();
    for rule in [
        format!("shop.test:{port}:127.0.0.1"),
        format!("*:{port}:127.0.0.1"),
        format!("SHOP.test:{port}:127.0.0.1"),
    ] {
        Greenfetch::new()
            .args(["--resolve", &rule])
            .list([origin.url_as("http", "shop.test", "/")])
            .in_every_mode()
            .stdout("5 bytes received from http://shop.test:{port}/.\n")
            .stderr("")
            .status(0);
        assert!(origin.last_request("/").to_lowercase().contains(&format!("host: shop.test:{port}\r\n")));
    }
}

#[test]
fn a_family_that_is_asked_for_is_kept_to() {
    let origin = origin();
    let url = origin.url_as("http", "a.localhost", "/");
    Greenfetch::new().args(["-4"]).list([&url]).in_every_mode().any_stdout().stderr("").status(0);
    if has_ipv6() {
        Greenfetch::new()
            .args(["-6"])
            .list([&url])
            .in_every_mode()
            .stdout("")
            .stderr_has("list:1: http://a.localhost:{port}/: connect (connect): ")
            .status(1);
    }
    Greenfetch::new()
        .args(["-6"])
        .list([origin.url("/")])
        .in_every_mode()
        .json(|records| {
            let class = &records[0]["error"]["class"];
            assert!(class == "connect" || class == "dns", "{}", records[0]);
        })
        .any_stderr()
        .status(1);
}

#[test]
fn a_name_that_cannot_be_one_is_a_failure_of_its_url_alone() {
    let origin = origin();
    let long_label = format!("http://{}.localhost.test/", "a".repeat(64));
    let long_name = format!("http://{}test/", "abc.".repeat(70));
    // The system's resolver refuses the first three by itself, and the fourth is no URL: nobody is asked.
    assert!(url::Url::parse("http://xn--0.test/").is_err(), "it would be looked up");
    let urls = [
        long_label,
        long_name,
        "http://a..test/".to_owned(),
        "http://xn--0.test/".to_owned(),
        // That these are the loopback's makes them no better.
        origin.url_as("http", &format!("{}.localhost", "a".repeat(64)), "/"),
        origin.url_as("http", &format!("{}localhost", "abc.".repeat(70)), "/"),
        origin.url_as("http", "a..localhost", "/"),
        origin.url("/"),
        origin.url_as("http", &format!("{}.localhost.", "a".repeat(63)), "/"),
    ];
    Greenfetch::new()
        .args(["-m", "20"])
        .list(&urls)
        .in_every_mode()
        .json(|records| {
            let is_name =
                |record: &Value| record["error"]["class"] == "dns" || record["error"]["class"] == "url";
            assert!(records[..7].iter().all(is_name), "{records:?}");
            assert_eq!([came_to(&records[7]), came_to(&records[8])], ["pass 5", "pass 5"]);
        })
        .any_stderr()
        .status(1);
}

#[test]
fn a_name_in_another_script_is_asked_for_in_its_ascii_form() {
    let origin = origin();
    let port = origin.addr().port();
    Greenfetch::new()
        .args(["--resolve", &format!("xn--bcher-kva.test:{port}:127.0.0.1")])
        .list([origin.url_as("http", "bücher.test", "/")])
        .in_every_mode()
        .stdout("5 bytes received from http://bücher.test:{port}/.\n")
        .stderr("")
        .status(0);
    assert!(origin.last_request("/").to_lowercase().contains("host: xn--bcher-kva.test:"));
}
