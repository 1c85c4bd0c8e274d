//! The hops of one attempt: a connection for each, a request over it through ureq, and where the answer leads.
//!
//! Knows what one attempt has to remember between hops: the URL, the method, whether secrets may still be sent.
//! Refuses to move bytes (`transport`) and to judge answers (`check`).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use ureq::http;
use url::{Position, Url};

use super::body::{self, Delivery, Ended, Examining};
use super::buffers::Lender;
use super::connection::{Connection, Deadline};
use super::decode::{self, Coding, Turns};
use super::error::{self, Limit};
use super::head::{Framing, Head};
use super::route::Way;
use super::save::Saving;
use super::stopwatch::Stopwatch;
use super::transport::{self, Home};
use super::wire::{Terms, TimeLimits, Wire};
use super::writer::Writer;
use super::{Client, Tracer, note_hop, plain, redirect, route};
use crate::check::{Examination, Findings};
use crate::config::Proxy;
use crate::event::Trace;
use crate::outcome::{Class, Failure, Phase};
use crate::request::{Header, Method, Request};
use crate::response::Response;
use crate::runtime::{Slot, deep};

const PROXY_AUTHORIZATION: &str = "Proxy-Authorization";

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
    url: Option<Url>,
    pub(super) method: Method,
    sends_body: bool,
    /// The origin has changed since the first hop: what says who we are stays behind for good.
    has_left_origin: bool,
    pub(super) total: Deadline,
}

/// An answer whose body has not been read.
pub(super) struct Answer {
    head: Head,
    rest: Rest,
}

/// Where the body comes from.
enum Rest {
    /// From the wire itself.
    Plain(Box<Wire>),
    /// Through ureq, which holds the wire until the response is dropped.
    Ureq { home: Home, response: http::Response<ureq::Body> },
}

/// A request that came to nothing.
struct Lost {
    failure: Failure,
    /// Any byte of an answer came.
    is_answered: bool,
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

    pub(super) fn url(&self) -> &Url {
        self.url.as_ref().unwrap_or(&self.request.url)
    }

    /// Under which this hop's connections are kept.
    pub(super) fn key(&self) -> Cow<'_, str> {
        self.client.routes.key(self.url(), self.request)
    }

    /// How this hop's server is reached.
    fn way(&self) -> Way<'a> {
        self.client.routes.way(self.url())
    }

    fn writer(&self) -> &'a Writer {
        if self.request.compressed { &self.client.compressed } else { &self.client.plain }
    }

    /// Sends this hop's request and waits for the head of the answer. A connection that was used before may have been
    /// closed by the server just then: when not a byte of an answer came, a fresh one is tried once (RFC 9112 §9.3.1).
    /// So it is when what came is no head at all: then it is what a server sent too much behind the answer before.
    pub(super) fn ask(&mut self) -> Result<Answer, Failure> {
        let connection = match self.reuse() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        self.log(&connection);
        let was_used = connection.used > 1;
        match self.send(connection)? {
            Ok(answer) => Ok(answer),
            Err(lost) if was_used && self.may_send_again(&lost) => self.ask_again(),
            Err(lost) => Err(lost.failure),
        }
    }

    #[cold]
    #[inline(never)]
    fn ask_again(&mut self) -> Result<Answer, Failure> {
        let connection = self.connect()?;
        self.send(connection)?.map_err(|lost| lost.failure)
    }

    /// A remark for the wire log, as curl's `* ` lines: over which connection is asked.
    fn log(&self, connection: &Connection) {
        if let Some(tracer) = self.tracer.as_ref().filter(|_| self.client.logs_wire) {
            tracer(Trace::Wire(self.remark(connection)));
        }
    }

    #[inline(never)]
    fn remark(&self, connection: &Connection) -> String {
        let how = if connection.used > 1 { "Re-using the connection to" } else { "Connected to" };
        let remote = connection.remote.map_or_else(String::new, |addr| addr.to_string());
        match self.way() {
            Way::Direct => format!("* {how} {remote}"),
            Way::Socket(path) => format!("* {how} {}", path.display()),
            Way::Forward(_) => format!("* {how} the proxy at {remote}"),
            Way::Tunnel(_) => format!("* {how} the server, through a tunnel of the proxy at {remote}"),
        }
    }

    fn may_send_again(&self, lost: &Lost) -> bool {
        let is_stale = !lost.is_answered && lost.failure.class == Class::Closed;
        let is_dirty = self.response.status.is_none() && lost.failure.class == Class::Protocol;
        (is_stale || is_dirty) && self.method.is_idempotent()
    }

    /// Sends the request over a connection and waits for the head of the answer.
    fn send(&mut self, connection: Connection) -> Result<Result<Answer, Lost>, Failure> {
        self.response.remote = connection.remote;
        let request = if self.is_plain() { self.templated()? } else { None };
        let wire = self.wire(connection);
        match request {
            Some(request) => self.send_plain(wire, &request),
            None => self.send_by_ureq(wire),
        }
    }

    #[inline(never)]
    fn wire(&self, connection: Connection) -> Box<Wire> {
        let terms = Terms {
            limits: TimeLimits {
                total_at: self.total.at,
                total: self.request.limits.max_time.unwrap_or_default(),
                stall: self.request.limits.stall,
            },
            asked: self.asked(),
            absolute: matches!(self.way(), Way::Forward(_)).then(|| route::origin(self.url()).into()),
            tracer: self.tracer.clone(),
            logs_wire: self.client.logs_wire,
        };
        Wire::new(connection, &terms, self.watch.clone(), self.client.lender.clone())
    }

    /// Whether the request is one of the plain kind: a GET that differs from others to its origin by the path alone.
    fn is_plain(&self) -> bool {
        self.method == Method::GET
            && self.request.body.is_none()
            && !self.has_left_origin
            && !self.client.logs_wire
            && !matches!(self.way(), Way::Forward(_))
            && plain::is_plain_path(path(self.url()))
    }

    /// The request as ureq writes it: from memory, or by having it written down. `None` when it is not understood.
    #[inline(never)]
    fn templated(&self) -> Result<Option<Vec<u8>>, Failure> {
        let (url, headers, writer) = (self.url(), &self.request.headers, self.writer());
        let (origin, templates) = (route::origin(url), &writer.templates);
        if let Some(request) = templates.request(origin, path(url), headers) {
            return Ok(Some(request));
        }
        // No byte is sent, so nothing is waited for.
        let compose = || {
            let request = self.http_request()?;
            Ok(transport::compose(&writer.agent, request, self.client.lender.clone()))
        };
        let written = deep(compose)?;
        templates.learn(origin, path(url), headers, &written);
        Ok(templates.request(origin, path(url), headers))
    }

    /// Asks without ureq; an answer that is not plain is handed to it.
    fn send_plain(&mut self, mut wire: Box<Wire>, request: &[u8]) -> Result<Result<Answer, Lost>, Failure> {
        if let Err(failure) = wire.ask(request) {
            let is_answered = wire.is_answered;
            self.absorb(&wire);
            return Ok(Err(Lost { failure, is_answered }));
        }
        let Some(head) = wire.take_head_if(plain::is_plain) else { return self.send_by_ureq(wire) };
        self.note_head(&head);
        Ok(Ok(Answer { head, rest: Rest::Plain(wire) }))
    }

    /// Lets ureq send the request, up to the head of the answer; or only judge one that is here.
    #[inline(never)]
    fn send_by_ureq(&mut self, wire: Box<Wire>) -> Result<Result<Answer, Lost>, Failure> {
        let request = self.http_request()?;
        let body = self.request.body.as_deref().filter(|_| self.sends_body).or(self.empty_body());
        let home = Home::default();
        transport::hand_over(wire, &home);
        let agent = &self.writer().agent;
        let sent = match body {
            Some(body) => agent.run(request.map(|()| body)),
            None => agent.run(request),
        };
        transport::take_back();
        let head = transport::take_head(&home);
        match (sent, head) {
            (Ok(response), Some(head)) => {
                self.note_head(&head);
                Ok(Ok(Answer { head, rest: Rest::Ureq { home, response } }))
            }
            (sent, _) => Ok(Err(self.lost(&home, sent.err()))),
        }
    }

    /// A method that is expected to have a body says that it has none, or ureq would send it in chunks: none, and servers
    /// that know no chunks take their end for the next request (RFC 9110 §8.6).
    fn empty_body(&self) -> Option<&'static [u8]> {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH").then_some(&[])
    }

    fn lost(&mut self, home: &Home, error: Option<ureq::Error>) -> Lost {
        let Some(mut wire) = self.welcome(home) else {
            return Lost { failure: error::internal(Phase::Send, "ureq kept the wire"), is_answered: true };
        };
        let known = wire.failure.take();
        let failure = known.unwrap_or_else(|| match error {
            Some(error) => error::from_ureq(&error, self.watch.phase()),
            None => error::internal(self.watch.phase(), "ureq answered without a head"),
        });
        Lost { failure, is_answered: wire.is_answered }
    }

    /// Takes a wire that came home, and what it saw.
    fn welcome(&mut self, home: &Home) -> Option<Box<Wire>> {
        let wire = transport::take_home(home)?;
        self.absorb(&wire);
        Some(wire)
    }

    fn absorb(&mut self, wire: &Wire) {
        self.watch.catch_up(&wire.watch);
        self.response.size_header += wire.size_header;
        self.response.size_download = wire.size_body;
        self.response.size_upload += wire.size_upload;
        if self.client.wants_details {
            self.response.local = wire.connection.local_addr();
        }
        self.note_tls(&wire.connection);
    }

    fn note_head(&mut self, head: &Head) {
        self.response.status = Some(head.status);
        self.response.version = Some(head.version);
        self.response.content_type.clone_from(&head.content_type);
        self.response.retry_after.clone_from(&head.retry_after);
        self.response.headers.clone_from(&head.headers);
    }

    fn http_request(&self) -> Result<http::Request<()>, Failure> {
        let uri = &self.url()[..Position::AfterQuery];
        let mut builder = http::Request::builder().method(self.method.as_str()).uri(uri);
        for header in self.request.headers.iter().filter(|header| self.may_send(header)) {
            builder = builder.header(header.name.as_str(), header.value.expose());
        }
        if let Way::Forward(Proxy { authorization: Some(value), .. }) = self.way()
            && !self.request.headers.iter().any(|header| self.may_send(header) && is_for_proxy(header))
        {
            builder = builder.header(PROXY_AUTHORIZATION, value.expose());
        }
        builder.body(()).map_err(|error| error::from_ureq(&ureq::Error::Http(error), Phase::Send))
    }

    /// After a change of origin nothing is sent that says who we are, nor a Host that was meant for another; after a
    /// change to GET nothing that describes the body.
    fn may_send(&self, header: &Header) -> bool {
        let leaves = self.has_left_origin && (header.is_secret() || header.name.eq_ignore_ascii_case("host"));
        let lost_body = self.request.body.is_some() && !self.sends_body;
        let describes = header.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"));
        !(leaves || lost_body && describes)
    }

    /// Where an answer leads; `None` when it is the last.
    pub(super) fn redirect(&self, answer: &Answer) -> Result<Option<Url>, Failure> {
        let limit = self.request.limits.max_redirs;
        if limit == 0 || !redirect::is_redirect(answer.head.status) || self.expects_redirect() {
            return Ok(None);
        }
        redirect::next(self.url(), answer.head.location.as_ref()).map(Some)
    }

    /// Leaves an answer whose body nobody wants. What has come with the head is read, so that the connection can be
    /// used again; nothing is waited for.
    #[inline(never)]
    pub(super) fn leave(&mut self, mut answer: Answer) {
        if let Rest::Ureq { home, response } = &mut answer.rest
            && transport::is_whole(home)
        {
            body::drain(response.body_mut().as_reader(), u64::MAX);
        }
        self.finish(answer);
    }

    /// Goes on to the next hop.
    #[inline(never)]
    pub(super) fn follow(&mut self, answer: Answer, next: Url) -> Result<(), Failure> {
        let status = answer.head.status;
        self.leave(answer);
        let limit = self.request.limits.max_redirs;
        let next = bare(next);
        let from = self.url().clone();
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
        self.url = Some(next);
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
            Rest::Ureq { home, response } if codings.is_empty() => {
                let is_whole = transport::is_whole(home);
                let reader = response.body_mut().as_reader();
                body::receive(reader, is_whole, &self.client.lender, &mut delivery)
            }
            Rest::Ureq { response, .. } => {
                let turns = Turns::new(self.slot, self.total);
                decoded(response.body_mut().as_reader(), &codings, &turns, &self.client.lender, &mut delivery)
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
            Rest::Ureq { home, response } => {
                drop(response);
                self.welcome(&home)?
            }
        };
        let failure = wire.failure.take();
        if failure.is_none() && wire.is_reusable() {
            self.client.pool.put(&self.key(), wire.into_connection(), Instant::now());
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
    match &head.content_encoding {
        Some(header) if head.framing != Framing::NoBody => decode::codings(header),
        _ => Ok(Vec::new()),
    }
}

/// What the user says to a proxy goes before what its URL says.
fn is_for_proxy(header: &Header) -> bool {
    header.name.eq_ignore_ascii_case(PROXY_AUTHORIZATION)
}

/// What a request line has: path and query.
fn path(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}

/// A redirect's target without what never goes over the wire: a fragment, and credentials, which a server has no
/// business to give.
fn bare(mut url: Url) -> Url {
    url.set_fragment(None);
    // Only URLs without a host refuse this, and those were refused before.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}
