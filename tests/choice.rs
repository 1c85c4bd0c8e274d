//! Which entries of a list are taken up, and how the list is printed as it was understood.
//!
//! Knows options and the numbers of records. Refuses to know how patterns match: `src/plan/choice.rs` tests itself.

use crate::support::Greenfetch;
use crate::support::expectation::parse_records;
use crate::support::origin::Origin;
use crate::support::script::Script;

fn origin() -> Origin {
    Origin::start()
        .script("/a", Script::ok("hello"))
        .script("/b", Script::ok("ok"))
        .script("/api/c", Script::ok("ccc"))
}

#[test]
fn entries_are_chosen_by_pattern_tag_and_shard_and_keep_their_numbers() {
    let origin = origin();
    let list = format!(
        "{} name=first tag=x\n{} tag=y\n{}\n",
        origin.url("/a"),
        origin.url("/b"),
        origin.url("/api/c")
    );
    for (options, expected) in [
        (&["--only", "*/b"][..], vec![1]),
        (&["--only", "fir*", "--only", "*/c"], vec![0, 2]),
        (&["--skip", "*/api/*"], vec![0, 1]),
        (&["--tag", "x", "--tag", "y"], vec![0, 1]),
        (&["--tag", "x", "--skip", "first", "--allow-empty"], vec![]),
    ] {
        let numbers = move |text: &str| {
            let records = parse_records(text);
            let numbers: Vec<u64> = records.iter().filter_map(|record| record["urlnum"].as_u64()).collect();
            assert_eq!(numbers, expected);
        };
        let run = Greenfetch::new().args(["--json"]).args(options.iter().copied()).list_text(&list);
        run.stdout_judged(numbers).any_stderr().status(0);
    }
    Greenfetch::new()
        .args(["--tag", "none"])
        .list_text(&list)
        .in_every_mode()
        .stdout("")
        .stderr(
            "greenfetch: warning: nothing to fetch: all of the list is left out (--only, --skip, --tag)\n",
        )
        .status(3);
}

#[test]
fn a_relative_line_is_chosen_by_the_url_that_it_leads_to() {
    let origin = origin();
    let list = format!("@base {}\nc\n../a\n", origin.url("/api/"));
    for (options, expected) in [
        (["--only", "*/api/*"], "3 bytes received from c.\n"),
        (["--only", "c"], "3 bytes received from c.\n"),
        (["--skip", "*/api/*"], "5 bytes received from ../a.\n"),
    ] {
        Greenfetch::new().args(options).list_text(&list).stdout(expected).stderr("").status(0);
    }
}

#[test]
fn shards_are_the_list_in_parts_and_an_empty_one_is_fine() {
    let origin = origin();
    let list: String = (0..20).map(|n| format!("{}?{n}\n", origin.url("/a"))).collect();
    for n in 1..=3 {
        Greenfetch::new()
            .args(["--shard", &format!("{n}/3")])
            .list_text(&list)
            .any_stdout()
            .stderr("")
            .status(0);
    }
    assert_eq!(origin.requests("/a"), 20, "each is in one of them");
    let one = format!("{}\n", origin.url("/b"));
    for n in 1..=2 {
        Greenfetch::new()
            .args(["--shard", &format!("{n}/2")])
            .list_text(&one)
            .any_stdout()
            .any_stderr()
            .status(0);
    }
    assert_eq!(origin.requests("/b"), 1);
    Greenfetch::new().args(["--shard", "1/2"]).list_text("").stdout("").any_stderr().status(3);
}

#[test]
fn a_dry_run_prints_each_entry_as_a_list_of_its_own_and_sends_nothing() {
    let origin = origin();
    let list = "@defaults max-time=5s tag=smoke header='X: d'\n\
                \x20 header=Authorization: Bearer ${TOKEN}\n\
                @base https://u:secret@a.example/${PLACE}/\n\
                b?k=${TOKEN} expect=200 name='a b' body*='a\tb' max-time=1s # note\n\
                \x20 json={\"a\": \"# ${PLACE}\"}\n\
                POST https://b.example/ user=me:hidden tag=x soft\n\
                \x20 header=x: own\n\
                ftp://a/\n";
    let expected = "https://u:***@a.example/${PLACE}/b?k=${TOKEN} tag=smoke header='X: d' expect=200 name='a b' body*=\"a\\tb\" max-time=1s\n\
                    \x20 header=Authorization: Bearer ${TOKEN}\n\
                    \x20 json={\"a\": \"# ${PLACE}\"}\n\
                    POST https://b.example/ max-time=5s tag=smoke user=me:*** tag=x soft\n\
                    \x20 header=x: own\n\
                    # list:8: scheme ftp is not fetched: http and https only\n\
                    # ftp://a/\n";
    let run = || Greenfetch::new().env("TOKEN", "hunter2hunter2").env("PLACE", "place");
    run().args(["--dry-run"]).list_text(list).in_order().stdout(expected).stderr("").status(0);
    // What is printed is a list, and means the same.
    let again = expected
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    run().args(["--dry-run"]).list_text(&again).in_order().stdout(&again).stderr("").status(0);
    run()
        .args(["--dry-run"])
        .stdin("https://a.example/ wat=1\n")
        .operand("-")
        .any_stdout()
        .any_stderr()
        .status(2);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn what_failed_is_written_with_all_that_was_said_of_it_and_can_be_fetched_again() {
    let origin = origin();
    let dir = tempfile::tempdir().expect("a folder");
    let failed = dir.path().join("failed.txt");
    let list = format!(
        "@defaults tag=smoke\n  header=X-Key: ${{SECRET_KEY}}\n@base {}\n\
         a name=fine\n\
         gone?${{SECRET_KEY}} name='not there'\n  header=X: y\n",
        origin.url("/")
    );
    let run = || {
        Greenfetch::new()
            .env("SECRET_KEY", "hunter2hunter2")
            .args(["--failed".into(), failed.clone().into_os_string()])
    };
    run().list_text(&list).any_stdout().any_stderr().status(1);
    let text = std::fs::read_to_string(&failed).expect("a file");
    let expected = format!(
        "{}?${{SECRET_KEY}} tag=smoke name='not there'\n  header=X-Key: ${{SECRET_KEY}}\n  header=X: y\n",
        origin.url("/gone")
    );
    assert!(text.starts_with("# list:5: status (check): ") && text.ends_with(&expected), "{text}");
    run().list_text(&text).stdout("").any_stderr().status(1);
    assert_eq!(origin.requests("/gone"), 2);
    assert!(origin.last_request("/gone").to_lowercase().contains("x-key: hunter2hunter2\r\n"));
}
