//! Large bodies that are saved, which the disk's thread receives by itself: whole, cut, slow, and in nobody's way.
//!
//! Knows lengths around those at which the work changes hands, and how a body can end. Refuses to know who received which
//! byte: whatever it was, the same has to come of it.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::save::{folder, names, wait_for};
use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::came_to;

const MODES: [&[&str]; 4] = [&["--sync"], &["--mode", "threads"], &[], &["--processes", "2"]];

/// A block of those that are written at once, the end of a body that the worker receives, and what a job moves at most.
const BLOCK: usize = 256 << 10;
const END: usize = 16 << 10;
const JOB: usize = 8 << 20;

const MIB: usize = 1 << 20;

fn saving(mode: &[&str], dir: &Path) -> Greenfetch {
    Greenfetch::new().args(mode.iter().copied()).args(["-m", "20", "--output-dir"]).args([dir])
}

/// Bytes of which no block is like another.
fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|at| u8::try_from((at * 7 + at / 251 + at / 65_537) % 256).expect("below 256")).collect()
}

fn head(length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")
}

/// How much of a body is on the disk while it is not whole.
fn begun(dir: &Path) -> u64 {
    let parts = fs::read_dir(dir).expect("a folder").flatten();
    parts.filter_map(|part| part.metadata().ok()).map(|metadata| metadata.len()).max().unwrap_or(0)
}

#[test]
fn a_large_body_is_saved_byte_for_byte_and_its_connection_serves_the_next() {
    let lengths = [
        BLOCK,
        BLOCK + 1,
        BLOCK + END,
        BLOCK + END + 1,
        2 * BLOCK,
        JOB + BLOCK + END,
        2 * JOB + 3,
        5,
        3 * MIB + 1,
    ];
    let body = bytes(2 * JOB + 3);
    let origin = lengths.iter().fold(Origin::start(), |origin, &length| {
        origin.script(&format!("/{length}"), Script::ok(&body[..length]))
    });
    for (mode, n_connections) in MODES.into_iter().zip([1, 1, 1, 2]) {
        let dir = folder();
        let before = origin.connections();
        saving(mode, dir.path())
            .args(["-j", "1"])
            .list(lengths.map(|length| origin.url(&format!("/{length}"))))
            .json(move |records| {
                for (record, length) in records.iter().zip(lengths) {
                    assert_eq!(came_to(record), format!("pass {length}"));
                    assert_eq!(record["size_download"], length);
                    assert_adds_up(record);
                }
            })
            .stderr("")
            .status(0);
        assert!(origin.connections() - before <= n_connections, "{mode:?}");
        for (name, length) in names(dir.path()).iter().zip(lengths) {
            let saved = fs::read(dir.path().join(name)).unwrap();
            assert!(saved == body[..length], "{mode:?}: {name} is not what was sent");
        }
        assert_eq!(names(dir.path()).len(), lengths.len());
    }
}

fn assert_adds_up(record: &Value) {
    let phases = record["phases"].as_object().expect("phases");
    let sum: f64 = phases.values().filter_map(Value::as_f64).sum();
    let total = record["time_total"].as_f64().expect("a time");
    assert!((sum - total).abs() < 0.000_02, "{sum} {total}: {phases:?}");
    assert!(phases["write"].as_f64().is_some_and(|seconds| seconds > 0.0), "{phases:?}");
}

#[test]
fn a_body_beside_others_is_not_mixed_with_them() {
    let bodies: Vec<Vec<u8>> = (0..8).map(|n| bytes(2 * MIB + n * 100_003)).collect();
    let origin = bodies
        .iter()
        .enumerate()
        .fold(Origin::start(), |origin, (n, body)| origin.script(&format!("/{n}"), Script::ok(body)));
    for mode in MODES {
        let dir = folder();
        let list = (0..bodies.len()).map(|n| origin.url(&format!("/{n}")));
        saving(mode, dir.path()).list(list).any_stdout().stderr("").status(0);
        for (name, body) in names(dir.path()).iter().zip(&bodies) {
            assert!(fs::read(dir.path().join(name)).unwrap() == *body, "{mode:?}: {name}");
        }
    }
}

#[test]
fn a_large_body_that_is_cut_says_where() {
    let body = bytes(3 * MIB);
    let origin = Origin::start()
        .script("/half", head(3 * MIB).then(&body[..MIB + 7]).then_fin())
        .script("/one-short", head(3 * MIB).then(&body[1..]).then_fin())
        .script("/at-the-end", head(3 * MIB).then(&body[..3 * MIB - END]).then_fin());
    let line = |path: &str, received: usize| {
        format!("{{origin}}{path}: closed (receive): ended after {received} of 3145728 bytes (")
    };
    for mode in MODES {
        let dir = folder();
        saving(mode, dir.path())
            .list(["/half", "/one-short", "/at-the-end"].map(|path| origin.url(path)))
            .stdout("")
            .stderr_has(line("/half", MIB + 7))
            .stderr_has(line("/one-short", 3 * MIB - 1))
            .stderr_has(line("/at-the-end", 3 * MIB - END))
            .status(1);
        assert_eq!(names(dir.path()), Vec::<String>::new(), "{mode:?}");
    }
}

/// The reset comes once a part of the body is on the disk.
#[test]
fn a_reset_in_the_midst_says_how_much_had_come() {
    for mode in MODES {
        let gate = Gate::new();
        let script = head(3 * MIB).then(bytes(2 * MIB)).wait_for(&gate).then_rst();
        let origin = Origin::start().script("/reset", script);
        let dir = folder();
        let running = saving(mode, dir.path()).args(["--json"]).list([origin.url("/reset")]).spawn();
        wait_for("a part on the disk", || begun(dir.path()) >= MIB as u64);
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(1), "{}", finished.story);
        let record: Value = serde_json::from_str(finished.stdout.trim()).expect("a record");
        assert_eq!(came_to(&record), "closed (receive)", "{}", finished.story);
        let received = record["size_download"].as_u64().expect("a number");
        assert!((MIB as u64..=2 * MIB as u64).contains(&received), "{received}");
        assert_eq!(record["size_delivered"], received);
        assert_eq!(record["error"]["message"], format!("reset after {received} of 3145728 bytes"));
        assert_eq!(names(dir.path()), Vec::<String>::new(), "{mode:?}");
    }
}

#[test]
fn what_comes_behind_a_large_body_is_seen() {
    let body = bytes(MIB);
    let script = head(MIB).then(&body).then("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray").keep_alive();
    for mode in MODES {
        let origin =
            Origin::start().script("/behind", script.clone()).script("/next", Script::ok("nobody else"));
        let dir = folder();
        saving(mode, dir.path())
            .args(["-j", "1"])
            .list(["/behind", "/next"].map(|path| origin.url(path)))
            .stdout("1048576 bytes received from {origin}/behind.\n11 bytes received from {origin}/next.\n")
            .stderr("")
            .status(0);
        assert!(fs::read(dir.path().join("00000-127.0.0.1-behind")).unwrap() == body, "{mode:?}");
        assert_eq!(origin.connections(), 2, "{mode:?}: the connection has served again");
    }
}

/// Each piece is sent only when much of the one before is on the disk.
#[test]
fn a_large_body_that_comes_in_pieces_is_whole() {
    let body = bytes(4 * MIB);
    for mode in MODES {
        let gates = [Gate::new(), Gate::new(), Gate::new()];
        let script = gates.iter().enumerate().fold(head(4 * MIB).then(&body[..MIB]), |script, (n, gate)| {
            script.wait_for(gate).then(&body[(n + 1) * MIB..(n + 2) * MIB])
        });
        let origin = Origin::start().script("/pieces", script.keep_alive());
        let dir = folder();
        let running = saving(mode, dir.path()).list([origin.url("/pieces")]).spawn();
        for (n, gate) in gates.iter().enumerate() {
            wait_for("a piece on the disk", || begun(dir.path()) as usize >= (n + 1) * MIB - BLOCK);
            gate.open();
        }
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert!(fs::read(dir.path().join("00000-127.0.0.1-pieces")).unwrap() == body, "{mode:?}");
    }
}

#[test]
fn silence_within_a_large_body_is_a_stall_or_ends_with_the_attempt() {
    for (limit, message) in [
        (["--stall", "0.5"], "no byte for 0.5 s (--stall)"),
        (["-m", "0.5"], "not done after 0.5 s (--max-time)"),
    ] {
        let origin = Origin::start().script("/stalls", head(3 * MIB).then(bytes(MIB)).then_hang());
        for mode in MODES {
            let dir = folder();
            saving(mode, dir.path())
                .args(limit)
                .list([origin.url("/stalls")])
                .json(move |records| {
                    assert_eq!(came_to(&records[0]), "timeout (receive)");
                    assert_eq!(records[0]["error"]["message"], message);
                    assert_eq!(records[0]["size_download"], MIB);
                    assert_eq!(records[0]["size_delivered"], MIB);
                })
                .any_stderr()
                .status(1);
            assert_eq!(names(dir.path()), Vec::<String>::new(), "{mode:?}");
        }
    }
}

/// There is always something to receive and to write: who waits for that finds out all the same.
#[test]
fn a_large_body_without_a_pause_ends_with_its_limit_of_time() {
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n".then_forever(bytes(MIB));
    for mode in MODES {
        let origin = Origin::start().script("/endless", endless.clone());
        let dir = folder();
        saving(mode, dir.path())
            .args(["-m", "0.2", "--max-filesize", "0"])
            .list([origin.url("/endless")])
            .json(|records| {
                let came_to = came_to(&records[0]);
                assert!(["timeout (receive)", "timeout (write)"].contains(&came_to.as_str()), "{came_to}");
                assert_eq!(records[0]["error"]["message"], "not done after 0.2 s (--max-time)");
                assert!(records[0]["size_download"].as_u64().is_some_and(|bytes| bytes > BLOCK as u64));
                assert_eq!(records[0]["size_download"], records[0]["size_delivered"]);
            })
            .any_stderr()
            .status(1);
        assert_eq!(names(dir.path()), Vec::<String>::new(), "{mode:?}");
    }
}

#[test]
fn a_disk_that_is_full_in_the_midst_of_a_large_body_leaves_nothing() {
    let origin =
        Origin::start().script("/large", Script::ok(bytes(3 * MIB))).script("/small", Script::ok(bytes(MIB)));
    for mode in MODES {
        let dir = folder();
        // 2 MiB.
        saving(mode, dir.path())
            .largest_file(4096)
            .list(["/large", "/small", "/large"].map(|path| origin.url(path)))
            .stdout("1048576 bytes received from {origin}/small.\n")
            .stderr_has("{origin}/large: write (write): ")
            .stderr_has(".part: file too large (")
            .status(5);
        assert_eq!(names(dir.path()), ["00001-127.0.0.1-small"], "{mode:?}");
    }
}

#[test]
fn a_signal_in_the_midst_of_a_large_body_leaves_nothing() {
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n".then_forever(bytes(MIB));
    for (mode, limit) in MODES.into_iter().zip([1, 1, 4, 4]) {
        let origin = Origin::start().script("/endless", endless.clone());
        let dir: TempDir = folder();
        let list = (0..limit).map(|_| origin.url("/endless"));
        let running = saving(mode, dir.path()).args(["--max-filesize", "0"]).list(list).spawn();
        wait_for("files that are begun", || names(dir.path()).len() == limit && begun(dir.path()) > 0);
        running.signal(libc::SIGINT);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
        assert_eq!(names(dir.path()), Vec::<String>::new(), "{mode:?}");
    }
}

#[test]
fn a_large_body_that_somebody_looks_into_is_looked_into() {
    let mut body = bytes(3 * MIB);
    body[2 * MIB..2 * MIB + 6].copy_from_slice(b"needle");
    let origin = Origin::start().script("/hay", Script::ok(&body));
    for mode in MODES {
        let dir = folder();
        saving(mode, dir.path())
            .list_text(format!("{0} body*=needle\n{0} body*=pin-cushion\n", origin.url("/hay")))
            .stdout("3145728 bytes received from {origin}/hay.\n")
            .stderr_has("list:2: {origin}/hay: check (check): ")
            .status(1);
        assert_eq!(names(dir.path()), ["00000-127.0.0.1-hay"], "{mode:?}");
        assert!(fs::read(dir.path().join("00000-127.0.0.1-hay")).unwrap() == body, "{mode:?}");
    }
}
