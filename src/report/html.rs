//! One HTML file that needs nothing else: a picture of a run's time, and its table, failures first.
//!
//! Knows HTML, and that a browser is to run nothing but the script of this very file. Refuses to show more rows than one
//! opens: what passed beyond some thousands is counted.

use std::io::{self, Write};
use std::time::Duration;

use super::figures::{bytes, count, seconds};
use super::headline::{headline, is_bad, missed};
use super::rows::{Row, Whole, worst_first};
use super::timeline;
use crate::outcome::Kind;
use crate::sanitize::escape;

/// So many URLs that passed are shown. On two busy cores Chromium took 4 s to draw 3 100 rows, 10 s for 20 000 and 64 s
/// for 100 000 (2026-11).
const MOST_PASSED: usize = 3_000;
/// So many that did not.
const MOST_SAD: usize = 20_000;

const STYLE: &str = include_str!("html.css");
const SCRIPT: &str = include_str!("html.js");
/// SHA-256 of [`STYLE`], as a Content-Security-Policy names it (CSP 3 §8.3); a test says what it has to be.
const STYLE_HASH: &str = "bz9EzDkmn78fh52Hbs2B0U21HvBUXAptcvQJHeKh5mc=";
/// Of the picture's own style.
const PICTURE_HASH: &str = "pM9/ft8Egj7dzqYY4ezkmtwGJ0M+F8LDjBwj1GcualY=";
/// Of [`SCRIPT`].
const SCRIPT_HASH: &str = "l1marAGzh5kpC/N4UrjgUcU0y14W5wZX3zLld16bC5A=";

/// What the names of columns are, and whether they hold numbers.
const COLUMNS: [(&str, bool); 6] =
    [("Result", false), ("Line", false), ("URL", false), ("Status", true), ("Bytes", true), ("Time", true)];

/// The whole page.
pub(super) fn write(whole: Whole<'_>, out: &mut dyn Write) -> io::Result<()> {
    begin(&title(whole), out)?;
    heading(whole, out)?;
    picture(whole, out)?;
    let sorted = worst_first(whole.rows);
    let n_sad = sorted.partition_point(|row| row.kind != Kind::Pass);
    let (sad, passed) = sorted.split_at(n_sad);
    let (sad_left, passed_left) = (left_out(sad, MOST_SAD), left_out(passed, MOST_PASSED));
    if sad_left + passed_left > 0 {
        let urls = |n: usize, what| {
            if n > 0 { format!("{} that {what}", count(n as u64, "URL", "URLs")) } else { String::new() }
        };
        let left = [urls(sad_left, "did not pass"), urls(passed_left, "passed")];
        let left = left.iter().filter(|words| !words.is_empty()).map(String::as_str).collect::<Vec<_>>();
        writeln!(
            out,
            "<p><strong>Not shown: {}.</strong> The jsonl report has them all.</p>",
            left.join(", and ")
        )?;
    }
    form(sad, out)?;
    table_head(out)?;
    for row in sad.iter().take(MOST_SAD).chain(passed.iter().take(MOST_PASSED)) {
        write_row(row, out)?;
    }
    writeln!(out, "</tbody></table>\n<script>{SCRIPT}</script>\n</body></html>")
}

/// The head of a page in which nothing from outside can act, whatever got through.
fn begin(title: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{STYLE_HASH}' \
         'sha256-{PICTURE_HASH}';          script-src 'sha256-{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}</title>\n<style>{STYLE}</style></head><body>",
        text(title)
    )
}

fn title(whole: Whole<'_>) -> String {
    format!("greenfetch: {}", headline(whole.summary))
}

fn heading(whole: Whole<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (run, summary) = (whole.run, whole.summary);
    let class = if is_bad(summary) { " class=\"bad\"" } else { "" };
    writeln!(out, "<h1{class}>{}</h1>", text(&title(whole)))?;
    let counts = [
        (summary.passed, "passed"),
        (summary.failed, "failed"),
        (summary.soft, "soft"),
        (summary.cancelled, "cancelled"),
    ];
    let counts: Vec<_> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    write!(out, "<p>{}; {} in {}", counts.join(", "), bytes(summary.size_delivered), time(summary.wall))?;
    for (name, value) in [("p50", summary.p50), ("p95", summary.p95), ("p99", summary.p99)] {
        if let Some(value) = value {
            write!(out, ", {name} {}", time(value))?;
        }
    }
    if let Some(stop) = &summary.stop {
        write!(out, "; stopped by {}", text(stop))?;
    }
    for (gate, words) in missed(summary) {
        write!(out, "</p>\n<p>slo {} missed: {}", text(gate), text(&words))?;
    }
    let sources = run.sources.join(", ");
    let among = if run.processes > 1 { format!(" in {} processes", run.processes) } else { String::new() };
    writeln!(
        out,
        "</p>\n<p>{} from {}, {} with {} at once{among}, exit status {}, run {}, greenfetch {}</p>",
        text(&run.started_at),
        text(&sources),
        text(&run.mode),
        run.jobs,
        summary.exit_status,
        text(&run.run_id),
        text(&run.version)
    )
}

/// Open where there is nothing more urgent to see.
fn picture(whole: Whole<'_>, out: &mut dyn Write) -> io::Result<()> {
    let open = if whole.summary.failed + whole.summary.cancelled > 0 { "" } else { " open" };
    writeln!(
        out,
        "<details{open}><summary>Timeline: {}</summary>\n{}</details>",
        text(&timeline::heading(whole.lane)),
        timeline::svg(std::slice::from_ref(whole.lane))
    )
}

fn left_out(rows: &[&Row], most: usize) -> usize {
    rows.len().saturating_sub(most)
}

/// Hidden until the script is there to do what it offers.
fn form(sad: &[&Row], out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "<form hidden role=\"search\"><input type=\"search\" name=\"search\" placeholder=\"Search (press /)\" \
         aria-label=\"Search all columns\">"
    )?;
    let kinds = [Kind::Fail, Kind::Cancelled, Kind::Soft, Kind::Pass];
    let is_there = |kind: Kind| kind == Kind::Pass || sad.iter().any(|row| row.kind == kind);
    for kind in kinds.into_iter().filter(|kind| is_there(*kind)) {
        let word = kind.as_str();
        write!(out, "<label><input type=\"checkbox\" value=\"{word}\" checked> {word}</label>")?;
    }
    writeln!(out, "<span id=\"shown\" role=\"status\"></span></form>")
}

fn table_head(out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<table><thead><tr>")?;
    for (name, is_number) in COLUMNS {
        let class = if is_number { " class=\"n\"" } else { "" };
        write!(out, "<th scope=\"col\"{class}>{name}</th>")?;
    }
    writeln!(out, "</tr></thead><tbody>")
}

fn write_row(row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let (kind, mark) = (row.kind.as_str(), mark(row.kind));
    write!(
        out,
        "<tr class=\"{kind}\"><td class=\"what\" data-key=\"{}\">{mark} {kind}</td>",
        rank(row.kind)
    )?;
    write!(out, "<td class=\"place\" data-key=\"{}\">{}</td>", row.urlnum, text(&row.place()))?;
    write!(out, "<td class=\"url\">")?;
    if let Some(name) = &row.name {
        write!(out, "<strong>{}</strong> ", text(name))?;
    }
    write!(out, "{} {}", text(&row.method), text(&row.url))?;
    if let Some(failure) = &row.failure {
        write!(out, "<div class=\"why\">{}</div>", text(&failure.words()))?;
    }
    let tries = if row.tries > 1 { format!(" ({} tries)", row.tries) } else { String::new() };
    let status = row.response_code.map_or_else(|| "–".to_owned(), |code| code.to_string());
    let numbers = [
        (f64::from(row.response_code.unwrap_or(0)), status),
        (row.size_delivered as f64, bytes(row.size_delivered)),
        (row.time_total, time(row.time_total) + &tries),
    ];
    write!(out, "</td>")?;
    for ((name, _), (key, shown)) in COLUMNS[3..].iter().zip(numbers) {
        write!(out, "<td class=\"n\" data-name=\"{name}\" data-key=\"{key}\">{shown}</td>")?;
    }
    writeln!(out, "</tr>")
}

/// Told apart by shape, not by colour alone.
fn mark(kind: Kind) -> &'static str {
    match kind {
        Kind::Pass => "✓",
        Kind::Fail => "✗",
        Kind::Soft => "!",
        Kind::Cancelled => "–",
    }
}

fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Fail => 0,
        Kind::Cancelled => 1,
        Kind::Soft => 2,
        Kind::Pass => 3,
    }
}

fn time(duration: f64) -> String {
    seconds(Duration::try_from_secs_f64(duration).unwrap_or_default())
}

/// Text from outside as text, in an element or a quoted attribute (OWASP, "Cross Site Scripting Prevention").
pub(super) fn text(raw: &str) -> String {
    let escaped = escape(raw);
    let mut safe = String::with_capacity(escaped.len());
    for c in escaped.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::super::rows::samples::Sample;
    use super::*;
    use crate::report::golden;

    fn page(sample: &Sample) -> String {
        let mut out = Vec::new();
        write(sample.whole(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// What a Content-Security-Policy calls a text, by coreutils.
    fn hash(content: &str) -> String {
        let pipeline = "sha256sum | cut -c1-64 | tr a-f A-F | basenc --base16 -d | base64 -w0";
        let mut shell = Command::new("sh")
            .args(["-c", pipeline])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(content.as_bytes()).unwrap();
        String::from_utf8(shell.wait_with_output().unwrap().stdout).unwrap()
    }

    #[test]
    fn one_of_everything_is_the_golden_file() {
        golden::is("report.html", &page(&Sample::rich()));
    }

    #[test]
    fn several_processes_are_told_of() {
        let mut sample = Sample::rich();
        assert!(!page(&sample).contains("processes"));
        sample.run.processes = 4;
        assert!(page(&sample).contains("coroutines with 50 at once in 4 processes, exit status 1"));
    }

    #[test]
    fn the_policy_allows_this_style_and_this_script_alone() {
        assert_eq!((STYLE_HASH, SCRIPT_HASH), (hash(STYLE).as_str(), hash(SCRIPT).as_str()));
        assert_eq!(PICTURE_HASH, hash(timeline::STYLE));
        let page = page(&Sample::rich());
        assert_eq!((page.matches("<script").count(), page.matches("<style").count()), (1, 2));
        assert!(page.contains("default-src 'none'") && page.contains(timeline::STYLE));
        // A look of the picture is an element of this very page.
        let page = page.replace("url(#", "");
        for outside in ["src=", "href=", "url(", "@import", " style=", " onclick"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn nothing_from_outside_is_an_element_or_a_control_character() {
        let page = page(&Sample::rich());
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(!page.contains("<script>alert") && !page.contains(['\u{1b}', '\u{202e}', '\0']));
    }

    #[test]
    fn of_a_long_list_what_passed_is_counted_and_what_failed_is_shown() {
        let mut sample = Sample::long(100_000);
        sample.rows.extend(Sample::rich().rows);
        let page = page(&sample);
        assert!(page.len() < 2_000_000, "{}", page.len());
        assert_eq!(page.matches("<tr class=\"fail\">").count(), 3);
        assert!(page.contains("all 100000 URLs: when each began"), "a picture that stays small");
        assert!(page.contains("Not shown: 97004 URLs that passed."), "{}", &page[..9_000]);
    }
}
