//! Secrets of a list: where they may go, and that nobody is shown them.
//!
//! Knows two origins, one of which nobody told a secret. Refuses to know how a variable gets its value.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::Script;

fn head(origin: &Origin, path: &str) -> String {
    origin.last_request(path).to_lowercase()
}

#[test]
fn a_header_with_a_variable_stays_with_its_origin() {
    let other = Origin::start().script("/there", Script::ok("there"));
    let location = other.url("/there");
    let origin = Origin::start().script("/a", Script::redirect(302, location));
    Greenfetch::new()
        .env("V", "some value")
        .list_text(format!("{}\n  header=X-Mine: ${{V}}\n  header=X-Open: v\n", origin.url("/a")))
        .any_stdout()
        .stderr("")
        .status(0);
    assert!(head(&origin, "/a").contains("x-mine: some value\r\n"));
    let there = head(&other, "/there");
    assert!(there.contains("x-open: v\r\n") && !there.contains("x-mine"), "{there}");
}

#[test]
fn a_body_with_a_variable_is_sent_to_no_other_origin() {
    let other = Origin::start().script("/there", Script::ok("there"));
    let there = other.url("/there");
    let origin = Origin::start()
        .script("/307", Script::redirect(307, &there))
        .script("/308", Script::redirect(308, &there))
        .script("/303", Script::redirect(303, &there))
        .script("/here", Script::redirect(307, "/end"))
        .script("/end", Script::ok("hello"));
    let list = format!(
        "{0}\n  json={{\"key\": \"${{V}}\"}}\nPUT {1}\n  data=${{V}}\n{2}\n  data=${{V}}\n{3}\n  data=${{V}}\n{0}\n  data=open\n",
        origin.url("/307"),
        origin.url("/308"),
        origin.url("/303"),
        origin.url("/here"),
    );
    Greenfetch::new()
        .env("V", "some value")
        .list_text(list)
        .in_every_mode()
        .stdout(
            "5 bytes received from {origin}/303.\n5 bytes received from {origin}/here.\n5 bytes received from \
             {origin}/307.\n",
        )
        .stderr(
            "list:1: {origin}/307: redirect (receive): a 307 to {origin}: a body with the value of a variable is sent \
             to no other origin (1 try, [TIME] s)\n\
             list:3: {origin}/308: redirect (receive): a 308 to {origin}: a body with the value of a variable is sent \
             to no other origin (1 try, [TIME] s)\n",
        )
        .status(1);
    assert!(origin.last_request("/end").ends_with("some value"));
    assert!(
        other.last_request("/there").ends_with("open") || other.last_request("/there").starts_with("GET")
    );
}

#[test]
fn a_secret_on_a_line_that_is_wrong_is_not_shown() {
    let lines = [
        "https://a.test/ header=Authorization: Basic aHVudGVyMg== soft",
        "https://a.test/ user=me:hunter2 header=\"Cookie: hunter2\" retry=many",
        "https://u:hunter2@a.test/ oops",
        "https://a.test/",
        "  header=Proxy-Authorization=hunter2",
    ];
    let lacks = |text: &str| assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
    Greenfetch::new()
        .list(lines)
        .stdout("")
        .stderr_judged(lacks)
        .stderr_has("list:2:64: 'many' is no whole number from 0 to 4294967295\n")
        .stderr_has("  2 | https://a.test/ user=me:*** header=\"Cookie: ***\" retry=many\n")
        .stderr_has("    |                                                        ^^^^\n")
        .stderr_has("  5 |   header=Proxy-Authorization=***\n")
        .status(2);
    let text = format!("{}\n", lines.join("\n"));
    for args in [&["-q"][..], &["--json"], &["-vv"]] {
        Greenfetch::new()
            .args(args.iter().copied())
            .args(["--resolve", "*:443:127.0.0.1"])
            .stdin(&text)
            .operand("-")
            .stdout_judged(lacks)
            .stderr_judged(lacks)
            .status(2);
    }
}
