//! `greenfetch-fuzz TARGET|all [N] [SEED]`: so many inputs for each target, a million by default.
//!
//! Knows the command line, and what to keep of an input that was too much. Refuses to know what a target reads
//! (`targets`) and how inputs are made (`mutation`). Needs no nightly compiler: inputs are made from seeds and a
//! dictionary, and those that come to something new are gone on from; the same for the same SEED.

mod answers;
mod mutation;
mod seeds;
mod targets;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use mutation::Mutator;
use targets::Target;

/// Inputs of one target when nobody says how many.
const USUAL: u64 = 1_000_000;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "all".to_owned());
    let n = args.next().map_or(Ok(USUAL), |n| n.parse());
    let seed = args.next().map_or(Ok(1), |seed| seed.parse());
    let chosen: Vec<Target> =
        targets::all().into_iter().filter(|target| name == "all" || name == target.name).collect();
    let (Ok(n), Ok(seed), false) = (n, seed, chosen.is_empty()) else {
        let names: Vec<&str> = targets::all().iter().map(|target| target.name).collect();
        eprintln!("greenfetch-fuzz TARGET [N] [SEED], where TARGET is all or one of {}", names.join(", "));
        return ExitCode::from(2);
    };
    let found = chosen.into_iter().filter_map(|target| fuzz(target, n, seed).err()).count();
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a target could not bear.
struct Found;

/// Feeds one target until it has had enough; the input that it could not bear is printed, as short as it can be, and
/// ends it.
fn fuzz(mut target: Target, n: u64, seed: u64) -> Result<(), Found> {
    let begun = Instant::now();
    let mut mutator = Mutator::new(target.seeds, target.words, seed);
    let mut seen = HashSet::new();
    for count in 0..n {
        let input = mutator.input(count);
        match catch_unwind(AssertUnwindSafe(|| (target.act)(&input))) {
            Ok(came) if seen.insert(kind(&came)) => mutator.keep(&input),
            Ok(_) => {}
            Err(_) => {
                let input = shortened(&mut target.act, input);
                println!("{}: input {count} of seed {seed}: b\"{}\"", target.name, input.escape_ascii());
                return Err(Found);
            }
        }
    }
    let (kinds, seconds) = (seen.len(), begun.elapsed().as_secs_f64());
    println!("{}: {n} inputs came to {kinds} different things, nothing found, {seconds:.1} s", target.name);
    Ok(())
}

/// What an input came to without what is shown of the input itself.
fn kind(came: &str) -> String {
    came.split([':', '"', '\'']).next().unwrap_or_default().to_owned()
}

/// Leaves out of an input what it does not need to be too much.
fn shortened(act: &mut dyn FnMut(&[u8]) -> String, mut input: Vec<u8>) -> Vec<u8> {
    std::panic::set_hook(Box::new(|_| {}));
    let mut size = input.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < input.len() {
            let rest = [&input[..at], &input[(at + size).min(input.len())..]].concat();
            if catch_unwind(AssertUnwindSafe(|| act(&rest))).is_err() {
                input = rest;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    drop(std::panic::take_hook());
    input
}
