//! Reads `operations.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::Result;

#[derive(serde::Deserialize)]
pub(super) struct Model {
    pub(super) metadata: Metadata,
    pub(super) operations: BTreeMap<String, Operation>,
    pub(super) shapes: BTreeMap<String, Shape>,
    /// The names of all operations of the service, supported or not.
    pub(super) all_operations: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) target_prefix: String,
}

#[derive(serde::Deserialize)]
pub(super) struct Operation {
    pub(super) auth: String,
    pub(super) input: String,
    pub(super) output: Option<String>,
    pub(super) errors: Vec<String>,
}

#[derive(serde::Deserialize)]
pub(super) struct Shape {
    #[serde(flatten)]
    pub(super) kind: Kind,
    pub(super) min: Option<i64>,
    pub(super) max: Option<i64>,
    pub(super) pattern: Option<String>,
    #[serde(default)]
    pub(super) sensitive: bool,
    #[serde(default)]
    pub(super) exception: bool,
}

#[derive(serde::Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Kind {
    String {
        #[serde(rename = "enum")]
        values: Option<Vec<String>>,
    },
    Integer,
    /// An integer of 64 bits.
    Long,
    Boolean,
    Timestamp,
    /// Bytes, which are base64 text in JSON.
    Blob,
    /// Any JSON value.
    Document,
    List {
        member: String,
    },
    Map {
        key: String,
        value: String,
    },
    Structure {
        members: Members,
        required: Vec<String>,
    },
}

/// The members of a structure with their shapes. They are in the model's order, which a map would
/// lose.
pub(super) struct Members(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the members of a structure")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl Model {
    pub(super) fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes.get(name).ok_or_else(|| format!("the model has no shape {name}").into())
    }

    /// The names of all shapes that a request can contain.
    pub(super) fn reachable_from_requests(&self) -> Result<BTreeSet<&str>> {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> =
            self.operations.values().map(|operation| operation.input.as_str()).collect();
        while let Some(name) = next.pop() {
            if seen.insert(name) {
                match &self.shape(name)?.kind {
                    Kind::List { member } => next.push(member),
                    Kind::Map { key, value } => next.extend([key.as_str(), value.as_str()]),
                    Kind::Structure { members, .. } => {
                        next.extend(members.0.iter().map(|(_, shape)| shape.as_str()));
                    }
                    Kind::String { .. }
                    | Kind::Integer
                    | Kind::Long
                    | Kind::Boolean
                    | Kind::Timestamp
                    | Kind::Blob
                    | Kind::Document => {}
                }
            }
        }
        Ok(seen)
    }
}
