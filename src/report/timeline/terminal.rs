//! Lanes become lines of text: a timeline in as many columns as there are (pure).
//!
//! Knows block characters, and letters for terminals without. Refuses to know how wide the terminal is.

use super::bars::{Bar, Stretch};
use super::lane::{Lane, Row};
use super::scale::Scale;
use super::words;
use crate::outcome::Phase;
use crate::sanitize::shorten;

/// The fewest columns that anything can be drawn in.
const NARROWEST: usize = 40;
/// The most letters of a label.
const LABEL_MAX: usize = 32;
/// Rows of a lane: a screenful.
const ROWS: usize = 24;
/// Heights of the line of concurrency, from none to all.
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same without block characters.
const ASCII_HEIGHTS: [char; 9] = [' ', '.', '.', ':', ':', '-', '=', '#', '#'];

/// The timeline in so many columns; in ASCII when the terminal has no block characters.
pub(super) fn text(lanes: &[Lane], columns: usize, is_ascii: bool) -> String {
    let columns = columns.max(NARROWEST);
    let end = lanes.iter().map(Lane::end).fold(0.0, f64::max);
    let label = (columns / 3).min(LABEL_MAX);
    // A blank on each side, and the sign of a failure at the end.
    let width = columns - label - 3;
    let sheet = Sheet { columns, label, width, is_ascii, scale: Scale::of(end, (width / 10) as u32) };
    let mut lines = sheet.legend();
    for lane in lanes {
        sheet.lane(lane, &mut lines);
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    let drawn = lines.join("\n") + "\n";
    if is_ascii { drawn.chars().map(ascii).collect() } else { drawn }
}

/// What labels bring along, letter by letter, so that columns stay columns.
fn ascii(c: char) -> char {
    match c {
        c if c.is_ascii() => c,
        '…' => '~',
        'µ' => 'u',
        _ => '?',
    }
}

struct Sheet {
    columns: usize,
    label: usize,
    width: usize,
    is_ascii: bool,
    scale: Scale,
}

impl Sheet {
    fn sign(&self, stretch: Stretch) -> char {
        let (block, letter) = match stretch {
            Stretch::In(Phase::Queue) => ('·', '.'),
            Stretch::Try => ('╳', 'x'),
            Stretch::In(Phase::Backoff) => ('┄', '~'),
            Stretch::Redirect => ('»', '>'),
            Stretch::In(Phase::Dns) => ('▖', 'd'),
            Stretch::In(Phase::Connect) => ('▞', 'c'),
            Stretch::In(Phase::Tls) => ('▓', 't'),
            Stretch::In(Phase::Send) => ('▌', 's'),
            Stretch::In(Phase::Wait) => ('░', 'w'),
            Stretch::In(Phase::Receive) => ('█', '#'),
            Stretch::In(Phase::Check) => ('▚', 'k'),
            Stretch::In(Phase::Write) => ('▄', 'o'),
        };
        if self.is_ascii { letter } else { block }
    }

    /// As many lines as it takes.
    fn legend(&self) -> Vec<String> {
        let failed = ("failed", if self.is_ascii { '!' } else { '✕' });
        let stretches = Stretch::ALL.map(|stretch| (stretch.as_str(), self.sign(stretch)));
        let mut lines = vec![String::new()];
        for (words, sign) in stretches.into_iter().chain([failed]) {
            let entry = format!("{sign} {words}");
            let line = lines.last_mut().expect("there is one from the start");
            let gap = if line.is_empty() { 0 } else { 3 };
            if line.chars().count() + gap + entry.chars().count() > self.columns {
                lines.push(entry);
            } else {
                line.push_str(&" ".repeat(gap));
                line.push_str(&entry);
            }
        }
        lines
    }

    fn lane(&self, lane: &Lane, lines: &mut Vec<String>) {
        lines.push(String::new());
        lines.push(shorten(&words::heading(lane), self.columns).into_owned());
        let mut rows = lane.rows();
        if rows.len() > ROWS {
            rows.sort_by(|one, other| other.total.total_cmp(&one.total));
            rows.truncate(ROWS);
            rows.sort_by_key(|row| row.urlnum);
        }
        if lane.count() > rows.len() {
            lines.push(format!("the {} slowest:", rows.len()));
        }
        let common = words::common_start(rows.iter().map(|row| row.label.as_str()));
        for row in &rows {
            lines.push(self.row(row, &row.label[common..]));
        }
        lines.push(self.in_flight(lane));
        lines.push(self.axis());
    }

    fn labelled(&self, label: &str, cells: &str) -> String {
        let label = words::middle_cut(label, self.label);
        let pad = " ".repeat(self.label - label.chars().count() + 1);
        format!("{label}{pad}{cells}")
    }

    fn row(&self, row: &Row, label: &str) -> String {
        let mut cells: String = (0..self.width).map(|cell| self.cell(&row.bars, cell)).collect();
        if row.failed.is_some() {
            cells = cells.trim_end().to_owned();
            cells.push(if self.is_ascii { '!' } else { '✕' });
        }
        self.labelled(label, &cells)
    }

    /// What took most of a cell's time; a bar that is shorter than a cell still has the cell that it lies in.
    fn cell(&self, bars: &[Bar], cell: usize) -> char {
        let width = self.scale.end / self.width as f64;
        let (from, to) = (cell as f64 * width, (cell + 1) as f64 * width);
        let share = |bar: &Bar| bar.to.min(to) - bar.from.max(from);
        let longest = bars.iter().filter(|bar| share(bar) > 0.0);
        let longest = longest.max_by(|one, other| share(one).total_cmp(&share(other)));
        longest.map_or(' ', |bar| self.sign(bar.stretch))
    }

    fn in_flight(&self, lane: &Lane) -> String {
        let parts = lane.in_flight(self.scale.end, self.width);
        let most = parts.iter().copied().max().unwrap_or_default();
        let heights = if self.is_ascii { ASCII_HEIGHTS } else { HEIGHTS };
        let height = |now: &u32| heights[(*now as usize * 8).div_ceil(most.max(1) as usize)];
        let mut label = format!("in flight, at most {most}");
        if label.len() > self.label {
            label = format!("at most {most}");
        }
        self.labelled(&label, &parts.iter().map(height).collect::<String>())
    }

    /// `0 ms      100 ms    200 ms`: each word begins under its tick.
    fn axis(&self) -> String {
        let mut line = String::new();
        for tick in self.scale.ticks() {
            let at = (self.scale.at(tick) * self.width as f64) as usize;
            let words = self.scale.words(tick);
            let has_room = line.is_empty() || line.chars().count() < at;
            if has_room && at + words.chars().count() <= self.width + 2 {
                line.push_str(&" ".repeat(at - line.chars().count()));
                line.push_str(&words);
            }
        }
        self.labelled("", &line)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::lane;
    use super::*;

    #[test]
    fn a_run_is_drawn_in_eighty_columns() {
        let expected = "\
· queue   ╳ failed try   ┄ backoff   » redirects   ▖ dns   ▞ connect   ▓ tls
▌ send   ░ wait   █ receive   ▚ check   ▄ write   ✕ failed

threads: 4 URLs (1 failed) in 1.00 s, 2.4 times faster than one after another
/1                         ░░░░░░░░░░░░░░░░░░░░░░░░░░█████████████████████████
/2                         ·············░░░░░░░░░░░░░█████████████
/3                         ·············▖▞▞▞▞▞▞▞▞▞▞▞▞✕
/4                         ╳╳╳╳╳╳┄┄┄┄┄┄┄┄┄┄┄┄┄┄░░░░░░░██████
in flight, at most 4       ▄▄▄▄▄▄▄▂▂▂▂▂▆▆▆▆▆▆▆▆██████▆▆▆▆▆▆▆▄▄▄▄▄▄▂▂▂▂▂▂▂▂▂▂▂▂
                           0.0 s     0.2 s     0.4 s     0.6 s     0.8 s
";
        assert_eq!(text(&[lane("threads")], 80, false), expected);
    }

    #[test]
    fn letters_do_where_there_are_no_blocks_and_no_line_is_wider_than_asked() {
        for columns in [0, 40, 57, 80, 200] {
            let drawn = text(&[lane(""), lane("sync")], columns, true);
            assert!(drawn.is_ascii(), "{drawn}");
            assert!(drawn.lines().all(|line| line.len() <= columns.max(NARROWEST)), "{columns}\n{drawn}");
        }
    }

    #[test]
    fn a_run_of_nothing_is_drawn_too() {
        let drawn = text(&[Lane::new("")], 80, false);
        assert!(drawn.contains("0 URLs in 0 µs"), "{drawn}");
    }
}
