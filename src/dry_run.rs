//! `--dry-run`: the list as it was understood, each entry as a list of its own; nothing is sent.
//!
//! Knows how entries are printed. Refuses to know the grammar (`list`) and what an option leaves out (`plan`).

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc;

use crate::config::{Config, Verbosity};
use crate::exit::{ExitStatus, SIGPIPE};
use crate::list::{Credits, Delivery, List};
use crate::plan::{Listed, Planner};
use crate::report::{Streams, reason};
use crate::sanitize::{Masks, escape};

/// Entries that may be read ahead of the printing.
const AHEAD: usize = 1024;

/// Prints the list: 0, 2 for an error of standard input's list, 5 when it cannot be printed to its end.
///
/// # Errors
/// The system has no thread for the reading.
pub fn print(
    list: List,
    config: &Config,
    masks: &Arc<Masks>,
    mut streams: Streams,
) -> io::Result<ExitStatus> {
    let mut planner = Planner::new(config).hiding(Arc::clone(masks));
    let credits = Arc::new(Credits::new());
    credits.give(AHEAD);
    let (tell, told) = mpsc::channel();
    let deliver = move |delivery| _ = tell.send(delivery);
    list.start(move |urlnum, entry| planner.plan(urlnum, entry), Arc::clone(&credits), deliver)?;
    let is_silent = config.output.verbosity == Verbosity::Silent;
    for delivery in told {
        match delivery {
            Delivery::Listed(entries) if is_silent => credits.give(entries.len()),
            Delivery::Listed(entries) => {
                credits.give(entries.len());
                let page: String = entries.iter().map(text).collect();
                if let Err(error) =
                    streams.stdout.write_all(page.as_bytes()).and_then(|()| streams.stdout.flush())
                {
                    credits.close();
                    return Ok(unwritten(&error, &mut *streams.stderr));
                }
            }
            Delivery::Warning(words) => say(&mut *streams.stderr, is_silent, "warning", &words),
            Delivery::End { error: Some(error), .. } => {
                say(&mut *streams.stderr, is_silent, "error", &error);
                return Ok(ExitStatus::Usage);
            }
            Delivery::End { error: None, .. } => {}
        }
    }
    Ok(ExitStatus::Pass)
}

/// An entry, or a comment about a line that is none, and the line.
fn text(listed: &Listed) -> String {
    match listed {
        Listed::Request(request) => {
            let subject = &request.subject;
            let again = subject.again.as_deref().unwrap_or(&subject.listed);
            again.lines().map(|line| format!("{}\n", escape(line))).collect()
        }
        Listed::Rejected(subject, failure, _) => {
            let location = escape(&subject.location.source);
            let line = subject.location.line;
            format!("# {location}:{line}: {}\n# {}\n", escape(&failure.message), escape(&subject.listed))
        }
    }
}

fn say(stderr: &mut dyn Write, is_silent: bool, kind: &str, words: &str) {
    if !is_silent {
        // Nobody is left to be told that.
        let _ = writeln!(stderr, "greenfetch: {kind}: {}", escape(words));
    }
}

fn unwritten(error: &io::Error, stderr: &mut dyn Write) -> ExitStatus {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return ExitStatus::Signal(SIGPIPE);
    }
    say(stderr, false, "error", &format!("cannot write to standard output: {}", reason(error)));
    ExitStatus::Write
}
