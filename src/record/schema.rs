//! The JSON Schema of the records, the comparison and the diff (draft 2020-12), as `greenfetch help schema` prints it.
//!
//! Knows that it has exactly the fields that they have: tests compare them, another validates every one of them that the
//! product's tests see. Refuses to validate in the product.

/// The schema of version [`super::SCHEMA_VERSION`]. It leaves fields that it does not know alone, as later versions of
/// greenfetch may add some.
pub const SCHEMA: &str = include_str!("schema.json");

#[cfg(test)]
pub(crate) use tests::{assert_described, schema_words};

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::check::Verdict;
    use crate::config::Config;
    use crate::event::Summary;
    use crate::exit::ExitStatus;
    use crate::outcome::{Attempt, Class, Failure, Phase, Tried};
    use crate::record::samples::{outcome, run};
    use crate::record::{Record, RunRecord, SCHEMA_VERSION, SummaryRecord, Tally};
    use crate::response::Hop;

    /// A record in which every object of the contract's table occurs.
    fn rich() -> Value {
        let mut failure = Failure::new(Class::Connect, Phase::Connect, "x");
        failure.tried.push(Tried { addr: "[::1]:443".parse().unwrap(), message: "refused".to_owned() });
        let mut outcome = outcome(1, failure);
        let last: &mut Attempt = &mut outcome.attempts[0];
        last.response.tls = Some(Box::default());
        last.response.redirects = vec![Hop { url: "http://a/".parse().unwrap(), response_code: 302 }];
        last.verdicts = vec![Verdict { check: "x".into(), expected: "y".into(), actual: None, pass: None }];
        serde_json::to_value(Record::from_outcome(&outcome, &run())).unwrap()
    }

    fn first_and_last() -> [Value; 2] {
        let config = Config::default();
        let began = RunRecord::new(&run(), &config, &config.concurrency, None);
        let (id, status) = (run().run_id.as_str().into(), ExitStatus::Pass);
        let ended = SummaryRecord::new(&id, &Summary::default(), &mut Tally::default(), status);
        [serde_json::to_value(began).unwrap(), serde_json::to_value(ended).unwrap()]
    }

    fn keys(object: &Value) -> Vec<&str> {
        let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    /// Panics unless the definition describes and requires exactly the fields that an object has.
    pub(crate) fn assert_described(definition: &str, object: &Value) {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let described = &schema["$defs"][definition];
        let mut required: Vec<&str> =
            described["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        required.sort_unstable();
        assert_eq!(keys(&described["properties"]), keys(object), "{definition}");
        assert_eq!(required, keys(object), "{definition}");
        for (name, field) in described["properties"].as_object().unwrap() {
            let is_described = field["description"].is_string() || field["$ref"].is_string();
            assert!(is_described, "{definition}.{name} is not described");
        }
    }

    /// The words that may stand in a list of them.
    pub(crate) fn schema_words(definition: &str, field: &str) -> Vec<String> {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let words = &schema["$defs"][definition]["properties"][field]["items"]["enum"];
        words.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn it_describes_and_requires_exactly_the_fields_that_records_have() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let (record, [began, ended]) = (rich(), first_and_last());
        for (definition, object) in [
            ("result", &record),
            ("error", &record["error"]),
            ("tried", &record["error"]["tried"][0]),
            ("redirect", &record["redirects"][0]),
            ("attempt", &record["attempts"][0]),
            ("check", &record["checks"][0]),
            ("tls", &record["tls"]),
            ("run", &began),
            ("limits", &began["limits"]),
            ("summary", &ended),
            ("limiters", &ended["limiters"]),
        ] {
            assert_described(definition, object);
        }
        let phases = &schema["$defs"]["result"]["properties"]["phases"]["properties"];
        assert_eq!(keys(phases), keys(&record["phases"]));
    }

    #[test]
    fn its_words_are_those_of_the_program() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let phases = &schema["$defs"]["error"]["properties"]["phase"]["enum"];
        let ours: Vec<&str> = Phase::ALL.iter().map(|phase| phase.as_str()).collect();
        assert_eq!(*phases, serde_json::json!(ours));
        for definition in ["run", "result", "summary", "comparison", "diff"] {
            let version = &schema["$defs"][definition]["properties"]["schema_version"]["const"];
            assert_eq!(*version, serde_json::json!(SCHEMA_VERSION));
        }
    }
}
