//! What a run was given to fetch, and who makes something of it.
//!
//! Knows how the second reading is begun, on its own thread. Refuses to read (`reader`) and to know what an entry is made
//! into.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::input::Input;
use super::plain::PlainLines;
use super::reader::Reader;
use super::setting::Setting;
use super::{Credits, Delivery, Entry, LeftOut, Reading};

/// What entries are made into.
pub trait Plan<L> {
    /// An entry, with its number in the whole input from 0.
    ///
    /// # Errors
    /// It is left out.
    fn entry(&mut self, urlnum: u64, entry: Entry) -> Result<L, LeftOut>;

    /// How lines that differ by their URL alone are taken together; `None` when they are to be entries.
    fn together(&self) -> Option<Together<Self, L>> {
        None
    }
}

/// Makes something of such lines.
pub type Together<P, L> = fn(&mut P, PlainLines) -> L;

impl<L, F: FnMut(u64, Entry) -> Result<L, LeftOut>> Plan<L> for F {
    fn entry(&mut self, urlnum: u64, entry: Entry) -> Result<L, LeftOut> {
        self(urlnum, entry)
    }
}

/// What a run was given to fetch, checked as far as it can be, and not taken up yet.
#[derive(Debug)]
pub struct List {
    pub(super) inputs: Vec<Input>,
    pub(super) reading: Reading,
    /// Of `--defaults`.
    pub(super) defaults: Arc<[Setting]>,
    entries: Option<u64>,
    /// How many each input had when it was checked; of streams none.
    pub(super) of_each: Vec<u64>,
    several_hosts: bool,
}

impl List {
    pub(super) fn of(inputs: Vec<Input>, reading: &Reading, defaults: Arc<[Setting]>) -> List {
        let of_each = Vec::new();
        List { inputs, reading: reading.clone(), defaults, entries: None, of_each, several_hosts: false }
    }

    pub(super) fn counted(self, entries: Option<u64>, of_each: Vec<u64>, several_hosts: bool) -> List {
        List { entries, of_each, several_hosts, ..self }
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
        plan: impl Plan<L> + Send + 'static,
        credits: Arc<Credits>,
        deliver: impl FnMut(Delivery<L>) + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let again = self.reading.wants_again.then(|| self.reading.variables.clone());
        let mut reader = Reader::new(plan, credits, deliver, again);
        thread::Builder::new().name("list".to_owned()).spawn(move || reader.run(&self))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::{self, Receiver};

    use super::super::{LeftOuts, PlainLine};
    use super::*;
    use crate::config::Operand;
    use crate::request::Location;

    /// What is planned here: number, line, and the URL or why not.
    type Seen = (u64, u32, String);

    struct Run {
        credits: Arc<Credits>,
        deliveries: Receiver<Delivery<Seen>>,
        thread: JoinHandle<()>,
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape that a plan has")]
    fn plan(urlnum: u64, entry: Entry) -> Result<Seen, LeftOut> {
        let mut text = entry.url.map_or_else(|reason| format!("! {reason}"), String::from);
        for setting in entry.settings.iter() {
            text += &format!(" {setting:?}");
        }
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
    fn entries_that_went_since_they_were_checked_are_missed() {
        let dir = tempfile::tempdir().unwrap();
        let list = file(&dir, "list", b"https://a/\nhttps://b/\nwords\n");
        let operands = [Operand::Url("https://o/".into()), Operand::File(list.clone())];
        for (left, missed) in [("https://a/\n", Some("1 of 3")), ("", Some("0 of 3")), ("a\nb\nc\nd", None)] {
            fs::write(&list, "https://a/\nhttps://b/\nwords\n").unwrap();
            let checked = super::super::check(&operands, &Reading::default()).unwrap();
            fs::write(&list, left).unwrap();
            let said = |of| format!("{} changed while it was read: {of} entries are left", list.display());
            assert_eq!(all(start(checked)).1, missed.map(said), "{left:?}");
        }
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

    /// Takes plain lines together.
    struct Gatherer;

    impl Plan<Vec<Seen>> for Gatherer {
        fn entry(&mut self, urlnum: u64, entry: Entry) -> Result<Vec<Seen>, LeftOut> {
            plan(urlnum, entry).map(|seen| vec![seen])
        }

        fn together(&self) -> Option<Together<Gatherer, Vec<Seen>>> {
            Some(|_, mut lines| {
                let entry = |lines: &mut PlainLines| {
                    let (settings, defaults) = (Arc::clone(lines.settings()), Arc::clone(lines.defaults()));
                    let PlainLine { urlnum, source, line, text, url } = lines.next_url()?;
                    let location = Location { source: Arc::clone(source), line };
                    let text = text.to_owned();
                    let url = url.map(|url| url.url().into_owned());
                    let entry = Entry { location, method: None, text, url, settings, defaults, again: None };
                    plan(urlnum, entry).ok()
                };
                std::iter::from_fn(|| entry(&mut lines)).collect()
            })
        }
    }

    #[test]
    fn plain_lines_come_together_and_are_the_entries_that_they_would_be_alone() {
        const KINDS: [&str; 9] = [
            "http://a/1",
            "https://b:x/no-port",
            "http://a/2 name=b",
            "http://a/2b   max-time=5 name=c",
            "http://a/3\n  name=c",
            "no url",
            "POST http://a/4",
            "# comment\n\nhttp://a/5?x#y",
            "http://a/6\n  nonsense=1",
        ];
        let dir = tempfile::tempdir().unwrap();
        // Every kind after every other, and some of each in a row.
        let pairs = KINDS.iter().flat_map(|one| KINDS.map(|other| format!("{one}\n{other}\n")));
        let text = pairs.chain(KINDS.map(|kind| format!("{kind}\n").repeat(70))).collect::<String>();
        let path = file(&dir, "list.txt", text.as_bytes());
        let (alone, error) = all(start_unchecked(&path));
        let (sender, deliveries) = mpsc::channel();
        let credits = Arc::new(Credits::new());
        credits.give(1_000_000);
        let input = Input::Stream { path: Some(path), name: "pipe".into() };
        let list = List::of(vec![input], &Reading::default(), Arc::default());
        list.start(Gatherer, credits, move |delivery| sender.send(delivery).unwrap_or_default())
            .unwrap()
            .join()
            .unwrap();
        let (mut together, mut largest) = (Vec::new(), 0);
        for delivery in deliveries {
            match delivery {
                Delivery::Listed(portions) => {
                    largest = portions.iter().map(Vec::len).fold(largest, usize::max);
                    together.extend(portions.into_iter().flatten());
                }
                Delivery::End { error: other, .. } => assert_eq!(other, error),
                Delivery::Warning(words) => panic!("{words}"),
            }
        }
        assert_eq!(together, alone);
        assert!(largest > 20, "{largest} at most came together");
    }
}
