//! One request, one attempt: names, connection, TLS, request, redirects, body, as blocking code.
//!
//! Knows HTTP, with ureq as its urlopen. Refuses to know lists, schedules and reports, and whether it runs in a
//! coroutine or in a thread.

mod asking;
mod body;
mod buffers;
mod carrying;
mod certificate;
mod chunk;
mod connect;
mod connection;
mod decode;
mod error;
mod exchange;
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod judging;
mod noproxy;
mod plain;
mod pool;
mod reading;
mod redirect;
mod resolver;
mod route;
mod save;
mod sending;
mod stopwatch;
mod tls;
mod transport;
mod tunnel;
mod wire;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use exchange::Exchange;
use stopwatch::Stopwatch;

use crate::config::Config;
use crate::event::Trace;
use crate::outcome::{Attempt, Failure};
use crate::request::Request;
use crate::response::{Hop, Response};
use crate::runtime::{Offload, Runtime, Slot};

/// Who is told of what happens on the way; `None` tells nobody.
pub type Tracer = wire::Tracer;

/// Does one attempt at a request: the client in the product, a table in tests.
pub trait Fetch: Send + Sync {
    /// Tries once. Whatever happens, it comes back with a complete attempt.
    fn fetch(&self, request: &Request, slot: &Arc<Slot>, tracer: Tracer) -> Box<Attempt>;

    /// What other processes have had of processors for it so far; nothing where it is all done in this one.
    fn cpu_time(&self) -> Duration {
        Duration::ZERO
    }
}

/// Everything that the attempts of a run share.
pub struct Client {
    lender: buffers::Lender,
    pool: pool::Pool,
    /// Asks for the file as it is.
    plain: writer::Writer,
    /// Asks for content codings: `--compressed`.
    compressed: writer::Writer,
    resolver: resolver::Resolver,
    routes: route::Routes,
    tls: tls::Tls,
    /// `--output-dir`.
    folder: Option<save::Folder>,
    /// What proxies are told in a CONNECT; may be empty.
    user_agent: String,
    logs_wire: bool,
    /// A record will ask for what takes time to find out: our end of a connection, what a certificate says.
    wants_details: bool,
    /// `--headers`: all of them are kept for the record.
    keeps_headers: bool,
    offload: Arc<Offload>,
    /// Held by whoever reads a large JSON document, on a thread that may wait.
    large_document: Arc<Mutex<()>>,
}

impl Client {
    /// Builds the client of a run.
    ///
    /// # Errors
    /// A sentence for exit 2, such as one about `--cacert` or `--output-dir`.
    pub fn new(config: &Config, runtime: &Runtime) -> Result<Client, String> {
        Ok(Client {
            lender: buffers::Lender::default(),
            pool: pool::Pool::new(usize::try_from(config.concurrency.jobs).unwrap_or(usize::MAX).max(64)),
            plain: writer::Writer::new(&config.request, false),
            compressed: writer::Writer::new(&config.request, true),
            resolver: resolver::Resolver::new(config.connection.family, runtime),
            routes: route::Routes::new(&config.connection),
            tls: tls::Tls::new(&config.connection, runtime)?,
            folder: config
                .output
                .output_dir
                .as_deref()
                .map(|dir| save::Folder::open(dir, runtime))
                .transpose()?,
            user_agent: config.request.user_agent.clone(),
            logs_wire: config.output.verbosity >= crate::config::Verbosity::Wire,
            wants_details: config.output.wants_details(),
            keeps_headers: config.output.headers,
            offload: Arc::clone(runtime.offload()),
            large_document: Arc::default(),
        })
    }
}

impl Client {
    /// The same as one of several processes that save into one folder: what it has not finished goes by its number.
    pub fn sharing_folder(mut self, process: u32) -> Client {
        self.folder.iter_mut().for_each(|folder| folder.share(process));
        self
    }
}

/// Where a body is saved while it comes, below `--output-dir`, by a process that shares this with others: what is to be
/// removed when that has been killed.
pub fn unfinished_file(output_dir: &Path, request: &Request, process: u32) -> PathBuf {
    save::unfinished_path(output_dir, request, process)
}

impl Fetch for Client {
    fn fetch(&self, request: &Request, slot: &Arc<Slot>, tracer: Tracer) -> Box<Attempt> {
        let mut attempt = Attempt::begin_boxed(Instant::now());
        let mut watch = Stopwatch::start(Arc::clone(slot), attempt.started);
        let fetched = fetch_one(self, request, slot, &tracer, &mut watch, &mut attempt);
        attempt.timings = watch.stop();
        attempt.failure = fetched.err();
        if !self.keeps_headers {
            attempt.response.headers = None;
        }
        attempt
    }
}

/// The straight line of one attempt: hop after hop until an answer, then its body, then what is to be said of it, then
/// the file of one that passed.
/// `attempt.response` is filled as things are seen, so it is complete at every exit.
fn fetch_one(
    client: &Client,
    request: &Request,
    slot: &Arc<Slot>,
    tracer: &Tracer,
    watch: &mut Stopwatch,
    attempt: &mut Attempt,
) -> Result<(), Failure> {
    let mut exchange = Exchange::new(client, request, slot, tracer, watch, &mut attempt.response);
    let (saving, findings) = loop {
        let answer = exchange.ask()?;
        match exchange.redirect(&answer) {
            Ok(Some(next)) => exchange.follow(answer, next)?,
            Ok(None) => break exchange.receive(answer)?,
            Err(failure) => {
                exchange.leave(answer);
                return Err(failure);
            }
        }
    };
    let judgement = exchange.judge(&findings);
    attempt.verdicts = judgement.verdicts;
    save::conclude(saving, judgement.failure.map_or(Ok(()), Err), watch, &mut attempt.response)
}

fn note_hop(response: &mut Response, tracer: &Tracer, from: url::Url, status: u16, to: &url::Url) {
    response.redirects.push(Hop { url: from, response_code: status });
    if let Some(tracer) = tracer {
        tracer(Trace::Redirect(status, to.clone()));
    }
}
