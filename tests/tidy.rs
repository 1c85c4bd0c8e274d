//! The house rules over `src`, read as text: which thing comes in by which door, who may name whom, how long a file is.
//!
//! Knows the table of doors. Refuses to parse: it takes comments, strings and tests away and looks for words.

use std::fs;
use std::path::{Path, PathBuf};

/// A thing from outside, where it may stand, and what others use in its place. A folder ends with a slash.
struct Door {
    words: &'static [&'static str],
    places: &'static [&'static str],
    instead: &'static str,
}

const DOORS: &[Door] = &[
    Door { words: &["clap::", "clap_"], places: &["cli/"], instead: "take a config::Config" },
    Door {
        words: &["may::", "generator::", "libc::", "unsafe"],
        places: &["runtime/"],
        instead: "ask runtime for what you need; it alone touches the system",
    },
    Door {
        words: &["ureq::", "ureq_proto::", "rustls::", "rustls_native_certs::", "x509_cert::", "httparse::"],
        places: &["http/"],
        instead: "take an Attempt; only http knows how it came about",
    },
    Door { words: &["quick_junit::"], places: &["report/junit.rs"], instead: "write a report of rows" },
    Door {
        words: &["indicatif::"],
        places: &["report/progress.rs", "report/screen.rs"],
        instead: "be a Sink",
    },
    Door { words: &["console::"], places: &["report/screen.rs"], instead: "be a Sink" },
    Door {
        words: &["serde_json::"],
        places: &[
            "record.rs",
            "report/json.rs",
            "check/json.rs",
            "list/body.rs",
            "compare/child.rs",
            "results/reading.rs",
        ],
        instead: "use record::Record",
    },
    Door {
        words: &["postcard::"],
        places: &["prefork/wire/"],
        instead: "write and parse messages by prefork::wire, which knows their form",
    },
    Door {
        words: &["serde_json_path::"],
        places: &["check/json.rs"],
        instead: "ask check::Check, which knows its path",
    },
    Door {
        words: &["ring::digest"],
        places: &["check/examination.rs"],
        instead: "ask check::Findings for the hash",
    },
    Door {
        words: &["regex_automata::"],
        places: &["check/pattern.rs", "check/pattern/"],
        instead: "compile a check::Check, which shares what was compiled",
    },
    Door {
        words: &["regex_syntax::"],
        places: &["check/pattern/required.rs"],
        instead: "compile a check::Check, which shares what was compiled",
    },
    Door {
        words: &["strsim::"],
        places: &["list/setting.rs", "cli/report.rs"],
        instead: "errors of a list have their hint",
    },
    Door {
        words: &["foldhash::"],
        places: &["http/pool.rs", "http/plain.rs", "schedule/hosts.rs"],
        instead: "use a map of std, but for what is looked up for every request",
    },
    Door {
        words: &["libm::"],
        places: &["stats/", "report/timeline/", "what_if.rs", "runtime/pow.rs"],
        instead: "leave figures to those who count",
    },
    Door { words: &["signal_hook::"], places: &["signal.rs"], instead: "signals arrive as messages" },
    Door {
        words: &["Instant::now"],
        places: &[
            "engine/",
            "run.rs",
            "signal.rs",
            "http/",
            "runtime/",
            "demo/",
            "prefork/",
            "record/samples.rs",
        ],
        instead: "take `now` as an argument, so that a table can test it",
    },
    Door { words: &["SystemTime::now"], places: &["record.rs"], instead: "use record::wall_now" },
    Door {
        words: &["process::exit", "process::abort"],
        places: &["main.rs"],
        instead: "return an ExitStatus; only main ends the process",
    },
    Door {
        words: &["io::stdout", "io::stderr"],
        places: &["main.rs", "run.rs"],
        instead: "take an `impl Write`; run hands the real streams out",
    },
    Door {
        words: &["println!", "eprintln!", "print!", "eprint!", "dbg!"],
        places: &[],
        instead: "write to what you were given",
    },
    Door {
        words: &["TcpStream", "TcpListener", "UdpSocket"],
        places: &["runtime/", "demo/"],
        instead: "use runtime::Socket, which knows whether it may park",
    },
];

/// The rooms, and which others each may name. Who is not in the table is a word, pure, or brings rooms together.
const ROOMS: &[(&str, &[&str])] = &[
    ("cli", &[]),
    ("list", &["plan"]),
    ("plan", &["list"]),
    ("schedule", &[]),
    ("runtime", &[]),
    ("http", &["runtime"]),
    ("report", &[]),
];

/// Those that bring rooms together; nobody below names them.
const ABOVE: [&str; 7] = ["engine", "run", "prefork", "compare", "demo", "dry_run", "signal"];

/// What is plain data or computes on it, and so names no room at all.
const BELOW: [&str; 15] = [
    "response",
    "check",
    "request",
    "config",
    "outcome",
    "event",
    "stats",
    "slo",
    "curl",
    "sanitize",
    "quantity",
    "credentials",
    "exit",
    "record",
    "lib",
];

/// The longest a file may be, in lines.
const MOST_LINES: usize = 500;

/// Longer by its nature: a line for each option.
const MAY_BE_LONGER: [&str; 1] = ["cli/args.rs"];

/// A file of a folder, by its path in it.
struct Source {
    path: String,
    text: String,
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "rs" => found.push(read(&root, &path)),
                _ => {}
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn read(root: &Path, path: &PathBuf) -> Source {
    let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
    Source { path: name, text: fs::read_to_string(path).expect("UTF-8") }
}

/// The code alone: comments and what is inside quotes are blanked, lines stay where they are; the tests at the end go.
fn code(text: &str) -> String {
    let bare = blank(text);
    let tests = bare.find("#[cfg(test)]\nmod ").unwrap_or(bare.len());
    bare[..tests].to_owned()
}

/// Blanks comments and the insides of literals.
fn blank(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = bare.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = literal(rest, after_word);
        let taken = length.unwrap_or(first.len_utf8());
        if length.is_some() {
            bare.extend(rest[..taken].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            bare.push(first);
        }
        rest = &rest[taken..];
    }
    bare
}

/// How long the comment or literal is that the text begins with; `None` when it begins with neither.
fn literal(text: &str, after_word: bool) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(block_comment(text));
    }
    if text.starts_with('"') {
        return Some(quoted(text));
    }
    if text.starts_with('\'') {
        return character(text);
    }
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r')).filter(|_| !after_word)?;
    let fence = raw.len() - raw.trim_start_matches('#').len();
    if !raw[fence..].starts_with('"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(fence));
    let body = text.len() - raw.len() + fence + 1;
    Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()))
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, _) in text.char_indices() {
        if text[at..].starts_with("/*") {
            depth += 1;
        } else if at > 1 && text[at - 1..].starts_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    text.len()
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `'a'` and `'\n'`, but no lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = &text[1..];
    if let Some(escape) = inside.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return Some(2 + first + escape[first..].find('\'')? + 1);
    }
    let c = inside.chars().next()?;
    inside[c.len_utf8()..].starts_with('\'').then(|| 2 + c.len_utf8())
}

/// The lines, from 1, on which a word stands by itself: `may::` is not in `dismay::`.
fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let stands = |(at, _): &(usize, &str)| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let open_end = word.ends_with(is_word) && !word.ends_with('_');
        let is_longer = before.is_some_and(is_word) || open_end && after.is_some_and(is_word);
        !is_longer
    };
    let found = code.match_indices(word).filter(stands);
    found.map(|(at, _)| code[..at].matches('\n').count() + 1).collect()
}

/// The first names after `crate::`, with their lines; those in braces one by one.
fn crate_names(code: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + path.len()..];
        let list = rest.strip_prefix('{').map_or_else(|| vec![name(rest)], in_braces);
        names.extend(list.into_iter().map(|name| (line, name)));
    }
    names
}

fn name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first names of a list up to its closing brace, but not those of lists inside it.
fn in_braces(text: &str) -> Vec<String> {
    let mut names = vec![name(text)];
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(&text[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The part of the crate that a file belongs to: `http/tls.rs` and `http.rs` are `http`.
fn part(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// Whether a file is this place, or in it when it is a folder.
fn is_at(path: &str, place: &str) -> bool {
    path == place || place.ends_with('/') && path.starts_with(place)
}

fn complain(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}\n{}", complaints.join("\n"));
}

#[test]
fn each_outside_thing_comes_in_by_its_door() {
    let mut complaints = Vec::new();
    for source in sources("src") {
        let code = code(&source.text);
        for door in DOORS {
            if door.places.iter().any(|place| is_at(&source.path, place)) {
                continue;
            }
            for word in door.words {
                let lines = lines_with(&code, word);
                complaints.extend(
                    lines.iter().map(|line| format!("src/{}:{line}: {word}: {}", source.path, door.instead)),
                );
            }
        }
    }
    complain("an outside thing is named outside its door (the table is DOORS in tests/tidy.rs)", &complaints);
}

#[test]
fn rooms_are_strangers() {
    let mut complaints = Vec::new();
    let is_room = |name: &str| ROOMS.iter().any(|(room, _)| *room == name);
    for source in sources("src") {
        let part = part(&source.path);
        let friends = ROOMS.iter().find(|(room, _)| *room == part).map(|(_, friends)| *friends);
        if friends.is_none() && !BELOW.contains(&part) {
            continue;
        }
        for (line, name) in crate_names(&code(&source.text)) {
            let is_friend = name == part || friends.unwrap_or_default().contains(&name.as_str());
            if (is_room(&name) || ABOVE.contains(&name.as_str())) && !is_friend {
                let advice = "move what both need into a word (request, outcome, event …), or let engine or run pass it";
                complaints.push(format!("src/{}:{line}: {part} names {name}: {advice}", source.path));
            }
        }
    }
    complain("arrows only go down, and rooms do not know each other", &complaints);
}

#[test]
fn every_file_says_what_it_knows() {
    let all = [("src", sources("src")), ("tests", sources("tests"))];
    let silent = all.iter().flat_map(|(folder, sources)| {
        let silent = sources.iter().filter(|source| !source.text.starts_with("//! "));
        silent.map(move |source| {
            format!("{folder}/{}:1: begin with //! what it knows and refuses to know", source.path)
        })
    });
    complain("a file does not say what it is for", &silent.collect::<Vec<_>>());
}

#[test]
fn no_file_is_longer_than_one_reads() {
    let all = [("src", sources("src")), ("tests", sources("tests"))];
    let long = all.iter().flat_map(|(folder, sources)| {
        let long = sources.iter().filter(|source| !MAY_BE_LONGER.contains(&source.path.as_str()));
        long.filter_map(move |source| {
            let n = source.text.lines().count();
            let advice = "look for the room that wants out of it";
            (n > MOST_LINES)
                .then(|| format!("{folder}/{}: {n} lines, at most {MOST_LINES}: {advice}", source.path))
        })
    });
    complain("a file is too long", &long.collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later() {
    let mut complaints = Vec::new();
    for source in sources("src") {
        for word in ["TODO", "FIXME", "XXX", "HACK"] {
            let lines = lines_with(&source.text, word);
            let advice = "do it, or say in the comment why it is as it is";
            complaints
                .extend(lines.iter().map(|line| format!("src/{}:{line}: {word}: {advice}", source.path)));
        }
    }
    complain("something was left for later", &complaints);
}

#[test]
fn comments_strings_and_tests_are_no_code() {
    for (text, word, lines) in [
        ("use clap::Parser;\n", "clap::", vec![1]),
        ("// clap::Parser\n/* clap::\n /* clap:: */ clap:: */\nclap::x();\n", "clap::", vec![4]),
        ("let a = \"clap:: \\\" clap::\";\nclap::x();\n", "clap::", vec![2]),
        ("let a = r#\"clap:: \" clap::\"#; let b = br\"clap::\";\n", "clap::", vec![]),
        ("let c = '\"'; clap::x(); let d = '\\''; clap::y();\n", "clap::", vec![1, 1]),
        ("fn f<'a>(x: &'a str) { clap::x() }\n", "clap::", vec![1]),
        ("dismay::x(); may::y();\n", "may::", vec![1]),
        ("unsafe_code; unsafe {}\n", "unsafe", vec![1]),
        ("std::println!(); eprintln!();\n", "println!", vec![1]),
        ("fn f() {}\n\n#[cfg(test)]\nmod tests { use libc::x; }\n", "libc::", vec![]),
    ] {
        assert_eq!(lines_with(&code(text), word), lines, "{word} in {text:?}");
    }
}

#[test]
fn names_in_braces_are_names() {
    let text = "use crate::{http::{Client, tls}, list, plan::Planner};\nuse crate::report::Sink;\n";
    let names: Vec<_> = crate_names(text).into_iter().map(|(line, name)| format!("{line} {name}")).collect();
    assert_eq!(names, ["1 http", "1 list", "1 plan", "2 report"]);
}
