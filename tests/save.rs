//! Bodies on the disk: under which names, when, and what never happens to what was there.
//!
//! Knows folders and what may wait in them. Refuses to look at a run but from outside.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use tempfile::TempDir;

use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::came_to;
use crate::support::{Greenfetch, PATIENCE};

const MODES: [&str; 3] = ["sync", "threads", "coroutines"];

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn saving(mode: &str, dir: &Path) -> Greenfetch {
    Greenfetch::new().args(["--mode", mode, "-m", "20", "--output-dir"]).args([dir])
}

/// The names in a folder, in order.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Bytes that differ from place to place.
fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|at| u8::try_from((at * 7 + at / 251) % 256).expect("below 256")).collect()
}

#[test]
fn bodies_are_saved_as_they_came() {
    let large = bytes(3 << 20);
    let mut gzipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzipped, &large).unwrap();
    let gzipped = gzipped.finish().unwrap();
    let gzip_head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzipped.len());
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n300000\r\n";
    let origin = Origin::start()
        .script("/small.txt", Script::ok("hello"))
        .script("/empty", Script::ok(""))
        .script("/large", Script::ok(&large))
        .script("/block", Script::ok(&large[..65_536]))
        .script("/chunked", chunk.then(&large).then("\r\n0\r\n\r\n").keep_alive())
        .script("/open", "HTTP/1.1 200 OK\r\n\r\n".then(&large).then_fin())
        .script("/gzip", gzip_head.then(gzipped).keep_alive())
        .script("/moved", Script::redirect(302, "/small.txt"))
        .script("/again", Script::ok("hello again"));
    let rows: [(&str, &[u8]); 9] = [
        ("small.txt", b"hello"),
        ("empty", b""),
        ("large", &large),
        ("block", &large[..65_536]),
        ("chunked", &large),
        ("open", &large),
        ("gzip", &large),
        ("moved", b"hello"),
        ("again", b"hello again"),
    ];
    for mode in MODES {
        let dir = folder();
        let list = rows.iter().map(|(path, _)| origin.url(&format!("/{path}")));
        saving(mode, dir.path()).args(["--compressed"]).list(list).any_stdout().stderr("").status(0);
        let expected: Vec<_> =
            (0..).zip(&rows).map(|(n, (path, _))| format!("{n:05}-127.0.0.1-{path}")).collect();
        assert_eq!(names(dir.path()), expected, "{mode}");
        for (name, (_, body)) in expected.iter().zip(&rows) {
            assert!(fs::read(dir.path().join(name)).unwrap() == *body, "{mode}: {name} is not what was sent");
        }
    }
}

#[test]
fn the_record_names_the_file_as_the_user_named_the_folder() {
    let origin = Origin::start().script("/a", Script::ok("hello"));
    Greenfetch::new()
        .args(["--output-dir", "out/of the way"])
        .list([origin.url("/a"), origin.url("/404")])
        .in_every_mode()
        .json(|records| {
            assert_eq!(records[0]["filename_effective"], "out/of the way/00000-127.0.0.1-a");
            assert!(
                records[0]["phases"]["write"].as_f64().is_some_and(|seconds| seconds > 0.0),
                "{records:?}"
            );
            assert!(records[1]["filename_effective"].is_null());
        })
        .any_stderr()
        .status(1);
    Greenfetch::new()
        .list([origin.url("/a")])
        .in_every_mode()
        .json(|records| {
            assert!(records[0]["filename_effective"].is_null() && records[0]["phases"]["write"].is_null());
        })
        .stderr("")
        .status(0);
}

/// The phases of a record add up to its time, however often the disk was waited for in between.
#[test]
fn the_time_for_the_disk_is_taken_from_no_phase_twice() {
    let origin = Origin::start().script("/", Script::ok(bytes(2 << 20)));
    for mode in MODES {
        let dir = folder();
        saving(mode, dir.path())
            .list([origin.url("/")])
            .json(|records| {
                let phases = records[0]["phases"].as_object().expect("phases");
                let sum: f64 = phases.values().filter_map(serde_json::Value::as_f64).sum();
                let total = records[0]["time_total"].as_f64().expect("a time");
                assert!((sum - total).abs() < 0.000_02, "{sum} {total}: {phases:?}");
            })
            .stderr("")
            .status(0);
    }
}

#[test]
fn names_of_hostile_urls_stay_in_the_folder() {
    let long = format!("/{}.tar.gz", "x".repeat(300));
    let rows = [
        ("/../../etc/passwd", "etc-passwd"),
        ("/%2e%2e%2f%2e%2e%2fetc/passwd", "2e-2e-2f-2e-2e-2fetc-passwd"),
        ("/..%5c..%5cboot.ini", "5c.5cboot.ini"),
        ("/%00", "00"),
        ("/a%0ab%1b[31m", "a-0ab-1b-31m"),
        ("/%ff%fe", "ff-fe"),
        ("/-rf", "rf"),
        ("/~root/con", "root-con"),
        ("/a?b=/../c", "a"),
        ("//", ""),
        ("/CON.TXT", "con.txt"),
        ("/con.txt", "con.txt"),
        ("/con.txt", "con.txt"),
        (&long, "x.gz"),
    ];
    // The last script answers what the origin has no other for.
    let mut origin = Origin::start();
    for path in ["/etc/passwd", "/", "//", "/a", "/~root/con", "/-rf", "/CON.TXT", "/con.txt", long.as_str()]
    {
        origin.add(path, Script::ok("hello"));
    }
    for path in ["/%2e%2e%2f%2e%2e%2fetc/passwd", "/..%5c..%5cboot.ini", "/%00", "/a%0ab%1b[31m", "/%ff%fe"] {
        origin.add(path, Script::ok("hello"));
    }
    for mode in MODES {
        let around = folder();
        let dir = around.path().join("in");
        let list = rows.iter().map(|(path, _)| origin.url(path));
        saving(mode, &dir).list(list).any_stdout().stderr("").status(0);
        assert_eq!(names(around.path()), ["in"], "{mode}");
        let names = names(&dir);
        assert_eq!(names.len(), rows.len(), "{mode}: {names:?}");
        for (n, (name, (_, end))) in names.iter().zip(&rows).enumerate() {
            let dash = if end.is_empty() { "" } else { "-" };
            let whole = format!("{n:05}-127.0.0.1{dash}{end}");
            assert!(
                *name == whole || end.len() > 3 && name.len() <= 200 && name.ends_with(end),
                "{name} for {whole}"
            );
            assert_eq!(fs::read(dir.join(name)).unwrap(), b"hello");
        }
    }
}

#[test]
fn what_is_there_is_never_replaced_and_never_followed() {
    let origin =
        Origin::start().script("/small", Script::ok("hello")).script("/large", Script::ok(bytes(1 << 20)));
    for mode in MODES {
        let (dir, elsewhere) = (folder(), folder());
        let target = elsewhere.path().join("precious");
        fs::write(&target, "precious").unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("00000-127.0.0.1-small"), "mine").unwrap();
        symlink(&target, at("00001-127.0.0.1-large")).unwrap();
        symlink(elsewhere.path().join("none"), at("00002-127.0.0.1-small")).unwrap();
        symlink(&target, at(".00003-127.0.0.1-small.part")).unwrap();
        symlink(&target, at(".00004-127.0.0.1-large.part")).unwrap();
        fs::create_dir(at("00005-127.0.0.1-large")).unwrap();
        let before = names(dir.path());
        let paths = ["/small", "/large", "/small", "/small", "/large", "/large", "/small"];
        let shown = dir.path().to_string_lossy().into_owned();
        saving(mode, dir.path())
            .list(paths.iter().map(|path| origin.url(path)))
            .json(move |records| {
                for record in &records[..6] {
                    assert_eq!(came_to(record), "write (write)", "{record}");
                    assert!(record["filename_effective"].is_null());
                }
                assert_eq!(came_to(&records[6]), "pass 5");
                let message =
                    format!("{shown}/00000-127.0.0.1-small: is there already, and nothing is replaced");
                assert_eq!(records[0]["error"]["message"], message);
            })
            .any_stderr()
            .status(5);
        let mut expected = before;
        expected.push("00006-127.0.0.1-small".to_owned());
        expected.sort();
        assert_eq!(names(dir.path()), expected, "{mode}");
        assert_eq!(fs::read(at("00000-127.0.0.1-small")).unwrap(), b"mine");
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        assert_eq!(names(elsewhere.path()), ["precious"]);
    }
}

#[test]
fn only_a_url_that_passed_leaves_a_file() {
    let large = bytes(1 << 20);
    let cut = |n: usize| "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n".then(&large[..n]).then_fin();
    let gzip = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 18\r\n\r\nno gzip whatsoever";
    let not_found = "HTTP/1.1 404 Not Found\r\nContent-Length: 1048576\r\n\r\n".then(&large).keep_alive();
    let origin = Origin::start()
        .script("/cut", cut(9))
        .script("/cut-late", cut(1 << 19))
        .script("/reset", "HTTP/1.1 200 OK\r\n\r\n".then(&large).then_rst())
        .script("/too-long", "HTTP/1.1 200 OK\r\n\r\n".then_forever(&large))
        .script("/gzip", gzip.keep_alive())
        .script("/404", not_found)
        .script("/500", Script::status(500))
        .script(
            "/stalls",
            "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n".then(&large[..1 << 19]).then_hang(),
        )
        .script("/ok", Script::ok("hello"));
    let paths = ["/cut", "/cut-late", "/reset", "/too-long", "/gzip", "/404", "/500", "/stalls", "/ok"];
    for mode in MODES {
        let dir = folder();
        saving(mode, dir.path())
            .args(["--compressed", "--max-filesize", "2MiB", "--stall", "0.5"])
            .list(paths.iter().map(|path| origin.url(path)))
            .stdout("5 bytes received from {origin}/ok.\n")
            .any_stderr()
            .status(1);
        assert_eq!(names(dir.path()), ["00008-127.0.0.1-ok"], "{mode}");
    }
}

#[test]
fn a_full_disk_fails_what_is_too_long_for_it_and_nothing_else() {
    let origin = Origin::start()
        .script("/fits", Script::ok(bytes(200 << 10)))
        .script("/large", Script::ok(bytes(600 << 10)))
        .script("/just", Script::ok(bytes(256 << 10)))
        .script("/over", Script::ok(bytes((256 << 10) + 1)));
    for mode in MODES {
        let dir = folder();
        // 512 blocks are 256 KiB.
        saving(mode, dir.path())
            .largest_file(512)
            .list(["/fits", "/large", "/just", "/over"].map(|path| origin.url(path)))
            .stdout("204800 bytes received from {origin}/fits.\n262144 bytes received from {origin}/just.\n")
            .stderr_has("{origin}/large: write (write): ")
            .stderr_has("/.00003-127.0.0.1-over.part: file too large (")
            .status(5);
        assert_eq!(names(dir.path()), ["00000-127.0.0.1-fits", "00002-127.0.0.1-just"], "{mode}");
    }
}

#[test]
fn a_failure_to_write_does_not_hide_another() {
    let origin = Origin::start().script("/large", Script::ok(bytes(600 << 10)));
    for mode in MODES {
        let dir = folder();
        saving(mode, dir.path())
            .largest_file(512)
            .list(["/large", "/404"].map(|path| origin.url(path)))
            .stdout("")
            .stderr_has("/large: write (write): ")
            .stderr_has("/404: status (check): ")
            .status(1);
        assert_eq!(names(dir.path()), Vec::<String>::new(), "{mode}");
    }
}

#[test]
fn a_folder_that_cannot_be_one_is_told_before_any_request() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    for (dir, why) in [
        ("list", "greenfetch: --output-dir: list: is not a directory\n"),
        ("list/below", "greenfetch: --output-dir: list/below: not a directory\n"),
        ("/proc/none", "greenfetch: --output-dir: /proc/none: no such file or directory\n"),
    ] {
        let chain = Greenfetch::new().args(["--output-dir", dir]).list([origin.url("/")]);
        chain.in_every_mode().stdout("").stderr(why).status(2);
    }
    assert_eq!(origin.requests("/"), 0);
}

#[test]
fn a_folder_may_be_deep_and_a_link() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    for mode in MODES {
        let around = folder();
        let deep = around.path().join("a/b/c");
        saving(mode, &deep).list([origin.url("/")]).any_stdout().stderr("").status(0);
        let link = around.path().join("link");
        symlink(&deep, &link).unwrap();
        saving(mode, &link).list([origin.url("/"), origin.url("/")]).any_stdout().any_stderr().status(5);
        assert_eq!(names(&deep), ["00000-127.0.0.1", "00001-127.0.0.1"], "{mode}");
    }
}

#[test]
fn a_signal_leaves_what_is_done_and_no_part_of_what_is_not() {
    let large = bytes(1 << 20);
    for mode in ["threads", "coroutines"] {
        let origin = Origin::start()
            .script("/ok", Script::ok("hello"))
            .script("/half", "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n".then(&large).then_hang());
        let dir = folder();
        let half = (0..5).map(|_| origin.url("/half"));
        let list = std::iter::once(origin.url("/ok")).chain(half);
        let mut running = saving(mode, dir.path()).list(list).spawn();
        assert!(running.next_stdout_line().is_some_and(|line| line.starts_with("5 bytes")));
        wait_for("five files that are begun", || {
            names(dir.path()).iter().filter(|name| name.ends_with(".part")).count() == 5
        });
        running.signal(libc::SIGINT);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
        assert_eq!(names(dir.path()), ["00000-127.0.0.1-ok"], "{mode}");
    }
}

/// What no pipe tells has to be looked at again and again; how long it takes proves nothing.
pub(crate) fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_reader_of_the_lines_that_leaves_does_not_end_what_is_saved() {
    for mode in MODES {
        let gate = Gate::new();
        let later = Script::nothing()
            .wait_for(&gate)
            .then("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .keep_alive();
        let origin = Origin::start().script("/ok", Script::ok("hello")).script("/later", later);
        let dir = folder();
        let list = std::iter::once(origin.url("/ok")).chain((0..3).map(|_| origin.url("/later")));
        let mut running = saving(mode, dir.path()).list(list).spawn();
        assert!(running.next_stdout_line().is_some());
        running.close_stdout();
        gate.open();
        let finished = running.finish();
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{}", finished.story);
        assert_eq!(names(dir.path()).len(), 4, "{mode}");
    }
}
