//! What a run executes lies together in the program, so that little of it is in memory.
//!
//! Knows callgrind's account of the functions that were entered, and `layout/warm.ld`, which `just layout` has written
//! here. Refuses to run unless asked to, as `cost` does.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cost::{release, under, within};
use crate::stack::mappings;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::Steps as _;
use crate::support::wire::certificate;

/// The variable that has the file written in place of being compared.
const WRITE: &str = "GREENFETCH_WRITE_LAYOUT";

/// Requests of a run whose functions are written down: connections are made, used again and closed.
const URLS: u64 = 200;

/// KiB of the program's own file that are in memory after one https URL; 6500 without the layout (x86-64, 2026-11).
const KIB_IN_MEMORY: u64 = 5200;

const ABOUT: &str = "\
/* The functions that a run enters, for the linker to lay together: over http first, then what https adds.

   A program is brought into memory by pieces of 64 KiB around what is executed. The third of it that runs, spread over
   all of it, has nearly all of it in memory; so laid a run takes 2 to 3 MiB less (x86-64, 2026-11). Names that are not
   there match nothing: the program is the same, in another order. Written by `just layout`. */
";

fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("layout/warm.ld")
}

/// A function's section, for the linker: with any hash, and in whichever part of the text the compiler puts it. `None`
/// for what is not Rust's.
fn pattern(function: &str) -> Option<String> {
    // callgrind counts levels of recursion behind a quote.
    let name = function.split('\'').next()?;
    let name = name.split(".llvm.").next()?;
    if let Some(legacy) = name.strip_suffix('E').filter(|_| name.starts_with("_ZN")) {
        let (path, _hash) = legacy.rsplit_once("17h")?;
        return Some(format!(".text*.{path}17h*"));
    }
    name.starts_with("_R").then(|| format!(".text*.{}*", without_crate_hashes(name)))
}

/// A name of the newer mangling: a crate is `Cs`, its hash in letters and digits, and `_`.
fn without_crate_hashes(name: &str) -> String {
    let mut parts = name.split("Cs");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('_') {
            Some((hash, rest)) if hash.len() > 7 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                whole.push_str("Cs*_");
                whole.push_str(rest);
            }
            _ => {
                whole.push_str("Cs");
                whole.push_str(part);
            }
        }
    }
    whole
}

/// The patterns of all functions that requests enter, by callgrind's tables of names: over connections that are used
/// again and over those that are not.
fn entered(origin: &Origin, scheme: &str) -> BTreeSet<String> {
    let tool = ["valgrind", "--tool=callgrind", "--demangle=no", "--callgrind-out-file=SAID"];
    let tables = ["/kept", "/closed"].map(|path| {
        let args = ["-m", "60", "--connect-timeout", "60"];
        under(&tool, &args, &origin.url_as(scheme, "localhost", path), URLS)
    });
    let lines = tables.iter().flat_map(|table| table.lines());
    let names = lines.filter_map(|line| line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")));
    names.filter_map(|name| pattern(name.split_once(") ")?.1)).collect()
}

fn origins() -> [Origin; 2] {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n";
    [Origin::start(), TlsOrigin::start("localhost")].map(|origin| {
        let kept = head.then_bytes(1024).keep_alive();
        origin.script("/kept", kept).script("/closed", head.then_bytes(1024).then_fin())
    })
}

fn layout(http: &BTreeSet<String>, https: &BTreeSet<String>) -> String {
    let mut text = format!("{ABOUT}SECTIONS {{\n  .text.warm : {{\n");
    for pattern in http.iter().chain(https.difference(http)) {
        let _ = writeln!(text, "    *({pattern})");
    }
    text.push_str("  }\n}\nINSERT BEFORE .text;\n");
    text
}

#[test]
#[ignore = "wants valgrind and a release build: bash .ci/check cost"]
fn what_a_run_enters_is_what_is_laid_together() {
    let [plain, tls] = &origins();
    let (http, https) = (entered(plain, "http"), entered(tls, "https"));
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(script(), layout(&http, &https)).expect("layout/warm.ld");
        return;
    }
    let text = std::fs::read_to_string(script()).expect("layout/warm.ld");
    let laid: HashSet<&str> = text.split(['(', ')']).collect();
    let all: Vec<&String> = http.union(&https).collect();
    let strays: Vec<&&String> = all.iter().filter(|pattern| !laid.contains(pattern.as_str())).collect();
    println!("{} of {} functions are not in layout/warm.ld", strays.len(), all.len());
    assert!(strays.len() * 10 <= all.len(), "`just layout` writes it anew: {strays:?}");
}

/// The KiB of this program's file that a process has in memory, by `proc_pid_smaps(5)`.
fn kib_of_program(pid: u32, program: &str) -> u64 {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).expect("smaps");
    let all = mappings(&smaps);
    all.iter().filter(|one| one.name.as_deref() == Some(program)).map(|one| one.resident_kib).sum()
}

#[test]
#[ignore = "wants a release build: bash .ci/check cost"]
fn little_of_the_program_is_in_memory() {
    let [_, tls] = &origins();
    let url = tls.url_as("https", "localhost", "/kept");
    let mut run = Command::new(release())
        .args(["-q", "-"])
        .env("SSL_CERT_FILE", certificate("ca"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the product");
    let mut list = run.stdin.take().expect("its stdin");
    writeln!(list, "{url}").expect("a line");
    let mut line = String::new();
    BufReader::new(run.stdout.take().expect("its stdout")).read_line(&mut line).expect("a line");
    let kib = kib_of_program(run.id(), &release().to_string_lossy());
    drop(list);
    assert!(run.wait().expect("its end").success(), "{line}");
    assert!(kib > 1000, "{kib} KiB: its mappings were not found");
    println!("{}", within("KiB of the program in memory", kib, KIB_IN_MEMORY));
}

#[test]
fn a_pattern_fits_a_function_of_any_build() {
    let of = |name| pattern(name).expect("Rust's");
    assert_eq!(of("_ZN3url3Url5parse17h0123456789abcdefE"), ".text*._ZN3url3Url5parse17h*");
    assert_eq!(of("_ZN3url3Url5parse17h0123456789abcdefE.llvm.77'2"), ".text*._ZN3url3Url5parse17h*");
    assert_eq!(of("_RNvNtCsjrHSEGnQ3l9_3std2rt4init"), ".text*._RNvNtCs*_3std2rt4init*");
    assert_eq!(pattern("memcpy"), None);
}
