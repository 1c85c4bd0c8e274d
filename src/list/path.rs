//! Paths that a list may name: relative, and never leading out of the folder they are relative to (pure).
//!
//! Knows which parts a path may have. Refuses to look at a disk: links are looked at where a file is made or opened.

use std::path::{Component, Path};

/// The longest part in bytes, as most file systems have it; what is added to it while it is temporary fits in.
const MOST_PART_BYTES: usize = 240;
/// The longest path in bytes.
const MOST_BYTES: usize = 1024;

/// Checks a path of `out=` or `dir=`.
///
/// # Errors
/// A fragment that says what is wrong with it.
pub(super) fn check(text: &str) -> Result<(), String> {
    let path = Path::new(text);
    if text.is_empty() {
        return Err("the path is empty".to_owned());
    }
    if text.len() > MOST_BYTES {
        return Err(format!("a path is at most {MOST_BYTES} bytes long"));
    }
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return Err("a control character or a backslash in a path".to_owned());
    }
    if text.starts_with('~') {
        return Err("nobody's home is known here: write a path below --output-dir".to_owned());
    }
    for part in path.components() {
        match part {
            Component::Normal(part) if part.len() <= MOST_PART_BYTES => {}
            Component::Normal(_) => {
                return Err(format!("a part of a path is at most {MOST_PART_BYTES} bytes long"));
            }
            Component::CurDir => {}
            _ => {
                return Err(
                    "a path that leads out of --output-dir: write a relative one without ..".to_owned()
                );
            }
        }
    }
    if path.file_name().is_none() {
        return Err("no name in the path".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_where_it_belongs() {
        for good in ["a", "a/b", "a/b/", "./a", ".hidden", "a b", "日本/x", "-rf"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = "x".repeat(241);
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/../b",
            "a/..",
            "~",
            "~/a",
            ".",
            "a\\b",
            "a\nb",
            "a\0b",
            &long,
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
