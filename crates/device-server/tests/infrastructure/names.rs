//! Names for what a server chooses, so that recorded calls are the same each time.
//!
//! `cargo xtask terraform --record` includes this file, too.

use serde_json::{Value, json};

/// The ids, secrets and names that a server issued, and what a recording has in their place.
#[derive(Default)]
pub(crate) struct Names(pub(crate) Vec<(String, String)>);

impl Names {
    /// Learns what the answer to a call that creates something issued.
    pub(crate) fn learn(&mut self, operation: &str, answer: &Value) {
        let issued: &[(&str, &str)] = match operation {
            "CreateUserPool" => &[("pool", "/UserPool/Id")],
            "CreateUserPoolClient" => &[
                ("client", "/UserPoolClient/ClientId"),
                ("secret", "/UserPoolClient/ClientSecret"),
            ],
            _ => &[],
        };
        for (kind, place) in issued {
            self.give(kind, answer.pointer(place));
        }
        if operation == "AdminCreateUser" {
            let attributes = answer.pointer("/User/Attributes").and_then(Value::as_array);
            let sub = attributes.into_iter().flatten().find(|attribute| attribute["Name"] == "sub");
            self.give("sub", sub.and_then(|attribute| attribute.get("Value")));
        }
    }

    fn give(&mut self, kind: &str, value: Option<&Value>) {
        let Some(value) = value.and_then(Value::as_str) else { return };
        let name = format!("{{{kind}-{}}}", self.0.len());
        self.0.push((value.to_owned(), name));
    }

    /// A value as recordings have it.
    pub(crate) fn hide(&self, value: &Value) -> Value {
        map(value, &|text| {
            self.0.iter().fold(text.to_owned(), |text, (value, name)| text.replace(value, name))
        })
    }
}

/// Applies `text` to each text, and replaces what is different each time.
pub(crate) fn map(value: &Value, text: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(found) => json!(text(found)),
        Value::Array(items) => items.iter().map(|item| map(item, text)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let differs = value.is_number() && name.ends_with("Date")
                    || value.is_string()
                        && ["CSSVersion", "Certificate", "Version"].contains(&name.as_str());
                let value = if differs { json!(format!("{{{name}}}")) } else { map(value, text) };
                (name.clone(), value)
            })
            .collect(),
        other => other.clone(),
    }
}
