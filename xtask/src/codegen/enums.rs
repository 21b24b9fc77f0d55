//! The enumerations of strings, and the error codes among them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::model::{Kind, Model};
use super::names::{pascal, snake, variant};

/// Errors common to all operations, which the model omits, and their meanings.
const COMMON_ERRORS: [(&str, &str); 13] = [
    ("AccessDeniedException", "the signer may not do this"),
    ("ExpiredTokenException", "the signer's security token has expired"),
    ("IncompleteSignatureException", "the signature lacks a part"),
    ("InternalFailure", "the service failed"),
    ("InvalidSignatureException", "the signature is wrong"),
    ("MissingAuthenticationTokenException", "the signature is missing"),
    ("RequestExpired", "the signature is too old"),
    ("SerializationException", "the request is not JSON of its type"),
    ("ServiceUnavailableException", "the service is down for now"),
    ("ThrottlingException", "too many requests"),
    ("UnknownOperationException", "the operation is unknown"),
    ("UnrecognizedClientException", "the signer is unknown"),
    ("ValidationException", "the request breaks a constraint"),
];

pub(super) fn enums(model: &Model) -> String {
    let mut source = String::from(
        "//! The string enumerations of the model.\n\nuse crate::string_enum::string_enum;\n",
    );
    for (name, shape) in &model.shapes {
        if let Kind::String { values: Some(values) } = &shape.kind {
            let variants =
                values.iter().map(|value| (variant(value), value.as_str(), format!("`{value}`.")));
            push_enum(&mut source, &format!("The values of the shape `{name}`."), name, variants);
        }
    }
    source
}

pub(super) fn error_code(model: &Model) -> String {
    let modelled = model.shapes.iter().filter(|(_, shape)| shape.exception);
    let modelled = modelled.map(|(name, _)| (name.as_str(), format!("`{name}`.")));
    let common = COMMON_ERRORS
        .map(|(name, meaning)| (name, format!("`{name}`, of any operation: {meaning}.")));
    let codes: BTreeMap<&str, String> = modelled.chain(common).collect();

    let mut source = String::from(
        "//! The error codes of the model and those common to all operations.\n\n\
         use crate::string_enum::string_enum;\n",
    );
    let variants = codes.into_iter().map(|(name, doc)| (error_variant(name), name, doc));
    push_enum(&mut source, "Which error an operation answered with.", "ErrorCode", variants);
    source
}

/// The variant of an error, without the suffix that all of them share.
pub(super) fn error_variant(name: &str) -> String {
    pascal(&snake(name.strip_suffix("Exception").unwrap_or(name)))
}

fn push_enum<'a>(
    source: &mut String,
    doc: &str,
    name: &str,
    variants: impl Iterator<Item = (String, &'a str, String)>,
) {
    let _ = writeln!(source, "\nstring_enum! {{\n    /// {doc}\n    {name} {{");
    for (variant, text, doc) in variants {
        let _ = writeln!(source, "        /// {doc}\n        {variant} = {text:?},");
    }
    source.push_str("    }\n}\n");
}
