//! The strict look at a response head, before ureq reads it: RFC 9112, and nothing guessed.
//!
//! Knows heads as bytes: complete or not, valid or why not, and how the body after one is framed. Refuses to read from
//! a socket and to judge a status.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::outcome::{Class, Failure, Phase};
use crate::response::HttpVersion;

/// The longest head, status line and headers together. ureq's limit too; curl allows 300 KiB.
pub(super) const MOST_HEAD_BYTES: usize = 64 << 10;

/// The most headers: what ureq's parser has room for.
const MOST_HEADERS: usize = 128;

/// Room for the headers of nearly every response; clearing a table for 128 took longer than parsing (2026-11).
const USUAL_HEADERS: usize = 24;

/// So much of a Retry-After is kept: a date has 33 bytes at most, and a longer number is as absurd when it is cut.
const MOST_RETRY_AFTER_BYTES: usize = 64;

/// How heads end.
static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

/// How the end of a body is known (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none: HEAD, 204, 304.
    NoBody,
    /// So many bytes.
    Length(u64),
    /// Chunks until one of size zero.
    Chunked,
    /// Until the connection ends in good order.
    UntilClose,
}

/// What the look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) version: HttpVersion,
    /// Bytes of it, empty lines before it included.
    pub(super) len: usize,
    pub(super) framing: Framing,
    /// HTTP/1.1, and Connection says keep-alive or is not there.
    pub(super) keeps_alive: bool,
    pub(super) content_type: Option<String>,
    /// What few heads have; `None` where this one has nothing of it. A head is handed on several times.
    extra: Option<Box<Extra>>,
}

/// What a plain answer does not have, or nobody asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Extra {
    content_encoding: Option<String>,
    retry_after: Option<Box<str>>,
    location: Option<Result<Vec<u8>, ()>>,
    headers: Option<Vec<(String, String)>>,
}

impl Head {
    /// 1xx: another head follows.
    pub(super) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status)
    }

    /// `Content-Encoding`, several joined by commas; `None` where there is none or it was not asked for.
    pub(super) fn content_encoding(&self) -> Option<&str> {
        self.extra.as_ref()?.content_encoding.as_deref()
    }

    /// The value of the only Location; `Err` when several say different things.
    pub(super) fn location(&self) -> Option<&Result<Vec<u8>, ()>> {
        self.extra.as_ref()?.location.as_ref()
    }

    /// The first Retry-After of a status from 400 on, cut to [`MOST_RETRY_AFTER_BYTES`].
    pub(super) fn take_retry_after(&mut self) -> Option<Box<str>> {
        self.extra.as_mut()?.retry_after.take()
    }

    /// All headers, raw; `None` unless asked for.
    pub(super) fn take_headers(&mut self) -> Option<Vec<(String, String)>> {
        self.extra.as_mut()?.headers.take()
    }
}

/// What of a response the look depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// The request was a HEAD.
    pub(super) is_head: bool,
    /// The body is to be decoded, or somebody wants to know that it would have to be.
    pub(super) wants_coding: bool,
    /// All headers are wanted, by the record or by a check.
    pub(super) wants_headers: bool,
    /// The request was a CONNECT: no body follows, whatever the head says of one (RFC 9110 §9.3.6).
    pub(super) is_connect: bool,
}

/// Looks for a head at the start of `bytes`; `from` says how many of them were looked at before in vain.
/// `Ok(None)` is "not complete yet".
///
/// # Errors
/// `protocol` for what is no HTTP/1 head, `size` for what is too long to be one.
pub(super) fn look(bytes: &[u8], from: usize, asked: Asked) -> Result<Option<Head>, Failure> {
    let blank = leading_blank_lines(bytes);
    check_start(&bytes[blank..])?;
    // Blank lines before the head are no end of it.
    if !has_end(&bytes[blank..], from.saturating_sub(blank)) {
        let too_long = bytes.len() > MOST_HEAD_BYTES;
        return if too_long { Err(too_long_head()) } else { Ok(None) };
    }
    match parse::<USUAL_HEADERS>(bytes, asked) {
        Ok(found) => found,
        Err(httparse::Error::TooManyHeaders) => look_at_many(bytes, asked),
        Err(error) => Err(invalid(error, &bytes[blank..])),
    }
}

/// Apart, so that the 4 KiB of its table are on the stack of nobody else: a page for each URL in flight.
#[cold]
#[inline(never)]
fn look_at_many(bytes: &[u8], asked: Asked) -> Result<Option<Head>, Failure> {
    parse::<MOST_HEADERS>(bytes, asked).unwrap_or_else(|error| Err(invalid(error, bytes)))
}

/// Parses with room for `N` headers. The outer error is the parser's.
fn parse<const N: usize>(
    bytes: &[u8],
    asked: Asked,
) -> Result<Result<Option<Head>, Failure>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; N];
    let mut response = httparse::Response::new(&mut headers);
    Ok(match response.parse(bytes)? {
        httparse::Status::Partial if bytes.len() <= MOST_HEAD_BYTES => Ok(None),
        httparse::Status::Partial => Err(too_long_head()),
        httparse::Status::Complete(len) if len > MOST_HEAD_BYTES => Err(too_long_head()),
        httparse::Status::Complete(len) => judge(&response, len, asked).map(Some),
    })
}

fn leading_blank_lines(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Noise is told from HTTP by its first bytes, without waiting for an end that never comes.
fn check_start(bytes: &[u8]) -> Result<(), Failure> {
    const START: &[u8] = b"HTTP/1.";
    let seen = bytes.len().min(START.len());
    if bytes[..seen] == START[..seen] {
        return Ok(());
    }
    // An alert (RFC 8446 §5.1): what a server of TLS says to a request in the clear.
    if bytes.starts_with(&[21, 3]) {
        return Err(protocol("the answer is TLS and not HTTP/1: then write https://"));
    }
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(16)]).into_owned();
    Err(protocol(format!("the answer is not HTTP/1: it begins with {shown:?}")))
}

fn has_end(bytes: &[u8], from: usize) -> bool {
    let fresh = &bytes[from.saturating_sub(3).min(bytes.len())..];
    // Only as far as a head may reach: a large body may stand behind it.
    let fresh = &fresh[..fresh.len().min(MOST_HEAD_BYTES + 3)];
    // The usual end first, which is found without a stop at each line.
    END.find(fresh).is_some()
        || memchr::memchr_iter(b'\n', fresh).any(|at| {
            let behind = &fresh[at + 1..];
            behind.starts_with(b"\n") || behind.starts_with(b"\r\n")
        })
}

fn judge(response: &httparse::Response<'_, '_>, len: usize, asked: Asked) -> Result<Head, Failure> {
    let status = response.code.unwrap_or(0);
    if status < 100 {
        return Err(protocol(format!("{status:03} is no HTTP status")));
    }
    if status == 101 {
        return Err(protocol("101 Switching Protocols, which nobody asked for"));
    }
    let version = if response.version == Some(0) { HttpVersion::Http10 } else { HttpVersion::Http11 };
    let fields = Fields::of(response.headers);
    let has_body = !asked.is_head && status >= 200 && !matches!(status, 204 | 304);
    let framing = if status < 200 || asked.is_connect { Framing::NoBody } else { framing(&fields, version)? };
    Ok(Head {
        status,
        version,
        len,
        framing: if has_body { framing } else { Framing::NoBody },
        keeps_alive: version == HttpVersion::Http11 && !fields.connection_differs,
        content_type: fields.content_type.map(lossy),
        extra: extra(&fields, status, response.headers, asked),
    })
}

fn extra(
    fields: &Fields<'_>,
    status: u16,
    headers: &[httparse::Header<'_>],
    asked: Asked,
) -> Option<Box<Extra>> {
    let has_none = fields.content_encoding.first.or(fields.location.first).or(fields.retry_after).is_none();
    if has_none && !asked.wants_headers {
        return None;
    }
    let extra = Extra {
        content_encoding: if asked.wants_coding { joined(&fields.content_encoding) } else { None },
        retry_after: fields.retry_after.filter(|_| status >= 400).map(retry_after),
        location: location(&fields.location),
        headers: asked
            .wants_headers
            .then(|| headers.iter().map(|h| (h.name.to_owned(), lossy(h.value))).collect()),
    };
    (extra != Extra::default()).then(|| Box::new(extra))
}

/// The values of the fields that say how an answer is to be read, found in one pass.
#[derive(Default)]
struct Fields<'h> {
    transfer_encoding: Values<'h>,
    content_length: Values<'h>,
    content_encoding: Values<'h>,
    location: Values<'h>,
    /// The last one.
    content_type: Option<&'h [u8]>,
    /// The first one.
    retry_after: Option<&'h [u8]>,
    /// There is a Connection that says something else than keep-alive.
    connection_differs: bool,
}

/// The values of one field.
#[derive(Default)]
struct Values<'h> {
    first: Option<&'h [u8]>,
    others: Vec<&'h [u8]>,
}

impl<'h> Values<'h> {
    fn push(&mut self, value: &'h [u8]) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.others.push(value),
        }
    }
}

impl<'h> Fields<'h> {
    fn of(headers: &[httparse::Header<'h>]) -> Fields<'h> {
        let mut fields = Fields::default();
        for &httparse::Header { name, value } in headers {
            // Most servers write them like this, and to compare without case takes ten times as long.
            let is = |field: &str| name == field || name.eq_ignore_ascii_case(field);
            // No two of them are of one length.
            match name.len() {
                8 if is("Location") => fields.location.push(value),
                10 if is("Connection") => {
                    fields.connection_differs |= !value.eq_ignore_ascii_case(b"keep-alive");
                }
                11 if is("Retry-After") => _ = fields.retry_after.get_or_insert(value),
                12 if is("Content-Type") => fields.content_type = Some(value),
                14 if is("Content-Length") => fields.content_length.push(value),
                16 if is("Content-Encoding") => fields.content_encoding.push(value),
                17 if is("Transfer-Encoding") => fields.transfer_encoding.push(value),
                _ => {}
            }
        }
        fields
    }
}

/// RFC 9110 §5.3: several lines are one list.
fn joined(values: &Values<'_>) -> Option<String> {
    let all: Vec<String> = values.first.iter().chain(&values.others).map(|value| lossy(value)).collect();
    (!all.is_empty()).then(|| all.join(","))
}

fn lossy(value: &[u8]) -> String {
    str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value).into_owned(), str::to_owned)
}

fn retry_after(value: &[u8]) -> Box<str> {
    lossy(&value[..value.len().min(MOST_RETRY_AFTER_BYTES)]).into_boxed_str()
}

/// The only Location there is. Two that differ are not chosen between.
fn location(values: &Values<'_>) -> Option<Result<Vec<u8>, ()>> {
    let first = values.first?;
    Some(if values.others.iter().all(|other| *other == first) { Ok(first.to_vec()) } else { Err(()) })
}

/// RFC 9112 §6.3, without the leniency: what could be read in two ways is not read.
fn framing(fields: &Fields<'_>, version: HttpVersion) -> Result<Framing, Failure> {
    let Fields { transfer_encoding: codings, content_length: lengths, .. } = fields;
    match (codings.first, lengths.first) {
        (Some(_), Some(_)) => Err(protocol("both Transfer-Encoding and Content-Length (RFC 9112 §6.3)")),
        (Some(_), None) if version == HttpVersion::Http10 => {
            Err(protocol("Transfer-Encoding in an HTTP/1.0 response (RFC 9112 §6.1)"))
        }
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") && codings.others.is_empty() => {
            Ok(Framing::Chunked)
        }
        (Some(coding), None) => {
            Err(protocol(format!("Transfer-Encoding {:?}: only chunked alone is known", lossy(coding))))
        }
        (None, Some(_)) if !lengths.others.is_empty() => Err(protocol("more than one Content-Length")),
        (None, Some(length)) => content_length(length).map(Framing::Length),
        (None, None) => Ok(Framing::UntilClose),
    }
}

/// Digits and nothing else: no sign, no list, no blank inside.
fn content_length(value: &[u8]) -> Result<u64, Failure> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(protocol(format!("Content-Length {:?} is not a number", lossy(value))));
    }
    str::from_utf8(value).unwrap_or_default().parse().map_err(|_| {
        let text = lossy(value);
        Failure::new(
            Class::Size,
            Phase::Receive,
            format!("Content-Length {text} is larger than any body can be"),
        )
    })
}

/// Whether a status line has its three digits (RFC 9112 §4) and a blank behind them.
fn has_status(head: &[u8]) -> bool {
    head.get(9..13).is_some_and(|code| code[..3].iter().all(u8::is_ascii_digit) && code[3] == b' ')
}

fn too_long_head() -> Failure {
    let message = format!("the response head is longer than {} KiB", MOST_HEAD_BYTES >> 10);
    Failure::new(Class::Size, Phase::Receive, message)
}

fn protocol(message: impl Into<String>) -> Failure {
    Failure::new(Class::Protocol, Phase::Receive, message)
}

/// What the parser found wrong with a head; `head` begins with the status line, where that is told from its fault.
fn invalid(error: httparse::Error, head: &[u8]) -> Failure {
    protocol(match error {
        httparse::Error::TooManyHeaders => format!("more than {MOST_HEADERS} response headers"),
        httparse::Error::HeaderName => "a header name in the response is not valid".to_owned(),
        httparse::Error::HeaderValue => "a header value in the response has a control byte".to_owned(),
        httparse::Error::NewLine => "a line of the response head does not end in CR LF".to_owned(),
        // One word of the parser's for a status that is none and for what stands behind one.
        httparse::Error::Status if has_status(head) => {
            "the reason in the status line has a control byte".to_owned()
        }
        httparse::Error::Status => "the status line has no three-digit status".to_owned(),
        httparse::Error::Version => "the answer is not HTTP/1.0 or HTTP/1.1".to_owned(),
        httparse::Error::Token => "the response head has a byte that is not allowed".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Asked = Asked { is_head: false, wants_coding: false, wants_headers: false, is_connect: false };

    #[test]
    fn blank_lines_before_a_head_are_no_end_of_it_however_it_is_cut() {
        let head = "\r\n\n\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        for cut in 0..head.len() {
            assert!(matches!(look(&head.as_bytes()[..cut], 0, GET), Ok(None)), "{cut}");
            let whole = look(head.as_bytes(), cut, GET);
            assert!(matches!(whole, Ok(Some(_))), "{cut}");
        }
    }

    fn framed(head: &str) -> Result<Framing, Class> {
        match look(head.as_bytes(), 0, GET) {
            Ok(Some(head)) => Ok(head.framing),
            Ok(None) => panic!("not complete: {head:?}"),
            Err(failure) => Err(failure.class),
        }
    }

    #[test]
    fn bodies_are_framed_as_the_rfc_says() {
        for (headers, framing) in [
            ("Content-Length: 5\r\n", Framing::Length(5)),
            ("content-length: 0\r\n", Framing::Length(0)),
            ("Transfer-Encoding: Chunked\r\n", Framing::Chunked),
            ("", Framing::UntilClose),
        ] {
            assert_eq!(framed(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")), Ok(framing), "{headers}");
        }
        assert_eq!(framed("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n"), Ok(Framing::NoBody));
        assert_eq!(framed("HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n"), Ok(Framing::NoBody));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        for headers in [
            "Content-Length: +5\r\n",
            "Content-Length: -5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5abc\r\n",
            "Content-Length: five\r\n",
            "Content-Length:\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: 5\r\nContent-Length: 3\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            let framing = framed(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n"));
            assert_eq!(framing, Err(Class::Protocol), "{headers}");
        }
        assert_eq!(framed("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(Class::Protocol));
        let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", "9".repeat(26));
        assert_eq!(framed(&endless), Err(Class::Size));
    }

    #[test]
    fn what_is_no_head_is_said_at_once() {
        for noise in [
            "SSH-2.0-OpenSSH",
            "\0",
            "x",
            "ICY 200 OK",
            "HTTP/2 200\r\n\r\n",
            "HTTP/9.9 200 OK\r\n\r\n",
            "HTTP/1.1 000 X\r\n\r\n",
            "HTTP/1.1 099 X\r\n\r\n",
            "HTTP/1.1 20 X\r\n\r\n",
            "HTTP/1.1 2000 X\r\n\r\n",
            "HTTP/1.1 -20 X\r\n\r\n",
            "HTTP/1.1 abc X\r\n\r\n",
            "HTTP/1.1 101 Switching\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        ] {
            let failure = look(noise.as_bytes(), 0, GET).map_err(|failure| failure.class);
            assert_eq!(failure, Err(Class::Protocol), "{noise:?}");
        }
    }

    #[test]
    fn a_head_may_come_in_pieces_and_odd_statuses_are_taken() {
        let whole = b"\r\nHTTP/1.1 999 Whatever\r\nX: \xff\r\n\r\nbody";
        for cut in 0..whole.len() - 4 {
            assert_eq!(look(&whole[..cut], cut.saturating_sub(1), GET), Ok(None), "{cut}");
        }
        let head = look(whole, 3, GET).unwrap().unwrap();
        assert_eq!((head.status, head.len), (999, whole.len() - 4));
    }

    #[test]
    fn long_heads_are_named_and_not_kept() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(MOST_HEAD_BYTES));
        assert_eq!(look(long.as_bytes(), 0, GET).map_err(|f| f.class), Err(Class::Size));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(300));
        let failure = look(many.as_bytes(), 0, GET).unwrap_err();
        assert_eq!(
            (failure.class, failure.message.as_str()),
            (Class::Protocol, "more than 128 response headers")
        );
    }

    #[test]
    fn two_locations_that_differ_are_not_chosen_between() {
        let head = |headers: &str| {
            let text = format!("HTTP/1.1 302 Found\r\n{headers}Content-Length: 0\r\n\r\n");
            look(text.as_bytes(), 0, GET).unwrap().unwrap().location().cloned()
        };
        assert_eq!(head("Location: /a\r\nLocation: /a\r\n"), Some(Ok(b"/a".to_vec())));
        assert_eq!(head("Location: /a\r\nLocation: /b\r\n"), Some(Err(())));
        assert_eq!(head(""), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, from: usize) {
            let _ = look(&bytes, from, GET);
            let mut after_start = b"HTTP/1.1 200 OK\r\n".to_vec();
            after_start.extend(&bytes);
            after_start.extend(b"\r\n\r\n");
            let _ = look(&after_start, from, GET);
        }
    }
}
