//! Prometheus's text format, for `node_exporter`'s textfile collector, with `blackbox_exporter`'s names.
//!
//! Knows those names and how labels are escaped. Refuses to know when it was scraped: the collector takes no timestamps.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::rows::{Row, Whole};
use crate::outcome::Kind;
use crate::sanitize::escape;

/// A metric: its name, what it says, and its value for a row; `None` where it has none.
struct Metric {
    name: &'static str,
    help: &'static str,
    value: fn(&Row) -> Option<f64>,
}

/// As `blackbox_exporter` names them.
const METRICS: [Metric; 11] = [
    metric("probe_success", "Displays whether or not the probe was a success", |row| {
        Some(f64::from(u8::from(row.kind == Kind::Pass)))
    }),
    metric("probe_duration_seconds", "Returns how long the probe took to complete in seconds", |row| {
        Some(row.time_total)
    }),
    metric(
        "probe_dns_lookup_time_seconds",
        "Returns the time taken for probe dns lookup in seconds",
        |row| Some(row.phases.dns.unwrap_or(0.0)),
    ),
    metric("probe_http_status_code", "Response HTTP status code", |row| {
        Some(row.response_code.map_or(0.0, f64::from))
    }),
    metric("probe_http_version", "Returns the version of HTTP of the probe response", |row| {
        Some(row.http_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0.0))
    }),
    metric("probe_http_content_length", "Length of http content response", |row| {
        Some(row.size_download as f64)
    }),
    metric("probe_http_uncompressed_body_length", "Length of uncompressed response body", |row| {
        Some(row.size_delivered as f64)
    }),
    metric("probe_http_redirects", "The number of redirects", |row| Some(row.num_redirects as f64)),
    metric("probe_http_ssl", "Indicates if SSL was used for the final redirect", |row| {
        Some(f64::from(u8::from(row.is_tls)))
    }),
    metric("probe_ssl_earliest_cert_expiry", "Returns last SSL chain expiry in unixtime", |row| {
        row.cert_expiry.map(|seconds| seconds as f64)
    }),
    // The one name of our own.
    metric("greenfetch_tries", "How often it was tried, 0 for what never began", |row| {
        Some(row.tries as f64)
    }),
];

const fn metric(name: &'static str, help: &'static str, value: fn(&Row) -> Option<f64>) -> Metric {
    Metric { name, help, value }
}

/// All metrics of all rows, a family after another.
pub(super) fn write(whole: Whole<'_>, out: &mut dyn Write) -> io::Result<()> {
    let labels: Vec<String> = whole.rows.iter().map(labels).collect();
    for metric in &METRICS {
        head(metric.name, metric.help, out)?;
        for (row, labels) in whole.rows.iter().zip(&labels) {
            if let Some(value) = (metric.value)(row) {
                writeln!(out, "{}{{{labels}}} {value}", metric.name)?;
            }
        }
    }
    let name = "probe_http_duration_seconds";
    head(name, "Duration of http request by phase, summed over all redirects", out)?;
    for (row, labels) in whole.rows.iter().zip(&labels) {
        for (phase, seconds) in phases(row) {
            writeln!(out, "{name}{{phase=\"{phase}\",{labels}}} {seconds}")?;
        }
    }
    Ok(())
}

fn head(name: &str, help: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")
}

/// `blackbox_exporter`'s five; sending counts for the processing, as its own client's does.
fn phases(row: &Row) -> [(&'static str, f64); 5] {
    let phases = &row.phases;
    let seconds = |phase: Option<f64>| phase.unwrap_or(0.0);
    [
        ("resolve", seconds(phases.dns)),
        ("connect", seconds(phases.connect)),
        ("tls", seconds(phases.tls)),
        ("processing", seconds(phases.send) + seconds(phases.wait)),
        ("transfer", seconds(phases.receive)),
    ]
}

/// `line` has the list's name too, without which two lists could give the same series twice.
fn labels(row: &Row) -> String {
    let name = row.name.as_deref().unwrap_or_default();
    let (target, name, line) = (label(&row.url), label(name), label(&row.place()));
    format!("target=\"{target}\",name=\"{name}\",line=\"{line}\"")
}

/// The three that the format escapes in a label's value; control characters are none by then.
fn label(raw: &str) -> String {
    let mut text = String::new();
    for c in escape(raw).chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '\\' => text.write_str("\\\\"),
            '"' => text.write_str("\\\""),
            '\n' => text.write_str("\\n"),
            c => text.write_char(c),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::rows::samples::Sample;
    use super::*;
    use crate::report::golden;

    fn text(sample: &Sample) -> String {
        let mut out = Vec::new();
        write(sample.whole(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// A sample line as the format has it: name, labels, value; anything else is a panic.
    fn parse(line: &str) -> (String, Vec<(String, String)>, f64) {
        let (name, rest) = line.split_once('{').expect("labels");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        let (mut labels, mut rest) = (Vec::new(), rest);
        loop {
            let (key, after) = rest.split_once("=\"").expect("a label");
            let (mut value, mut chars) = (String::new(), after.char_indices());
            let end = loop {
                match chars.next().expect("the end of a value") {
                    (_, '\\') => value.push(match chars.next() {
                        Some((_, 'n')) => '\n',
                        Some((_, c @ ('"' | '\\'))) => c,
                        other => panic!("{other:?} is escaped in {line}"),
                    }),
                    (at, '"') => break at + 1,
                    (_, c) => value.push(c),
                }
            };
            labels.push((key.to_owned(), value));
            match after[end..].strip_prefix(',') {
                Some(more) => rest = more,
                None => {
                    return (
                        name.to_owned(),
                        labels,
                        after[end..].strip_prefix("} ").unwrap().parse().unwrap(),
                    );
                }
            }
        }
    }

    #[test]
    fn one_of_everything_is_the_golden_file() {
        golden::is("report.prom", &text(&Sample::rich()));
    }

    #[test]
    #[ignore = "needs promtool: just formats"]
    fn an_outside_tool_finds_nothing_wrong() {
        let mut promtool = std::process::Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        promtool.stdin.take().unwrap().write_all(text(&Sample::rich()).as_bytes()).unwrap();
        let checked = promtool.wait_with_output().unwrap();
        assert!(
            checked.status.success() && checked.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&checked.stderr)
        );
    }

    #[test]
    fn each_family_has_one_head_and_each_series_is_there_once() {
        let text = text(&Sample::rich());
        let (mut families, mut series) = (HashMap::new(), HashSet::new());
        let mut family = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().unwrap().to_owned();
                assert_eq!(families.insert(family.clone(), 0), None, "{family} twice");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                assert_eq!(kind, format!("{family} gauge"));
            } else {
                let (name, labels, value) = parse(line);
                assert_eq!(name, family, "a series stands below its head");
                assert!(value.is_finite() && series.insert((name, labels)), "{line}");
                *families.get_mut(&family).unwrap() += 1;
            }
        }
        assert_eq!(families.len(), METRICS.len() + 1);
        assert_eq!((families["probe_success"], families["probe_http_duration_seconds"]), (10, 50));
        assert_eq!(families["probe_ssl_earliest_cert_expiry"], 1);
    }
}
