//! What a server said and when: the facts of one attempt, filled in as they are seen.
//!
//! Knows numbers and words of the wire. Refuses to judge them: that is `check` and `outcome`.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use url::Url;

use crate::outcome::Phase;

/// The version on a status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

impl HttpVersion {
    /// `1.0` or `1.1`, as curl's `%{http_version}`.
    pub fn as_str(self) -> &'static str {
        match self {
            HttpVersion::Http10 => "1.0",
            HttpVersion::Http11 => "1.1",
        }
    }
}

/// A redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The URL that answered with the redirect.
    pub url: Url,
    /// Its status, 301 to 308.
    pub response_code: u16,
}

/// What is known of the TLS session of the last connection, also when verification failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`; `None` before it was agreed.
    pub version: Option<String>,
    /// The suite's name; `None` before it was agreed.
    pub cipher: Option<String>,
    /// Whose certificate the server showed, as RFC 4514 writes names: raw from the wire, escape before showing. `None`
    /// when it showed none or nobody asked.
    pub subject: Option<String>,
    /// Who signed it, likewise.
    pub issuer: Option<String>,
    /// When it ends.
    pub not_after: Option<SystemTime>,
    /// When the first of its chain ends.
    pub chain_not_after: Option<SystemTime>,
    /// Whether the certificate was verified and found good.
    pub verified: bool,
}

impl TlsFacts {
    /// Whole days until the first certificate of the chain ends, below zero as soon as it is over; `None` when there is
    /// none. `now` is the date from which they are counted.
    pub fn days_left(&self, now: SystemTime) -> Option<i64> {
        self.chain_not_after.map(|end| days_between(now, end))
    }
}

/// Whole days, rounded down: below zero as soon as it is over.
fn days_between(now: SystemTime, end: SystemTime) -> i64 {
    const A_DAY: i64 = 86_400;
    let seconds = match end.duration_since(now) {
        Ok(left) => i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        Err(over) => -i64::try_from(over.duration().as_millis().div_ceil(1000)).unwrap_or(i64::MAX),
    };
    seconds.div_euclid(A_DAY)
}

/// What was seen of the last hop of one attempt. A field is what was true when the attempt
/// ended, however it ended.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// `None` when no head arrived.
    pub status: Option<u16>,
    /// `None` when no head arrived.
    pub version: Option<HttpVersion>,
    /// `Content-Type`, raw from the wire: escape before showing.
    pub content_type: Option<String>,
    /// `Retry-After` of a status from 400 on, raw from the wire and cut to 64 bytes.
    pub retry_after: Option<Box<str>>,
    /// All headers, raw from the wire; `None` unless they were asked for.
    pub headers: Option<Vec<(String, String)>>,
    /// The last URL asked; `None` when it is the listed one.
    pub url_effective: Option<Box<Url>>,
    /// The last method used; `None` when it is the listed one.
    pub method: Option<crate::request::Method>,
    /// Bytes of body on the wire, without chunk framing.
    pub size_download: u64,
    /// Bytes of body after decoding.
    pub size_delivered: u64,
    /// Bytes of response head, over all hops as curl counts them.
    pub size_header: u64,
    /// Bytes of request body sent.
    pub size_upload: u64,
    /// The other end of the last connection.
    pub remote: Option<SocketAddr>,
    /// Our end of the last connection.
    pub local: Option<SocketAddr>,
    /// New connections made, over all hops.
    pub num_connects: u32,
    /// The redirects followed, in order.
    pub redirects: Vec<Hop>,
    /// `None` when the last connection was not TLS.
    pub tls: Option<Box<TlsFacts>>,
    /// SHA-256 of the body after decoding, in lower-case hex; `None` when nobody asked or it did not come whole.
    pub sha256: Option<Box<str>>,
    /// The file that the body was saved to, its folder as the user named it; `None` when it was not.
    pub filename_effective: Option<String>,
}

/// When what happened in one attempt. Marks count from the moment the attempt had its slot and are
/// those of the last hop, as curl's `time_…`; `None` is "never reached", never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Waiting for a slot, before everything else and in no other figure.
    pub queue: Duration,
    /// The name was resolved.
    pub namelookup: Option<Duration>,
    /// The connection stood.
    pub connect: Option<Duration>,
    /// The TLS handshake was done.
    pub appconnect: Option<Duration>,
    /// The request was about to be sent.
    pub pretransfer: Option<Duration>,
    /// The first byte of the response arrived.
    pub starttransfer: Option<Duration>,
    /// Everything before the last hop began; zero without redirects.
    pub redirect: Duration,
    /// The whole attempt.
    pub total: Duration,
    /// How long each phase took over all hops; their sum is `total`.
    pub phases: PhaseTimes,
}

/// A duration for each phase; `None` where the phase did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseTimes([u64; Phase::COUNT]);

/// What stands for a phase that did not happen. Nanoseconds in half the room of durations: every try has three of these
/// tables on its way, and 10 000 tries are under way at once.
const NEVER: u64 = u64::MAX;

impl Default for PhaseTimes {
    fn default() -> PhaseTimes {
        PhaseTimes([NEVER; Phase::COUNT])
    }
}

impl PhaseTimes {
    /// Adds to a phase, which has then happened.
    pub fn add(&mut self, phase: Phase, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(NEVER - 1);
        let before = self.get(phase).map_or(0, |_| self.0[phase as usize]);
        self.0[phase as usize] = before.saturating_add(nanos).min(NEVER - 1);
    }

    /// How long a phase took; `None` when it did not happen.
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        Some(self.0[phase as usize]).filter(|nanos| *nanos != NEVER).map(Duration::from_nanos)
    }

    /// All phases together.
    pub fn sum(&self) -> Duration {
        Phase::ALL.into_iter().filter_map(|phase| self.get(phase)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_left_are_whole_days_and_below_zero_when_it_is_over() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (now, end, days) in [(0, 86_400, 1), (0, 86_399, 0), (5, 5, 0), (6, 5, -1), (86_406, 5, -2)] {
            assert_eq!(days_between(at(now), at(end)), days, "{now} to {end}");
        }
    }

    #[test]
    fn phases_add_up_and_absence_is_not_zero() {
        let mut phases = PhaseTimes::default();
        assert_eq!(phases.get(Phase::Dns), None);
        phases.add(Phase::Wait, Duration::from_millis(3));
        phases.add(Phase::Wait, Duration::from_millis(4));
        phases.add(Phase::Send, Duration::ZERO);
        assert_eq!(phases.get(Phase::Wait), Some(Duration::from_millis(7)));
        assert_eq!(phases.get(Phase::Send), Some(Duration::ZERO));
        assert_eq!(phases.sum(), Duration::from_millis(7));
    }
}
