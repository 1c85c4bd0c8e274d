//! What hands that know curl, wget or aria2 type: options of theirs that we have not, and what to do instead.
//!
//! Knows other programs' options. Refuses to accept any of them: those that do no harm are in `args`.
//! A hint says what is true of this version, never what is planned.

/// Options of others that mean the same, and one sentence for all of them.
struct Habit {
    options: &'static [&'static str],
    hint: &'static str,
}

/// `--json DATA` is curl's; ours takes none.
pub(super) const JSON_TAKES_NO_BODY: &str =
    "prints records and takes no value; to send JSON write -d TEXT -H 'Content-Type: application/json'";

/// What to do instead of an option that we have not; `None` for one that nobody has.
pub(super) fn hint(option: &str) -> Option<&'static str> {
    HABITS.iter().find(|habit| habit.options.contains(&option)).map(|habit| habit.hint)
}

const fn habit(options: &'static [&'static str], hint: &'static str) -> Habit {
    Habit { options, hint }
}

#[rustfmt::skip] // A table: a habit on one line or two.
const HABITS: &[Habit] = &[
    // Where things go.
    habit(&["-o", "-O", "-J", "--output", "--output-document", "--remote-name", "--remote-name-all", "--remote-header-name", "--out"],
        "write --output-dir DIR, which saves every body as ORDINAL-HOST-PATH; without it they are counted and discarded"),
    habit(&["-P", "--directory-prefix", "--dir"], "write --output-dir DIR"),
    habit(&["--create-dirs"], "leave it out: --output-dir makes its folder"),
    habit(&["-w", "--write-out"],
        "there is no format of one's own; --json has every figure under curl's names, such as response_code and time_total"),
    habit(&["-i", "--input-file", "--include", "--show-headers", "--server-response"],
        "a list is an operand (greenfetch FILE); --json --headers has response headers, -vv shows them"),
    habit(&["-D", "--dump-header"], "write --json --headers; -vv shows requests and response headers on standard error"),
    habit(&["--trace", "--trace-ascii", "--trace-time", "--stderr"],
        "not in this version; -vv shows requests and response headers on standard error"),
    habit(&["-#", "--progress-bar", "--show-progress", "-N", "--no-buffer", "--line-buffered"],
        "leave it out: lines are written as URLs finish, with a bar on a terminal"),
    habit(&["--no-verbose"], "-q leaves the summary out, -qq everything"),
    // How a request is made.
    habit(&["--data-urlencode", "--url-query", "-G", "--get"],
        "there is no encoding of data; write it encoded, with -d or after ? in the URL"),
    habit(&["--data-raw", "--data-ascii", "--post-data", "--body-data", "--data-binary", "--post-file", "--body-file"],
        "write -d TEXT or -d @FILE (which leaves line ends out)"),
    habit(&["-F", "--form", "--form-string"],
        "there are no multipart forms; -d sends a form of NAME=VALUE joined by &"),
    habit(&["-T", "--upload-file"],
        "no file is uploaded as it is; -X PUT -d @FILE sends one without its line ends (wget's -T is --max-time)"),
    habit(&["-b", "--cookie", "--load-cookies"], "write -H 'Cookie: NAME=VALUE'; cookies are not kept between requests"),
    habit(&["-c", "--cookie-jar", "--save-cookies", "--keep-session-cookies"],
        "cookies are not kept, and no body is continued: each is fetched whole"),
    habit(&["-C", "--continue", "--continue-at"], "no body is continued: each is fetched whole"),
    habit(&["-e", "--referer"], "write -H 'Referer: URL'"),
    habit(&["-r", "--range", "--recursive", "--mirror"],
        "for a part of a body write -H 'Range: bytes=0-99'; links are not followed"),
    habit(&["-z", "--time-cond"], "write -H 'If-Modified-Since: DATE'"),
    habit(&["--compression", "--http-accept-gzip"], "write --compressed"),
    habit(&["--http0.9", "--http1.0", "-0", "--http1.1", "--http2", "--http2-prior-knowledge", "--http3", "--http3-only"],
        "HTTP/1.1 is all there is; leave it out"),
    habit(&["-n", "--netrc", "--netrc-file", "--netrc-optional"],
        "not in this version; write -u USER:PASS (of wget's -n… options there is only -nv, our -q)"),
    habit(&["--http-user", "--http-password", "--http-passwd", "--password"], "write -u USER:PASS"),
    habit(&["--oauth2-bearer"], "write -H 'Authorization: Bearer TOKEN'"),
    habit(&["--basic", "--auth-no-challenge"], "leave it out: -u is basic authentication, sent at once"),
    habit(&["--digest", "--ntlm", "--negotiate", "--anyauth"], "-u is basic authentication; there is no other"),
    habit(&["--spider"], "write -I, which asks for heads only"),
    habit(&["--max-redirect"], "write --max-redirs N"),
    habit(&["--location-trusted"], "there is none: credentials never follow a redirect to another host"),
    habit(&["--fail-with-body"], "leave it out: a status from 400 on is a failure, and bodies are never shown"),
    habit(&["--url"], "leave it out: a URL is an operand"),
    // How a server is reached.
    habit(&["--socks4", "--socks4a", "--socks5", "--socks5-hostname", "--preproxy", "--all-proxy", "--http-proxy", "--https-proxy"],
        "only HTTP proxies are spoken to: write -x http://HOST:PORT (--proxy)"),
    habit(&["--no-proxy"], "write -x '' to use none, or --noproxy LIST"),
    habit(&["--proxytunnel", "-p"], "leave it out: https goes through a tunnel, and http is asked of the proxy"),
    habit(&["--proxy-user", "-U"], "write -x http://USER:PASS@HOST:PORT (wget's -U is -A TEXT)"),
    habit(&["--proxy-header"], "there is none: to a proxy go its credentials alone, and what an http request has"),
    habit(&["--tlsv1.0", "--tlsv1.1", "--tlsv1", "-1"], "TLS 1.3 and 1.2 are offered, nothing older; leave it out"),
    habit(&["--tls-max", "--ciphers", "--secure-protocol"], "there is none: TLS 1.3 and 1.2 are offered, with the suites that are safe"),
    habit(&["--cert-type", "--key-type"], "leave it out: certificates and keys are PEM"),
    habit(&["--pass"], "there is none: take the password off the key with openssl"),
    habit(&["--certificate"], "write --cert FILE"),
    habit(&["--private-key"], "write --key FILE"),
    habit(&["--no-check-certificate", "--check-certificate"], "write -k, which does not verify certificates"),
    habit(&["--capath", "--ca-certificate", "--ca-directory"], "write --cacert FILE, or set SSL_CERT_DIR to a folder"),
    habit(&["--abstract-unix-socket", "--interface", "--bind-address", "--local-port",
            "--dns-servers", "--doh-url"],
        "not in this version; --resolve HOST:PORT:ADDR chooses the addresses of a name"),
    habit(&["--inet4-only"], "write -4"),
    habit(&["--inet6-only"], "write -6"),
    // How long, how much, how often.
    habit(&["-t", "--tries", "--max-tries"], "write --retry N, the tries after the first"),
    habit(&["--waitretry", "--retry-wait"], "write --retry-delay D"),
    habit(&["--retry-connrefused"], "leave it out: --retry tries a refused connection again"),
    habit(&["--retry-all-errors", "--retry-on-http-error"], "write --retry-on LIST, which has statuses and kinds of failure"),
    habit(&["--timeout"], "write -m D (--max-time) for one URL, --connect-timeout D, or --stall D"),
    habit(&["--read-timeout"], "write --stall D"),
    habit(&["--dns-timeout"], "names count in --connect-timeout and -m (--max-time)"),
    habit(&["--limit-rate", "--max-download-limit", "--max-overall-download-limit"],
        "bytes per second are not limited; --rate N/s limits starts"),
    habit(&["-y", "-Y", "--speed-time", "--speed-limit", "--lowest-speed-limit"],
        "there is no least speed; --stall D ends a response that stands still"),
    habit(&["--wait", "--random-wait"], "write --rate N/s or N/m"),
    habit(&["--max-concurrent", "--max-concurrent-downloads", "--concurrency", "--threads", "--workers"],
        "write -j N (--jobs)"),
    habit(&["--max-connection-per-server", "--max-host-connections", "--split"], "write --per-host N"),
    habit(&["--parallel-immediate"], "leave it out: each URL starts as soon as the limits let it"),
    // The run.
    habit(&["-K", "--config", "--conf-path", "--disable", "--no-config", "--no-conf"],
        "there is no configuration file: all that counts is on the command line"),
];

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::args::Args;
    use super::*;

    /// The options of a text, as a person who follows it would type them.
    fn options(text: &str) -> impl Iterator<Item = &str> {
        text.split([' ', ',', ';', ':', '(', ')', '.']).filter(|word| word.starts_with('-'))
    }

    fn takes(option: &str) -> bool {
        let command = Args::command();
        let all = command.get_arguments();
        let is = |arg: &clap::Arg| match option.strip_prefix("--") {
            Some(long) => {
                arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|all| all.contains(&long))
            }
            None => option
                .strip_prefix('-')
                .is_some_and(|short| arg.get_short().map(String::from).as_deref() == Some(short)),
        };
        all.into_iter().any(is)
    }

    #[test]
    fn a_hint_is_only_about_what_we_have_not_and_each_option_has_one() {
        let mut seen = std::collections::HashSet::new();
        for option in HABITS.iter().flat_map(|habit| habit.options) {
            assert!(!takes(option), "{option} is ours");
            assert!(seen.insert(option), "{option} has two hints");
        }
    }

    #[test]
    fn a_hint_names_only_options_that_we_have() {
        // Theirs, named for comparison.
        let theirs = ["-o", "-n…", "-nv", "-T", "-x", "-U", "-"];
        for habit in HABITS {
            for option in options(habit.hint).filter(|option| !theirs.contains(option)) {
                assert!(takes(option) || ["-vv", "-qq"].contains(&option), "{}: {option}", habit.hint);
            }
        }
    }

    #[test]
    fn what_nobody_has_gets_no_hint() {
        assert_eq!(hint("--josb"), None);
        assert_eq!(hint(""), None);
    }
}
