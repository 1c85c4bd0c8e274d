//! Redirects: where they lead, where they must not, and what must not go with them (RFC 9110 §15.4, RFC 3986).
//!
//! Knows what each hop was asked with. Refuses to trust a Location.

use crate::support::Greenfetch;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::{Script, Steps as _};
use crate::support::table::Table;
use crate::support::wire::certificate;

fn quickly() -> Greenfetch {
    Greenfetch::new().args(["-m", "20"]).in_every_mode()
}

fn to(location: impl AsRef<[u8]>) -> Script {
    Script::redirect(302, location)
}

#[test]
fn a_relative_location_is_resolved_by_rfc_3986() {
    let origin = Origin::start()
        .script("/end", Script::ok("hello"))
        .script("/dir/end", Script::ok("in dir"))
        .script("/query?x=1", Script::ok("the query"));
    let (here, addr) = (origin.url("/end"), origin.addr());
    Table::new(origin)
        .row("/absolute", to(&here), "pass 5")
        .row("/path", to("/end"), "pass 5")
        .row("/name", to("end"), "pass 5")
        .row("/dir/dots", to("../end"), "pass 5")
        .row("/dir/name", to("end"), "pass 6")
        .row("/too-many-dots", to("/../../dir/./end"), "pass 6")
        .row("/query", Script::sequence([to("?x=1")]), "pass 9")
        .row("/authority", to(format!("//{addr}/end")), "pass 5")
        .row("/upper-case", to(here.replace("http:", "HTTP:")), "pass 5")
        .row("/fragment", to("/end#part"), "pass 5")
        .row("/301", Script::redirect(301, "/end"), "pass 5")
        .row("/303", Script::redirect(303, "/end"), "pass 5")
        .row("/307", Script::redirect(307, "/end"), "pass 5")
        .row("/308", Script::redirect(308, "/end"), "pass 5")
        .row(
            "/with-body",
            "HTTP/1.1 302 F\r\nLocation: /end\r\nContent-Length: 5\r\n\r\nmoved".keep_alive(),
            "pass 5",
        )
        .row("/endless-body", "HTTP/1.1 302 F\r\nLocation: /end\r\n\r\n".then_forever("x"), "pass 5")
        .run(quickly);
}

#[test]
fn only_http_and_https_are_ever_followed() {
    Table::new(Origin::start())
        .row("/file", to("file:///etc/passwd"), "redirect")
        .row("/ftp", to("ftp://127.0.0.1/"), "redirect")
        .row("/gopher", to("gopher://127.0.0.1/"), "redirect")
        .row("/javascript", to("javascript:alert(1)"), "redirect")
        .row("/data", to("data:text/plain,hello"), "redirect")
        .row("/bad-port", to("http://127.0.0.1:99999/"), "redirect")
        .row("/broken-bracket", to("http://[::1/"), "redirect")
        .row("/no-host", to("http://"), "redirect")
        .run(quickly);
}

/// What is neither clearly right nor clearly wrong may pass as a 3xx, be followed, or fail; it never reaches the wire raw.
#[test]
fn a_bad_location_never_reaches_a_request() {
    let origin = Origin::start().script("/gr%C3%BCn", Script::ok("green"));
    Table::new(origin)
        .row("/absent", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".keep_alive(), "redirect | pass 0")
        .row("/empty", to(""), "redirect")
        .row("/space", to("/a b"), "redirect | status")
        .row("/cr", to("/a\rX: injected"), "redirect | status | protocol")
        .row("/nul", to("/a\0b"), "redirect | protocol")
        .row("/escape", to("/\x1b[31m"), "redirect | status | protocol")
        .row("/encoded-crlf", to("/a%0d%0aX:%20injected"), "status | redirect")
        .row("/40-kb", to(format!("/{}", "x".repeat(40_000))), "status | redirect")
        .row("/latin-1", to(b"/gr\xfcn"), "status | redirect | protocol")
        .row("/utf-8", to("/grün"), "pass 5 | redirect")
        .run(quickly);
}

#[test]
fn hops_are_counted_and_loops_are_named() {
    let mut origin = Origin::start();
    for hop in 1..=11 {
        let next = if hop == 1 { "/end".to_owned() } else { format!("/down{}", hop - 1) };
        origin = origin.script(&format!("/down{hop}"), to(next));
    }
    let origin = origin.script("/end", Script::ok("hello")).script("/b", to("/a"));
    let (five, ten, eleven) = (origin.url("/down5"), origin.url("/down10"), origin.url("/down11"));
    Table::new(origin)
        .url(&five, "pass 5")
        .url(&ten, "pass 5")
        .url(&eleven, "redirect")
        .row("/self", to("/self"), "redirect")
        .row("/a", to("/b"), "redirect")
        .row("/ever-new", to("/ever-new?more"), "redirect")
        .run(quickly);
}

#[test]
fn no_redirects_make_the_3xx_the_answer() {
    Table::new(Origin::start())
        .row("/away", to("http://127.0.0.1:9/"), "pass 0")
        .row("/nowhere", to("file:///etc/passwd"), "pass 0")
        .run(|| quickly().args(["--max-redirs", "0"]));
}

#[test]
fn a_limit_of_hops_is_kept_exactly() {
    let origin = Origin::start().script("/2", to("/3")).script("/3", Script::ok("hello"));
    let two = origin.url("/2");
    Table::new(origin)
        .row("/1", to("/2"), "redirect")
        .url(&two, "pass 5")
        .run(|| quickly().args(["--max-redirs", "1"]));
}

#[test]
fn the_record_tells_the_way() {
    let origin = Origin::start()
        .script("/a", Script::redirect(301, "/b"))
        .script("/b", to("/c?d"))
        .script("/c", Script::ok("x"));
    let (a, b, end) = (origin.url("/a"), origin.url("/b"), origin.url("/c"));
    Greenfetch::new()
        .list([&a])
        .in_every_mode()
        .json(move |records| {
            let record = &records[0];
            assert_eq!(record["url"], *a);
            assert_eq!(record["url_effective"], format!("{end}?d"));
            assert_eq!(record["num_redirects"], 2);
            let hops =
                serde_json::json!([{"url": a, "response_code": 301}, {"url": b, "response_code": 302}]);
            assert_eq!(record["redirects"], hops);
            assert_eq!(record["response_code"], 200);
        })
        .stderr("")
        .status(0);
}

/// RFC 9110 §15.4: 301, 302 and 303 turn a POST into a GET without its body, 307 and 308 keep both.
#[test]
fn a_post_changes_as_the_status_says() {
    for (code, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let origin = Origin::start().script("/a", Script::redirect(code, "/b")).script("/b", Script::ok("x"));
        Greenfetch::new().args(["-d", "k=v"]).list([origin.url("/a")]).any_stdout().stderr("").status(0);
        assert!(
            origin.last_request("/a").starts_with("POST /a ") && origin.last_request("/a").ends_with("k=v")
        );
        let request = origin.last_request("/b");
        assert!(request.starts_with(&format!("{method} /b ")), "{code}: {request}");
        assert_eq!(request.ends_with("k=v"), method == "POST", "{code}: {request}");
        assert_eq!(
            request.contains("Content-Type") || request.contains("content-type"),
            method == "POST",
            "{code}"
        );
    }
}

const SECRETS: [&str; 6] =
    ["-u", "me:hunter2", "-H", "Cookie: id=hunter2", "-H", "Proxy-Authorization: Basic hunter2"];

/// The request as it came, in lower case, and whether a secret came with it.
fn has_secret(origin: &Origin, path: &str) -> bool {
    let request = origin.last_request(path).to_lowercase();
    ["authorization", "cookie", "hunter2"].iter().any(|word| request.contains(word))
}

#[test]
fn secrets_stay_with_their_origin() {
    let tls = TlsOrigin::start("localhost").script("/end", Script::ok("x"));
    let other_port = Origin::start().script("/end", Script::ok("x"));
    let origin = Origin::start().script("/end", Script::ok("x"));
    let other_host = origin.url_as("http", "a.localhost", "/end");
    let origin = origin
        .script("/same", to("/end"))
        .script("/port", to(other_port.url("/end")))
        .script("/host", to(other_host))
        .script("/scheme", to(tls.url("/end")));
    let ask = |path: &str| {
        let chain = Greenfetch::new().args(SECRETS).cacert(certificate("ca")).list([origin.url(path)]);
        chain.any_stdout().stderr_lacks("hunter2").status(0);
    };
    ask("/same");
    assert!(has_secret(&origin, "/end"), "the same origin is told");
    ask("/port");
    assert!(!has_secret(&other_port, "/end"), "another port is not");
    ask("/host");
    assert!(!has_secret(&origin, "/end"), "another host is not");
    ask("/scheme");
    assert!(!has_secret(&tls, "/end"), "another scheme is not");
}

#[test]
fn a_way_back_does_not_bring_secrets_back() {
    let other = Origin::start();
    let origin = Origin::start().script("/a", to(other.url("/b"))).script("/end", Script::ok("x"));
    let _other = other.script("/b", to(origin.url("/end")));
    Greenfetch::new().args(SECRETS).list([origin.url("/a")]).any_stdout().stderr("").status(0);
    assert!(has_secret(&origin, "/a"));
    assert!(!has_secret(&origin, "/end"), "what was dropped stays dropped");
}

#[test]
fn https_to_http_is_followed_without_secrets() {
    let plain = Origin::start().script("/end", Script::ok("hello"));
    let origin = TlsOrigin::start("localhost").script("/down", to(plain.url("/end")));
    Greenfetch::new()
        .args(SECRETS)
        .cacert(certificate("ca"))
        .list([origin.url("/down")])
        .in_every_mode()
        .stdout("5 bytes received from {tls}/down.\n")
        .stderr("")
        .status(0);
    assert!(has_secret(&origin, "/down") && !has_secret(&plain, "/end"));
}

#[test]
fn a_password_in_a_url_does_not_follow_it_and_is_not_shown() {
    let other = Origin::start().script("/end", Script::ok("x"));
    let origin = Origin::start().script("/a", to(other.url("/end"))).script("/b", Script::status(500));
    let with_password = |path: &str| origin.url(path).replace("http://", "http://me:hunter2@");
    Greenfetch::new()
        .list([with_password("/a"), with_password("/b")])
        .in_every_mode()
        .json(|records| {
            assert!(records.iter().all(|record| !record.to_string().contains("hunter2")), "{records:?}");
            assert!(
                records
                    .iter()
                    .all(|record| record["url"].as_str().is_some_and(|url| url.contains("me:***@")))
            );
        })
        .stderr_lacks("hunter2")
        .stderr_has("http://me:***@{addr}/b: status ")
        .status(1);
    assert!(origin.last_request("/a").contains("bWU6aHVudGVyMg=="), "it is sent where it belongs");
    assert!(!has_secret(&other, "/end"));
}

#[test]
fn every_hop_is_verified() {
    let bad = TlsOrigin::start("expired").script("/end", Script::ok("x"));
    Table::new(Origin::start())
        .row("/a", to(bad.url("/end")), "tls (tls)")
        .run(|| quickly().cacert(certificate("ca")));
}
