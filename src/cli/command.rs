//! Which command a line of arguments is: the first operand decides.
//!
//! Knows the reserved words. Refuses to know what options mean (`resolve`).

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::args::{Args, help_text};
use super::compare;
use super::operands::{operands, shown_path};
use super::resolve::resolve;
use super::results::{diff, report, what_if};
use super::value::shown;
use super::{Command, DemoCommand, Environment, HelpTopic, UsageError, complaint};

/// Where `demo --serve` listens: at a port that the system chooses.
const SERVE_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How many URLs `demo --many` parks: what a gevent tutorial would call a lot.
const MANY_DEFAULT: u32 = 10_000;

/// Reads a command line; the first of `argv` is the program's name.
///
/// # Errors
/// An option, a value, a contradiction or an operand that cannot be meant: exit 2.
pub fn parse(argv: impl Iterator<Item = OsString>, env: &Environment) -> Result<Command, UsageError> {
    let matches = match Args::command().try_get_matches_from(argv) {
        Ok(matches) => matches,
        Err(error) => return complaint::stopped(&error),
    };
    let args = match Args::from_arg_matches(&matches) {
        Ok(args) => args,
        Err(error) => return complaint::stopped(&error),
    };
    let mut no_runs = no_run(&args);
    match (no_runs.pop(), no_runs.pop()) {
        (None, _) => command(args, &matches, env),
        (Some(one), None) => demo_without_run(&one, &args, &matches).map(|()| Command::Demo(one.command)),
        (Some(one), Some(other)) => {
            Err(UsageError(format!("{} and {} contradict: leave one out", other.name(), one.name())))
        }
    }
}

fn command(mut args: Args, matches: &ArgMatches, env: &Environment) -> Result<Command, UsageError> {
    if let Some(from) = args.run.from.take() {
        return what_if(args, from, matches);
    }
    let first = args.operands.first().and_then(|first| first.to_str()).unwrap_or_default();
    match first {
        "demo" => demo(args, matches, env).map(Command::Demo),
        "help" => help(&args.operands[1..]),
        "report" => report(args, matches, env).map(|config| Command::Report(Box::new(config))),
        "diff" => diff(args, matches, env).map(|config| Command::Diff(Box::new(config))),
        _ => {
            let operands = operands(&args.operands, args.output.json, env)?;
            let wanted = compare::wanted(&args, matches)?;
            let config = resolve(args, operands, env)?;
            match wanted {
                None => Ok(Command::Fetch(Box::new(config))),
                Some(wanted) => Ok(Command::Compare(Box::new(wanted.of(config)?))),
            }
        }
    }
}

fn demo(args: Args, matches: &ArgMatches, env: &Environment) -> Result<DemoCommand, UsageError> {
    no_operand_after_demo(&args)?;
    let wanted = compare::wanted(&args, matches)?;
    let has_own_proxy = args.connection.proxy.is_some();
    // Its origin is on this machine and works without a network: no proxy that is set for other things is asked.
    let others = |name: &str| (env.variable)(name).filter(|_| !name.to_ascii_lowercase().ends_with("_proxy"));
    let config = resolve(args, Vec::new(), &Environment { variable: &others, ..*env })?;
    let Some(wanted) = wanted else { return Ok(DemoCommand::Fetch(Box::new(config))) };
    let mut comparison = wanted.of(config)?;
    if !has_own_proxy {
        comparison.passed_on.push("--proxy=".into());
    }
    Ok(DemoCommand::Compare(Box::new(comparison)))
}

/// An option by which `demo` is no run.
struct NoRun {
    usage: &'static str,
    command: DemoCommand,
    only: &'static str,
}

impl NoRun {
    fn name(&self) -> &'static str {
        self.usage.split(' ').next().unwrap_or_default()
    }
}

fn no_run(args: &Args) -> Vec<NoRun> {
    let typed = &args.hidden;
    let no_run = |usage, command, only| NoRun { usage, command, only };
    let serve = typed
        .serve
        .map(|addr| DemoCommand::Serve(addr.unwrap_or(SERVE_DEFAULT)))
        .map(|serve| no_run("--serve [ADDR]", serve, "only answers"));
    let many =
        typed.many.map(|n| no_run("--many [N]", DemoCommand::Many(n.unwrap_or(MANY_DEFAULT)), "only shows"));
    let block = typed.block.then(|| no_run("--block", DemoCommand::Block, "only shows"));
    [serve, many, block].into_iter().flatten().collect()
}

/// An option of a run that could not be heeded would only seem to do something.
fn demo_without_run(no_run: &NoRun, args: &Args, matches: &ArgMatches) -> Result<(), UsageError> {
    let name = no_run.name();
    if args.operands.first().is_none_or(|first| first != "demo") {
        return Err(UsageError::option(
            name,
            format_args!("belongs to demo: greenfetch demo {}", no_run.usage),
        ));
    }
    no_operand_after_demo(args)?;
    let command = Args::command();
    let typed =
        |arg: &&clap::Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    match command.get_opts().filter(|arg| !arg.is_hide_set()).find(typed) {
        Some(arg) => {
            let other = arg.get_long().unwrap_or_default();
            Err(UsageError::option(name, format_args!("{}; --{other} belongs to a run", no_run.only)))
        }
        None => Ok(()),
    }
}

fn no_operand_after_demo(args: &Args) -> Result<(), UsageError> {
    match args.operands.get(1) {
        None => Ok(()),
        Some(operand) => Err(UsageError(format!(
            "demo brings its own list, but '{}' was given; a file called demo is ./demo",
            shown_path(operand)
        ))),
    }
}

fn help(topics: &[OsString]) -> Result<Command, UsageError> {
    let topic = match topics {
        [] => return Ok(Command::Print(help_text(true))),
        [topic] => topic.to_string_lossy(),
        _ => return Err(UsageError("help: one topic at a time".to_owned())),
    };
    match &*topic {
        "exit-codes" => Ok(Command::Help(HelpTopic::ExitCodes)),
        "schema" => Ok(Command::Help(HelpTopic::Schema)),
        "grammar" => Ok(Command::Help(HelpTopic::Grammar)),
        _ => Err(UsageError(format!(
            "help: there is no topic '{}', only exit-codes, grammar and schema",
            shown(&topic)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{complaint, config, typed};
    use super::*;
    use crate::config::Operand;

    #[test]
    fn a_command_is_one_only_as_the_first_operand() {
        assert!(
            matches!(typed(&["--json", "demo"]), Ok(Command::Demo(DemoCommand::Fetch(config))) if config.output.json)
        );
        assert!(matches!(typed(&["help"]), Ok(Command::Print(page)) if page == help_text(true)));
        assert!(matches!(typed(&["help", "exit-codes"]), Ok(Command::Help(HelpTopic::ExitCodes))));
        assert!(matches!(typed(&["help", "grammar"]), Ok(Command::Help(HelpTopic::Grammar))));
        assert_eq!(complaint(&["http://a/", "demo"]), "greenfetch: demo: no such file");
        assert_eq!(complaint(&["./help"]), "greenfetch: ./help: no such file");
    }

    #[test]
    fn there_is_help_about_a_few_things() {
        assert!(matches!(typed(&["help", "schema"]), Ok(Command::Help(HelpTopic::Schema))));
        assert!(complaint(&["help", "\x1b[2J"]).contains("'\\x1b[2J'"));
        assert!(complaint(&["help", "exit-codes", "x"]).contains("one topic"));
    }

    #[test]
    fn serve_belongs_to_demo_and_to_nothing_else() {
        let served = |words: &[&str]| match typed(words) {
            Ok(Command::Demo(DemoCommand::Serve(address))) => address.to_string(),
            other => panic!("{words:?}: {other:?}"),
        };
        assert_eq!(served(&["demo", "--serve"]), "127.0.0.1:0");
        assert_eq!(served(&["demo", "--serve", "8080", "-sS"]), "127.0.0.1:8080");
        assert_eq!(served(&["--serve=0.0.0.0:1", "demo"]), "0.0.0.0:1");
        assert!(complaint(&["--serve"]).contains("belongs to demo: greenfetch demo --serve [ADDR]"));
        assert!(complaint(&["demo", "--serve", "--json"]).contains("--json belongs to a run"));
        assert!(complaint(&["demo", "urls.txt"]).contains("a file called demo is ./demo"));
        assert!(complaint(&["demo", "--serve=here"]).contains("'here' is no address"));
    }

    #[test]
    fn what_demo_shows_takes_no_option_of_a_run() {
        let many = |words: &[&str]| match typed(words) {
            Ok(Command::Demo(DemoCommand::Many(n))) => n,
            other => panic!("{words:?}: {other:?}"),
        };
        assert_eq!((many(&["demo", "--many"]), many(&["demo", "--many", "200"])), (10_000, 200));
        assert!(matches!(typed(&["demo", "--block"]), Ok(Command::Demo(DemoCommand::Block))));
        let pairs: [(&[&str], &str); 6] = [
            (&["demo", "--many", "0"], "--many: '0' is no whole number from 1 to 4294967295"),
            (&["demo", "--many", "--json"], "--many: only shows; --json belongs to a run"),
            (&["demo", "--block", "-j", "3"], "--block: only shows; --jobs belongs to a run"),
            (&["--block"], "--block: belongs to demo: greenfetch demo --block"),
            (&["demo", "--many", "--block"], "--many and --block contradict: leave one out"),
            (
                &["demo", "--block", "x"],
                "demo brings its own list, but 'x' was given; a file called demo is ./demo",
            ),
        ];
        for (words, text) in pairs {
            assert_eq!(complaint(words), format!("greenfetch: {text}"));
        }
    }

    #[test]
    fn help_and_version_are_texts_without_colour() {
        for words in [&["-h"], &["--help"], &["-V"], &["--version"]] {
            let Ok(Command::Print(page)) = typed(words) else { panic!("{words:?}") };
            assert!(page.ends_with('\n') && !page.contains('\x1b'), "{words:?}: {page:?}");
        }
        assert!(
            matches!(typed(&["demo", "-V"]), Ok(Command::Print(page)) if page.starts_with("greenfetch 0."))
        );
    }

    #[test]
    fn curls_habits_do_no_harm() {
        let config = config(
            "-fsSL -Z -g --fail --location --show-error --parallel --globoff --silent --fail-early -L -",
        );
        assert!(config.run.fail_fast);
        assert_eq!(config.operands, [Operand::Stdin]);
    }

    #[test]
    fn a_complaint_names_the_option_and_what_is_allowed() {
        let pointer = "\n'greenfetch --help' lists every option.";
        let rows = [
            (&["--rate", "5"][..], "--rate: '5' has no unit; write 5/s or 5/m", ""),
            (&["-j", "-3"], "--jobs: '-3' is no whole number from 1 to 4294967295", ""),
            (&["--rate"], "--rate <RATE>: a value is missing", pointer),
            (&["--josb", "3"], "there is no option '--josb'; did you mean '--jobs'?", pointer),
            (&["-~"], "there is no option '-~'", pointer),
            (&["--\x1b[2J\n"], "there is no option '--\\x1b[2J\\x0a'", pointer),
            (&["--sync=1"], "--sync: takes no value, but '1' was given", pointer),
            (&["-k=1"], "there is no option '-='", pointer),
            (
                &["-u", "hunter2"],
                "--user: a password is missing; write USER:PASS, or USER: for an empty one",
                "",
            ),
        ];
        for (words, text, end) in rows {
            assert_eq!(complaint(words), format!("greenfetch: {text}{end}"), "{words:?}");
        }
    }

    #[test]
    fn options_of_others_get_a_hint() {
        let rows: [(&[&str], &str); 9] = [
            (&["-sSo", "/dev/null"], "-o: write --output-dir DIR"),
            (&["-w%{http_code}"], "-w: there is no format"),
            (&["--tries=3"], "--tries: write --retry N"),
            (&["-i", "urls.txt"], "-i: a list is an operand"),
            (&["-#"], "-#: leave it out"),
            (&["-0"], "-0: HTTP/1.1 is all there is"),
            (&["--proxy-user=u:secret"], "--proxy-user: write -x http://USER:PASS@HOST:PORT"),
            (&["--json={}"], "--json: prints records and takes no value"),
            (&["--json", "{\"a\":1}"], "--json: prints records and takes no value"),
        ];
        for (words, start) in rows {
            let complaint = complaint(words);
            assert!(complaint.starts_with(&format!("greenfetch: {start}")), "{words:?}: {complaint}");
            assert!(!complaint.contains("secret"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_text_is_named_by_its_option() {
        use std::os::unix::ffi::OsStringExt;
        let odd = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        assert_eq!(
            complaint(&[odd(b"-A"), odd(b"\xff")]),
            "greenfetch: --user-agent: the value is not UTF-8"
        );
        assert_eq!(
            complaint(&[odd(b"-d"), odd(b"@\xff")]),
            "greenfetch: --data: the name of the file is not UTF-8"
        );
        assert!(complaint(&[odd(b"--\xff")]).contains("there is no option"));
        assert!(complaint(&[odd(b"\xff")]).contains("no such file"));
        assert!(matches!(typed(&[odd(b"demo"), odd(b"-d"), odd(b"\xff")]), Ok(Command::Demo(_))));
    }

    proptest! {
        #[test]
        fn any_words_are_a_command_or_a_clean_complaint(words in prop::collection::vec("-{0,2}[a-zA-Z0-9#]{0,6}(=.{0,5})?|.{0,8}", 0..6)) {
            if let Err(error) = typed(&words) {
                let text = error.to_string();
                prop_assert!(text.starts_with("greenfetch: "), "{text}");
                prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            }
        }
    }
}
