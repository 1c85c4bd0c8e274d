//! What is asked of an answer, found out and judged: the last step of an exchange before its file gets its name.
//!
//! Knows what of an answer the checks of its request want to see, and on which thread what takes a while is found out.
//! Refuses to judge by itself: that is `check`, over plain facts.

use std::sync::PoisonError;

use super::connect::gave_up;
use super::decode;
use super::error;
use super::exchange::Exchange;
use super::head::{Asked, Framing, Head};
use crate::check::{self, Check, Examination, Findings, Judgement, Remainder, Seen};
use crate::outcome::{Failure, Phase};
use crate::record::wall_now;
use crate::request::Method;
use crate::runtime::NoResult;

/// A body of more bytes than this is read as JSON while no other such body is: a document takes up to thirty times the
/// room while it is read, and sixty-four threads could do it at once.
const LARGE_DOCUMENT_BYTES: usize = 1 << 20;

impl Exchange<'_> {
    /// What the look at a head depends on.
    pub(super) fn asked(&self) -> Asked {
        let expects = |what: fn(&Check) -> bool| self.request.checks.iter().any(what);
        Asked {
            is_head: self.method == Method::HEAD,
            wants_coding: self.request.compressed || expects(Check::looks_into_body),
            wants_headers: self.client.keeps_headers || expects(Check::looks_at_headers),
            is_connect: false,
        }
    }

    /// Whether somebody will be told what is known of TLS.
    pub(super) fn wants_tls(&self) -> bool {
        self.client.wants_details || self.request.checks.iter().any(Check::looks_at_certificates)
    }

    /// Whether a redirect is what the request is about, so that it is not followed.
    pub(super) fn expects_redirect(&self) -> bool {
        self.request.checks.iter().any(Check::expects_redirects)
    }

    /// Begins to look at the body of an answer; `None` when nobody wants to see its bytes. What came in a coding that
    /// nobody asked for is not looked into: it would be a search in the wrong bytes.
    #[inline(never)]
    pub(super) fn begin_examination(&self, head: &Head) -> Option<Box<Examination>> {
        let mut examination = Box::new(Examination::begin(&self.request.checks)?);
        let coding = head.content_encoding().filter(|_| head.framing != Framing::NoBody);
        if let Some(coding) = coding.filter(|coding| !self.request.compressed && !decode::is_identity(coding))
        {
            examination
                .hinder(&format!("the body came in the coding {coding:?}, which --compressed would undo"));
        }
        Some(examination)
    }

    /// Finds out what the checks want to know of a body that has come to its end; on another thread where that takes a
    /// while.
    ///
    /// # Errors
    /// Why there was no time or no thread for it.
    pub(super) fn find_out(&mut self, examination: Option<Box<Examination>>) -> Result<Findings, Failure> {
        let Some(examination) = examination else { return Ok(Findings::default()) };
        let (mut findings, remainder) = examination.finish(&self.request.checks);
        if let Some(remainder) = remainder {
            self.watch.enter(Phase::Check);
            findings.add(self.off_the_worker(remainder)?);
        }
        self.response.sha256 = findings.sha256().map(Into::into);
        Ok(findings)
    }

    fn off_the_worker(&self, remainder: Remainder) -> Result<Findings, Failure> {
        let large_document = self.client.large_document.clone();
        let examine = move || {
            let is_large = remainder.bytes() > LARGE_DOCUMENT_BYTES;
            let _alone = is_large.then(|| large_document.lock().unwrap_or_else(PoisonError::into_inner));
            remainder.examine()
        };
        let found = self.client.offload.run(self.slot, self.total.at, examine);
        found.map_err(|no_result| match no_result {
            NoResult::GaveUp(wake) => gave_up(wake, self.total, Phase::Check),
            NoResult::NoThread(system) => {
                let why = format!("no thread to examine the body: {}", error::system_word(&system));
                error::internal(Phase::Check, why)
            }
            NoResult::Panicked => {
                error::internal(Phase::Check, "a bug in greenfetch: examining the body panicked")
            }
        })
    }

    /// Judges an answer that came whole.
    #[inline(never)]
    pub(super) fn judge(&mut self, findings: &Findings) -> Judgement {
        if !self.request.checks.is_empty() {
            self.watch.enter(Phase::Check);
        }
        let now = self.watch.latest();
        let seen = Seen {
            response: self.response,
            url: &|| self.request.url.text().into_owned(),
            time: now.saturating_duration_since(self.watch.started()),
            ttfb: self.watch.ttfb(),
            today: wall_now,
            findings,
        };
        check::judge(&self.request.checks, &seen)
    }
}
