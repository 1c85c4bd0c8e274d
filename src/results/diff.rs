//! `greenfetch diff`: what became of each URL from one run to another, a line each.
//!
//! Knows sentences, and that a regression is exit 4. Refuses to decide what one is (`differences`).

use std::fmt::Write as _;
use std::io::Write;

use super::again::print;
use super::differences::{Change, Difference, Differences, connected_alike};
use super::pairs::{Pair, pairs};
use super::{Results, document, reading};
use crate::config::{Config, Verbosity};
use crate::exit::ExitStatus;
use crate::record::Record;
use crate::report::{Streams, bytes, count, json_line, seconds};
use crate::sanitize::{escape, shorten};
use crate::stats::Shift;

/// So much of a cause or a URL that changed is shown.
const MOST_CHARS: usize = 300;

/// Kinds of lines in the order in which they come, the worst first, and the changes that each tells.
const KINDS: [(&str, &[Change]); 7] = [
    ("newly failing", &[Change::NewlyFailing]),
    ("slower", &[Change::Slower]),
    ("fixed", &[Change::Fixed]),
    ("faster", &[Change::Faster]),
    ("changed", DETAILS),
    ("removed", &[Change::Removed]),
    ("added", &[Change::Added]),
];

const DETAILS: &[Change] =
    &[Change::Failure, Change::Method, Change::Status, Change::Size, Change::Hash, Change::FinalUrl];

/// Compares two runs that are over, the operands; with `--json` as one document.
///
/// # Errors
/// A sentence for exit 2: results that cannot be read.
pub fn diff(config: &Config, mut streams: Streams) -> Result<ExitStatus, String> {
    let [old, new] = &config.operands[..] else { return Err("two results are compared".to_owned()) };
    let (old, new) = (reading::read(old)?, reading::read(new)?);
    let differences = Differences::of(&pairs(&old.records, &new.records));
    let output = &config.output;
    let gate = if differences.has_regression() { ExitStatus::Gate } else { ExitStatus::Pass };
    if output.verbosity == Verbosity::Silent {
        return Ok(gate);
    }
    // Nothing is left to say it to when standard error fails.
    let mut say =
        |text: &str| _ = streams.stderr.write_all(text.as_bytes()).and_then(|()| streams.stderr.flush());
    for words in warnings(&old, &new, &differences) {
        say(&format!("greenfetch: warning: {words}\n"));
    }
    let told = if output.json {
        json_line(&document::of(&old, &new, &differences))
    } else {
        lines(&differences).into_bytes()
    };
    let printed = print(&mut streams.stdout, &told);
    if output.verbosity >= Verbosity::Normal {
        say(&summary(&differences));
    }
    Ok(ExitStatus::worst([gate, printed]))
}

/// What is wrong with the two runs, or with holding them against each other.
fn warnings(old: &Results, new: &Results, differences: &Differences<'_>) -> Vec<String> {
    let mut warnings: Vec<String> =
        [old, new].into_iter().flat_map(|results| results.warnings.clone()).collect();
    for results in [old, new] {
        let stop = results.summary.as_ref().and_then(|summary| summary.stop.as_deref());
        warnings.extend(stop.map(|stop| {
            let name = &results.name;
            format!(
                "{name}: the run was stopped ({}): what it did not come to is missing in it",
                escape(stop)
            )
        }));
    }
    let shard = |results: &Results| results.run.as_ref().and_then(|run| run.shard.clone());
    if shard(old) != shard(new) {
        let words = |results| {
            shard(results).map_or_else(|| "the whole list".to_owned(), |shard| format!("shard {shard}"))
        };
        warnings.push(format!(
            "{} is {}, {} is {}: what only one of them has is no change",
            old.name,
            escape(&words(old)),
            new.name,
            escape(&words(new))
        ));
    }
    if differences.compared == 0 {
        warnings.push("no URL was finished in both, so nothing was compared".to_owned());
    }
    warnings
}

/// A line for each difference, escaped; nothing when there is none.
fn lines(differences: &Differences<'_>) -> String {
    let mut text = differences.shift.map(everything).unwrap_or_default();
    for (kind, changes) in KINDS {
        for difference in differences.all.iter().filter(|difference| has_line(difference, changes)) {
            let (place, words) = (place(&difference.pair), words(difference, kind));
            // A String takes everything.
            let _ = writeln!(text, "{kind}: {place}{words}");
        }
    }
    text
}

/// Whether one of these changes has a line. Why something fails, or failed, is told there and not as a change.
fn has_line(difference: &Difference<'_>, changes: &[Change]) -> bool {
    let is_told_above = difference.has(Change::NewlyFailing) || difference.has(Change::Fixed);
    changes.iter().any(|change| difference.has(*change)) && !(changes == DETAILS && is_told_above)
}

fn everything(shift: Shift) -> String {
    let (word, times) = turned(shift.factor);
    let more = if shift.seconds < 0.0 { "less" } else { "more" };
    format!(
        "everything: {times:.1} times {word}, {} {more} (medians of {} URLs); each is judged beyond that\n",
        time(shift.seconds.abs()),
        shift.count
    )
}

/// `slower` or `faster`, and how many times.
fn turned(factor: f64) -> (&'static str, f64) {
    if factor < 1.0 { ("faster", 1.0 / factor) } else { ("slower", factor) }
}

/// `urls.txt:7: https://x.example/`, as the new run has it.
fn place(pair: &Pair<'_>) -> String {
    let Some(record) = pair.new.or(pair.old) else { return String::new() };
    let text = format!("{}:{}: {}", record.source, record.line, record.url);
    escape(&text).into_owned()
}

fn words(difference: &Difference<'_>, kind: &str) -> String {
    let Pair { old, new } = difference.pair;
    match (kind, old, new) {
        ("newly failing", _, Some(new)) => {
            let soft = if new.outcome == "soft" { " (soft)" } else { "" };
            format!(": {}{soft}", cause(new))
        }
        ("fixed", Some(old), _) => format!(": was {}", cause(old)),
        ("slower" | "faster", Some(old), Some(new)) => slower(difference, old, new),
        ("changed", Some(old), Some(new)) => {
            let details: Vec<String> =
                difference.changes.iter().filter_map(|change| detail(*change, old, new)).collect();
            format!(": {}", details.join("; "))
        }
        ("added", _, Some(new)) if new.error.is_some() => format!(": fails: {}", cause(new)),
        _ => String::new(),
    }
}

/// `status (receive): expected below 400, got 500`.
fn cause(record: &Record) -> String {
    let Some(error) = &record.error else { return record.outcome.to_string() };
    let message = record.errormsg.as_ref().unwrap_or(&error.message);
    let words = format!("{} ({}): {}", error.class, error.phase, message);
    shorten(&escape(&words), MOST_CHARS).into_owned()
}

fn slower(difference: &Difference<'_>, old: &Record, new: &Record) -> String {
    let Some(times) = difference.times else { return String::new() };
    let (word, factor) = turned(times.new / times.old);
    let part = if connected_alike(old, new) { "" } else { ", without connecting" };
    format!(": {} → {} ({factor:.1} times {word}{part})", time(times.old), time(times.new))
}

fn time(duration: f64) -> String {
    seconds(std::time::Duration::try_from_secs_f64(duration).unwrap_or_default())
}

/// What changed, from what to what; `None` for what has a line of its own.
fn detail(change: Change, old: &Record, new: &Record) -> Option<String> {
    let [from, to] = match change {
        Change::Failure => [old, new].map(cause),
        Change::Method => [old, new].map(|record| record.method.clone()),
        Change::Status => {
            [old, new].map(|record| format!("status {}", record.response_code.unwrap_or_default()))
        }
        Change::Size => sizes(old, new),
        Change::Hash => return Some("another sha256".to_owned()),
        Change::FinalUrl => [old, new].map(|record| record.url_effective.clone().unwrap_or_default()),
        _ => return None,
    };
    let [from, to] = [from, to].map(|text| shorten(&escape(&text), MOST_CHARS).into_owned());
    Some(format!("{from} → {to}"))
}

/// In words as long as they tell the two apart.
fn sizes(old: &Record, new: &Record) -> [String; 2] {
    let [from, to] = [old, new].map(|record| bytes(record.size_delivered));
    if from == to {
        return [old, new].map(|record| format!("{} bytes", record.size_delivered));
    }
    [from, to]
}

/// `20 URLs compared: 1 newly failing, 1 slower; worse than before`.
fn summary(differences: &Differences<'_>) -> String {
    let counted = |(kind, changes): &(&str, &[Change])| {
        let count = differences.all.iter().filter(|difference| has_line(difference, changes)).count();
        (count > 0).then(|| format!("{count} {kind}"))
    };
    let everything = differences.shift.map(|shift| format!("everything {}", turned(shift.factor).0));
    let mut counts: Vec<String> = everything.into_iter().chain(KINDS.iter().filter_map(counted)).collect();
    if counts.is_empty() {
        counts.push("no difference".to_owned());
    }
    if differences.unfinished > 0 {
        counts.push(format!("{} not finished in one of both", differences.unfinished));
    }
    let urls = count(differences.compared as u64, "URL", "URLs");
    let verdict = if differences.has_regression() { "; worse than before" } else { "" };
    format!("{urls} compared: {}{verdict}\n", counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Class, Failure, Phase};
    use crate::record::samples::{outcome, passed, run};

    fn pass(line: u32) -> Record {
        Record::from_outcome(&passed(line, 5), &run())
    }

    fn fail(line: u32, cause: &str) -> Record {
        Record::from_outcome(&outcome(line, Failure::new(Class::Closed, Phase::Wait, cause)), &run())
    }

    fn told(old: &[Record], new: &[Record]) -> String {
        let differences = Differences::of(&pairs(old, new));
        lines(&differences) + &summary(&differences)
    }

    #[test]
    fn each_kind_of_difference_has_its_line_and_the_worst_come_first() {
        let old: Vec<Record> = [pass(1), pass(2), fail(3, "reset"), pass(4), pass(5), pass(6)].into();
        let mut new: Vec<Record> =
            [pass(1), fail(2, "\x1b[2J"), pass(3), pass(4), pass(5), fail(7, "reset")].into();
        new[0].marks.time_total = 0.9;
        new[3].marks.time_total = 0.01;
        (new[4].response_code, new[4].size_delivered) = (Some(204), 0);
        new[4].url_effective = Some("http://b.example/".to_owned());
        let expected = "\
newly failing: urls.txt:2: http://a.example/2: closed (wait): \\x1b[2J
slower: urls.txt:1: http://a.example/1: 0.25 s → 0.90 s (3.6 times slower)
fixed: urls.txt:3: http://a.example/3: was closed (wait): reset
faster: urls.txt:4: http://a.example/4: 0.25 s → 0.010 s (25.0 times faster)
changed: urls.txt:5: http://a.example/5: status 200 → status 204; 5 bytes → 0 bytes; http://a.example/5 → http://b.example/
removed: urls.txt:6: http://a.example/6
added: urls.txt:7: http://a.example/7: fails: closed (wait): reset
5 URLs compared: 1 newly failing, 1 slower, 1 fixed, 1 faster, 1 changed, 1 removed, 1 added; worse than before
";
        assert_eq!(told(&old, &new), expected);
    }

    #[test]
    fn equal_runs_have_no_line_and_all_together_have_one() {
        let old: Vec<Record> = (1..=12).map(pass).collect();
        assert_eq!(told(&old, &old), "12 URLs compared: no difference\n");
        let mut new = old.clone();
        new.iter_mut().for_each(|record| record.marks.time_total *= 2.5);
        let expected = "\
everything: 2.5 times slower, 0.38 s more (medians of 12 URLs); each is judged beyond that
12 URLs compared: everything slower; worse than before
";
        assert_eq!(told(&old, &new), expected);
    }
}
