//! Secrets that became known while a list was read, and texts without them.
//!
//! Knows values, also as a URL spells them, and the names that they had. Refuses to know where they are sent.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use url::form_urlencoded;

use super::MASK;

/// A shorter value would be found in everything.
const LEAST_CHARS: usize = 6;

/// Values that nobody may see, shared by whoever reads them and whoever shows anything. Costs one look at a flag while
/// there are none.
#[derive(Default)]
pub struct Masks {
    has_some: AtomicBool,
    hidden: RwLock<Arc<[Hidden]>>,
}

#[derive(Clone)]
struct Hidden {
    /// The value as it was given: it is hidden once.
    value: Box<str>,
    name: Box<str>,
    /// The value and its spellings, none empty.
    spellings: Box<[Box<str>]>,
}

impl Masks {
    /// Hides the value of a variable from now on; one of fewer than six characters is not hidden.
    pub fn hide(&self, value: &str, name: &str) {
        if value.chars().count() < LEAST_CHARS || self.all().iter().any(|hidden| &*hidden.value == value) {
            return;
        }
        let mut hidden = self.hidden.write().unwrap_or_else(PoisonError::into_inner);
        let new = Hidden { value: value.into(), name: name.into(), spellings: spellings(value) };
        let mut all: Vec<Hidden> = hidden.iter().cloned().chain([new]).collect();
        // One may be in another: the longest is looked for first.
        all.sort_by_key(|hidden| std::cmp::Reverse(hidden.value.len()));
        *hidden = all.into();
        self.has_some.store(true, Ordering::Release);
    }

    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        !self.has_some.load(Ordering::Acquire)
    }

    /// The text with every hidden value replaced by `***`.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.replace(text, |_| MASK.to_owned())
    }

    /// The text with every hidden value replaced by the variable that had it, `${NAME}`.
    pub fn name<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.replace(text, |hidden| format!("${{{}}}", hidden.name))
    }

    fn replace<'a>(&self, text: &'a str, instead: impl Fn(&Hidden) -> String) -> Cow<'a, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut text = Cow::Borrowed(text);
        for hidden in &*self.all() {
            for spelling in
                hidden.spellings.iter().filter(|spelling| text.contains(&***spelling)).collect::<Vec<_>>()
            {
                text = Cow::Owned(text.replace(&**spelling, &instead(hidden)));
            }
        }
        text
    }

    fn all(&self) -> Arc<[Hidden]> {
        Arc::clone(&self.hidden.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// As it is, as a form and as a URL has it, as JSON, a shell and a terminal are shown it.
fn spellings(value: &str) -> Box<[Box<str>]> {
    let form: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let percent = form.replace('+', "%20");
    let in_url = |place: fn(&mut url::Url, &str), read: fn(&url::Url) -> Option<&str>| {
        let mut url = url::Url::parse("http://a/").ok()?;
        place(&mut url, value);
        read(&url).map(str::to_owned)
    };
    let query = in_url(|url, value| url.set_query(Some(value)), |url| url.query());
    let path = in_url(|url, value| url.set_path(value), |url| url.path().strip_prefix('/'));
    let escaped = super::escape(value).into_owned();
    let json = value.replace('\\', "\\\\").replace('"', "\\\"");
    let shell = value.replace('\'', "'\\''");
    let mut all: Vec<Box<str>> = [
        Some(value.to_owned()),
        query,
        path,
        Some(form),
        Some(percent),
        Some(escaped),
        Some(json),
        Some(shell),
    ]
    .into_iter()
    .flatten()
    .filter(|spelling| spelling.chars().count() >= LEAST_CHARS)
    .map(Into::into)
    .collect();
    all.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
    all.dedup();
    all.into()
}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Masks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_value_is_found_in_each_of_its_spellings() {
        let masks = Masks::default();
        assert!(masks.is_empty());
        assert!(matches!(masks.mask("p@ss w\"rd"), Cow::Borrowed(_)));
        masks.hide("p@ss w\"rd", "PASS");
        for text in ["p@ss w\"rd", "p%40ss+w%22rd", "p%40ss%20w%22rd", "p@ss%20w%22rd", "p@ss w\\\"rd"] {
            assert_eq!(masks.mask(&format!("<{text}>")), "<***>", "{text}");
        }
        assert_eq!(masks.name("a p@ss w\"rd"), "a ${PASS}");
    }

    #[test]
    fn short_values_are_not_hidden_and_the_longest_goes_first() {
        let masks = Masks::default();
        masks.hide("short", "A");
        assert!(masks.is_empty());
        masks.hide("secret", "A");
        masks.hide("secretary", "B");
        masks.hide("secretary", "C");
        assert_eq!(masks.name("secret secretary"), "${A} ${B}");
        assert_eq!(format!("{masks:?}"), "Masks");
    }
}
