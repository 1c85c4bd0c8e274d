//! An entry as a list of its own: what `--dry-run` prints and what can be fetched again.
//!
//! Knows how an entry is written down with everything that held for it. Refuses to show a password: what was no variable
//! is `***`.

use std::path::Path;

use super::Entry;
use super::http_url;
use super::setting::{Setting, Term, Written};
use super::variables::has_any;
use super::walk::Base;
use super::words::Cut;
use crate::request::HeaderEdit;
use crate::sanitize::{MASK, is_secret_header, mask_userinfo};

/// A setting as it was written, but for passwords, and for files, which are named so that they are found from anywhere.
pub(super) fn written(cut: &Cut<'_>, term: &Term, is_own_line: bool, source: &str) -> Written {
    let text = match term {
        Term::User(user) if !has_any(&cut.value) => {
            let name = user.expose().split(':').next().unwrap_or_default();
            quoted(cut.key, &format!("{name}:{MASK}"))
        }
        Term::Header(HeaderEdit::Set(name, _)) if is_secret_header(name) && !has_any(&cut.value) => {
            let line = format!("{}={name}: {MASK}", cut.key);
            return Written { text: line.into(), is_own_line: true };
        }
        Term::Body { .. } if cut.value.starts_with('@') && !has_any(&cut.value) => {
            let folder = Path::new(source).parent().unwrap_or(Path::new(""));
            let path = folder.join(&cut.value[1..]);
            let path = std::path::absolute(&path).unwrap_or(path);
            return Written { text: format!("{}=@{}", cut.key, path.display()).into(), is_own_line: true };
        }
        _ => mask_userinfo(cut.written()).into_owned(),
    };
    Written { text: text.into(), is_own_line }
}

/// `user=` takes no line of its own, so a blank in it has to be in quotes.
fn quoted(key: &str, value: &str) -> String {
    let is_bare = !value.starts_with(['"', '\'']) && !value.contains([' ', '\t']);
    if is_bare {
        return format!("{key}={value}");
    }
    format!("{key}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The whole entry: the line of its URL, and indented lines for what needs one. What the line says takes the place of
/// what `@defaults` say.
pub(super) fn text(entry: &Entry, url: &str) -> Box<str> {
    let is_said = |setting: &&Setting| {
        let has_method = entry.method.is_some() && matches!(setting.term, Term::Method(_));
        !has_method && !entry.settings.iter().any(|own| own.term.is_about_the_same(&setting.term))
    };
    let all = entry.defaults.iter().filter(is_said).chain(entry.settings.iter());
    let (mut line, mut below) = (String::new(), String::new());
    if let Some(method) = &entry.method {
        line.push_str(method.as_str());
        line.push(' ');
    }
    line.push_str(&mask_userinfo(url));
    for written in all.filter_map(|setting| setting.written.as_ref()) {
        let (text, before) = if written.is_own_line { (&mut below, "\n  ") } else { (&mut line, " ") };
        text.push_str(before);
        text.push_str(&written.text);
    }
    line.push_str(&below);
    line.into()
}

/// The absolute URL with its variables in it: each is a word that no part of a URL changes while the base is put before.
pub(super) fn url(word: &str, base: Option<&Base>) -> String {
    let Some(base) = base.filter(|_| !http_url::is_http(word) && !word.starts_with("${")) else {
        return word.to_owned();
    };
    if !has_any(word) && !has_any(&base.written) {
        return http_url::join(&base.url, word).map_or_else(|_| word.to_owned(), String::from);
    }
    let mut names = Vec::new();
    let [base_marked, word_marked] = [&base.written, word].map(|text| mark(text, &mut names));
    let joined = http_url::parse(&base_marked).and_then(|base| http_url::join(&base, &word_marked));
    let mut text = joined.map_or_else(|_| word.to_owned(), String::from);
    for (index, name) in names.iter().enumerate() {
        text = text.replace(&marker(index), name);
    }
    text
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
