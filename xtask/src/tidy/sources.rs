//! Rules for the text of a file, its length and its width.

use std::fs;
use std::path::Path;

use super::comments;
use crate::Result;
use crate::command::{capture, program};

/// The maximum length of a file that people read. Generated files, marked in their first line, are
/// exempt.
const LONGEST: usize = 600;

/// The maximum width of Markdown, in characters.
const WIDEST_MARKDOWN: usize = 120;

/// The maximum length of a test's name, in characters.
const LONGEST_TEST_NAME: usize = 55;

/// Forbidden texts, in halves, so that this file does not contain them.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("/ho", "me/", "a path of somebody's machine"),
    ("/Us", "ers/", "a path of somebody's machine"),
    ("/ro", "ot/", "a path of somebody's machine"),
];

/// Texts forbidden in Rust files.
const FORBIDDEN_IN_RUST: &[(&str, &str, &str)] = &[("#[ign", "ore", "a test that is not run")];

pub(super) fn problems(root: &Path) -> Result<Vec<String>> {
    // Includes new files before they are added; excludes deleted ones.
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let files = capture(&mut program(root, "git", &list))?;
    let width = rust_width(&fs::read_to_string(root.join("rustfmt.toml"))?)?;
    let mut problems = Vec::new();
    for file in files.split_terminator('\0') {
        // Files that are not text are skipped.
        if let Ok(text) = fs::read_to_string(root.join(file)) {
            problems.extend(file_problems(file, &text));
            if file.contains("/src/") && file.ends_with(".rs") && !is_generated(&text) {
                problems.extend(comments::problems(file, &text));
            }
            if let Some(widest) = widest(file, width) {
                problems.extend(wide_lines(file, &text, widest));
            }
        }
    }
    Ok(problems)
}

/// The width that rustfmt keeps for code; it applies to comments and strings too.
fn rust_width(settings: &str) -> Result<usize> {
    let width = settings.lines().find_map(|line| line.strip_prefix("max_width = "));
    Ok(width.ok_or("rustfmt.toml has no `max_width = ...`")?.trim().parse()?)
}

/// The maximum width of a file's lines; `None` if there is none.
fn widest(file: &str, rust: usize) -> Option<usize> {
    match file.rsplit('.').next()? {
        "rs" => Some(rust),
        "md" => Some(WIDEST_MARKDOWN),
        _ => None,
    }
}

/// Lines beyond the width, also in generated files.
///
/// Rows of Markdown tables, link definitions and single words cannot be broken, also in doc
/// comments, and may have any width.
fn wide_lines(file: &str, text: &str, widest: usize) -> Vec<String> {
    let lines = text.lines().enumerate().filter(|(_, line)| line.chars().count() > widest);
    let breakable = lines.filter(|(_, line)| {
        let said = line.trim_start().trim_start_matches(['/', '!']).trim();
        let definition = said.starts_with('[') && said.contains("]: ");
        !said.starts_with('|') && !definition && said.contains(' ')
    });
    breakable
        .map(|(at, line)| {
            format!("{file}:{} is {} columns wide, not {widest}", at + 1, line.chars().count())
        })
        .collect()
}

/// Tests whose names are too long: functions right below an attribute such as `#[test]`.
fn long_test_names(file: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let tests = lines.windows(2).filter_map(|pair| match pair {
        [attribute, item] if attribute.starts_with("#[") && attribute.contains("test") => {
            let (_, name) = item.split_once("fn ")?;
            name.split_once('(').map(|(name, _)| name)
        }
        _ => None,
    });
    tests
        .filter(|name| name.len() > LONGEST_TEST_NAME)
        .map(|name| format!("{file}: the test {name} has a name of {} characters", name.len()))
        .collect()
}

fn is_generated(text: &str) -> bool {
    text.lines().next().is_some_and(|first| first.contains("@generated"))
}

fn file_problems(file: &str, text: &str) -> Vec<String> {
    let rust = file.ends_with(".rs");
    let forbidden = FORBIDDEN.iter().chain(FORBIDDEN_IN_RUST.iter().filter(|_| rust));
    let mut problems: Vec<String> = forbidden
        .filter(|(start, end, _)| text.contains(&format!("{start}{end}")))
        .map(|(start, end, what)| format!("{file} has `{start}{end}`, {what}"))
        .collect();
    let lines = text.lines().count();
    if rust && lines > LONGEST && !is_generated(text) {
        problems.push(format!("{file} has {lines} lines: find the seam"));
    }
    if rust {
        problems.extend(long_test_names(file, text));
    }
    if file.ends_with("/mod.rs") {
        problems.push(format!("{file} should be named after its folder, beside it"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_file_passes() {
        assert!(file_problems("crates/a/src/lib.rs", "//! A.\n").is_empty());
        assert!(file_problems("notes.md", &"a line\n".repeat(LONGEST + 1)).is_empty());
    }

    #[test]
    fn the_width_is_the_one_of_rustfmt() {
        assert_eq!(rust_width("edition = \"2024\"\nmax_width = 90\n").unwrap(), 90);
        assert!(rust_width("use_small_heuristics = \"Max\"\n").is_err());
        assert_eq!(widest("a/b.rs", 90), Some(90));
        assert_eq!(widest("a/b.md", 90), Some(WIDEST_MARKDOWN));
        assert_eq!(widest("a/b.json", 90), None);
    }

    #[test]
    fn only_lines_that_can_be_broken_are_too_wide() {
        let wide = |line: &str| wide_lines("a.rs", line, 20);
        assert_eq!(
            wide("// @generated\n// twenty-one columns"),
            ["a.rs:2 is 21 columns wide, not 20"]
        );
        assert!(wide("// twenty columns it").is_empty());
        assert!(
            wide("// zwölf Jäger und übl").len() == 1 && wide("// zwölf Jäger üben.").is_empty()
        );
        for line in [
            "/// | a table | of two columns |",
            "//! [a link]: https://example.com/page",
            "    \"0123456789abcdef0123456789abcdef\",",
            "https://example.com/a/longer/address",
        ] {
            assert!(wide(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn a_long_test_name_is_reported() {
        let test =
            |length| format!("    #[tokio::test]\n    async fn {}() {{}}\n", "a".repeat(length));
        assert!(file_problems("a.rs", &test(LONGEST_TEST_NAME)).is_empty());
        assert_eq!(file_problems("a.rs", &test(LONGEST_TEST_NAME + 1)).len(), 1);
        assert!(file_problems("a.rs", &format!("fn {}() {{}}\n", "a".repeat(60))).is_empty());
    }

    #[test]
    fn each_violation_is_reported() {
        let ignored = format!("#[{}]\n", "ignore");
        let path = format!("see /{}/ada/notes\n", "home");
        let long = "// a line\n".repeat(LONGEST + 1);
        for (file, text, expected) in [
            ("a.rs", ignored.as_str(), 1),
            ("a.md", ignored.as_str(), 0),
            ("a.md", path.as_str(), 1),
            ("a.rs", long.as_str(), 1),
            ("a.rs", format!("// @generated by a task\n{long}").as_str(), 0),
            ("a/mod.rs", "", 1),
        ] {
            assert_eq!(file_problems(file, text).len(), expected, "{file}: {:.30}", text);
        }
    }
}
