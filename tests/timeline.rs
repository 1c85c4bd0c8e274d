//! `--timeline`: pictures of a run, in files and on a terminal, alone and of several modes.
//!
//! Knows what must be there. How it looks is tested where it is drawn.

use std::fs;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

fn origin() -> Origin {
    let cut = Script::nothing().then("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").then_fin();
    Origin::start()
        .script("/ok", Script::ok("hello"))
        .script("/moved", Script::redirect(302, "/ok"))
        .script("/cut", cut)
}

#[test]
fn every_form_shows_every_url_in_every_mode() {
    for mode in ["coroutines", "threads", "sync"] {
        let origin = origin();
        let dir = tempfile::tempdir().unwrap();
        let [svg, html] = ["new/t.svg", "t.html"].map(|name| dir.path().join(name));
        let finished = Greenfetch::new()
            .args(["--mode", mode, "--timeline", svg.to_str().unwrap(), "--timeline", html.to_str().unwrap()])
            .args(["--timeline", "-", "--ascii"])
            .list(["/ok", "/moved", "/cut"].map(|path| origin.url(path)))
            .spawn()
            .finish();
        assert_eq!(finished.status, Some(1), "{}", finished.story);
        for (name, picture) in
            [("svg", fs::read_to_string(svg).unwrap()), ("html", fs::read_to_string(html).unwrap())]
        {
            for expected in ["3 URLs (1 failed) in ", ">/ok<", ">/moved<", ">/cut<", "✕ closed", "viewBox="]
            {
                assert!(picture.contains(expected), "{expected} in {name}:\n{picture}");
            }
        }
        let (lines, drawing) = finished.stdout.split_once("\n. queue").expect("a drawing after the results");
        assert_eq!(lines.lines().count(), 2, "{}", finished.story);
        assert!(drawing.is_ascii() && drawing.contains("\n/cut ") && drawing.contains('!'), "{drawing}");
    }
}

#[test]
fn among_records_the_drawing_goes_to_stderr_in_the_columns_that_there_are() {
    let origin = origin();
    let finished = Greenfetch::new()
        .args(["--json", "--timeline", "-"])
        .env("COLUMNS", "50")
        .list([origin.url("/ok"), origin.url("/moved")])
        .spawn()
        .finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
    assert!(finished.stdout.lines().all(|line| line.starts_with('{')), "{}", finished.story);
    assert!(finished.stderr.contains("2 URLs in "), "{}", finished.story);
    assert!(finished.stderr.lines().all(|line| line.chars().count() <= 50), "{}", finished.story);
}

#[test]
fn a_picture_that_cannot_be_begun_or_finished_is_told_by_its_name() {
    let origin = origin();
    let dir = tempfile::tempdir().unwrap();
    let taken = dir.path().join("folder.svg");
    fs::create_dir(&taken).unwrap();
    let refused = Greenfetch::new()
        .args(["--timeline", taken.to_str().unwrap()])
        .list([origin.url("/ok")])
        .spawn()
        .finish();
    assert_eq!(refused.status, Some(2), "{}", refused.story);
    assert!(refused.stderr.contains("folder.svg"), "{}", refused.story);
    assert_eq!(origin.requests("/ok"), 0);

    let same = dir.path().join("same.html");
    let both = ["--timeline", same.to_str().unwrap(), "--timeline", same.to_str().unwrap()];
    let twice = Greenfetch::new().args(both).list([origin.url("/ok")]).spawn().finish();
    assert_eq!(twice.status, Some(2), "{}", twice.story);
    assert!(twice.stderr.contains("same file"), "{}", twice.story);

    let full = dir.path().join("full.svg");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let unfinished = Greenfetch::new()
        .args(["--timeline", full.to_str().unwrap()])
        .list([origin.url("/ok")])
        .spawn()
        .finish();
    assert_eq!(unfinished.status, Some(5), "{}", unfinished.story);
    assert!(unfinished.stderr.contains("cannot write the timeline"), "{}", unfinished.story);
    assert!(unfinished.stdout.ends_with("/ok.\n"), "{}", unfinished.story);
}

#[test]
fn a_comparison_has_a_lane_for_each_mode_on_one_axis() {
    let origin = origin();
    let dir = tempfile::tempdir().unwrap();
    let svg = dir.path().join("t.svg");
    let finished = Greenfetch::new()
        .args(["--compare=sync,coroutines", "--runs", "1", "--timeline", svg.to_str().unwrap()])
        .args(["--timeline", "-"])
        .list([origin.url("/ok"), origin.url("/moved")])
        .spawn()
        .finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
    let picture = fs::read_to_string(svg).unwrap();
    for expected in ["sync: 2 URLs in ", "coroutines: 2 URLs in "] {
        assert!(picture.contains(expected), "{expected} in\n{picture}");
        assert!(finished.stdout.contains(expected), "{}", finished.story);
    }
    assert_eq!(picture.matches("in flight, at most").count(), 2);
}
