//! Which failures are tried again, and after how long (pure).
//!
//! Knows the policy of a request and what its attempts came to. Refuses to wait, to look at a clock and to throw dice:
//! date, time and a random number are arguments.

use std::time::{Duration, Instant, SystemTime};

use super::retry_after::{self, Asked};
use crate::outcome::{Attempt, Class};
use crate::request::{Request, RetryOn};

/// The most that is waited before the second try.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// The most that is waited before any try.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// When it is decided, and the luck of it.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// What waits and limits are counted from.
    pub now: Instant,
    /// The same as a date, for those that servers send.
    pub date: SystemTime,
    /// Any number, each as likely as the others.
    pub random: u64,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Nothing: it passed, its failure is none to try again, or no try or no time is left.
    No,
    /// Nothing, as the server asks for a wait that reaches past the limit.
    TooLong,
    /// Another attempt, after this wait.
    After(Duration),
}

/// Random numbers for jitter: Marsaglia's xorshift64* ("Xorshift RNGs", 2003; Vigna 2014). Nobody gains by guessing
/// them.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Dice {
        // Zero is the one state that it never leaves.
        Dice(seed.max(1))
    }

    /// Throws once.
    pub fn throw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// What follows the last of these attempts, and how long its host is left alone by everybody.
pub(super) fn decide(
    request: &Request,
    attempts: &[Box<Attempt>],
    moment: &Moment,
) -> (Again, Option<Duration>) {
    let (Some(first), Some(last)) = (attempts.first(), attempts.last()) else { return (Again::No, None) };
    if !request.may_be_retried() || !covers(&request.retry.on, last) {
        return (Again::No, None);
    }
    let has_try_left = attempts.len() <= usize::try_from(request.retry.retries).unwrap_or(usize::MAX);
    let or_no = |again| if has_try_left { again } else { Again::No };
    let header = last.response.retry_after.as_deref();
    let asked = header.map_or(Asked::Nothing, |text| retry_after::parse(text, moment.date));
    let (wait, is_ours) = match asked {
        Asked::Forever => return (or_no(Again::TooLong), None),
        Asked::Wait(wait) => (wait, false),
        Asked::Nothing => (back_off(request.retry.delay, attempts.len(), moment.random), true),
    };
    let spent = moment.now.saturating_duration_since(first.started);
    if request.time_for_all_tries().is_some_and(|limit| spent.saturating_add(wait) >= limit) {
        return (if is_ours { Again::No } else { or_no(Again::TooLong) }, None);
    }
    let is_overloaded = matches!(last.response.status, Some(429 | 503));
    (or_no(Again::After(wait)), is_overloaded.then_some(wait))
}

fn covers(on: &RetryOn, attempt: &Attempt) -> bool {
    let Some(failure) = &attempt.failure else { return false };
    let by_status = || attempt.response.status.is_some_and(|status| on.statuses.contains(&status));
    // Whatever is said of failures: what was lost has not even been seen to fail.
    attempt.is_lost || on.classes.contains(&failure.class) || failure.class == Class::Status && by_status()
}

/// The wait after so many tries: as long as was asked for, or anything up to a bound that doubles. Full jitter spreads
/// those that failed together best (Brooker, "Exponential Backoff And Jitter", AWS 2015).
fn back_off(delay: Option<Duration>, tries: usize, random: u64) -> Duration {
    if let Some(delay) = delay {
        return delay;
    }
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let bound = FIRST_BACKOFF.saturating_mul(1 << doublings).min(LONGEST_BACKOFF);
    let nanos = (bound.as_nanos() * u128::from(random)) >> u64::BITS;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::super::samples::{failed, request_with};
    use super::*;
    use crate::request::{Method, RetryMaxTime, RetryPolicy};

    const MILLI: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn policy(retries: u32, delay: Duration) -> RetryPolicy {
        RetryPolicy { retries, delay: Some(delay), ..RetryPolicy::default() }
    }

    fn moment(now: Instant) -> Moment {
        Moment { now, date: UNIX_EPOCH, random: u64::MAX / 2 }
    }

    /// One attempt, over at once.
    fn after_one(policy: RetryPolicy, class: Class, status: Option<u16>) -> (Again, Option<Duration>) {
        let now = Instant::now();
        let request = request_with(0, "a.test", |request| request.retry = policy.into());
        decide(&request, &[failed(now, class, status)], &moment(now))
    }

    #[test]
    fn some_failures_are_tried_again_and_others_never() {
        let policy = || policy(1, SECOND);
        let again = Again::After(SECOND);
        for (class, status, expected) in [
            (Class::Timeout, None, again),
            (Class::Connect, None, again),
            (Class::Closed, Some(200), again),
            (Class::Dns, None, again),
            (Class::Status, Some(408), again),
            (Class::Status, Some(429), again),
            (Class::Status, Some(500), again),
            (Class::Status, Some(502), again),
            (Class::Status, Some(503), again),
            (Class::Status, Some(504), again),
            (Class::Status, Some(404), Again::No),
            (Class::Status, Some(501), Again::No),
            (Class::Tls, None, Again::No),
            (Class::Protocol, None, Again::No),
            (Class::Size, Some(503), Again::No),
            (Class::Cancelled, None, Again::No),
            (Class::Internal, None, Again::No),
        ] {
            assert_eq!(after_one(policy(), class, status).0, expected, "{class} {status:?}");
        }
        let on = RetryOn { classes: vec![Class::Tls], statuses: vec![404] };
        let own = || RetryPolicy { on: on.clone(), ..policy() };
        assert_eq!(after_one(own(), Class::Status, Some(404)).0, again);
        assert_eq!(after_one(own(), Class::Tls, None).0, again);
        assert_eq!(after_one(own(), Class::Timeout, None).0, Again::No);
        let any_status = RetryOn { classes: vec![Class::Status], statuses: vec![] };
        assert_eq!(after_one(RetryPolicy { on: any_status, ..policy() }, Class::Status, Some(404)).0, again);
    }

    #[test]
    fn what_passed_and_what_may_not_be_sent_twice_is_over() {
        let now = Instant::now();
        let passed = Attempt::begin_boxed(now);
        let request = request_with(0, "a.test", |request| request.retry = policy(3, SECOND).into());
        assert_eq!(decide(&request, &[passed], &moment(now)), (Again::No, None));
        for (method, expected) in
            [("PUT", Again::After(SECOND)), ("POST", Again::No), ("PATCH", Again::No), ("TRACE", Again::No)]
        {
            let request = request_with(0, "a.test", |request| {
                request.retry = policy(3, SECOND).into();
                std::sync::Arc::make_mut(&mut request.subject).method = Method::parse(method).unwrap();
            });
            let attempts = [failed(now, Class::Status, Some(503))];
            assert_eq!(decide(&request, &attempts, &moment(now)).0, expected, "{method}");
        }
    }

    #[test]
    fn after_so_many_tries_it_is_over() {
        let now = Instant::now();
        let request = request_with(0, "a.test", |request| request.retry = policy(2, SECOND).into());
        let mut attempts = vec![];
        for expected in [Again::After(SECOND), Again::After(SECOND), Again::No] {
            attempts.push(failed(now, Class::Closed, None));
            assert_eq!(decide(&request, &attempts, &moment(now)).0, expected, "{}", attempts.len());
        }
        assert_eq!(after_one(policy(0, SECOND), Class::Closed, None), (Again::No, None));
    }

    #[test]
    fn a_busy_host_rests_as_long_as_the_wait_and_no_other_does() {
        let of = |retries, status| after_one(policy(retries, SECOND), Class::Status, Some(status)).1;
        assert_eq!((of(1, 429), of(1, 503)), (Some(SECOND), Some(SECOND)));
        assert_eq!((of(1, 500), of(0, 503)), (None, None));
    }

    /// What is asked, the limit over all tries in seconds; what follows, with a delay of one second of our own.
    #[test]
    fn retry_after_is_kept_to_and_one_past_the_limit_ends_it() {
        let ours = Again::After(SECOND);
        for (asked, limit, expected) in [
            ("7", Some(10), Again::After(7 * SECOND)),
            ("7", None, Again::After(7 * SECOND)),
            ("0", Some(10), ours),
            ("Thu, 01 Jan 1970 00:00:05 GMT", Some(10), Again::After(5 * SECOND)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", Some(10), ours),
            ("-5", Some(10), ours),
            ("rubbish", Some(10), ours),
            ("10", Some(10), Again::TooLong),
            ("3600", Some(10), Again::TooLong),
            ("31536000", None, Again::After(31_536_000 * SECOND)),
            ("99999999999999999999", Some(10), Again::TooLong),
            ("99999999999999999999", None, Again::TooLong),
        ] {
            let now = Instant::now();
            let request = request_with(0, "a.test", |request| {
                let max_time = RetryMaxTime::Given(limit.map(Duration::from_secs));
                request.retry = RetryPolicy { max_time, ..policy(1, SECOND) }.into();
            });
            let mut attempts = vec![failed(now, Class::Status, Some(503))];
            attempts[0].response.retry_after = Some(asked.into());
            let (again, rest) = decide(&request, &attempts, &moment(now));
            assert_eq!(again, expected, "{asked} {limit:?}");
            assert_eq!(rest.is_some(), again != Again::TooLong, "{asked} {limit:?}");
            attempts.push(attempts[0].clone());
            assert_eq!(decide(&request, &attempts, &moment(now)).0, Again::No, "no try is left: {asked}");
        }
    }

    #[test]
    fn the_limit_is_over_all_tries_and_waits() {
        let given = |limit| RetryMaxTime::Given(Some(limit));
        for (max_time, limit, spent, expected) in [
            (Some(SECOND), RetryMaxTime::AllTries, 2 * SECOND, Again::After(SECOND)),
            (Some(SECOND), RetryMaxTime::AllTries, 3 * SECOND, Again::No),
            (None, RetryMaxTime::AllTries, 1000 * SECOND, Again::After(SECOND)),
            (Some(SECOND), given(10 * SECOND), 8 * SECOND, Again::After(SECOND)),
            (Some(SECOND), given(10 * SECOND), 9 * SECOND, Again::No),
            (Some(SECOND), RetryMaxTime::Given(None), 1000 * SECOND, Again::After(SECOND)),
        ] {
            let now = Instant::now();
            let request = request_with(0, "a.test", |request| {
                request.limits.max_time = max_time;
                request.retry = RetryPolicy { max_time: limit, ..policy(3, SECOND) }.into();
            });
            let attempts = [failed(now, Class::Closed, None)];
            assert_eq!(decide(&request, &attempts, &moment(now + spent)).0, expected, "{limit:?} {spent:?}");
        }
    }

    #[test]
    fn the_bound_doubles_from_half_a_second_to_thirty() {
        for (tries, millis) in
            [(1, 500), (2, 1000), (3, 2000), (6, 16_000), (7, 30_000), (usize::MAX, 30_000)]
        {
            let bound = u32::try_from(millis).unwrap() * MILLI;
            assert_eq!(back_off(None, tries, 0), Duration::ZERO);
            assert!(bound - back_off(None, tries, u64::MAX) <= Duration::from_nanos(1), "{tries}");
            assert!(bound / 2 - back_off(None, tries, u64::MAX / 2) <= Duration::from_nanos(1), "{tries}");
            assert_eq!(back_off(Some(MILLI), tries, u64::MAX), MILLI);
        }
    }

    #[test]
    fn dice_fall_on_all_sides_and_never_get_stuck() {
        for seed in [0, 1, u64::MAX] {
            let mut dice = Dice::new(seed);
            let mut sides = [0; 8];
            (0..8000).for_each(|_| sides[usize::try_from(dice.throw() >> 61).unwrap()] += 1);
            assert!(sides.iter().all(|n| (800..1200).contains(n)), "{seed}: {sides:?}");
        }
    }

    proptest! {
        #[test]
        fn no_retry_after_of_a_server_reaches_past_the_limit(text in r"\PC*|[0-9]{0,30}", limit in 1_u64..100_000) {
            let now = Instant::now();
            let request = request_with(0, "a.test", |request| {
                let max_time = RetryMaxTime::Given(Some(Duration::from_secs(limit)));
                request.retry = RetryPolicy { max_time, ..policy(1, MILLI) }.into();
            });
            let mut attempt = failed(now, Class::Status, Some(429));
            attempt.response.retry_after = Some(text.into());
            if let (Again::After(wait), _) = decide(&request, &[attempt], &moment(now)) {
                prop_assert!(wait < Duration::from_secs(limit));
            }
        }
    }
}
