//! A place in a JSON document and what is wanted of the values there: `json.$.ok==true` (RFC 9535).
//!
//! Knows paths and how a value compares with what a list wrote. Refuses to know where the document comes from and on
//! which thread this runs: it is work, and wants a thread that may be busy.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::comparison::Comparison;
use super::examination::Sight;
use super::text::TextTest;
use super::{Op, Presence, Test, snippet};

/// How deep brackets and parentheses of a path may be nested. Each level doubles what the parser tries before it gives
/// up, and it recurses (`serde_json_path` 0.7.2).
const MOST_NESTED: usize = 8;

/// The longest path in bytes.
const MOST_BYTES: usize = 4 << 10;

/// Which nodes of a document are meant.
pub(super) struct Path(JsonPath);

impl Path {
    /// Reads a path, `$.items[0].id`.
    ///
    /// # Errors
    /// A fragment that says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        if !text.starts_with('$') {
            return Err(format!(
                "a path of JSON begins with $: write json.$.{}",
                text.trim_start_matches('.')
            ));
        }
        if text.len() > MOST_BYTES {
            return Err(format!("a path of JSON is at most {MOST_BYTES} bytes long"));
        }
        if nesting(text) > MOST_NESTED {
            return Err(format!("more than {MOST_NESTED} brackets inside each other"));
        }
        let path = JsonPath::parse(text);
        path.map(Path).map_err(|error| format!("no path of JSON (RFC 9535): {error}"))
    }

    /// The values that the path leads to, in the order of the document.
    fn nodes<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        self.0.query(document).all()
    }
}

/// A body that was read as JSON, or why it could not be.
pub(super) struct Document(Result<Value, String>);

impl Document {
    /// Reads a body. A byte order mark before it is no obstacle (RFC 8259 §8.1); nesting beyond 127 levels is.
    pub(super) fn read(body: &[u8]) -> Document {
        let bare = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        Document(serde_json::from_slice(bare).map_err(|error| format!("no JSON: {error}")))
    }

    /// What is at a path, and whether it is as wanted.
    pub(super) fn sight(&self, path: &Path, wants: &Presence<ValueTest>) -> Sight {
        let document = match &self.0 {
            Ok(document) => document,
            Err(why) => return Sight::Value { holds: false, actual: why.as_str().into() },
        };
        let nodes = path.nodes(document);
        let holds = wants.holds_of(&nodes);
        Sight::Value { holds, actual: snippet::listed(nodes.iter().map(ToString::to_string), "nothing") }
    }
}

/// How deep brackets of both kinds are nested at most; those in quotes count too, which errs on the safe side.
fn nesting(text: &str) -> usize {
    let mut depth = 0_usize;
    let depths = text.bytes().map(|byte| {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth
    });
    depths.max().unwrap_or_default()
}

/// What is wanted of a value.
#[derive(Clone)]
pub(super) enum ValueTest {
    /// Equal to this, or not.
    Equal {
        value: Value,
        is_wanted: bool,
    },
    Number(Comparison<Figure>),
    /// Texts against texts, all others by their JSON.
    Text(TextTest),
}

impl ValueTest {
    /// The value is taken as JSON if it is some, else as text.
    ///
    /// # Errors
    /// A fragment about what cannot be compared.
    pub(super) fn new(op: Op, value: &str) -> Result<ValueTest, String> {
        let parsed = serde_json::from_str(value);
        let parsed = parsed.unwrap_or_else(|_| Value::String(value.to_owned()));
        match op {
            Op::Is | Op::IsNot => Ok(ValueTest::Equal { value: parsed, is_wanted: op == Op::Is }),
            Op::Below | Op::AtMost | Op::Above | Op::AtLeast => {
                let comparison = Figure::of(&parsed).and_then(|bound| Comparison::new(op, bound));
                comparison
                    .map(ValueTest::Number)
                    .ok_or_else(|| format!("'{value}' is no number to compare with"))
            }
            Op::Contains | Op::Matches | Op::MatchesNot => match TextTest::new(op, value) {
                Some(test) => test.map(ValueTest::Text),
                None => Err(format!("'{op}' does not compare texts")),
            },
        }
    }
}

impl Test<Value> for ValueTest {
    fn holds(&self, actual: &Value) -> bool {
        match self {
            ValueTest::Equal { value, is_wanted } => is_equal(value, actual) == *is_wanted,
            ValueTest::Number(comparison) => {
                Figure::of(actual).is_some_and(|actual| comparison.holds(&actual))
            }
            ValueTest::Text(test) => match actual {
                Value::String(text) => test.holds(text),
                other => test.holds(&other.to_string()),
            },
        }
    }

    fn is_negated(&self) -> bool {
        match self {
            ValueTest::Equal { is_wanted, .. } => !is_wanted,
            ValueTest::Number(_) => false,
            ValueTest::Text(test) => test.is_negated,
        }
    }
}

/// A number of JSON. Whole ones of 64 bits are compared as they are: as floating point, two that differ from 2⁵³ on
/// would be the same.
#[derive(Clone, Copy)]
pub(super) enum Figure {
    Whole(i128),
    Real(f64),
}

impl Figure {
    /// `None` for what is no number.
    fn of(value: &Value) -> Option<Figure> {
        let Value::Number(number) = value else { return None };
        number.as_i128().map(Figure::Whole).or_else(|| number.as_f64().map(Figure::Real))
    }

    fn real(self) -> f64 {
        match self {
            Figure::Whole(whole) => whole as f64,
            Figure::Real(real) => real,
        }
    }
}

impl PartialEq for Figure {
    fn eq(&self, other: &Figure) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Figure {
    fn partial_cmp(&self, other: &Figure) -> Option<Ordering> {
        match (self, other) {
            (Figure::Whole(a), Figure::Whole(b)) => Some(a.cmp(b)),
            (a, b) => a.real().partial_cmp(&b.real()),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Whole(whole) => whole.fmt(f),
            Figure::Real(real) => real.fmt(f),
        }
    }
}

/// In words, behind the path: `== true`.
impl fmt::Display for ValueTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueTest::Equal { value, is_wanted: true } => write!(f, "{value}"),
            ValueTest::Equal { value, is_wanted: false } => write!(f, "other than {value}"),
            ValueTest::Number(comparison) => write!(f, "{}{}", comparison.words(), comparison.bound()),
            ValueTest::Text(test) => write!(f, "{test}"),
        }
    }
}

/// Equality of JSON, where 1 and 1.0 are the same number (RFC 9535 §2.3.5.2.2).
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => Figure::of(one) == Figure::of(other),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has =
                |(name, value): (&String, &Value)| b.get(name).is_some_and(|other| is_equal(value, other));
            a.len() == b.len() && a.iter().all(has)
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"ok":true,"n":3,"f":2.0,"none":null,"name":"green fetch",
        "list":[{"id":1,"tag":"a"},{"id":2,"tag":"b"}],"a b":{"x==y":"z"}}"#;

    fn holds(path: &str, op: Op, value: &str) -> bool {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let path = Path::parse(path).unwrap_or_else(|why| panic!("{path}: {why}"));
        Presence::Holding(ValueTest::new(op, value).unwrap()).holds_of(&path.nodes(&document))
    }

    #[test]
    fn a_value_is_compared_as_json_and_else_as_text() {
        for (path, op, value, expected) in [
            ("$.ok", Op::Is, "true", true),
            ("$.ok", Op::Is, "\"true\"", false),
            ("$.n", Op::Is, "3.0", true),
            ("$.f", Op::Is, "2", true),
            ("$.n", Op::AtLeast, "3", true),
            ("$.n", Op::Above, "3", false),
            ("$.name", Op::Is, "green fetch", true),
            ("$.name", Op::Is, "\"green fetch\"", true),
            ("$.name", Op::Contains, "fetch", true),
            ("$.name", Op::Matches, "^green", true),
            ("$.name", Op::MatchesNot, "red", true),
            ("$.name", Op::AtLeast, "3", false),
            ("$.none", Op::Is, "null", true),
            ("$.list[*].id", Op::Is, "2", true),
            ("$.list[*].id", Op::Is, "3", false),
            ("$.list[?@.tag=='b'].id", Op::Is, "2", true),
            ("$.list", Op::Is, r#"[{"tag":"a","id":1.0},{"id":2,"tag":"b"}]"#, true),
            ("$['a b']['x==y']", Op::Is, "z", true),
            ("$.missing", Op::Is, "1", false),
            ("$.missing", Op::IsNot, "1", false),
            ("$.list[*].id", Op::IsNot, "2", false),
            ("$.list[*].id", Op::IsNot, "3", true),
            ("$.n", Op::IsNot, "4", true),
        ] {
            assert_eq!(holds(path, op, value), expected, "{path} {op} {value}");
        }
    }

    #[test]
    fn a_large_number_is_not_rounded_into_another() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert!(!is_equal(&value("9007199254740993"), &value("9007199254740992")));
        assert!(is_equal(&value("1e2"), &value("100")));
        for (op, bound, expected) in [
            (Op::AtMost, "9007199254740992", false),
            (Op::Above, "9007199254740992", true),
            (Op::AtLeast, "9007199254740994", false),
            (Op::AtLeast, "9007199254740993", true),
            (Op::Above, "-0.5", true),
            (Op::Below, "1e300", true),
        ] {
            let test = ValueTest::new(op, bound).unwrap();
            assert_eq!(test.holds(&value("9007199254740993")), expected, "{op} {bound}");
        }
    }

    #[test]
    fn what_is_no_path_is_said_so_at_once() {
        for (bad, why) in [
            ("ok", "write json.$.ok"),
            (".ok", "write json.$.ok"),
            ("$.", "no path"),
            ("$[?@.a==", "no path"),
            (&format!("$[?{}@.a{}]", "(".repeat(9), ")".repeat(9)), "inside each other"),
            (&"$[?".repeat(2000), "at most"),
            (&format!("$[?{}", "(".repeat(60)), "inside each other"),
        ] {
            let refused = Path::parse(bad).err().unwrap_or_else(|| panic!("{bad} was taken"));
            assert!(refused.contains(why), "{bad}: {refused}");
        }
        assert!(ValueTest::new(Op::Below, "many").is_err());
    }

    #[test]
    fn the_deepest_path_is_read_with_little_stack() {
        let deep = MOST_NESTED - 1;
        let texts = [
            format!("$[?{}@.a=={}]", "(".repeat(deep), ")".repeat(deep)),
            format!("$[?{}@.a==1{}]", "(".repeat(deep), ")".repeat(deep)),
            format!("$[?{}@.a{}]", "!(".repeat(deep), ")".repeat(deep)),
            format!("$[?{}@.a{}]", "@[?".repeat(deep), "]".repeat(deep)),
        ];
        let parse = move || texts.iter().filter(|text| Path::parse(text).is_ok()).count();
        let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(parse).unwrap();
        assert!(thread.join().unwrap() >= 2);
    }
}
