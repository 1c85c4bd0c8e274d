//! Whole documents that tests compare with files: `just golden` writes them anew, to be reviewed as text.
//!
//! Knows `fixtures/golden`. Refuses to be in the product.

use std::path::Path;

/// The variable that has the files written in place of being compared.
const WRITE: &str = "GREENFETCH_WRITE_GOLDEN";

/// Compares a document with the file of this name.
pub(super) fn is(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden").join(name);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(text.lines()).position(|(old, new)| old != new);
    let line = differs.unwrap_or_else(|| golden.lines().count().min(text.lines().count()));
    assert!(
        golden == text,
        "{} differs from line {} on: {:?} is now {:?} (`just golden` writes it anew)",
        path.display(),
        line + 1,
        golden.lines().nth(line),
        text.lines().nth(line)
    );
}
