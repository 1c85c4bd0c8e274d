//! Events without the secrets of the list: the one place that all of them pass before anybody is told.
//!
//! Knows where in an event a text stands that a server could have sent back, or that was made of a request. Refuses to
//! know which texts are secrets (`sanitize`).

use std::sync::Arc;

use url::Url;

use crate::event::{Event, Trace};
use crate::outcome::{Attempt, Failure};
use crate::response::{Response, TlsFacts};
use crate::sanitize::Masks;

/// The same batches without what is hidden. Costs a look at a flag a batch while nothing is.
pub fn scrubbed(
    batches: impl Iterator<Item = Vec<Event>>,
    masks: Arc<Masks>,
) -> impl Iterator<Item = Vec<Event>> {
    batches.map(move |mut batch| {
        if !masks.is_empty() {
            batch.iter_mut().for_each(|event| scrub_event(event, &masks));
        }
        batch
    })
}

/// What is said of an entry itself (its subject) was made without secrets.
fn scrub_event(event: &mut Event, masks: &Masks) {
    match event {
        Event::Retrying { attempt, .. } => scrub_attempt(attempt, masks),
        Event::Trace(_, Trace::Redirect(_, url)) => scrub_url(url, masks),
        Event::Trace(_, Trace::Wire(line)) => scrub(line, masks),
        Event::Finished(outcome) => {
            outcome.attempts.iter_mut().for_each(|attempt| scrub_attempt(attempt, masks));
        }
        Event::Warning(words) => scrub(words, masks),
        Event::RunFinished(summary) => scrub_some(&mut summary.list_error, masks),
        // Of an entry that passed its lines have nothing but its subject and figures.
        Event::Lines(_)
        | Event::RunStarted(_)
        | Event::Started(_)
        | Event::Parked(_)
        | Event::Live { .. }
        | Event::Round(_) => {}
    }
}

fn scrub_attempt(attempt: &mut Attempt, masks: &Masks) {
    scrub_response(&mut attempt.response, masks);
    for verdict in &mut attempt.verdicts {
        scrub_box(&mut verdict.check, masks);
        scrub_box(&mut verdict.expected, masks);
        if let Some(actual) = &mut verdict.actual {
            scrub_box(actual, masks);
        }
    }
    if let Some(Failure { message, tried, .. }) = &mut attempt.failure {
        scrub(message, masks);
        tried.iter_mut().for_each(|tried| scrub(&mut tried.message, masks));
    }
}

fn scrub_response(response: &mut Response, masks: &Masks) {
    scrub_some(&mut response.content_type, masks);
    scrub_some(&mut response.filename_effective, masks);
    if let Some(retry_after) = &mut response.retry_after {
        scrub_box(retry_after, masks);
    }
    for (name, value) in response.headers.iter_mut().flatten() {
        scrub(name, masks);
        scrub(value, masks);
    }
    if let Some(url) = &mut response.url_effective {
        scrub_url(url, masks);
    }
    response.redirects.iter_mut().for_each(|hop| scrub_url(&mut hop.url, masks));
    if let Some(TlsFacts { subject, issuer, .. }) = response.tls.as_deref_mut() {
        scrub_some(subject, masks);
        scrub_some(issuer, masks);
    }
}

/// A URL is one afterwards too; where a host was the secret, it has none that could be named.
fn scrub_url(url: &mut Url, masks: &Masks) {
    let masked = masks.mask(url.as_str());
    if masked == url.as_str() {
        return;
    }
    let hidden = || Url::parse("http://hidden.invalid/");
    if let Ok(scrubbed) = Url::parse(&masked).or_else(|_| hidden()) {
        *url = scrubbed;
    }
}

fn scrub(text: &mut String, masks: &Masks) {
    if let std::borrow::Cow::Owned(masked) = masks.mask(text) {
        *text = masked;
    }
}

fn scrub_some(text: &mut Option<String>, masks: &Masks) {
    if let Some(text) = text {
        scrub(text, masks);
    }
}

fn scrub_box(text: &mut Box<str>, masks: &Masks) {
    if let std::borrow::Cow::Owned(masked) = masks.mask(text) {
        *text = masked.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::event::Summary;
    use crate::outcome::{Class, Phase};
    use crate::record::samples::{outcome, subject};
    use crate::response::Hop;

    const SECRET: &str = "hunter2 hunter2";

    fn url() -> Url {
        Url::parse(&format!("http://a.example/?q={SECRET}")).unwrap()
    }

    fn everywhere() -> Vec<Event> {
        let mut failed = outcome(1, Failure::new(Class::Check, Phase::Check, SECRET));
        let text = || Some(SECRET.to_owned());
        let attempt = failed.attempts.last_mut().unwrap();
        attempt.response = Response {
            content_type: text(),
            filename_effective: text(),
            retry_after: Some(SECRET.into()),
            headers: Some(vec![(SECRET.to_owned(), SECRET.to_owned())]),
            url_effective: Some(Box::new(url())),
            redirects: vec![Hop { url: url(), response_code: 302 }],
            tls: Some(Box::new(TlsFacts { subject: text(), issuer: text(), ..TlsFacts::default() })),
            ..Response::default()
        };
        attempt.verdicts = vec![Verdict {
            check: SECRET.into(),
            expected: SECRET.into(),
            actual: Some(SECRET.into()),
            pass: Some(false),
        }];
        let attempt = attempt.clone();
        vec![
            Event::Finished(Box::new(failed)),
            Event::Retrying { subject: subject(1), attempt, wait: std::time::Duration::ZERO },
            Event::Trace(subject(1), Trace::Wire(format!("> X-Key: {SECRET}"))),
            Event::Trace(subject(1), Trace::Redirect(302, url())),
            Event::Warning(SECRET.to_owned()),
            Event::RunFinished(Summary { list_error: text(), ..Summary::default() }),
        ]
    }

    #[test]
    fn a_secret_is_in_no_event_that_anybody_is_told() {
        let masks = Arc::new(Masks::default());
        let shown = |batch: Vec<Event>| {
            format!("{:?}", scrubbed([batch].into_iter(), Arc::clone(&masks)).collect::<Vec<_>>())
        };
        assert!(shown(everywhere()).matches("hunter2").count() > 20, "there is something to hide");
        masks.hide(SECRET, "KEY");
        let hidden = shown(everywhere());
        assert!(!hidden.contains("hunter2"), "{hidden}");
    }
}
