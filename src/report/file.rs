//! A file that is written whole or not at all.
//!
//! Knows names, links and modes, and the system's words when it cannot be. Refuses to know what is written, and to leave
//! half of it under its name.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::page::FULL;
use super::stream::write_patiently;

/// Opens what is no regular file, such as a pipe or one of the process's own streams, to be written as it is.
pub type InPlace<'a> = &'a dyn Fn(&Path) -> io::Result<Box<dyn Write + Send>>;

/// What is no regular file as it is, for those who have nobody to wait for it.
///
/// # Errors
/// What the system says.
pub fn as_it_is(path: &Path) -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(OpenOptions::new().append(true).open(path)?))
}

/// Links that are followed before it is said that they lead nowhere; the kernel's number (`path_resolution(7)`).
const MOST_LINKS: u32 = 40;

/// The longest part of a name that the temporary one keeps, so that the whole stays below the 255 bytes of a file
/// system.
const MOST_NAME_BYTES: usize = 200;

/// A report on its way to the disk.
pub(super) struct ReportFile {
    out: Box<dyn Write + Send>,
    pending: Vec<u8>,
    /// `None` where it is written in place.
    beside: Option<Beside>,
    /// What no other report may be written to.
    target: PathBuf,
}

/// The temporary file; it goes away with this value unless it was given its name.
struct Beside {
    file: File,
    part: PathBuf,
    target: PathBuf,
    is_kept: bool,
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.is_kept {
            // Somebody else may have removed it, with its folder.
            let _ = fs::remove_file(&self.part);
        }
    }
}

impl ReportFile {
    /// Begins a file: makes its folders, and makes sure that there is a place to write to.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn begin(path: &Path, in_place: InPlace<'_>) -> io::Result<ReportFile> {
        let target = follow(path)?;
        // std drops what ends a folder's name, and a file would get it.
        if target.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        match fs::metadata(&target) {
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if there.is_file() && !is_a_stream_of_ours(path) => {
                // Where we may not write, renaming over it would be a way around.
                OpenOptions::new().append(true).open(&target)?;
                ReportFile::beside(&target, Some(there.permissions()))
            }
            Ok(_) => ReportFile::in_place(path, in_place),
            // What `/dev/stdout` leads to has no path where it is a pipe.
            Err(_) if is_a_stream_of_ours(path) => ReportFile::in_place(path, in_place),
            Err(error) if error.kind() == io::ErrorKind::NotFound => ReportFile::beside(&target, None),
            Err(error) => Err(error),
        }
    }

    fn in_place(path: &Path, in_place: InPlace<'_>) -> io::Result<ReportFile> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Ok(ReportFile { out: in_place(path)?, pending: Vec::new(), beside: None, target })
    }

    fn beside(target: &Path, permissions: Option<fs::Permissions>) -> io::Result<ReportFile> {
        let name = target.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let target = fs::canonicalize(folder)?.join(name);
        let part = target.with_file_name(temporary(&name.to_string_lossy()));
        let file = OpenOptions::new().write(true).create_new(true).open(&part)?;
        let beside = Beside { file, part, target: target.clone(), is_kept: false };
        if let Some(permissions) = permissions {
            beside.file.set_permissions(permissions)?;
        }
        let out = Box::new(beside.file.try_clone()?);
        Ok(ReportFile { out, pending: Vec::new(), beside: Some(beside), target })
    }

    /// Whether both would end in one file.
    pub(super) fn is_same_as(&self, other: &ReportFile) -> bool {
        self.target == other.target
    }

    /// Gives it its name, once all of it is on the disk.
    ///
    /// # Errors
    /// What the system says; then nothing of it is left, and what had the name before still has it.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        let Some(beside) = &mut self.beside else { return Ok(()) };
        // A disk that is full or away may say so only now.
        beside.file.sync_all()?;
        fs::rename(&beside.part, &beside.target)?;
        beside.is_kept = true;
        Ok(())
    }
}

impl Write for ReportFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= FULL {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = write_patiently(&mut *self.out, &self.pending);
        self.pending.clear();
        written
    }
}

/// The path that a path leads to when it is a link, also one to nothing yet.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&path) else { return Ok(path) };
        // Of an absolute path `join` keeps nothing else.
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::other("too many links"))
}

/// Whether a path names what the process has open: also where a regular file is behind it, it is that opening that is
/// meant, with its place in the file.
fn is_a_stream_of_ours(path: &Path) -> bool {
    ["/dev/stdout", "/dev/stderr"].iter().any(|stream| path == Path::new(stream))
        || ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.parent() == Some(Path::new(folder)))
}

/// Hidden, and so named that whoever finds one left behind by a power cut knows whose it was.
fn temporary(name: &str) -> OsString {
    let cut = name.floor_char_boundary(MOST_NAME_BYTES);
    let number = RandomState::new().hash_one(name);
    format!(".{}.{number:016x}.part", &name[..cut]).into()
}

/// The system's words without the number that std appends.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or_else(|| text.clone(), |(words, _)| words.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn refuse(_: &Path) -> io::Result<Box<dyn Write + Send>> {
        Err(io::Error::other("no stream"))
    }

    fn begin(path: &Path) -> ReportFile {
        ReportFile::begin(path, &refuse).unwrap()
    }

    fn written(path: &Path, text: &str) {
        let mut file = begin(path);
        file.write_all(text.as_bytes()).unwrap();
        file.finish().unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn the_systems_words_come_without_their_number() {
        assert_eq!(reason(&io::Error::from_raw_os_error(28)), "No space left on device");
        assert_eq!(reason(&io::ErrorKind::StorageFull.into()), "no storage space");
    }

    #[test]
    fn a_file_has_its_name_only_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/report.json");
        let mut file = begin(&path);
        file.write_all(&vec![b'x'; FULL + 1]).unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), FULL + 1);
        assert_eq!(names(path.parent().unwrap()), ["report.json"]);
    }

    #[test]
    fn what_is_given_up_leaves_what_was_there_before_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report");
        fs::write(&path, "old").unwrap();
        let mut file = begin(&path);
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), names(dir.path())),
            ("old", vec!["report".to_owned()])
        );
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced_with_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link, longer) = (dir.path().join("t"), dir.path().join("l"), dir.path().join("ll"));
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("t", &link).unwrap();
        symlink(&link, &longer).unwrap();
        written(&longer, "new");
        assert!(link.is_symlink() && longer.is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o640);
    }

    #[test]
    fn a_link_to_nothing_yet_leads_to_the_new_file_and_a_circle_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let (link, circle) = (dir.path().join("l"), dir.path().join("c"));
        symlink("sub/new", &link).unwrap();
        symlink("c", &circle).unwrap();
        written(&link, "x");
        assert!(link.is_symlink() && dir.path().join("sub/new").is_file());
        assert!(ReportFile::begin(&circle, &refuse).is_err());
    }

    #[test]
    fn what_is_written_as_a_folder_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let begun = ReportFile::begin(&dir.path().join("reports/"), &refuse);
        assert_eq!(begun.err().map(|error| error.kind()), Some(io::ErrorKind::IsADirectory));
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_new_file_has_the_usual_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (usual, report) = (dir.path().join("usual"), dir.path().join("report"));
        fs::write(&usual, "").unwrap();
        written(&report, "");
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(report), mode(usual));
    }

    #[test]
    fn two_names_of_one_file_are_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        symlink("a", path("link")).unwrap();
        fs::create_dir(path("sub")).unwrap();
        let one = begin(&path("a"));
        assert!(one.is_same_as(&begin(&path("sub/../a"))) && one.is_same_as(&begin(&path("link"))));
        assert!(!one.is_same_as(&begin(&path("b"))));
    }

    #[test]
    fn a_folder_is_no_file_and_a_long_name_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let folder = ReportFile::begin(dir.path(), &refuse).map(|_| ()).unwrap_err();
        assert_eq!(folder.kind(), io::ErrorKind::IsADirectory);
        written(&dir.path().join("ä".repeat(127)), "x");
    }

    #[test]
    fn what_is_no_regular_file_is_opened_by_the_caller() {
        for path in ["/dev/full", "/dev/stdout", "/dev/fd/2", "/proc/self/fd/1"] {
            let error = ReportFile::begin(Path::new(path), &refuse).map(|_| ()).unwrap_err();
            assert_eq!(error.to_string(), "no stream", "{path}");
        }
    }
}
