//! Rounds by tables: the time and the luck are arguments.
//!
//! Knows what each request came to, as it makes it up. Refuses to wait.

use super::*;
use crate::outcome::{Attempt, Kind, Phase};
use crate::record::samples::at;
use crate::request::Method;
use crate::schedule::samples::{failed, request, request_with};

const SECOND: Duration = Duration::from_secs(1);

fn rounds(limit_s: u64, in_a_row: u32) -> (Rounds, Instant) {
    let now = at(0);
    let limit = (limit_s > 0).then(|| Duration::from_secs(limit_s));
    (Rounds::new(&UntilPass { limit, in_a_row }, now), now)
}

/// Tells what a request came to: a class, or a pass.
fn came_to(
    rounds: &mut Rounds,
    request: &Arc<Request>,
    class: Option<Class>,
    now: Instant,
) -> Option<Outcome> {
    let attempt = match class {
        Some(class) => failed(now, class, None),
        None => Attempt::begin_boxed(now),
    };
    rounds.take(request, vec![attempt], now)
}

/// Who is asked in the next round, or why there is none.
fn next(rounds: &mut Rounds, now: Instant) -> Result<Vec<u64>, Option<String>> {
    let later = match rounds.course(40, now, 0) {
        Course::Ended(round) => now + round.wait,
        Course::Over(why) => return Err(why),
        course => panic!("{course:?}"),
    };
    assert!(matches!(rounds.course(40, now, 0), Course::Rest(at) if at == later));
    assert_eq!(rounds.wakes_at(now), Some(later));
    match rounds.course(40, later, 0) {
        Course::Begin(requests) => Ok(requests.iter().map(|request| request.subject.urlnum).collect()),
        Course::Over(why) => Err(why),
        course => panic!("{course:?}"),
    }
}

fn kinds(outcomes: &[Outcome]) -> Vec<(u64, Kind, Option<u32>)> {
    outcomes.iter().map(|outcome| (outcome.subject.urlnum, outcome.kind, outcome.round)).collect()
}

#[test]
fn what_passed_is_settled_at_once_and_what_failed_is_asked_again_until_it_passes() {
    let (mut rounds, now) = rounds(60, 1);
    let requests = [0, 1, 2].map(|n| request(n, "a.test"));
    let passed = came_to(&mut rounds, &requests[1], None, now).expect("it passed");
    assert_eq!((passed.kind, passed.round), (Kind::Pass, Some(1)));
    for n in [2, 0] {
        assert!(came_to(&mut rounds, &requests[n], Some(Class::Status), now).is_none());
    }
    assert_eq!(next(&mut rounds, now), Ok(vec![0, 2]), "in the list's order");
    assert!(came_to(&mut rounds, &requests[0], Some(Class::Connect), now).is_none());
    let passed = came_to(&mut rounds, &requests[2], None, now).expect("it passed");
    assert_eq!((passed.kind, passed.round), (Kind::Pass, Some(2)));
    assert_eq!(next(&mut rounds, now), Ok(vec![0]));
    assert!(came_to(&mut rounds, &requests[0], None, now).is_some());
    assert_eq!(next(&mut rounds, now), Err(None));
    assert!(rounds.settle_all().is_empty());
}

#[test]
fn passes_have_to_come_in_a_row() {
    let (mut rounds, now) = rounds(60, 3);
    let asked = request(0, "a.test");
    for class in [Some(Class::Status), None, None, Some(Class::Closed), None, None] {
        assert!(came_to(&mut rounds, &asked, class, now).is_none(), "{class:?}");
        assert_eq!(next(&mut rounds, now), Ok(vec![0]));
    }
    let passed = came_to(&mut rounds, &asked, None, now).expect("three in a row");
    assert_eq!((passed.kind, passed.round), (Kind::Pass, Some(7)));
}

#[test]
fn what_passed_too_seldom_has_failed_and_says_both() {
    let (mut rounds, now) = rounds(60, 3);
    let asked = request(0, "a.test");
    for class in [Some(Class::Closed), None, None] {
        assert!(came_to(&mut rounds, &asked, class, now).is_none());
        assert_eq!(next(&mut rounds, now), Ok(vec![0]));
    }
    let left = rounds.settle_all().remove(0);
    let failure = left.failure().expect("it failed");
    assert_eq!((failure.class, left.round), (Class::Closed, Some(1)));
    assert_eq!(failure.message, "made up; passed in 2 rounds since, not in 3 in a row");
}

#[test]
fn a_round_tells_why_the_most_frequent_reason_first() {
    let (mut rounds, now) = rounds(60, 2);
    for (n, class) in [(0, Class::Connect), (1, Class::Status), (2, Class::Status), (3, Class::Tls)] {
        assert!(came_to(&mut rounds, &request(n, "a.test"), Some(class), now).is_none());
    }
    assert!(next(&mut rounds, now).is_ok());
    assert!(came_to(&mut rounds, &request(3, "a.test"), None, now).is_none());
    let Course::Ended(round) = rounds.course(40, now, 0) else { panic!("it ended") };
    assert_eq!(round.failing, [(Class::Status, 2), (Class::Connect, 1)]);
    assert_eq!((round.number, round.open, round.entries, round.in_a_row), (2, 4, 40, 2));
}

#[test]
fn what_can_never_pass_ends_the_waiting_unless_it_is_soft() {
    let post = |soft| {
        request_with(1, "a.test", |request| {
            let subject = Arc::make_mut(&mut request.subject);
            (subject.method, subject.soft) = (Method::POST, soft);
        })
    };
    let (mut hopeless, now) = rounds(60, 1);
    assert!(came_to(&mut hopeless, &request(0, "a.test"), Some(Class::Status), now).is_none());
    let settled = came_to(&mut hopeless, &post(false), Some(Class::Status), now).expect("settled at once");
    assert_eq!(settled.kind, Kind::Fail);
    let why =
        "--until-pass: no further round, as list:1 failed and may not be sent again: POST is not idempotent";
    assert_eq!(next(&mut hopeless, now), Err(Some(why.to_owned())));
    assert_eq!(kinds(&hopeless.settle_all()), [(0, Kind::Fail, Some(1))]);

    let (mut soft, now) = rounds(60, 1);
    assert!(came_to(&mut soft, &request(0, "a.test"), Some(Class::Status), now).is_none());
    assert_eq!(came_to(&mut soft, &post(true), Some(Class::Status), now).map(|o| o.kind), Some(Kind::Soft));
    assert_eq!(next(&mut soft, now), Ok(vec![0]));

    let (mut bug, now) = rounds(60, 1);
    assert!(came_to(&mut bug, &request(0, "a.test"), Some(Class::Internal), now).is_some());
}

#[test]
fn what_was_lost_with_its_process_is_asked_for_in_the_next_round() {
    let (mut rounds, now) = rounds(60, 1);
    let lost = Box::new(Attempt { is_lost: true, ..*failed(now, Class::Internal, None) });
    assert!(rounds.take(&request(0, "a.test"), vec![lost], now).is_none());
    assert_eq!(next(&mut rounds, now), Ok(vec![0]));
}

#[test]
fn soft_lines_are_asked_again_with_the_others_and_never_alone() {
    let (mut rounds, now) = rounds(60, 1);
    let soft = request_with(0, "a.test", |request| Arc::make_mut(&mut request.subject).soft = true);
    let hard = request(1, "a.test");
    for asked in [&soft, &hard] {
        assert!(came_to(&mut rounds, asked, Some(Class::Status), now).is_none());
    }
    assert_eq!(next(&mut rounds, now), Ok(vec![0, 1]));
    assert!(came_to(&mut rounds, &soft, Some(Class::Status), now).is_none());
    assert!(came_to(&mut rounds, &hard, None, now).is_some());
    assert_eq!(next(&mut rounds, now), Err(None));
    assert_eq!(kinds(&rounds.settle_all()), [(0, Kind::Soft, Some(2))]);
}

#[test]
fn the_first_round_is_whole_and_past_the_end_none_begins() {
    let (mut rounds, began) = rounds(10, 1);
    let asked = request(0, "a.test");
    let late = began + 60 * SECOND;
    assert_eq!((rounds.time_left(late), rounds.wakes_at(began)), (None, None));
    assert!(came_to(&mut rounds, &asked, Some(Class::Status), late).is_none());
    let why = "--until-pass: 10 s are over, and after 1 round 1 of 40 do not pass";
    assert_eq!(next(&mut rounds, late), Err(Some(why.to_owned())));
}

#[test]
fn what_the_runs_own_limit_cuts_short_says_nothing_new() {
    let (mut rounds, began) = rounds(10, 1);
    let asked = request(0, "a.test");
    assert!(came_to(&mut rounds, &asked, Some(Class::Status), began).is_none());
    assert_eq!(next(&mut rounds, began), Ok(vec![0]));
    assert_eq!(rounds.time_left(began + 4 * SECOND), Some(6 * SECOND));
    assert_eq!(rounds.wakes_at(began + 4 * SECOND), Some(began + 10 * SECOND));
    assert_eq!(rounds.wakes_at(began + 10 * SECOND), None, "or the loop would never wait");
    assert!(came_to(&mut rounds, &asked, Some(Class::Timeout), began + 10 * SECOND).is_none());
    let left = rounds.settle_all();
    assert_eq!(left[0].failure().map(|failure| failure.class), Some(Class::Status));
    assert_eq!(left[0].round, Some(1));
}

#[test]
fn a_stopped_run_keeps_nobody() {
    let (mut rounds, now) = rounds(10, 2);
    let requests = [0, 1, 2].map(|n| request(n, "a.test"));
    for asked in &requests {
        assert!(came_to(&mut rounds, asked, Some(Class::Status), now).is_none());
    }
    assert_eq!(next(&mut rounds, now), Ok(vec![0, 1, 2]));
    assert!(came_to(&mut rounds, &requests[0], Some(Class::Closed), now).is_none());
    let idle = rounds.stop();
    assert_eq!(idle.len(), 1);
    assert_eq!(idle[0].2.as_deref(), Some("last seen in round 2: closed (wait): made up"));
    let cancelled = came_to(&mut rounds, &requests[1], Some(Class::Cancelled), now).expect("it is over");
    let words = "made up; last seen in round 1: status (wait): made up";
    assert_eq!(cancelled.failure().map(|failure| failure.message.as_str()), Some(words));
    assert_eq!(came_to(&mut rounds, &requests[2], None, now).map(|o| o.kind), Some(Kind::Pass));
    assert!(rounds.open.is_empty());
}

#[test]
fn rests_grow_to_seconds_with_jitter_and_leave_time_for_a_last_look() {
    let (mut rounds, now) = rounds(60, 1);
    for (number, millis) in [(1, 100), (2, 200), (4, 800), (7, 5_000), (u32::MAX, 5_000)] {
        rounds.number = number;
        let bound = Duration::from_millis(millis);
        assert_eq!(rounds.rest(now, 0), bound / 2);
        assert!(bound - rounds.rest(now, u64::MAX) <= Duration::from_nanos(1), "{number}");
    }
    assert_eq!(rounds.rest(now + 58 * SECOND, u64::MAX), 2 * SECOND / 4 * 3);
    let last = now + 60 * SECOND - FIRST_REST;
    assert_eq!(rounds.rest(last, 0), FIRST_REST);
}

#[test]
fn a_waiting_one_is_left_with_what_it_came_to() {
    let (mut rounds, now) = rounds(10, 1);
    let requests = [0, 1].map(|n| request(n, "a.test"));
    for asked in &requests {
        assert!(came_to(&mut rounds, asked, Some(Class::Status), now).is_none());
    }
    assert_eq!(next(&mut rounds, now), Ok(vec![0, 1]));
    rounds.leave(&requests[0], Vec::new());
    rounds.leave(&requests[1], vec![failed(now, Class::Closed, None)]);
    let left = rounds.settle_all();
    assert_eq!(kinds(&left), [(0, Kind::Fail, Some(1)), (1, Kind::Fail, Some(2))]);
    assert_eq!(left[1].failure().map(|failure| failure.phase), Some(Phase::Wait));
}

#[test]
fn who_waits_for_a_round_is_part_of_what_waits() {
    let (mut rounds, now) = rounds(60, 2);
    let [one, other] = [0, 1].map(|n| request(n, "a.test"));
    let others = Backlog { queued: 3, asleep: 1, wakes_at: Some(now + 60 * SECOND) };
    assert_eq!(rounds.backlog(&others), others);
    for request in [&one, &other] {
        assert!(came_to(&mut rounds, request, Some(Class::Status), now).is_none());
    }
    assert_eq!(rounds.backlog(&others).asleep, 3);
    let Course::Ended(round) = rounds.course(40, now, 0) else { panic!("two are open") };
    let resting = Backlog { queued: 0, asleep: 2, wakes_at: Some(now + round.wait) };
    assert_eq!(rounds.backlog(&Backlog::default()), resting);

    assert!(matches!(rounds.course(40, now + round.wait, 0), Course::Begin(_)));
    assert_eq!(rounds.backlog(&Backlog::default()), Backlog::default(), "both are asked");
    assert!(came_to(&mut rounds, &one, None, now).is_none(), "not often enough");
    assert_eq!(rounds.backlog(&Backlog::default()).asleep, 1);
    rounds.leave(&other, Vec::new());
    assert_eq!(rounds.backlog(&Backlog::default()).asleep, 2);
    assert_eq!(rounds.stop().len(), 2);
    assert_eq!(rounds.backlog(&Backlog::default()), Backlog::default());
}
