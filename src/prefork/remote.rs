//! The run's side of an attempt that another process makes: choose one, ask it, park until it answers.
//!
//! Knows the seats that processes sit on and who waits for one. Refuses to start and to bury them (`nursery`).

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::balance::{self, Standing};
use super::link::{Link, SIGKILL, Ticket};
use super::overdue::Overdue;
use crate::http::{Fetch, Tracer};
use crate::outcome::{Attempt, Class, Failure};
use crate::request::Request;
use crate::runtime::children::Leash;
use crate::runtime::{Runtime, Slot, Socket, Wake, kin};

/// So long a process has to cancel what it has in hand when the run is stopped; it takes no longer than to remove a file.
/// One that does not answer then is ended.
const GRACE: Duration = Duration::from_millis(1500);

/// What the nursery is told.
pub(super) enum Word {
    /// The process of this seat is gone.
    Bury(usize, Arc<Link>),
    /// The run is over.
    End,
}

/// The processes of a run.
pub(super) struct Crew {
    pub(super) seats: Box<[Seat]>,
    /// Fetches that wait for a process to sit down.
    waiting: Mutex<Vec<Arc<Slot>>>,
    nursery: Sender<Word>,
    /// The run is over, or being stopped: nobody is replaced.
    is_closing: AtomicBool,
    /// What processes that are gone had of processors.
    pub(super) spent: Mutex<Duration>,
    pub(super) runtime: Runtime,
}

/// The place of one process at a time.
pub(super) struct Seat {
    link: Mutex<Option<Arc<Link>>>,
    /// The socket of one that nobody serves yet.
    unserved: Mutex<Option<UnixStream>>,
    /// Why nobody will sit here any more.
    closed: Mutex<Option<String>>,
    leash: Mutex<Arc<Leash>>,
    pub(super) reader: Arc<Slot>,
    pub(super) writer: Arc<Slot>,
}

impl Seat {
    fn new(runtime: &Runtime) -> Seat {
        Seat {
            link: Mutex::default(),
            unserved: Mutex::default(),
            closed: Mutex::default(),
            leash: Mutex::default(),
            reader: runtime.lasting_slot(),
            writer: runtime.lasting_slot(),
        }
    }

    fn link(&self) -> Option<Arc<Link>> {
        held(&self.link).clone()
    }

    fn standing(&self) -> Option<Standing> {
        held(&self.link).as_ref().map(|link| link.standing())
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Crew {
    pub(super) fn new(processes: u32, runtime: &Runtime) -> (Arc<Crew>, Receiver<Word>) {
        let (nursery, words) = mpsc::channel();
        let crew = Crew {
            seats: (0..processes.max(1)).map(|_| Seat::new(runtime)).collect(),
            waiting: Mutex::default(),
            nursery,
            is_closing: AtomicBool::new(false),
            spent: Mutex::default(),
            runtime: runtime.clone(),
        };
        (Arc::new(crew), words)
    }

    /// The leash for the next process of a seat; `None` when there shall be none.
    pub(super) fn new_leash(&self, seat: usize) -> Option<Arc<Leash>> {
        let leash = Arc::new(Leash::default());
        *held(&self.seats[seat].leash) = Arc::clone(&leash);
        // In this order: whoever closes pulls the leashes that are there.
        (!self.is_closing.load(Ordering::SeqCst)).then_some(leash)
    }

    /// A process is ready.
    pub(super) fn sit(&self, seat: usize, link: Arc<Link>, socket: UnixStream) {
        *held(&self.seats[seat].unserved) = Some(socket);
        *held(&self.seats[seat].link) = Some(link);
        self.call_waiting();
    }

    /// There will be no process on this seat any more.
    pub(super) fn close(&self, seat: usize, why: String) {
        *held(&self.seats[seat].closed) = Some(why);
        self.call_waiting();
    }

    fn call_waiting(&self) {
        for slot in std::mem::take(&mut *held(&self.waiting)) {
            slot.wake();
        }
    }

    fn read(&self, seat: usize, link: &Arc<Link>, socket: UnixStream) {
        if let Ok(socket) = Socket::adopt(socket.into()) {
            link.read(&socket, &self.seats[seat].reader);
        }
        self.leave(seat, link);
    }

    fn write(&self, seat: usize, link: Arc<Link>, socket: UnixStream) {
        if let Ok(socket) = Socket::adopt(socket.into()) {
            link.write(&socket);
        }
        // The last of the two to end, so that the next process finds both slots of the seat free.
        self.have_buried(seat, link);
    }

    /// A process is gone: nobody asks it any more.
    fn leave(&self, seat: usize, link: &Arc<Link>) {
        held(&self.seats[seat].link).take_if(|sitting| Arc::ptr_eq(sitting, link));
        link.end();
    }

    fn have_buried(&self, seat: usize, link: Arc<Link>) {
        // A nursery that is not there has ended all processes already.
        let _ = self.nursery.send(Word::Bury(seat, link));
    }

    /// Whether nobody is to be replaced.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::SeqCst)
    }

    /// Ends the process of a seat, also one that is not ready.
    pub(super) fn pull(&self, seat: usize) {
        held(&self.seats[seat].leash).pull(SIGKILL);
    }

    /// Ends all processes.
    pub(super) fn end(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        (0..self.seats.len()).for_each(|seat| self.pull(seat));
        // One that is not there has ended already.
        let _ = self.nursery.send(Word::End);
    }

    /// The process for a request; `Ok(None)` when there is none yet.
    ///
    /// # Errors
    /// Why there will be none.
    fn choose(&self, request: &Request) -> Result<Option<(usize, Arc<Link>)>, String> {
        let origin = BuildHasherDefault::<DefaultHasher>::default().hash_one(request.url.origin());
        let standings: Vec<_> = self.seats.iter().map(Seat::standing).collect();
        if let Some(seat) = balance::choose(origin, &standings) {
            return Ok(self.seats[seat].link().map(|link| (seat, link)));
        }
        let why: Vec<_> = self.seats.iter().map_while(|seat| held(&seat.closed).clone()).collect();
        let none_is_left = why.len() == self.seats.len();
        why.into_iter().next().filter(|_| none_is_left).map_or(Ok(None), Err)
    }
}

/// A fetch by other processes.
pub(super) struct Remote {
    crew: Arc<Crew>,
}

impl Fetch for Remote {
    fn fetch(&self, request: &Request, slot: &Arc<Slot>, tracer: Tracer) -> Box<Attempt> {
        let started = Instant::now();
        let fetched = self.ask(request, slot, tracer, started);
        fetched
            .and_then(|(link, ticket)| {
                let overdue = Overdue::new(&link, request.limits.max_time);
                self.await_answer(&link, &ticket, slot, overdue)
            })
            .unwrap_or_else(|failure| Box::new(Attempt::failed(started, Instant::now(), failure)))
    }

    fn cpu_time(&self) -> Duration {
        let links = self.crew.seats.iter().filter_map(Seat::link);
        let spent = *held(&self.crew.spent);
        links.map(|link| kin::cpu_time(link.process)).sum::<Duration>() + spent
    }
}

impl Remote {
    pub(super) fn new(crew: Arc<Crew>) -> Remote {
        Remote { crew }
    }

    /// Asks a process for the attempt, as soon as there is one.
    fn ask(
        &self,
        request: &Request,
        slot: &Arc<Slot>,
        tracer: Tracer,
        now: Instant,
    ) -> Result<(Arc<Link>, Ticket), Failure> {
        let mut tracer = Some(tracer);
        loop {
            while let Some((seat, link)) = self.chosen(request, slot)? {
                self.serve(seat, &link);
                match link.ask(request, slot, tracer.take().flatten(), now) {
                    Ok(ticket) => return Ok((link, ticket)),
                    Err(given_back) => tracer = Some(given_back),
                }
            }
            // Before another look, so that nobody sits down unseen between look and wait.
            held(&self.crew.waiting).push(Arc::clone(slot));
            if self.chosen(request, slot)?.is_none() && slot.park(None) == Wake::Stopped {
                return Err(Failure::new(Class::Cancelled, slot.phase(), "stopped"));
            }
        }
    }

    fn chosen(&self, request: &Request, slot: &Slot) -> Result<Option<(usize, Arc<Link>)>, Failure> {
        self.crew.choose(request).map_err(|why| Failure::new(Class::Internal, slot.phase(), why))
    }

    /// Has the two tasks started that serve a process: here, as only tasks of the runtime can start others.
    fn serve(&self, seat: usize, link: &Arc<Link>) {
        let Some(socket) = held(&self.crew.seats[seat].unserved).take() else { return };
        let started = socket.try_clone().and_then(|other| {
            let (crew, reading) = (Arc::clone(&self.crew), Arc::clone(link));
            self.crew.runtime.spawn(move || crew.read(seat, &reading, other))?;
            let (crew, writing) = (Arc::clone(&self.crew), Arc::clone(link));
            self.crew.runtime.spawn(move || crew.write(seat, writing, socket))
        });
        if started.is_err() {
            // Nobody can listen to it, so it is of no use.
            link.kill();
            self.crew.leave(seat, link);
            self.crew.have_buried(seat, Arc::clone(link));
        }
    }

    /// Parks until the attempt is there. A stop of the run is passed on, and then the process says what became of it.
    ///
    /// # Errors
    /// `cancelled` when it does not.
    fn await_answer(
        &self,
        link: &Link,
        ticket: &Ticket,
        slot: &Slot,
        mut overdue: Overdue<'_>,
    ) -> Result<Box<Attempt>, Failure> {
        loop {
            if let Some(attempt) = ticket.take() {
                return Ok(attempt);
            }
            match slot.park(overdue.look_at()) {
                Wake::Woken => {}
                Wake::Late => overdue.look(slot),
                Wake::Stopped => break,
            }
        }
        self.crew.is_closing.store(true, Ordering::SeqCst);
        link.stop();
        let until = Instant::now() + GRACE;
        let answer = slot.unstopped(|| {
            loop {
                if let Some(attempt) = ticket.take() {
                    return Some(attempt);
                }
                if slot.park(Some(until)) == Wake::Late {
                    return None;
                }
            }
        });
        answer.ok_or_else(|| {
            // What it has in hand is tidied up after its end.
            link.kill();
            Failure::new(Class::Cancelled, slot.phase(), "stopped")
        })
    }
}
