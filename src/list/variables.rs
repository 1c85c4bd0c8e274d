//! `${NAME}`: variables of the environment in a list (pure).
//!
//! Knows how they are written, and which of their values are secrets. Refuses to know where values come from: it is
//! given a look-up.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use memchr::memchr;

use crate::sanitize::Masks;

/// What a variable is set to; `None` when it is not set.
pub type LookUp = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// The variables that a list may name, and the secrets that came out of them.
#[derive(Clone)]
pub struct Variables {
    look_up: LookUp,
    masks: Arc<Masks>,
}

impl Variables {
    /// Variables looked up by this; what has to be hidden from then on is added to the masks.
    pub fn new(look_up: LookUp, masks: Arc<Masks>) -> Variables {
        Variables { look_up, masks }
    }

    /// What may not be shown.
    pub(super) fn masks(&self) -> &Masks {
        &self.masks
    }
}

impl Default for Variables {
    fn default() -> Variables {
        Variables::new(Arc::new(|_| None), Arc::default())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables")
    }
}

/// What a text with variables in it came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded<'a> {
    pub(super) text: Cow<'a, str>,
    /// Whether there was a variable in it.
    pub(super) has_variables: bool,
}

/// What is wrong with a `${`, and what to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unexpanded {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Whether there is anything to expand.
pub(super) fn has_any(text: &str) -> bool {
    memchr(b'$', text.as_bytes()).is_some() && text.contains("${")
}

/// Puts the values of variables in. With `hides_all` every value is a secret, as in a header or a body; else those whose
/// names say so. `trusts` is whether variables are taken at all.
pub(super) fn expand<'a>(
    text: &'a str,
    variables: &Variables,
    hides_all: bool,
    trusts: bool,
) -> Result<Expanded<'a>, Unexpanded> {
    if !has_any(text) {
        return Ok(Expanded { text: Cow::Borrowed(text), has_variables: false });
    }
    let (mut expanded, mut has_variables) = (String::with_capacity(text.len() + 32), false);
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            // `$${` is a plain `${`.
            expanded.push_str(&rest[..at - 1]);
            expanded.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        expanded.push_str(&rest[..at]);
        if !trusts {
            return Err(untrusted());
        }
        let (name, behind) = name(&rest[at..])?;
        let value = variables.value(name)?;
        if hides_all || is_telling(name) {
            variables.masks.hide(&value, name);
        }
        expanded.push_str(&value);
        has_variables = true;
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(Expanded { text: Cow::Owned(expanded), has_variables })
}

fn untrusted() -> Unexpanded {
    Unexpanded {
        message: "a list from standard input may not name variables".to_owned(),
        hint: Some("give --trust-stdin if you know who wrote it; $${ is a plain ${".to_owned()),
    }
}

/// The name in `${NAME}`, and what is behind it.
fn name(text: &str) -> Result<(&str, &str), Unexpanded> {
    let wrong =
        |message: String| Unexpanded { message, hint: Some("write ${NAME}; $${ is a plain ${".to_owned()) };
    let end = text.find('}').ok_or_else(|| wrong("${ without its }".to_owned()))?;
    let name = &text[2..end];
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if is_name {
        Ok((name, &text[end + 1..]))
    } else {
        Err(wrong(format!("'{name}' is no name of a variable")))
    }
}

impl Variables {
    fn value(&self, name: &str) -> Result<String, Unexpanded> {
        let wrong = |message: String| Unexpanded { message, hint: None };
        let value = (self.look_up)(name).ok_or_else(|| wrong(format!("the variable {name} is not set")))?;
        value.into_string().map_err(|_| wrong(format!("the value of the variable {name} is not UTF-8")))
    }
}

/// Whether a name says that its value is a secret.
fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["TOKEN", "SECRET", "PASS", "KEY"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let look_up = |name: &str| match name {
            "A" => Some("alpha".into()),
            "EMPTY" => Some(OsString::new()),
            "API_TOKEN" => Some("hunter2hunter2".into()),
            _ => None,
        };
        Variables::new(Arc::new(look_up), Arc::default())
    }

    fn expanded(text: &str) -> Result<String, String> {
        match expand(text, &variables(), false, true) {
            Ok(expanded) => Ok(expanded.text.into_owned()),
            Err(unexpanded) => Err(unexpanded.message),
        }
    }

    #[test]
    fn variables_are_put_in_and_doubled_dollars_are_plain() {
        for (text, expected) in [
            ("", ""),
            ("a$b$", "a$b$"),
            ("${A}", "alpha"),
            ("x${A}y${A}", "xalphayalpha"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("[${EMPTY}]", "[]"),
            ("$${ ${A}", "${ alpha"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_put_in_says_why() {
        for (text, expected) in [
            ("${B}", "the variable B is not set"),
            ("${A", "${ without its }"),
            ("${}", "'' is no name of a variable"),
            ("${A-b}", "'A-b' is no name of a variable"),
            ("${1}", "'1' is no name of a variable"),
        ] {
            assert_eq!(expanded(text), Err(expected.to_owned()), "{text}");
        }
        assert!(
            expand("${A}", &variables(), false, false)
                .is_err_and(|wrong| wrong.message.contains("standard input"))
        );
        assert!(expand("$${A}", &variables(), false, false).is_ok());
    }

    #[test]
    fn values_that_are_secrets_are_hidden_from_then_on() {
        let variables = variables();
        expand("${A}${API_TOKEN}", &variables, false, true).unwrap();
        assert_eq!(variables.masks.mask("alpha hunter2hunter2"), "alpha ***");
    }
}
