//! Conversions between structures that share their members.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::model::{Kind, Members, Model};
use super::names::snake;
use crate::Result;

/// The requests with settings, and the description that each converts to.
const SETTINGS: [(&str, &str); 4] = [
    ("CreateUserPoolClientRequest", "UserPoolClientType"),
    ("CreateUserPoolRequest", "UserPoolType"),
    ("UpdateUserPoolClientRequest", "UserPoolClientType"),
    ("UpdateUserPoolRequest", "UserPoolType"),
];

pub(super) fn conversions(model: &Model) -> Result<String> {
    let mut source = String::from(
        "//! Conversions between structures that share their members.\n\n\
         use crate::generated::requests::*;\n\
         use crate::generated::responses::*;\n\
         use crate::generated::shapes::*;\n",
    );
    for alike in responses_alike(model)? {
        for from in &alike {
            for to in alike.iter().filter(|to| *to != from) {
                push_same(&mut source, model, from, to)?;
            }
        }
    }
    for (request, description) in SETTINGS {
        push_settings(&mut source, model, request, description)?;
    }
    Ok(source)
}

/// The groups of responses that have the same members, at least one.
fn responses_alike(model: &Model) -> Result<Vec<Vec<&str>>> {
    let mut groups: BTreeMap<&[(String, String)], Vec<&str>> = BTreeMap::new();
    for output in model.operations.values().filter_map(|operation| operation.output.as_deref()) {
        let (members, _) = structure(model, output)?;
        groups.entry(&members.0).or_default().push(output);
    }
    Ok(groups.into_iter().filter(|(members, _)| !members.is_empty()).map(|(_, all)| all).collect())
}

fn push_same(source: &mut String, model: &Model, from: &str, to: &str) -> Result<()> {
    let (members, _) = structure(model, from)?;
    let fields: Vec<String> = members.0.iter().map(|(wire, _)| snake(wire)).collect();
    let fields = fields.join(", ");
    let _ = writeln!(
        source,
        "\nimpl From<{from}> for {to} {{\nfn from(response: {from}) -> Self {{\n\
         let {from} {{ {fields} }} = response;\nSelf {{ {fields} }}\n}}\n}}"
    );
    Ok(())
}

/// A description has no required members, so that a request may omit any of them.
fn push_settings(source: &mut String, model: &Model, request: &str, to: &str) -> Result<()> {
    let (given, required) = structure(model, request)?;
    let (described, _) = structure(model, to)?;
    let shared: Vec<String> = (given.0.iter())
        .filter(|member| described.0.contains(member))
        .map(|(wire, _)| {
            let field = snake(wire);
            if required.contains(wire) {
                format!("{field}: Some(request.{field}),")
            } else {
                format!("{field}: request.{field},")
            }
        })
        .collect();
    let _ = writeln!(
        source,
        "\n/// The settings that the request names; the other members are `None`.\n\
         impl From<{request}> for {to} {{\nfn from(request: {request}) -> Self {{\n\
         Self {{ {} ..Self::default() }}\n}}\n}}",
        shared.join(" "),
    );
    Ok(())
}

fn structure<'a>(model: &'a Model, name: &str) -> Result<(&'a Members, &'a [String])> {
    match &model.shape(name)?.kind {
        Kind::Structure { members, required } => Ok((members, required)),
        _ => Err(format!("{name} is no structure").into()),
    }
}
