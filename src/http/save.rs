//! Bodies that are kept: a temporary name while a body comes, its own name once its URL has passed.
//!
//! Knows names that are safe everywhere, and that nothing which was there before is ever touched. Refuses to decide what
//! passes (`check`). Nothing here blocks the worker: whatever touches the disk is a job, one at a time for a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use super::buffers::Lender;
use super::carrying::{self, Carried, Course};
use super::connection::Deadline;
use super::error;
use super::stopwatch::Stopwatch;
use crate::outcome::{Class, Failure, Phase};
use crate::request::Request;
use crate::response::Response;
use crate::runtime::{NoResult, Offload, Runtime, Slot, Socket, Wake, rename_without_replacing};

/// So many bytes are written at once, at least; a body that is shorter is one job. What one read brings at most, as each
/// job wakes a thread and is waited for.
pub(super) const BLOCK_BYTES: usize = 256 << 10;

/// So much longer than its attempt may last a job is waited for that writes or removes: given up, it would leave its file
/// behind where the process ends before it.
const GRACE: Duration = Duration::from_secs(2);

/// The longest name in bytes; with what is added to it while it is temporary below the 255 of every file system.
const MOST_NAME_BYTES: usize = 200;

/// The longest ending, dot included, that a name keeps when it has to be cut.
const MOST_ENDING_BYTES: usize = 12;

/// Where bodies are saved.
pub(super) struct Folder {
    path: PathBuf,
    offload: Arc<Offload>,
    /// The number of this process where several save into one folder.
    process: Option<u32>,
}

impl Folder {
    /// Makes the folder if it is missing.
    ///
    /// # Errors
    /// A sentence for exit 2.
    pub(super) fn open(path: &Path, runtime: &Runtime) -> Result<Folder, String> {
        let made = fs::create_dir_all(path).and_then(|()| fs::metadata(path));
        let complain =
            |why: &str| format!("--output-dir: {}: {why}", crate::sanitize::escape(&path.to_string_lossy()));
        match made {
            Ok(metadata) if metadata.is_dir() => {
                Ok(Folder { path: path.to_owned(), offload: Arc::clone(runtime.offload()), process: None })
            }
            Ok(_) => Err(complain("is not a directory")),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(complain("is not a directory")),
            Err(error) => Err(complain(&error::system_word(&error))),
        }
    }

    /// Has unfinished files go by the number of this process.
    pub(super) fn share(&mut self, process: u32) {
        self.process = Some(process);
    }

    /// Begins to save a body. Until there is a block of it, nothing is on the disk.
    #[inline(never)]
    pub(super) fn begin(&self, request: &Request, slot: &Arc<Slot>, total: Deadline) -> Box<Saving> {
        let (below, name) = place(request);
        Box::new(Saving {
            root: self.path.clone(),
            folder: self.path.join(&below),
            below,
            unfinished: unfinished(&name, self.process),
            name,
            offload: Arc::clone(&self.offload),
            slot: Arc::clone(slot),
            total,
            pending: Vec::new(),
            part: None,
            spent: Duration::ZERO,
        })
    }
}

/// A body that is being saved.
pub(super) struct Saving {
    /// As the user named it.
    root: PathBuf,
    /// What the list adds to it; mostly nothing.
    below: PathBuf,
    /// Both.
    folder: PathBuf,
    name: String,
    unfinished: String,
    offload: Arc<Offload>,
    slot: Arc<Slot>,
    total: Deadline,
    pending: Vec<u8>,
    part: Option<Part>,
    spent: Duration,
}

impl Saving {
    /// Takes bytes that are to be written soon.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Writes what has come together, once it is a block.
    ///
    /// # Errors
    /// `write`, or `timeout` when the disk takes longer than `--max-time`.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        if self.pending.len() < BLOCK_BYTES {
            return Ok(());
        }
        let pending = self.take_pending();
        let (part, mut pending) = self.on_disk(self.grace(), || pending.write())?;
        // The memory comes back: a fresh block would be cleared by the kernel page by page.
        pending.clear();
        (self.part, self.pending) = (Some(part), pending);
        Ok(())
    }

    /// Has the disk's thread write what has come together, and then receive so much at most and write it by itself.
    ///
    /// Fails as `settle` does; with what had been received until then.
    pub(super) fn carry(&mut self, socket: Arc<Socket>, most: usize, lender: &Lender) -> Carried {
        let (pending, lender) = (self.take_pending(), lender.clone());
        let course = Course::begin(&self.slot, self.total.at, Instant::now());
        let under_way = Arc::clone(&course);
        let carried = self.await_disk(self.grace(), move || {
            let mut part = under_way.write(|| pending.write())?.0;
            let mut buffer = lender.lend();
            let write = |block: &[u8]| part.write(block);
            let block = &mut buffer[..carrying::BLOCK_BYTES];
            let end = carrying::carry(&socket, most, block, &under_way, write);
            lender.take_back(buffer);
            Ok((part, end?))
        });
        let so_far = course.leave();
        self.spent += so_far.writing;
        let end = self.written(carried, so_far.phase).map(|(part, end)| {
            self.part = Some(part);
            end
        });
        Carried { received: so_far.received, end }
    }

    fn take_pending(&mut self) -> Pending {
        Pending {
            bytes: std::mem::take(&mut self.pending),
            part: self.part.take(),
            path: self.temporary(),
            root: self.root.clone(),
            below: self.below.clone(),
        }
    }

    /// Gives the file its name. Says what that is, with the folder as the user named it.
    fn keep(mut self: Box<Saving>) -> Result<String, Failure> {
        let (pending, name) = (self.take_pending(), self.folder.join(&self.name));
        let shown = name.to_string_lossy().into_owned();
        self.on_disk(self.total.at, move || {
            let (mut part, _) = pending.write()?;
            part.rename(name)?;
            Ok(part)
        })?
        .is_kept = true;
        Ok(shown)
    }

    /// Leaves nothing on the disk.
    pub(super) fn discard(mut self: Box<Saving>) {
        if let Some(part) = self.part.take() {
            // What cannot be removed stays under a name that says what it is.
            let _ = self.on_disk(self.grace(), move || {
                drop(part);
                Ok(())
            });
        }
    }

    /// How long the disk was waited for.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    /// Until when something is waited for that is to leave nothing; `None` is without limit.
    fn grace(&self) -> Option<Instant> {
        self.total.at.map(|at| at.max(Instant::now()) + GRACE)
    }

    fn temporary(&self) -> PathBuf {
        self.folder.join(&self.unfinished)
    }

    /// Has a thread do what touches the disk, with the slot parked. A stop of the run does not end the wait: what was
    /// begun is finished or removed before the process may end.
    fn on_disk<T: Send + 'static>(
        &mut self,
        until: Option<Instant>,
        job: impl FnOnce() -> Result<T, Unwritten> + Send + 'static,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let done = self.await_disk(until, job);
        self.spent += began.elapsed();
        self.written(done, Phase::Write)
    }

    fn await_disk<T: Send + 'static>(
        &self,
        until: Option<Instant>,
        job: impl FnOnce() -> Result<T, Unwritten> + Send + 'static,
    ) -> Result<Result<T, Unwritten>, NoResult> {
        let phase = self.slot.phase();
        self.slot.enter(Phase::Write, Instant::now());
        let done = self.slot.unstopped(|| self.offload.run(&self.slot, until, job));
        self.slot.enter(phase, Instant::now());
        done
    }

    /// What a job came to; it was in this phase when it was given up.
    fn written<T>(&self, done: Result<Result<T, Unwritten>, NoResult>, phase: Phase) -> Result<T, Failure> {
        match done {
            Ok(written) => written.map_err(|unwritten| unwritten.failure()),
            Err(NoResult::GaveUp(Wake::Stopped)) => Err(error::cancelled(phase)),
            Err(NoResult::GaveUp(_)) => Err(error::late(self.total.limit, phase)),
            Err(NoResult::NoThread(error)) => Err(Unwritten { path: self.temporary(), error }.failure()),
            Err(NoResult::Panicked) => {
                Err(error::internal(Phase::Write, "a bug in greenfetch: writing panicked"))
            }
        }
    }
}

/// The last step of an attempt: a file exists only for a URL that passed.
///
/// # Errors
/// Why the URL did not pass, or why its file could not be written.
#[inline(never)]
pub(super) fn conclude(
    saving: Option<Box<Saving>>,
    judged: Result<(), Failure>,
    watch: &mut Stopwatch,
    response: &mut Response,
) -> Result<(), Failure> {
    let Some(saving) = saving else { return judged };
    watch.enter(Phase::Write);
    match judged {
        Ok(()) => {
            response.filename_effective = Some(saving.keep()?);
            Ok(())
        }
        Err(failure) => {
            saving.discard();
            Err(failure)
        }
    }
}

/// What has come together and is not written yet, and where it belongs.
struct Pending {
    bytes: Vec<u8>,
    /// `None` as long as nothing is on the disk.
    part: Option<Part>,
    path: PathBuf,
    root: PathBuf,
    below: PathBuf,
}

impl Pending {
    /// Writes it, and gives back the file and the memory.
    fn write(self) -> Result<(Part, Vec<u8>), Unwritten> {
        let Pending { bytes, part, path, root, below } = self;
        let mut part = part.map_or_else(|| Part::create_below(&root, &below, path), Ok)?;
        part.write(&bytes)?;
        Ok((part, bytes))
    }
}

/// What the system said of which file.
struct Unwritten {
    path: PathBuf,
    error: io::Error,
}

impl Unwritten {
    fn failure(&self) -> Failure {
        let why = match self.error.kind() {
            io::ErrorKind::AlreadyExists => "is there already, and nothing is replaced".to_owned(),
            _ => error::system_word(&self.error),
        };
        Failure::new(Class::Write, Phase::Write, format!("{}: {why}", self.path.display()))
    }
}

/// A file that this run made. Dropped, it is gone, unless it is to be kept: so also when nobody waits any more for what
/// becomes of it.
struct Part {
    file: File,
    path: PathBuf,
    is_kept: bool,
}

impl Part {
    /// The same in folders that a list names, which are made.
    fn create_below(root: &Path, below: &Path, path: PathBuf) -> Result<Part, Unwritten> {
        make_folders(root, below)?;
        Part::create(path)
    }

    /// `O_EXCL`: neither a file nor a link that is there is opened (wget CVE-2014-4877).
    fn create(path: PathBuf) -> Result<Part, Unwritten> {
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Part { file, path, is_kept: false }),
            Err(error) => Err(Unwritten { path, error }),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Unwritten> {
        self.file.write_all(bytes).map_err(|error| Unwritten { path: self.path.clone(), error })
    }

    fn rename(&mut self, name: PathBuf) -> Result<(), Unwritten> {
        match rename_without_replacing(&self.path, &name) {
            Ok(()) => self.path = name,
            Err(error) => return Err(Unwritten { path: name, error }),
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nobody is left to be told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes what is missing of the folders below the root. A link is not followed, wherever it leads: what a list says must
/// not end up elsewhere.
fn make_folders(root: &Path, below: &Path) -> Result<(), Unwritten> {
    let mut path = root.to_owned();
    for part in below.components() {
        path.push(part);
        let made = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => continue,
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&path),
            Err(error) => Err(error),
        };
        match made {
            // Another URL has made it just now.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(error) => return Err(Unwritten { path, error }),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// What a file is called while it is none. With its process in the name, so that what another one that was killed has
/// left is in nobody's way.
fn unfinished(name: &str, process: Option<u32>) -> String {
    match process {
        None => format!(".{name}.part"),
        Some(process) => format!(".{name}.{process}.part"),
    }
}

/// Where the body of a request is saved while it comes, by a process that shares its folder.
pub(super) fn unfinished_path(root: &Path, request: &Request, process: u32) -> PathBuf {
    let (below, name) = place(request);
    root.join(below).join(unfinished(&name, Some(process)))
}

/// The folder below ours, and the name in it: as the list says, else of our own making.
fn place(request: &Request) -> (PathBuf, String) {
    let ours = || name(request.subject.urlnum, &request.url.url());
    let Some(wanted) = &request.save_as else { return (PathBuf::new(), ours()) };
    let mut path = PathBuf::from(wanted.dir.as_deref().unwrap_or_default());
    path.push(wanted.out.as_deref().map_or_else(|| ours().into(), PathBuf::from));
    // What the list's own room has let through has only plain parts; what has not is no way out either.
    let is_plain = |part: &Component<'_>| matches!(part, Component::Normal(_));
    let path: PathBuf = path.components().filter(is_plain).collect();
    let name = path.file_name().map_or_else(ours, |name| name.to_string_lossy().into_owned());
    (path.parent().map(Path::to_owned).unwrap_or_default(), name)
}

/// A name that is one on every system, whatever the URL says: the place in the list makes it unique and no device, `.`
/// or option, lower case keeps two apart where case does not count.
fn name(urlnum: u64, url: &Url) -> String {
    let said = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
    let mut slug = String::with_capacity(said.len());
    for letter in said.chars().map(|letter| letter.to_ascii_lowercase()) {
        let safe = if letter.is_ascii_alphanumeric() || "._".contains(letter) { letter } else { '-' };
        if safe.is_ascii_alphanumeric() || !slug.ends_with(['-', '.', '_']) {
            slug.push(safe);
        }
    }
    let slug = slug.trim_matches(['-', '.', '_']);
    let ordinal = format!("{urlnum:05}");
    if slug.is_empty() {
        ordinal
    } else {
        format!("{ordinal}-{}", shortened(slug, MOST_NAME_BYTES - ordinal.len() - 1))
    }
}

/// Cut in front of its ending. ASCII alone, so that every byte is a letter.
fn shortened(slug: &str, most: usize) -> String {
    if slug.len() <= most {
        return slug.to_owned();
    }
    let dot = slug.rfind('.').filter(|dot| slug.len() - dot <= MOST_ENDING_BYTES);
    let ending = dot.map_or("", |dot| &slug[dot..]);
    format!("{}{ending}", slug[..most - ending.len()].trim_end_matches(['-', '.', '_']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(url: &str) -> String {
        name(7, &Url::parse(url).unwrap())
    }

    #[test]
    fn a_name_says_where_it_comes_from() {
        for (url, expected) in [
            ("http://Example.com/", "00007-example.com"),
            ("http://example.com/A/b.HTML?x=1#y", "00007-example.com-a-b.html"),
            ("http://[::1]:8080/x", "00007-1-x"),
            ("http://127.0.0.1/..%2f%2e%2e%2fetc/passwd", "00007-127.0.0.1-2f-2e-2e-2fetc-passwd"),
            ("http://a/%00%0a%ff/~x/", "00007-a-00-0a-ff-x"),
            ("http://con/aux", "00007-con-aux"),
            ("http://a/x.../-rf", "00007-a-x.rf"),
            ("http://b\u{fc}cher.test/\u{e4}", "00007-xn--bcher-kva.test-c3-a4"),
        ] {
            assert_eq!(named(url), expected.replace("--", "-"), "{url}");
        }
        assert_eq!(name(1_234_567, &Url::parse("http://a/").unwrap()), "1234567-a");
    }

    #[test]
    fn a_long_name_is_cut_and_keeps_its_ending() {
        let long = named(&format!("http://a/{}.tar", "x".repeat(300)));
        assert!(long.len() == MOST_NAME_BYTES && long.ends_with("xxx.tar"), "{long}");
        let dots = named(&format!("http://a/{}", "x.".repeat(300)));
        assert!(dots.len() <= MOST_NAME_BYTES && dots.ends_with('x'), "{dots}");
    }

    proptest! {
        #[test]
        fn no_url_makes_a_name_that_is_not_safe(urlnum: u64, path in "\\PC{0,300}") {
            let mut url = Url::parse("http://a.test/").unwrap();
            url.set_path(&path);
            let name = name(urlnum, &url);
            prop_assert!(name.len() <= MOST_NAME_BYTES && name.starts_with(|c: char| c.is_ascii_digit()));
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)));
            prop_assert!(!name.contains("..") && !name.ends_with('.'));
        }
    }
}
