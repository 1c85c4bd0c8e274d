//! Libraries that stand between greenfetch and libc (`LD_PRELOAD`), from the C files of this folder.
//!
//! Knows the compiler. Refuses to know what they do.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// One library, in a folder of its own.
pub(crate) struct Preload {
    _dir: TempDir,
    path: PathBuf,
}

impl Preload {
    /// Made from the file of this name, by `cc`, which rustc links by too: where it is missing this is said, and the test
    /// fails.
    pub(crate) fn make(name: &str) -> Preload {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join(format!("{name}.so"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/support/{name}.c"));
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-O1", "-shared", "-fPIC", "-o"]).arg(&path).arg(source).arg("-ldl");
        let made = compiler.status().expect("a C compiler called cc (Debian: gcc and libc6-dev)");
        assert!(made.success(), "{compiler:?} has failed");
        Preload { _dir: dir, path }
    }

    /// What `LD_PRELOAD` has to say.
    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }
}
