//! Which crate may depend on which, as drawn in ARCHITECTURE.md.

use std::collections::BTreeSet;

use super::Package;

/// Each crate with those directly below it.
///
/// A crate may depend on all crates below it, near or far, and on no others of ours. Its tests may
/// depend on any, by a path without a version: cargo omits that when it publishes, where another
/// dependency upwards would be a cycle.
const LAYERS: &[(&str, &[&str])] = &[
    ("device-srp", &[]),
    ("device-wire", &[]),
    ("device-proto", &["device-wire", "device-srp"]),
    ("device-http", &["device-proto"]),
    ("device-auth", &["device-http"]),
    ("device-pool", &["device-wire", "device-srp"]),
    ("device-store", &["device-pool"]),
    ("device-server", &["device-store", "device-pool", "device-wire", "device-srp"]),
    ("device-console", &["device-server", "device-pool", "device-wire"]),
    ("device-cli", &["device-console", "device-server", "device-auth"]),
    // Both ends in one process, for tests.
    ("device-test", &["device-server", "device-auth"]),
    ("device-benches", &["device-srp"]),
    ("device-interop", &["device-test"]),
    ("device-fuzz-inputs", &[]),
    ("xtask", &[]),
];

/// Crates without I/O: they leave sockets, files and the clock to their callers.
const WITHOUT_IO: &[&str] = &["device-srp", "device-wire", "device-proto", "device-pool"];

/// Dependencies that a crate without I/O must not have.
const IO: &[&str] = &["axum", "getrandom", "http", "hyper", "reqwest", "rusqlite", "tokio"];

pub(super) fn problems(packages: &[Package]) -> Vec<String> {
    packages.iter().flat_map(package_problems).collect()
}

fn package_problems(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    if !LAYERS.iter().any(|(layer, _)| *layer == name) {
        return vec![format!("{name} has no place in the layers")];
    }
    let below = below(name);
    let mut problems = Vec::new();
    for dependency in &package.dependencies {
        let on = dependency.name.as_str();
        let shipped = dependency.kind.as_deref() != Some("dev");
        let for_tests = !shipped && dependency.req == "*";
        if dependency.path.is_some() && !below.contains(on) && !for_tests {
            problems.push(format!("{name} may not depend on {on}: it is not below it"));
        }
        if shipped && WITHOUT_IO.contains(&name) && IO.contains(&on) {
            problems.push(format!("{name} may not depend on {on}: it does no I/O"));
        }
    }
    problems
}

/// All crates below a crate.
fn below(name: &str) -> BTreeSet<&'static str> {
    let mut all = BTreeSet::new();
    for right_below in
        LAYERS.iter().filter(|(layer, _)| *layer == name).flat_map(|(_, right_below)| *right_below)
    {
        all.insert(*right_below);
        all.extend(below(right_below));
    }
    all
}

/// The crates by layer, each with those directly below it, for ARCHITECTURE.md.
pub(crate) fn drawing() -> String {
    let top = LAYERS.iter().map(|(name, _)| floor(name)).max().unwrap_or(0);
    let mut drawing = String::new();
    for at in (1..=top).rev() {
        let mut margin = at.to_string();
        for (name, _) in LAYERS.iter().filter(|(name, _)| floor(name) == at) {
            let on = right_below(name).join(", ");
            let arrow = if on.is_empty() { "" } else { "->" };
            drawing.push_str(format!("{margin:>2}  {name:<16}{arrow} {on}").trim_end());
            drawing.push('\n');
            margin.clear();
        }
    }
    drawing
}

/// One more than the highest layer below a crate.
fn floor(name: &str) -> usize {
    below(name).into_iter().map(floor).max().unwrap_or(0) + 1
}

/// The crates below a crate that are not below another of them.
fn right_below(name: &str) -> Vec<&'static str> {
    let all = below(name);
    let further: BTreeSet<_> = all.iter().flat_map(|below_it| below(below_it)).collect();
    all.difference(&further).copied().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The violations by one dependency of a crate.
    fn problems_of(name: &str, kind: Option<&str>, on: &str, req: &str) -> Vec<String> {
        let path = on.starts_with("device-").then_some("somewhere");
        let dependency = json!({ "name": on, "kind": kind, "req": req, "path": path });
        let package = json!({ "name": name, "manifest_path": "", "dependencies": [dependency] });
        problems(&[serde_json::from_value(package).unwrap()])
    }

    #[test]
    fn dependencies_go_down_however_far() {
        for (name, on) in [
            ("device-http", "device-proto"),
            ("device-auth", "device-srp"),
            ("device-cli", "device-wire"),
            ("device-proto", "serde_json"),
            ("device-http", "reqwest"),
        ] {
            assert!(problems_of(name, None, on, "^0.1").is_empty(), "{name} -> {on}");
        }
    }

    #[test]
    fn no_dependency_goes_up_or_across() {
        for (name, on) in [
            ("device-srp", "device-wire"),
            ("device-proto", "device-http"),
            ("device-pool", "device-store"),
            ("device-auth", "device-pool"),
            ("device-server", "device-proto"),
            ("device-server", "device-test"),
        ] {
            assert_eq!(problems_of(name, None, on, "^0.1").len(), 1, "{name} -> {on}");
        }
    }

    #[test]
    fn tests_may_depend_upwards_without_a_version() {
        assert!(problems_of("device-pool", Some("dev"), "device-test", "*").is_empty());
        assert!(problems_of("device-pool", Some("dev"), "device-store", "*").is_empty());
        assert!(problems_of("device-pool", Some("dev"), "tokio", "^1").is_empty());
        assert_eq!(problems_of("device-pool", Some("dev"), "device-store", "^0.1").len(), 1);
        assert_eq!(problems_of("device-pool", None, "device-store", "*").len(), 1);
    }

    #[test]
    fn a_crate_without_io_stays_so() {
        assert_eq!(problems_of("device-pool", None, "tokio", "^1").len(), 1);
        assert_eq!(problems_of("device-proto", Some("build"), "reqwest", "^0.13").len(), 1);
    }

    #[test]
    fn the_drawing_has_each_crate_above_its_dependencies() {
        let drawing = drawing();
        let line = |name: &str| {
            let find = |line: &&str| line.split_whitespace().any(|word| word == name);
            drawing.lines().find(find).unwrap_or_default()
        };
        for (name, _) in LAYERS {
            assert!(line(name).contains(name), "{name} is missing");
        }
        assert!(drawing.contains("device-http     -> device-proto\n"), "{drawing}");
        assert!(floor("device-cli") > floor("device-server"));
        assert_eq!(right_below("device-server"), ["device-store"]);
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert_eq!(
            problems_of("device-new", None, "serde", "^1"),
            ["device-new has no place in the layers"]
        );
    }
}
