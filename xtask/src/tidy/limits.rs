//! Tests that `docs/limits.md` names.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::command::{capture, program};

const PAGE: &str = "docs/limits.md";

/// The start of the line that names the folders of a section's tests.
const FOLDERS: &str = "Paths are relative to ";

/// The tests that the page names but that are not in the file beside them.
pub(super) fn problems(root: &Path) -> Result<Vec<String>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.rs"];
    let files = capture(&mut program(root, "git", &list))?;
    let files: Vec<&str> = files.split_terminator('\0').collect();
    let page = fs::read_to_string(root.join(PAGE))?;
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
    Ok(sections(&page).flat_map(|section| section_problems(section, &files, read)).collect())
}

/// The page's sections, without the text before the first.
fn sections(page: &str) -> impl Iterator<Item = &str> {
    page.split("\n## ").skip(1)
}

fn section_problems(section: &str, files: &[&str], read: impl Fn(&str) -> String) -> Vec<String> {
    let mut lines = section.lines();
    let folders: Vec<&str> = lines
        .by_ref()
        .find_map(|line| line.strip_prefix(FOLDERS))
        .into_iter()
        .flat_map(|rest| rest.split('`').skip(1).step_by(2))
        .collect();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let mut problems = Vec::new();
    for cell in cells {
        let mut text = None;
        for name in cell.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") {
                let paths = folders.iter().map(|folder| format!("{folder}/{name}"));
                let file = paths.into_iter().find(|path| files.contains(&path.as_str()));
                if file.is_none() {
                    problems
                        .push(format!("{PAGE} names `{name}`, which is in none of its folders"));
                }
                text = Some((name, file.map(|file| read(&file)).unwrap_or_default()));
                continue;
            }
            match &text {
                None => problems.push(format!("{PAGE} names `{name}` without a file")),
                Some((file, text))
                    if !text.is_empty() && !text.contains(&format!("fn {name}(")) =>
                {
                    problems.push(format!("{PAGE} names `{name}`, which is not in {file}"));
                }
                Some(_) => {}
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_is_in_the_file_beside_it() {
        let page = "# Limits\n\n## One\n\n| limit | test |\n|---|---|\n\
                    | `a` | `b.rs`: `is_there`, `is_gone`; `c.rs` |\n\
                    | `d` | none |\n| `e` | `is_lost` |\n\
                    \nPaths are relative to `crates/x/src` and `crates/x/tests`.\n";
        let text = |file: &str| match file {
            "crates/x/tests/b.rs" => "fn is_there() {}\nfn is_gone_now() {}\n".to_owned(),
            file => panic!("{file}"),
        };
        let problems: Vec<String> = sections(page)
            .flat_map(|section| section_problems(section, &["crates/x/tests/b.rs"], text))
            .collect();
        assert_eq!(
            problems,
            [
                "docs/limits.md names `is_gone`, which is not in b.rs",
                "docs/limits.md names `c.rs`, which is in none of its folders",
                "docs/limits.md names `is_lost` without a file",
            ]
        );
    }
}
