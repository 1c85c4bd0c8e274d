//! The head of a request, as the demo's origin reads it: RFC 9112, strict and small.
//!
//! Knows the request line and the few fields that the origin acts on. Refuses to guess: what is odd is refused. Refuses
//! to read from a socket.

use thiserror::Error;

/// The longest head, request line and fields together.
pub(super) const MOST_HEAD_BYTES: usize = 16 << 10;

/// The longest body that is taken; its chunk framing may be as much again.
pub(super) const MOST_BODY_BYTES: usize = 1 << 20;

/// Why a request is not served. The connection ends with the answer, as nobody knows where the next request begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    /// It is no HTTP/1 request.
    #[error("{0}")]
    Malformed(&'static str),
    /// Longer than `MOST_HEAD_BYTES`.
    #[error("the head of the request is longer than 16 KiB")]
    HeadTooLong,
    /// Longer than `MOST_BODY_BYTES`.
    #[error("the body of the request is longer than 1 MiB")]
    BodyTooLong,
    /// Too few came to its gate.
    #[error("too few others came to the gate")]
    Alone,
}

impl Refusal {
    pub(super) fn status(self) -> u16 {
        match self {
            Refusal::Malformed(_) => 400,
            Refusal::HeadTooLong => 431,
            Refusal::BodyTooLong => 413,
            Refusal::Alone => 503,
        }
    }
}

/// How the end of a request's body is known (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes; without a word about it, none.
    Length(usize),
    /// Chunks until one of size zero.
    Chunked,
}

/// A request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The answer goes without its body.
    pub(super) is_head: bool,
    /// Path and query: begins with a slash, visible ASCII only.
    pub(super) target: String,
    /// The fields as they came, each line with its end.
    pub(super) fields: Vec<u8>,
    /// Visible ASCII and blanks only; `None` when there is none of that kind.
    pub(super) content_type: Option<String>,
    pub(super) framing: Framing,
    /// `Expect: 100-continue`: the body comes when we have asked for it.
    pub(super) expects_continue: bool,
    pub(super) keeps_alive: bool,
}

/// The length of the head at the start of `bytes`, of which `from` were looked at before in vain. `Ok(None)` is "not
/// complete yet".
///
/// # Errors
/// A line that does not end in CR LF, or no end within the limit.
pub(super) fn find_end(bytes: &[u8], from: usize) -> Result<Option<usize>, Refusal> {
    for (index, _) in bytes.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'\n') {
        let line = &bytes[..=index];
        if index >= MOST_HEAD_BYTES {
            break;
        }
        if !line.ends_with(b"\r\n") {
            return Err(Refusal::Malformed("a line of the head does not end in CR LF"));
        }
        if line.ends_with(b"\r\n\r\n") {
            return Ok(Some(index + 1));
        }
    }
    if bytes.len() > MOST_HEAD_BYTES { Err(Refusal::HeadTooLong) } else { Ok(None) }
}

/// Reads a whole head, its empty line included. An empty line before it is forgiven (RFC 9112 §2.2).
///
/// # Errors
/// `Malformed` for what is no HTTP/1 head, `BodyTooLong` for what announces too much.
pub(super) fn parse(bytes: &[u8]) -> Result<Head, Refusal> {
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    let (request_line, fields) = bytes.split_at(end);
    let fields = fields.strip_suffix(b"\r\n").ok_or(Refusal::Malformed("the head has no end"))?;
    let (is_head, target, is_http11) = parse_request_line(request_line)?;
    let mut found = Found::default();
    for line in fields.split_inclusive(|byte| *byte == b'\n') {
        found.take(line)?;
    }
    if is_http11 && found.hosts != 1 || found.hosts > 1 {
        return Err(Refusal::Malformed("the request does not name one host"));
    }
    let framing = found.framing(is_http11)?;
    Ok(Head {
        is_head,
        target,
        fields: fields.to_vec(),
        content_type: found.content_type,
        framing,
        expects_continue: found.expects_continue && is_http11,
        keeps_alive: is_http11 && !found.closes,
    })
}

/// Whether it is a HEAD, the target, and whether it is HTTP/1.1.
fn parse_request_line(line: &[u8]) -> Result<(bool, String, bool), Refusal> {
    const FORM: Refusal = Refusal::Malformed("the request line is not METHOD TARGET HTTP/1.1");
    let line = std::str::from_utf8(line).ok().and_then(|line| line.strip_suffix("\r\n")).ok_or(FORM)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(FORM);
    };
    let is_http11 = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return Err(FORM),
    };
    let is_method = !method.is_empty() && method.bytes().all(is_token_byte);
    let target = path_of(target).filter(|_| is_method).ok_or(FORM)?;
    Ok((method == "HEAD", target.to_owned(), is_http11))
}

/// Path and query of a target, also of one in absolute form, which a server must take (RFC 9112 §3.2.2).
fn path_of(target: &str) -> Option<&str> {
    let is_visible = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    (is_visible && path.starts_with('/')).then_some(path)
}

/// RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What the fields said so far.
#[derive(Default)]
struct Found {
    hosts: u32,
    length: Option<usize>,
    is_chunked: bool,
    content_type: Option<String>,
    expects_continue: bool,
    closes: bool,
}

impl Found {
    fn take(&mut self, line: &[u8]) -> Result<(), Refusal> {
        const FORM: Refusal = Refusal::Malformed("a field is not NAME: VALUE");
        let line = line.strip_suffix(b"\r\n").ok_or(FORM)?;
        let colon = line.iter().position(|byte| *byte == b':').ok_or(FORM)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let is_name = !name.is_empty() && name.iter().all(|byte| is_token_byte(*byte));
        if !is_name || value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(FORM);
        }
        match name.to_ascii_lowercase().as_slice() {
            b"host" => self.hosts += 1,
            b"content-length" => self.take_length(value)?,
            b"transfer-encoding" if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") => {
                return Err(Refusal::Malformed("the transfer coding is not chunked"));
            }
            b"transfer-encoding" => self.is_chunked = true,
            b"content-type" if value.iter().all(|byte| matches!(byte, b' '..=b'~')) => {
                self.content_type = Some(String::from_utf8_lossy(value).into_owned());
            }
            b"expect" => self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue"),
            b"connection" => {
                let mut options = value.split(|byte| *byte == b',');
                self.closes |= options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
            }
            _ => {}
        }
        Ok(())
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        if self.length.is_some() || !is_number {
            return Err(Refusal::Malformed("the Content-Length is not one number"));
        }
        // What overflows is a number, and too large.
        let length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        self.length = Some(length.filter(|length| *length <= MOST_BODY_BYTES).ok_or(Refusal::BodyTooLong)?);
        Ok(())
    }

    fn framing(&self, is_http11: bool) -> Result<Framing, Refusal> {
        match (self.is_chunked, self.length) {
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
            (true, None) if is_http11 => Ok(Framing::Chunked),
            (true, None) => Err(Refusal::Malformed("HTTP/1.0 knows no chunks")),
            // RFC 9112 §6.1: the way of request smuggling.
            (true, Some(_)) => Err(Refusal::Malformed("there is a Content-Length beside the chunks")),
        }
    }
}

/// The size that a chunk's line announces, without the line's end; extensions are passed over.
///
/// # Errors
/// `Malformed` when it is no size, `BodyTooLong` when no body could hold it.
pub(super) fn chunk_size(line: &[u8]) -> Result<usize, Refusal> {
    const FORM: Refusal = Refusal::Malformed("a chunk does not begin with its size");
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(FORM);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| FORM)?;
    let size = usize::from_str_radix(digits, 16).map_err(|_| Refusal::BodyTooLong)?;
    if size > MOST_BODY_BYTES { Err(Refusal::BodyTooLong) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A head with the fields given, after `Host: h`.
    fn with(fields: &str) -> Result<Head, Refusal> {
        parse(format!("POST /p?q HTTP/1.1\r\nHost: h\r\n{fields}\r\n").as_bytes())
    }

    fn with_line(line: &str) -> Result<Head, Refusal> {
        parse(format!("{line}\r\nHost: h\r\n\r\n").as_bytes())
    }

    #[test]
    fn a_head_says_what_is_asked_and_how_its_body_ends() {
        let head = parse(b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-Y: \xff\r\n\r\n").unwrap();
        assert_eq!((head.target.as_str(), head.is_head, head.keeps_alive), ("/a?b=c", false, true));
        assert_eq!(head.framing, Framing::Length(0));
        assert_eq!(head.fields, b"Host: h\r\nX-Y: \xff\r\n");

        assert!(with_line("HEAD / HTTP/1.1").unwrap().is_head);
        assert!(!with_line("GET / HTTP/1.0").unwrap().keeps_alive);
        assert_eq!(with_line("GET http://h:1/a/b HTTP/1.1").unwrap().target, "/a/b");
        assert_eq!(with_line("GET http://h HTTP/1.1").unwrap().target, "/");
        assert_eq!(with_line("\r\nGET /late HTTP/1.1").unwrap().target, "/late");

        assert_eq!(with("content-LENGTH:  5 \r\n").unwrap().framing, Framing::Length(5));
        assert_eq!(with("Transfer-Encoding: Chunked\r\n").unwrap().framing, Framing::Chunked);
        assert!(!with("Connection: x, Close\r\n").unwrap().keeps_alive);
        assert!(with("Expect: 100-Continue\r\n").unwrap().expects_continue);
        assert_eq!(with("Content-Type: a/b; c=d\r\n").unwrap().content_type.as_deref(), Some("a/b; c=d"));
        assert_eq!(with("Content-Type: \u{e9}\r\n").unwrap().content_type, None);
    }

    #[test]
    fn what_is_odd_is_refused() {
        let malformed = |head: Result<Head, Refusal>| matches!(head, Err(Refusal::Malformed(_)));
        let lines = [
            "",
            "GET",
            "GET /",
            "GET / HTTP/1.1 ",
            "GET  / HTTP/1.1",
            "GET / HTTP/2.0",
            "GET / http/1.1",
            " / HTTP/1.1",
            "G(T / HTTP/1.1",
            "GET a HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "CONNECT h:1 HTTP/1.1",
            "GET /\t HTTP/1.1",
            "GET /\u{e9} HTTP/1.1",
            "GET /#x HTTP/1.1",
            "\r\n\r\nGET / HTTP/1.1",
        ];
        for line in lines {
            assert!(malformed(with_line(line)), "{line:?}");
        }
        let fields = [
            "no colon\r\n",
            ": v\r\n",
            "a b: v\r\n",
            "A: 1\r\n folded\r\n",
            "A: \u{1b}[2J\r\n",
            "A: b\rc\r\n",
            "A: b\n",
            "Host: two\r\n",
            "Content-Length: +5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ];
        for fields in fields {
            assert!(malformed(with(fields)), "{fields:?}");
        }
        assert!(malformed(parse(b"GET / HTTP/1.1\r\n\r\n")), "HTTP/1.1 without a host");
        assert!(malformed(parse(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")));
        assert!(malformed(parse(b"GET / HTTP/1.1\r\nHost: h\r\n")), "no empty line");
        assert_eq!(with("Content-Length: 1048577\r\n"), Err(Refusal::BodyTooLong));
        assert_eq!(with("Content-Length: 99999999999999999999999\r\n"), Err(Refusal::BodyTooLong));
    }

    #[test]
    fn the_end_of_a_head_is_found_and_missed() {
        assert_eq!(find_end(b"GET / HTTP/1.1\r\n\r\nbody\n", 0), Ok(Some(18)));
        assert_eq!(find_end(b"a\r\n\r\n", 4), Ok(Some(5)), "the rest may come byte by byte");
        assert_eq!(find_end(b"", 0), Ok(None));
        assert_eq!(find_end(b"a\r\n\r", 3), Ok(None));
        assert!(matches!(find_end(b"a\n", 0), Err(Refusal::Malformed(_))));
        assert!(matches!(find_end(b"\n", 0), Err(Refusal::Malformed(_))));
        assert_eq!(find_end(&[b'a'; MOST_HEAD_BYTES], 0), Ok(None));
        assert_eq!(find_end(&vec![b'a'; MOST_HEAD_BYTES + 1], 0), Err(Refusal::HeadTooLong));
        let late = [&[b'a'; MOST_HEAD_BYTES][..], b"\r\n\r\n"].concat();
        assert_eq!(find_end(&late, 0), Err(Refusal::HeadTooLong));
    }

    #[test]
    fn a_chunk_begins_with_its_size() {
        for (line, size) in
            [("0", 0), ("a", 10), ("00fF", 255), ("5;x=y", 5), ("5 ;x", 5), ("100000", 1 << 20)]
        {
            assert_eq!(chunk_size(line.as_bytes()), Ok(size), "{line}");
        }
        for line in ["", ";", " 5", "+5", "0x5", "5 5", "-1", "g"] {
            assert!(matches!(chunk_size(line.as_bytes()), Err(Refusal::Malformed(_))), "{line:?}");
        }
        for line in ["100001", "ffffffffffffffffffffffff"] {
            assert_eq!(chunk_size(line.as_bytes()), Err(Refusal::BodyTooLong));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), from in 0_usize..400) {
            let _ = find_end(&bytes, from);
            let _ = chunk_size(&bytes);
            let _ = parse(&bytes);
            let _ = parse(&[b"GET / HTTP/1.1\r\n", &bytes[..], b"\r\n\r\n"].concat());
        }
    }
}
