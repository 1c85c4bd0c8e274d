//! The loop over tables of fetches: order, limits, ends and bugs, in every mode.
//!
//! Knows what the loop is told and what it tells. Refuses to touch the network.

use std::collections::HashMap;
use std::panic;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use greenfetch::config::Mode;
use greenfetch::event::Stop;
use greenfetch::exit::{ExitStatus, Told, exit_status};
use greenfetch::outcome::{Class, Failure, Kind, Phase};
use greenfetch::request::Request;
use greenfetch::runtime::{Answer, Slot, Wake};

use crate::support::PATIENCE;
use crate::support::engine::{CONCURRENT, Log, MODES, Run, Tally, park_for_ever};

fn status(log: &Log) -> ExitStatus {
    exit_status(&log.summary, Told::default(), false)
}

fn path(request: &Request) -> &str {
    request.url.path()
}

#[test]
fn one_job_takes_the_list_in_its_order() {
    for mode in MODES {
        let urls: Vec<String> = (0..200).map(|n| format!("http://a.test/{n}")).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let log = Run::new(mode, 1).start(&urls, |_| |_: &Request, _: &_| Ok(())).finish();
        let expected: Vec<String> = (0..200).map(|n| format!("/{n} pass")).collect();
        assert_eq!(log.told(), expected, "{mode:?}");
        assert_eq!((log.summary.passed, log.summary.most_in_flight), (200, 1), "{mode:?}");
        assert_eq!(status(&log), ExitStatus::Pass);
    }
}

#[test]
fn a_bug_in_one_fetch_is_one_internal_record_and_the_rest_goes_on() {
    for mode in MODES {
        let urls = ["http://a.test/1", "http://a.test/bug", "http://a.test/2"];
        let table = |request: &Request, _: &_| {
            if path(request) == "/bug" {
                // Past the hook that would print it.
                panic::resume_unwind(Box::new("an index out of bounds"));
            }
            Ok(())
        };
        let log = Run::new(mode, 1).start(&urls, |_| table).finish();
        let bug = "/bug internal (queue): a bug in greenfetch: an index out of bounds";
        assert_eq!(log.told(), ["/1 pass", bug, "/2 pass"], "{mode:?}");
        assert_eq!((log.summary.internal, log.summary.passed), (1, 2), "{mode:?}");
        assert_eq!(status(&log), ExitStatus::Bug);
    }
}

/// The one that fails does so when the others are parked, but for those behind it that never had a slot.
#[test]
fn the_first_failure_ends_what_is_parked_and_what_waits() {
    for mode in CONCURRENT {
        let parked = Arc::new(Answer::default());
        let begun = Tally::default();
        let (for_table, begun_by) = (Arc::clone(&parked), begun.clone());
        let table = move |request: &Request, slot: &Arc<_>| {
            if path(request) == "/fails" {
                for_table.wait(slot, Some(Instant::now() + PATIENCE)).expect("the others park");
                return Err(Failure::new(Class::Closed, Phase::Wait, "by the peer"));
            }
            if begun_by.add() == 3 {
                for_table.give(());
            }
            park_for_ever(slot)
        };
        let urls = ["fails", "1", "2", "3", "4", "5"].map(|path| format!("http://a.test/{path}"));
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let log = Run::new(mode, 4).fail_fast().start(&urls, |_| table).finish();
        let mut told = log.told();
        assert_eq!(told.remove(0), "/fails closed (wait): by the peer", "{mode:?}");
        told.sort();
        let cancelled =
            |n: u8, phase: &str| format!("/{n} cancelled ({phase}): another URL failed (--fail-fast)");
        let expected: Vec<String> =
            (1..6).map(|n| cancelled(n, if n < 4 { "wait" } else { "queue" })).collect();
        assert_eq!(told, expected, "{mode:?}");
        assert_eq!((begun.add(), log.summary.stop), (4, Some(Stop::FailFast)), "nothing more was started");
        assert_eq!(status(&log), ExitStatus::Failed);
    }
}

/// One that fails has woken one that passes, which has its turn before the loop: no third is begun by it.
#[test]
fn who_passes_after_a_failure_begins_nothing_before_the_loop_has_heard_of_that() {
    let begun = Tally::default();
    let (by_table, parked) = (begun.clone(), Mutex::new(None::<Arc<Slot>>));
    let table = move |request: &Request, slot: &Arc<Slot>| {
        by_table.add();
        match path(request) {
            "/passes" => {
                *parked.lock().unwrap() = Some(Arc::clone(slot));
                while slot.park(None) != Wake::Woken {}
                Ok(())
            }
            "/fails" => {
                // The loop waits by then.
                slot.yield_through_selector();
                let passes = parked.lock().unwrap().take();
                passes.expect("it was begun before").wake();
                Err(Failure::new(Class::Closed, Phase::Wait, "by the peer"))
            }
            _ => Ok(()),
        }
    };
    let urls = ["passes", "fails", "1", "2"].map(|path| format!("http://a.test/{path}"));
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let log = Run::new(Mode::Coroutines, 2).fail_fast().start(&urls, |_| table).finish();
    let cancelled = |n: u8| format!("/{n} cancelled (queue): another URL failed (--fail-fast)");
    let failed = "/fails closed (wait): by the peer".to_owned();
    assert_eq!(log.told(), [failed, cancelled(1), cancelled(2), "/passes pass".to_owned()]);
    assert_eq!((begun.add(), log.summary.passed), (3, 1), "nothing more was started");
}

#[test]
fn one_after_another_the_first_failure_leaves_the_rest_untouched() {
    let begun = Tally::default();
    let by_table = begun.clone();
    let table = move |request: &Request, _: &_| {
        by_table.add();
        let fails = path(request) == "/fails";
        if fails { Err(Failure::new(Class::Closed, Phase::Wait, "by the peer")) } else { Ok(()) }
    };
    let urls = ["http://a.test/1", "http://a.test/fails", "http://a.test/2", "http://a.test/3"];
    let log = Run::new(Mode::Sync, 1).fail_fast().start(&urls, |_| table).finish();
    let cancelled = |n: u8| format!("/{n} cancelled (queue): another URL failed (--fail-fast)");
    let failed = "/fails closed (wait): by the peer".to_owned();
    // The list is taken up one ahead, so that nothing is said of the last.
    assert_eq!(log.told(), ["/1 pass".to_owned(), failed, cancelled(2)]);
    assert_eq!((begun.add(), status(&log)), (3, ExitStatus::Failed), "nothing more was started");
}

/// A busy machine may begin nothing before a short deadline: a longer one shows what was parked then.
const DEADLINES: [Duration; 4] =
    [Duration::from_millis(20), Duration::from_millis(200), Duration::from_secs(2), Duration::from_secs(20)];

#[test]
fn the_deadline_ends_every_wait_and_tells_what_was_parked() {
    for mode in MODES {
        let urls = ["http://a.test/1", "http://a.test/2", "http://a.test/3"];
        let table = |_: &Request, slot: &Arc<Slot>| park_for_ever(slot);
        let in_flight = if mode == Mode::Sync { 1 } else { 2 };
        let all_parked = DEADLINES.into_iter().any(|deadline| {
            let log = Run::new(mode, 2).deadline(deadline).start(&urls, |_| table).finish();
            let (told, reason) =
                (log.told(), format!("the run's {} s are over (--deadline)", deadline.as_secs_f64()));
            assert!(log.outcomes.iter().all(|outcome| outcome.kind == Kind::Cancelled), "{mode:?}: {told:?}");
            assert!(told.iter().all(|told| told.ends_with(&reason)), "{mode:?}: {told:?}");
            // One after another, the list is taken up one ahead.
            assert_eq!((told.len(), status(&log)), (in_flight + 1, ExitStatus::Deadline), "{mode:?}");
            let begun = told.iter().filter(|told| !told.contains("(queue)")).count();
            assert_eq!(log.n_parked, begun, "{mode:?}: {told:?}");
            begun == in_flight
        });
        assert!(all_parked, "{mode:?}");
    }
}

/// Two of a host wait for each other, so fewer than two would end late; a third is counted.
#[test]
fn a_host_has_its_limit_and_others_are_not_held_up_by_it() {
    for mode in CONCURRENT {
        type Pairs = HashMap<String, (usize, usize, Arc<Answer<()>>)>;
        let hosts: Mutex<Pairs> = Mutex::default();
        let table = move |request: &Request, slot: &Arc<_>| {
            let host = &request.subject.host;
            let pair = {
                let mut hosts = hosts.lock().unwrap();
                let (in_flight, begun, pair) = hosts.entry(host.to_string()).or_default();
                (*in_flight, *begun) = (*in_flight + 1, *begun + 1);
                assert!(*in_flight <= 2, "{host} has {in_flight} in flight");
                let mine = Arc::clone(pair);
                if begun.is_multiple_of(2) {
                    std::mem::take(pair).give(());
                }
                mine
            };
            pair.wait(slot, Some(Instant::now() + PATIENCE)).expect("another one of the host");
            hosts.lock().unwrap().get_mut(&**host).unwrap().0 -= 1;
            Ok(())
        };
        let urls: Vec<String> = ["a", "a", "a", "a", "a", "a", "b", "b"]
            .iter()
            .zip(0..)
            .map(|(host, n)| format!("http://{host}.test/{n}"))
            .collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let log = Run::new(mode, 50).per_host(2).start(&urls, |_| table).finish();
        assert_eq!((log.summary.passed, log.summary.most_in_flight), (8, 4), "{mode:?}: {:?}", log.told());
    }
}

#[test]
fn who_does_not_listen_holds_up_no_fetch() {
    for mode in MODES {
        let urls = ["http://a.test/"; 1000];
        let done = Tally::default();
        let by_table = done.clone();
        let table = move |_: &Request, slot: &Arc<Slot>| {
            assert_eq!(slot.park(Some(Instant::now())), Wake::Late);
            by_table.add();
            Ok(())
        };
        let running = Run::new(mode, 50).start(&urls, |_| table);
        done.wait_for(urls.len());
        let log = running.finish();
        assert_eq!(log.summary.passed, 1000, "{mode:?}");
    }
}

/// All fetches look a name up; three of the names are let go only when all others are told.
#[test]
fn names_that_never_resolve_hold_up_nobody_else() {
    for mode in CONCURRENT {
        let gate = crate::support::script::Gate::new();
        let at_gate = gate.clone();
        let urls: Vec<String> =
            (0..23).map(|n| format!("http://a.test/{}", if n < 3 { "slow" } else { "" })).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let mut running = Run::new(mode, 50).start(&urls, |runtime| {
            let offload = Arc::clone(runtime.offload());
            move |request: &Request, slot: &Arc<_>| {
                let answer = Arc::new(Answer::default());
                let (given, gate) = (Arc::clone(&answer), at_gate.clone());
                let is_slow = path(request) == "/slow";
                let look_up = move || {
                    if is_slow {
                        gate.wait();
                    }
                    given.give(());
                };
                offload.submit(Box::new(look_up)).expect("a thread");
                answer.wait(slot, None).expect("an answer");
                Ok(())
            }
        });
        assert_eq!(running.outcomes(20), vec!["/ pass"; 20], "{mode:?}");
        gate.open();
        assert_eq!(running.finish().told()[20..], vec!["/slow pass"; 3], "{mode:?}");
    }
}
