//! What a timeline says in words, whoever draws it (pure).
//!
//! Knows headings, labels and tips. Refuses to know pixels and columns.

use super::bars::Bar;
use super::lane::{Lane, Row};
use crate::stats::speed_up;
use std::time::Duration;

/// `1.20 s`, `35 ms`, `80 µs`.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 0.1 => format!("{:.0} ms", s * 1e3),
        s if s >= 1e-3 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

/// `1 URL`, `12 URLs`.
pub(super) fn urls(count: usize) -> String {
    if count == 1 { "1 URL".to_owned() } else { format!("{count} URLs") }
}

/// `threads: 12 URLs (2 failed) in 1.20 s, 6.9 times faster than one after another`.
pub(super) fn heading(lane: &Lane) -> String {
    let title = if lane.title().is_empty() { String::new() } else { format!("{}: ", lane.title()) };
    let failed = if lane.failed() == 0 { String::new() } else { format!(" ({} failed)", lane.failed()) };
    let mut heading = format!("{title}{}{failed} in {}", urls(lane.count()), seconds(lane.end()));
    let times = speed_up(whole(lane.sum()), whole(lane.end()));
    if let Some(times) = times.filter(|times| *times >= 1.05) {
        heading.push_str(&format!(", {times:.1} times faster than one after another"));
    }
    heading
}

fn whole(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// What the whole picture shows, for who cannot see it.
pub(super) fn title(lanes: &[Lane]) -> String {
    let parts: Vec<String> = lanes.iter().map(heading).collect();
    format!("Timeline of {}", parts.join("; "))
}

/// A row in full: what a pointer that rests on it shows.
pub(super) fn tip(row: &Row) -> String {
    let mut tip = format!("{}\n{}: {}", row.label, row.place, seconds(row.total));
    if let Some(failed) = &row.failed {
        tip.push_str(&format!(", failed: {failed}"));
    }
    for Bar { stretch, from, to } in &row.bars {
        tip.push_str(&format!("\n{} {}", stretch.as_str(), seconds(to - from)));
    }
    tip
}

/// How many bytes all labels begin with that need not stand in each: scheme and host, up to before a slash.
pub(super) fn common_start<'a>(mut labels: impl Iterator<Item = &'a str>) -> usize {
    let Some(first) = labels.next() else { return 0 };
    let Some(scheme) = first.find("://").map(|at| at + 3) else { return 0 };
    let Some(host) = first[scheme..].find('/').map(|at| scheme + at) else { return 0 };
    let mut others = labels.peekable();
    let is_alone = others.peek().is_none();
    if is_alone || !others.all(|label| label.len() > host && label.starts_with(&first[..=host])) {
        return 0;
    }
    host
}

/// A label in so many letters: its start and its end, which tell URLs apart best.
pub(super) fn middle_cut(label: &str, most: usize) -> String {
    let count = label.chars().count();
    if count <= most {
        return label.to_owned();
    }
    let (head, tail) = ((most - 1) / 2, most - 1 - (most - 1) / 2);
    let start: String = label.chars().take(head).collect();
    let end: String = label.chars().skip(count - tail).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_labels_begin_with_is_said_once() {
        for (labels, expected) in [
            (&["http://a/x", "http://a/y"][..], 8),
            (&["http://a/x", "http://b/y"], 0),
            (&["http://a/x", "home"], 0),
            (&["http://a/x", "http://a"], 0),
            (&["http://a/x"], 0),
            (&[], 0),
        ] {
            assert_eq!(common_start(labels.iter().copied()), expected, "{labels:?}");
        }
    }

    #[test]
    fn a_long_label_keeps_both_ends() {
        assert_eq!(middle_cut("/short", 9), "/short");
        assert_eq!(middle_cut("/some/long/path", 9), "/som…path");
        assert_eq!(middle_cut("/ü/ö/ä/é/à", 5).chars().count(), 5);
    }

    #[test]
    fn times_have_three_figures_or_so() {
        for (given, expected) in
            [(1.2, "1.20 s"), (0.5, "500 ms"), (0.0123, "12.3 ms"), (0.000_08, "80 µs"), (0.0, "0 µs")]
        {
            assert_eq!(seconds(given), expected);
        }
    }
}
