//! A cut setting gets its meaning: request settings, checks, and aria2's options.
//!
//! Knows every key, which values go with it, and what was meant by one that is none. Refuses to know how settings of a
//! line, of `@defaults` and of the command line combine (`plan`).

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::grammar::Fault;
use super::variables::{Unexpanded, Variables, expand};
use super::words::Cut;
use super::{aria2, body, path};
use crate::check::{self, Check, Op};
use crate::quantity::{self, Misfit};
use crate::request::{HeaderEdit, Method, Resolve, Secret};
use crate::sanitize::{escape, mask_userinfo};

/// What a list says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// `method=`.
    Method(Method),
    /// `header=`, `user-agent=` and `referer=`.
    Header(HeaderEdit),
    /// `data=`, and `json=` with the type that goes with it.
    Body {
        /// What is sent; shared by all entries that send the same file.
        bytes: Arc<[u8]>,
        /// Whether it is JSON: its type is then sent with it.
        is_json: bool,
        /// Whether no other origin than the listed one may see it: it has the value of a variable in it.
        stays: bool,
    },
    /// `user=USER:PASS`.
    User(Secret),
    /// `max-time=`; `None` is no limit.
    MaxTime(Option<Duration>),
    /// `connect-timeout=`; `None` is no limit.
    ConnectTimeout(Option<Duration>),
    /// `retry=`: tries after the first.
    Retry(u32),
    /// `max-redirs=`; 0 makes the 3xx the answer.
    MaxRedirs(u32),
    /// `max-filesize=`; `None` is no limit.
    MaxFilesize(Option<u64>),
    /// `out=`: a relative path.
    Out(Box<str>),
    /// `dir=`: a relative path.
    Dir(Box<str>),
    /// `name=`.
    Name(Box<str>),
    /// `tag=`.
    Tag(Box<str>),
    /// `resolve=`.
    Resolve(Resolve),
    /// `insecure`.
    Insecure(bool),
    /// `compressed`.
    Compressed(bool),
    /// `soft`.
    Soft(bool),
    /// What is expected of the answer.
    Check(Check),
}

impl Term {
    /// Whether two say the same thing of a request, so that only one of them can hold: who we are may be said by a user or
    /// a header. Tags never do, they add up.
    pub fn is_about_the_same(&self, other: &Term) -> bool {
        match (self, other) {
            (Term::Header(edit), Term::User(_)) | (Term::User(_), Term::Header(edit)) => {
                edit.name().eq_ignore_ascii_case("authorization")
            }
            (Term::Header(a), Term::Header(b)) => a.name().eq_ignore_ascii_case(b.name()),
            (Term::Check(a), Term::Check(b)) => a.identity() == b.identity(),
            (Term::Tag(_), Term::Tag(_)) => false,
            (Term::Resolve(a), Term::Resolve(b)) => (&a.host, a.port) == (&b.host, b.port),
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

/// What stands in a list of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What it means.
    pub term: Term,
    /// As it stands there, `${…}` unexpanded; `None` unless somebody wants to print it again.
    pub written: Option<Written>,
}

/// A setting as a list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Without the blanks around it, passwords masked.
    pub text: Box<str>,
    /// Whether it needs an indented line of its own.
    pub is_own_line: bool,
}

/// Where a setting stands, as far as that decides what it may say.
pub(super) struct Place<'p> {
    pub(super) variables: &'p Variables,
    /// A list from standard input may not do everything.
    pub(super) is_trusted: bool,
    pub(super) files: &'p mut body::Files,
    /// Files that are named are relative to this one.
    pub(super) source: &'p str,
}

/// What a cut setting is.
#[derive(Debug)]
pub(super) enum Meaning {
    Term(Term),
    /// An option of aria2's that has no meaning here: a warning.
    Foreign(&'static str),
}

/// The settings whose value may stand as the rest of an indented line.
pub(super) const TEXT_KEYS: [&str; 8] =
    ["header", "data", "json", "user-agent", "referer", "out", "dir", "name"];

/// Settings that may stand without a value.
pub(super) const FLAGS: [&str; 3] = ["insecure", "compressed", "soft"];

/// All keys that are no checks.
const KEYS: [&str; 21] = [
    "method",
    "header",
    "data",
    "json",
    "user",
    "max-time",
    "connect-timeout",
    "retry",
    "max-redirs",
    "max-filesize",
    "out",
    "dir",
    "name",
    "tag",
    "resolve",
    "insecure",
    "compressed",
    "soft",
    "user-agent",
    "referer",
    "checksum",
];

/// Whether a key is one of ours, with or without a value.
pub(super) fn is_key(key: &str) -> bool {
    let bare = key.strip_prefix('!').unwrap_or(key);
    KEYS.contains(&bare) || check::is_key(bare)
}

/// The key that was most likely meant.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    const MOST_SLIPS: usize = 2;
    const MOST_BYTES: usize = 32;
    if key.len() > MOST_BYTES {
        return None;
    }
    let bare = key.trim_start_matches('!').to_ascii_lowercase();
    let head = bare.split_inclusive('.').next().unwrap_or_default();
    let slips = |known: &&'static str| {
        let typed = if known.ends_with('.') { head } else { &bare };
        (strsim::osa_distance(typed, known), *known)
    };
    let all = KEYS.iter().chain(&check::KEYS).map(slips);
    // In a short word two slips make anything of everything.
    let most = MOST_SLIPS.min(bare.chars().count() / 3);
    all.min_by_key(|(slips, _)| *slips).filter(|(slips, _)| *slips <= most).map(|(_, known)| known)
}

/// Reads a setting.
pub(super) fn read<'a>(cut: &Cut<'a>, place: &mut Place<'_>) -> Result<Meaning, Fault<'a>> {
    let known = KEYS.contains(&cut.key);
    if !known && !is_key(cut.key) {
        return foreign(cut);
    }
    let hides = matches!(cut.key, "header" | "data" | "json" | "user" | "user-agent" | "referer");
    let text = if cut.is_literal {
        Ok(super::variables::Expanded { text: cut.value.as_ref().into(), has_variables: false })
    } else {
        expand(&cut.value, place.variables, hides, place.is_trusted)
    };
    let text = text.map_err(|Unexpanded { message, hint }| cut.fault(cut.value_at.clone(), message, hint))?;
    let given = Given { cut, value: &text.text, has_variables: text.has_variables };
    let read = if known { given.request(place) } else { given.check() };
    read.map(Meaning::Term).map_err(|wrong| wrong.masked(place.variables))
}

/// What is no key of ours: aria2's, or nobody's.
fn foreign<'a>(cut: &Cut<'a>) -> Result<Meaning, Fault<'a>> {
    if let Some(option) = aria2::option(cut.key).filter(|_| cut.op == Some(Op::Is)) {
        return Ok(Meaning::Foreign(option));
    }
    let meant = nearest(cut.key).map(|key| format!("did you mean {key}?"));
    if cut.op.is_none() {
        let hint = meant
            .unwrap_or_else(|| "write a blank in a URL as %20, a value with blanks in quotes".to_owned());
        return Err(cut.fault(cut.whole.clone(), "a word that is no setting", Some(hint)));
    }
    let key = escape(&mask_userinfo(cut.key)).into_owned();
    let hint = meant.unwrap_or_else(|| "greenfetch help grammar lists all".to_owned());
    Err(cut.fault(cut.key_at(), format!("there is no setting '{key}'"), Some(hint)))
}

/// A setting of ours with its value at hand.
struct Given<'g, 'a> {
    cut: &'g Cut<'a>,
    value: &'g str,
    has_variables: bool,
}

impl<'a> Given<'_, 'a> {
    fn request(&self, place: &mut Place<'_>) -> Result<Term, Fault<'a>> {
        let key = self.cut.key;
        if FLAGS.contains(&key) {
            return self.flag(place.is_trusted);
        }
        match self.cut.op {
            Some(Op::Is) => {}
            Some(op) => return Err(self.wrong_op(op)),
            None => return Err(self.wrong_key(format!("{key} wants a value: {}", example(key)))),
        }
        match key {
            "method" => Method::parse(self.value).map(Term::Method).map_err(|why| self.wrong(why)),
            "header" => self.header(HeaderEdit::parse(self.value)),
            "user-agent" => self.header(HeaderEdit::parse(&format!("User-Agent:{}", self.value))),
            "referer" => self.header(HeaderEdit::parse(&format!("Referer:{}", self.value))),
            "data" | "json" => self.body(place),
            "user" => self.user(),
            "max-time" => self.duration().map(Term::MaxTime),
            "connect-timeout" => self.duration().map(Term::ConnectTimeout),
            "retry" => self.number().map(Term::Retry),
            "max-redirs" => self.number().map(Term::MaxRedirs),
            "max-filesize" => self.size().map(Term::MaxFilesize),
            "out" => self.path(place.is_trusted).map(Term::Out),
            "dir" => self.path(place.is_trusted).map(Term::Dir),
            "name" => self.label().map(Term::Name),
            "tag" => self.label().map(Term::Tag),
            "resolve" => Resolve::parse(self.value).map(Term::Resolve).map_err(|why| self.wrong(why)),
            _ => self.checksum(),
        }
    }

    fn check(&self) -> Result<Term, Fault<'a>> {
        match check::parse(self.cut.key, self.cut.op, self.value) {
            Some(Ok(check)) => Ok(Term::Check(check)),
            Some(Err(why)) => Err(self.wrong(why)),
            None => Err(self.wrong_key(format!("there is no setting '{}'", self.cut.key))),
        }
    }

    /// aria2: `checksum=sha-256=DIGEST`.
    fn checksum(&self) -> Result<Term, Fault<'a>> {
        let digest = self.value.split_once('=').filter(|(kind, _)| kind.eq_ignore_ascii_case("sha-256"));
        let Some((_, digest)) = digest else {
            return Err(self.wrong("of aria2's checksums only sha-256=DIGEST is taken".to_owned()));
        };
        match check::parse("sha256", Some(Op::Is), digest) {
            Some(Ok(check)) => Ok(Term::Check(check)),
            Some(Err(why)) => Err(self.wrong(why)),
            None => Err(self.wrong("there is no check of a hash".to_owned())),
        }
    }

    fn flag(&self, is_trusted: bool) -> Result<Term, Fault<'a>> {
        let is_on = match (self.cut.op, self.value) {
            (None, _) | (Some(Op::Is), "true") => true,
            (Some(Op::Is), "false") => false,
            _ => return Err(self.wrong(format!("{0} is written {0}, {0}=true or {0}=false", self.cut.key))),
        };
        match self.cut.key {
            "insecure" if is_on && !is_trusted => Err(self.untrusted()),
            "insecure" => Ok(Term::Insecure(is_on)),
            "compressed" => Ok(Term::Compressed(is_on)),
            _ => Ok(Term::Soft(is_on)),
        }
    }

    fn header(&self, edit: Result<HeaderEdit, String>) -> Result<Term, Fault<'a>> {
        match edit {
            Ok(HeaderEdit::Set(name, value)) if self.has_variables => {
                Ok(Term::Header(HeaderEdit::Set(name, value.that_stays())))
            }
            Ok(edit) => Ok(Term::Header(edit)),
            Err(_) if !self.value.contains([':', ';']) => {
                let name = self.value.split(['=', ' ']).next().unwrap_or_default();
                let name = if name.is_empty() { "NAME" } else { name };
                let hint = format!("header={name}: VALUE sends one, header.{name} expects one of the answer");
                Err(self.cut.fault(self.cut.value_at.clone(), "a header without a colon", Some(hint)))
            }
            Err(why) => Err(self.wrong(why)),
        }
    }

    fn body(&self, place: &mut Place<'_>) -> Result<Term, Fault<'a>> {
        let is_json = self.cut.key == "json";
        let bytes = match self.value.strip_prefix('@') {
            None => self.value.as_bytes().into(),
            Some(_) if !place.is_trusted => return Err(self.untrusted()),
            Some(file) => place
                .files
                .read(place.source, file, !is_json)
                .map_err(|why| self.wrong(format!("{file}: {why}")))?,
        };
        if is_json {
            body::check_json(&bytes).map_err(|why| self.wrong(why))?;
        }
        let stays = self.has_variables && !self.value.starts_with('@');
        Ok(Term::Body { bytes, is_json, stays })
    }

    fn user(&self) -> Result<Term, Fault<'a>> {
        if !self.value.contains(':') {
            return Err(
                self.wrong("a password is missing; write USER:PASS, or USER: for an empty one".to_owned())
            );
        }
        Ok(Term::User(Secret::new(self.value)))
    }

    fn duration(&self) -> Result<Option<Duration>, Fault<'a>> {
        match quantity::parse_duration(self.value) {
            Ok(duration) => Ok((!duration.is_zero()).then_some(duration)),
            Err(Misfit::Form) => {
                Err(self
                    .wrong(self.quoted("is no duration; write 5, 0.5, 5s, 300ms or 2m, and 0 for no limit")))
            }
            Err(Misfit::Range) => {
                Err(self.wrong(self.quoted("is not between 1ms and one year; 0 is no limit")))
            }
        }
    }

    fn size(&self) -> Result<Option<u64>, Fault<'a>> {
        match quantity::parse_size(self.value) {
            Ok(bytes) => Ok((bytes > 0).then_some(bytes)),
            Err(Misfit::Form) => {
                Err(self.wrong(self.quoted(
                    "is no size; write a whole number such as 512, 64KiB or 10MB, and 0 for no limit",
                )))
            }
            Err(Misfit::Range) => {
                Err(self.wrong(self.quoted("is more than 64 bits of bytes; 0 is no limit")))
            }
        }
    }

    fn number(&self) -> Result<u32, Fault<'a>> {
        let digits = self.value.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.value.parse().ok().filter(|_| digits);
        number.ok_or_else(|| self.wrong(self.quoted(&format!("is no whole number from 0 to {}", u32::MAX))))
    }

    fn path(&self, is_trusted: bool) -> Result<Box<str>, Fault<'a>> {
        if !is_trusted {
            return Err(self.untrusted());
        }
        path::check(self.value).map_err(|why| self.wrong(why))?;
        Ok(self.value.trim_end_matches('/').into())
    }

    fn label(&self) -> Result<Box<str>, Fault<'a>> {
        if self.value.is_empty() {
            return Err(self.wrong_key(format!("{} is empty", self.cut.key)));
        }
        Ok(self.value.into())
    }

    fn quoted(&self, what: &str) -> String {
        format!("'{}' {what}", escape(&mask_userinfo(self.value)))
    }

    fn wrong(&self, why: String) -> Fault<'a> {
        self.cut.fault(self.cut.value_at.clone(), why, None)
    }

    fn wrong_key(&self, why: String) -> Fault<'a> {
        self.cut.fault(self.cut.key_at(), why, None)
    }

    fn wrong_op(&self, op: Op) -> Fault<'a> {
        let key = self.cut.key;
        let operator: Range<usize> = self.cut.key_at().end..self.cut.value_at.start;
        let hint = match key {
            "header" => Some(format!("header.NAME{op} expects one of the answer")),
            "json" => Some(format!("json.$.PATH{op} expects a value of the answer")),
            "max-time" | "connect-timeout" => Some(format!("{key}= limits, time{op} and ttfb{op} expect")),
            _ => None,
        };
        self.cut.fault(operator, format!("{key} has no '{op}', only ="), hint)
    }

    fn untrusted(&self) -> Fault<'a> {
        let what = if self.value.starts_with('@') { "name a file" } else { self.cut.key };
        let message = match what {
            "name a file" => "a list from standard input may not name a file".to_owned(),
            key => format!("a list from standard input may not say {key}"),
        };
        let hint = "give --trust-stdin if you know who wrote it".to_owned();
        self.cut.fault(self.cut.whole.clone(), message, Some(hint))
    }
}

fn example(key: &str) -> &'static str {
    match key {
        "header" => "header=NAME: VALUE sends one, header.NAME expects one",
        "json" => "json={…} sends it, json.$.PATH expects it",
        "method" => "method=PUT",
        "user" => "user=USER:PASS",
        "max-time" | "connect-timeout" => "5s",
        "resolve" => "resolve=example.com:443:127.0.0.1",
        "checksum" => "checksum=sha-256=DIGEST",
        "out" | "dir" => "a path below --output-dir",
        "data" => "data=TEXT or data=@FILE",
        _ => "write it behind =",
    }
}
