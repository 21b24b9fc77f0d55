//! The structures: requests, responses and the shapes in them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::model::{Kind, Model, Operation, Shape};
use super::names::{capitalized, pascal, snake};
use crate::Result;

/// The longest line that rustfmt accepts; it does not wrap comments.
const WIDTH: usize = 100;

/// The most arguments that clippy accepts.
const MAX_ARGUMENTS: usize = 7;

/// Shapes that are sensitive here although the model does not mark them.
///
/// A one-time code is a credential while it is valid. A device's verifier and salt suffice for an
/// attack on its password. A challenge's parameters hold the SECRET_BLOCK with which a client
/// without a Session continues. A provider's details hold its client secret or private key.
const ALSO_SENSITIVE: [&str; 4] = [
    "ChallengeParametersType",
    "ConfirmationCodeType",
    "DeviceSecretVerifierConfigType",
    "ProviderDetailsType",
];

pub(super) fn requests(model: &Model) -> Result<String> {
    let names = model.operations.values().map(|operation| operation.input.as_str()).collect();
    module(model, "The requests, one for each operation.", &names)
}

pub(super) fn responses(model: &Model) -> Result<String> {
    let names =
        model.operations.values().filter_map(|operation| operation.output.as_deref()).collect();
    module(model, "The responses of the operations that have one.", &names)
}

pub(super) fn shapes(model: &Model) -> Result<String> {
    let at_top: BTreeSet<&str> = (model.operations.values())
        .flat_map(|operation| [Some(operation.input.as_str()), operation.output.as_deref()])
        .flatten()
        .collect();
    let names = structures(model).filter(|name| !at_top.contains(name)).collect();
    module(model, "The structures inside requests and responses.", &names)
}

/// The names of all structures except the errors, which have no types.
pub(super) fn structures(model: &Model) -> impl Iterator<Item = &str> {
    let structures =
        model.shapes.iter().filter(|(_, shape)| matches!(shape.kind, Kind::Structure { .. }));
    structures.filter(|(_, shape)| !shape.exception).map(|(name, _)| name.as_str())
}

fn module(model: &Model, doc: &str, names: &BTreeSet<&str>) -> Result<String> {
    let from_requests = model.reachable_from_requests()?;
    let mut body = String::new();
    for name in names {
        body.push_str(&Structure::new(model, name, !from_requests.contains(name))?.source());
        body.push_str(&request_impl(model, name));
    }
    let mut uses = String::new();
    for (word, line) in [
        ("BTreeMap<", "use std::collections::BTreeMap;\n\n"),
        ("derive(", "use serde::{Deserialize, Serialize};\n\n"),
        ("", "use crate::generated::enums::*;\n"),
        (" Operation ", "use crate::generated::operation::Operation;\n"),
        ("type Output", "use crate::generated::responses::*;\n"),
        ("crate::Operation", "use crate::generated::shapes::*;\n"),
        ("null_as_default", "use crate::null::null_as_default;\n"),
        ("null_entries_absent", "use crate::null::null_entries_absent;\n"),
        ("type Output", "use crate::request::Request;\n"),
        ("Sensitive<", "use crate::sensitive::Sensitive;\n"),
        ("Timestamp", "use crate::timestamp::Timestamp;\n"),
    ] {
        if body.contains(word) {
            uses.push_str(line);
        }
    }
    Ok(format!("//! {doc}\n\n{uses}\n{body}"))
}

struct Structure<'a> {
    name: &'a str,
    doc: String,
    fields: Vec<Field<'a>>,
    /// Whether it occurs only in responses, where a required member may be missing.
    tolerant: bool,
}

struct Field<'a> {
    wire: &'a str,
    name: String,
    rust: String,
    doc: String,
    required: bool,
    has_default: bool,
}

impl<'a> Structure<'a> {
    fn new(model: &'a Model, name: &'a str, tolerant: bool) -> Result<Self> {
        let shape = model.shape(name)?;
        let Kind::Structure { members, required } = &shape.kind else {
            return Err(format!("{name} is no structure").into());
        };
        let mut fields = Vec::new();
        for (wire, member) in &members.0 {
            fields.push(Field {
                wire,
                name: snake(wire),
                rust: rust_type(model, member, is_sensitive(name, shape))?,
                doc: member_doc(wire, member, model.shape(member)?),
                required: required.contains(wire),
                has_default: has_default(model, member)?,
            });
        }
        Ok(Self { name, doc: structure_doc(model, name), fields, tolerant })
    }

    fn source(&self) -> String {
        let required: Vec<&Field<'_>> = self.fields.iter().filter(|field| field.required).collect();
        let default =
            required.is_empty() || self.tolerant && required.iter().all(|field| field.has_default);
        let mut source = format!("\n/// {}\n#[derive(Debug, Clone, PartialEq, Eq", self.doc);
        source.push_str(if default { ", Default" } else { "" });
        source.push_str(", Serialize, Deserialize)]\n");
        if !self.fields.is_empty() {
            source.push_str("#[serde(rename_all = \"PascalCase\")]\n");
        }
        let _ = writeln!(source, "pub struct {} {{", self.name);
        for field in &self.fields {
            source.push_str(&field.source(self.tolerant));
        }
        source.push_str("}\n");
        if !required.is_empty() {
            source.push_str(&self.constructor(&required));
        }
        source
    }

    /// The comment of `new`.
    fn constructor_doc(&self) -> String {
        let kind = ["Request", "Response"].into_iter().find(|kind| self.name.ends_with(kind));
        let what = kind.map_or_else(
            || format!("A `{}`", self.name),
            |kind| format!("A {}", kind.to_lowercase()),
        );
        let others = if self.fields.iter().all(|field| field.required) {
            "."
        } else {
            "; the others are `None`."
        };
        let doc = format!("{what} with its required members{others}");
        // The comment is indented by four and starts with three slashes and a space.
        if doc.len() + 8 > WIDTH { doc.replace("; ", ";\n/// ") } else { doc }
    }

    fn constructor(&self, required: &[&Field<'_>]) -> String {
        let arguments: Vec<String> = (required.iter())
            .map(|Field { name, rust, .. }| match rust.as_str() {
                // Members that callers write as literals accept literals.
                "String" | "Sensitive<String>" => format!("{name}: impl Into<{rust}>"),
                _ => format!("{name}: {rust}"),
            })
            .collect();
        let expectation = if required.len() > MAX_ARGUMENTS {
            "#[expect(clippy::too_many_arguments, reason = \"the model requires them\")]\n"
        } else {
            ""
        };
        let mut source = format!(
            "\nimpl {} {{\n/// {doc}\n{expectation}#[must_use]\npub fn new({}) -> Self {{\nSelf {{",
            self.name,
            arguments.join(", "),
            doc = self.constructor_doc(),
        );
        for Field { name, rust, required, .. } in &self.fields {
            let _ = match (required, rust.as_str()) {
                (false, _) => write!(source, "{name}: None,"),
                (true, "String" | "Sensitive<String>") => write!(source, "{name}: {name}.into(),"),
                (true, _) => write!(source, "{name},"),
            };
        }
        source.push_str("}\n}\n}\n");
        source
    }
}

impl Field<'_> {
    fn source(&self, tolerant: bool) -> String {
        let mut attributes = Vec::new();
        if pascal(&self.name) != self.wire {
            attributes.push(format!("rename = {:?}", self.wire));
        }
        if !self.required {
            if self.rust.starts_with("BTreeMap<") {
                attributes.push("default, deserialize_with = \"null_entries_absent\"".to_owned());
            }
            attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
        } else if tolerant && self.has_default {
            attributes.push("default, deserialize_with = \"null_as_default\"".to_owned());
        }
        let mut source = self.doc.clone();
        if !attributes.is_empty() {
            let _ = writeln!(source, "    #[serde({})]", attributes.join(", "));
        }
        let rust = if self.required { self.rust.clone() } else { format!("Option<{}>", self.rust) };
        let _ = writeln!(source, "    pub {}: {rust},", self.name);
        source
    }
}

fn is_sensitive(name: &str, shape: &Shape) -> bool {
    shape.sensitive || ALSO_SENSITIVE.contains(&name)
}

/// The Rust type of a shape. The sensitive parts of a structure or list are its leaves, and those
/// are wrapped.
fn rust_type(model: &Model, name: &str, inside_sensitive: bool) -> Result<String> {
    let shape = model.shape(name)?;
    let sensitive = inside_sensitive || is_sensitive(name, shape);
    Ok(match &shape.kind {
        Kind::String { values: Some(_) } | Kind::Structure { .. } => name.to_owned(),
        Kind::String { values: None } if sensitive => "Sensitive<String>".to_owned(),
        Kind::String { values: None } | Kind::Blob => "String".to_owned(),
        Kind::Document => "serde_json::Value".to_owned(),
        Kind::Integer if shape.max.is_none_or(|max| max <= i64::from(i32::MAX)) => "i32".to_owned(),
        Kind::Integer | Kind::Long => "i64".to_owned(),
        Kind::Boolean => "bool".to_owned(),
        Kind::Timestamp => "Timestamp".to_owned(),
        Kind::List { member } => format!("Vec<{}>", rust_type(model, member, sensitive)?),
        Kind::Map { value, .. } => {
            let value = rust_type(model, value, false)?;
            let map = format!("BTreeMap<String, {value}>");
            if sensitive { format!("Sensitive<{map}>") } else { map }
        }
    })
}

/// Whether a response that lacks a required member of this shape gets a default.
fn has_default(model: &Model, name: &str) -> Result<bool> {
    Ok(match &model.shape(name)?.kind {
        Kind::String { values } => values.is_none(),
        Kind::Structure { required, .. } => required.is_empty(),
        Kind::Timestamp => false,
        Kind::Integer
        | Kind::Long
        | Kind::Boolean
        | Kind::Blob
        | Kind::Document
        | Kind::List { .. }
        | Kind::Map { .. } => true,
    })
}

fn structure_doc(model: &Model, name: &str) -> String {
    for (operation, shapes) in &model.operations {
        let link =
            format!("[`{operation}`].\n///\n/// [`{operation}`]: crate::Operation::{operation}");
        if shapes.input == name {
            return format!("The request of {link}");
        }
        if shapes.output.as_deref() == Some(name) {
            return format!("The response of {link}");
        }
    }
    format!("The shape `{name}`.")
}

/// The doc comment of a member: its name on the wire and its constraints.
fn member_doc(wire: &str, shape_name: &str, shape: &Shape) -> String {
    let of = |bounds: String| match shape.kind {
        Kind::Integer | Kind::Long => format!("A value of {bounds}"),
        Kind::Blob => format!("{} bytes, in base64", capitalized(&bounds)),
        Kind::List { .. } | Kind::Map { .. } => capitalized(&format!("{bounds} entries")),
        _ => capitalized(&format!("{bounds} characters")),
    };
    let bounds = match (shape.min, shape.max) {
        (None, None) => None,
        (Some(min), None) => Some(of(format!("at least {min}"))),
        (None, Some(max)) | (Some(0), Some(max)) => Some(of(format!("at most {max}"))),
        (Some(min), Some(max)) if min == max => Some(of(format!("exactly {min}"))),
        (Some(min), Some(max)) => Some(of(format!("{min} to {max}"))),
    };
    let mut doc = format!("    /// `{wire}`.");
    if let Some(bounds) = bounds {
        let _ = write!(doc, " {bounds}.");
    }
    if let Some(pattern) = &shape.pattern {
        let sentence = format!(" Matches `{pattern}`.");
        if doc.len() + sentence.len() <= WIDTH {
            doc.push_str(&sentence);
        } else if "    ///".len() + sentence.len() <= WIDTH {
            let _ = write!(doc, "\n    ///{sentence}");
        } else {
            // A pattern must not be wrapped.
            let _ = write!(doc, "\n    /// Matches the pattern of `{shape_name}` in `MODEL_JSON`.");
        }
    }
    doc.push('\n');
    doc
}

/// The line that names a request's operation; empty for other structures.
fn request_impl(model: &Model, name: &str) -> String {
    let operation = model.operations.iter().find(|(_, operation)| operation.input == name);
    operation.map_or_else(String::new, |(operation, Operation { output, .. })| {
        let output = output.as_deref().unwrap_or("()");
        format!(
            "\nimpl Request for {name} {{\n\
             const OPERATION: Operation = Operation::{operation};\n\
             type Output = {output};\n}}\n"
        )
    })
}
