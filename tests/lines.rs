//! The line of each kind of failure, whole: where, what, in which phase, why, and the option that changes it.
//!
//! Knows an origin for each. Refuses to look up a name that is not the loopback's.

use crate::support::Greenfetch;
use crate::support::listeners::refused_addr;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

/// What is answered, and the line that follows the URL.
type Row = (Script, &'static [&'static str], &'static str);

const OK: &str = "HTTP/1.1 200 OK\r\n";

#[test]
fn each_kind_of_failure_has_a_line_that_one_can_act_on() {
    let length = |n: usize| format!("{OK}Content-Length: {n}\r\n\r\n");
    let rows: [Row; 11] = [
        (Script::status(404), &[], "status (check): expected a status below 400, got 404"),
        (length(100).then_bytes(10).then_rst(), &[], "closed (receive): reset after 10 of 100 bytes"),
        (Script::nothing().then_rst(), &[], "closed (wait): reset before any byte of the response"),
        (Script::nothing().then_fin(), &[], "closed (wait): ended before any byte of the response"),
        (
            Script::nothing().then_hang(),
            &["-m", "0.3"],
            "timeout (wait): not done after [TIME] s (--max-time)",
        ),
        (
            length(100).then_bytes(10).then_hang(),
            &["--stall", "0.3"],
            "timeout (receive): no byte for [TIME] s (--stall)",
        ),
        (
            Script::ok("x".repeat(2000)),
            &["--max-filesize", "1KiB"],
            "size (receive): a body of 2000 bytes is over the limit of 1024 bytes (--max-filesize)",
        ),
        (
            format!("{OK}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nfour").keep_alive(),
            &["--compressed"],
            "decode (receive): the body is not valid gzip: incorrect header check (",
        ),
        (
            Script::redirect(302, "file:///etc/passwd"),
            &[],
            "redirect (receive): to file: only http and https are followed: file:///etc/passwd (",
        ),
        (
            Script::redirect(302, "/"),
            &["--max-redirs", "2"],
            "redirect (receive): a redirect loop: more than 2 redirects (--max-redirs) (",
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n".then_fin(),
            &[],
            "protocol (receive): the answer is not HTTP/1: it begins with \"SSH-2.0-OpenSSH_",
        ),
    ];
    for (script, args, line) in rows {
        let origin = Origin::start().script("/", script);
        let start = format!("list:1: {{origin}}/: {line}");
        Greenfetch::new()
            .args(args.iter().copied())
            .list([origin.url("/")])
            .in_every_mode()
            .stdout("")
            .stderr_has(start)
            .stderr_has("(1 try, [TIME] s)\n")
            .status(1);
    }
}

#[test]
fn what_never_connected_names_the_address_and_what_is_no_url_says_what_to_write() {
    for (listed, line) in [
        (format!("http://{}/", refused_addr()), "connect (connect): {addr} refused (1 try, [TIME] s)\n"),
        (
            "example.com/".to_owned(),
            "url (queue): not an http or https URL: write https://example.com/ (0 tries, ",
        ),
        (
            "ftp://example.com/".to_owned(),
            "url (queue): scheme ftp is not fetched: http and https only (0 tries, ",
        ),
    ] {
        Greenfetch::new().list([listed]).in_every_mode().stdout("").stderr_has(line).status(1);
    }
}

#[test]
fn an_answer_behind_redirects_says_whose_it_was() {
    let origin = Origin::start()
        .script("/from", Script::redirect(302, "/to?x=1"))
        .script("/to?x=1", Script::status(503));
    Greenfetch::new()
        .args(["--retry", "2", "--retry-delay", "1ms"])
        .list([origin.url("/from")])
        .in_every_mode()
        .stdout("")
        .stderr(
            "list:1: {origin}/from: status (check): expected a status below 400, got 503, redirected to {origin}/to?x=1 \
             (3 tries, [TIME] s)\n",
        )
        .status(1);
}
