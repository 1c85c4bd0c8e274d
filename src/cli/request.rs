//! `-X -H -d -I -u -A` and the files they name become what every request is like.
//!
//! Knows curl's ways with headers and data. Refuses to know the HTTP that comes of them.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;

use super::UsageError;
use super::args::RequestArgs;
use super::operands::{reason, shown_path};
use super::value::shown;
use crate::config::RequestDefaults;
use crate::request::{HeaderEdit, Method};

/// A file of headers is read whole up to this many bytes; servers take a few KiB of headers.
const MAX_HEADER_FILE_BYTES: u64 = 1 << 20;

/// The same for a body, which lies in memory once for all requests.
const MAX_BODY_BYTES: u64 = 256 << 20;

/// Everything of the group, or the first contradiction.
pub(super) fn request(typed: RequestArgs) -> Result<RequestDefaults, UsageError> {
    let defaults = RequestDefaults::default();
    let body = body(&typed.data)?;
    Ok(RequestDefaults {
        method: method(typed.request, typed.head, body.is_some())?,
        headers: headers(&typed.header)?,
        body,
        user: typed.user,
        user_agent: typed.user_agent.unwrap_or(defaults.user_agent),
        compressed: typed.compressed,
        max_redirs: typed.max_redirs.unwrap_or(defaults.max_redirs),
    })
}

fn method(typed: Option<Method>, head: bool, has_body: bool) -> Result<Method, UsageError> {
    match (typed, head) {
        (_, true) if has_body => {
            Err(UsageError("-I asks for heads and -d sends a body: leave one out".to_owned()))
        }
        (Some(method), true) if method != Method::HEAD => {
            Err(UsageError(format!("-I asks by HEAD and -X by {method}: leave one out")))
        }
        (Some(method), _) => Ok(method),
        (None, true) => Ok(Method::HEAD),
        (None, false) => Ok(if has_body { Method::POST } else { Method::GET }),
    }
}

/// curl: several `-d` are one body, joined by `&`.
fn body(typed: &[OsString]) -> Result<Option<Vec<u8>>, UsageError> {
    if typed.is_empty() {
        return Ok(None);
    }
    let parts: Vec<Vec<u8>> = typed.iter().map(|text| body_part(text)).collect::<Result<_, _>>()?;
    Ok(Some(parts.join(&b'&')))
}

/// Bytes as they were typed; those of a file without CR, LF and NUL (curl: `--data`).
fn body_part(typed: &OsStr) -> Result<Vec<u8>, UsageError> {
    if !typed.as_encoded_bytes().starts_with(b"@") {
        return Ok(typed.as_encoded_bytes().to_vec());
    }
    let mut bytes = read_named("--data", typed, MAX_BODY_BYTES)?;
    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    Ok(bytes)
}

/// The file that a value `@FILE` names.
fn read_named(option: &str, typed: &OsStr, max_bytes: u64) -> Result<Vec<u8>, UsageError> {
    let path = typed.to_str().and_then(|text| text.strip_prefix('@'));
    let path = path.ok_or_else(|| UsageError::option(option, "the name of the file is not UTF-8"))?;
    if path == "-" {
        return Err(UsageError::option(
            option,
            "@- cannot be read, standard input is for the list; write @FILE",
        ));
    }
    let complain =
        |why: &str| UsageError::option(option, format_args!("{}: {why}", shown_path(path.as_ref())));
    let file = File::open(path).map_err(|error| complain(&reason(&error)))?;
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(|error| complain(&reason(&error)))?;
    if bytes.len() as u64 > max_bytes {
        return Err(complain(&format!("is larger than {} MiB", max_bytes >> 20)));
    }
    Ok(bytes)
}

fn headers(typed: &[String]) -> Result<Vec<HeaderEdit>, UsageError> {
    let mut edits = Vec::new();
    for text in typed {
        if text.starts_with('@') {
            edits.extend(headers_of_file(text)?);
        } else {
            edits.push(HeaderEdit::parse(text).map_err(|why| UsageError::option("--header", why))?);
        }
    }
    Ok(edits)
}

/// A header a line, LF or CRLF, blank lines skipped.
fn headers_of_file(typed: &str) -> Result<Vec<HeaderEdit>, UsageError> {
    let complain = |why: &str| UsageError::option("--header", format_args!("{}{why}", shown(&typed[1..])));
    let bytes = read_named("--header", typed.as_ref(), MAX_HEADER_FILE_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| complain(": is not UTF-8"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            HeaderEdit::parse(line).map_err(|why| complain(&format!(":{}: {why}", index + 1)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::testing::{complaint, typed};
    use super::super::{Command, DemoCommand};
    use super::*;

    fn defaults(words: &[&str]) -> RequestDefaults {
        match typed(&[&["demo"], words].concat()) {
            Ok(Command::Demo(DemoCommand::Fetch(config))) => config.request,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    fn at(path: &Path) -> String {
        format!("@{}", path.display())
    }

    #[test]
    fn nothing_typed_is_a_get_by_greenfetch() {
        assert_eq!(defaults(&[]), RequestDefaults::default());
        assert_eq!(defaults(&["-A", ""]).user_agent, "");
    }

    #[test]
    fn data_posts_and_head_heads_unless_a_method_is_typed() {
        let rows: [(&[&str], &str); 6] = [
            (&["-d", "x"], "POST"),
            (&["-d", "x", "-X", "PUT"], "PUT"),
            (&["-I"], "HEAD"),
            (&["-I", "-X", "HEAD"], "HEAD"),
            (&["--method", "DELETE"], "DELETE"),
            (&["-X", "PUT", "-X", "GET"], "GET"),
        ];
        for (words, method) in rows {
            assert_eq!(defaults(words).method.as_str(), method, "{words:?}");
        }
        assert!(complaint(&["demo", "-I", "-d", "x"]).contains("-I asks for heads and -d sends a body"));
        assert!(complaint(&["demo", "-I", "-X", "GET"]).contains("leave one out"));
        assert!(complaint(&["demo", "-X", "get"]).contains("write GET"));
    }

    #[test]
    fn several_data_are_one_body() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("body");
        std::fs::write(&file, b"c=\r\n3\n\0\xff").unwrap();
        assert_eq!(
            defaults(&["-d", "-a=1", "-d", "", "--data", &at(&file)]).body,
            Some(b"-a=1&&c=3\xff".to_vec())
        );
        assert_eq!(defaults(&["-d", ""]).body, Some(Vec::new()));
        assert!(complaint(&["demo", "-d", "@-"]).contains("standard input is for the list"));
        assert_eq!(complaint(&["demo", "-d", "@no/such"]), "greenfetch: --data: no/such: no such file");
        assert!(complaint(&["demo", "-d", &at(folder.path())]).contains("directory"));
    }

    #[test]
    fn a_file_of_headers_has_one_a_line_and_is_named_with_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        std::fs::write(&file, "A: 1\r\n\n  \nB;\nC:").unwrap();
        let read = defaults(&["-H", "Z: 0", "-H", &at(&file)]).headers;
        let names = read.iter().map(|edit| match edit {
            HeaderEdit::Set(name, value) => format!("{name}={}", value.expose()),
            HeaderEdit::Remove(name) => format!("-{name}"),
        });
        assert_eq!(names.collect::<Vec<_>>(), ["Z=0", "A=1", "B=", "-C"]);

        let fails = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            complaint(&["demo", "-H", &at(&file)])
        };
        assert!(
            fails(b"A: 1\nB: secret\x01\n")
                .ends_with("headers:2: B: a header's value cannot have the control character '\\u{1}'")
        );
        assert!(fails(b"A: \xff").ends_with("is not UTF-8"));
        assert!(fails(&vec![b'x'; (1 << 20) + 1]).ends_with("is larger than 1 MiB"));
        assert_eq!(complaint(&["demo", "-H", "@no/such"]), "greenfetch: --header: no/such: no such file");
    }
}
