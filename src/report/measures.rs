//! The last line of a run that another greenfetch measures: what only the process itself can say of itself.
//!
//! Knows that it is JSON beside the records. Refuses to speak in a run that nobody measures.

use super::Teller;
use super::page::Page;
use crate::event::Event;

/// Tells what the process came to, as an object of the type `measures`.
pub(super) struct ProcessMeasures;

impl Teller for ProcessMeasures {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        let Event::RunFinished(summary) = event else { return };
        let Some(measures) = &summary.measures else { return };
        page.say(format_args!(
            r#"{{"type":"measures","peak_threads":{},"peak_memory":{},"memory_before":{},"most_in_flight":{}}}"#,
            measures.peak_threads, measures.peak_memory, measures.memory_before, summary.most_in_flight
        ));
        page.push("\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Measures, Summary};
    use crate::report::told;

    #[test]
    fn a_run_says_what_it_came_to_only_when_somebody_measures_it() {
        let told = |measures| {
            let summary = Summary { most_in_flight: 9, measures, ..Summary::default() };
            told(&mut ProcessMeasures, false, [Event::RunFinished(summary)])
        };
        assert_eq!(told(None), "");
        let measures = Measures { peak_threads: 5, peak_memory: 4096, memory_before: 2048 };
        let line = "{\"type\":\"measures\",\"peak_threads\":5,\"peak_memory\":4096,\"memory_before\":2048,\
            \"most_in_flight\":9}\n";
        assert_eq!(told(Some(measures)), line);
    }
}
