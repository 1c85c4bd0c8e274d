//! What each path of the demo's origin does: a request in, a list of steps out.
//!
//! Knows the paths, their parameters and bounds. Refuses to know sockets and the time: a step says what is to be done
//! and `connection` does it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::gzip;
use super::head::Head;

/// The page that lists the paths, at `/`.
const INDEX: &str = "\
The demo origin of greenfetch.

/delay/MS             waits, then answers (up to 60000)
/bytes/N              N bytes (up to 1073741824)
/status/N             that status (200 to 599)
/drip?bytes=N&ms=MS   bytes one by one (10 in 1000 ms; up to 1000 in 60000)
/redirect/N           N redirects, one after another (up to 50)
/flaky                every second request is a 503
/flaky/N              the first N requests are a 503 (1 to 100)
/reset                some bytes, then a reset
/cut                  999 of 1000 bytes, then the end
/hang                 never an answer
/gate/N               no answer before N requests wait here (up to 100000)
/gzip                 a body in gzip
/headers              the headers of the request
/echo                 the body of the request

?delay=MS goes with any of them.
";

/// The longest wait.
const MOST_MS: u64 = 60_000;

/// The longest body.
const MOST_BYTES: u64 = 1 << 30;

/// The widest gate: more than the ports of an address, and so more than can ever come.
const MOST_AT_GATE: u64 = 100_000;

const TEXT: &str = "text/plain; charset=utf-8";
const OCTETS: &str = "application/octet-stream";

/// One thing that the origin does on the way to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Lets time go by.
    Wait(Duration),
    /// Waits until so many requests wait for each other.
    Gate(u64),
    /// Begins the answer with its head.
    Begin(ResponseHead),
    /// Sends these bytes of body.
    Send(Vec<u8>),
    /// Sends so many bytes of body.
    Fill(u64),
    /// Sends so many bytes of body one by one, the last one at the end of the time.
    Drip {
        /// How many.
        bytes: u64,
        /// How long all of them take.
        over: Duration,
    },
    /// Ends the connection in good order, however much of the body is missing.
    Cut,
    /// Ends the connection with a reset.
    Reset,
    /// Says nothing until the other end is tired of it.
    Hang,
}

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResponseHead {
    status: u16,
    fields: Vec<(&'static str, String)>,
    /// Bytes of body; `None` for a status that has none.
    length: Option<u64>,
}

impl ResponseHead {
    fn new(status: u16, content_type: &str, length: u64) -> ResponseHead {
        let fields = vec![("Content-Type", content_type.to_owned())];
        ResponseHead { status, fields, length: Some(length) }
    }

    fn with(mut self, name: &'static str, value: &str) -> ResponseHead {
        self.fields.push((name, value.to_owned()));
        self
    }

    /// As it goes over the wire, its empty line included.
    pub(super) fn to_bytes(&self, keeps_alive: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(length) = self.length {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        head.push_str(if keeps_alive { "\r\n" } else { "Connection: close\r\n\r\n" });
        head.into_bytes()
    }
}

/// Empty where we have no word: a reason may be (RFC 9112 §4).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Content Too Large",
        418 => "I'm a teapot",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// How often the flaky paths were asked, over all connections.
#[derive(Debug, Default)]
pub(super) struct Tally {
    flaky: u64,
    /// By the N of `/flaky/N`, so there are at most a hundred.
    flaky_first: BTreeMap<u64, u64>,
}

impl Tally {
    fn second_fails(&mut self) -> bool {
        self.flaky += 1;
        self.flaky.is_multiple_of(2)
    }

    fn first_fail(&mut self, n: u64) -> bool {
        let asked = self.flaky_first.entry(n).or_default();
        *asked += 1;
        *asked <= n
    }
}

/// What the origin does about a request.
pub(super) fn steps_for(head: &Head, body: Vec<u8>, tally: &mut Tally) -> Vec<Step> {
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let delay = parameter(query, "delay").map(milliseconds).transpose();
    let answered = delay.and_then(|delay| {
        let mut steps: Vec<Step> = delay.map(Step::Wait).into_iter().collect();
        steps.extend(match split(path) {
            ("headers", None) => answer(200, TEXT, head.fields.clone()),
            ("echo", None) => answer(200, head.content_type.as_deref().unwrap_or(OCTETS), body),
            path => route(path, query, tally)?,
        });
        Ok(steps)
    });
    answered.unwrap_or_else(|sentence| text(400, sentence))
}

/// An answer of a few words.
pub(super) fn text(status: u16, mut sentence: String) -> Vec<Step> {
    if !sentence.ends_with('\n') {
        sentence.push('\n');
    }
    answer(status, TEXT, sentence.into_bytes())
}

/// The first segment of a path and, if there is a second slash, all that follows it.
fn split(path: &str) -> (&str, Option<&str>) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').map_or((path, None), |(name, rest)| (name, Some(rest)))
}

/// What depends on the path and its query alone.
fn route(path: (&str, Option<&str>), query: &str, tally: &mut Tally) -> Result<Vec<Step>, String> {
    Ok(match path {
        ("", None) => text(200, INDEX.to_owned()),
        ("delay", Some(ms)) => delay(milliseconds(ms)?),
        ("bytes", Some(n)) => bytes(number(n, "N", 0..=MOST_BYTES)?),
        ("status", Some(n)) => status(number(n, "N", 200..=599)?),
        ("drip", None) => drip(query)?,
        ("redirect", Some(n)) => redirect(number(n, "N", 0..=50)?),
        ("flaky", None) => flaky(tally.second_fails()),
        ("flaky", Some(n)) => flaky(tally.first_fail(number(n, "N", 1..=100)?)),
        ("reset", None) => vec![begin(1000), Step::Fill(100), Step::Reset],
        ("cut", None) => vec![begin(1000), Step::Fill(999), Step::Cut],
        ("hang", None) => vec![Step::Hang],
        ("gate", Some(n)) => gate(number(n, "N", 1..=MOST_AT_GATE)?),
        ("gzip", None) => gzipped(),
        _ => text(404, "there is nothing here; / lists what there is".to_owned()),
    })
}

fn begin(length: u64) -> Step {
    Step::Begin(ResponseHead::new(200, OCTETS, length))
}

fn answer(status: u16, content_type: &str, body: Vec<u8>) -> Vec<Step> {
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    vec![Step::Begin(ResponseHead::new(status, content_type, length)), Step::Send(body)]
}

fn delay(time: Duration) -> Vec<Step> {
    let mut steps = vec![Step::Wait(time)];
    steps.extend(text(200, format!("waited {} ms", time.as_millis())));
    steps
}

fn bytes(n: u64) -> Vec<Step> {
    vec![begin(n), Step::Fill(n)]
}

fn status(n: u64) -> Vec<Step> {
    let status = u16::try_from(n).unwrap_or(500);
    if matches!(status, 204 | 304) {
        return vec![Step::Begin(ResponseHead { status, fields: Vec::new(), length: None })];
    }
    // 205 has a length of zero (RFC 9110 §15.3.6).
    if status == 205 {
        answer(status, TEXT, Vec::new())
    } else {
        text(status, format!("{status} {}", reason(status)))
    }
}

fn drip(query: &str) -> Result<Vec<Step>, String> {
    let bytes = number(parameter(query, "bytes").unwrap_or("10"), "bytes", 0..=1000)?;
    let over = milliseconds(parameter(query, "ms").unwrap_or("1000"))?;
    Ok(vec![begin(bytes), Step::Drip { bytes, over }])
}

/// Each hop names the next one relative to itself, which is what a client finds hardest.
fn redirect(n: u64) -> Vec<Step> {
    let Some(next) = n.checked_sub(1) else { return text(200, "arrived".to_owned()) };
    let body = format!("{n} to go\n").into_bytes();
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let head = ResponseHead::new(302, TEXT, length).with("Location", &next.to_string());
    vec![Step::Begin(head), Step::Send(body)]
}

fn flaky(fails: bool) -> Vec<Step> {
    if fails { text(503, "not this time".to_owned()) } else { text(200, "this time it works".to_owned()) }
}

fn gate(n: u64) -> Vec<Step> {
    let mut steps = vec![Step::Gate(n)];
    steps.extend(text(200, format!("{n} were here at once")));
    steps
}

fn gzipped() -> Vec<Step> {
    let body = gzip::store(b"Unpacked: the demo origin of greenfetch.\n");
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let head = ResponseHead::new(200, TEXT, length).with("Content-Encoding", "gzip");
    vec![Step::Begin(head), Step::Send(body)]
}

/// The first value that a query has for a name; other names are no error, as they make a URL new to a cache.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    number(text, "MS", 0..=MOST_MS).map(Duration::from_millis)
}

/// A number of digits alone: what Rust reads besides, such as `+5`, is none.
fn number(text: &str, name: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && range.contains(number));
    number.ok_or_else(|| format!("{name} is a whole number from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::head::parse;
    use super::*;

    fn ask(target: &str, tally: &mut Tally) -> Vec<Step> {
        let head = parse(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
        steps_for(&head, b"sent".to_vec(), tally)
    }

    /// The steps in short, for tables: `wait 5, 200 text/plain 4, send "…"`.
    fn told(steps: &[Step]) -> String {
        let short = steps.iter().map(|step| match step {
            Step::Wait(time) => format!("wait {}", time.as_millis()),
            Step::Gate(n) => format!("gate {n}"),
            Step::Begin(head) => format!("{} of {:?}", head.status, head.length.unwrap_or(0)),
            Step::Send(bytes) => format!("send {}", bytes.len()),
            Step::Fill(n) => format!("fill {n}"),
            Step::Drip { bytes, over } => format!("drip {bytes} in {}", over.as_millis()),
            Step::Cut => "cut".to_owned(),
            Step::Reset => "reset".to_owned(),
            Step::Hang => "hang".to_owned(),
        });
        short.collect::<Vec<_>>().join(", ")
    }

    fn steps(target: &str) -> String {
        told(&ask(target, &mut Tally::default()))
    }

    fn status_of(steps: &[Step]) -> u16 {
        let status = steps.iter().find_map(|step| match step {
            Step::Begin(head) => Some(head.status),
            _ => None,
        });
        status.unwrap_or(0)
    }

    #[test]
    fn each_path_has_its_steps() {
        for (target, expected) in [
            ("/delay/0", "wait 0, 200 of 12, send 12"),
            ("/delay/60000", "wait 60000, 200 of 16, send 16"),
            ("/bytes/0", "200 of 0, fill 0"),
            ("/bytes/1073741824", "200 of 1073741824, fill 1073741824"),
            ("/bytes/5?delay=7", "wait 7, 200 of 5, fill 5"),
            ("/bytes/5?x&y=1&delay=7&delay=8", "wait 7, 200 of 5, fill 5"),
            ("/status/204", "204 of 0"),
            ("/status/304", "304 of 0"),
            ("/status/205", "205 of 0, send 0"),
            ("/status/404?delay=1", "wait 1, 404 of 14, send 14"),
            ("/status/599", "599 of 5, send 5"),
            ("/drip", "200 of 10, drip 10 in 1000"),
            ("/drip?ms=20&bytes=1000", "200 of 1000, drip 1000 in 20"),
            ("/redirect/0", "200 of 8, send 8"),
            ("/redirect/50", "302 of 9, send 9"),
            ("/reset", "200 of 1000, fill 100, reset"),
            ("/cut", "200 of 1000, fill 999, cut"),
            ("/hang", "hang"),
            ("/gate/7", "gate 7, 200 of 20, send 20"),
            ("/hang?delay=5", "wait 5, hang"),
            ("/headers", "200 of 9, send 9"),
            ("/echo", "200 of 4, send 4"),
        ] {
            assert_eq!(steps(target), expected, "{target}");
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_a_400_and_what_is_not_there_a_404() {
        for (target, sentence) in [
            ("/delay/60001", "MS is a whole number from 0 to 60000\n"),
            ("/delay/+5", "MS is a whole number from 0 to 60000\n"),
            ("/delay/", "MS is a whole number from 0 to 60000\n"),
            ("/bytes/1073741825", "N is a whole number from 0 to 1073741824\n"),
            ("/bytes/99999999999999999999999", "N is a whole number from 0 to 1073741824\n"),
            ("/bytes/5/6", "N is a whole number from 0 to 1073741824\n"),
            ("/bytes/1?delay=soon", "MS is a whole number from 0 to 60000\n"),
            ("/status/199", "N is a whole number from 200 to 599\n"),
            ("/status/600", "N is a whole number from 200 to 599\n"),
            ("/drip?bytes=1001", "bytes is a whole number from 0 to 1000\n"),
            ("/drip?ms=", "MS is a whole number from 0 to 60000\n"),
            ("/gate/0", "N is a whole number from 1 to 100000\n"),
            ("/gate/100001", "N is a whole number from 1 to 100000\n"),
            ("/redirect/51", "N is a whole number from 0 to 50\n"),
            ("/flaky/0", "N is a whole number from 1 to 100\n"),
            ("/flaky/101", "N is a whole number from 1 to 100\n"),
        ] {
            assert_eq!(ask(target, &mut Tally::default()), text(400, sentence.to_owned()), "{target}");
        }
        for target in
            ["/delay", "/bytes", "/status", "/nothing", "//", "/hang/1", "/echo/", "/Delay/1", "/%2e"]
        {
            assert_eq!(status_of(&ask(target, &mut Tally::default())), 404, "{target}");
        }
    }

    #[test]
    fn flaky_paths_fail_by_count_and_not_by_chance() {
        let mut tally = Tally::default();
        let mut statuses =
            |target, times| -> Vec<u16> { (0..times).map(|_| status_of(&ask(target, &mut tally))).collect() };
        assert_eq!(statuses("/flaky", 4), [200, 503, 200, 503]);
        assert_eq!(statuses("/flaky/2", 4), [503, 503, 200, 200]);
        assert_eq!(statuses("/flaky/1", 2), [503, 200]);
        assert_eq!(statuses("/flaky/101", 2), [400, 400]);
    }

    #[test]
    fn a_head_on_the_wire_says_length_type_and_whether_it_goes_on() {
        let head = ResponseHead::new(302, TEXT, 3).with("Location", "1");
        let fields = "Content-Type: text/plain; charset=utf-8\r\nLocation: 1\r\nContent-Length: 3\r\n";
        let expected = format!("HTTP/1.1 302 Found\r\n{fields}\r\n");
        assert_eq!(String::from_utf8(head.to_bytes(true)).unwrap(), expected);
        assert!(head.to_bytes(false).ends_with(b"3\r\nConnection: close\r\n\r\n"));
        let bare = ResponseHead { status: 299, fields: Vec::new(), length: None };
        assert_eq!(bare.to_bytes(true), b"HTTP/1.1 299 \r\n\r\n");
    }

    #[test]
    fn the_index_lists_every_path_that_there_is() {
        let listed = INDEX.lines().filter_map(|line| line.strip_prefix('/')).map(|line| {
            let path = line.split_whitespace().next().unwrap_or_default();
            format!(
                "/{}",
                path.replace("bytes=N&ms=MS", "bytes=1&ms=1").replace("MS", "1").replace("/N", "/200")
            )
        });
        for target in
            listed.map(|target| target.replace("redirect/200", "redirect/2").replace("flaky/200", "flaky/2"))
        {
            assert!(!matches!(status_of(&ask(&target, &mut Tally::default())), 400 | 404), "{target}");
        }
    }

    #[test]
    fn every_url_of_the_demo_passes_and_together_they_take_four_seconds() {
        let time = |steps: &[Step]| -> Duration {
            let times = steps.iter().map(|step| match step {
                Step::Wait(time) | Step::Drip { over: time, .. } => *time,
                _ => Duration::ZERO,
            });
            times.sum()
        };
        let asked: Vec<_> = super::super::PATHS.iter().map(|path| ask(path, &mut Tally::default())).collect();
        assert!(asked.iter().all(|steps| matches!(status_of(steps), 200 | 302)));
        assert_eq!(asked.iter().map(|steps| time(steps)).sum::<Duration>(), Duration::from_millis(3850));
        assert_eq!(asked.iter().map(|steps| time(steps)).max(), Some(Duration::from_millis(600)));
    }

    proptest! {
        #[test]
        fn no_target_makes_it_panic_and_each_gets_one_answer(target in "/[!-\"$-~]{0,40}", n in any::<u64>()) {
            let targets = [target.clone(), format!("/bytes/{n}"), format!("/status/{n}"), format!("/drip?bytes={n}")];
            for target in targets {
                let steps = ask(&target, &mut Tally::default());
                let begun = steps.iter().filter(|step| matches!(step, Step::Begin(_) | Step::Hang)).count();
                prop_assert_eq!(begun, 1);
            }
        }
    }
}
