//! The way through a list: lines become entries with their settings, in the order of the text.
//!
//! Knows what belongs to what: indented lines to the entry above, `@defaults` and `@base` to the rest of their file, an
//! included file to the line that names it. Refuses to know what becomes of entries and errors: both readings are an
//! `Audience`.

use std::path::PathBuf;
use std::sync::Arc;

use super::audience::{At, Audience, Closed, Found, Halt, Rejected};
use super::grammar::{self, Directive, Fault, Line, Rest};
use super::input::{Input, Text};
use super::lines::RawLine;
use super::setting::{self, Meaning, Place, Setting, Term};
use super::variables::{Unexpanded, expand, has_any};
use super::words::{self, Cut};
use super::{Reading, again, body, http_url, include};
use crate::request::{Location, Method};

/// Where relative URLs count from.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub(super) url: url::Url,
    /// With its variables in it.
    pub(super) written: Box<str>,
}

/// What holds from a line on to the end of its file, and in what is included.
#[derive(Clone)]
pub(super) struct Scope {
    pub(super) source: Arc<str>,
    pub(super) is_trusted: bool,
    pub(super) base: Option<Arc<Base>>,
    pub(super) defaults: Arc<[Setting]>,
}

/// What an indented line belongs to.
enum Open {
    Nothing,
    Entry,
    /// A line that is no entry: what was meant for it is looked at and let go.
    Broken,
    /// An entry of a stream that was taken up already.
    Late(u32),
    Defaults(Vec<Setting>),
}

/// Goes through lists, one input after another.
pub(super) struct Walker<'r> {
    reading: &'r Reading,
    files: body::Files,
    open: Open,
    /// The settings of a line before, by their text: mostly they are those of the next one too.
    last: Option<(Box<str>, Arc<[Setting]>)>,
    none: Arc<[Setting]>,
    /// What was warned of.
    warned: Vec<&'static str>,
    includes: include::Chain,
}

impl<'r> Walker<'r> {
    pub(super) fn new(reading: &'r Reading) -> Walker<'r> {
        Walker {
            reading,
            files: body::Files::default(),
            open: Open::Nothing,
            last: None,
            none: Arc::default(),
            warned: Vec::new(),
            includes: include::Chain::default(),
        }
    }

    /// Goes through a file or a stream.
    pub(super) fn input(
        &mut self,
        input: &Input,
        scope: &mut Scope,
        audience: &mut impl Audience,
    ) -> Result<(), Halt> {
        // Opening a FIFO and reading a stream may wait for ever: nothing may be held back meanwhile.
        audience.about_to_read()?;
        self.includes = include::Chain::from(input);
        let mut text = input.open()?;
        let ended = self.text(&mut text, scope, audience);
        self.close(audience)?;
        ended
    }

    fn text(&mut self, text: &mut Text, scope: &mut Scope, audience: &mut impl Audience) -> Result<(), Halt> {
        loop {
            audience.about_to_read()?;
            let more = text.fill()?;
            while let Some(raw) = text.next()? {
                self.line(&raw, scope, audience)?;
            }
            if !more {
                return Ok(());
            }
            self.settle_before_a_wait(text, audience)?;
        }
    }

    /// What came with a read is delivered before the next one, unless more is there already or on its way: an entry
    /// must not wait for the line after it, which may never come.
    fn settle_before_a_wait(&mut self, text: &Text, audience: &mut impl Audience) -> Result<(), Closed> {
        if !matches!(self.open, Open::Entry) || !text.may_wait() || text.is_amid_settings() {
            return Ok(());
        }
        if text.is_ready(self.reading.is_ready) {
            return Ok(());
        }
        self.open = Open::Late(text.lines_read());
        audience.settle()
    }

    /// Nothing more belongs to what is open.
    fn close(&mut self, audience: &mut impl Audience) -> Result<(), Closed> {
        self.open = Open::Nothing;
        self.last = None;
        audience.settle()
    }

    fn line(
        &mut self,
        raw: &RawLine<'_>,
        scope: &mut Scope,
        audience: &mut impl Audience,
    ) -> Result<(), Halt> {
        let line = grammar::parse(raw, scope.base.is_some());
        if matches!(line, Line::Blank) {
            return Ok(());
        }
        if !matches!(line, Line::More(_)) {
            if let Open::Defaults(settings) = std::mem::replace(&mut self.open, Open::Nothing) {
                scope.defaults = settings.into();
            }
            audience.settle()?;
        }
        // The line of most entries: not even a reference is counted for it.
        if let Line::Entry { method, word, settings } = line {
            let at = At { source: &scope.source, line: raw.number };
            return Ok(self.entry(at, method, word, settings, scope, audience)?);
        }
        let source = Arc::clone(&scope.source);
        let at = At { source: &source, line: raw.number };
        match line {
            Line::Blank | Line::Entry { .. } => Ok(()),
            Line::More(rest) => Ok(self.more(at, rest, scope, audience)?),
            Line::Rejected { text, reason, settings } => {
                self.open = Open::Broken;
                let settings = settings.map(|rest| self.if_all_are_right(rest, scope, audience));
                let (settings, defaults) = (settings.unwrap_or_default(), Arc::clone(&scope.defaults));
                Ok(audience.rejected(Rejected { at, text, reason, settings, defaults })?)
            }
            Line::Error(fault) => {
                self.open = Open::Broken;
                Ok(audience.fault(at, &fault)?)
            }
            Line::Defaults(rest) => {
                let settings = self.settings(at, rest, scope, audience)?;
                self.open = Open::Defaults(settings);
                Ok(())
            }
            Line::Directive { which: Directive::Base, line, word } => {
                match self.base(scope, &line[word.clone()]) {
                    Ok(base) => scope.base = Some(Arc::new(base)),
                    Err(Unexpanded { message, hint }) => {
                        audience.fault(at, &Fault { line, span: word, message, hint })?;
                    }
                }
                Ok(())
            }
            Line::Directive { which: Directive::Include, line, word } => {
                let named = self.include(at, &line[word.clone()], scope, audience)?;
                match named {
                    Ok(()) => Ok(()),
                    Err(message) => Ok(audience.fault(at, &Fault { line, span: word, message, hint: None })?),
                }
            }
        }
    }

    /// An operand: a URL without settings of its own.
    pub(super) fn operand(
        &mut self,
        url: &str,
        at: At<'_>,
        scope: &Scope,
        audience: &mut impl Audience,
    ) -> Result<(), Closed> {
        match grammar::parse_operand(url) {
            Line::Entry { method, word, .. } => {
                audience.entry(Found {
                    at,
                    method,
                    word,
                    text: word.into(),
                    base: None,
                    settings: &self.none,
                    defaults: &scope.defaults,
                });
                audience.settle()
            }
            Line::Rejected { text, reason, .. } => {
                let (settings, defaults) = (Arc::clone(&self.none), Arc::clone(&scope.defaults));
                audience.rejected(Rejected { at, text, reason, settings, defaults })
            }
            Line::Error(fault) => audience.fault(at, &fault),
            _ => Ok(()),
        }
    }

    fn entry(
        &mut self,
        at: At<'_>,
        method: Option<Method>,
        word: &str,
        rest: Rest<'_>,
        scope: &Scope,
        audience: &mut impl Audience,
    ) -> Result<(), Closed> {
        let text = match expand(word, &self.reading.variables, false, scope.is_trusted) {
            Ok(expanded) => expanded.text,
            Err(Unexpanded { message, hint }) => {
                self.open = Open::Broken;
                let span = rest.at - word.len()..rest.at;
                audience.fault(at, &Fault { line: rest.line, span, message, hint })?;
                self.settings(at, rest, scope, audience)?;
                return Ok(());
            }
        };
        self.open = Open::Entry;
        let (base, defaults) = (scope.base.as_deref(), &scope.defaults);
        let known = if rest.text().trim_start_matches([' ', '\t']).is_empty() {
            Some(&self.none)
        } else {
            let is_the_same = |(text, _): &&(Box<str>, _)| **text == *rest.text();
            self.last.as_ref().filter(is_the_same).map(|(_, settings)| settings)
        };
        if let Some(settings) = known {
            audience.entry(Found { at, method, word, text, base, settings, defaults });
            return Ok(());
        }
        let mut faults = Vec::new();
        let settings: Arc<[Setting]> = self.cut_all(rest, scope, audience, &mut faults).into();
        audience.entry(Found { at, method, word, text, base, settings: &settings, defaults });
        if faults.is_empty() {
            self.last = Some((rest.text().into(), settings));
        }
        faults.iter().try_for_each(|fault| audience.fault(at, fault))
    }

    /// Settings behind what is no URL: none where they are not all right, as nobody knows what such a line is.
    fn if_all_are_right(
        &mut self,
        rest: Rest<'_>,
        scope: &Scope,
        audience: &mut impl Audience,
    ) -> Arc<[Setting]> {
        let mut faults = Vec::new();
        let settings = self.cut_all(rest, scope, audience, &mut faults);
        if faults.is_empty() { settings.into() } else { Arc::default() }
    }

    /// Settings of a line that begins no entry.
    fn settings(
        &mut self,
        at: At<'_>,
        rest: Rest<'_>,
        scope: &Scope,
        audience: &mut impl Audience,
    ) -> Result<Vec<Setting>, Closed> {
        let mut faults = Vec::new();
        let settings = self.cut_all(rest, scope, audience, &mut faults);
        faults.iter().try_for_each(|fault| audience.fault(at, fault))?;
        Ok(settings)
    }

    fn cut_all<'a>(
        &mut self,
        rest: Rest<'a>,
        scope: &Scope,
        audience: &mut impl Audience,
        faults: &mut Vec<Fault<'a>>,
    ) -> Vec<Setting> {
        let (mut settings, mut at) = (Vec::new(), rest.at);
        loop {
            match words::cut(rest.line, at) {
                Ok(None) => return settings,
                Ok(Some(cut)) => {
                    at = cut.whole.end;
                    match self.read(&cut, false, scope, audience) {
                        Ok(setting) => settings.extend(setting),
                        Err(fault) => faults.push(fault),
                    }
                }
                // Where a quote has no end, nobody knows where the next setting begins.
                Err(fault) => {
                    faults.push(fault);
                    return settings;
                }
            }
        }
    }

    fn read<'a>(
        &mut self,
        cut: &Cut<'a>,
        is_own_line: bool,
        scope: &Scope,
        audience: &mut impl Audience,
    ) -> Result<Option<Setting>, Fault<'a>> {
        let mut place = Place {
            variables: &self.reading.variables,
            is_trusted: scope.is_trusted,
            files: &mut self.files,
            source: &scope.source,
        };
        let term = match setting::read(cut, &mut place)? {
            Meaning::Term(term) => term,
            Meaning::Foreign(option) => {
                self.warn_once(option, audience, || {
                    format!("{option}= in the list is aria2's and means nothing here")
                });
                return Ok(None);
            }
        };
        if term == Term::Insecure(true) {
            let words = || format!("certificates are not verified where {} says insecure", scope.source);
            self.warn_once("insecure", audience, words);
        }
        let variables = &self.reading.variables;
        let written = self
            .reading
            .wants_again
            .then(|| again::written(cut, &term, is_own_line, &scope.source, variables));
        Ok(Some(Setting { term, written }))
    }

    fn warn_once(
        &mut self,
        what: &'static str,
        audience: &mut impl Audience,
        words: impl FnOnce() -> String,
    ) {
        if !self.warned.contains(&what) {
            self.warned.push(what);
            audience.warn(words());
        }
    }

    /// An indented line.
    fn more(
        &mut self,
        at: At<'_>,
        rest: Rest<'_>,
        scope: &Scope,
        audience: &mut impl Audience,
    ) -> Result<(), Closed> {
        let first = rest.text().split([' ', '\t']).next().unwrap_or_default();
        let settings = match grammar::text_key(first) {
            Some((key, value)) => {
                if let Some(check) = grammar::swallowed_check(key, rest.text()) {
                    audience.warn(swallowed(&at.location(), key, check));
                }
                let cut = words::cut_rest(rest.line, rest.at, key, rest.at + value);
                match self.read(&cut, true, scope, audience) {
                    Ok(setting) => setting.into_iter().collect(),
                    Err(fault) => {
                        audience.fault(at, &fault)?;
                        Vec::new()
                    }
                }
            }
            None => self.settings(at, rest, scope, audience)?,
        };
        let span = rest.at..rest.at + first.len();
        let misplaced =
            |message: String, hint: Option<String>| Fault { line: rest.line, span, message, hint };
        match &mut self.open {
            Open::Entry => audience.more(settings),
            Open::Defaults(defaults) => defaults.extend(settings),
            Open::Broken => {}
            Open::Nothing => {
                let hint = Some("a setting stands on the line of its URL or indented below it".to_owned());
                audience.fault(at, &misplaced("a setting without a URL above it".to_owned(), hint))?;
            }
            Open::Late(line) => {
                let message = format!("a setting that came after its URL (line {line}) was taken up");
                let hint = Some("write both at once, or the setting on the line of the URL".to_owned());
                audience.fault(at, &misplaced(message, hint))?;
            }
        }
        Ok(())
    }

    fn base(&self, scope: &Scope, word: &str) -> Result<Base, Unexpanded> {
        let text = expand(word, &self.reading.variables, false, scope.is_trusted)?.text;
        let url = http_url::parse(&text).map_err(|message| Unexpanded {
            message: self.reading.variables.masks().name(&message).into_owned(),
            hint: None,
        })?;
        Ok(Base { url, written: if has_any(word) { word } else { &text }.into() })
    }

    /// Reads another list here; a sentence when it cannot be.
    fn include(
        &mut self,
        at: At<'_>,
        word: &str,
        scope: &Scope,
        audience: &mut impl Audience,
    ) -> Result<Result<(), String>, Halt> {
        let input = match self.includes.enter(word, &at.location(), scope.is_trusted) {
            Ok(input) => input,
            Err(why) => return Ok(Err(why)),
        };
        let mut inner = Scope { source: input.name(), ..scope.clone() };
        let read = match input.open() {
            Ok(mut text) => self.text(&mut text, &mut inner, audience),
            Err(error) => Err(Halt::Broken(error)),
        };
        self.close(audience)?;
        self.includes.leave();
        match read {
            Ok(()) => Ok(Ok(())),
            Err(Halt::Broken(error)) => Ok(Err(error.to_string())),
            Err(closed) => Err(closed),
        }
    }

    /// What `--defaults` says, as if `@defaults` stood first in every list.
    pub(super) fn command_line(&mut self, text: &str, audience: &mut impl Audience) -> Arc<[Setting]> {
        let source: Arc<str> = "<--defaults>".into();
        let at = At { source: &source, line: 1 };
        let scope =
            Scope { source: Arc::clone(&source), is_trusted: true, base: None, defaults: Arc::default() };
        let settings = self.settings(at, Rest { line: text, at: 0 }, &scope, audience);
        settings.unwrap_or_default().into()
    }
}

impl Scope {
    /// What holds at the start of an input.
    pub(super) fn of(input: &Input, reading: &Reading, defaults: &Arc<[Setting]>) -> Scope {
        let base = reading
            .base
            .as_ref()
            .map(|url| Arc::new(Base { url: url.clone(), written: url.as_str().into() }));
        Scope {
            source: input.name(),
            is_trusted: reading.trust_stdin || !matches!(input, Input::Stream { .. }),
            base,
            defaults: Arc::clone(defaults),
        }
    }
}

/// The folder that a list stands in.
pub(super) fn folder(path: &std::path::Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn swallowed(at: &Location, key: &str, check: &str) -> String {
    let Location { source, line } = at;
    format!(
        "{source}:{line}: {key} takes the rest of its line, {check} too: a check stands on a line of its own"
    )
}
