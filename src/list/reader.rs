//! The second reading: the one reader of all inputs, as fast as there are credits.
//!
//! Knows batches and how reading goes on after an error. Refuses to read further ahead than one block, to hold more
//! entries than it has credits for and one, and to know what an entry is made into.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::audience::{At, Audience, Closed, Found, Halt, Rejected};
use super::grammar::Fault;
use super::http_url::{self, Urls};
use super::input::Input;
use super::plain::{Common, PlainLines};
use super::setting::Setting;
use super::source::{List, Plan};
use super::walk::{Scope, Walker};
use super::{Credits, Delivery, Entry, LeftOut, LeftOuts, Variables, again, secrets};
use crate::request::Location;

/// Entries handed over at once: enough to make a message a small part of an entry's cost.
const BATCH: usize = 64;

/// What may still get settings.
#[expect(clippy::large_enum_variant, reason = "there is one, and a box would be made for every line")]
enum Open {
    Nothing,
    /// A line that differs by its URL alone from others so far: its number. The URL is the reader's `word`.
    Plain(u32),
    Entry(Begun),
}

/// An entry that is no plain line.
struct Begun {
    entry: Entry,
    /// The URL as it is written, in full; only where it is wanted.
    url_again: Option<String>,
    more: Vec<Setting>,
    /// What is wrong with it: it is not fetched.
    faults: Vec<String>,
}

/// Reads all inputs in order.
pub(super) struct Reader<P, L, D> {
    plan: P,
    credits: Arc<Credits>,
    deliver: D,
    /// Whose names stand in an entry that is written again; `None` where none is wanted.
    again: Option<Variables>,
    open: Open,
    /// The URL of a plain line that is open.
    word: String,
    /// What it has in common with others.
    common: Common,
    /// What the entry before said besides its URL.
    settings: Arc<[Setting]>,
    /// Paid for, not delivered yet: plain lines, or entries.
    plain: Option<PlainLines>,
    batch: Vec<L>,
    /// Credits taken and not spent yet.
    purse: usize,
    urls: Urls,
    urlnum: u64,
    /// Errors of the input that is being read.
    faults: u64,
    left_out: LeftOuts,
    troubles: Vec<String>,
}

impl<P, L, D> Reader<P, L, D>
where
    P: Plan<L>,
    D: FnMut(Delivery<L>),
{
    /// One that has read nothing. `again` are the variables of a list whose entries are to be written again.
    pub(super) fn new(
        plan: P,
        credits: Arc<Credits>,
        deliver: D,
        again: Option<Variables>,
    ) -> Reader<P, L, D> {
        Reader {
            plan,
            credits,
            deliver,
            again,
            open: Open::Nothing,
            word: String::new(),
            common: Common::default(),
            settings: Arc::default(),
            plain: None,
            batch: Vec::new(),
            purse: 0,
            urls: Urls::default(),
            urlnum: 0,
            faults: 0,
            left_out: LeftOuts::default(),
            troubles: Vec::new(),
        }
    }

    /// A panic must not leave the loop waiting for an end that never comes.
    pub(super) fn run(&mut self, list: &List) {
        let error = match catch_unwind(AssertUnwindSafe(|| self.read_all(list))) {
            Ok(Err(Closed)) => return,
            Ok(Ok(())) => (!self.troubles.is_empty()).then(|| self.troubles.join("; ")),
            Err(_) => Some("the list could not be read to its end: a bug in greenfetch".to_owned()),
        };
        (self.deliver)(Delivery::End { error, left_out: self.left_out });
    }

    /// An input that breaks off leaves the others to be read.
    fn read_all(&mut self, list: &List) -> Result<(), Closed> {
        let mut walker = Walker::new(&list.reading);
        for (index, input) in list.inputs.iter().enumerate() {
            let before = self.urlnum;
            let mut scope = Scope::of(input, &list.reading, &list.defaults);
            let result = match input {
                Input::Url { url, location } => {
                    let at = At { source: &location.source, line: location.line };
                    walker.operand(url, at, &scope, self).map_err(Halt::from)
                }
                Input::File { .. } | Input::Stream { .. } => walker.input(input, &mut scope, self),
            };
            match std::mem::take(&mut self.faults) {
                0 => {}
                faults => self.troubles.push(format!("list errors on {}: {faults}", input.called())),
            }
            match result {
                Ok(()) => self.miss(list.of_each.get(index), self.urlnum - before, input),
                Err(Halt::Broken(error)) => self.troubles.push(error.to_string()),
                Err(Halt::Closed) => return Err(Closed),
            }
        }
        self.flush();
        Ok(())
    }

    /// Entries that went since the input was checked: nobody else would say that they were not fetched.
    fn miss(&mut self, checked: Option<&u64>, came: u64, input: &Input) {
        if let Some(checked) = checked.filter(|checked| **checked > came) {
            let name = input.called();
            self.troubles
                .push(format!("{name} changed while it was read: {came} of {checked} entries are left"));
        }
    }

    fn pay(&mut self) -> Result<(), Closed> {
        if self.purse == 0 {
            self.flush();
            self.purse = self.credits.take(BATCH);
        }
        self.purse = self.purse.checked_sub(1).ok_or(Closed)?;
        Ok(())
    }

    fn push(&mut self, listed: L) -> Result<(), Closed> {
        self.pay()?;
        if self.plain.is_some() {
            self.flush();
        }
        self.batch.push(listed);
        if self.batch.len() == BATCH {
            self.flush();
        }
        Ok(())
    }

    /// The plain line that is open has nothing but its URL.
    fn push_plain(&mut self, line: u32) -> Result<(), Closed> {
        self.pay()?;
        if self.plain.as_ref().is_some_and(|plain| !plain.have(&self.common)) {
            self.flush();
        }
        let plain = self.plain.get_or_insert_with(|| PlainLines::of(&self.common, self.urlnum));
        plain.push(line, &self.word);
        let is_full = plain.left() == BATCH;
        self.urlnum += 1;
        if is_full {
            self.flush();
        }
        Ok(())
    }

    /// Whether an entry may wait with others like it: it says what the one before said, or nothing. Among entries of
    /// other kinds it is one of them, so that few are delivered one by one.
    fn is_plain(&mut self, found: &Found<'_>) -> bool {
        let says_the_same = found.settings.is_empty() || Arc::ptr_eq(found.settings, &self.settings);
        if !says_the_same {
            self.settings = Arc::clone(found.settings);
        }
        says_the_same
            && self.again.is_none()
            && self.batch.is_empty()
            && self.plan.together().is_some()
            && PlainLines::are_like(found)
    }

    /// The entry that is open, as one that has more than its URL.
    fn begun(&mut self) -> Option<&mut Begun> {
        if let Open::Plain(line) = self.open {
            let Common { source, settings, defaults } = self.common.clone();
            let (location, url) = (Location { source, line }, self.urls.parse(&self.word));
            let text = self.word.clone();
            let entry = Entry { location, method: None, text, url, settings, defaults, again: None };
            self.open = Open::Entry(Begun { entry, url_again: None, more: Vec::new(), faults: Vec::new() });
        }
        if let Open::Entry(begun) = &mut self.open { Some(begun) } else { None }
    }

    /// Entries that are left out cost nothing and are counted in the numbers of the others.
    fn take(&mut self, entry: Entry) -> Result<(), Closed> {
        let planned = self.plan.entry(self.urlnum, entry);
        self.urlnum += 1;
        match planned {
            Ok(listed) => return self.push(listed),
            Err(LeftOut::ByChoice) => self.left_out.by_choice += 1,
            Err(LeftOut::ByShard) => self.left_out.by_shard += 1,
        }
        Ok(())
    }

    fn flush(&mut self) {
        // Only for those who take them together are there any.
        if let Some(together) = self.plan.together()
            && let Some(lines) = self.plain.take()
        {
            self.batch.push(together(&mut self.plan, lines));
        }
        if !self.batch.is_empty() {
            (self.deliver)(Delivery::Listed(std::mem::take(&mut self.batch)));
        }
    }
}

impl<P, L, D> Audience for Reader<P, L, D>
where
    P: Plan<L>,
    D: FnMut(Delivery<L>),
{
    fn entry(&mut self, found: Found<'_>) {
        if self.is_plain(&found) {
            self.open = Open::Plain(found.at.line);
            self.word.clear();
            self.word.push_str(found.word);
            if !self.common.is_of(&found) {
                self.common = Common::of(&found);
            }
            return;
        }
        let url = match found.base {
            Some(base) => http_url::join(&base.url, &found.text),
            None => self.urls.parse(&found.text),
        };
        let variables = self.again.as_ref().zip(url.as_ref().ok());
        let url_again = variables.map(|(variables, url)| again::url(&found, url, variables));
        let Found { at, method, text, settings, defaults, .. } = found;
        let entry = Entry {
            location: at.location(),
            method,
            text: text.into_owned(),
            url,
            settings: Arc::clone(settings),
            defaults: Arc::clone(defaults),
            again: None,
        };
        self.open = Open::Entry(Begun { entry, url_again, more: Vec::new(), faults: Vec::new() });
    }

    fn more(&mut self, settings: Vec<Setting>) {
        if let Some(begun) = self.begun() {
            begun.more.extend(settings);
        }
    }

    fn settle(&mut self) -> Result<(), Closed> {
        let begun = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return Ok(()),
            Open::Plain(line) => return self.push_plain(line),
            Open::Entry(begun) => begun,
        };
        let Begun { mut entry, url_again, more, faults } = begun;
        if !more.is_empty() {
            entry.settings = entry.settings.iter().cloned().chain(more).collect();
        }
        if !faults.is_empty() {
            entry.url = Err(faults.join("; "));
        }
        if entry.url.is_ok() {
            entry.again = url_again.map(|url| again::text(&entry, &url));
        }
        self.take(entry)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> Result<(), Closed> {
        let Rejected { at, text, reason, settings, defaults } = rejected;
        let (location, text, url) = (at.location(), text.into_owned(), Err(reason));
        self.take(Entry { location, method: None, text, url, settings, defaults, again: None })
    }

    /// An error of the list has come too late to refuse the run: it is a failed record, and the exit is 2 at the end.
    fn fault(&mut self, at: At<'_>, fault: &Fault<'_>) -> Result<(), Closed> {
        self.faults += 1;
        let (text, reason) = secrets::told(fault);
        match self.begun() {
            None => {
                let (settings, defaults) = Default::default();
                return self.rejected(Rejected { at, text: text.into(), reason, settings, defaults });
            }
            Some(begun) if begun.entry.location.line == at.line => begun.faults.push(reason),
            Some(begun) => begun.faults.push(format!("line {}: {reason}", at.line)),
        }
        Ok(())
    }

    fn warn(&mut self, words: String) {
        (self.deliver)(Delivery::Warning(words));
    }

    fn about_to_read(&mut self) -> Result<(), Closed> {
        self.flush();
        if self.credits.is_closed() { Err(Closed) } else { Ok(()) }
    }
}
