//! Bodies of requests: the files that a list names, and whether JSON is JSON.
//!
//! Knows that a file is relative to its list, read once and shared. Refuses to know who sends it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::input::words;

/// A body is in memory once for all who send it.
const MOST_BYTES: u64 = 16 << 20;

/// So many files are kept at hand; beyond this the memory starts anew.
const MOST_FILES: usize = 64;

/// Files that were read.
#[derive(Default)]
pub(super) struct Files {
    at_hand: HashMap<(PathBuf, bool), Arc<[u8]>>,
}

impl Files {
    /// A file beside its list; as text without line ends, as curl's `-d @FILE` sends it.
    ///
    /// # Errors
    /// A fragment.
    pub(super) fn read(&mut self, source: &str, name: &str, as_text: bool) -> Result<Arc<[u8]>, String> {
        let path = Path::new(source).parent().unwrap_or(Path::new("")).join(name);
        let key = (path, as_text);
        if let Some(bytes) = self.at_hand.get(&key) {
            return Ok(Arc::clone(bytes));
        }
        let mut bytes = read(&key.0)?;
        if as_text {
            bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        }
        if self.at_hand.len() >= MOST_FILES {
            self.at_hand.clear();
        }
        let bytes: Arc<[u8]> = bytes.into();
        self.at_hand.insert(key, Arc::clone(&bytes));
        Ok(bytes)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path).map_err(|error| words(&error))?;
    if !metadata.is_file() {
        return Err("is no regular file".to_owned());
    }
    let file = File::open(path).map_err(|error| words(&error))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| words(&error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("is larger than {} MiB", MOST_BYTES >> 20));
    }
    Ok(bytes)
}

/// Whether a body is JSON (RFC 8259): a slip is better found before it is sent.
///
/// # Errors
/// A fragment that says where it is not.
pub(super) fn check_json(bytes: &[u8]) -> Result<(), String> {
    match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("this is no JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_beside_its_list_and_read_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("b"), "a\r\nb\n").unwrap();
        let source = dir.path().join("list").to_string_lossy().into_owned();
        let mut files = Files::default();
        let [text, whole, again] =
            [true, false, true].map(|as_text| files.read(&source, "b", as_text).unwrap());
        assert_eq!((&*text, &*whole), (&b"ab"[..], &b"a\r\nb\n"[..]));
        assert!(Arc::ptr_eq(&text, &again));
        assert_eq!(files.read(&source, "c", true), Err("No such file or directory".to_owned()));
        assert_eq!(files.read(&source, ".", true), Err("is no regular file".to_owned()));
    }

    #[test]
    fn json_is_json() {
        for good in ["{}", " [1, \"a\"] ", "null"] {
            assert_eq!(check_json(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in ["", "{", "{'a':1}", "1 2", "\u{feff}{}"] {
            assert!(check_json(bad.as_bytes()).is_err_and(|why| why.starts_with("this is no JSON")), "{bad}");
        }
        assert!(check_json(&b"[".repeat(100_000)).is_err());
    }
}
