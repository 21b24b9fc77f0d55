//! The table of operations.

use std::fmt::Write as _;

use super::enums::error_variant;
use super::model::Model;
use super::names::pascal;

pub(super) fn operations(model: &Model) -> String {
    let mut source = String::from(
        "//! The operations of the model.\n\nuse crate::operation::operations;\nuse crate::{Auth, \
         ErrorCode, Request};\n\
         use crate::generated::requests::*;\nuse crate::generated::responses::*;\n\noperations! \
         {\n",
    );
    let _ = writeln!(source, "    target_prefix: {:?},", model.metadata.target_prefix);
    let names: Vec<&str> = model.all_operations.keys().map(String::as_str).collect();
    let _ = writeln!(source, "    all_names: &{names:#?},");
    for (name, operation) in &model.operations {
        // The model says `sigv4`; the variants are spelled as the scheme is.
        let auth =
            if operation.auth == "sigv4" { "SigV4".to_owned() } else { pascal(&operation.auth) };
        let output = operation.output.as_deref();
        let errors: Vec<String> =
            operation.errors.iter().map(|error| error_variant(error)).collect();
        let _ = writeln!(
            source,
            "    {name}({}) -> {}, {auth}, {}, [\n        {}\n    ];",
            operation.input,
            output.unwrap_or("()"),
            output.is_some(),
            errors.join(",\n        "),
        );
    }
    source.push_str("}\n");
    source
}
