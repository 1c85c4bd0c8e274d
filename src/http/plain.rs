//! The fast path: a plain answer to a plain GET, without a call of ureq for each.
//!
//! ureq remains the author of every request: the bytes sent here are those that it wrote down for the same origin, with
//! another path. And it remains the judge of every answer that is not plain: such a one is handed to it from its
//! first byte, over the same wire. What is read by hand here goes through the same strict look and the same framing, so
//! deleting this file would change no outcome, only the speed (a call of ureq takes about 25 000 instructions, 2026-11).
//!
//! Knows when an answer is plain. Refuses to read heads and bodies (`transport`).

use std::sync::{Arc, Mutex, PoisonError};

use foldhash::HashMap;

use super::head::{Framing, Head};
use crate::request::Header;

/// Origins that are remembered; beyond this the memory starts anew.
const MOST_ORIGINS: usize = 4096;

/// What ureq wrote behind the path, by origin.
#[derive(Default)]
pub(super) struct Templates {
    by_origin: Mutex<HashMap<Box<str>, Template>>,
}

struct Template {
    /// The headers for which it was written.
    headers: Arc<[Header]>,
    tail: Box<[u8]>,
}

impl Template {
    /// Mostly it is the very same list.
    fn is_for(&self, headers: &Arc<[Header]>) -> bool {
        Arc::ptr_eq(&self.headers, headers) || self.headers == *headers
    }
}

impl Templates {
    /// The whole request for a path at an origin; `None` when ureq has not written one like it yet.
    pub(super) fn request(&self, origin: &str, path: &str, headers: &Arc<[Header]>) -> Option<Vec<u8>> {
        let templates = self.by_origin.lock().unwrap_or_else(PoisonError::into_inner);
        let template = templates.get(origin).filter(|template| template.is_for(headers))?;
        let mut request = Vec::with_capacity(4 + path.len() + template.tail.len());
        request.extend_from_slice(b"GET ");
        request.extend_from_slice(path.as_bytes());
        request.extend_from_slice(&template.tail);
        Some(request)
    }

    /// Remembers what ureq wrote.
    pub(super) fn learn(&self, origin: &str, path: &str, headers: &Arc<[Header]>, written: &[u8]) {
        let tail = written.strip_prefix(b"GET ").and_then(|rest| rest.strip_prefix(path.as_bytes()));
        let Some(tail) =
            tail.filter(|tail| tail.starts_with(b" HTTP/1.1\r\n") && tail.ends_with(b"\r\n\r\n"))
        else {
            return;
        };
        let mut templates = self.by_origin.lock().unwrap_or_else(PoisonError::into_inner);
        if templates.len() >= MOST_ORIGINS {
            templates.clear();
        }
        templates.insert(origin.into(), Template { headers: Arc::clone(headers), tail: tail.into() });
    }
}

/// Whether an answer is one to be read by hand: a 200 of known length, with nothing to be decoded.
pub(super) fn is_plain(head: &Head) -> bool {
    head.status == 200 && matches!(head.framing, Framing::Length(_)) && head.content_encoding().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_ureq_wrote_with_another_path() {
        let templates = Templates::default();
        let headers: Arc<[Header]> = Arc::from([]);
        templates.learn("http://a", "/x?y", &headers, b"GET /x?y HTTP/1.1\r\nhost: a\r\n\r\n");
        let request = templates.request("http://a", "/z", &headers);
        assert_eq!(request.as_deref(), Some(b"GET /z HTTP/1.1\r\nhost: a\r\n\r\n".as_slice()));
        assert_eq!(templates.request("http://b", "/z", &headers), None);
        let others: Arc<[Header]> =
            Arc::from([Header { name: "A".to_owned(), value: crate::request::Secret::new("b") }]);
        assert_eq!(templates.request("http://a", "/z", &others), None);
    }

    #[test]
    fn what_is_not_understood_is_not_learnt() {
        let templates = Templates::default();
        let headers: Arc<[Header]> = Arc::from([]);
        for written in
            [&b"POST /x HTTP/1.1\r\n\r\n"[..], b"GET /y HTTP/1.1\r\n\r\n", b"GET /x HTTP/1.1\r\nhost: a\r\n"]
        {
            templates.learn("http://a", "/x", &headers, written);
            assert_eq!(templates.request("http://a", "/x", &headers), None);
        }
    }
}
