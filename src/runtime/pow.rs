//! `pow`, which indicatif asks the system's libm for: answered here, so that a start has no libm to load.
//!
//! That library takes 70 µs and 350 KiB of every run, for one function that only a progress bar calls (2026-11). Refuses
//! to be called by us: that is `libm::pow`.
#![expect(unsafe_code, reason = "a symbol that C knows has to be exported by its bare name")]

/// C's `pow` (ISO C11 §7.12.7.4).
// SAFETY: it has C's signature and does what C says of it, but for `errno`, which nobody in this process reads after it;
// and no other definition of the name is linked into the program.
#[unsafe(no_mangle)]
extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}
