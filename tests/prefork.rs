//! `--processes N`: the same outcomes as with one, every limit over all of them, and what becomes of those that die.
//!
//! Knows the processes of a run by their numbers, from outside. Refuses to know what they say to each other.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::modes::{differing_origin, settled};
use crate::save::{folder, names, wait_for};
use crate::support::Greenfetch;
use crate::support::expectation::parse_records;
use crate::support::listeners::refused_addr;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::preload::Preload;
use crate::support::running::Running;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::sys;
use crate::support::wire::certificate;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The modes that have more than one process.
const MODES: [&str; 2] = ["coroutines", "threads"];

/// An answer at `/held` that waits for the gate, and one at `/ok` that does not.
fn held(gate: &Gate) -> Origin {
    let held = Script::nothing().wait_for(gate).then(OK).then_fin();
    Origin::start().script("/held", held).script("/ok", Script::ok("hello"))
}

fn records(chain: Greenfetch) -> (Option<i32>, Vec<Value>) {
    let finished = chain.args(["--json"]).spawn().finish();
    let mut records = parse_records(&finished.stdout);
    records.sort_by_key(|record| record["urlnum"].as_u64());
    (finished.status, records)
}

#[test]
fn the_record_is_the_same_as_with_one_process() {
    let (origin, tls) = (differing_origin(), TlsOrigin::start("expired"));
    let paths = ["/ok", "/large", "/moved", "/loop", "/short", "/noise", "/503", "/404"];
    let mut lines: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
    lines.extend([format!("http://{}/", refused_addr()), tls.url("/"), "nonsense".to_owned()]);
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    lines.push(format!(
        "POST {} name=x body*=ell body~=l+o$ sha256={digest} !header.x data=\"a b\"",
        origin.url("/ok")
    ));
    lines.push(format!("{} soft json.$.a==1 tls-days>=1 header=X:y max-time=77s", origin.url("/ok")));
    for mode in MODES {
        let chain = |processes: &str| {
            let args = ["--mode", mode, "--headers", "--processes", processes];
            records(Greenfetch::new().args(args).cacert(certificate("ca")).list(&lines))
        };
        let (one, several) = (chain("1"), chain("3"));
        assert_eq!((one.0, several.0), (Some(1), Some(1)));
        assert_eq!(one.1.len(), lines.len());
        for (one, other) in one.1.into_iter().zip(several.1) {
            assert!(other["phases"]["send"].is_null() || other["time_total"].as_f64() > Some(0.0), "{other}");
            assert_eq!(settled(one), settled(other));
        }
    }
}

#[test]
fn limits_hold_for_all_processes_together() {
    for (args, most) in [(&["-j", "4"][..], 4), (&["-j", "20", "--per-host", "3"], 3)] {
        for mode in MODES {
            let gate = Gate::new();
            let origin = held(&gate);
            let list = (0..30).map(|_| origin.url("/held"));
            let chain =
                Greenfetch::new().args(["--mode", mode, "--processes", "3"]).args(args.iter().copied());
            let running = chain.list(list).spawn();
            origin.wait_for_requests("/held", most);
            gate.open();
            let finished = running.finish();
            assert_eq!(finished.status, Some(0), "{}", finished.story);
            assert_eq!(finished.stdout.lines().count(), 30, "{}", finished.story);
            assert_eq!(origin.most_in_flight(), most, "{}", finished.story);
        }
    }
}

#[test]
fn a_failure_ends_the_run_in_all_processes() {
    let gate = Gate::new();
    let origin =
        held(&gate).script("/bad", Script::nothing().wait_for(&gate).then("noise\r\n\r\n").then_fin());
    let origin = origin.script("/silent", Script::nothing().then_hang());
    let list = ["/silent", "/silent", "/silent", "/silent", "/bad"].map(|path| origin.url(path));
    let running =
        Greenfetch::new().args(["--processes", "2", "--fail-fast", "-m", "0", "--json"]).list(list).spawn();
    origin.wait_for_requests("/silent", 4);
    gate.open();
    let finished = running.finish();
    assert_eq!(finished.status, Some(1), "{}", finished.story);
    let records = parse_records(&finished.stdout);
    let count = |outcome: &str| records.iter().filter(|record| record["outcome"] == outcome).count();
    assert_eq!((count("fail"), count("cancelled")), (1, 4), "{}", finished.story);
    let waits = records.iter().filter(|record| record["error"]["phase"] == "wait");
    assert_eq!(waits.count(), 4, "each says where it was: {}", finished.story);
}

#[test]
fn a_deadline_ends_all_processes_and_says_where_each_url_was() {
    let origin = Origin::start().script("/silent", Script::nothing().then_hang());
    Greenfetch::new()
        .args(["--processes", "2", "--deadline", "1", "-m", "0"])
        .list((0..4).map(|_| origin.url("/silent")))
        .stdout("")
        .stderr_has("cancelled (wait): the run's 1 s are over (--deadline)")
        .stderr_has("4 URLs unfinished")
        .status(124);
}

/// Where a run has processes, and all of its requests are on the way.
fn running(origin: &Origin, n: usize, args: &[&str]) -> Running {
    let chain = Greenfetch::new().args(["--processes", "2", "-m", "0", "--json"]).args(args.iter().copied());
    let before = origin.requests("/held");
    let running = chain.list((0..n).map(|_| origin.url("/held"))).spawn();
    origin.wait_for_requests("/held", before + n);
    running
}

/// Whether a process has not ended.
pub(crate) fn is_there(process: u32) -> bool {
    // One that has ended and was not waited for has a command line without a word in it.
    fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|words| !words.is_empty())
}

#[test]
fn what_a_killed_process_had_in_hand_is_one_failure_each_and_the_rest_goes_on() {
    for mode in MODES {
        let gate = Gate::new();
        let origin = held(&gate);
        let mut running = running(&origin, 12, &["--mode", mode]);
        sys::kill(running.children()[0], libc::SIGKILL);
        // What it had is told while the others still wait.
        let first = running.next_stdout_line().expect("a record");
        assert!(first.contains("\"class\":\"internal\""), "{first}");
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(101), "{}", finished.story);
        let mut records = parse_records(&finished.stdout);
        assert_eq!(records.len(), 12, "{}", finished.story);
        records.dedup_by_key(|record| record["urlnum"].as_u64());
        assert_eq!(records.len(), 12, "none is told twice: {}", finished.story);
        let (passed, lost): (Vec<&Value>, Vec<&Value>) =
            records.iter().partition(|record| record["outcome"] == "pass");
        assert!(passed.len() >= 4 && lost.len() >= 4, "{}", finished.story);
        for lost in lost {
            assert_eq!(lost["error"]["class"], "internal");
            assert_eq!(lost["error"]["message"], "the process that fetched it was ended by signal 9");
        }
    }
}

#[test]
fn what_was_lost_is_asked_for_again_by_another_process_where_it_may_be() {
    for mode in MODES {
        let gate = Gate::new();
        let origin = held(&gate);
        let retry = ["--mode", mode, "--retry", "2", "--retry-delay", "0", "--retry-on", "dns"];
        let run = running(&origin, 6, &retry);
        run.children().into_iter().for_each(|process| sys::kill(process, libc::SIGKILL));
        origin.wait_for_requests("/held", 12);
        gate.open();
        let finished = run.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        let records = parse_records(&finished.stdout);
        assert_eq!(records.len(), 6, "{}", finished.story);
        for record in &records {
            // Those that went to the other one at once were lost twice.
            let attempts = record["attempts"].as_array().unwrap();
            let (last, before) = attempts.split_last().unwrap();
            assert!(last["class"].is_null() && !before.is_empty(), "{}", finished.story);
            assert!(before.iter().all(|attempt| attempt["class"] == "internal"), "{}", finished.story);
        }

        let (gate, again) = (Gate::new(), ["--mode", mode, "--until-pass", "60s"]);
        let origin = held(&gate);
        let run = running(&origin, 6, &again);
        sys::kill(run.children()[0], libc::SIGKILL);
        gate.open();
        let finished = run.finish();
        assert_eq!(finished.status, Some(0), "another round has them all pass: {}", finished.story);

        let origin = held(&Gate::new());
        let posted = running(&origin, 2, &[&retry[..], &["-X", "POST"]].concat());
        posted.children().into_iter().for_each(|process| sys::kill(process, libc::SIGKILL));
        let finished = posted.finish();
        assert_eq!((finished.status, origin.requests("/held")), (Some(101), 2), "{}", finished.story);
    }
}

#[test]
fn processes_that_never_come_to_anything_are_given_up() {
    let origin = held(&Gate::new());
    let list = (0..20).map(|_| origin.url("/held"));
    let running = Greenfetch::new().args(["--processes", "2", "-j", "2", "-m", "0"]).list(list).spawn();
    origin.wait_for_requests("/held", 2);
    // Whoever is there is killed as soon as it is there.
    while !running.has_said("in a row") && !running.is_silent() {
        running.children().into_iter().for_each(|process| sys::kill_if_there(process, libc::SIGKILL));
    }
    let finished = running.finish();
    assert_eq!(finished.status, Some(101), "{}", finished.story);
    assert_eq!(finished.stderr.lines().count(), 20, "{}", finished.story);
    assert!(
        finished.stderr.contains("3 processes in a row came to nothing, the last one: "),
        "{}",
        finished.story
    );
}

#[test]
fn a_signal_cancels_what_all_processes_have_in_hand_and_leaves_none_behind() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        for mode in MODES {
            let origin = held(&Gate::new());
            let running = running(&origin, 6, &["--mode", mode]);
            let processes = running.children();
            assert_eq!(processes.len(), 2);
            running.signal(signal);
            let finished = running.finish();
            assert_eq!(finished.signal, Some(signal), "{}", finished.story);
            let records = parse_records(&finished.stdout);
            let cancelled = records.iter().filter(|record| record["outcome"] == "cancelled");
            assert_eq!((records.len(), cancelled.count()), (6, 6), "{}", finished.story);
            assert!(!processes.into_iter().any(is_there), "{}", finished.story);
        }
    }
}

#[test]
fn a_process_that_stands_still_holds_no_run_that_is_to_end() {
    let origin = held(&Gate::new());
    let running = running(&origin, 4, &[]);
    let processes = running.children();
    sys::stop(processes[0]);
    running.signal(libc::SIGINT);
    let finished = running.finish();
    assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
    assert_eq!(parse_records(&finished.stdout).len(), 4, "{}", finished.story);
    assert!(!processes.into_iter().any(is_there));
}

/// How many connections a process has.
fn sockets(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fd")).expect("it runs");
    let links = files.flatten().flat_map(|file| fs::read_link(file.path()));
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// While it is blocked it says so by no word of its worker; who asks is told by the run, with the URL as the list has it.
#[test]
fn a_process_that_stands_still_past_a_limit_of_time_is_replaced() {
    for (mode, retry) in [(MODES[0], "5"), (MODES[1], "0")] {
        let gate = Gate::new();
        let origin = held(&gate);
        let args =
            ["--processes", "2", "-m", "2", "--json", "--mode", mode, "--retry", retry, "--retry-delay", "0"];
        let running = Greenfetch::new().args(args).list((0..12).map(|_| origin.url("/held"))).spawn();
        origin.wait_for_requests("/held", 12);
        // One of them may have been ready late, and have little in hand.
        let busiest = running.children().into_iter().max_by_key(|process| sockets(*process));
        let busiest = busiest.expect("two processes");
        sys::stop(busiest);
        gate.open();
        let finished = running.finish();
        let records = parse_records(&finished.stdout);
        let lost = records.iter().filter(|record| record["outcome"] != "pass" || record["num_retries"] != 0);
        let lost: Vec<&Value> = lost.collect();
        assert_eq!(finished.status, Some(if retry == "0" { 101 } else { 0 }), "{}", finished.story);
        assert!(records.len() == 12 && lost.len() >= 4, "{}", finished.story);
        for record in lost {
            assert_eq!(record["attempts"][0]["class"], "internal", "{}", finished.story);
            let message = record["error"]["message"].as_str();
            let wanted = (retry == "0").then_some("the process that fetched it stood still and was ended");
            assert_eq!(message, wanted, "{}", finished.story);
        }
    }
}

#[test]
fn a_worker_that_stands_still_in_a_process_is_told_while_it_does_and_in_the_summary() {
    let (gate, library) = (Gate::new(), Preload::make("blocking_call"));
    let answer = "HTTP/1.1 200 OK\r\nX-Block: yes\r\nContent-Length: 2\r\n\r\nok";
    let script = Script::nothing().wait_for(&gate).then(answer).then_fin();
    let origin = Origin::start().script("/blocks", script).script("/ok", Script::ok("hello"));
    let chain = Greenfetch::new().env("LD_PRELOAD", library.path()).with_summary();
    let chain = chain.args(["--processes", "2", "-m", "0"]);
    let running = chain.list([origin.url("/ok"), origin.url("/blocks")]).spawn();
    origin.wait_for_requests("/blocks", 1);
    let fifo = running.dir().join("blocked");
    sys::make_fifo(&fifo);
    gate.open();
    let at = format!(" by a call of the system, at {} (", origin.url("/blocks"));
    for time in 1.. {
        running.signal(libc::SIGUSR1);
        running.wait_for_stderr_times(" unfinished: ", time);
        if running.has_said(&at) {
            break;
        }
    }
    let processes = running.children();
    // Who waits to read goes on.
    drop(fs::OpenOptions::new().write(true).open(&fifo).expect("a reader is there"));
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
    let named = |before: &str, after: &str| {
        let of = |process: &u32| finished.stderr.contains(&format!("{before}{process}{after}"));
        processes.iter().filter(|process| of(process)).count()
    };
    assert_eq!(named("nobody goes on in process ", ": its worker is blocked for "), 1, "{}", finished.story);
    assert_eq!(named("\nthe worker of process ", " was blocked for "), 1, "{}", finished.story);
    let summary = finished.stderr.split("2 passed; ").nth(1).expect("a summary");
    assert!(summary.contains(&at), "{}", finished.story);
}

#[test]
fn processes_end_with_the_run_though_that_is_killed() {
    let origin = Origin::start().script("/held", Script::nothing().then_hang());
    let running = running(&origin, 4, &[]);
    running.signal(libc::SIGKILL);
    origin.wait_for_departures(4);
    assert_eq!(running.finish().signal, Some(libc::SIGKILL));
}

#[test]
fn usr1_tells_where_urls_are_that_other_processes_have_in_hand() {
    for mode in MODES {
        let gate = Gate::new();
        let origin = held(&gate);
        let running = running(&origin, 3, &["--mode", mode]);
        // It may be asked before it was told.
        for time in 1.. {
            running.signal(libc::SIGUSR1);
            running.wait_for_stderr_times("3 URLs unfinished", time);
            if running.has_said("wait 3") {
                break;
            }
        }
        gate.open();
        assert_eq!(running.finish().status, Some(0));
    }
}

#[test]
fn no_secret_is_on_a_command_line_or_in_an_environment() {
    let gate = Gate::new();
    let origin = held(&gate);
    let url = origin.url("/held").replace("http://", "http://me:hunter2@");
    let chain = Greenfetch::new().env("TOKEN", "hunter3").args(["--processes", "2", "-H", "X: hunter4"]);
    let chain = chain.list([format!("{url} header=\"A: ${{TOKEN}}\""), url]);
    let running = chain.spawn();
    origin.wait_for_requests("/held", 2);
    let asked = origin.last_request("/held");
    assert!(asked.contains("authorization: Basic ") && asked.contains("hunter4"), "{asked}");
    for process in running.children() {
        for file in ["cmdline", "environ"] {
            let said = fs::read(PathBuf::from(format!("/proc/{process}")).join(file)).unwrap();
            assert!(!said.windows(6).any(|window| window == b"hunter"), "{file} of {process}");
        }
        assert_eq!(fs::read_link(format!("/proc/{process}/fd/0")).unwrap(), PathBuf::from("/dev/null"));
    }
    gate.open();
    assert_eq!(running.finish().status, Some(0));
}

#[test]
fn an_origin_has_a_home_where_its_connection_is_kept() {
    let origin = Origin::start().script("/ok", Script::ok("hello"));
    Greenfetch::new()
        .args(["-j", "2", "--processes", "2"])
        .list((0..60).map(|_| origin.url("/ok")))
        .stdout("5 bytes received from {origin}/ok.\n".repeat(60))
        .stderr("")
        .status(0);
    assert_eq!(origin.connections(), 2);
}

#[test]
fn bodies_are_saved_by_all_processes_under_the_names_of_one() {
    let origin = Origin::start().script("/ok", Script::ok("hello")).script("/no", Script::status(500));
    let mut list: Vec<String> = (0..40).map(|_| origin.url("/ok")).collect();
    list.push(origin.url("/no"));
    list.push(format!("{} out=kept/mine.txt", origin.url("/ok")));
    let (_, names) = records(Greenfetch::new().args(["--processes", "3", "--output-dir", "out"]).list(&list));
    let saved = |n: usize| names[n]["filename_effective"].as_str().map(str::to_owned);
    assert_eq!(saved(7), Some("out/00007-127.0.0.1-ok".to_owned()));
    assert_eq!((saved(40), saved(41)), (None, Some("out/kept/mine.txt".to_owned())));
    // What cannot be written is exit 5, whoever was to write it.
    Greenfetch::new()
        .args(["--processes", "2", "--output-dir", "out"])
        .file("out/00001-127.0.0.1-ok", "old")
        .list(&list[..4])
        .stdout("5 bytes received from {origin}/ok.\n".repeat(3))
        .stderr_has("list:2: ")
        .stderr_has(": write (write): out/00001-127.0.0.1-ok: is there already")
        .status(5);
}

#[test]
fn a_process_that_is_killed_leaves_no_part_of_a_file() {
    let (gate, half) = (Gate::new(), vec![b'x'; 1 << 20]);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 2 * half.len());
    let script = Script::nothing().then(head).then(&half).wait_for(&gate).then(&half).then_fin();
    let origin = Origin::start().script("/held", script);
    let dir = folder();
    let out = dir.path().to_str().expect("a temporary directory has a plain name");
    let running = running(&origin, 4, &["--output-dir", out, "--retry", "4", "--retry-delay", "0"]);
    wait_for("four files that are begun", || {
        names(dir.path()).iter().filter(|name| name.ends_with(".part")).count() == 4
    });
    running.children().into_iter().for_each(|process| sys::kill(process, libc::SIGKILL));
    origin.wait_for_requests("/held", 8);
    gate.open();
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
    let names = names(dir.path());
    assert!(names.len() == 4 && !names.iter().any(|name| name.ends_with(".part")), "{names:?}");
    let sizes = names.iter().map(|name| fs::metadata(dir.path().join(name)).unwrap().len());
    assert!(sizes.eq([2 << 20; 4]), "{}", finished.story);
}

#[test]
fn what_happens_on_the_way_is_told_from_all_processes() {
    let origin =
        Origin::start().script("/moved", Script::redirect(302, "/ok")).script("/ok", Script::ok("hello"));
    Greenfetch::new()
        .args(["--processes", "2", "-vv"])
        .with_summary()
        .list([origin.url("/moved"), origin.url("/ok")])
        .stdout("5 bytes received from {origin}/moved.\n5 bytes received from {origin}/ok.\n")
        .stderr_has("list:1: > GET /moved HTTP/1.1")
        .stderr_has("list:1: < HTTP/1.1 302")
        .stderr_has("list:2: < HTTP/1.1 200 OK")
        .status(0);
}

#[test]
fn what_a_process_cannot_begin_is_said_once_and_nothing_is_fetched() {
    let origin = Origin::start().script("/ok", Script::ok("hello"));
    for processes in ["1", "3"] {
        Greenfetch::new()
            .args(["--processes", processes])
            .file("ca.pem", "nothing")
            .cacert("ca.pem")
            .list([origin.url("/ok"), origin.url("/ok"), origin.url("/ok")])
            .stdout("")
            .stderr("greenfetch: --cacert ca.pem: no PEM certificate in it\n")
            .status(2);
    }
    assert_eq!(origin.requests("/ok"), 0);
    Greenfetch::new()
        .args(["--sync", "--processes", "2"])
        .list([origin.url("/ok")])
        .stdout("")
        .stderr_has("sync is one URL after another, --processes 2 is not: leave one out")
        .status(2);
    Greenfetch::new()
        .env("GREENFETCH_PREFORK", "1")
        .list([origin.url("/ok")])
        .stdout("")
        .stderr_has("GREENFETCH_PREFORK is for greenfetch's own processes, leave it unset")
        .status(2);
}

#[test]
fn as_many_processes_as_processors_is_0_and_no_more_than_jobs() {
    let processors = std::thread::available_parallelism().unwrap().get();
    for (args, processes) in
        [(["--processes", "0", "-j", "50"], processors), (["--processes", "9", "-j", "3"], 3)]
    {
        let gate = Gate::new();
        let origin = held(&gate);
        let report = ["-q", "--report", "jsonl=/dev/stdout"];
        let running =
            Greenfetch::new().args(args).args(report).list((0..2).map(|_| origin.url("/held"))).spawn();
        origin.wait_for_requests("/held", 2);
        let expected = if processes == 1 { 0 } else { processes };
        assert_eq!(running.children().len(), expected);
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        let began = parse_records(&finished.stdout).remove(0);
        assert_eq!(began["processes"], processes, "{}", finished.story);
    }
}
