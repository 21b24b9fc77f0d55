//! The pages of docs/ as a book: each is in its summary, and no link leads nowhere.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::command::{capture, program};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Pages that the summary lacks, and links to files that do not exist.
pub(super) fn problems(root: &Path) -> Result<Vec<String>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"];
    let files = capture(&mut program(root, "git", &list))?;
    let files: Vec<&str> = files.split_terminator('\0').collect();
    let summary = fs::read_to_string(root.join(SUMMARY))?;
    let mut problems = unlisted(&files, &summary);
    for file in files {
        let Ok(text) = fs::read_to_string(root.join(file)) else { continue };
        let folder = root.join(file).parent().unwrap_or(root).to_owned();
        let broken = links(&text).filter(|link| !folder.join(link).exists());
        problems.extend(broken.map(|link| format!("{file} links to {link}, which does not exist")));
    }
    Ok(problems)
}

/// The pages of docs/ that no line of the summary links to.
fn unlisted(files: &[&str], summary: &str) -> Vec<String> {
    let pages = files.iter().filter_map(|file| file.strip_prefix("docs/"));
    let missing = pages
        .filter(|page| format!("docs/{page}") != SUMMARY)
        .filter(|page| !links(summary).any(|link| link == *page));
    missing.map(|page| format!("{SUMMARY} lacks {page}")).collect()
}

/// The files that a text links to by a relative path, without the part behind `#`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let outside_code = text.split("```").step_by(2);
    let targets = outside_code.flat_map(|part| part.split("](").skip(1));
    targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| target.contains('.') && !target.contains("://"))
        .filter(|target| !target.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_the_summary_lacks_is_reported() {
        let files = ["README.md", "docs/SUMMARY.md", "docs/a.md", "docs/b.md"];
        assert_eq!(unlisted(&files, "- [A](a.md)\n"), ["docs/SUMMARY.md lacks b.md"]);
        assert!(unlisted(&files, "- [A](a.md)\n- [B](b.md)\n").is_empty());
    }

    #[test]
    fn links_are_relative_paths_outside_of_code() {
        let text = "[a](a.md#part) ![b](b.png) [c](https://example.com/c.md) [d](#part)\n\
                    ```text\n[e](e.md)\n```\n[f](../f.rs) and `x[0](y z)`";
        assert_eq!(links(text).collect::<Vec<_>>(), ["a.md", "b.png", "../f.rs"]);
    }
}
