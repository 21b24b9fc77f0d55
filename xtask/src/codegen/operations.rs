//! The table of operations.

use std::fmt::Write as _;

use super::enums::error_variant;
use super::model::Model;
use super::names::pascal;

pub(super) fn operations(model: &Model) -> String {
    let mut source = String::from(
        "//! The operations of the model.\n\n\
         use crate::generated::error_code::ErrorCode;\n\
         use crate::operation::{Auth, operations};\n\noperations! {\n",
    );
    let _ = writeln!(source, "    target_prefix: {:?},", model.metadata.target_prefix);
    let _ = writeln!(source, "    all_names: &{:#?},", model.all_operations);
    for (name, operation) in &model.operations {
        // The model says `sigv4`; the variants use the spelling of the scheme.
        let auth =
            if operation.auth == "sigv4" { "SigV4".to_owned() } else { pascal(&operation.auth) };
        let errors: Vec<String> =
            operation.errors.iter().map(|error| error_variant(error)).collect();
        let _ = writeln!(
            source,
            "    /// `{name}`, called by{space}[`{input}`].\n    ///\n    \
             /// [`{input}`]: crate::requests::{input}\n    \
             {name}: {auth}, {has_output}, [\n        {errors}\n    ];",
            input = operation.input,
            // A long name stands on a line of its own.
            space = if name.len() > 32 { "\n    /// " } else { " " },
            has_output = operation.output.is_some(),
            errors = errors.join(",\n        "),
        );
    }
    source.push_str("}\n");
    source
}
