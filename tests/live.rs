//! `--live` at a terminal and without one: what stands on the screen while a run lasts, and what is left of it.
//!
//! Knows screens and lines. Refuses to know how often they are drawn.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::terminal::{CTRL_C, Terminal};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Who takes signals, which is nobody's affair here.
const SIGNALS: &str = "signals";

/// One URL that passes, one that fails, and some that wait for the gate.
fn origin() -> (Origin, Gate) {
    let gate = Gate::new();
    let origin = Origin::start()
        .script("/ok", Script::ok("hello"))
        .script("/gone", Script::status(404))
        .script("/parked", Script::nothing().wait_for(&gate).then(OK).then_fin());
    (origin, gate)
}

fn urls(origin: &Origin, n_parked: usize) -> Vec<String> {
    let hostile = format!("{}?\u{202e}\u{1f980}{}", origin.url("/parked"), "x".repeat(100));
    let parked = (0..n_parked).map(|_| hostile.clone());
    ["/ok", "/gone"].into_iter().map(|path| origin.url(path)).chain(parked).collect()
}

/// A run of which two URLs have been told and five wait, and the screen then.
fn at_terminal(origin: &Origin, args: &[&str], size: (u16, u16)) -> (Terminal, String) {
    let chain = Greenfetch::new().with_summary().args(["-m", "0", "-j", "7"]).args(args.iter().copied());
    let terminal = chain.list(urls(origin, 5)).spawn_at_terminal(size.0, size.1);
    origin.wait_for_requests("/parked", 5);
    // The results too: an interrupt throws away what the terminal has not read (termios(3), NOFLSH), and the bar may be
    // drawn before them.
    let words = [" 2/7 ", "s 5 in ", " bytes received from ", "/gone"];
    let is_drawn = |text: &str| words.iter().all(|word| text.contains(word));
    let screen = terminal.wait_for(is_drawn);
    (terminal, screen)
}

/// Lines of a screen with what only the bar and what stands above it say.
fn of_the_bar(screen: &str) -> Vec<&str> {
    screen.lines().filter(|line| line.contains('█') || line.contains("/7 slots")).collect()
}

#[test]
fn at_a_terminal_the_longest_stand_between_results_and_the_bar() {
    let (origin, gate) = origin();
    let (terminal, _) = at_terminal(&origin, &["--live"], (24, 80));
    let screen =
        terminal.wait_for(|text| text.contains("5/7 slots, ") && text.matches("  wait  ").count() == 5);
    let lines: Vec<&str> = screen.lines().collect();
    let places = [" bytes received from ", "/gone: status", "/7 slots", "  wait  ", " in flight"];
    let places = places.map(|words| lines.iter().position(|line| line.contains(words)));
    assert!(places.is_sorted() && places[0].is_some(), "{screen}");
    assert!(screen.contains("; wait 5\n"), "{screen}");
    let longest: Vec<&str> = lines.iter().copied().filter(|line| line.contains("  wait  ")).collect();
    assert!(longest.iter().all(|line| line.chars().count() < 80 && line.is_ascii() || line.ends_with('…')));
    assert!(longest[0].contains("/parked?%E2%80%AE%F0%9F%A6%80xxx"), "{screen}");
    gate.open();
    let left = terminal.finish();
    assert_eq!(left.status, Some(1), "{}", left.screen);
    assert_eq!(of_the_bar(&left.screen), [""; 0], "{}", left.screen);
    assert!(left.screen.contains("\n6 passed, 1 failed; "), "{}", left.screen);
}

/// Nobody but the main thread goes on, and the clock of those that are parked does.
#[test]
fn the_screen_goes_on_while_nobody_in_the_run_does() {
    let (origin, gate) = origin();
    for mode in ["coroutines", "threads"] {
        let (terminal, _) = at_terminal(&origin, &["--live", "--mode", mode], (24, 80));
        let held = terminal.hold_threads_but(&[SIGNALS]);
        let clocks = |screen: &str| -> Vec<String> {
            let rows = screen.lines().filter(|line| line.contains("  wait  "));
            rows.filter_map(|row| row.split_whitespace().next().map(str::to_owned)).collect()
        };
        let before = clocks(&terminal.wait_for(|screen| clocks(screen).len() == 5));
        terminal.wait_for(|screen| clocks(screen).iter().all(|clock| !before.contains(clock)));
        drop(held);
    }
    gate.open();
}

#[test]
fn an_interrupt_leaves_nothing_of_the_bar() {
    let (origin, _gate) = origin();
    for (args, size) in [(&[][..], (100, 80)), (&["--live"], (100, 80)), (&["--live"], (100, 40))] {
        let (mut terminal, _) = at_terminal(&origin, args, size);
        terminal.press(CTRL_C);
        let left = terminal.finish();
        assert_eq!(left.signal, Some(libc::SIGINT), "{}", left.screen);
        assert_eq!(of_the_bar(&left.screen), [""; 0], "{}", left.screen);
        let first = "5 bytes received from ";
        assert_eq!(left.screen.matches(first).count(), 1, "{}", left.screen);
        assert!(left.screen.contains("greenfetch: 5 URLs unfinished: "), "{}", left.screen);
    }
}

#[test]
fn without_a_terminal_or_bar_there_are_lines_and_none_with_q() {
    let (origin, gate) = origin();
    let chain = Greenfetch::new().with_summary().args(["--live", "-m", "0", "-j", "7"]);
    let mut running = chain.list(urls(&origin, 5)).spawn();
    origin.wait_for_requests("/parked", 5);
    assert!(running.next_stdout_line().is_some());
    running.wait_for_stderr("/gone: status ");
    let held = running.hold_threads_but(&[SIGNALS]);
    running.wait_for_stderr("live: 2 URLs finished, ");
    running.wait_for_stderr("/7 slots; wait 5; longest ");
    drop(held);
    let chain =
        Greenfetch::new().with_summary().args(["--live", "--no-progress-meter", "-m", "0", "-j", "7"]);
    let terminal = chain.list(urls(&origin, 5)).spawn_at_terminal(24, 80);
    let screen = terminal.wait_for(|text| text.contains("/7 slots; ") && text.contains("; longest "));
    assert!(screen.contains("live: ") && !screen.contains("in flight"), "{screen}");
    gate.open();
    assert_eq!((running.finish().status, terminal.finish().status), (Some(1), Some(1)));
    for size in [(24, 80), (5, 20)] {
        let terminal =
            Greenfetch::new().args(["--live"]).list([origin.url("/ok")]).spawn_at_terminal(size.0, size.1);
        let left = terminal.finish();
        let line = format!("5 bytes received from {}.", origin.url("/ok"));
        assert_eq!((left.screen.replace('\n', ""), left.status), (line, Some(0)));
    }
}
