//! Where processes come from and where they go: a thread that starts them, one for each seat, and buries them.
//!
//! It is one thread from the first process to the end of the run, as a process ends with the thread that started it.
//! Knows what a process inherits, which is next to nothing, and who is replaced. Refuses to know what they fetch.

use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::CHILD_VARIABLE;
use super::link::{Link, SIGKILL};
use super::remote::{Crew, Word};
use super::wire::{self, Order, Report, Terms};
use crate::runtime::children::{Child, Leash};
use crate::runtime::kin;

/// Ourselves, also when the file has been replaced since: both ends have to be the same.
const THIS_EXECUTABLE: &str = "/proc/self/exe";

/// What a process is called in a list of them.
const NAME: &str = "greenfetch";

/// Variables that a client's surroundings read: the loader, trusted roots, the C library's resolver, panics.
const INHERITED: [&str; 9] = [
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LOCALDOMAIN",
    "RES_OPTIONS",
    "HOSTALIASES",
    "RESOLV_HOST_CONF",
    "RUST_BACKTRACE",
];

/// A process that is not ready by then will never be; on a busy machine it takes some milliseconds.
const MOST_TO_START: Duration = Duration::from_secs(30);

/// So many processes in a row that end on the same seat before they have made an attempt are no accident.
const MOST_USELESS: u32 = 3;

struct Nursery {
    crew: Arc<Crew>,
    /// The first thing that each is told.
    terms: Vec<u8>,
    /// `--output-dir`.
    folder: Option<PathBuf>,
    places: Vec<Place>,
}

/// What there is to know of a seat.
#[derive(Default)]
struct Place {
    child: Option<Child>,
    /// The last that was ready.
    link: Option<Arc<Link>>,
    useless: u32,
}

/// One that has been started and has not said a word.
struct Newborn {
    socket: UnixStream,
    leash: Arc<Leash>,
}

/// What comes of the first start of all.
type Started = Receiver<Result<(), String>>;

/// Starts the thread, and on it a process for each seat.
///
/// # Errors
/// What the system said when there is no thread for it.
pub(super) fn open(
    crew: Arc<Crew>,
    terms: Terms,
    folder: Option<PathBuf>,
    words: Receiver<Word>,
) -> io::Result<(JoinHandle<()>, Started)> {
    let mut first = Vec::new();
    wire::write(&Order::Terms(Box::new(terms)), &mut first);
    let places = crew.seats.iter().map(|_| Place::default()).collect();
    let mut nursery = Nursery { crew, terms: first, folder, places };
    let (sender, started) = mpsc::sync_channel(1);
    let builder = thread::Builder::new().name("nursery".to_owned()).stack_size(256 << 10);
    let thread = builder.spawn(move || {
        let _ = sender.send(nursery.fill());
        nursery.attend(&words);
    })?;
    Ok((thread, started))
}

impl Nursery {
    /// Starts all at once, and then hears one after another.
    fn fill(&mut self) -> Result<(), String> {
        let seats = 0..self.places.len();
        let newborn: Result<Vec<_>, _> = seats.map(|seat| self.bear(seat)).collect();
        newborn?.into_iter().enumerate().try_for_each(|(seat, newborn)| self.settle(seat, newborn))
    }

    fn attend(&mut self, words: &Receiver<Word>) {
        for word in words {
            match word {
                Word::Bury(seat, link) => self.replace(seat, &link),
                Word::End => break,
            }
        }
        for seat in 0..self.places.len() {
            let ended = self.bury(seat);
            self.places[seat].link.take().iter().for_each(|link| link.lose(&ended, Instant::now()));
        }
    }

    fn replace(&mut self, seat: usize, link: &Link) {
        link.kill();
        let ended = self.bury(seat);
        let how = if link.stood_still() { "stood still and was ended" } else { &ended };
        link.lose(&format!("the process that fetched it {how}"), Instant::now());
        let place = &mut self.places[seat];
        place.useless = if link.was_of_use() { 0 } else { place.useless + 1 };
        self.fill_again(seat, ended);
    }

    /// Seats another one, unless that has come to nothing too often; `why` is what became of the last.
    fn fill_again(&mut self, seat: usize, mut why: String) {
        while !self.crew.is_closing() {
            if self.places[seat].useless >= MOST_USELESS {
                let why = format!("{MOST_USELESS} processes in a row came to nothing, the last one: {why}");
                return self.crew.close(seat, why);
            }
            match self.bear(seat).and_then(|newborn| self.settle(seat, newborn)) {
                Ok(()) => return,
                Err(complaint) => why = complaint,
            }
            self.places[seat].useless += 1;
            self.crew.pull(seat);
            self.bury(seat);
        }
    }

    /// Starts a process and tells it the terms.
    fn bear(&mut self, seat: usize) -> Result<Newborn, String> {
        let started = self.crew.new_leash(seat).ok_or_else(|| "the run is over".to_owned());
        let leash = started?;
        let born = (|| {
            let mut command = command();
            let socket = kin::tie(&mut command)?;
            self.places[seat].child = Some(Child::start(command, &leash)?);
            (&socket).write_all(&self.terms)?;
            socket.set_read_timeout(Some(MOST_TO_START))?;
            Ok(socket)
        })();
        born.map(|socket| Newborn { socket, leash }).map_err(|error: io::Error| cannot_start(error))
    }

    /// Hears whether a process is ready, and gives it its seat.
    fn settle(&mut self, seat: usize, newborn: Newborn) -> Result<(), String> {
        let Newborn { socket, leash } = newborn;
        let mut message = Vec::new();
        let heard = match wire::read(&mut BufReader::new(&socket), &mut message) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            heard => heard,
        };
        let capacity = match heard.map(|is_there| is_there.then(|| wire::parse(&message))) {
            Ok(Some(Ok(Report::Ready(capacity)))) => capacity,
            Ok(Some(Ok(Report::Refused(why)))) => return Err(why.to_owned()),
            Ok(Some(_)) => return Err(cannot_start(wire::Garbled)),
            // One that ends without a look at what it was told resets the connection.
            Ok(None) => {
                leash.pull(SIGKILL);
                return Err(format!("a process (--processes) {} before it was ready", self.bury(seat)));
            }
            Err(error) => return Err(cannot_start(error)),
        };
        socket.set_read_timeout(None).and_then(|()| socket.set_nonblocking(true)).map_err(cannot_start)?;
        let process = self.places[seat].child.as_ref().map_or(0, Child::id);
        let writer = Arc::clone(&self.crew.seats[seat].writer);
        let (folder, runtime) = (self.folder.clone(), self.crew.runtime.clone());
        let link = Arc::new(Link::new(process, leash, capacity, folder, writer, runtime));
        self.places[seat].link = Some(Arc::clone(&link));
        self.crew.sit(seat, link, socket);
        Ok(())
    }

    /// Waits for the end of a process that is ending; says how it did.
    fn bury(&mut self, seat: usize) -> String {
        let Some(child) = self.places[seat].child.take() else { return "was not there".to_owned() };
        match child.wait() {
            Ok(usage) => {
                let mut spent = self.crew.spent.lock().unwrap_or_else(PoisonError::into_inner);
                *spent += usage.user + usage.system;
                in_words(usage.status)
            }
            Err(error) => format!("cannot be waited for: {error}"),
        }
    }
}

/// What there is in common is told over the socket, where `ps` does not see it.
fn command() -> Command {
    let mut command = Command::new(THIS_EXECUTABLE);
    command.arg0(NAME).env_clear().env(CHILD_VARIABLE, "1");
    command.envs(INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn cannot_start(why: impl std::fmt::Display) -> String {
    format!("cannot start a process (--processes): {why}")
}

fn in_words(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, Some(code)) => format!("ended with status {code}"),
        (None, None) => "ended".to_owned(),
    }
}
