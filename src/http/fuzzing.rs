//! Doors for `fuzz/`: what reads bytes of strangers here, one function each, with what must hold of any bytes.
//!
//! Knows what the product never does. Refuses to be part of it: nothing in `src` calls this.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::chunk::{self, Scanner};
use super::connection::Deadline;
use super::decode::{self, Turns};
use super::error::Limit;
use super::head::{self, Asked};
use super::redirect;
use crate::runtime::Slot;

/// Decoded bytes after which a decoder has shown what it can: a bomb is no finding here.
const MOST_DECODED: u64 = 1 << 20;

/// What an input came to, in a word or two: one that comes to something new is worth going on from.
pub type Came = String;

/// A response head: what is said of it must not depend on how much of it had come when it was looked at first. The
/// first byte says what was asked.
///
/// # Panics
/// When a beginning of the bytes is judged otherwise than the whole.
pub fn head(bytes: &[u8]) -> Came {
    let Some((&flags, bytes)) = bytes.split_first() else { return Came::new() };
    let asked = Asked {
        is_head: flags & 1 != 0,
        wants_coding: flags & 2 != 0,
        wants_headers: flags & 4 != 0,
        is_connect: flags & 8 != 0,
    };
    let whole = head::look(bytes, 0, asked);
    for end in [bytes.len() / 4, bytes.len() / 2, bytes.len().saturating_sub(1)] {
        match (head::look(&bytes[..end], 0, asked), &whole) {
            (Ok(None), _) => assert_eq!(head::look(bytes, end, asked), whole, "looked at anew from {end}"),
            // How far it got may differ: a fault seen early keeps its class.
            (Err(early), Err(late)) => assert_eq!(early.class, late.class, "{early:?}, then {late:?}"),
            (early, whole) => assert_eq!(&early, whole, "at {end} of {}", bytes.len()),
        }
    }
    if let Ok(Some(head)) = &whole {
        assert!(head.len <= bytes.len() && (100..=999).contains(&head.status), "{head:?}");
    }
    match whole {
        Ok(None) => "not whole".to_owned(),
        Ok(Some(mut head)) => format!(
            "{} {} {:?} {} {} {}",
            head.take_retry_after().is_some(),
            head.status / 100,
            std::mem::discriminant(&head.framing),
            head.keeps_alive,
            head.content_encoding().is_some(),
            head.location().is_some(),
        ),
        Err(failure) => failure.message,
    }
}

/// A Location: where it leads is http or https, has a host, and nothing in it could end a line of a request.
///
/// # Panics
/// When it leads elsewhere.
pub fn location(bytes: &[u8]) -> Came {
    let base = Url::parse("http://user@a.test:8080/dir/page?q=1#f").expect("a URL");
    let next = match redirect::next(&base, Some(&Ok(bytes.to_vec()))) {
        Ok(next) => next,
        Err(failure) => return failure.message,
    };
    assert!(matches!(next.scheme(), "http" | "https"), "{next}");
    assert!(next.host_str().is_some_and(|host| !host.is_empty()) && next.port() != Some(0), "{next}");
    assert!(next.as_str().bytes().all(|byte| (0x21..0x7f).contains(&byte)), "{next}");
    assert_eq!(Url::parse(next.as_str()).as_ref(), Ok(&next), "it is the same when it is read again");
    format!(
        "{} {:?} {} {} {}",
        next.scheme(),
        next.host().map(|host| std::mem::discriminant(&host)),
        next.port().is_some(),
        next.query().is_some(),
        next.fragment().is_some(),
    )
}

/// A body in chunks: what comes of it must not depend on the blocks it comes in. The first byte is their size.
///
/// # Panics
/// When it does, or when plain framing does not stay as it is.
pub fn chunks(bytes: &[u8]) -> Came {
    let Some((&step, bytes)) = bytes.split_first() else { return Came::new() };
    let at_once = scan(bytes, bytes.len().max(1));
    let by_blocks = scan(bytes, usize::from(step).max(1));
    assert_eq!(at_once, by_blocks, "in blocks of {step}");
    if let (plain, Ok((true, _))) = &at_once {
        let again = scan(plain, plain.len());
        assert_eq!(again, (plain.clone(), Ok((true, 0))), "plain framing is already plain");
    }
    match at_once {
        (plain, Ok((is_over, left))) => format!("{is_over} {} {}", left > 0, plain.len().min(8)),
        (_, Err(fault)) => fault.to_owned(),
    }
}

/// What is written, whether it is over, and how much stands behind the end.
fn scan(bytes: &[u8], step: usize) -> (Vec<u8>, Result<(bool, usize), chunk::Fault>) {
    let (mut scanner, mut all, mut left) = (Scanner::new(), Vec::new(), 0);
    let mut out = vec![0; step + chunk::GROWTH];
    for block in bytes.chunks(step) {
        let fed = scanner.feed(block, &mut out);
        all.extend_from_slice(&out[..fed.written]);
        if let Some(fault) = fed.fault {
            return (all, Err(fault));
        }
        left += block.len() - fed.read;
    }
    (all, Ok((scanner.is_done(), left)))
}

/// A coded body, the codings before it on a line of their own: what comes of it must not depend on how it is read.
///
/// # Panics
/// When a body read byte by byte comes to something else.
pub fn codings(bytes: &[u8], slot: &Arc<Slot>) -> Came {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let codings = match decode::codings(&String::from_utf8_lossy(&bytes[..end])) {
        Ok(codings) => codings,
        Err(_) => return "no coding".to_owned(),
    };
    let body = bytes.get(end + 1..).unwrap_or_default();
    let decoded = |body: &mut dyn Read| {
        let total = Deadline { at: None, limit: Limit::Total(Duration::ZERO) };
        let (turns, mut all) = (Turns::new(slot, total), Vec::new());
        let result = decode::reader(body, &codings, &turns).take(MOST_DECODED).read_to_end(&mut all);
        (all, result.err().map(|error| error.to_string()))
    };
    let (mut at_once, mut one_by_one) = (body, OneByOne(body));
    let (whole, small) = (decoded(&mut at_once), decoded(&mut one_by_one));
    assert_eq!(whole.1.is_some(), small.1.is_some(), "{:?} but byte by byte {:?}", whole.1, small.1);
    // Before a fault the one may have got further than the other.
    let common = whole.0.len().min(small.0.len());
    assert!(whole.0[..common] == small.0[..common], "byte by byte other bytes come out");
    assert!(whole.1.is_some() || whole.0.len() == small.0.len(), "byte by byte less comes out");
    format!("{codings:?} {:?} {}", whole.1, whole.0.len().min(4))
}

/// Brings one byte a read.
struct OneByOne<'a>(&'a [u8]);

impl Read for OneByOne<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = space.len().min(1);
        self.0.read(&mut space[..count])
    }
}
