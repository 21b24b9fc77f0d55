//! The constraints of the service's model on requests.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{LazyLock, OnceLock};

use device_wire::{MODEL_JSON, Operation};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// Shapes that are secret although the model does not mark them. device-wire hides the same ones in
/// `Debug`.
const ALSO_SENSITIVE: [&str; 3] =
    ["ConfirmationCodeType", "DeviceSecretVerifierConfigType", "ProviderDetailsType"];

/// The model: shapes, each known by its position.
pub(super) struct Model {
    shapes: Vec<Shape>,
    inputs: HashMap<Operation, ShapeId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ShapeId(usize);

pub(super) struct Shape {
    pub(super) kind: Kind,
    /// In the order in which the service reports them.
    pub(super) constraints: Vec<Constraint>,
    /// Whether messages omit its values.
    pub(super) sensitive: bool,
}

pub(super) enum Kind {
    String,
    /// An integer of 32 bits.
    Integer,
    Boolean,
    List(ShapeId),
    Map(ShapeId, ShapeId),
    Structure(Vec<Member>),
    /// Occurs in no request.
    Timestamp,
    /// Occurs in no request.
    Long,
    /// Base64 text.
    Blob,
    /// Any JSON value.
    Document,
}

pub(super) struct Member {
    pub(super) name: String,
    /// The name as messages write it: `clientId` for `ClientId`.
    pub(super) path_name: String,
    pub(super) shape: ShapeId,
    pub(super) required: bool,
}

/// A constraint on a value, besides its type. `Display` completes "Member must".
pub(super) enum Constraint {
    Longest(usize),
    Shortest(usize),
    AtMost(i64),
    AtLeast(i64),
    Pattern(Pattern),
    OneOf(Vec<String>),
}

/// A regular expression that must match the whole string. Compiled at its first use, since few are
/// used.
pub(super) struct Pattern {
    source: String,
    compiled: OnceLock<Regex>,
}

impl Model {
    /// The model that device-wire carries.
    pub(super) fn embedded() -> &'static Self {
        static MODEL: LazyLock<Model> = LazyLock::new(|| {
            #[expect(
                clippy::expect_used,
                reason = "a constant of the build; the tests below parse it too"
            )]
            let document: Document =
                serde_json::from_str(MODEL_JSON).expect("device-wire's model parses");
            Model::compile(document)
        });
        &MODEL
    }

    pub(super) fn input(&self, operation: Operation) -> ShapeId {
        #[expect(
            clippy::indexing_slicing,
            reason = "operations and model have one source; the tests below look up each"
        )]
        self.inputs[&operation]
    }

    pub(super) fn shape(&self, id: ShapeId) -> &Shape {
        #[expect(
            clippy::indexing_slicing,
            reason = "ids are made by `compile` alone, as positions of shapes"
        )]
        &self.shapes[id.0]
    }

    fn compile(document: Document) -> Self {
        let ids: HashMap<String, ShapeId> = document
            .shapes
            .keys()
            .enumerate()
            .map(|(position, name)| (name.clone(), ShapeId(position)))
            .collect();
        #[expect(
            clippy::indexing_slicing,
            reason = "a constant of the build, without dangling names; see the tests below"
        )]
        let id = |name: &String| ids[name];
        let inputs = document
            .operations
            .iter()
            .filter_map(|(name, operation)| {
                Some((Operation::from_name(name)?, id(&operation.input)))
            })
            .collect();
        let shapes = document
            .shapes
            .into_iter()
            .map(|(name, source)| {
                let sensitive = source.sensitive || ALSO_SENSITIVE.contains(&name.as_str());
                let (kind, constraints) = match source.kind {
                    SourceKind::String { min, max, pattern, values } => {
                        let pattern = pattern.map(|source| {
                            Constraint::Pattern(Pattern { source, compiled: OnceLock::new() })
                        });
                        let values = (!values.is_empty()).then_some(Constraint::OneOf(values));
                        (Kind::String, lengths(min, max).chain(pattern).chain(values).collect())
                    }
                    SourceKind::Integer { min, max } => {
                        let constraints = max
                            .map(Constraint::AtMost)
                            .into_iter()
                            .chain(min.map(Constraint::AtLeast));
                        (Kind::Integer, constraints.collect())
                    }
                    SourceKind::Boolean => (Kind::Boolean, Vec::new()),
                    SourceKind::Timestamp => (Kind::Timestamp, Vec::new()),
                    SourceKind::Long => (Kind::Long, Vec::new()),
                    SourceKind::Blob { min, max } => {
                        let text = |bytes: usize| bytes.div_ceil(3) * 4;
                        (Kind::Blob, lengths(min.map(text), max.map(text)).collect())
                    }
                    SourceKind::Document => (Kind::Document, Vec::new()),
                    SourceKind::List { min, max, member } => {
                        (Kind::List(id(&member)), lengths(min, max).collect())
                    }
                    SourceKind::Map { min, max, key, value } => {
                        (Kind::Map(id(&key), id(&value)), lengths(min, max).collect())
                    }
                    SourceKind::Structure { required, members } => {
                        let members = members.into_iter().map(|(name, shape)| Member {
                            path_name: lower_first(&name),
                            required: required.contains(&name),
                            shape: id(&shape),
                            name,
                        });
                        (Kind::Structure(members.collect()), Vec::new())
                    }
                };
                Shape { kind, constraints, sensitive }
            })
            .collect();
        Self { shapes, inputs }
    }
}

impl Shape {
    pub(super) fn is_scalar(&self) -> bool {
        !matches!(self.kind, Kind::List(_) | Kind::Map(..) | Kind::Structure(_))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "a String",
            Self::Integer => "an Integer",
            Self::Boolean => "a Boolean",
            Self::Timestamp => "a Timestamp",
            Self::Long => "a Long",
            Self::Blob => "a Blob",
            Self::Document => "a Document",
            Self::List(_) => "a List",
            Self::Map(..) => "a Map",
            Self::Structure(_) => "a Structure",
        })
    }
}

impl Constraint {
    /// Whether `value`, which has the right type, meets the constraint. The length of a string is
    /// counted in characters.
    pub(super) fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Longest(max), Value::String(text)) => text.chars().nth(*max).is_none(),
            (Self::Longest(max), Value::Array(items)) => items.len() <= *max,
            (Self::Longest(max), Value::Object(entries)) => entries.len() <= *max,
            (Self::Shortest(min), Value::String(text)) => text.chars().take(*min).count() == *min,
            (Self::Shortest(min), Value::Array(items)) => items.len() >= *min,
            (Self::Shortest(min), Value::Object(entries)) => entries.len() >= *min,
            (Self::AtMost(max), Value::Number(number)) => {
                number.as_i64().is_some_and(|n| n <= *max)
            }
            (Self::AtLeast(min), Value::Number(number)) => {
                number.as_i64().is_some_and(|n| n >= *min)
            }
            (Self::Pattern(pattern), Value::String(text)) => pattern.regex().is_match(text),
            (Self::OneOf(values), Value::String(text)) => values.contains(text),
            _ => false,
        }
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Longest(max) => write!(f, "have length less than or equal to {max}"),
            Self::Shortest(min) => write!(f, "have length greater than or equal to {min}"),
            Self::AtMost(max) => write!(f, "have value less than or equal to {max}"),
            Self::AtLeast(min) => write!(f, "have value greater than or equal to {min}"),
            Self::Pattern(pattern) => {
                write!(f, "satisfy regular expression pattern: {}", pattern.source)
            }
            Self::OneOf(values) => write!(f, "satisfy enum value set: [{}]", values.join(", ")),
        }
    }
}

impl Pattern {
    fn regex(&self) -> &Regex {
        self.compiled.get_or_init(|| {
            #[expect(
                clippy::expect_used,
                reason = "constants of the build; the tests below compile each"
            )]
            Regex::new(&self.translated()).expect("a pattern of the model compiles")
        })
    }

    /// The pattern for our library: it matches the whole string, and `\w`, `\s` and `\S` are
    /// limited to ASCII, as at the service.
    fn translated(&self) -> String {
        let ascii = self
            .source
            .replace(r"\w", "[0-9A-Za-z_]")
            .replace(r"\s", r"[ \t\n\x0B\f\r]")
            .replace(r"\S", r"[^ \t\n\x0B\f\r]");
        format!(r"\A(?:{ascii})\z")
    }
}

fn lengths(min: Option<usize>, max: Option<usize>) -> impl Iterator<Item = Constraint> {
    max.map(Constraint::Longest).into_iter().chain(min.map(Constraint::Shortest))
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}

/// The model in its stored form.
#[derive(Deserialize)]
struct Document {
    operations: BTreeMap<String, SourceOperation>,
    shapes: BTreeMap<String, SourceShape>,
}

#[derive(Deserialize)]
struct SourceOperation {
    input: String,
}

#[derive(Deserialize)]
struct SourceShape {
    #[serde(default)]
    sensitive: bool,
    #[serde(flatten)]
    kind: SourceKind,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum SourceKind {
    String {
        min: Option<usize>,
        max: Option<usize>,
        pattern: Option<String>,
        #[serde(default, rename = "enum")]
        values: Vec<String>,
    },
    Integer {
        min: Option<i64>,
        max: Option<i64>,
    },
    Boolean,
    Timestamp,
    Long,
    Blob {
        min: Option<usize>,
        max: Option<usize>,
    },
    Document,
    List {
        min: Option<usize>,
        max: Option<usize>,
        member: String,
    },
    Map {
        min: Option<usize>,
        max: Option<usize>,
        key: String,
        value: String,
    },
    Structure {
        required: Vec<String>,
        members: BTreeMap<String, String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_operations_have_inputs_and_all_patterns_compile() {
        let model = Model::embedded();
        for operation in Operation::ALL {
            assert!(
                matches!(model.shape(model.input(*operation)).kind, Kind::Structure(_)),
                "{operation}"
            );
        }
        for constraint in model.shapes.iter().flat_map(|shape| &shape.constraints) {
            if let Constraint::Pattern(pattern) = constraint {
                pattern.regex();
            }
        }
    }

    #[test]
    fn a_pattern_matches_whole_strings_and_ascii_classes() {
        let matches = |source: &str, text: &str| {
            let pattern = Pattern { source: source.to_owned(), compiled: OnceLock::new() };
            Constraint::Pattern(pattern).holds(&Value::from(text))
        };
        assert!(matches(r"[\w-]+_[0-9a-zA-Z]+", "eu-west-1_AbC9"));
        assert!(!matches(r"[\w-]+_[0-9a-zA-Z]+", "eu-west-1_AbC9!"));
        assert!(!matches(r"[\w-]+_[0-9a-zA-Z]+", "eu-west-1_AbC9\n"));
        assert!(!matches(r"[\w+]+", "é"));
        assert!(matches(r"[\S]+", "pass\u{a0}word"));
        assert!(!matches(r"[\S]+", "pass word"));
        assert!(!matches("a|b", "ab"));
    }

    #[test]
    fn only_the_first_letter_of_a_name_becomes_small() {
        assert_eq!(lower_first("ClientId"), "clientId");
        assert_eq!(lower_first("MFAOptions"), "mFAOptions");
    }
}
