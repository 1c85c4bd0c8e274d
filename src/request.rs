//! What is asked of one URL: complete, checked and never changed afterwards.
//!
//! Knows the words of a request. Refuses to know where it came from (`list`), how defaults were
//! combined (`plan`) and how it is sent (`http`).

mod header;
pub(crate) mod resolve;
mod target;

use std::fmt;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use crate::check::Check;
use crate::outcome::Class;

pub use header::{HeaderEdit, check_header_value};
pub use target::Target;

/// The place in a list that an entry stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The list as the user named it; `<args>` for operands, `-` for standard input.
    pub source: Arc<str>,
    /// Counted from 1.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)
    }
}

/// A text that no output may show: a header's value, a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: Box<str>,
    stays: bool,
}

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<Box<str>>) -> Secret {
        Secret { text: text.into(), stays: false }
    }

    /// The same text, which no other origin than the listed one may see: it came from a variable of the environment.
    pub fn that_stays(self) -> Secret {
        Secret { stays: true, ..self }
    }

    /// Whether no other origin than the listed one may see it.
    pub fn stays(&self) -> bool {
        self.stays
    }

    /// The text itself, for the wire alone.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An HTTP method: `GET` unless something said otherwise. Case matters (RFC 9110 §9.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method(std::borrow::Cow<'static, str>);

impl Method {
    /// GET.
    pub const GET: Method = Method(std::borrow::Cow::Borrowed("GET"));
    /// HEAD.
    pub const HEAD: Method = Method(std::borrow::Cow::Borrowed("HEAD"));
    /// POST.
    pub const POST: Method = Method(std::borrow::Cow::Borrowed("POST"));

    /// Takes a method of 1 to 32 letters A to Z as it is written.
    ///
    /// # Errors
    /// A sentence fragment that says what is allowed.
    pub fn parse(text: &str) -> Result<Method, String> {
        let valid = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase());
        if text == "CONNECT" {
            return Err("CONNECT asks a proxy for a tunnel and fetches nothing".to_owned());
        }
        if valid {
            Ok(Method(text.to_owned().into()))
        } else {
            Err("a method is 1 to 32 letters A to Z, such as GET or POST".to_owned())
        }
    }

    /// As it goes over the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a failed request is sent again when the user asks for retries: the methods that the contract names.
    pub fn is_retried(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE")
    }

    /// Whether sending it twice does no more than sending it once (RFC 9110 §9.2.2). Methods
    /// that we do not know are taken not to be.
    pub fn is_idempotent(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE")
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One header of a request, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name as the user wrote it.
    pub name: String,
    /// The value; may be empty.
    pub value: Secret,
}

impl Header {
    /// Whether a change of origin must drop it: it says who we are (RFC 9110 §15.4; curl
    /// CVE-2018-1000007), whatever spelling it was given in, or has the value of a variable in it.
    pub fn is_secret(&self) -> bool {
        const SECRET: [&str; 4] = ["authorization", "cookie", "cookie2", "proxy-authorization"];
        self.value.stays || SECRET.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

/// How long and how much one request may take; `None` is no limit everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// curl: `--connect-timeout`. From the first address tried to the end of the TLS handshake.
    pub connect_timeout: Option<Duration>,
    /// curl: `--max-time`. One attempt over names, connect, TLS, redirects and body.
    pub max_time: Option<Duration>,
    /// The longest silence once the response has begun.
    pub stall: Option<Duration>,
    /// Bytes of body, counted after decoding.
    pub max_filesize: Option<u64>,
    /// Redirects that are followed; 0 makes the 3xx the answer.
    pub max_redirs: u32,
}

/// Which failures are tried again, how often, and after how long.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetryPolicy {
    /// `--retry`: tries after the first. Defaults to 0.
    pub retries: u32,
    /// `--retry-delay`: the wait before each. `None`, the default, is 0.5 s that doubles up to 30 s, with full jitter.
    pub delay: Option<Duration>,
    /// `--retry-max-time`.
    pub max_time: RetryMaxTime,
    /// `--retry-on`.
    pub on: RetryOn,
}

/// The longest that all tries and the waits between them take together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetryMaxTime {
    /// As long as `--max-time` gives that many tries. The default.
    #[default]
    AllTries,
    /// `--retry-max-time`; `None` is no limit.
    Given(Option<Duration>),
}

/// The failures that may pass by themselves. Defaults to `timeout,connect,closed,dns,408,429,500,502,503,504`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryOn {
    /// By class, statuses aside.
    pub classes: Vec<Class>,
    /// By status, where the status is what failed.
    pub statuses: Vec<u16>,
}

impl Default for RetryOn {
    fn default() -> RetryOn {
        RetryOn {
            classes: vec![Class::Timeout, Class::Connect, Class::Closed, Class::Dns],
            statuses: vec![408, 429, 500, 502, 503, 504],
        }
    }
}

/// Addresses to connect to in place of those that a name has: curl's `--resolve HOST:PORT:ADDR[,ADDR]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// The name as URLs have it, in lower case; `*` is any.
    pub host: String,
    /// The port that the URL asks for.
    pub port: u16,
    /// What to connect to instead of asking, at least one.
    pub addrs: Vec<IpAddr>,
}

/// Which list entry something is about: enough to name it in a line, a record or a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The entry's place in the whole input, from 0.
    pub urlnum: u64,
    /// Where it stands in the list.
    pub location: Location,
    /// The URL as the list says it, a password masked; for a line that is no URL, its text.
    pub listed: String,
    /// Where the line leads when its text is no whole URL, as behind a `@base`; a password masked. `None` when it is one, or
    /// leads nowhere.
    pub leads_to: Option<Box<str>>,
    /// What the user calls it; `None` when nothing was said.
    pub name: Option<String>,
    /// What it belongs to, in the order given; shared by all that have the same.
    pub tags: Arc<[Box<str>]>,
    /// The method that is asked for first.
    pub method: Method,
    /// The host as the URL has it after parsing, shared by neighbours that have the same; empty where there is none.
    pub host: Arc<str>,
    /// A failure of it is only a warning.
    pub soft: bool,
    /// `--curl`: the request as a curl command, secrets masked; `None` unless asked for.
    pub curl: Option<Box<str>>,
    /// The entry as a list of its own: absolute URL, `${…}` unexpanded, `@defaults` written out. `None` unless somebody
    /// wants it.
    pub again: Option<Box<str>>,
}

/// Where a list wants a body to be saved, below `--output-dir`: no part of it leads out of there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SaveAs {
    /// `dir=`: relative folders; `None` is the folder itself.
    pub dir: Option<Box<str>>,
    /// `out=`: a relative name, folders in it too; `None` makes one of the URL.
    pub out: Option<Box<str>>,
}

/// One thing to fetch.
///
/// What it shares with others is read and changed as if it were its own: a change is a copy's.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it is called.
    pub subject: Arc<Subject>,
    /// Without userinfo and fragment.
    pub url: Target,
    /// Whether the host is the loopback by its own name or number, so that no default limit per host binds it.
    pub is_loopback: bool,
    /// Everything else: one count of references, as each is written by two threads for every request.
    pub shared: Arc<Shared>,
}

/// What requests that differ by their URL alone have in common.
#[derive(Debug, Clone)]
pub struct Shared {
    /// What the user added, in order, credentials of the URL or `-u` among them; shared by all requests that have the same.
    pub headers: Arc<[Header]>,
    /// Bytes to send; `None` sends no body.
    pub body: Option<Arc<[u8]>>,
    /// Whether no other origin than the listed one may see the body: it has the value of a variable in it.
    pub body_stays: bool,
    /// curl: `--compressed`. Codings are asked for and undone.
    pub compressed: bool,
    /// curl: `--insecure`. The server's certificate is not verified.
    pub insecure: bool,
    /// Where names are taken to be, in order; the first that fits holds. Shared by all requests that have the same.
    pub resolve: Arc<[Resolve]>,
    /// How long and how much.
    pub limits: Limits,
    /// What happens when it fails; shared by all requests that have the same.
    pub retry: Arc<RetryPolicy>,
    /// What is expected of the answer besides the default; shared by all requests that have the same.
    pub checks: Arc<[Check]>,
    /// What the list calls its file, below `--output-dir`: folders and a name, either of which may be missing. `None`
    /// leaves it all to us.
    pub save_as: Option<Arc<SaveAs>>,
}

impl Deref for Request {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl DerefMut for Request {
    /// Others that shared it keep theirs.
    fn deref_mut(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.shared)
    }
}

impl Request {
    /// Whether there may be a second attempt at all.
    pub fn may_be_retried(&self) -> bool {
        self.retry.retries > 0 && self.subject.method.is_retried()
    }

    /// The longest that all its attempts and the waits between them take together; `None` is no limit.
    pub fn time_for_all_tries(&self) -> Option<Duration> {
        match self.retry.max_time {
            _ if !self.may_be_retried() => None,
            RetryMaxTime::Given(limit) => limit,
            RetryMaxTime::AllTries => self.limits.max_time?.checked_mul(self.retry.retries.saturating_add(1)),
        }
    }
}

/// Whether a host is the loopback without asking anybody: an address of 127/8, `::1`,
/// `localhost` or a name below it (RFC 6761 §6.3).
pub fn is_loopback_host(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return ip.is_loopback();
    }
    let lower = host.to_ascii_lowercase();
    lower == "localhost" || lower.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_letters_and_keeps_its_case() {
        assert_eq!(Method::parse("PROPFIND").map(|m| m.to_string()), Ok("PROPFIND".to_owned()));
        for bad in ["", "get", "GET ", "G-T", "GET\r\n", &"A".repeat(33)] {
            assert!(Method::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn retried_are_the_methods_of_the_contract() {
        for (method, is_retried) in [
            ("GET", true),
            ("HEAD", true),
            ("OPTIONS", true),
            ("PUT", true),
            ("DELETE", true),
            ("POST", false),
            ("PATCH", false),
            ("TRACE", false),
        ] {
            assert_eq!(Method::parse(method).map(|method| method.is_retried()), Ok(is_retried), "{method}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let header = Header { name: "Authorization".to_owned(), value: Secret::new("hunter2") };
        assert!(!format!("{header:?}").contains("hunter2"));
    }

    #[test]
    fn a_secret_header_is_one_in_any_spelling() {
        let named = |name: &str| Header { name: name.to_owned(), value: Secret::new("x") };
        assert!(named("aUTHORIZATION").is_secret() && named("cookie").is_secret());
        assert!(!named("Accept").is_secret());
    }

    #[test]
    fn the_loopback_is_known_without_a_look_up() {
        for yes in ["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "a.b.LOCALHOST", "localhost."] {
            assert!(is_loopback_host(yes), "{yes}");
        }
        for no in ["128.0.0.1", "[::2]", "localhost.example", "notlocalhost", ""] {
            assert!(!is_loopback_host(no), "{no}");
        }
    }
}
