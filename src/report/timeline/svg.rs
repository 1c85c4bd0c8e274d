//! Lanes become a picture: SVG that needs nothing else, the same bytes for the same records (pure).
//!
//! Knows where everything lies. Refuses to know colours (`paint`) and what a bar means (`bars`).

use std::fmt::Write;

use super::bars::{Bar, Stretch};
use super::lane::{Lane, Row, part};
use super::paint::{self, class};
use super::scale::Scale;
use super::words;
use crate::sanitize::shorten;

/// The picture's width in its own units; it scales to the page. At 400 pixels, a phone, its letters are still 7 pixels.
const WIDTH: f64 = 720.0;
/// Where the axis begins; labels stand before it.
const LEFT: f64 = 206.0;
/// Where the axis ends; behind it there is room for what is said of the slowest.
const RIGHT: f64 = 600.0;
/// The distance of two lines of text.
const LINE: f64 = 20.0;
/// The distance of two rows.
const ROW: f64 = 18.0;
/// The height of a bar.
const BAR: f64 = 12.0;
/// The height of the area of concurrency.
const AREA: f64 = 48.0;
/// The height of the band that stands for all URLs where only the slowest have rows.
const BAND: f64 = 96.0;
/// Columns and lines of that band: what an eye can tell apart, and a bound for the file.
const BAND_CELLS: (usize, usize) = (120, 16);
/// Points of the area of concurrency.
const AREA_POINTS: usize = 240;
/// Letters that fit before the axis, 7.3 units each.
const LABEL_CHARS: usize = 26;
/// Letters of a heading that fit the width.
const HEADING_CHARS: usize = 88;
/// Entries of the legend in a line.
const LEGEND_COLUMNS: usize = 5;

/// The picture of one or more runs on one axis.
pub(super) fn svg(lanes: &[Lane]) -> String {
    let end = lanes.iter().map(Lane::end).fold(0.0, f64::max);
    let mut drawing = Drawing { body: String::new(), y: 0.0, scale: Scale::of(end, 6) };
    drawing.legend();
    let is_alone = lanes.len() == 1;
    for lane in lanes {
        drawing.lane(lane, is_alone);
    }
    drawing.finish(lanes)
}

struct Drawing {
    body: String,
    y: f64,
    scale: Scale,
}

impl Drawing {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + self.scale.at(seconds) * (RIGHT - LEFT)
    }

    fn push(&mut self, markup: std::fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.body.write_fmt(markup);
        self.body.push('\n');
    }

    fn text(&mut self, x: f64, class: &str, words: &str) {
        let y = self.y;
        self.push(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>", xml(words)));
    }

    /// What each look of a bar means. The words are those of the record.
    fn legend(&mut self) {
        let column = (WIDTH - 20.0) / LEGEND_COLUMNS as f64;
        for (index, stretch) in Stretch::ALL.into_iter().enumerate() {
            let x = 12.0 + (index % LEGEND_COLUMNS) as f64 * column;
            if index % LEGEND_COLUMNS == 0 {
                self.y += LINE;
            }
            let y = self.y - 10.0;
            self.rect(class(stretch), x, y, 26.0, BAR);
            self.text(x + 32.0, "t", stretch.as_str());
        }
        let x = 12.0 + (Stretch::ALL.len() % LEGEND_COLUMNS) as f64 * column;
        self.text(x + 8.0, "x", "✕");
        self.text(x + 32.0, "t", "failed");
        self.y += 8.0;
    }

    fn lane(&mut self, lane: &Lane, is_alone: bool) {
        self.y += LINE + 4.0;
        self.text(12.0, "h", &shorten(&words::heading(lane), HEADING_CHARS));
        if is_alone {
            self.sum_and_wall(lane);
        }
        if lane.is_folded() {
            self.density(lane);
        }
        self.y += 8.0;
        let top = self.y;
        self.rows(lane);
        self.area(lane);
        self.axis(top);
    }

    /// The gap that concurrency makes: two bars on a scale of their own.
    fn sum_and_wall(&mut self, lane: &Lane) {
        let longest = lane.sum().max(lane.end());
        if longest <= 0.0 {
            return;
        }
        for (words, seconds, class) in
            [("one after another", lane.sum(), "sum"), ("this run", lane.end(), "wall")]
        {
            self.y += LINE;
            self.text(12.0, "t", words);
            let (y, width) = (self.y - 10.0, seconds / longest * (RIGHT - LEFT));
            self.rect(class, LEFT, y, width, BAR);
            self.text(LEFT + width + 6.0, "t", &words::seconds(seconds));
        }
        self.y += 6.0;
    }

    fn rows(&mut self, lane: &Lane) {
        let rows = lane.rows();
        let slowest = lane.slowest().map(|row| row.place.clone());
        let common = words::common_start(rows.iter().map(|row| row.label.as_str()));
        if common > 0 {
            self.y += LINE - 6.0;
            let start: String = rows[0].label[..common].to_owned();
            self.text(12.0, "m", &shorten(&start, HEADING_CHARS));
        }
        for row in rows {
            let is_slowest = slowest.as_deref() == Some(row.place.as_str());
            self.row(row, &row.label[common..], is_slowest);
        }
    }

    fn row(&mut self, row: &Row, label: &str, is_slowest: bool) {
        self.y += ROW;
        let label = words::middle_cut(label, LABEL_CHARS);
        let title = xml(&words::tip(row));
        self.push(format_args!("<g class=\"row\"><title>{title}</title>"));
        self.text(12.0, if is_slowest { "l s" } else { "l" }, &label);
        let y = self.y - 10.0;
        for bar in &row.bars {
            self.bar(bar, y);
        }
        if let Some(failed) = &row.failed {
            self.text(self.x(row.to()) + 4.0, "x", &format!("✕ {failed}"));
        } else if is_slowest {
            self.text(self.x(row.to()) + 4.0, "t", &format!("slowest, {}", words::seconds(row.total)));
        }
        self.push(format_args!("</g>"));
    }

    fn bar(&mut self, bar: &Bar, y: f64) {
        let (from, to) = (self.x(bar.from), self.x(bar.to));
        // What is too short to be seen is seen all the same: it happened.
        self.rect(class(bar.stretch), from, y, (to - from).max(0.6), BAR);
    }

    /// Where only the slowest have rows: how many URLs began when and took how long.
    fn density(&mut self, lane: &Lane) {
        let longest = lane.slowest().map_or(0.0, |row| row.total).max(1e-6);
        let (columns, lines) = BAND_CELLS;
        let mut cells = vec![0_u32; columns * lines];
        for span in lane.spans() {
            let (from, to) = (f64::from(span.from), f64::from(span.to));
            let line = lines - 1 - part(to - from, longest, lines);
            cells[line * columns + part(from, self.scale.end, columns)] += 1;
        }
        self.y += LINE;
        let most = cells.iter().copied().max().unwrap_or(1).max(1);
        let words = format!("all {}: when each began, and how long it took", words::urls(lane.count()));
        self.text(12.0, "t", &words);
        self.y += 8.0;
        let (top, cell) = (self.y, ((RIGHT - LEFT) / columns as f64, BAND / lines as f64));
        self.y += 10.0;
        self.text(
            12.0,
            "t",
            &format!("{} and more", words::seconds(longest * (lines - 1) as f64 / lines as f64)),
        );
        for (index, &count) in cells.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (x, y) = (LEFT + (index % columns) as f64 * cell.0, top + (index / columns) as f64 * cell.1);
            let opacity = 0.25 + 0.75 * libm::log1p(f64::from(count)) / libm::log1p(f64::from(most));
            let (width, height) = cell;
            self.push(format_args!(
                "<rect class=\"d\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
                 opacity=\"{opacity:.2}\"/>"
            ));
        }
        self.y = top + BAND;
        self.text(12.0, "t", "0 s");
        self.y += LINE + 4.0;
        self.text(12.0, "h", &format!("the {} slowest", lane.rows().len()));
    }

    fn area(&mut self, lane: &Lane) {
        let parts = lane.in_flight(self.scale.end, AREA_POINTS);
        let most = parts.iter().copied().max().unwrap_or_default();
        self.y += 10.0 + AREA;
        let (base, width) = (self.y, (RIGHT - LEFT) / AREA_POINTS as f64);
        let mut path = format!("M{LEFT:.1} {base:.1}");
        let mut before = None;
        for (index, &now) in parts.iter().enumerate() {
            if before != Some(now) {
                let y = base - f64::from(now) / f64::from(most.max(1)) * AREA;
                let _ = write!(path, "H{:.1}V{y:.1}", LEFT + index as f64 * width);
                before = Some(now);
            }
        }
        let _ = write!(path, "H{RIGHT:.1}V{base:.1}Z");
        self.push(format_args!("<path class=\"a\" d=\"{path}\"><title>in flight at once</title></path>"));
        self.y -= AREA - 10.0;
        self.text(12.0, "t", &format!("in flight, at most {most}"));
        self.y = base;
    }

    /// Ticks from the top of the rows to below the area, under all that was drawn.
    fn axis(&mut self, top: f64) {
        let bottom = self.y + 4.0;
        let mut lines = String::new();
        for tick in self.scale.ticks() {
            let x = self.x(tick);
            let _ = write!(lines, "M{x:.1} {top:.1}V{bottom:.1}");
        }
        self.push(format_args!("<path class=\"g\" d=\"{lines}\"/>"));
        self.y += LINE - 2.0;
        let y = self.y;
        for tick in self.scale.ticks() {
            let (x, words) = (self.x(tick), self.scale.words(tick));
            self.push(format_args!(
                "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"t\" text-anchor=\"middle\">{words}</text>"
            ));
        }
        self.y += 6.0;
    }

    fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ));
    }

    fn finish(self, lanes: &[Lane]) -> String {
        let height = self.y + 12.0;
        let title = xml(&words::title(lanes));
        let (style, patterns) = (paint::STYLE, paint::patterns());
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"100%\" \
             role=\"img\" aria-labelledby=\"timeline-title\">\n\
             <title id=\"timeline-title\">{title}</title>\n<style>{style}</style>\n<defs>{patterns}</defs>\n\
             <rect class=\"bg\" width=\"{WIDTH}\" height=\"{height:.0}\"/>\n{}</svg>\n",
            self.body
        )
    }
}

/// Text for XML 1.0: what marks up is spelled out, what no document may hold is replaced (§2.2).
pub(super) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::samples::lane;
    use super::*;
    use crate::outcome::Outcome;
    use crate::record::Record;
    use crate::record::samples::{at, attempt, run, subject};

    /// Every element that was begun is ended, in order: what a reader of XML asks first.
    fn is_nested(markup: &str) -> bool {
        let mut open = Vec::new();
        for piece in markup.split('<').skip(1) {
            let (tag, _) = piece.split_once('>').unwrap();
            match tag.strip_prefix('/') {
                Some(name) if open.pop() == Some(name) => {}
                Some(_) => return false,
                None if tag.ends_with('/') => {}
                None => open.push(tag.split_whitespace().next().unwrap()),
            }
        }
        open.is_empty()
    }

    #[test]
    fn the_same_records_give_the_same_picture_which_is_whole() {
        let drawn = svg(&[lane("sync"), lane("threads")]);
        assert_eq!(drawn, svg(&[lane("sync"), lane("threads")]));
        assert!(is_nested(&drawn), "{drawn}");
        for expected in [
            "✕ timeout",
            "slowest, 1.00 s",
            "in flight, at most 4",
            "class=\"try\"",
            "class=\"backoff\"",
            "sync: 4 URLs (1 failed) in 1.00 s",
            "http://a.example/4&#10;urls.txt:4: 640 ms&#10;failed try 120 ms&#10;backoff 280 ms",
        ] {
            assert!(drawn.contains(expected), "{expected}\n{drawn}");
        }
        assert!(!drawn.contains("http://www.w3.org/1999/xlink") && !drawn.contains("url(http"));
    }

    #[test]
    fn the_pictures_of_the_documents_look_as_pictures_do() {
        for picture in
            [include_str!("../../../docs/four-jobs.svg"), include_str!("../../../docs/three-modes.svg")]
        {
            assert!(picture.contains(paint::STYLE) && picture.contains(&paint::patterns()), "just pictures");
            assert!(is_nested(picture) && picture.len() < 60_000, "{}", picture.len());
        }
    }

    #[test]
    fn hostile_bytes_mark_nothing_up() {
        let mut hostile = Lane::new("");
        let mut outcome = Outcome::new(subject(1), vec![attempt(at(0), 10)]);
        let label = "</text><script>alert(1)</script>\"'&\u{1b}[31m\u{fffe}";
        std::sync::Arc::make_mut(&mut outcome.subject).listed = label.to_owned();
        hostile.add(&Record::from_outcome(&outcome, &run()));
        let drawn = svg(&[hostile]);
        assert!(is_nested(&drawn), "{drawn}");
        assert!(!drawn.contains("<script") && !drawn.contains('\u{1b}') && !drawn.contains('\u{fffe}'));
    }

    #[test]
    fn many_urls_are_folded_into_a_picture_that_stays_small() {
        let mut many = Lane::new("");
        for line in 1..=20_000 {
            let outcome =
                Outcome::new(subject(line), vec![attempt(at(u64::from(line)), u64::from(line % 977))]);
            many.add(&Record::from_outcome(&outcome, &run()));
        }
        let drawn = svg(&[many]);
        assert!(drawn.contains("all 20000 URLs") && drawn.contains("the 50 slowest"));
        assert!(drawn.len() < 500_000, "{}", drawn.len());
        assert!(is_nested(&drawn));
    }

    #[test]
    fn a_run_of_nothing_is_a_picture_too() {
        assert!(is_nested(&svg(&[Lane::new("")])));
    }
}
