//! The second reading: the one reader of all inputs, on its own thread, as fast as there are credits.
//!
//! Knows batches and how reading goes on after an error. Refuses to read further ahead than one block, to hold more
//! entries than it has credits for and one, and to know what an entry is made into.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::audience::{At, Audience, Closed, Found, Halt, Rejected};
use super::grammar::Fault;
use super::http_url::{self, Urls};
use super::input::Input;
use super::setting::Setting;
use super::walk::{Scope, Walker};
use super::{Credits, Delivery, Entry, LeftOut, LeftOuts, Reading, Variables, again, secrets};

/// Entries handed over at once: enough to make a message a small part of an entry's cost.
const BATCH: usize = 64;

/// What a run was given to fetch, checked as far as it can be, and not taken up yet.
#[derive(Debug)]
pub struct List {
    inputs: Vec<Input>,
    reading: Reading,
    /// Of `--defaults`.
    defaults: Arc<[Setting]>,
    entries: Option<u64>,
    several_hosts: bool,
}

impl List {
    pub(super) fn of(inputs: Vec<Input>, reading: &Reading, defaults: Arc<[Setting]>) -> List {
        List { inputs, reading: reading.clone(), defaults, entries: None, several_hosts: false }
    }

    pub(super) fn counted(self, entries: Option<u64>, several_hosts: bool) -> List {
        List { entries, several_hosts, ..self }
    }

    /// How many entries there are, lines without a URL included; `None` when a part of them is only known as it comes.
    pub fn entries(&self) -> Option<u64> {
        self.entries
    }

    /// Whether entries that were checked have more than one host among them; streams are not known.
    pub fn several_hosts(&self) -> bool {
        self.several_hosts
    }

    /// Reads all inputs in order, on a thread of its own. Each entry is made into what the loop takes up by `plan`, with
    /// its number in the whole input from 0, and costs one credit; what a read brought is delivered before the next
    /// read, so that entries of a pipe come as they were written.
    ///
    /// `Delivery::End` is the last delivery, unless the credits were closed: then the thread ends without a word at its
    /// next line. A read that waits for standard input cannot be woken, so drop the handle and do not join it.
    ///
    /// # Errors
    /// The system has no thread for us.
    pub fn start<L: Send + 'static>(
        self,
        plan: impl FnMut(u64, Entry) -> Result<L, LeftOut> + Send + 'static,
        credits: Arc<Credits>,
        deliver: impl FnMut(Delivery<L>) + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let mut reader = Reader {
            plan,
            credits,
            deliver,
            again: self.reading.wants_again.then(|| self.reading.variables.clone()),
            begun: None,
            batch: Vec::new(),
            purse: 0,
            urls: Urls::default(),
            urlnum: 0,
            faults: 0,
            left_out: LeftOuts::default(),
            troubles: Vec::new(),
        };
        thread::Builder::new().name("list".to_owned()).spawn(move || reader.run(&self))
    }
}

/// An entry that may still get settings.
struct Begun {
    entry: Entry,
    /// The URL as it is written, in full; only where it is wanted.
    url_again: Option<String>,
    more: Vec<Setting>,
    /// What is wrong with it: it is not fetched.
    faults: Vec<String>,
}

struct Reader<P, L, D> {
    plan: P,
    credits: Arc<Credits>,
    deliver: D,
    /// Whose names stand in an entry that is written again; `None` where none is wanted.
    again: Option<Variables>,
    begun: Option<Begun>,
    /// Paid for, not delivered yet.
    batch: Vec<L>,
    /// Credits taken and not spent yet.
    purse: usize,
    urls: Urls,
    urlnum: u64,
    /// Errors of the input that is being read.
    faults: u64,
    left_out: LeftOuts,
    troubles: Vec<String>,
}

impl<P, L, D> Reader<P, L, D>
where
    P: FnMut(u64, Entry) -> Result<L, LeftOut>,
    D: FnMut(Delivery<L>),
{
    /// A panic must not leave the loop waiting for an end that never comes.
    fn run(&mut self, list: &List) {
        let error = match catch_unwind(AssertUnwindSafe(|| self.read_all(list))) {
            Ok(Err(Closed)) => return,
            Ok(Ok(())) => (!self.troubles.is_empty()).then(|| self.troubles.join("; ")),
            Err(_) => Some("the list could not be read to its end: a bug in greenfetch".to_owned()),
        };
        (self.deliver)(Delivery::End { error, left_out: self.left_out });
    }

    /// An input that breaks off leaves the others to be read.
    fn read_all(&mut self, list: &List) -> Result<(), Closed> {
        let mut walker = Walker::new(&list.reading);
        for input in &list.inputs {
            let mut scope = Scope::of(input, &list.reading, &list.defaults);
            let result = match input {
                Input::Url { url, location } => {
                    let at = At { source: &location.source, line: location.line };
                    walker.operand(url, at, &scope, self).map_err(Halt::from)
                }
                Input::File { .. } | Input::Stream { .. } => walker.input(input, &mut scope, self),
            };
            match std::mem::take(&mut self.faults) {
                0 => {}
                faults => self.troubles.push(format!("list errors on {}: {faults}", input.called())),
            }
            match result {
                Ok(()) => {}
                Err(Halt::Broken(error)) => self.troubles.push(error.to_string()),
                Err(Halt::Closed) => return Err(Closed),
            }
        }
        self.flush();
        Ok(())
    }

    fn push(&mut self, listed: L) -> Result<(), Closed> {
        if self.purse == 0 {
            self.flush();
            self.purse = self.credits.take(BATCH);
        }
        self.purse = self.purse.checked_sub(1).ok_or(Closed)?;
        self.batch.push(listed);
        if self.batch.len() == BATCH {
            self.flush();
        }
        Ok(())
    }

    /// Entries that are left out cost nothing and are counted in the numbers of the others.
    fn take(&mut self, entry: Entry) -> Result<(), Closed> {
        let planned = (self.plan)(self.urlnum, entry);
        self.urlnum += 1;
        match planned {
            Ok(listed) => return self.push(listed),
            Err(LeftOut::ByChoice) => self.left_out.by_choice += 1,
            Err(LeftOut::ByShard) => self.left_out.by_shard += 1,
        }
        Ok(())
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            (self.deliver)(Delivery::Listed(std::mem::take(&mut self.batch)));
        }
    }
}

impl<P, L, D> Audience for Reader<P, L, D>
where
    P: FnMut(u64, Entry) -> Result<L, LeftOut>,
    D: FnMut(Delivery<L>),
{
    fn entry(&mut self, found: Found<'_>) {
        let url = match found.base {
            Some(base) => http_url::join(&base.url, &found.text),
            None => self.urls.parse(&found.text),
        };
        let variables = self.again.as_ref().zip(url.as_ref().ok());
        let url_again = variables.map(|(variables, url)| again::url(&found, url, variables));
        let Found { at, method, text, settings, defaults, .. } = found;
        let entry = Entry {
            location: at.location(),
            method,
            text: text.into_owned(),
            url,
            settings,
            defaults: Arc::clone(defaults),
            again: None,
        };
        self.begun = Some(Begun { entry, url_again, more: Vec::new(), faults: Vec::new() });
    }

    fn more(&mut self, settings: Vec<Setting>) {
        if let Some(begun) = &mut self.begun {
            begun.more.extend(settings);
        }
    }

    fn settle(&mut self) -> Result<(), Closed> {
        let Some(Begun { mut entry, url_again, more, faults }) = self.begun.take() else { return Ok(()) };
        if !more.is_empty() {
            entry.settings = entry.settings.iter().cloned().chain(more).collect();
        }
        if !faults.is_empty() {
            entry.url = Err(faults.join("; "));
        }
        if entry.url.is_ok() {
            entry.again = url_again.map(|url| again::text(&entry, &url));
        }
        self.take(entry)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> Result<(), Closed> {
        let Rejected { at, text, reason, settings, defaults } = rejected;
        let (location, text, url) = (at.location(), text.into_owned(), Err(reason));
        self.take(Entry { location, method: None, text, url, settings, defaults, again: None })
    }

    /// An error of the list has come too late to refuse the run: it is a failed record, and the exit is 2 at the end.
    fn fault(&mut self, at: At<'_>, fault: &Fault<'_>) -> Result<(), Closed> {
        self.faults += 1;
        let (text, reason) = secrets::told(fault);
        match &mut self.begun {
            None => {
                let (settings, defaults) = Default::default();
                return self.rejected(Rejected { at, text: text.into(), reason, settings, defaults });
            }
            Some(begun) if begun.entry.location.line == at.line => begun.faults.push(reason),
            Some(begun) => begun.faults.push(format!("line {}: {reason}", at.line)),
        }
        Ok(())
    }

    fn warn(&mut self, words: String) {
        (self.deliver)(Delivery::Warning(words));
    }

    fn about_to_read(&mut self) -> Result<(), Closed> {
        self.flush();
        if self.credits.is_closed() { Err(Closed) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::{self, Receiver};

    use super::*;
    use crate::config::Operand;

    /// What is planned here: number, line, and the URL or why not.
    type Seen = (u64, u32, String);

    struct Run {
        credits: Arc<Credits>,
        deliveries: Receiver<Delivery<Seen>>,
        thread: JoinHandle<()>,
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape that a plan has")]
    fn plan(urlnum: u64, entry: Entry) -> Result<Seen, LeftOut> {
        let text = entry.url.map_or_else(|reason| format!("! {reason}"), String::from);
        Ok((urlnum, entry.location.line, text))
    }

    fn start(list: List) -> Run {
        let (sender, deliveries) = mpsc::channel();
        let credits = Arc::new(Credits::new());
        let deliver = move |delivery| sender.send(delivery).unwrap_or_default();
        let thread = list.start(plan, Arc::clone(&credits), deliver).unwrap();
        Run { credits, deliveries, thread }
    }

    fn start_files(paths: &[&Path]) -> Run {
        let operands: Vec<Operand> = paths.iter().map(|path| Operand::File(path.to_path_buf())).collect();
        start(super::super::check(&operands, &Reading::default()).unwrap())
    }

    /// As streams are read: nothing was checked.
    fn start_unchecked(path: &Path) -> Run {
        let input = Input::Stream { path: Some(path.to_owned()), name: "pipe".into() };
        start(List::of(vec![input], &Reading::default(), Arc::default()))
    }

    /// All that comes with credits enough: the entries and the end's error.
    fn all(run: Run) -> (Vec<Seen>, Option<String>) {
        run.credits.give(1_000_000);
        run.thread.join().unwrap();
        let (mut seen, mut end) = (Vec::new(), None);
        for delivery in run.deliveries {
            assert_eq!(end, None, "nothing comes after the end");
            match delivery {
                Delivery::Listed(batch) => seen.extend(batch),
                Delivery::End { error, .. } => end = Some(error),
                Delivery::Warning(words) => panic!("{words}"),
            }
        }
        (seen, end.expect("an end"))
    }

    fn listed(run: &Run) -> usize {
        match run.deliveries.recv().unwrap() {
            Delivery::Listed(batch) => batch.len(),
            Delivery::End { .. } | Delivery::Warning(_) => 0,
        }
    }

    fn file(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn all_inputs_are_read_in_order_and_numbered_through() {
        let dir = tempfile::tempdir().unwrap();
        let list = file(
            &dir,
            "list",
            b"\xef\xbb\xbfhttps://a/\r\n\r\n# note\r\nPOST https://b/ # note\r\nwords\r\nhttp://c",
        );
        let operands =
            [Operand::Url("https://o/".into()), Operand::File(list), Operand::Url("ftp://p/".into())];
        let (seen, end) = all(start(super::super::check(&operands, &Reading::default()).unwrap()));
        let expected = [
            (0, 1, "https://o/"),
            (1, 1, "https://a/"),
            (2, 4, "https://b/"),
            (3, 5, "! not an http or https URL"),
            (4, 6, "http://c/"),
            (5, 3, "! scheme ftp is not fetched: http and https only"),
        ];
        assert_eq!(seen, expected.map(|(urlnum, line, text)| (urlnum, line, text.to_owned())));
        assert_eq!(end, None);
    }

    #[test]
    fn never_more_is_delivered_than_there_are_credits_for() {
        let dir = tempfile::tempdir().unwrap();
        let run = start_files(&[&file(&dir, "list", "https://a/\n".repeat(200).as_bytes())]);
        let mut left = 200;
        for (credits, batches) in [(1, &[1][..]), (50, &[50]), (64, &[64]), (85, &[64, 21])] {
            run.credits.give(credits);
            for &batch in batches {
                // Several smaller ones may come where credits were taken in pieces, never more in all.
                let mut got = 0;
                while got < batch {
                    got += listed(&run);
                }
                assert_eq!(got, batch);
                left -= got;
            }
        }
        assert_eq!(left, 0);
        assert_eq!(run.deliveries.recv(), Ok(Delivery::End { error: None, left_out: LeftOuts::default() }));
    }

    #[test]
    fn an_empty_list_ends_without_credits() {
        let dir = tempfile::tempdir().unwrap();
        let run = start_files(&[&file(&dir, "list", b"# nothing\n\n")]);
        assert_eq!(run.deliveries.recv(), Ok(Delivery::End { error: None, left_out: LeftOuts::default() }));
    }

    #[test]
    fn the_end_follows_the_last_entry_without_another_credit() {
        let dir = tempfile::tempdir().unwrap();
        let run = start_files(&[&file(&dir, "list", b"https://a/\nhttps://b/\n")]);
        run.credits.give(2);
        run.thread.join().unwrap();
        assert_eq!(
            run.deliveries.iter().last(),
            Some(Delivery::End { error: None, left_out: LeftOuts::default() })
        );
    }

    #[test]
    fn closed_credits_end_the_thread_without_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let run = start_files(&[&file(&dir, "list", b"https://a/\nhttps://b/\n")]);
        run.credits.give(1);
        assert_eq!(listed(&run), 1);
        run.credits.close();
        run.thread.join().unwrap();
        assert!(run.deliveries.recv().is_err());
    }

    #[test]
    fn entries_of_a_pipe_come_while_its_writer_is_still_there() {
        let (reader, mut writer) = io::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        let run = start_files(&[Path::new(&path)]);
        run.credits.give(10);
        for (bytes, entries) in
            [(&b"https://a/\nhttps://b"[..], 1), (b"/\n", 1), (b"# x\nhttps://c/\nhttps://d/\nht", 2)]
        {
            writer.write_all(bytes).unwrap();
            assert_eq!(listed(&run), entries);
        }
        drop(writer);
        assert_eq!(
            run.deliveries.recv(),
            Ok(Delivery::Listed(vec![(4, 6, "! not an http or https URL".to_owned())]))
        );
        assert_eq!(run.deliveries.recv(), Ok(Delivery::End { error: None, left_out: LeftOuts::default() }));
    }

    #[test]
    fn errors_of_a_stream_are_failed_records_and_the_end_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, "list", b"https://a/ b\nget https://b/\nhttps://c/\n\0\n");
        let (seen, end) = all(start_unchecked(&path));
        assert_eq!(seen.len(), 4);
        assert!(seen[0].2.starts_with("! a word that is no setting: write a blank in a URL as %20"));
        assert_eq!(seen[1].2, "! a word before the URL that is no method: write GET");
        assert_eq!(seen[2].2, "https://c/");
        assert_eq!(end.as_deref(), Some("list errors on pipe: 2"));
    }

    #[test]
    fn a_stream_that_is_no_text_gives_nothing_but_an_error() {
        let dir = tempfile::tempdir().unwrap();
        for (bytes, expected) in [
            (&b"\xff\xfeh\0t\0"[..], "pipe is UTF-16 text: save it as UTF-8"),
            (
                b"h\0\nhttps://a/\n",
                "pipe is no text, its first line has a NUL: if it is a list, save it as UTF-8",
            ),
        ] {
            let (seen, end) = all(start_unchecked(&file(&dir, "list", bytes)));
            assert_eq!((seen.len(), end.as_deref()), (0, Some(expected)));
        }
    }

    #[test]
    fn a_file_that_changed_or_went_since_it_was_checked_is_an_error_of_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [
            file(&dir, "changed", b"https://a/\n"),
            file(&dir, "gone", b""),
            file(&dir, "last", b"https://c/"),
        ];
        let operands = paths.clone().map(Operand::File);
        let list = super::super::check(&operands, &Reading::default()).unwrap();
        fs::write(&paths[0], "https://a/ b\n").unwrap();
        fs::remove_file(&paths[1]).unwrap();
        let (seen, end) = all(start(list));
        assert_eq!(seen.len(), 2, "the other inputs are read all the same");
        let (changed, gone) = (paths[0].display(), paths[1].display());
        let expected = format!("list errors on {changed}: 1; cannot read {gone}: No such file or directory");
        assert_eq!(end, Some(expected));
    }

    #[test]
    fn a_panic_is_an_end_with_an_error() {
        let (sender, deliveries) = mpsc::channel();
        let list = super::super::check(&[Operand::Url("https://a/".into())], &Reading::default()).unwrap();
        let plan = |_, _| -> Result<Seen, LeftOut> { panic!("a bug, on purpose") };
        let thread = list
            .start(plan, Arc::new(Credits::new()), move |delivery| sender.send(delivery).unwrap())
            .unwrap();
        thread.join().unwrap();
        assert!(matches!(deliveries.recv(), Ok(Delivery::End { error: Some(_), .. })));
    }
}
