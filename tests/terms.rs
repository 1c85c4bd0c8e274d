//! Requests of one run whose terms differ: each has its own, whatever connections the ones before left behind.
//!
//! Knows the library's client. Refuses to know how a list says such terms.

use std::sync::Arc;

use greenfetch::config::{Config, Connection};
use greenfetch::http::{Client, Fetch as _};
use greenfetch::request::{Request, Resolve};

use crate::support::engine::{MODES, Run};
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::Script;
use crate::support::wire::certificate;

/// What came of these URLs, one after another over one client, in every mode: `/path pass` or why not.
fn told(urls: &[&str], terms: fn(&mut Request)) -> Vec<String> {
    let mut all = MODES.map(|mode| {
        let table = |runtime: &_| {
            let connection = Connection { cacert: Some(certificate("ca")), ..Connection::default() };
            let config = Config { connection, ..Config::default() };
            let client = Client::new(&config, runtime).expect("a root");
            move |request: &Request, slot: &Arc<_>| {
                let mut request = request.clone();
                terms(&mut request);
                client.fetch(&request, slot, None).failure.map_or(Ok(()), Err)
            }
        };
        Run::new(mode, 1).start(urls, table).finish().told()
    });
    assert!(all.iter().all(|told| *told == all[0]), "{all:?}");
    std::mem::take(&mut all[0])
}

#[test]
fn two_addresses_of_one_name_are_two_servers() {
    let one = Origin::start().script("/one", Script::ok("1"));
    let two = Origin::start_beside(&one).script("/two", Script::ok("2"));
    let urls = ["/one", "/two", "/one", "/two"].map(|path| one.url_as("http", "shop.test", path));
    let told = told(&urls.each_ref().map(String::as_str), |request| {
        let last = if request.url.path() == "/one" { 1 } else { 2 };
        let entry = Resolve { host: "shop.test".to_owned(), port: 0, addrs: vec![[127, 0, 0, last].into()] };
        let port = request.url.place().port().expect("a port");
        request.resolve = Arc::from([Resolve { port, ..entry }]);
    });
    assert_eq!(told, ["/one pass", "/two pass", "/one pass", "/two pass"]);
    // A run in each mode, in which both came back to their own connection.
    assert_eq!((one.connections(), two.connections()), (3, 3));
}

#[test]
fn who_verifies_does_not_use_what_was_not_verified() {
    let origin = TlsOrigin::start("expired").script("/trusting", Script::ok("x"));
    let urls = ["/trusting", "/verifying", "/trusting", "/verifying"].map(|path| origin.url(path));
    let told = told(&urls.each_ref().map(String::as_str), |request| {
        request.insecure = request.url.path() == "/trusting";
    });
    let refused = "/verifying tls (tls): the certificate has expired, on 2021-01-01 00:00 UTC";
    assert_eq!(told, ["/trusting pass", refused, "/trusting pass", refused]);
    assert_eq!(origin.requests("/verifying"), 0);
}

#[test]
fn codings_are_asked_for_by_who_wants_them_alone() {
    let origin = Origin::start().script("/plain", Script::ok("x")).script("/coded", Script::ok("x"));
    let urls = ["/plain", "/coded", "/plain", "/coded"].map(|path| origin.url(path));
    let told = told(&urls.each_ref().map(String::as_str), |request| {
        request.compressed = request.url.path() == "/coded";
    });
    assert_eq!(told, ["/plain pass", "/coded pass", "/plain pass", "/coded pass"]);
    let asks = |path: &str| origin.last_request(path).to_lowercase().contains("accept-encoding: gzip");
    assert!(asks("/coded") && !asks("/plain"));
    assert_eq!(origin.connections(), 3, "a connection serves both");
}
