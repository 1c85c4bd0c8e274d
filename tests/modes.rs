//! The same in all three modes: outcomes, messages, records.
//!
//! Knows that a mode is data. Refuses to know how a mode works.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::listeners::refused_addr;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::{Script, Steps as _};
use crate::support::wire::certificate;

/// What may differ between two runs of the same list.
const DIFFERS: [&str; 7] = ["run_id", "mode", "local_port", "started_at", "t_start", "t_end", "phases"];

/// A record without what differs from run to run.
pub(crate) fn settled(mut record: Value) -> Value {
    let fields = record.as_object_mut().expect("an object");
    fields.retain(|name, _| !DIFFERS.contains(&name.as_str()) && !name.starts_with("time_"));
    // A connection may have been there already, or not.
    fields.retain(|name, _| name != "num_connects" && name != "attempts");
    record
}

/// An origin that answers in many ways.
pub(crate) fn differing_origin() -> Origin {
    Origin::start()
        .script("/ok", Script::ok("hello"))
        .script("/large", Script::ok(vec![b'x'; 300_000]))
        .script("/moved", Script::redirect(301, "/ok"))
        .script("/loop", Script::redirect(302, "/loop"))
        .script("/short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".then_fin())
        .script("/noise", "noise\r\n\r\n".then_fin())
        .script("/503", Script::status(503))
}

#[test]
fn the_record_is_the_same_in_every_mode() {
    let (origin, tls) = (differing_origin(), TlsOrigin::start("expired"));
    let paths = ["/ok", "/large", "/moved", "/loop", "/short", "/noise", "/503", "/404"];
    let mut urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
    urls.extend([format!("http://{}/", refused_addr()), tls.url("/"), "nonsense".to_owned()]);
    let first: Rc<RefCell<Option<Vec<Value>>>> = Rc::default();
    let modes: Rc<RefCell<Vec<Value>>> = Rc::default();
    let (seen, ran) = (first.clone(), modes.clone());
    Greenfetch::new()
        .cacert(certificate("ca"))
        .list(&urls)
        .in_every_mode()
        .json(move |records| {
            ran.borrow_mut().push(records[0]["mode"].clone());
            let records: Vec<Value> = records.into_iter().map(settled).collect();
            let mut first = seen.borrow_mut();
            let first = first.get_or_insert_with(|| records.clone());
            for (one, other) in first.iter().zip(&records) {
                assert_eq!(one, other);
            }
            assert_eq!(first.len(), records.len());
        })
        .any_stderr()
        .status(1);
    assert_eq!(*modes.borrow(), ["sync", "threads", "coroutines"]);
}

#[test]
fn the_text_is_the_same_in_every_mode() {
    let origin = differing_origin();
    let paths = ["/ok", "/large", "/moved", "/loop", "/short", "/noise", "/503"];
    let lines: Rc<RefCell<Option<Vec<String>>>> = Rc::default();
    let seen = lines.clone();
    Greenfetch::new()
        .list(paths.map(|path| origin.url(path)))
        .in_every_mode()
        .stdout("5 bytes received from {origin}/ok.\n300000 bytes received from {origin}/large.\n5 bytes received from {origin}/moved.\n")
        .stderr_judged(move |text| {
            let without_time = |line: &str| line.rsplit_once(" (1 try, ").map(|(start, _)| start.to_owned());
            let mut lines: Vec<String> = text.lines().filter_map(without_time).collect();
            lines.sort();
            assert_eq!(lines.len(), 4, "{text}");
            let mut first = seen.borrow_mut();
            assert_eq!(first.get_or_insert_with(|| lines.clone()), &lines);
        })
        .status(1);
    assert!(lines.borrow().is_some());
}

#[test]
fn sync_is_the_mode_of_that_name() {
    let origin = differing_origin();
    for args in [&["--sync"][..], &["--mode", "sync"], &["--sync", "-j", "1"], &["--mode", "sync", "--sync"]]
    {
        Greenfetch::new()
            .args(args.iter().copied())
            .list([origin.url("/ok")])
            .json(|records| assert_eq!(records[0]["mode"], "sync"))
            .stderr("")
            .status(0);
    }
}

/// Hundreds of answers of many sizes on kept connections: every byte is counted once, in every mode.
#[test]
fn many_answers_are_all_counted_to_the_byte() {
    let sizes = [0, 1, 1000, 65_535, 65_536, 65_537, 262_144, 300_001];
    let mut origin = Origin::start();
    for size in sizes {
        origin = origin.script(&format!("/{size}"), Script::ok(vec![b'x'; size]));
    }
    let round = sizes.map(|size| format!("{size} bytes received from {{origin}}/{size}.\n")).concat();
    let urls = (0..30).flat_map(|_| sizes).map(|size| origin.url(&format!("/{size}")));
    Greenfetch::new().list(urls).in_every_mode().stdout(round.repeat(30)).stderr("").status(0);
}
