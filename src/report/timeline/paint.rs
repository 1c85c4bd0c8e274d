//! The looks of a picture: a colour and a texture for each stretch of time, by day and by night.
//!
//! Knows that colours alone do not tell: one man in twelve confuses some. They are Okabe and Ito's, which the
//! colour-blind can tell apart, and each has a texture besides. Refuses to know where anything lies.

use super::bars::Stretch;
use crate::outcome::Phase;

/// The class, and the name of the pattern, of a stretch.
pub(super) fn class(stretch: Stretch) -> &'static str {
    match stretch {
        Stretch::In(phase) => phase.as_str(),
        Stretch::Try => "try",
        Stretch::Redirect => "redirect",
    }
}

/// The picture has no other style, so that a page can allow this one alone. Letters are monospaced, so that how many fit
/// is known without a font.
pub(in crate::report) const STYLE: &str = "
svg{max-width:1100px;color-scheme:light dark;--ink:#1c2024;--soft:#5b636b;--paper:#fff;--grid:#c9ced3;--bad:#b3261e;--line:rgba(0,0,0,.55);\
font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}
@media (prefers-color-scheme:dark){svg{--ink:#e8eaed;--soft:#a7b0b8;--paper:#15181c;--grid:#3a4148;--bad:#ff9a8f;\
--line:rgba(0,0,0,.7)}}
.bg{fill:var(--paper)}
text{fill:var(--ink)}.t,.m{fill:var(--soft)}.h{font-weight:bold}.s{font-weight:bold}.x{fill:var(--bad);font-weight:bold}
.g{stroke:var(--grid);stroke-width:.7;fill:none;opacity:.6}
.a,.d,.wall{fill:#0072b2}.sum{fill:#999}
@media (prefers-color-scheme:dark){.a,.d,.wall{fill:#56b4e9}}
.queue{fill:none;stroke:var(--soft);stroke-width:.8;stroke-dasharray:2 2}
.backoff{fill:none;stroke:var(--bad);stroke-width:.8;stroke-dasharray:5 3}
.try{fill:url(#try);stroke:var(--bad);stroke-width:.8}
.redirect{fill:url(#redirect)}.dns{fill:url(#dns)}.connect{fill:url(#connect)}.tls{fill:url(#tls)}
.send{fill:#f0e442;stroke:var(--soft);stroke-width:.4}.wait{fill:url(#wait)}.receive{fill:#0072b2}
.check{fill:url(#check)}.write{fill:url(#write)}
.row:hover rect{opacity:.75}
";

/// The textures: on a colour, lines or dots of one size.
pub(super) fn patterns() -> String {
    let looks = [
        (Stretch::Try, "#d55e00", "M0 6L6 0M-1 1L1 -1M5 7L7 5"),
        (Stretch::Redirect, "#cc79a7", "M0 1.5H6M0 4.5H6"),
        (Stretch::In(Phase::Dns), "#56b4e9", "M1 1h1M4 4h1"),
        (Stretch::In(Phase::Connect), "#e69f00", "M0 0L6 6M-1 5L1 7M5 -1L7 1"),
        (Stretch::In(Phase::Tls), "#009e73", "M0 0L6 6M0 6L6 0"),
        (Stretch::In(Phase::Wait), "#c5ccd3", "M3 3h.8"),
        (Stretch::In(Phase::Check), "#cc79a7", "M3 0V6M0 3H6"),
        (Stretch::In(Phase::Write), "#cc79a7", "M1.5 0V6M4.5 0V6"),
    ];
    let pattern = |(stretch, colour, lines): (Stretch, &str, &str)| {
        let id = class(stretch);
        format!(
            "<pattern id=\"{id}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
             <rect width=\"6\" height=\"6\" fill=\"{colour}\"/>\
             <path d=\"{lines}\" stroke=\"var(--line)\" stroke-width=\"1\" fill=\"none\"/></pattern>"
        )
    };
    looks.map(pattern).concat()
}
