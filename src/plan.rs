//! Entry + configuration → request: defaults, headers, credentials (pure).
//!
//! Knows how what a line says and what the command line says combine. Refuses to read lists (`list`) and to send
//! anything (`http`).

use std::borrow::Cow;
use std::sync::Arc;

use url::Url;

use crate::config::{Config, HeaderEdit, RequestDefaults};
use crate::credentials::{basic, basic_of_userinfo};
use crate::curl::Curl;
use crate::list::Entry;
use crate::outcome::{Class, Failure, Phase};
use crate::request::{
    Header, Limits, Method, Request, Resolve, RetryPolicy, Secret, Subject, is_loopback_host,
};
use crate::sanitize::mask_userinfo;

const AUTHORIZATION: &str = "Authorization";
const CONTENT_TYPE: &str = "Content-Type";
/// What curl's `-d` sends.
const FORM: &str = "application/x-www-form-urlencoded";

/// What one list entry came to before anything was sent: the engine takes these up.
#[derive(Debug, Clone)]
pub enum Listed {
    /// Something to fetch.
    Request(Arc<Request>),
    /// A line that cannot be fetched: one failed record, the rest goes on.
    Rejected(Arc<Subject>, Failure),
}

/// What all requests of a run have in common, made once and shared by them.
#[derive(Debug, Clone)]
pub struct Planner {
    method: Method,
    /// With the credentials of `-u`, if there are any.
    headers: Arc<[Header]>,
    /// The same without them, for a URL that brings its own.
    headers_without_user: Arc<[Header]>,
    /// `-H` sets or removes Authorization: then neither `-u` nor a URL does.
    has_own_authorization: bool,
    body: Option<Arc<[u8]>>,
    compressed: bool,
    insecure: bool,
    resolve: Arc<[Resolve]>,
    limits: Limits,
    retry: Arc<RetryPolicy>,
    /// `--curl`.
    curl: Option<Curl>,
}

impl Planner {
    /// Resolves what the command line says of every request.
    pub fn new(config: &Config) -> Planner {
        let defaults = &config.request;
        let has_own_authorization = defaults.headers.iter().any(|edit| names(edit, AUTHORIZATION));
        let headers_without_user: Arc<[Header]> = own_headers(defaults).into();
        let user = defaults.user.as_ref().filter(|_| !has_own_authorization);
        let headers = match user {
            Some(user) => with(&headers_without_user, authorization(basic(user.expose().as_bytes()))),
            None => Arc::clone(&headers_without_user),
        };
        Planner {
            method: defaults.method.clone(),
            headers,
            headers_without_user,
            has_own_authorization,
            body: defaults.body.as_deref().map(Arc::from),
            compressed: defaults.compressed,
            insecure: config.connection.insecure,
            resolve: config.connection.resolve.as_slice().into(),
            limits: limits(config),
            retry: Arc::new(config.retry.clone()),
            curl: config.output.curl.then(|| Curl::new(config)),
        }
    }

    /// Makes an entry into what the engine takes up; `urlnum` is its place in the whole input from 0.
    pub fn plan(&self, urlnum: u64, entry: Entry) -> Listed {
        let subject = Subject {
            urlnum,
            location: entry.location,
            listed: masked(entry.text),
            name: None,
            tags: Arc::default(),
            method: entry.method.unwrap_or_else(|| self.method.clone()),
            host: entry.url.as_ref().ok().and_then(Url::host_str).unwrap_or_default().to_owned(),
            soft: false,
            curl: None,
        };
        match entry.url {
            Ok(url) => Listed::Request(Arc::new(self.request(subject, url))),
            Err(reason) => {
                Listed::Rejected(Arc::new(subject), Failure::new(Class::Url, Phase::Queue, reason))
            }
        }
    }

    /// Whether every request gets a header that says who we are: worth a warning where there are several hosts
    /// (`List::several_hosts`).
    pub fn has_secret_for_all(&self) -> bool {
        self.headers.iter().any(Header::is_secret)
    }

    fn request(&self, subject: Subject, mut url: Url) -> Request {
        let headers = self.headers_for(&url);
        url.set_fragment(None);
        // They cannot fail for a URL with a host, and parsing again is what they cost.
        if !url.username().is_empty() || url.password().is_some() {
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        let mut request = Request {
            is_loopback: is_loopback_host(&subject.host),
            subject: Arc::new(subject),
            url,
            headers,
            body: self.body.clone(),
            compressed: self.compressed,
            insecure: self.insecure,
            resolve: Arc::clone(&self.resolve),
            limits: self.limits,
            retry: Arc::clone(&self.retry),
            checks: Arc::default(),
        };
        if let Some(curl) = &self.curl {
            let command = curl.command(&request);
            Arc::make_mut(&mut request.subject).curl = Some(command.into());
        }
        request
    }

    fn headers_for(&self, url: &Url) -> Arc<[Header]> {
        let (user, password) = (url.username(), url.password().unwrap_or_default());
        if self.has_own_authorization || (user.is_empty() && password.is_empty()) {
            return Arc::clone(&self.headers);
        }
        with(&self.headers_without_user, authorization(basic_of_userinfo(user, password)))
    }
}

/// The URL as the list says it, a password masked; a million of them have none.
fn masked(text: String) -> String {
    if let Cow::Owned(masked) = mask_userinfo(&text) {
        return masked;
    }
    text
}

/// What `-H` comes to, and the type of `-d`'s body unless `-H` sets or removes one.
fn own_headers(defaults: &RequestDefaults) -> Vec<Header> {
    let mut headers: Vec<Header> = Vec::new();
    for edit in &defaults.headers {
        match edit {
            HeaderEdit::Set(name, value) => headers.push(Header { name: name.clone(), value: value.clone() }),
            HeaderEdit::Remove(name) => headers.retain(|header| !header.name.eq_ignore_ascii_case(name)),
        }
    }
    let has_own_type = defaults.headers.iter().any(|edit| names(edit, CONTENT_TYPE));
    if defaults.body.is_some() && !has_own_type {
        headers.push(Header { name: CONTENT_TYPE.to_owned(), value: Secret::new(FORM) });
    }
    headers
}

fn names(edit: &HeaderEdit, name: &str) -> bool {
    let (HeaderEdit::Set(edited, _) | HeaderEdit::Remove(edited)) = edit;
    edited.eq_ignore_ascii_case(name)
}

fn limits(config: &Config) -> Limits {
    let limits = config.limits;
    Limits {
        connect_timeout: limits.connect_timeout,
        max_time: limits.max_time,
        stall: limits.stall,
        max_filesize: limits.max_filesize,
        max_redirs: config.request.max_redirs,
    }
}

fn with(headers: &[Header], last: Header) -> Arc<[Header]> {
    headers.iter().cloned().chain([last]).collect()
}

fn authorization(value: Secret) -> Header {
    Header { name: AUTHORIZATION.to_owned(), value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Concurrency, Connection, Mode, Output, Run};
    use crate::request::Location;

    fn config(change: impl FnOnce(&mut RequestDefaults)) -> Config {
        let mut request = RequestDefaults {
            method: Method::GET,
            headers: Vec::new(),
            body: None,
            user: None,
            user_agent: String::new(),
            compressed: false,
            max_redirs: 10,
        };
        change(&mut request);
        Config {
            operands: Vec::new(),
            concurrency: Concurrency {
                jobs: 50,
                per_host: None,
                per_host_given: false,
                start_interval: None,
                mode: Mode::Sync,
            },
            request,
            connection: Connection::default(),
            limits: config::Limits::default(),
            retry: RetryPolicy::default(),
            run: Run::default(),
            output: Output::default(),
        }
    }

    fn entry(text: &str) -> Entry {
        Entry {
            location: Location { source: "list".into(), line: 7 },
            method: None,
            text: text.to_owned(),
            url: Url::parse(text).map_err(|error| error.to_string()),
            settings: Vec::new(),
        }
    }

    fn request(planner: &Planner, text: &str) -> Arc<Request> {
        match planner.plan(3, entry(text)) {
            Listed::Request(request) => request,
            Listed::Rejected(_, failure) => panic!("{text}: {failure}"),
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
            assert_eq!(request.url.as_str(), url);
            assert_eq!((request.subject.listed.as_str(), request.subject.host.as_str()), (listed, host));
        }
    }

    #[test]
    fn an_entry_that_is_no_url_is_rejected_with_its_reason_and_without_its_password() {
        let planner = Planner::new(&config(|_| {}));
        let mut entry = entry("https://u:se/cret@a:x/");
        entry.url = Err("the port is no number".to_owned());
        let Listed::Rejected(subject, failure) = planner.plan(3, entry) else { panic!("a request") };
        assert_eq!((subject.urlnum, subject.location.line, subject.host.as_str()), (3, 7, ""));
        assert_eq!(subject.listed, "https://u:***@a:x/");
        assert_eq!(failure.to_string(), "url (queue): the port is no number");
    }

    #[test]
    fn the_method_of_the_line_beats_that_of_the_command_line() {
        let planner = Planner::new(&config(|request| request.method = Method::HEAD));
        assert_eq!(request(&planner, "https://a/").subject.method, Method::HEAD);
        let Listed::Request(own) =
            planner.plan(0, Entry { method: Some(Method::POST), ..entry("https://a/") })
        else {
            panic!("rejected")
        };
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
            assert!(request(&planner, text).url.username().is_empty());
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
