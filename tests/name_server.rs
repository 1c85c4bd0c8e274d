//! Names, as a name server of the test's own answers them: what each failure is called, and how often one is asked.
//!
//! Knows the system's resolver through the product. Refuses to ask any other server: each test has a network of its own.

use std::time::Duration;

use serde_json::Value;

use crate::support::name_server::{NameServer, Reply};
use crate::support::namespace::in_own_network;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script};
use crate::support::table::came_to;
use crate::support::{Greenfetch, PATIENCE};

/// The system's resolver waits 5 s for an answer, and asks again: here it does neither.
const IMPATIENT: &str = "timeout:1 attempts:1";

fn origin() -> Origin {
    Origin::start().script("/", Script::ok("hello"))
}

fn replies<const N: usize>(replies: [(&str, Reply); N]) -> impl Iterator<Item = (String, Reply)> {
    replies.into_iter().map(|(name, reply)| (name.to_owned(), reply))
}

#[test]
fn what_a_name_server_says_of_a_name_is_said_of_its_url_alone() {
    in_own_network(|| {
        let origin = origin();
        let _server = NameServer::start(replies([
            ("good.test", Reply::addrs("127.0.0.1")),
            ("nx.test", Reply::Code(3)),
            ("servfail.test", Reply::Code(2)),
            ("refused.test", Reply::Code(5)),
            ("nodata.test", Reply::addrs("")),
            ("loop.test", Reply::Alias("loop.test")),
            ("dangling.test", Reply::Alias("nx.test")),
            ("noise.test", Reply::Noise),
            ("silent.test", Reply::Silence),
            ("truncated.test", Reply::Truncated(Box::new(Reply::addrs("127.0.0.1")))),
        ]));
        let hosts = [
            "nx",
            "servfail",
            "refused",
            "nodata",
            "loop",
            "dangling",
            "noise",
            "silent",
            "truncated",
            "good",
        ];
        Greenfetch::new()
            .env("RES_OPTIONS", IMPATIENT)
            .args(["-m", "15"])
            .list(hosts.map(|host| origin.url_as("http", &format!("{host}.test"), "/")))
            .in_every_mode()
            .json(|records| {
                for record in &records[..8] {
                    assert_eq!(came_to(record), "dns (dns)", "{record}");
                    assert_eq!(record["exitcode"], 6, "{record}");
                    assert!(record["time_total"].as_f64().is_some_and(|time| time < 15.0), "{record}");
                }
                assert!(records[8..].iter().all(|record| came_to(record) == "pass 5"), "{records:?}");
            })
            .stderr_has("list:1: http://nx.test:{port}/: dns (dns): name or service not known (1 try, ")
            .stderr_has("list:4: http://nodata.test:{port}/: dns (dns): it has no address (1 try, ")
            .status(1);
    });
}

#[test]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    in_own_network(|| {
        let origin = origin();
        let server = NameServer::start(replies([(
            "long.test",
            Reply::Truncated(Box::new(Reply::addrs("127.0.0.1"))),
        )]));
        let url = origin.url_as("http", "long.test", "/");
        Greenfetch::new().list([url]).any_stdout().stderr("").status(0);
        assert!(server.asked_over_tcp() > 0);
    });
}

#[test]
fn a_name_server_that_is_silent_costs_what_the_limit_says_and_nobody_else() {
    in_own_network(|| {
        let origin = origin();
        let server = NameServer::start(replies([
            ("silent.test", Reply::Silence),
            ("good.test", Reply::addrs("127.0.0.1")),
        ]));
        let [silent, good] =
            ["silent", "good"].map(|host| origin.url_as("http", &format!("{host}.test"), "/"));
        Greenfetch::new()
            .args(["-m", "1"])
            .list([silent, good])
            .in_every_mode()
            .json(|records| {
                assert_eq!(came_to(&records[0]), "timeout (dns)");
                let took = records[0]["time_total"].as_f64().expect("a time");
                // The system's own limit is 10 s.
                assert!((0.9..5.0).contains(&took), "{took}");
                assert_eq!(came_to(&records[1]), "pass 5");
            })
            .any_stderr()
            .status(1);
        assert!(server.asked("silent.test").0 > 0);
    });
}

/// The server says nothing before it was asked for all of them.
#[test]
fn ten_slow_names_do_not_wait_for_each_other() {
    for mode in ["coroutines", "threads"] {
        in_own_network(move || {
            let gate = Gate::new();
            let names: Vec<String> = (0..10).map(|n| format!("slow-{n}.test")).collect();
            let slow = || Reply::Gated(gate.clone(), Box::new(Reply::addrs("127.0.0.1")));
            let origin = origin();
            let server = NameServer::start(names.iter().map(|name| (name.clone(), slow())));
            let urls = names.iter().map(|name| origin.url_as("http", name, "/"));
            // As long as the test itself is patient: no second question comes before.
            let patience = format!("timeout:{}", PATIENCE.as_secs());
            let running = Greenfetch::new()
                .env("RES_OPTIONS", patience)
                .args(["--mode", mode])
                .list(urls.chain([origin.url("/")]))
                .spawn();
            server.wait_for(&names);
            origin.wait_for_requests("/", 1);
            assert_eq!(origin.requests("/"), 1, "nobody else has an address yet");
            gate.open();
            let finished = running.finish();
            assert_eq!(finished.status, Some(0), "{}", finished.story);
            assert_eq!(finished.stdout.lines().count(), 11, "{}", finished.story);
            assert!(names.iter().all(|name| server.asked(name) == (1, 1)));
        });
    }
}

#[test]
fn a_name_is_asked_for_once_however_many_urls_have_it() {
    for mode in ["coroutines", "threads", "sync"] {
        in_own_network(move || {
            let origin = origin();
            let server = NameServer::start(replies([
                ("many.test", Reply::addrs("127.0.0.1")),
                ("dead.test", Reply::Code(3)),
            ]));
            let host = |n: usize| if n.is_multiple_of(2) { "many.test" } else { "dead.test" };
            let urls = (0..200).map(|n| origin.url_as("http", host(n), &format!("/?{n}")));
            Greenfetch::new()
                .args(["--mode", mode, "--per-host", "0"])
                .list(urls)
                .json(|records| {
                    let passed = records.iter().filter(|record| came_to(record) == "pass 5");
                    assert_eq!(passed.count(), 100);
                    let failed = records.iter().filter(|record| came_to(record) == "dns (dns)");
                    assert_eq!(failed.count(), 100);
                })
                .any_stderr()
                .status(1);
            assert_eq!(server.asked("many.test"), (1, 1), "{mode}");
            let (dead, _) = server.asked("dead.test");
            // It holds for half a second, and a busy machine may need more.
            assert!((1..=9).contains(&dead), "{mode}: asked {dead} times for a dead name");
        });
    }
}

/// Asked again and again until it passes: long before the minute for which an address would have held.
#[test]
fn a_name_that_was_not_there_is_soon_asked_for_again() {
    in_own_network(|| {
        let origin = origin();
        let late = Reply::Then(Box::new(Reply::Code(3)), Box::new(Reply::addrs("127.0.0.1")));
        let server = NameServer::start(replies([("late.test", late)]));
        let line = format!("{}\n", origin.url_as("http", "late.test", "/"));
        let mut running = Greenfetch::new().args(["--json"]).stdin_open().spawn();
        let began = std::time::Instant::now();
        let passed = std::iter::repeat_with(|| {
            running.write_stdin(&line);
            let record = running.next_stdout_line().expect("a record for each line");
            serde_json::from_str::<Value>(&record).expect("a record")
        });
        let mut passed = passed.take_while(|_| began.elapsed() < Duration::from_secs(40));
        assert!(passed.any(|record| came_to(&record) == "pass 5"), "never asked again");
        running.close_stdin();
        assert_eq!(running.finish().status, Some(1));
        assert_eq!(server.asked("late.test").0, 2, "once to fail, once to pass");
    });
}

#[test]
fn a_retry_asks_the_name_server_again() {
    in_own_network(|| {
        let origin = origin();
        let late = |n: usize| {
            let late = Reply::Then(Box::new(Reply::Code(2)), Box::new(Reply::addrs("127.0.0.1")));
            (format!("late{n}.test"), late)
        };
        let server = NameServer::start((0..3).map(late));
        for (n, mode) in ["coroutines", "threads", "sync"].iter().enumerate() {
            let url = origin.url_as("http", &format!("late{n}.test"), "/");
            Greenfetch::new()
                .env("RES_OPTIONS", IMPATIENT)
                .args(["--mode", mode, "--retry", "1", "--retry-delay", "1"])
                .list([url])
                .json(|records| assert_eq!(records[0]["num_retries"], 1))
                .stderr("")
                .status(0);
            assert!(server.asked(&format!("late{n}.test")).0 >= 2, "{mode}");
        }
    });
}

#[test]
fn the_second_address_is_tried_when_the_first_is_dead() {
    in_own_network(|| {
        let origin = origin();
        let _server =
            NameServer::start(replies([("two.test", Reply::addrs("127.0.0.9 127.0.0.8 127.0.0.1"))]));
        Greenfetch::new()
            .list([origin.url_as("http", "two.test", "/")])
            .in_every_mode()
            .json(|records| {
                assert_eq!(came_to(&records[0]), "pass 5");
                assert_eq!(records[0]["remote_ip"], "127.0.0.1");
            })
            .stderr("")
            .status(0);
    });
}

#[test]
fn a_name_server_that_is_silent_about_one_family_alone_is_no_failure() {
    in_own_network(|| {
        let origin = origin();
        let loopback = "127.0.0.1".parse().expect("an address");
        let _server = NameServer::start(replies([("half.test", Reply::Ipv4Alone(vec![loopback]))]));
        // The system would have waited for the other one beyond the limit of connecting.
        Greenfetch::new()
            .list([origin.url_as("http", "half.test", "/")])
            .in_every_mode()
            .json(|records| assert_eq!(came_to(&records[0]), "pass 5"))
            .stderr("")
            .status(0);
    });
}

#[test]
fn nobody_is_asked_what_is_not_needed() {
    in_own_network(|| {
        let origin = origin();
        let port = origin.addr().port();
        let server = NameServer::start(replies([
            ("four.test", Reply::addrs("127.0.0.1 ::1")),
            ("six.test", Reply::addrs("127.0.0.1 ::1")),
            ("four-only.test", Reply::addrs("127.0.0.1")),
        ]));
        let known = [
            origin.url("/"),
            origin.url_as("http", "localhost", "/"),
            origin.url_as("http", "a.localhost", "/"),
            origin.url_as("http", "given.test", "/"),
        ];
        let rule = format!("given.test:{port}:127.0.0.1");
        Greenfetch::new().args(["--resolve", &rule]).list(known).any_stdout().stderr("").status(0);
        assert_eq!(server.asked_in_all(), 0);

        let four = origin.url_as("http", "four.test", "/");
        Greenfetch::new().args(["-4"]).list([four]).any_stdout().stderr("").status(0);
        assert_eq!(server.asked("four.test"), (1, 0));

        let six = origin.url_as("http", "six.test", "/");
        Greenfetch::new()
            .args(["-6"])
            .list([six, origin.url_as("http", "four-only.test", "/")])
            .stdout("")
            .stderr_has("list:1: http://six.test:{port}/: connect (connect): [::1]:{port} refused")
            .stderr_has("list:2: http://four-only.test:{port}/: dns (dns): it has no IPv6 address (-6)")
            .status(1);
        assert_eq!(server.asked("six.test"), (0, 1));
        assert_eq!(server.asked("four-only.test"), (0, 1));
    });
}
