//! The URL of a request, of which neighbours in a list share all that stands before the path.
//!
//! Knows which paths go over the wire as they are written, so that nobody has to parse them. Refuses to read any other:
//! that is the url crate's.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use url::{Position, Url};

/// http or https, with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The URL, or one that differs from it by path and query alone.
    shared: Arc<Url>,
    /// Path and query; `None` where they are those of `shared`.
    path: Option<Box<str>>,
}

impl From<Url> for Target {
    fn from(url: Url) -> Target {
        Target::from(Arc::new(url))
    }
}

impl From<Arc<Url>> for Target {
    fn from(shared: Arc<Url>) -> Target {
        Target { shared, path: None }
    }
}

impl Target {
    /// Another path, query included, at the same place. `None` where that has to be parsed, or has a user's name in it.
    ///
    /// By RFC 3986 §5.2 (and WHATWG's "path absolute" state) a path that begins with one slash replaces path and query
    /// and leaves the rest alone.
    pub fn beside(shared: &Arc<Url>, path: &str) -> Option<Target> {
        let is_free = shared.username().is_empty() && shared.password().is_none();
        (is_free && is_settled(path)).then(|| Target { shared: Arc::clone(shared), path: Some(path.into()) })
    }

    /// The whole of it.
    pub fn url(&self) -> Cow<'_, Url> {
        match &self.path {
            None => Cow::Borrowed(&self.shared),
            Some(path) => Cow::Owned(self.shared.join(path).unwrap_or_else(|_| Url::clone(&self.shared))),
        }
    }

    /// The whole of it as text.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.path {
            None => Cow::Borrowed(self.shared.as_str()),
            Some(path) => Cow::Owned([self.origin(), path].concat()),
        }
    }

    /// A URL with the same scheme, host and port; no more may be read off it.
    pub fn place(&self) -> &Url {
        &self.shared
    }

    /// Scheme, host and port as text, and a user's name if there is one.
    pub fn origin(&self) -> &str {
        &self.shared[..Position::BeforePath]
    }

    /// What a request line has: path and query.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or(&self.shared[Position::BeforePath..Position::AfterQuery])
    }

    /// Whether the path goes over the wire as it stands, whoever writes it.
    pub fn is_plain(&self) -> bool {
        self.path.is_some() || is_plain(self.path())
    }

    /// Without a user's name and password, and without a fragment.
    #[must_use]
    pub fn bare(mut self) -> Target {
        if self.path.is_none() {
            let url = &*self.shared;
            // Parsing again is what taking them out costs.
            let has_user = !url.username().is_empty() || url.password().is_some();
            if has_user || url.fragment().is_some() {
                let url = Arc::make_mut(&mut self.shared);
                url.set_fragment(None);
                if has_user {
                    // They cannot fail for a URL with a host.
                    let _ = url.set_username("");
                    let _ = url.set_password(None);
                }
            }
        }
        self
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// RFC 3986's characters for path and query.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        plain[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-._~%!$&'()*+,;=:@/?";
    let mut mark = 0;
    while mark < marks.len() {
        plain[marks[mark] as usize] = true;
        mark += 1;
    }
    plain
};

fn is_plain(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| PLAIN[usize::from(byte)])
}

/// Whether parsing would leave a path, query included, as it is: nothing to be escaped (WHATWG escapes `'` in a query),
/// and no segment that could be one of dots. One that begins with two slashes would name a host.
fn is_settled(path: &str) -> bool {
    let mut before = 0;
    path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| {
            let begins_with_dot = before == b'/' && matches!(byte, b'.' | b'%');
            before = byte;
            PLAIN[usize::from(byte)] && byte != b'\'' && !begins_with_dot
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_beside_is_what_parsing_makes_of_it(
            place in "https?://(u@)?(a|\\[::1\\]|127\\.0\\.0\\.1)(:8080)?(/(x\\?y#z)?)?",
            path in "/?[/a.?%2eE'|^#&=~ \\\\\t\u{e4}:@-]{0,8}",
        ) {
            let shared = Arc::new(Url::parse(&place).unwrap());
            if let Some(target) = Target::beside(&shared, &path) {
                let parsed = Url::parse(&format!("{}{path}", target.origin())).unwrap();
                prop_assert_eq!(target.url().into_owned(), parsed.clone());
                prop_assert_eq!(target.text(), parsed.as_str());
                let whole = Target::from(parsed);
                prop_assert_eq!((target.origin(), target.path()), (whole.origin(), whole.path()));
                prop_assert!(whole.is_plain());
            }
        }
    }

    #[test]
    fn usual_paths_stand_beside_and_odd_ones_are_parsed() {
        let shared = Arc::new(Url::parse("http://a:81/x?y#z").unwrap());
        for path in ["/", "/a/b.html?x=1&y=%20", "/~a/(b)", "/a//b/"] {
            let target = Target::beside(&shared, path).expect(path);
            assert_eq!((target.path(), &*target.text()), (path, &*format!("http://a:81{path}")));
        }
        for path in
            ["", "x", "?x", "//b/", "/../b", "/a/%2e%2E", "/.well-known", "/?'", "/a b", "/\u{e4}", "/x#y"]
        {
            assert_eq!(Target::beside(&shared, path), None, "{path}");
        }
        let user = Arc::new(Url::parse("http://u:p@a/").unwrap());
        assert_eq!(Target::beside(&user, "/"), None);
    }

    #[test]
    fn only_paths_that_nobody_rewrites_are_plain() {
        for plain in ["/", "/a/b.html?x=1&y=%20", "/~a/(b)"] {
            assert!(is_plain(plain), "{plain}");
        }
        for odd in ["", "x", "/a|b", "/a\"b", "/\u{e4}", "/a b", "/a\r\nb", "/[x]", "/^", "/\\"] {
            assert!(!is_plain(odd), "{odd}");
        }
    }

    #[test]
    fn what_is_bare_names_nobody_and_no_fragment() {
        for (url, bare) in [
            ("https://a.example/x#y", "https://a.example/x"),
            ("http://u:p@a/?q", "http://a/?q"),
            ("http://u@a/", "http://a/"),
            ("http://a/", "http://a/"),
        ] {
            let target = Target::from(Url::parse(url).unwrap()).bare();
            assert_eq!((target.text(), target.url().as_str()), (bare.into(), bare));
        }
    }
}
