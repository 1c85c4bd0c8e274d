//! Tasks, their waits and what ends them: one thread for all coroutines, and nobody who waits holds up another.
//!
//! Knows the library's runtime, and the product where only a process can show it. Refuses to judge by a clock.

use std::collections::{HashSet, VecDeque};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use greenfetch::config::Mode;
use greenfetch::request::Request;
use greenfetch::runtime::{Answer, Runtime, Slot, Socket, Wake};

use crate::support::engine::{CONCURRENT, MODES, Run, on_root, park};
use crate::support::listeners::{full_backlog, silent_listener};
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};
use crate::support::{Greenfetch, PATIENCE};

/// The threads on which a task finds itself after one wait after another.
fn threads_after_waits(slot: &Slot) -> HashSet<ThreadId> {
    let mut seen = HashSet::from([thread::current().id()]);
    let mut here = || seen.insert(thread::current().id());
    assert_eq!(slot.park(Some(Instant::now())), Wake::Late);
    here();
    let soon = Instant::now() + Duration::from_millis(2);
    assert_eq!(park(slot, Some(soon)), Wake::Late);
    here();
    slot.wake();
    assert_eq!(slot.park(None), Wake::Woken);
    here();
    slot.yield_through_selector();
    here();
    seen
}

#[test]
fn all_coroutines_run_on_one_thread_also_after_waits_that_ran_out() {
    for mode in MODES {
        let seen: Arc<Mutex<Vec<HashSet<ThreadId>>>> = Arc::default();
        let by_table = Arc::clone(&seen);
        let table = move |_: &Request, slot: &Arc<Slot>| {
            let threads = threads_after_waits(slot);
            by_table.lock().unwrap().push(threads);
            Ok(())
        };
        let log = Run::new(mode, 100).start(&["http://a.test/"; 100], |_| table).finish();
        assert_eq!(log.summary.passed, 100, "{mode:?}");
        let seen = seen.lock().unwrap();
        assert!(seen.iter().all(|threads| threads.len() == 1), "{mode:?}: a task changed its thread");
        let all: HashSet<ThreadId> = seen.iter().flatten().copied().collect();
        assert_eq!(all.len() == 1, mode == Mode::Coroutines, "{mode:?}: {} threads", all.len());
    }
}

fn connect(url: &str, slot: &Slot) -> Socket {
    let addr = url.trim_start_matches("http://").trim_end_matches('/').parse().expect("an address");
    let connected = Socket::connect_any(&[addr], Duration::ZERO, slot, Some(Instant::now() + PATIENCE));
    connected.expect("a listener").0
}

/// A wait without a limit of its own, which says when it begins.
type EndlessWait = Box<dyn FnOnce(&Arc<Slot>, &dyn Fn()) -> Wake + Send>;

fn endless_waits(runtime: &Runtime) -> Vec<EndlessWait> {
    let silent = silent_listener();
    let full = full_backlog(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).expect("a port");
    let full_addr =
        full.url().trim_start_matches("http://").trim_end_matches('/').parse().expect("an address");
    let (offload, heedless) = (Arc::clone(runtime.offload()), runtime.lasting_slot());
    vec![
        Box::new(|slot, begins| {
            begins();
            park(slot, None)
        }),
        Box::new(move |slot, begins| {
            let answer = Arc::new(Answer::<()>::default());
            let (let_go, held) = mpsc::channel::<()>();
            let (given, job) = (Arc::clone(&answer), move || held.recv());
            offload.submit(Box::new(move || job().unwrap_or_else(|_| given.give(())))).expect("a thread");
            begins();
            let wake = answer.wait(slot, None).expect_err("nobody has answered");
            drop(let_go);
            wake
        }),
        Box::new(move |slot, begins| {
            let socket = connect(&silent.url(), &heedless);
            begins();
            loop {
                match socket.wait_readable(slot, None) {
                    Wake::Woken => assert!(socket.recv(&mut [0]).is_err(), "nobody says anything"),
                    wake => return wake,
                }
            }
        }),
        Box::new(move |slot, begins| {
            begins();
            let connected = Socket::connect_any(&[full_addr], Duration::ZERO, slot, None);
            let wake = connected.expect_err("nobody takes it").wake;
            drop(full);
            wake
        }),
    ]
}

/// How each wait ended, when the run was stopped after all had begun, or before.
fn stopped_waits(runtime: &Runtime, stops_first: bool) -> Vec<Wake> {
    let (sender, mailbox) = runtime.mailbox();
    let waits = endless_waits(runtime);
    let n = waits.len();
    if stops_first {
        runtime.stop();
    }
    for (index, wait) in waits.into_iter().enumerate() {
        let (sender, slot) = (sender.clone(), runtime.slot());
        let task = move || {
            let wake = wait(&slot, &|| sender.send((index, None)));
            sender.send((index, Some(wake)));
        };
        runtime.spawn(task).expect("a task");
    }
    let (mut messages, mut n_begun, mut wakes) = (VecDeque::new(), 0, vec![None; n]);
    while wakes.contains(&None) {
        mailbox.receive(None, &mut messages);
        for (index, told) in messages.drain(..) {
            n_begun += usize::from(told.is_none());
            wakes[index] = told.or(wakes[index]);
        }
        if n_begun == n {
            runtime.stop();
        }
    }
    wakes.into_iter().flatten().collect()
}

/// The root's own mailbox goes on: it is what a stop is told by.
#[test]
fn a_stop_ends_every_kind_of_wait_whether_it_has_begun_or_begins_later() {
    for mode in CONCURRENT {
        for stops_first in [false, true] {
            let wakes = on_root(mode, move |runtime| stopped_waits(runtime, stops_first));
            assert_eq!(wakes, [Wake::Stopped; 4], "{mode:?}, stopped first: {stops_first}");
        }
    }
}

/// Each message is sent only when the one before has arrived, so each finds a mailbox that sleeps or is about to.
#[test]
fn a_mailbox_is_woken_from_any_thread() {
    for mode in MODES {
        let received = on_root(mode, |runtime| {
            let (sender, mailbox) = runtime.mailbox();
            let (arrived, next) = mpsc::channel();
            let from_elsewhere = thread::spawn(move || next.iter().for_each(|number| sender.send(number)));
            let (mut messages, mut received) = (VecDeque::new(), Vec::new());
            for number in 0..200 {
                arrived.send(number).expect("the thread listens");
                mailbox.receive(None, &mut messages);
                received.extend(messages.drain(..));
            }
            drop(arrived);
            from_elsewhere.join().expect("a thread that only sends");
            received
        });
        assert_eq!(received, (0..200).collect::<Vec<u32>>(), "{mode:?}");
    }
}

/// What a task that waits for a socket and a busy one do, in their order, when the socket is ready before the busy one
/// begins.
fn beside_a_ready_socket(gives_turns: bool) -> Vec<&'static str> {
    on_root(Mode::Coroutines, move |runtime| {
        let (sender, mailbox) = runtime.mailbox();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let (slot, waits) = (runtime.slot(), sender.clone());
        let reader = move || {
            let socket = connect(&url, &slot);
            waits.send("waits");
            while socket.recv(&mut [0]).is_err() {
                assert_eq!(socket.wait_readable(&slot, None), Wake::Woken);
            }
            waits.send("served");
        };
        runtime.spawn(reader).expect("a task");
        let mut messages = VecDeque::new();
        mailbox.receive(None, &mut messages);
        assert_eq!(messages.pop_front(), Some("waits"));
        let (mut peer, _) = listener.accept().expect("it has connected");
        peer.write_all(b"x").expect("room for a byte");
        let (slot, told) = (runtime.slot(), sender);
        let busy = move || {
            if gives_turns {
                slot.yield_through_selector();
            }
            told.send("the busy one goes on");
        };
        runtime.spawn(busy).expect("a task");
        let mut order = Vec::new();
        while order.len() < 2 {
            mailbox.receive(None, &mut messages);
            order.extend(messages.drain(..));
        }
        order
    })
}

#[test]
fn a_turn_that_is_given_up_goes_to_a_ready_socket_first() {
    for _ in 0..20 {
        assert_eq!(beside_a_ready_socket(true), ["served", "the busy one goes on"]);
        assert_eq!(beside_a_ready_socket(false), ["the busy one goes on", "served"]);
    }
}

/// The neighbours' lines come while the body goes on: it ends only by the signal that follows them.
#[test]
fn a_body_that_never_ends_holds_up_nobody_else() {
    for mode in ["coroutines", "threads"] {
        let origin = Origin::start()
            .script("/endless", "HTTP/1.1 200 OK\r\n\r\n".then_forever("x"))
            .script("/ok", Script::ok("hello"));
        let urls = std::iter::once(origin.url("/endless")).chain((0..40).map(|_| origin.url("/ok")));
        let args = ["--mode", mode, "-j", "4", "-m", "0", "--max-filesize", "0"];
        let mut running = Greenfetch::new().args(args).list(urls).spawn();
        for _ in 0..40 {
            let line = running.next_stdout_line();
            assert_eq!(line, Some(format!("5 bytes received from {}.", origin.url("/ok"))), "{mode}");
        }
        running.signal(libc::SIGINT);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
        assert!(finished.stderr.contains("/endless: cancelled (receive): "), "{}", finished.story);
    }
}

/// More lines than a pipe holds, and nobody reads one before all URLs were asked for.
#[test]
fn a_reader_of_standard_output_that_sleeps_holds_up_no_url() {
    for mode in ["coroutines", "threads"] {
        let origin = Origin::start().script("/ok", Script::ok("hello"));
        let running =
            Greenfetch::new().args(["--mode", mode]).list((0..3000).map(|_| origin.url("/ok"))).spawn();
        origin.wait_for_requests("/ok", 3000);
        let finished = running.finish();
        assert!(finished.stdout.len() > 128 << 10, "a pipe holds 64 KiB");
        assert_eq!((finished.stdout.lines().count(), finished.status), (3000, Some(0)), "{}", finished.story);
    }
}
