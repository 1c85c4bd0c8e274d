//! A hop's request: over which connection it goes, who writes it, and what it came to, up to the head of the answer.
//!
//! Knows the short cut, ureq, and when a request may be sent once more. Refuses to know where an answer leads and what
//! becomes of its body (`exchange`).

use ureq::http;

use super::connection::Connection;
use super::exchange::{Answer, ByUreq, Exchange, Rest};
use super::head::Head;
use super::route::Way;
use super::transport::{self, Home};
use super::wire::{Terms, TimeLimits, Wire};
use super::{error, plain};
use crate::config::Proxy;
use crate::event::Trace;
use crate::outcome::{Class, Failure, Phase};
use crate::request::{Header, Method};
use crate::runtime::deep;

const PROXY_AUTHORIZATION: &str = "Proxy-Authorization";

/// A request that came to nothing.
struct Lost {
    failure: Failure,
    /// Any byte of an answer came.
    is_answered: bool,
}

impl Exchange<'_> {
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
            absolute: matches!(self.way(), Way::Forward(_)).then(|| self.target().origin().into()),
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
            && self.target().is_plain()
    }

    /// The request as ureq writes it: from memory, or by having it written down. `None` when it is not understood.
    #[inline(never)]
    fn templated(&self) -> Result<Option<Vec<u8>>, Failure> {
        let (headers, writer) = (&self.request.headers, self.writer());
        let (origin, path, templates) = (self.target().origin(), self.target().path(), &writer.templates);
        if let Some(request) = templates.request(origin, path, headers) {
            return Ok(Some(request));
        }
        // No byte is sent, so nothing is waited for.
        let compose = || {
            let request = self.http_request()?;
            Ok(transport::compose(&writer.agent, request, self.client.lender.clone()))
        };
        let written = deep(compose)?;
        templates.learn(origin, path, headers, &written);
        Ok(templates.request(origin, path, headers))
    }

    /// Asks without ureq; an answer that is not plain is handed to it.
    fn send_plain(&mut self, mut wire: Box<Wire>, request: &[u8]) -> Result<Result<Answer, Lost>, Failure> {
        if let Err(failure) = wire.ask(request) {
            let is_answered = wire.is_answered;
            self.absorb(&wire);
            return Ok(Err(Lost { failure, is_answered }));
        }
        let Some(mut head) = wire.take_head_if(plain::is_plain) else { return self.send_by_ureq(wire) };
        wire.stays = head.keeps_alive;
        self.note_head(&mut head);
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
            (Ok(response), Some(mut head)) => {
                self.note_head(&mut head);
                Ok(Ok(Answer { head, rest: Rest::Ureq(Box::new(ByUreq { home, response })) }))
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

    /// Takes what is for the record alone.
    fn note_head(&mut self, head: &mut Head) {
        self.response.status = Some(head.status);
        self.response.version = Some(head.version);
        self.response.content_type = head.content_type.take();
        self.response.retry_after = head.take_retry_after();
        self.response.headers = head.take_headers();
    }

    fn http_request(&self) -> Result<http::Request<()>, Failure> {
        let url = self.target().text();
        let mut builder = http::Request::builder().method(self.method.as_str()).uri(&*url);
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
}

/// What the user says to a proxy goes before what its URL says.
fn is_for_proxy(header: &Header) -> bool {
    header.name.eq_ignore_ascii_case(PROXY_AUTHORIZATION)
}
