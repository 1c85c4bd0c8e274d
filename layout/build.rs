//! Build script: lays together in the program what a run executes, where the linker is known to take orders.
//!
//! Knows when that is: a release build with the linker that rustc brings for x86-64 Linux. Anybody else's linker, and any
//! other target, gets no order, and the program is the same but for the memory that it takes. Refuses to know what is
//! executed: `warm.ld` says that, and `tests/layout.rs` writes it.

use std::env;
use std::path::Path;

fn main() {
    let script = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("layout/warm.ld");
    println!("cargo:rerun-if-changed=layout/build.rs");
    println!("cargo:rerun-if-changed={}", script.display());
    if takes_orders() {
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
}

fn takes_orders() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let is_known = is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu");
    // Who chose another linker may have one that reads no scripts, such as mold.
    let is_own = env::var_os("RUSTC_LINKER").is_none()
        && !env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link"));
    is("PROFILE", "release") && is_known && is_own
}
