//! Any bytes as the answer of a server, read twice: by the fast path and by ureq. Both have to come to the same.
//!
//! Knows one server on a Unix socket that answers whatever it is asked with the bytes of the input, and ends. Refuses to
//! know which outcome is right: that is for the tests of the package.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use greenfetch::config::{Config, Mode, Verbosity};
use greenfetch::http::{Client, Fetch as _};
use greenfetch::outcome::{Attempt, Class};
use greenfetch::plan::Planner;
use greenfetch::request::{Location, Request};
use greenfetch::runtime::{Runtime, Slot};

use crate::targets;

/// Small, so that limits are met too.
const MOST_BODY: u64 = 600;

/// What the server says next, and in blocks of so many bytes.
type Answer = Arc<Mutex<(Vec<u8>, usize)>>;

/// Two clients that differ in one thing, and what they ask for.
struct Kind {
    request: Arc<Request>,
    fast: Client,
    by_ureq: Client,
}

/// The clients and their server.
pub struct Pair {
    answer: Answer,
    /// Plain, `--compressed`, and each with `--output-dir`.
    kinds: [Kind; 4],
    slot: Arc<Slot>,
    /// A name or an address is never asked for, so the runtime only has to be there.
    _runtime: Runtime,
}

impl Pair {
    /// Starts the server; it ends with the process.
    pub fn start() -> Pair {
        let path = socket();
        let listener = UnixListener::bind(&path).expect("a socket in the temporary folder");
        let answer = Answer::default();
        let said = Arc::clone(&answer);
        // A thread for each: who has what it wanted may keep its connection and read no more of a long answer.
        let serve = move |stream| {
            let said = Arc::clone(&said);
            std::thread::spawn(move || serve(stream, &said));
        };
        std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
        let runtime = Runtime::start(Mode::Threads, 1).expect("a runtime");
        let kinds = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(compressed, saves)| kind(&path, compressed, saves, &runtime));
        Pair { answer, kinds, slot: runtime.slot(), _runtime: runtime }
    }

    /// Has both read an answer. The first byte says whether codings are undone, whether the body is saved, and in what
    /// blocks it comes.
    pub fn compare(&self, input: &[u8]) -> String {
        let Some((&flags, bytes)) = input.split_first() else { return String::new() };
        let block = if flags & 2 == 0 { bytes.len() } else { usize::from(flags >> 2) };
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = (bytes.to_vec(), block.max(1));
        // Files are slow: one in eight.
        let saves = flags >> 5 == 7;
        let kind = &self.kinds[usize::from(flags & 1) + 2 * usize::from(saves)];
        let [fast, by_ureq] = [&kind.fast, &kind.by_ureq].map(|client| {
            let attempt = client.fetch(&kind.request, &self.slot, None);
            (told(&attempt), saved(&attempt), came_to(&attempt))
        });
        assert_eq!((fast.0, fast.1), (by_ureq.0, by_ureq.1), "the fast path and ureq");
        fast.2
    }
}

fn socket() -> PathBuf {
    let path = targets::folder().with_extension("socket");
    // One of a dead process of the same number.
    let _ = std::fs::remove_file(&path);
    path
}

fn kind(socket: &Path, compressed: bool, saves: bool, runtime: &Runtime) -> Kind {
    let mut config = Config::default();
    config.connection.unix_socket = Some(socket.to_owned());
    config.request.compressed = compressed;
    config.request.max_redirs = 2;
    config.limits.max_filesize = Some(MOST_BODY);
    // Nothing here waits for anything: who does is a finding.
    config.limits.max_time = Some(Duration::from_secs(20));
    config.output.json = true;
    let client = |config: &Config, name: &str| {
        let mut config = config.clone();
        let folder = targets::folder().with_extension(format!("{name}-{compressed}"));
        config.output.output_dir = saves.then_some(folder);
        Client::new(&config, runtime).expect("a client")
    };
    let fast = client(&config, "fast");
    let request = request(&config);
    // Who keeps a wire log leaves the fast path, and without a tracer nothing is logged: that is all the difference.
    config.output.verbosity = Verbosity::Wire;
    Kind { request, fast, by_ureq: client(&config, "ureq") }
}

/// Made as the product makes it.
fn request(config: &Config) -> Arc<Request> {
    let location = Location { source: "list".into(), line: 1 };
    let url = "http://localhost/dir/file?q".parse().expect("a URL");
    Planner::new(config).plan_bare(0, location, url)
}

/// Answers when a request has come, and ends. What is no request, such as a handshake, gets the end alone.
fn serve(mut stream: UnixStream, answer: &Answer) {
    let (mut asked, mut block) = (Vec::new(), [0; 2048]);
    while !asked.ends_with(b"\r\n\r\n") {
        match stream.read(&mut block) {
            Ok(count) if count > 0 => asked.extend_from_slice(&block[..count]),
            _ => return,
        }
        if asked.first() == Some(&0x16) {
            return;
        }
    }
    let (bytes, size) = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for block in bytes.chunks(size) {
        if stream.write_all(block).is_err() {
            return;
        }
    }
}

/// All that a record would say but times, addresses and names of files.
fn told(attempt: &Attempt) -> String {
    let response = &attempt.response;
    let failure = attempt.failure.as_ref();
    // What is shown of noise, how far a body was read that we left, and how much of a bad one was handed on, depend on
    // the size of the reads.
    let words = |message: &str| match message.split_once(": it begins with") {
        Some((start, _)) => start.to_owned(),
        None => message.to_owned(),
    };
    let failed = failure.map(|failure| (failure.class, failure.phase, words(&failure.message)));
    let is_left =
        failure.is_some_and(|failure| matches!(failure.class, Class::Size | Class::Decode | Class::Redirect));
    let download = (!is_left).then_some(response.size_download);
    let delivered = failure.is_none().then_some(response.size_delivered);
    format!(
        "{failed:?}\n{:?} {:?} {download:?} {delivered:?} {} {:?} {:?}\n{:?}\n{:?} {:?} {}",
        response.status,
        response.version,
        response.size_header,
        response.content_type,
        response.retry_after,
        response.headers,
        response.url_effective,
        response.redirects,
        response.num_connects,
    )
}

/// The saved body, which is taken away.
fn saved(attempt: &Attempt) -> Option<Vec<u8>> {
    let name = attempt.response.filename_effective.as_ref()?;
    let bytes = std::fs::read(name).expect("a file where the record says");
    std::fs::remove_file(name).expect("a file of ours");
    Some(bytes)
}

fn came_to(attempt: &Attempt) -> String {
    let failure = attempt.failure.as_ref().map(|failure| (failure.class, failure.message.as_str()));
    let class = attempt.response.status.map(|status| status / 100);
    format!("{class:?} {} {failure:?}", attempt.response.redirects.len())
}
