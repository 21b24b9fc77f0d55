//! The oldest Rust version: no published crate may state one below that of its dependencies.

use std::collections::{BTreeMap, BTreeSet};

use crate::Result;

/// The output of `cargo metadata`, dependencies included.
#[derive(serde::Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(serde::Deserialize)]
struct Package {
    id: String,
    name: String,
    rust_version: Option<String>,
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(serde::Deserialize)]
struct Dependency {
    name: String,
    optional: bool,
}

#[derive(serde::Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(serde::Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(serde::Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(serde::Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// The published crates whose `rust-version` is below that of a dependency, by `cargo metadata`.
/// Dependencies that only a feature or a test of ours needs do not count.
pub(super) fn problems(metadata: &str) -> Result<Vec<String>> {
    let metadata: Metadata = serde_json::from_str(metadata)?;
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let members: BTreeSet<&str> = metadata.workspace_members.iter().map(String::as_str).collect();
    let needs = |id: &str| -> Vec<&str> {
        let is_optional = |on: &str| {
            let is_it = |dependency: &&Dependency| dependency.name == on;
            let declared = packages.get(id).map(|package| &package.dependencies);
            let named = declared.into_iter().flatten().find(is_it);
            members.contains(id) && named.is_some_and(|dependency| dependency.optional)
        };
        let edges = nodes.get(id).map(|node| &node.deps).into_iter().flatten();
        let shipped = edges.filter(|edge| {
            let for_tests = edge.dep_kinds.iter().all(|kind| kind.kind.as_deref() == Some("dev"));
            let name = packages.get(edge.pkg.as_str()).map_or("", |package| &package.name);
            !for_tests && !is_optional(name)
        });
        shipped.map(|edge| edge.pkg.as_str()).collect()
    };
    let mut problems = Vec::new();
    for member in members.iter().filter_map(|id| packages.get(id)) {
        if member.publish.as_ref().is_some_and(Vec::is_empty) {
            continue;
        }
        let said = version(member.rust_version.as_deref());
        let (mut due, mut seen) = (needs(&member.id), BTreeSet::new());
        while let Some(id) = due.pop() {
            let Some(package) = packages.get(id) else { continue };
            if !seen.insert(id) {
                continue;
            }
            due.extend(needs(id));
            if version(package.rust_version.as_deref()) > said {
                let needed = package.rust_version.as_deref().unwrap_or_default();
                let (name, on) = (&member.name, &package.name);
                problems.push(format!("{name}'s rust-version is below {needed} of {on}"));
            }
        }
    }
    Ok(problems)
}

/// The numbers of a version. Missing ones are zero, and so are all if there is no version.
fn version(text: Option<&str>) -> [u32; 3] {
    let mut numbers = text.unwrap_or_default().split('.').map(|number| number.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_that_needs_more_is_named() {
        let package = |name: &str, version: &str, dependencies: serde_json::Value| {
            serde_json::json!({ "id": name, "name": name, "rust_version": version,
                "publish": null, "dependencies": dependencies })
        };
        let edge = |to: &str, kind: Option<&str>| {
            let kinds = serde_json::json!([{ "kind": kind }]);
            serde_json::json!({ "pkg": to, "dep_kinds": kinds })
        };
        let optional = serde_json::json!([{ "name": "extra", "optional": true }]);
        let metadata = serde_json::json!({
            "workspace_members": ["ours"],
            "packages": [
                package("ours", "1.88", optional),
                package("direct", "1.88.0", serde_json::json!([])),
                package("below", "1.89.1", serde_json::json!([])),
                package("extra", "1.94", serde_json::json!([])),
                package("for-tests", "1.95", serde_json::json!([])),
            ],
            "resolve": { "nodes": [
                { "id": "ours", "deps": [
                    edge("direct", None), edge("extra", None), edge("for-tests", Some("dev")),
                ] },
                { "id": "direct", "deps": [edge("below", None)] },
            ] },
        });
        let problems = problems(&metadata.to_string()).unwrap();
        assert_eq!(problems, ["ours's rust-version is below 1.89.1 of below"]);
    }
}
