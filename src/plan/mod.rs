//! Entry + configuration → request: defaults, headers, credentials (pure).
//!
//! Knows how what a line says, what `@defaults` say and what the command line says combine. Refuses to read lists
//! (`list`) and to send anything (`http`).

mod choice;
mod copies;
mod lot;
mod terms;

use std::borrow::Cow;
use std::sync::Arc;

use url::Url;

use crate::check::Check;
use crate::config::Config;
use crate::credentials::{basic, basic_of_userinfo};
use crate::curl::Curl;
use crate::list::{Entry, LeftOut, PlainLine, Setting};
use crate::outcome::{Class, Failure, Phase};
use crate::request::{Header, Location, Method, Request, Secret, Shared, Subject, Target, is_loopback_host};
use crate::sanitize::{Masks, mask_userinfo};

use choice::Choice;
use copies::{Copies, Copy};
pub use lot::{Lot, Portion};
use terms::Terms;

const AUTHORIZATION: &str = "Authorization";

/// What one list entry came to before anything was sent: the engine takes these up.
#[derive(Debug, Clone)]
pub enum Listed {
    /// Something to fetch.
    Request(Arc<Request>),
    /// A line that cannot be fetched: one failed record, the rest goes on. Its checks are not evaluated.
    Rejected(Arc<Subject>, Failure, Arc<[Check]>),
}

/// What requests of a run have in common, made once and shared by them.
#[derive(Debug, Clone)]
pub struct Planner {
    config: Arc<Config>,
    choice: Choice,
    masks: Arc<Masks>,
    /// What holds for an entry that says nothing, where no defaults do either.
    bare: Arc<Terms>,
    /// The last one that was made for settings, which the neighbours mostly share.
    last: Option<Made>,
    /// The same for entries with defaults alone.
    defaults: Option<Made>,
    /// What the entry before was given of its terms.
    copies: Copies,
    /// `--curl`.
    curl: Option<Curl>,
}

/// Terms, and what they were made of: the very same settings, not equal ones.
#[derive(Debug, Clone)]
struct Made {
    defaults: Arc<[Setting]>,
    own: Arc<[Setting]>,
    terms: Arc<Terms>,
}

impl Made {
    fn is_of(&self, defaults: &Arc<[Setting]>, own: &Arc<[Setting]>) -> bool {
        Arc::ptr_eq(&self.defaults, defaults) && Arc::ptr_eq(&self.own, own)
    }
}

/// An entry but for its settings and its URL.
struct Word<'a> {
    urlnum: u64,
    source: &'a str,
    line: u32,
    text: String,
    method: Option<Method>,
    again: Option<Box<str>>,
}

impl Planner {
    /// Resolves what the command line says of every request.
    pub fn new(config: &Config) -> Planner {
        let config = Arc::new(config.clone());
        Planner {
            choice: Choice::new(&config.run),
            masks: Arc::default(),
            bare: Arc::new(Terms::new(&config, &[], &[], None)),
            last: None,
            defaults: None,
            copies: Copies::default(),
            curl: config.output.curl.then(|| Curl::new(&config)),
            config,
        }
    }

    /// The same, which shows nothing of what is hidden.
    pub fn hiding(self, masks: Arc<Masks>) -> Planner {
        Planner { masks, ..self }
    }

    /// Makes an entry into what the engine takes up; `urlnum` is its place in the whole input from 0.
    ///
    /// # Errors
    /// Which option leaves the entry out.
    pub fn plan(&mut self, urlnum: u64, entry: Entry) -> Result<Listed, LeftOut> {
        let terms = self.terms(&entry.defaults, &entry.settings);
        if !self.choice.is_of_all() {
            self.choice.of(&entry, &terms)?;
        }
        let Entry { location: Location { source, line }, method, text, url, again, .. } = entry;
        let word = Word { urlnum, source: &source, line, text, method, again };
        Ok(self.listed(&terms, word, url.map(Target::from)))
    }

    /// The same for one of several lines of these terms; nothing leaves it out.
    fn plan_plain(&mut self, terms: &Arc<Terms>, plain: PlainLine<'_>) -> Listed {
        let PlainLine { urlnum, source, line, text, url } = plain;
        let word = Word { urlnum, source, line, text: text.to_owned(), method: None, again: None };
        self.listed(terms, word, url)
    }

    fn listed(&mut self, terms: &Arc<Terms>, word: Word<'_>, url: Result<Target, String>) -> Listed {
        let Word { urlnum, source, line, text, method, again } = word;
        let host = url.as_ref().ok().and_then(|url| url.place().host_str()).unwrap_or_default();
        let Copy { shared, mut tags, source, mut host, is_loopback } = self.copies.of(terms, source, host);
        if !self.masks.is_empty() {
            // Told and counted by, but never connected to.
            host = self.masks.mask(&host).into();
            tags = tags.iter().map(|tag| self.masks.mask(tag).into()).collect();
        }
        let subject = Subject {
            urlnum,
            location: Location { source, line },
            leads_to: url.as_ref().ok().and_then(|url| self.elsewhere(&text, url)),
            listed: self.masked(text),
            name: terms.name.as_deref().map(|name| self.masks.mask(name).into_owned()),
            tags,
            method: method.unwrap_or_else(|| terms.method.clone()),
            host,
            soft: terms.soft,
            again,
            curl: None,
        };
        match url {
            Ok(url) => Listed::Request(Arc::new(self.request(terms, shared, subject, url, is_loopback))),
            Err(reason) => {
                let reason = self.masks.mask(&reason).into_owned();
                let failure = Failure::new(Class::Url, Phase::Queue, reason);
                Listed::Rejected(Arc::new(subject), failure, Arc::clone(&terms.shared.checks))
            }
        }
    }

    /// The request for a URL of which no list says anything.
    pub fn plan_bare(&self, urlnum: u64, location: Location, url: Url) -> Arc<Request> {
        let subject = Subject {
            urlnum,
            location,
            listed: self.masked(url.as_str().to_owned()),
            leads_to: None,
            name: None,
            tags: Arc::default(),
            method: self.bare.method.clone(),
            host: url.host_str().unwrap_or_default().into(),
            soft: false,
            again: None,
            curl: None,
        };
        let is_loopback = is_loopback_host(&subject.host);
        let shared = Arc::new(self.bare.shared.clone());
        Arc::new(self.request(&self.bare, shared, subject, url.into(), is_loopback))
    }

    /// Whether every request gets a header that says who we are: worth a warning where there are several hosts
    /// (`List::several_hosts`).
    pub fn has_secret_for_all(&self) -> bool {
        self.bare.shared.headers.iter().any(Header::is_secret)
    }

    fn request(
        &self,
        terms: &Terms,
        shared: Arc<Shared>,
        subject: Subject,
        url: Target,
        is_loopback: bool,
    ) -> Request {
        let mut request = request(terms, shared, subject, url, is_loopback);
        if let Some(curl) = &self.curl {
            let command = curl.command(&request);
            Arc::make_mut(&mut request.subject).curl = Some(self.masks.mask(&command).into());
        }
        request
    }

    fn terms(&mut self, defaults: &Arc<[Setting]>, own: &Arc<[Setting]>) -> Arc<Terms> {
        if own.is_empty() && defaults.is_empty() {
            return Arc::clone(&self.bare);
        }
        let memory = if own.is_empty() { &mut self.defaults } else { &mut self.last };
        if let Some(made) = memory.as_ref().filter(|made| made.is_of(defaults, own)) {
            return Arc::clone(&made.terms);
        }
        let terms = Arc::new(Terms::new(&self.config, defaults, own, Some(&self.bare)));
        let (defaults, own) = (Arc::clone(defaults), Arc::clone(own));
        *memory = Some(Made { defaults, own, terms: Arc::clone(&terms) });
        terms
    }

    /// Where a text leads that does not begin as the URL does.
    fn elsewhere(&self, text: &str, url: &Target) -> Option<Box<str>> {
        let scheme = url.place().scheme();
        let is_whole = text.get(..scheme.len()).is_some_and(|start| {
            start.eq_ignore_ascii_case(scheme) && text[scheme.len()..].starts_with("://")
        });
        (!is_whole).then(|| self.masked(url.text().into_owned()).into())
    }

    /// The URL as the list says it, passwords and secrets masked; a million of them have none.
    fn masked(&self, text: String) -> String {
        let text = match mask_userinfo(&text) {
            Cow::Owned(masked) => masked,
            Cow::Borrowed(_) => text,
        };
        if self.masks.is_empty() {
            return text;
        }
        self.masks.mask(&text).into_owned()
    }
}

fn request(
    terms: &Terms,
    mut shared: Arc<Shared>,
    subject: Subject,
    url: Target,
    is_loopback: bool,
) -> Request {
    let (user, password) = (url.place().username(), url.place().password().unwrap_or_default());
    if !(terms.has_own_authorization || (user.is_empty() && password.is_empty())) {
        let authorization = authorization(basic_of_userinfo(user, password));
        Arc::make_mut(&mut shared).headers = with(&terms.headers_without_user, authorization);
    }
    Request { is_loopback, subject: Arc::new(subject), url: url.bare(), shared }
}

/// `USER:PASS` as a header.
fn basic_header(pair: &[u8]) -> Header {
    authorization(basic(pair))
}

fn authorization(value: Secret) -> Header {
    Header { name: AUTHORIZATION.to_owned(), value }
}

fn with(headers: &[Header], last: Header) -> Arc<[Header]> {
    headers.iter().cloned().chain([last]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, RequestDefaults};
    use crate::request::HeaderEdit;

    fn config(change: impl FnOnce(&mut RequestDefaults)) -> Config {
        let mut config = Config::default();
        config.request.user_agent = String::new();
        change(&mut config.request);
        config.given.method = config.request.method != Method::GET;
        config
    }

    fn entry(text: &str) -> Entry {
        Entry {
            location: Location { source: "list".into(), line: 7 },
            method: None,
            text: text.to_owned(),
            url: Url::parse(text).map_err(|error| error.to_string()),
            settings: Arc::default(),
            defaults: Arc::default(),
            again: None,
        }
    }

    fn request(planner: &Planner, text: &str) -> Arc<Request> {
        match planner.clone().plan(3, entry(text)).unwrap() {
            Listed::Request(request) => request,
            Listed::Rejected(_, failure, _) => panic!("{text}: {failure}"),
        }
    }

    fn headers(planner: &Planner, text: &str) -> Vec<String> {
        let shown = |header: &Header| format!("{}: {}", header.name, header.value.expose());
        request(planner, text).headers.iter().map(shown).collect()
    }

    fn set(name: &str, value: &str) -> HeaderEdit {
        HeaderEdit::Set(name.to_owned(), Secret::new(value))
    }

    fn remove(name: &str) -> HeaderEdit {
        HeaderEdit::Remove(name.to_owned())
    }

    #[test]
    fn a_url_is_sent_without_userinfo_and_fragment_and_shown_without_its_password() {
        let planner = Planner::new(&config(|_| {}));
        for (text, url, listed, host) in [
            ("https://a.example/x#y", "https://a.example/x", "https://a.example/x#y", "a.example"),
            (
                "HTTP://User:se%40cret@A.example:80",
                "http://a.example/",
                "HTTP://User:***@A.example:80",
                "a.example",
            ),
            ("https://user@[::1]/", "https://[::1]/", "https://user@[::1]/", "[::1]"),
        ] {
            let request = request(&planner, text);
            assert_eq!(request.url.text(), url);
            assert_eq!((request.subject.listed.as_str(), &*request.subject.host), (listed, host));
        }
    }

    #[test]
    fn an_entry_that_is_no_url_is_rejected_with_its_reason_and_without_its_password() {
        let planner = Planner::new(&config(|_| {}));
        let mut entry = entry("https://u:se/cret@a:x/");
        entry.url = Err("the port is no number".to_owned());
        let Listed::Rejected(subject, failure, _) = planner.clone().plan(3, entry).unwrap() else {
            panic!("a request")
        };
        assert_eq!((subject.urlnum, subject.location.line, &*subject.host), (3, 7, ""));
        assert_eq!(subject.listed, "https://u:***@a:x/");
        assert_eq!(failure.to_string(), "url (queue): the port is no number");
    }

    #[test]
    fn the_method_of_the_line_beats_that_of_the_command_line() {
        let planner = Planner::new(&config(|request| request.method = Method::HEAD));
        assert_eq!(request(&planner, "https://a/").subject.method, Method::HEAD);
        let posted = Entry { method: Some(Method::POST), ..entry("https://a/") };
        let Listed::Request(own) = planner.clone().plan(0, posted).unwrap() else { panic!("rejected") };
        assert_eq!(own.subject.method, Method::POST);
    }

    #[test]
    fn limits_and_the_loopback_go_with_the_request() {
        let planner = Planner::new(&config(|request| request.max_redirs = 3));
        let [near, far] = ["http://x.localhost:1/", "http://192.0.2.1/"].map(|text| request(&planner, text));
        assert_eq!((near.is_loopback, far.is_loopback), (true, false));
        assert_eq!((near.limits.max_redirs, near.limits.stall), (3, config::Limits::default().stall));
    }

    #[test]
    fn a_header_wins_over_the_url_and_the_url_over_the_user() {
        let user = Some(Secret::new("Aladdin:open sesame"));
        let basic = "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        for (edits, user, text, expected) in [
            (vec![], None, "https://a/", &[][..]),
            (vec![], user.clone(), "https://a/", &[basic]),
            (vec![], None, "https://Aladdin:open%20sesame@a/", &[basic]),
            (
                vec![set("X", "1")],
                user.clone(),
                "https://b:c%3a%25@a/",
                &["X: 1", "Authorization: Basic YjpjOiU="],
            ),
            (vec![], None, "https://b@a/", &["Authorization: Basic Yjo="]),
            (vec![], None, "https://:c@a/", &["Authorization: Basic OmM="]),
            (vec![], None, "https://b:%zz%4@a/", &["Authorization: Basic YjolenolNA=="]),
            (vec![], None, "https://@a/", &[]),
            (
                vec![set("authorization", "Bearer x")],
                user.clone(),
                "https://b:c@a/",
                &["authorization: Bearer x"],
            ),
            (vec![remove("AUTHORIZATION")], user, "https://b:c@a/", &[]),
        ] {
            let planner =
                Planner::new(&config(|request| (request.headers, request.user) = (edits.clone(), user)));
            assert_eq!(headers(&planner, text), expected, "{edits:?} {text}");
            assert!(request(&planner, text).url.place().username().is_empty());
        }
    }

    #[test]
    fn headers_stay_in_order_and_a_removal_takes_those_before_it() {
        let edits = vec![set("A", "1"), set("B", ""), set("a", "2"), remove("b"), set("B", "3")];
        let planner = Planner::new(&config(|request| request.headers = edits));
        assert_eq!(headers(&planner, "https://a/"), ["A: 1", "a: 2", "B: 3"]);
    }

    #[test]
    fn a_body_is_a_form_unless_a_header_says_otherwise() {
        for (edits, expected) in [
            (vec![], &["Content-Type: application/x-www-form-urlencoded"][..]),
            (vec![set("content-type", "text/plain")], &["content-type: text/plain"]),
            (vec![remove("Content-type")], &[]),
        ] {
            let planner = Planner::new(&config(|request| {
                (request.headers, request.body) = (edits, Some(b"a=b".to_vec()));
            }));
            assert_eq!(headers(&planner, "https://a/"), expected);
            assert_eq!(request(&planner, "https://a/").body.as_deref(), Some(&b"a=b"[..]));
        }
    }

    #[test]
    fn requests_share_what_is_the_same() {
        let planner = Planner::new(&config(|request| request.user = Some(Secret::new("a:b"))));
        let [one, other] = ["https://a/", "https://b/"].map(|text| request(&planner, text));
        assert!(Arc::ptr_eq(&one.headers, &other.headers));
    }

    #[test]
    fn a_secret_for_all_is_told() {
        let has = |edits: Vec<HeaderEdit>, user| {
            Planner::new(&config(|request| (request.headers, request.user) = (edits, user)))
                .has_secret_for_all()
        };
        assert!(has(vec![], Some(Secret::new("a:b"))));
        assert!(has(vec![set("cookie", "a=b")], None));
        assert!(!has(vec![set("Accept", "*/*"), set("Cookie", "a=b"), remove("cookie")], None));
    }
}
