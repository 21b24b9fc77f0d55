//! The project's rules that no compiler checks.

mod comments;
pub(crate) mod floors;
mod imports;
pub(crate) mod layers;
mod sources;

use std::path::Path;

use crate::Result;
use crate::command::{capture, cargo};

/// Checks every rule and lists all violations.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = capture(&mut cargo(root, &["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Metadata = serde_json::from_str(&metadata)?;
    let mut problems = layers::problems(&metadata.packages);
    problems.extend(floors::problems(&metadata.packages)?);
    problems.extend(sources::problems(root)?);
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
        let rules = [
            (self.description.as_ref().is_some_and(|text| text.len() > 10), "has no description"),
            (self.license.is_some(), "has no licence"),
            (self.readme.is_some(), "has no README"),
            (
                manifest.contains("rust-version.workspace = true"),
                "does not take its Rust version from the workspace",
            ),
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
                "bare has no description",
                "bare has no licence",
                "bare has no README",
                "bare does not take its Rust version from the workspace",
                "bare does not opt in to the workspace's lints"
            ]
        );
    }
}
