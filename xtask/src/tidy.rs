//! The project's rules that no compiler checks.

mod book;
mod comments;
pub(crate) mod floors;
mod imports;
mod invariants;
pub(crate) mod layers;
mod limits;
mod rust_version;
mod sources;

use std::path::Path;

use crate::Result;
use crate::command::{capture, cargo};

/// Checks every rule and lists all violations.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = capture(&mut cargo(root, &["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Metadata = serde_json::from_str(&metadata)?;
    let mut problems = layers::problems(&metadata.packages);
    let everything = ["metadata", "--locked", "--format-version", "1", "--filter-platform"];
    let everything = capture(cargo(root, &everything).arg("x86_64-unknown-linux-gnu"))?;
    problems.extend(rust_version::problems(&everything)?);
    problems.extend(floors::problems(&metadata.packages)?);
    problems.extend(invariants::problems(root, &metadata.packages)?);
    problems.extend(sources::problems(root)?);
    problems.extend(limits::problems(root)?);
    problems.extend(book::problems(root)?);
    problems.extend(metadata.packages.iter().flat_map(Package::problems));
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

#[derive(serde::Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(serde::Deserialize)]
struct Package {
    name: String,
    manifest_path: std::path::PathBuf,
    description: Option<String>,
    license: Option<String>,
    readme: Option<String>,
    repository: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    /// The registries that it may be published to; `None` means all.
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(serde::Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    /// The required version; `*` if none is given.
    req: String,
    /// The path, if it is a member of the workspace.
    path: Option<String>,
}

impl Package {
    fn problems(&self) -> Vec<String> {
        let manifest = std::fs::read_to_string(&self.manifest_path).unwrap_or_default();
        let published = self.publish.as_ref().is_none_or(|registries| !registries.is_empty());
        let found = self.repository.is_some()
            && !self.keywords.is_empty()
            && !self.categories.is_empty()
            && manifest.contains("[package.metadata.docs.rs]");
        let rules = [
            (
                !published || found,
                "is published without its repository, keywords, categories or docs.rs metadata",
            ),
            (self.description.as_ref().is_some_and(|text| text.len() > 10), "has no description"),
            (self.license.is_some(), "has no licence"),
            (self.readme.is_some(), "has no README"),
            (manifest.contains("rust-version"), "does not say which Rust it needs"),
            (
                manifest.contains("[lints]\nworkspace = true"),
                "does not opt in to the workspace's lints",
            ),
            // Criterion's flags would otherwise reach the test harness of the library.
            (
                !manifest.contains("[lib]") || manifest.contains("bench = false"),
                "has a library without `bench = false`",
            ),
        ];
        let broken = rules.into_iter().filter(|(holds, _)| !holds);
        broken.map(|(_, problem)| format!("{} {problem}", self.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Package;

    #[test]
    fn a_bare_package_breaks_every_rule() {
        let package =
            serde_json::json!({ "name": "bare", "manifest_path": "/nowhere", "dependencies": [] });
        let package: Package = serde_json::from_value(package).unwrap();
        assert_eq!(
            package.problems(),
            [
                "bare is published without its repository, keywords, categories or docs.rs \
                 metadata",
                "bare has no description",
                "bare has no licence",
                "bare has no README",
                "bare does not say which Rust it needs",
                "bare does not opt in to the workspace's lints"
            ]
        );
    }
}
