//! What holds for an entry: the line beats the command line, which beats `@defaults` (pure).
//!
//! Knows for every setting how the three combine. Refuses to know which entry it is for: neighbours that say the same
//! share one.

use std::sync::Arc;

use super::{AUTHORIZATION, basic_header, with};
use crate::check::Check;
use crate::config::Config;
use crate::list::{Setting, Term};
use crate::request::{Header, HeaderEdit, Limits, Method, Resolve, RetryPolicy, SaveAs, Secret, Shared};

const CONTENT_TYPE: &str = "Content-Type";
/// What curl's `-d` sends.
const FORM: &str = "application/x-www-form-urlencoded";
/// RFC 8259 §11.
const JSON: &str = "application/json";

/// Everything of a request but its URL and the method on its line.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) method: Method,
    /// The same headers without the credentials of `-u` or `user=`, for a URL that brings its own.
    pub(super) headers_without_user: Arc<[Header]>,
    /// A header sets or removes Authorization: then neither a user nor a URL does.
    pub(super) has_own_authorization: bool,
    pub(super) name: Option<Box<str>>,
    pub(super) tags: Arc<[Box<str>]>,
    pub(super) soft: bool,
    /// Its headers have the credentials, if there are any.
    pub(super) shared: Shared,
}

impl Terms {
    /// What the three say together. What comes out as in `bare`, the terms of an entry that says nothing, is shared with
    /// it.
    pub(super) fn new(config: &Config, defaults: &[Setting], own: &[Setting], bare: Option<&Terms>) -> Terms {
        let mut draft = Draft::new(config);
        draft.layer(defaults);
        draft.command_line(config);
        draft.layer(own);
        draft.finish(config, bare)
    }
}

struct Draft {
    method: Option<Method>,
    headers: Vec<Header>,
    /// The last word on Authorization was a header's.
    has_own_authorization: bool,
    has_own_type: bool,
    user: Option<Secret>,
    body: Option<(Arc<[u8]>, bool)>,
    body_stays: bool,
    compressed: bool,
    insecure: bool,
    resolve: Vec<Resolve>,
    limits: Limits,
    retries: u32,
    checks: Vec<Check>,
    name: Option<Box<str>>,
    tags: Vec<Box<str>>,
    soft: bool,
    save_as: SaveAs,
}

impl Draft {
    /// The defaults of the program, and what the command line alone can say.
    fn new(config: &Config) -> Draft {
        let limits = config.limits;
        Draft {
            method: None,
            headers: Vec::new(),
            has_own_authorization: false,
            has_own_type: false,
            user: None,
            body: None,
            body_stays: false,
            compressed: false,
            insecure: false,
            resolve: Vec::new(),
            limits: Limits {
                connect_timeout: limits.connect_timeout,
                max_time: limits.max_time,
                stall: limits.stall,
                max_filesize: limits.max_filesize,
                max_redirs: config.request.max_redirs,
            },
            retries: config.retry.retries,
            checks: Vec::new(),
            name: None,
            tags: Vec::new(),
            soft: false,
            save_as: SaveAs::default(),
        }
    }

    /// What a line or `@defaults` say, over what was said before.
    fn layer(&mut self, settings: &[Setting]) {
        let edits = settings.iter().filter_map(|setting| match &setting.term {
            Term::Header(edit) => Some(edit),
            _ => None,
        });
        let user = settings.iter().rev().find_map(|setting| match &setting.term {
            Term::User(user) => Some(user.clone()),
            _ => None,
        });
        self.edit(edits, user);
        let resolve = settings.iter().filter_map(|setting| match &setting.term {
            Term::Resolve(resolve) => Some(resolve.clone()),
            _ => None,
        });
        // The first that fits holds.
        self.resolve.splice(0..0, resolve.collect::<Vec<_>>());
        self.forget_checks(settings);
        settings.iter().for_each(|setting| self.apply(&setting.term));
    }

    /// Checks of a layer take the place of those before it by key and operator, and add up among themselves: what
    /// stands on one line is evaluated, all of it.
    fn forget_checks(&mut self, settings: &[Setting]) {
        self.checks.retain(|before| {
            !settings.iter().any(|setting| match &setting.term {
                Term::Check(check) => check.identity() == before.identity(),
                _ => false,
            })
        });
    }

    fn apply(&mut self, term: &Term) {
        match term {
            Term::Method(method) => self.method = Some(method.clone()),
            Term::Body { bytes, is_json, stays } => {
                self.body = Some((Arc::clone(bytes), *is_json));
                self.body_stays = *stays;
            }
            Term::MaxTime(limit) => self.limits.max_time = *limit,
            Term::ConnectTimeout(limit) => self.limits.connect_timeout = *limit,
            Term::Retry(retries) => self.retries = *retries,
            Term::MaxRedirs(n) => self.limits.max_redirs = *n,
            Term::MaxFilesize(limit) => self.limits.max_filesize = *limit,
            Term::Out(out) => self.save_as.out = Some(out.clone()),
            Term::Dir(dir) => self.save_as.dir = Some(dir.clone()),
            Term::Name(name) => self.name = Some(name.clone()),
            Term::Tag(tag) if self.tags.contains(tag) => {}
            Term::Tag(tag) => self.tags.push(tag.clone()),
            Term::Insecure(is_on) => self.insecure = *is_on,
            Term::Compressed(is_on) => self.compressed = *is_on,
            Term::Soft(is_on) => self.soft = *is_on,
            Term::Check(check) => self.checks.push(check.clone()),
            Term::Header(_) | Term::User(_) | Term::Resolve(_) => {}
        }
    }

    /// Headers of a layer take the place of those of the same name before it, and add up among themselves. A header that
    /// says who we are goes before a user of the same layer.
    fn edit<'e>(&mut self, edits: impl Iterator<Item = &'e HeaderEdit> + Clone, user: Option<Secret>) {
        let is_edited = |name: &str| edits.clone().any(|edit| edit.name().eq_ignore_ascii_case(name));
        self.headers.retain(|header| !is_edited(&header.name));
        if is_edited(AUTHORIZATION) {
            (self.has_own_authorization, self.user) = (true, None);
        } else if user.is_some() {
            self.headers.retain(|header| !header.name.eq_ignore_ascii_case(AUTHORIZATION));
            (self.has_own_authorization, self.user) = (false, user);
        }
        self.has_own_type |= is_edited(CONTENT_TYPE);
        for edit in edits {
            match edit {
                HeaderEdit::Set(name, value) => {
                    self.headers.push(Header { name: name.clone(), value: value.clone() });
                }
                HeaderEdit::Remove(name) => {
                    self.headers.retain(|header| !header.name.eq_ignore_ascii_case(name));
                }
            }
        }
    }

    /// What was typed; a default of the program's own is none of it.
    fn command_line(&mut self, config: &Config) {
        let (typed, request) = (&config.given, &config.request);
        self.edit(request.headers.iter(), request.user.clone());
        self.resolve.splice(0..0, config.connection.resolve.iter().cloned());
        if typed.method {
            self.method = Some(request.method.clone());
        }
        if let Some(body) = &request.body {
            self.body = Some((body.as_slice().into(), false));
            self.body_stays = false;
        }
        self.compressed |= request.compressed;
        self.insecure |= config.connection.insecure;
        if typed.max_time {
            self.limits.max_time = config.limits.max_time;
        }
        if typed.connect_timeout {
            self.limits.connect_timeout = config.limits.connect_timeout;
        }
        if typed.max_filesize {
            self.limits.max_filesize = config.limits.max_filesize;
        }
        if typed.max_redirs {
            self.limits.max_redirs = request.max_redirs;
        }
        if typed.retry {
            self.retries = config.retry.retries;
        }
        if typed.user_agent {
            // It goes out by itself; a header of `@defaults` would go before it.
            self.headers.retain(|header| !header.name.eq_ignore_ascii_case("user-agent"));
        }
    }

    fn finish(mut self, config: &Config, bare: Option<&Terms>) -> Terms {
        if let Some((_, is_json)) = self.body.as_ref().filter(|_| !self.has_own_type) {
            let kind = if *is_json { JSON } else { FORM };
            self.headers.push(Header { name: CONTENT_TYPE.to_owned(), value: Secret::new(kind) });
        }
        let shared = |own: &[Header], bare: Option<&Arc<[Header]>>| match bare {
            Some(bare) if **bare == *own => Arc::clone(bare),
            _ => own.into(),
        };
        let headers_without_user = shared(&self.headers, bare.map(|bare| &bare.headers_without_user));
        let headers = match &self.user {
            None => Arc::clone(&headers_without_user),
            Some(user) => {
                let all = with(&headers_without_user, basic_header(user.expose().as_bytes()));
                shared(&all, bare.map(|bare| &bare.shared.headers))
            }
        };
        // Without a method, one is implied: by the command line as it resolved it, or by a body of the list's.
        let implied = match &self.body {
            Some(_) if config.request.method == Method::GET => Method::POST,
            _ => config.request.method.clone(),
        };
        let retry = match bare {
            Some(bare) if bare.shared.retry.retries == self.retries => Arc::clone(&bare.shared.retry),
            _ => Arc::new(RetryPolicy { retries: self.retries, ..config.retry.clone() }),
        };
        let resolve = match bare {
            Some(bare) if *bare.shared.resolve == *self.resolve => Arc::clone(&bare.shared.resolve),
            _ => self.resolve.into(),
        };
        Terms {
            method: self.method.unwrap_or(implied),
            headers_without_user,
            has_own_authorization: self.has_own_authorization,
            name: self.name,
            tags: self.tags.into(),
            soft: self.soft,
            shared: Shared {
                headers,
                body: self.body.map(|(bytes, _)| bytes),
                body_stays: self.body_stays,
                compressed: self.compressed,
                insecure: self.insecure,
                resolve,
                limits: self.limits,
                retry,
                checks: self.checks.into(),
                save_as: (self.save_as != SaveAs::default()).then(|| Arc::new(self.save_as)),
            },
        }
    }
}
