//! The hops of one attempt: where each answer leads, and the body of the last.
//!
//! Knows what one attempt has to remember between hops: the URL, the method, whether secrets may still be sent.
//! Refuses to ask (`asking`), to move bytes (`transport`) and to judge answers (`check`).

use std::borrow::Cow;
use std::sync::Arc;

use ureq::http;
use url::Url;

use super::body::{self, Delivery, Ended, Examining};
use super::buffers::Lender;
use super::connection::Deadline;
use super::decode::{self, Coding, Turns};
use super::error::{self, Limit};
use super::head::{Framing, Head};
use super::route::Way;
use super::save::Saving;
use super::stopwatch::Stopwatch;
use super::transport::{self, Home};
use super::wire::Wire;
use super::writer::Writer;
use super::{Client, Tracer, note_hop, redirect};
use crate::check::{Examination, Findings};
use crate::outcome::{Failure, Phase};
use crate::request::{Method, Request, Target};
use crate::response::Response;
use crate::runtime::Slot;

/// One attempt under way.
///
/// Its steps are not inlined into each other where they are large: what one step has on the stack would be there while
/// another waits, and 10 000 URLs wait at once.
pub(super) struct Exchange<'a> {
    pub(super) client: &'a Client,
    pub(super) request: &'a Request,
    pub(super) slot: &'a Arc<Slot>,
    pub(super) tracer: &'a Tracer,
    pub(super) watch: &'a mut Stopwatch,
    pub(super) response: &'a mut Response,
    /// The URL of this hop; `None` for the first, whose URL is the request's.
    url: Option<Target>,
    pub(super) method: Method,
    pub(super) sends_body: bool,
    /// The origin has changed since the first hop: what says who we are stays behind for good.
    pub(super) has_left_origin: bool,
    pub(super) total: Deadline,
}

/// An answer whose body has not been read.
pub(super) struct Answer {
    pub(super) head: Head,
    pub(super) rest: Rest,
}

/// Where the body comes from.
pub(super) enum Rest {
    /// From the wire itself.
    Plain(Box<Wire>),
    /// Through ureq, which holds the wire until the response is dropped.
    Ureq(Box<ByUreq>),
}

/// An answer in ureq's hands.
pub(super) struct ByUreq {
    pub(super) home: Home,
    pub(super) response: http::Response<ureq::Body>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        client: &'a Client,
        request: &'a Request,
        slot: &'a Arc<Slot>,
        tracer: &'a Tracer,
        watch: &'a mut Stopwatch,
        response: &'a mut Response,
    ) -> Exchange<'a> {
        let total = Limit::Total(request.limits.max_time.unwrap_or_default());
        let at = request.limits.max_time.map(|limit| watch.started() + limit);
        Exchange {
            client,
            request,
            slot,
            tracer,
            watch,
            response,
            url: None,
            method: request.subject.method.clone(),
            sends_body: request.body.is_some(),
            has_left_origin: false,
            total: Deadline { at, limit: total },
        }
    }

    pub(super) fn target(&self) -> &Target {
        self.url.as_ref().unwrap_or(&self.request.url)
    }

    /// A URL with the scheme, host and port of this hop.
    pub(super) fn place(&self) -> &Url {
        self.target().place()
    }

    /// Under which this hop's connections are kept.
    pub(super) fn key(&self) -> Cow<'_, str> {
        self.client.routes.key(self.place(), self.request)
    }

    /// How this hop's server is reached.
    pub(super) fn way(&self) -> Way<'a> {
        self.client.routes.way(self.place())
    }

    pub(super) fn writer(&self) -> &'a Writer {
        if self.request.compressed { &self.client.compressed } else { &self.client.plain }
    }

    /// Takes a wire that came home, and what it saw.
    pub(super) fn welcome(&mut self, home: &Home) -> Option<Box<Wire>> {
        let wire = transport::take_home(home)?;
        self.absorb(&wire);
        Some(wire)
    }

    pub(super) fn absorb(&mut self, wire: &Wire) {
        self.watch.catch_up(&wire.watch);
        self.response.size_header += wire.size_header;
        self.response.size_download = wire.size_body;
        self.response.size_upload += wire.size_upload;
        if self.client.wants_details {
            self.response.local = wire.connection.local_addr();
        }
        self.note_tls(&wire.connection);
    }

    /// Where an answer leads; `None` when it is the last.
    pub(super) fn redirect(&self, answer: &Answer) -> Result<Option<Url>, Failure> {
        let limit = self.request.limits.max_redirs;
        if limit == 0 || !redirect::is_redirect(answer.head.status) || self.expects_redirect() {
            return Ok(None);
        }
        redirect::next(&self.target().url(), answer.head.location()).map(Some)
    }

    /// Leaves an answer whose body nobody wants. What has come with the head is read, so that the connection can be
    /// used again; nothing is waited for.
    #[inline(never)]
    pub(super) fn leave(&mut self, mut answer: Answer) {
        if let Rest::Ureq(by_ureq) = &mut answer.rest
            && transport::is_whole(&by_ureq.home)
        {
            body::drain(by_ureq.response.body_mut().as_reader(), u64::MAX);
        }
        self.finish(answer);
    }

    /// Goes on to the next hop.
    #[inline(never)]
    pub(super) fn follow(&mut self, answer: Answer, next: Url) -> Result<(), Failure> {
        let status = answer.head.status;
        self.leave(answer);
        let next = bare(next);
        let limit = self.request.limits.max_redirs;
        let from = self.target().url().into_owned();
        if self.response.redirects.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            let is_loop = next == from || self.response.redirects.iter().any(|hop| hop.url == next);
            return Err(redirect::too_many(limit, is_loop));
        }
        self.has_left_origin |= !redirect::is_same_origin(&from, &next);
        let method = redirect::next_method(&self.method, status);
        self.sends_body &= method == self.method;
        if self.has_left_origin && self.sends_body && self.request.body_stays {
            return Err(redirect::takes_body_away(status, &next));
        }
        self.method = method;
        note_hop(self.response, self.tracer, from, status, &next);
        self.response.method = Some(self.method.clone());
        self.response.url_effective = Some(Box::new(next.clone()));
        self.forget_hop();
        self.url = Some(next.into());
        self.watch.begin_hop();
        Ok(())
    }

    /// What was seen of a hop is not said of the next one, which may never answer.
    fn forget_hop(&mut self) {
        let response = &mut *self.response;
        (response.status, response.version, response.tls) = (None, None, None);
        (response.content_type, response.retry_after, response.headers) = (None, None, None);
        response.size_download = 0;
    }

    /// Reads the body of the last answer to its end, and finds out what its checks want to know of it. What is to be
    /// saved of it waits for the verdict; what failed here is discarded here.
    #[inline(never)]
    pub(super) fn receive(&mut self, mut answer: Answer) -> Result<(Option<Box<Saving>>, Findings), Failure> {
        let folder = self.client.folder.as_ref();
        let mut saving = folder.map(|folder| folder.begin(self.request, self.slot, self.total));
        let mut examination = self.begin_examination(&answer.head);
        let ended = self.read_body(&mut answer, saving.as_deref_mut(), examination.as_deref_mut());
        let known = self.finish(answer);
        if let Some(saving) = &saving {
            self.watch.concede(Phase::Write, saving.spent());
        }
        let read = match ended {
            Ended::Whole => known.map_or(Ok(()), Err),
            Ended::Failed(failure) => Err(failure),
            Ended::Broken(error) => {
                Err(known.unwrap_or_else(|| error::from_ureq(&error, self.watch.phase())))
            }
        };
        match read.and_then(|()| self.find_out(examination)) {
            Ok(findings) => Ok((saving, findings)),
            Err(failure) => {
                if let Some(saving) = saving {
                    saving.discard();
                }
                Err(failure)
            }
        }
    }

    fn read_body(
        &mut self,
        answer: &mut Answer,
        saving: Option<&mut Saving>,
        examination: Option<&mut Examination>,
    ) -> Ended {
        let codings = if self.request.compressed { codings(&answer.head) } else { Ok(Vec::new()) };
        let codings = match codings {
            Ok(codings) => codings,
            Err(failure) => return Ended::Failed(failure),
        };
        let limit = self.request.limits.max_filesize;
        // The length is that of what is coded, the limit that of what comes of it.
        if codings.is_empty()
            && let Err(failure) = body::check_declared(answer.head.framing, limit)
        {
            return Ended::Failed(failure);
        }
        let examining = examination.map(|examination| Examining::new(examination, self.slot, self.total));
        let mut delivery =
            Delivery { limit, delivered: &mut self.response.size_delivered, saving, examining };
        match &mut answer.rest {
            Rest::Plain(wire) => {
                wire.read_plain_body(&mut delivery).map_or_else(Ended::Failed, |()| Ended::Whole)
            }
            Rest::Ureq(by_ureq) if codings.is_empty() => {
                let is_whole = transport::is_whole(&by_ureq.home);
                let reader = by_ureq.response.body_mut().as_reader();
                body::receive(reader, is_whole, &self.client.lender, &mut delivery)
            }
            Rest::Ureq(by_ureq) => {
                let turns = Turns::new(self.slot, self.total);
                decoded(
                    by_ureq.response.body_mut().as_reader(),
                    &codings,
                    &turns,
                    &self.client.lender,
                    &mut delivery,
                )
            }
        }
    }

    /// Has ureq let go of the connection, and keeps it if it may serve another request. Says what the wire complained of.
    fn finish(&mut self, answer: Answer) -> Option<Failure> {
        let mut wire = match answer.rest {
            Rest::Plain(wire) => {
                self.absorb(&wire);
                wire
            }
            Rest::Ureq(by_ureq) => {
                let ByUreq { home, response } = *by_ureq;
                drop(response);
                self.welcome(&home)?
            }
        };
        let failure = wire.failure.take();
        if failure.is_none() && wire.is_reusable() {
            let now = self.watch.glance();
            self.client.pool.put(&self.key(), wire.into_connection(), now);
        }
        failure
    }
}

/// Decoders are made on the stack, which other bodies must not pay for.
#[inline(never)]
fn decoded(
    body: ureq::BodyReader<'_>,
    codings: &[Coding],
    turns: &Turns,
    lender: &Lender,
    delivery: &mut Delivery<'_>,
) -> Ended {
    body::receive(decode::reader(body, codings, turns), false, lender, delivery)
}

/// What is to be undone of a body; of none nothing, whatever its head says.
fn codings(head: &Head) -> Result<Vec<Coding>, Failure> {
    match head.content_encoding() {
        Some(header) if head.framing != Framing::NoBody => decode::codings(header),
        _ => Ok(Vec::new()),
    }
}

/// A redirect's target without what never goes over the wire: a fragment, and credentials, which a server has no
/// business to give.
fn bare(next: Url) -> Url {
    Target::from(next).bare().url().into_owned()
}
