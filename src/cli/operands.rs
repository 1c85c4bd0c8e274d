//! The operands: URL, list file or standard input, and what to say of one that is nothing of the kind.
//!
//! Knows how a URL begins and whether a file is there. Refuses to read a list or to judge a URL (`list`, `plan`).

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::value::shown;
use super::{Environment, UsageError};
use crate::config::Operand;
use crate::request::is_loopback_host;

/// How a call looks, for those who typed nothing else.
const SHORT_USAGE: &str = "\
nothing to fetch: name URLs or list files, or pipe a list in
  greenfetch urls.txt                     one line per URL, as each finishes
  greenfetch https://example.com/ -       a URL, and a list on standard input
  greenfetch demo                         on a built-in loopback origin
'greenfetch -h' lists the options.";

/// Endings that a name has more often as a file than as a host, though some are top-level domains too.
const FILE_ENDINGS: [&str; 14] =
    ["cfg", "conf", "csv", "gz", "html", "json", "list", "log", "lst", "md", "txt", "urls", "xml", "zip"];

/// What to fetch, in the order given; every operand that is nothing is complained of.
pub(super) fn operands(
    typed: &[OsString],
    json: bool,
    env: &Environment,
) -> Result<Vec<Operand>, UsageError> {
    if typed.is_empty() {
        return without_operand(env);
    }
    let (good, bad): (Vec<_>, Vec<_>) = typed.iter().map(|text| operand(text, json)).partition(Result::is_ok);
    let complaints: Vec<String> = bad.into_iter().filter_map(Result::err).collect();
    if !complaints.is_empty() {
        return Err(UsageError(complaints.join("\ngreenfetch: ")));
    }
    let good: Vec<Operand> = good.into_iter().flatten().collect();
    match good.iter().filter(|operand| **operand == Operand::Stdin).count() {
        0 | 1 => Ok(good),
        _ => Err(UsageError("-: standard input can be read only once".to_owned())),
    }
}

fn without_operand(env: &Environment) -> Result<Vec<Operand>, UsageError> {
    if env.stdin_is_terminal { Err(UsageError(SHORT_USAGE.to_owned())) } else { Ok(vec![Operand::Stdin]) }
}

fn operand(typed: &OsStr, json: bool) -> Result<Operand, String> {
    if typed == "-" {
        return Ok(Operand::Stdin);
    }
    if begins_with_scheme(typed) {
        let url = typed.to_str().ok_or_else(|| format!("{}: the URL is not UTF-8", shown_path(typed)))?;
        return Ok(Operand::Url(url.to_owned()));
    }
    match check_readable(Path::new(typed)) {
        Ok(()) => Ok(Operand::File(PathBuf::from(typed))),
        Err(why) => Err(no_file(typed, &why, json)),
    }
}

/// `scheme://` with a scheme as RFC 3986 §3.1 has it, so that `C:\urls.txt` is a file.
fn begins_with_scheme(typed: &OsStr) -> bool {
    let bytes = typed.as_encoded_bytes();
    let end = bytes.windows(3).position(|three| three == b"://").unwrap_or(0);
    let scheme = &bytes[..end];
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
}

/// Whether a file is there and may be read. Only a regular one is opened: opening a FIFO would wait for its writer, or
/// leave that without a reader.
pub(super) fn check_readable(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| reason(&error))?;
    if metadata.is_dir() {
        return Err("is a directory".to_owned());
    }
    if metadata.is_file() {
        File::open(path).map_err(|error| reason(&error))?;
    }
    Ok(())
}

/// An error of the system in words, without its number.
pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// A path as it may be shown.
pub(super) fn shown_path(path: &OsStr) -> String {
    shown(&path.to_string_lossy())
}

fn no_file(typed: &OsStr, why: &str, json: bool) -> String {
    let name = shown_path(typed);
    if typed.is_empty() {
        return "an operand is empty; '-' is standard input".to_owned();
    }
    if json && (name.starts_with('{') || name.starts_with('[')) {
        return format!("--json: {}", super::habits::JSON_TAKES_NO_BODY);
    }
    match typed.to_str().and_then(scheme_of_host).filter(|_| why == "no such file") {
        Some(scheme) => format!("{name}: {why}; a URL is written {scheme}://{name}"),
        None => format!("{name}: {why}"),
    }
}

/// `http` for what looks like the loopback, `https` for what looks like another host, `None` for what does not.
fn scheme_of_host(typed: &str) -> Option<&'static str> {
    let end = typed.find(['/', '?', '#']).unwrap_or(typed.len());
    let (authority, rest) = typed.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, Some(port)),
        _ => (authority, None),
    };
    if is_loopback_host(host) {
        return Some("http");
    }
    let is_bare = rest.is_empty() && port.is_none();
    (is_address(host) || is_name(host, is_bare)).then_some("https")
}

fn is_address(host: &str) -> bool {
    matches!(url::Host::parse(host), Ok(url::Host::Ipv4(_)) if host.contains('.'))
        || matches!(url::Host::parse(host), Ok(url::Host::Ipv6(_)))
}

/// At least two labels, the last of letters; a bare one must not end as files do.
fn is_name(host: &str, is_bare: bool) -> bool {
    let Some((_, last)) = host.rsplit_once('.') else { return false };
    let labels_are_good = host
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let ends_as_file = is_bare && FILE_ENDINGS.contains(&last.to_ascii_lowercase().as_str());
    labels_are_good && last.len() > 1 && last.starts_with(char::is_alphabetic) && !ends_as_file
}

#[cfg(test)]
mod tests {
    use super::super::testing::surrounded;
    use super::*;

    fn read(terminal: bool, typed: &[&str]) -> Result<Vec<Operand>, String> {
        let typed: Vec<OsString> = typed.iter().map(Into::into).collect();
        surrounded(terminal, &[], |env| operands(&typed, false, env)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_operand_is_a_url_a_file_or_standard_input() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("C:\\urls.txt");
        fs::write(&list, "http://a/").unwrap();
        let found = read(true, &["ftp://x", "a+b-1.c://", list.to_str().unwrap(), "-"]);
        let url = |text: &str| Operand::Url(text.to_owned());
        let expected = vec![url("ftp://x"), url("a+b-1.c://"), Operand::File(list), Operand::Stdin];
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn without_an_operand_standard_input_is_read_unless_somebody_would_have_to_type_it() {
        assert_eq!(read(false, &[]), Ok(vec![Operand::Stdin]));
        let complaint = read(true, &[]).unwrap_err();
        assert!(
            complaint.starts_with("greenfetch: nothing to fetch") && complaint.contains("greenfetch demo")
        );
    }

    #[test]
    fn what_is_no_file_is_named_with_all_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        let expected = format!("greenfetch: {folder}: is a directory\ngreenfetch: no/such: no such file");
        assert_eq!(read(true, &["http://good/", folder, "no/such"]), Err(expected));
        assert!(read(true, &["-", "-"]).unwrap_err().contains("only once"));
        assert!(read(true, &[""]).unwrap_err().contains("empty"));
        assert_eq!(read(true, &["a\x1b[2J\n"]).unwrap_err(), "greenfetch: a\\x1b[2J\\x0a: no such file");
    }

    #[test]
    fn a_missing_file_that_looks_like_a_host_gets_its_scheme() {
        let hosts = [
            "example.com",
            "example.com/path",
            "a.example:8080/x",
            "192.0.2.1",
            "bücher.example?q",
            "evil.zip/x",
        ];
        for host in hosts {
            assert_eq!(scheme_of_host(host), Some("https"), "{host}");
        }
        for loopback in ["localhost:8080", "127.0.0.1:80", "localhost", "app.localhost/x", "[::1]:80"] {
            assert_eq!(scheme_of_host(loopback), Some("http"), "{loopback}");
        }
        for file in [
            "urls.txt",
            "urls",
            "lists/urls.txt",
            "./demo",
            "../a.b",
            "1",
            "a..b",
            "",
            ":",
            "C:\\urls.txt",
            ".x",
        ] {
            assert_eq!(scheme_of_host(file), None, "{file}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_may_be_any_bytes_but_a_url_may_not() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join(OsStr::from_bytes(b"\xff.txt"));
        fs::write(&list, "").unwrap();
        assert_eq!(operand(list.as_os_str(), false), Ok(Operand::File(list.clone())));
        assert!(operand(OsStr::from_bytes(b"http://\xff/"), false).unwrap_err().contains("not UTF-8"));
    }
}
