//! What a list says of its entries: settings, directives, variables, and what standard input may not say.
//!
//! Knows lists and what goes over the wire because of them. Refuses to know checks: `src/check` and their own tests do.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::Script;
use crate::support::table::came_to;

fn origin() -> Origin {
    Origin::start()
        .script("/a", Script::ok("hello"))
        .script("/b", Script::ok("ok"))
        .script("/api/c", Script::ok("ccc"))
}

fn head(origin: &Origin, path: &str) -> String {
    origin.last_request(path).to_lowercase()
}

#[test]
fn settings_of_a_line_and_below_it_are_those_of_its_request() {
    let origin = origin();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    Greenfetch::new()
        .list_text(format!(
            "PUT {a} header='X-One: 1 # one' name=\"the a\" tag=x tag=y # a note\n\
             \x20 header=X-Two:  two # no note\n\
             # a note between\n\
             \x20 user-agent=me/1 \n\
             \x20 data=a \"b' #c\n\
             {b} user=Aladdin:\"open sesame\"\n"
        ))
        .stdout("")
        .stderr_has("list:6:")
        .status(2);
    Greenfetch::new()
        .list_text(format!(
            "PUT {a} header='X-One: 1 # one' name=\"the a\" tag=x tag=y # a note\n\
             \x20 header=X-Two:  two # no note\n\
             # a note between\n\
             \x20 user-agent=me/1 \n\
             \x20 data=a \"b' #c\n\
             {b} user=\"Aladdin:open sesame\"\n"
        ))
        .in_every_mode()
        .json(|records| {
            assert_eq!(records.iter().map(came_to).collect::<Vec<_>>(), ["pass 5", "pass 2"]);
            assert_eq!((&records[0]["name"], &records[0]["method"]), (&"the a".into(), &"PUT".into()));
            assert_eq!(records[0]["tags"], serde_json::json!(["x", "y"]));
            assert_eq!(records[1]["method"], "GET");
        })
        .stderr("")
        .status(0);
    let sent = origin.last_request("/a");
    let lower = sent.to_lowercase();
    assert!(sent.starts_with("PUT /a HTTP/1.1\r\n") && sent.ends_with("\r\n\r\na \"b' #c"), "{sent}");
    for header in ["x-one: 1 # one\r\n", "x-two: two # no note\r\n", "user-agent: me/1\r\n"] {
        assert!(lower.contains(header), "{header}: {sent}");
    }
    assert!(head(&origin, "/b").contains("authorization: basic qwxhzgrpbjpvcgvuihnlc2ftzq==\r\n"));
}

#[test]
fn json_is_sent_with_its_type_and_is_json() {
    let origin = origin();
    let a = origin.url("/a");
    Greenfetch::new()
        .list_text(format!("{a}\n  json={{\"user\": \"#1\"}}\n"))
        .in_every_mode()
        .stdout("5 bytes received from {origin}/a.\n")
        .stderr("")
        .status(0);
    let sent = origin.last_request("/a");
    assert!(sent.starts_with("POST /a ") && sent.ends_with("{\"user\": \"#1\"}"), "{sent}");
    assert!(sent.to_lowercase().contains("content-type: application/json\r\n"), "{sent}");
    Greenfetch::new()
        .list_text(format!("{a}\n  json={{'user': 1}}\n"))
        .stdout("")
        .stderr_has("list:2:8: this is no JSON: ")
        .status(2);
}

#[test]
fn a_file_beside_the_list_is_a_body() {
    let origin = origin();
    Greenfetch::new()
        .file("body.txt", "x=1\n&y=2\n")
        .list_text(format!("{} data=@body.txt\n", origin.url("/a")))
        .any_stdout()
        .stderr("")
        .status(0);
    assert!(origin.last_request("/a").ends_with("\r\n\r\nx=1&y=2"));
    Greenfetch::new()
        .list_text(format!("{} data=@none.txt\n", origin.url("/a")))
        .stdout("")
        .stderr_has("none.txt: No such file")
        .status(2);
}

#[test]
fn the_line_beats_the_command_line_which_beats_defaults() {
    let origin = origin();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    Greenfetch::new()
        .args(["-H", "X: typed", "-H", "Y: typed", "--max-filesize", "3"])
        .list_text(format!(
            "@defaults header='X: default' max-filesize=1 tag=smoke soft\n\
             \x20 header=Z: default\n\
             {a} max-filesize=100 header='X: own' tag=own soft=false\n\
             {b}\n\
             {a}\n"
        ))
        .in_every_mode()
        .json(|records| {
            let came: Vec<_> = records.iter().map(came_to).collect();
            assert_eq!(came[..2], ["pass 5", "pass 2"], "{came:?}");
            assert_eq!(
                (&records[2]["outcome"], &records[2]["error"]["class"]),
                (&"soft".into(), &"size".into())
            );
            assert_eq!(records[0]["tags"], serde_json::json!(["smoke", "own"]));
            assert_eq!(records[1]["tags"], serde_json::json!(["smoke"]));
        })
        .stderr_has("warning: list:5: ")
        .status(0);
    let b = head(&origin, "/b");
    assert!(b.contains("x: typed\r\n") && b.contains("y: typed\r\n") && b.contains("z: default\r\n"), "{b}");
    assert_eq!(b.matches("x: ").count(), 1, "{b}");
}

#[test]
fn checks_of_one_line_all_hold_and_take_the_place_of_those_of_defaults() {
    let origin = origin();
    let a = origin.url("/a");
    Greenfetch::new()
        .list_text(format!(
            "@defaults bytes<=1 bytes<=2 redirects<=5\n\
             {a} bytes<=3 bytes<=10\n\
             {a} bytes<=10\n\
             \x20 bytes<=3\n\
             {a}\n\
             {a} bytes>=1 bytes<=10\n"
        ))
        .in_every_mode()
        .json(|records| {
            let told = |record: &serde_json::Value| {
                let checks = record["checks"].as_array().cloned().unwrap_or_default();
                checks
                    .iter()
                    .map(|check| format!("{} {}", check["check"], check["pass"]).replace('"', ""))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let told: Vec<_> = records.iter().map(told).collect();
            assert_eq!(
                told,
                [
                    "redirects<=5 true, bytes<=3 false, bytes<=10 true",
                    "redirects<=5 true, bytes<=10 true, bytes<=3 false",
                    "bytes<=1 false, bytes<=2 false, redirects<=5 true",
                    "redirects<=5 true, bytes>=1 true, bytes<=10 true",
                ]
            );
        })
        .stderr_has("list:2: {origin}/a: check (check): ")
        .stderr_has("list:5: {origin}/a: check (check): ")
        .status(1);
}

#[test]
fn defaults_and_base_hold_to_the_end_of_their_file_and_in_what_it_includes() {
    let origin = origin();
    let base = origin.url("/api/");
    Greenfetch::new()
        .file("sub/inner", "c name=inner\n@base http://127.0.0.1:1/\n@defaults tag=leaked\n")
        .file(
            "one",
            format!("@defaults tag=one\n@base {base}\nc name=before\n@include sub/inner\n../a name=after\n"),
        )
        .file("two", format!("{} name=other\n", origin.url("/b")))
        .operand("one")
        .operand("two")
        .in_every_mode()
        .json(|records| {
            let told: Vec<_> =
                records.iter().map(|r| format!("{} {} {}", r["source"], r["name"], r["tags"])).collect();
            let expected = [
                "\"one\" \"before\" [\"one\"]",
                "\"sub/inner\" \"inner\" [\"one\"]",
                "\"one\" \"after\" [\"one\"]",
                "\"two\" \"other\" []",
            ];
            assert_eq!(told, expected);
            assert!(records.iter().all(|record| record["outcome"] == "pass"));
        })
        .stderr("")
        .status(0);
    assert_eq!((origin.requests("/api/c"), origin.requests("/a")), (6, 3));
}

#[test]
fn the_command_line_can_give_a_base_and_defaults() {
    let origin = origin();
    let leads_to = origin.url("/api/c");
    Greenfetch::new()
        .args(["--base", &origin.url("/api/"), "--defaults", "name='from here' header='X: y'"])
        .list(["c", "POST /a"])
        .in_every_mode()
        .json(move |records| {
            assert!(records.iter().all(|record| record["name"] == "from here"));
            assert!(records.iter().all(|record| record["scheme"] == "http"));
            assert_eq!(records[0]["url_effective"], leads_to.as_str());
            assert_eq!(records[1]["method"], "POST");
        })
        .stderr("")
        .status(0);
    assert!(head(&origin, "/a").contains("x: y\r\n"));
    Greenfetch::new()
        .args(["--defaults", "soft max-time=soon"])
        .list([origin.url("/a")])
        .stdout("")
        .stderr_has("<--defaults>:1:15: 'soon' is no duration")
        .status(2);
}

#[test]
fn an_include_stays_below_its_folder_and_makes_no_circle() {
    let outside = tempfile::NamedTempFile::new().expect("a file");
    for (files, named, word) in [
        (vec![("list", "@include ../x\n")], "list:1:10:", "../x"),
        (vec![("list", "@include /etc/hostname\n")], "list:1:10:", "relative"),
        (vec![("list", "@include none\n")], "list:1:10:", "none: No such file"),
        (vec![("list", "@include sub\n"), ("sub/x", "")], "list:1:10:", "no regular file"),
        (
            vec![("list", "@include a\n"), ("a", "@include b\n"), ("b", "@include a\n")],
            "b:1:10:",
            "a circle: list includes a includes b includes a",
        ),
        (vec![("list", "@include list\n")], "list:1:10:", "list includes list"),
        (vec![("list", "@include sub/a\n"), ("sub/a", "http://127.0.0.1/ wat=1\n")], "sub/a:1:19:", "'wat'"),
        (vec![("list", "@include bad\n"), ("bad", "\0\n")], "list:1:10:", "no text"),
    ] {
        let run = files.into_iter().fold(Greenfetch::new(), |run, (name, text)| run.file(name, text));
        run.operand("list").stdout("").stderr_has(named).stderr_has(word).stderr_has("^").status(2);
    }
    let dir = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).expect("a link");
    std::fs::write(dir.path().join("list"), "@include link\n").expect("a list");
    Greenfetch::new()
        .operand(dir.path().join("list"))
        .stdout("")
        .stderr_has("not below the folder")
        .status(2);
}

#[test]
fn files_that_include_each_other_without_end_are_an_end() {
    let mut run = Greenfetch::new();
    for n in 0..40 {
        run = run.file(&format!("l{n}"), format!("@include l{}\n@include l{}\n", n + 1, n + 1));
    }
    run.operand("l0").stdout("").stderr_has("more than").status(2);
}

#[test]
fn variables_are_put_in_and_their_values_are_shown_nowhere() {
    let origin = Origin::start()
        .script("/a", Script::ok("hello"))
        .script("/no", Script::redirect(302, "/gone?hunter2hunter2"))
        .script("/body", Script::ok("thanks"));
    let list = format!(
        "@base {}\n\
         /${{PLACE}}?token=${{API_TOKEN}} name=${{PLACE}}-$${{PLACE}}\n\
         \x20 header=X-Key: ${{ANY}}\n\
         /no?${{API_TOKEN}}\n\
         /body\n\
         \x20 data=${{ANY}}\n\
         http://${{API_TOKEN}}.localhost:{}/a tag=x-${{API_TOKEN}} tag=${{PLACE}}\n",
        origin.url("/"),
        origin.addr().port()
    );
    let run = || {
        Greenfetch::new()
            .env("PLACE", "a")
            .env("API_TOKEN", "hunter2hunter2")
            .env("ANY", "correct horse")
            .list_text(&list)
            .with_summary()
    };
    for options in [&["-vv"][..], &["-v", "--json"], &["--json"]] {
        run()
            .args(options.iter().copied())
            .stdout_judged(|text| assert!(!text.contains("hunter2") && !text.contains("correct"), "{text}"))
            .stderr_judged(|text| assert!(!text.contains("hunter2") && !text.contains("correct"), "{text}"))
            .status(1);
    }
    run()
        .in_every_mode()
        .json(|records| {
            assert!(
                records[0]["url"].as_str().is_some_and(|url| url.ends_with("/a?token=***")),
                "{}",
                records[0]
            );
            assert_eq!(records[0]["name"], "a-${PLACE}");
            assert!(records[1]["url_effective"].as_str().is_some_and(|url| url.ends_with("/gone?***")));
            assert_eq!(records[3]["tags"], serde_json::json!(["x-***", "a"]));
            assert_eq!(
                (&records[3]["host"], came_to(&records[3])),
                (&"***.localhost".into(), "pass 5".into())
            );
        })
        .any_stderr()
        .status(1);
    assert!(origin.last_request("/body").ends_with("correct horse"));
}

#[test]
fn a_variable_that_is_not_set_is_an_error_of_the_list() {
    Greenfetch::new()
        .list(["http://127.0.0.1/${NOT_SET}", "http://127.0.0.1/ name=${", "@base http://${NO}/"])
        .stdout("")
        .stderr_has("list:1:1: the variable NOT_SET is not set")
        .stderr_has("list:2:24: ${ without its }")
        .stderr_has("list:3:7: the variable NO is not set")
        .status(2);
}

#[test]
fn standard_input_may_not_do_everything_unless_it_is_trusted() {
    let origin = origin();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    for line in [
        "{a}?${V}",
        "{a} name=${V}",
        "@include x",
        "{a} data=@x",
        "{a} out=x",
        "{a} dir=x",
        "{a} insecure",
        "@base http://${V}/",
    ] {
        let text = format!("{}\n{b}\n", line.replace("{a}", &a));
        Greenfetch::new()
            .env("V", "v")
            .file("x", format!("{a}\n"))
            .stdin(&text)
            .operand("-")
            .json(|records| {
                assert_eq!(records.len(), 2, "{records:?}");
                assert_eq!(
                    (&records[0]["error"]["class"], came_to(&records[1])),
                    (&"url".into(), "pass 2".to_owned())
                );
            })
            .stderr_has("--trust-stdin")
            .status(2);
        let trusted =
            Greenfetch::new().env("V", "127.0.0.1").file("x", format!("{a}\n")).args(["--trust-stdin"]);
        trusted.stdin(&text).operand("-").any_stdout().stderr_lacks("trust").status(0);
    }
}

#[test]
fn an_error_from_standard_input_fails_its_entry_and_the_reading_goes_on() {
    let origin = origin();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    Greenfetch::new()
        .stdin(format!("{a}\n  expct=200\n  soft\n{a} max-time=soon x\n  header=X\n{b}\n"))
        .operand("-")
        .json(|records| {
            assert_eq!(records.len(), 3);
            let messages: Vec<_> =
                records[..2].iter().map(|r| r["error"]["message"].as_str().unwrap()).collect();
            assert_eq!(messages[0], "line 2: there is no setting 'expct': did you mean expect?");
            assert!(
                messages[1].contains("'soon'") && messages[1].contains("line 5: a header without a colon")
            );
            assert_eq!((&records[1]["line"], came_to(&records[2])), (&4.into(), "pass 2".to_owned()));
        })
        .stderr_has("list errors on standard input: 4")
        .status(2);
    assert_eq!(origin.requests("/a"), 0);
}

#[test]
fn an_entry_of_an_open_pipe_does_not_wait_for_the_line_after_it() {
    let origin = origin();
    let mut running = Greenfetch::new().operand("-").stdin_open().spawn();
    running.write_stdin(&format!("{}\n  header=X: y\n", origin.url("/a")));
    assert!(running.next_stdout_line().is_some_and(|line| line.starts_with("5 bytes")));
    assert!(head(&origin, "/a").contains("x: y\r\n"));
    running.write_stdin("  header=Z: too late\n");
    running.wait_for_stderr(
        "-:3: header=Z: too late: url (queue): a setting that came after its URL (line 2) was taken up",
    );
    running.write_stdin(&format!("{}\n", origin.url("/b")));
    assert!(running.next_stdout_line().is_some_and(|line| line.starts_with("2 bytes")));
    let finished = running.finish();
    assert_eq!(finished.status, Some(2), "{}", finished.story);
}

#[test]
fn a_list_that_is_longer_than_a_read_keeps_its_settings_together() {
    let origin = origin();
    let mut text = String::new();
    for n in 0..3000 {
        text.push_str(&format!("{}\n  name=entry-{n} and some text that makes it long\n", origin.url("/a")));
    }
    Greenfetch::new()
        .stdin(&text)
        .operand("-")
        .json(|records| {
            assert_eq!(records.len(), 3000);
            for (n, record) in records.iter().enumerate() {
                assert_eq!(record["name"], format!("entry-{n} and some text that makes it long"));
            }
        })
        .stderr("")
        .status(0);
}

#[test]
fn a_list_for_aria2_is_a_list() {
    let origin = origin();
    Greenfetch::new()
        .list_text(format!(
            "{}\n  out=a.txt\n  dir=files\n  split=5\n  max-tries=3\n  referer=http://r.example/\n  header=X: y\n{}\n  split=4\n",
            origin.url("/a"),
            origin.url("/b")
        ))
        .stdout("5 bytes received from {origin}/a.\n2 bytes received from {origin}/b.\n")
        .stderr(
            "greenfetch: warning: split= in the list is aria2's and means nothing here\n\
             greenfetch: warning: max-tries= in the list is aria2's and means nothing here\n",
        )
        .status(0);
    assert!(head(&origin, "/a").contains("referer: http://r.example/\r\n"));
}

#[test]
fn insecure_on_a_line_is_said_aloud() {
    let origin = origin();
    Greenfetch::new()
        .list([format!("{} insecure", origin.url("/a")), format!("{} insecure", origin.url("/b"))])
        .any_stdout()
        .stderr("greenfetch: warning: certificates are not verified where list says insecure\n")
        .status(0);
}

#[test]
fn out_and_dir_say_where_a_body_goes_and_lead_nowhere_else() {
    let origin = origin();
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    let dir = tempfile::tempdir().expect("a folder");
    let saved = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    std::os::unix::fs::symlink("/tmp", dir.path().join("link")).expect("a link");
    let folder = dir.path().to_string_lossy().into_owned();
    Greenfetch::new()
        .args(["--output-dir", &folder, "--sync"])
        .list_text(format!(
            "{a} out=x/y.txt\n{b} dir=d\n{b} dir=d/e out=z\n{b} out=x/y.txt\n{a} dir=link out=f\n"
        ))
        .json(|records| {
            let classes: Vec<_> = records.iter().map(|record| record["error"]["class"].clone()).collect();
            assert_eq!(classes[3..], ["write", "write"], "{classes:?}");
            assert!(classes[..3].iter().all(serde_json::Value::is_null), "{classes:?}");
        })
        .stderr_has("x/y.txt: is there already")
        .stderr_has("link: ")
        .status(5);
    assert_eq!(
        (saved("x/y.txt"), saved("d/00001-127.0.0.1-b"), saved("d/e/z")),
        ("hello".into(), "ok".into(), "ok".into())
    );
    for bad in ["../x", "/tmp/x", "~/x", "a/../../x", ".."] {
        Greenfetch::new()
            .args(["--output-dir", &folder])
            .list([format!("{a} out={bad}")])
            .stdout("")
            .stderr_has("list:1:")
            .stderr_has("--output-dir")
            .status(2);
    }
}

#[test]
fn the_grammar_is_a_page_of_help() {
    Greenfetch::new().operand("help").operand("grammar").stdout_has("@defaults").stderr("").status(0);
}
