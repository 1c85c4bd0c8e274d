//! An entry as a list of its own: what `--dry-run` prints and what can be fetched again.
//!
//! Knows how an entry is written down with everything that held for it, so that it reads as it did. Refuses to show a
//! password: what was no variable is `***`.

use std::borrow::Cow;
use std::path::Path;

use url::Url;

use super::Entry;
use super::audience::Found;
use super::grammar::text_key;
use super::http_url;
use super::setting::{Setting, Term, Written};
use super::variables::{Variables, expand, has_any};
use super::words::Cut;
use crate::request::HeaderEdit;
use crate::sanitize::{MASK, is_secret_header, mask_urls, mask_userinfo_but};

/// A setting as it was written, but for passwords, and for files, which are named so that they are found from anywhere.
pub(super) fn written(
    cut: &Cut<'_>,
    term: &Term,
    is_own_line: bool,
    source: &str,
    variables: &Variables,
) -> Written {
    let has_variables = has_any(&cut.value) && !cut.is_literal;
    let value = match term {
        Term::User(user) if !has_variables => {
            literal(&format!("{}:{MASK}", user.expose().split(':').next().unwrap_or_default()))
        }
        Term::Header(HeaderEdit::Set(name, _)) if is_secret_header(name) && !has_variables => {
            literal(&format!("{name}: {MASK}"))
        }
        Term::Body { .. } if cut.value.starts_with('@') => format!("@{}", file(cut, source, variables)),
        // Where it is printed a raw tab would be spelled out, and read back as another text.
        _ if cut.value.contains('\t') && cut.written().contains('\t') => return without_tabs(cut),
        _ => return Written { text: mask_urls(cut.written()).into(), is_own_line },
    };
    // The rest of a line needs no quotes.
    let value = if is_own_line { value.into() } else { quoted(&value) };
    Written { text: format!("{}={value}", cut.key).into(), is_own_line }
}

/// A setting with tabs as escapes, which it has in quotes alone.
fn without_tabs(cut: &Cut<'_>) -> Written {
    let value = if cut.is_literal { literal(&cut.value) } else { cut.value.to_string() };
    let op = &cut.line[cut.key_at().end..cut.value_at.start];
    let text = format!("{}{op}{}", cut.key, quoted(&value));
    Written { text: mask_urls(&text).into(), is_own_line: false }
}

/// The path of a file as it is found from anywhere, its variables in it.
fn file(cut: &Cut<'_>, source: &str, variables: &Variables) -> String {
    let named = if cut.is_literal { literal(&cut.value) } else { cut.value.to_string() };
    let named = &named[1..];
    let is_absolute = expand(named, variables, false, true).is_ok_and(|path| path.text.starts_with('/'));
    let folder = Path::new(source).parent().unwrap_or(Path::new(""));
    match std::path::absolute(folder.join(".")) {
        Ok(folder) if !is_absolute => {
            format!("{}/{named}", literal(folder.to_string_lossy().trim_end_matches('/')))
        }
        _ => named.to_owned(),
    }
}

/// A text that names no variable.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// In quotes where it has to be.
fn quoted(value: &str) -> Cow<'_, str> {
    if !value.is_empty() && !value.starts_with(['"', '\'']) && !value.contains([' ', '\t', '\n']) {
        return value.into();
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\n', "\\n").replace('\t', "\\t")).into()
}

/// The whole entry: the line of its URL, and indented lines for what has one. What the line says takes the place of
/// what `@defaults` say.
pub(super) fn text(entry: &Entry, url: &str) -> Box<str> {
    let is_said = |setting: &&Setting| {
        let has_method = entry.method.is_some() && matches!(setting.term, Term::Method(_));
        !has_method && !entry.settings.iter().any(|own| own.term.is_about_the_same(&setting.term))
    };
    // Of addresses the first that fits holds, and the line's come first.
    let (after, before): (Vec<_>, Vec<_>) =
        entry.defaults.iter().filter(is_said).partition(|setting| matches!(setting.term, Term::Resolve(_)));
    let all: Vec<_> = before.into_iter().chain(entry.settings.iter()).chain(after).collect();
    let (mut line, mut below) = (String::new(), String::new());
    if let Some(method) = &entry.method {
        line.push_str(method.as_str());
        line.push(' ');
    }
    line.push_str(&mask_userinfo_but(url, has_any));
    for (at, setting) in all.iter().enumerate() {
        let Some(written) = &setting.written else { continue };
        if !written.is_own_line {
            line.extend([" ", &written.text]);
        } else if is_overruled(setting, &all[at + 1..]) {
            line.extend([" ", &on_the_line(&written.text)]);
        } else {
            below.extend(["\n  ", &written.text]);
        }
    }
    line.push_str(&below);
    line.into()
}

/// Whether what comes later, on the line of the URL, is about the same: below that line it would be what came last.
fn is_overruled(setting: &Setting, later: &[&Setting]) -> bool {
    let is_on_the_line = |later: &Setting| later.written.as_ref().is_some_and(|written| !written.is_own_line);
    later.iter().any(|later| is_on_the_line(later) && later.term.is_about_the_same(&setting.term))
}

/// What had an indented line, as it stands among others.
fn on_the_line(text: &str) -> String {
    let cut = text_key(text).map(|(key, value)| (key, &text[value..]));
    cut.map_or_else(|| text.to_owned(), |(key, value)| format!("{key}={}", quoted(value)))
}

/// An entry's URL without a base, its variables in it where it can be written so.
pub(super) fn url(found: &Found<'_>, url: &Url, variables: &Variables) -> String {
    let Some(base) = found.base else { return found.word.to_owned() };
    let is_it = |word: &String| {
        let expanded = expand(word, variables, false, true);
        expanded.is_ok_and(|word| http_url::parse(&word.text).as_ref() == Ok(url))
    };
    let written = Some(found.word.to_owned()).filter(is_it);
    let written = written.or_else(|| joined(&base.written, found.word).filter(is_it));
    // What a variable has of the way from the base to it cannot be taken apart: its value stands there then.
    written.unwrap_or_else(|| variables.masks().name(&literal(url.as_str())).into_owned())
}

/// Stands in for the scheme and host of a base, which may be variables, while a path is put behind it.
const PLACE: &str = "http://greenfetch-base.invalid";

/// A relative URL behind a base, with the variables of both: each is a word that no part of a URL changes meanwhile.
fn joined(base: &str, word: &str) -> Option<String> {
    let authority = base.find("://").map_or(0, |at| at + 3);
    let origin = base[authority..].find(['/', '?', '#']).map_or(base.len(), |end| authority + end);
    let mut names = Vec::new();
    let [path, word] = [&base[origin..], word].map(|text| mark(text, &mut names));
    let joined = http_url::join(&Url::parse(&format!("{PLACE}{path}")).ok()?, &word).ok()?;
    let mut text = format!("{}{}", &base[..origin], joined.as_str().strip_prefix(PLACE)?);
    for (index, name) in names.iter().enumerate() {
        text = text.replace(&marker(index), name);
    }
    Some(text)
}

fn marker(index: usize) -> String {
    format!("greenfetch-variable-{index}-")
}

fn mark(text: &str, names: &mut Vec<String>) -> String {
    let (mut marked, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("${") {
        let Some(length) = rest[at..].find('}') else { break };
        // `$${` is written as it is; it stands for itself.
        let start = at - usize::from(rest[..at].ends_with('$'));
        marked.push_str(&rest[..start]);
        marked.push_str(&marker(names.len()));
        names.push(rest[start..=at + length].to_owned());
        rest = &rest[at + length + 1..];
    }
    marked + rest
}

#[cfg(test)]
mod tests;
