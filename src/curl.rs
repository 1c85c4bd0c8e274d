//! A request as a curl command that does the same, to be pasted into a shell (pure).
//!
//! Knows curl's options and how a shell reads words. Refuses to show a secret: who pastes it puts it in again.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::config::{Config, ConnectTo, Connection, Family};
use crate::request::{Header, Request};
use crate::sanitize::{MASK, is_secret_header, is_unsafe};

/// What all commands of a run have in common.
#[derive(Debug, Clone)]
pub struct Curl {
    connection: Connection,
    user_agent: String,
}

impl Curl {
    /// What the command line says of every request.
    pub fn new(config: &Config) -> Curl {
        Curl { connection: config.connection.clone(), user_agent: config.request.user_agent.clone() }
    }

    /// One line without its end. A body comes by standard input: it may hold secrets, or anything.
    pub fn command(&self, request: &Request) -> String {
        let mut line = Line("curl".to_owned());
        method(request, &mut line);
        for header in request.headers.iter() {
            line.option("-H", &shown(header));
        }
        if !request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("user-agent")) {
            line.option("-A", &self.user_agent);
        }
        if request.compressed {
            line.push("--compressed");
        }
        limits(request, &mut line);
        self.connection(request, &mut line);
        // What curl would take for a pattern.
        let url = request.url.text();
        if url.contains(['[', ']', '{', '}']) {
            line.push("-g");
        }
        line.push(&url);
        line.0
    }

    fn connection(&self, request: &Request, line: &mut Line) {
        if request.insecure {
            line.push("-k");
        }
        for resolve in request.resolve.iter() {
            let addrs: Vec<String> = resolve.addrs.iter().map(ToString::to_string).collect();
            line.option("--resolve", &format!("{}:{}:{}", resolve.host, resolve.port, addrs.join(",")));
        }
        let ours = &self.connection;
        ours.connect_to.iter().for_each(|elsewhere| line.option("--connect-to", &connect_to(elsewhere)));
        match ours.family {
            Family::Any => {}
            Family::V4 => line.push("-4"),
            Family::V6 => line.push("-6"),
        }
        let files = [
            ("--unix-socket", &ours.unix_socket),
            ("--cacert", &ours.cacert),
            ("--cert", &ours.cert),
            ("--key", &ours.key),
        ];
        for (option, path) in files {
            path.iter().for_each(|path| line.path(option, path));
        }
        let proxies = &ours.proxies;
        let proxy = if request.url.place().scheme() == "https" { &proxies.https } else { &proxies.http };
        if let Some(proxy) = proxy.as_ref().filter(|_| ours.unix_socket.is_none()) {
            line.option("-x", &format!("http://{proxy}"));
            if !proxies.none_for.is_empty() {
                line.option("--noproxy", &proxies.none_for);
            }
        }
        if ours.tls13_only {
            line.push("--tlsv1.3");
        }
    }
}

/// `-X` only where curl would choose another by itself.
fn method(request: &Request, line: &mut Line) {
    let method = request.subject.method.as_str();
    match (method, request.body.is_some()) {
        ("GET", false) | ("POST", true) => {}
        ("HEAD", false) => line.push("-I"),
        _ => line.option("-X", method),
    }
    if request.body.is_some() {
        line.option("--data-binary", "@-");
    }
}

fn limits(request: &Request, line: &mut Line) {
    let limits = &request.limits;
    let seconds = |limit: Duration| limit.as_secs_f64().to_string();
    limits.connect_timeout.into_iter().for_each(|limit| line.option("--connect-timeout", &seconds(limit)));
    limits.max_time.into_iter().for_each(|limit| line.option("-m", &seconds(limit)));
    if limits.max_redirs > 0 {
        line.push("-L");
        line.option("--max-redirs", &limits.max_redirs.to_string());
    }
}

/// Empty is any on the left, and the URL's own on the right.
fn connect_to(elsewhere: &ConnectTo) -> String {
    let ConnectTo { host, port, to_host, to_port } = elsewhere;
    let number = |port: &Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
    let to_host = to_host.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}:{}:{to_host}:{}", host.as_deref().unwrap_or_default(), number(port), number(to_port))
}

/// `Name;` is curl's way to send one that is empty.
fn shown(header: &Header) -> String {
    let name = &header.name;
    match header.value.expose() {
        "" => format!("{name};"),
        _ if header.is_secret() || is_secret_header(name) => format!("{name}: {MASK}"),
        value => format!("{name}: {value}"),
    }
}

/// Words of a command, each quoted where it has to be.
struct Line(String);

impl Line {
    fn push(&mut self, word: &str) {
        self.0.push(' ');
        self.0.push_str(&quoted(word));
    }

    fn option(&mut self, option: &str, value: &str) {
        self.push(option);
        self.push(value);
    }

    fn path(&mut self, option: &str, path: &Path) {
        self.option(option, &path.to_string_lossy());
    }
}

/// A word as a POSIX shell reads it (POSIX XCU §2.2); `$'…'`, which bash, zsh and ksh know, where a byte of it would act
/// on a terminal.
fn quoted(word: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_bare) {
        return word.to_owned();
    }
    if !word.contains(is_unsafe) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut quoted = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            c if is_unsafe(c) => {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    // Three octal digits end by themselves, where hex ones would go on into what follows.
                    let _ = write!(quoted, "\\{byte:03o}");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::request::{Method, Secret};
    use crate::schedule::samples::request_with;

    fn command(change: impl FnOnce(&mut Request)) -> String {
        let config = Config::default();
        let command = Curl::new(&config).command(&request_with(0, "a.test", change));
        command.replace(&format!(" -A {}", config.request.user_agent), "")
    }

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.to_owned(), value: Secret::new(value) }
    }

    #[test]
    fn a_request_is_a_command_with_the_options_that_matter() {
        assert_eq!(command(|_| {}), "curl -L --max-redirs 10 http://a.test/");
        let rich = command(|request| {
            Arc::make_mut(&mut request.subject).method = Method::POST;
            request.body = Some(b"user=x&password=hunter2".as_slice().into());
            request.headers =
                [header("X-Id", "it's 1"), header("Authorization", "Bearer hunter2"), header("X-Empty", "")]
                    .into();
            request.limits.max_time = Some(Duration::from_millis(1500));
            request.limits.max_redirs = 0;
            (request.compressed, request.insecure) = (true, true);
            request.url = url::Url::parse("http://a.test/?q=[1]&r=a b").unwrap().into();
        });
        assert_eq!(
            rich,
            r"curl --data-binary @- -H 'X-Id: it'\''s 1' -H 'Authorization: ***' -H 'X-Empty;' --compressed -m 1.5 -k -g 'http://a.test/?q=[1]&r=a%20b'"
        );
        assert!(!rich.contains("hunter2"));
    }

    #[test]
    fn a_method_is_said_only_where_curl_would_take_another() {
        let with = |method: &str, body: bool| {
            command(|request| {
                Arc::make_mut(&mut request.subject).method = Method::parse(method).unwrap();
                request.body = body.then(|| b"x".as_slice().into());
            })
        };
        for (method, body, start) in [
            ("HEAD", false, "curl -I -L"),
            ("POST", false, "curl -X POST -L"),
            ("POST", true, "curl --data-binary @- -L"),
            ("GET", true, "curl -X GET --data-binary @- -L"),
            ("PUT", true, "curl -X PUT --data-binary @- -L"),
        ] {
            assert!(with(method, body).starts_with(start), "{}", with(method, body));
        }
    }

    #[test]
    fn the_connection_is_the_same() {
        let mut config = Config::default();
        config.connection.family = Family::V4;
        config.connection.cacert = Some("my roots.pem".into());
        config.connection.unix_socket = Some("/run/x".into());
        config.connection.tls13_only = true;
        let elsewhere = ConnectTo {
            host: None,
            port: Some(80),
            to_host: Some(url::Host::Domain("b.test".to_owned())),
            to_port: None,
        };
        config.connection.connect_to = vec![elsewhere];
        let command = Curl::new(&config).command(&request_with(0, "a.test", |request| {
            let addrs = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
            request.resolve =
                [crate::request::Resolve { host: "a.test".to_owned(), port: 80, addrs }].as_slice().into();
        }));
        let options = "--resolve a.test:80:127.0.0.1,::1 --connect-to :80:b.test: -4 --unix-socket /run/x --cacert 'my roots.pem' --tlsv1.3";
        assert!(command.contains(options), "{command}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_every_word_as_it_was(word in any::<String>()) {
            // No argument of a process can hold it.
            let word = word.replace('\0', "");
            let quoted = quoted(&word);
            prop_assert!(!quoted.contains(is_unsafe), "{quoted:?}");
            let script = format!("printf %s {quoted}");
            let output = Command::new("bash").args(["-c", &script]).env("LC_ALL", "C.UTF-8").output().unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
