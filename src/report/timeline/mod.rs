//! When was each URL where: a picture of one or more runs on one time axis.
//!
//! Knows lanes and the forms that they are drawn in. Refuses to fetch, to time and to open files: it is given records.
//!
//! ```text
//!  records ── bars ── lane ──┬── svg ── html         paint, scale, words: what the forms share
//!                            └── terminal
//! ```

mod bars;
mod drawings;
mod html;
mod lane;
mod paint;
#[cfg(test)]
mod samples;
mod scale;
mod svg;
mod terminal;
mod words;

pub use drawings::{Drawings, Drawn};
pub use lane::Lane;
#[cfg(test)]
pub(super) use paint::STYLE;

/// What a picture of one run says in a line: `12 URLs in 1.20 s, 6.9 times faster than one after another`.
pub(super) fn heading(lane: &Lane) -> String {
    words::heading(lane)
}

/// The picture as SVG: one file without a network, the same bytes for the same records.
pub fn svg(lanes: &[Lane]) -> String {
    svg::svg(lanes)
}

/// The picture as a page with a search: one file without a network.
pub fn html(lanes: &[Lane]) -> String {
    html::html(lanes)
}

/// The picture as text in so many columns, 40 at least; `is_ascii` draws with letters.
pub fn text(lanes: &[Lane], columns: usize, is_ascii: bool) -> String {
    terminal::text(lanes, columns, is_ascii)
}
