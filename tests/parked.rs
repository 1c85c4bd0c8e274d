//! The table of what is parked where: asked for by a signal, also of thousands, also when nobody in the run goes on.
//!
//! Knows the process from outside, its threads included. Refuses to know how the table is gathered.

use crate::support::Greenfetch;
use crate::support::crowd::Crowd;
use crate::support::origin::Origin;
use crate::support::running::Running;
use crate::support::script::{Gate, Script, Steps as _};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Who takes signals; the main thread tells of them.
const SIGNALS: &str = "signals";

/// So many at once; the machine has to have as many descriptors.
const MANY: usize = 10_000;

/// Two URLs that wait for the gate.
fn gated(mode: &str, args: &[&str]) -> (Origin, Gate, Running) {
    let gate = Gate::new();
    let origin = Origin::start().script("/parked", Script::nothing().wait_for(&gate).then(OK).then_fin());
    let chain = Greenfetch::new().args(["--mode", mode, "-m", "0"]).args(args.iter().copied());
    let running = chain.list([origin.url("/parked"), origin.url("/parked")]).spawn();
    origin.wait_for_requests("/parked", 2);
    (origin, gate, running)
}

#[test]
fn usr1_tells_of_ten_thousand_and_the_run_goes_on() {
    let crowd = Crowd::start(MANY);
    let jobs = MANY.to_string();
    let chain = Greenfetch::new().args(["-m", "0", "--connect-timeout", "0", "-j", &jobs]);
    let running = chain.list((0..MANY).map(|_| crowd.url())).spawn();
    crowd.wait_for_all();
    running.signal(libc::SIGUSR1);
    running.wait_for_stderr("and 9980 more (-v shows all)\n");
    crowd.let_go();
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
    assert_eq!(finished.stdout.lines().count(), MANY, "{}", finished.story);
    assert!(finished.stderr.starts_with("greenfetch: 10000 URLs unfinished: "), "{}", finished.story);
    assert!(finished.stderr.contains("\nby host: 127.0.0.1 10000\n"), "{}", finished.story);
}

/// Not the worker, not a fetch and not the loop goes on before they are let go: who speaks is none of them.
#[test]
fn usr1_tells_of_a_run_in_which_nobody_goes_on() {
    for mode in ["coroutines", "threads"] {
        let (origin, gate, running) = gated(mode, &[]);
        let held = running.hold_threads_but(&[SIGNALS]);
        running.signal(libc::SIGUSR1);
        running.wait_for_stderr("greenfetch: 2 URLs unfinished: ");
        running.wait_for_stderr(&origin.url("/parked"));
        drop(held);
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert_eq!(finished.stdout.lines().count(), 2, "{}", finished.story);
    }
}

#[test]
fn an_interrupt_tells_where_each_was_before_it_is_cancelled_also_when_nobody_goes_on() {
    for (mode, signal) in [("coroutines", libc::SIGINT), ("threads", libc::SIGTERM), ("sync", libc::SIGHUP)] {
        let origin = Origin::start()
            .script("/late", Script::sequence([Script::status(503), Script::nothing().then_hang()]));
        let chain = Greenfetch::new().args(["--mode", mode, "-m", "0", "--retry", "1"]);
        let running = chain.args(["--retry-delay", "0.01"]).list([origin.url("/late")]).spawn();
        origin.wait_for_requests("/late", 2);
        let held = running.hold_threads_but(&[SIGNALS]);
        running.signal(signal);
        running.wait_for_stderr("/late (try 2)\n");
        drop(held);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(signal), "{}", finished.story);
        let told = ["greenfetch: 1 URL unfinished: ", "/late (try 2)\n", ": cancelled ("];
        let places: Vec<_> = told.iter().map(|words| finished.stderr.find(words)).collect();
        assert!(places.is_sorted() && places[0] == Some(0), "{}", finished.story);
    }
}

#[test]
fn a_signal_when_all_is_told_has_no_table() {
    let origin = Origin::start().script("/ok", Script::ok("hello"));
    let mut running = Greenfetch::new().operand("-").stdin_open().spawn();
    running.write_stdin(&format!("{}\n", origin.url("/ok")));
    assert!(running.next_stdout_line().is_some());
    running.signal(libc::SIGINT);
    // Its input is closed only when it has ended: an end of the list would be another end.
    running.wait_unread();
    let finished = running.finish();
    assert_eq!((finished.signal, &*finished.stderr), (Some(libc::SIGINT), ""), "{}", finished.story);
}
