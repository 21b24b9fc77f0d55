//! Types of dependencies in the public signatures of the client's crates.
//!
//! Users of such a type must upgrade with the dependency, so each of these types needs a reason.
//! The signatures come from rustdoc's JSON.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::Result;
use crate::command::{cargo, run, target};

/// A client's crate, with the foreign paths that it may show, and why.
struct Crate {
    name: &'static str,
    allowed: &'static [(&'static str, &'static str)],
}

const RNG: (&str, &str) = ("rand_core::CryptoRng", "injects randomness");
const SERDE: (&str, &str) = ("serde_core::", "reads and writes by a format of one's choice");

const CRATES: &[Crate] = &[
    Crate {
        name: "device-srp",
        allowed: &[
            RNG,
            ("num_bigint::", "converts public values, behind a feature of that name"),
            ("zeroize::Zeroizing", "hands out secret bytes that wipe themselves"),
        ],
    },
    Crate {
        name: "device-wire",
        allowed: &[SERDE, ("serde_json::value::Value", "holds a member that is any JSON")],
    },
    Crate { name: "device-proto", allowed: &[RNG, SERDE] },
    Crate {
        name: "device-http",
        allowed: &[(
            "aws_credential_types::",
            "injects a source of administrator credentials, behind the feature admin",
        )],
    },
    Crate {
        name: "device-auth",
        allowed: &[SERDE, ("keyring_core::", "injects a keychain, behind the feature keyring")],
    },
];

/// Fails if a client's crate shows a foreign path without a reason, or has a reason for none.
///
/// `features` are those of the documentation, so that nothing has to be compiled again.
pub(crate) fn check(root: &Path, features: &str) -> Result<()> {
    let built = target(root);
    fs::create_dir_all(&built)?;
    // Only rustdoc gets unstable features: with them build scripts would run again, and compile
    // other code.
    let rustdoc = built.join("rustdoc-json");
    fs::write(&rustdoc, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n")?;
    fs::set_permissions(&rustdoc, fs::Permissions::from_mode(0o755))?;
    run(cargo(root, &["doc", "--quiet", "--locked", "--workspace", "--no-deps", features])
        .env("RUSTDOC", fs::canonicalize(&rustdoc)?)
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json"))?;
    let mut problems = Vec::new();
    for Crate { name, allowed } in CRATES {
        let file = built.join("doc").join(name.replace('-', "_")).with_extension("json");
        let text =
            fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let shown = foreign(&serde_json::from_str(&text)?)?;
        println!("{name} shows {} paths of dependencies.", shown.len());
        problems.extend(judge(name, &shown, allowed));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

/// The problems with the paths that a crate shows.
fn judge(name: &str, shown: &BTreeSet<Use>, allowed: &[(&str, &str)]) -> Vec<String> {
    let is_allowed = |path: &str| allowed.iter().any(|(allowed, _)| path.starts_with(allowed));
    let unused = allowed
        .iter()
        .filter(|(allowed, _)| !shown.iter().any(|foreign| foreign.path.starts_with(allowed)));
    let unused = unused.map(|(path, reason)| {
        format!("{name} does not show {path} any more: it is allowed in vain ({reason})")
    });
    let foreign = shown.iter().filter(|foreign| !is_allowed(&foreign.path));
    let foreign = foreign.map(|Use { path, item }| format!("{name} shows {path} in {item}"));
    foreign.chain(unused).collect()
}

/// A path of a dependency, and the item in whose signature it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    path: String,
    item: String,
}

/// The paths of foreign crates in a crate's public signatures. Neither the standard library nor the
/// crates of this workspace are foreign.
fn foreign(documentation: &Value) -> Result<BTreeSet<Use>> {
    let member = |name: &str| -> Result<&Map<String, Value>> {
        let member = documentation.get(name).and_then(Value::as_object);
        member.ok_or_else(|| format!("rustdoc's JSON has no {name}: its format changed").into())
    };
    let mut walk = Walk {
        paths: member("paths")?,
        crates: member("external_crates")?,
        found: BTreeSet::new(),
    };
    let mut items = 0;
    for item in member("index")?.values() {
        let inner = item.get("inner").and_then(Value::as_object);
        let (kind, inner) = inner.and_then(|inner| inner.iter().next()).unzip();
        let (Some(kind), Some(inner)) = (kind, inner) else { continue };
        let is = |flag| inner.get(flag).is_some_and(|flag| !flag.is_null() && flag != false);
        // Blanket and auto-trait implementations hold for all types, so they say nothing about this
        // crate's own.
        if item.get("crate_id") != Some(&0.into()) || is("blanket_impl") || is("is_synthetic") {
            continue;
        }
        items += 1;
        let name = item.get("name").and_then(Value::as_str).unwrap_or(kind);
        walk.visit(inner, name);
    }
    if items == 0 {
        return Err("rustdoc's JSON has no items: its format changed".into());
    }
    Ok(walk.found)
}

struct Walk<'a> {
    /// Every path that is named, by id.
    paths: &'a Map<String, Value>,
    /// Other crates, by id.
    crates: &'a Map<String, Value>,
    found: BTreeSet<Use>,
}

impl Walk<'_> {
    /// Looks for paths in a piece of a signature: objects with an id, and a path or a re-export's
    /// source.
    fn visit(&mut self, piece: &Value, item: &str) {
        match piece {
            Value::Object(members) => {
                if let (Some(id), true) = (
                    members.get("id").filter(|id| !id.is_null()),
                    members.contains_key("path") || members.contains_key("source"),
                ) {
                    self.name(&id.to_string(), item);
                }
                members.values().for_each(|member| self.visit(member, item));
            }
            Value::Array(elements) => elements.iter().for_each(|piece| self.visit(piece, item)),
            _ => {}
        }
    }

    fn name(&mut self, id: &str, item: &str) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let Some(path) = self.paths.get(id.trim_matches('"')) else { return };
        let from = path.get("crate_id").map(ToString::to_string).unwrap_or_default();
        let from = self.crates.get(&from).and_then(|from| from.get("name")).map(text);
        let Some(from) = from else { return };
        if ["std", "core", "alloc"].contains(&from.as_str()) || from.starts_with("device_") {
            return;
        }
        let path = path.get("path").and_then(Value::as_array).into_iter().flatten().map(text);
        let path = path.collect::<Vec<_>>().join("::");
        self.found.insert(Use { path, item: item.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function that returns a `reqwest::Client`, an `Option`, and a type of the crate itself.
    fn documentation() -> Value {
        let path = |id: u32, name: &str| serde_json::json!({ "path": name, "id": id });
        let output = serde_json::json!({ "resolved_path": path(7, "Client") });
        let inputs = serde_json::json!([path(8, "Option"), path(9, "Own")]);
        let signature = serde_json::json!({ "sig": { "inputs": inputs, "output": output } });
        let item = |inner| serde_json::json!({ "crate_id": 0, "name": "client", "inner": inner });
        let blanket = serde_json::json!({ "blanket_impl": {}, "trait": path(7, "Client") });
        serde_json::json!({
            "index": {
                "1": item(serde_json::json!({ "function": signature })),
                "2": item(serde_json::json!({ "impl": blanket })),
            },
            "paths": {
                "7": { "crate_id": 3, "path": ["reqwest", "Client"] },
                "8": { "crate_id": 1, "path": ["core", "option", "Option"] },
                "9": { "crate_id": 0, "path": ["device_http", "Own"] },
            },
            "external_crates": { "1": { "name": "core" }, "3": { "name": "reqwest" } },
        })
    }

    #[test]
    fn a_planted_foreign_type_is_found() {
        let shown = foreign(&documentation()).unwrap();
        assert_eq!(judge("http", &shown, &[]), ["http shows reqwest::Client in client"]);
        assert!(judge("http", &shown, &[("reqwest::", "injects a client")]).is_empty());
    }

    #[test]
    fn a_reason_without_a_use_is_a_problem() {
        let problems = judge("http", &BTreeSet::new(), &[("reqwest::", "injects a client")]);
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn another_format_of_rustdoc_is_noticed() {
        assert!(foreign(&serde_json::json!({ "index": {}, "paths": {} })).is_err());
    }
}
