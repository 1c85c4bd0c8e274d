//! What is fuzzed: a name, where its inputs begin, and what is done with each.
//!
//! Knows the doors of the package. Refuses to know how inputs are made and counted.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use greenfetch::config::{Config, Mode, Operand};
use greenfetch::list::{self, Credits, List, Reading};
use greenfetch::plan::Planner;
use greenfetch::runtime::Runtime;
use greenfetch::{http, schedule};

use crate::answers::Pair;
use crate::seeds;

/// What is done with an input: it panics when something does not hold, and says what the input came to.
pub type Act = Box<dyn FnMut(&[u8]) -> String>;

/// One reader of strangers' bytes.
pub struct Target {
    /// As it is called on the command line.
    pub name: &'static str,
    /// Where inputs begin.
    pub seeds: Vec<Vec<u8>>,
    /// What means something in them.
    pub words: &'static [&'static str],
    /// See [`Act`].
    pub act: Act,
}

/// All of them. Those that need a runtime or a server start it with their first input.
pub fn all() -> Vec<Target> {
    vec![
        target("line", seeds::lines(), seeds::LINE_WORDS, line()),
        target("location", seeds::locations(), seeds::LOCATION_WORDS, Box::new(http::fuzzing::location)),
        target("retry-after", seeds::retry_afters(), seeds::DATE_WORDS, Box::new(retry_after)),
        target("head", seeds::flagged(seeds::answers()), seeds::HTTP_WORDS, Box::new(http::fuzzing::head)),
        target("chunks", seeds::chunks(), seeds::CHUNK_WORDS, Box::new(http::fuzzing::chunks)),
        target("codings", seeds::codings(), seeds::CODING_WORDS, codings()),
        target("answers", seeds::flagged(seeds::answers()), seeds::HTTP_WORDS, answers()),
    ]
}

fn target(name: &'static str, seeds: Vec<Vec<u8>>, words: &'static [&'static str], act: Act) -> Target {
    Target { name, seeds, words, act }
}

/// A folder in memory where there is one: a file a million times.
pub fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    folder.join(format!("greenfetch-fuzz-{}", std::process::id()))
}

/// A list file: it is checked, and what is a list is read and planned too. An operand is read from the same bytes.
fn line() -> Act {
    let planner = Planner::new(&Config::default());
    Box::new(move |bytes| {
        let path = folder();
        std::fs::write(&path, bytes).expect("a file to write to");
        let operand = Operand::Url(format!("http://{}", String::from_utf8_lossy(bytes)));
        let came = [Operand::File(path.clone()), operand].map(|operand| {
            match list::check(&[operand], &Reading::default()) {
                Ok(list) => plan(list, planner.clone()),
                Err(refusal) => {
                    let page = refusal.to_string();
                    assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "raw: {page:?}");
                    refusal.errors.errors.into_iter().map(|error| error.message).take(2).collect()
                }
            }
        });
        // Each input leaves nothing behind, so that the last one leaves no file either.
        let _ = std::fs::remove_file(&path);
        came[0].clone()
    })
}

fn plan(list: List, mut planner: Planner) -> String {
    let credits = Arc::new(Credits::new());
    credits.give(1 << 20);
    let reading = list.start(move |urlnum, entry| planner.plan(urlnum, entry).map(drop), credits, drop);
    reading.expect("a thread").join().expect("a list that is read");
    "a list".to_owned()
}

fn retry_after(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let came = [784_111_000, 1_790_000_000, 0, 253_402_300_000]
        .map(|now| schedule::fuzzing::retry_after(&text, UNIX_EPOCH + Duration::from_secs(now)));
    came.join(", ")
}

fn codings() -> Act {
    let slot = LazyLock::new(|| Runtime::start(Mode::Threads, 1).expect("a runtime").slot());
    Box::new(move |bytes| http::fuzzing::codings(bytes, &slot))
}

fn answers() -> Act {
    let pair = LazyLock::new(Pair::start);
    Box::new(move |bytes| pair.compare(bytes))
}
