//! Generated pages: the drawing of the crates, the list of operations and the command line.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::command::{capture, cargo, program, run, target};
use crate::generated::{self, Generated};
use crate::tidy::{floors, layers};

/// The marks around the generated part of a page that people write.
const START: &str = "<!-- Written by `cargo xtask docs`: -->\n";
const END: &str = "<!-- Up to here. -->\n";

/// Writes the pages that changed.
pub(crate) fn write(root: &Path, features: &str) -> Result<()> {
    generated::write(root, pages(root, features)?)
}

/// Fails if a page is stale, and names it.
pub(crate) fn check(root: &Path, features: &str) -> Result<()> {
    generated::check(root, pages(root, features)?, "docs")
}

fn pages(root: &Path, features: &str) -> Result<Vec<Generated>> {
    let architecture = root.join("ARCHITECTURE.md");
    let drawing = format!("\n```text\n{}\n{}```\n\n", layers::drawing(), floors::drawing());
    let with_drawing = replaced(&fs::read_to_string(&architecture)?, &drawing)
        .ok_or("ARCHITECTURE.md has no place for the drawing of the crates")?;
    let operations = ["run", "--quiet", "--package", "device-pool", "--example", "operations"];
    let operations = capture(&mut cargo(root, &operations))?;
    let commands = root.join("docs/cli.md");
    let with_commands = replaced(&fs::read_to_string(&commands)?, &command_line(root, features)?)
        .ok_or("docs/cli.md has no place for the commands")?;
    Ok(vec![
        (architecture, with_drawing),
        (root.join("docs/operations.md"), operations),
        (commands, with_commands),
    ])
}

/// What `device` says of its own command line. It is built as for the tests, so only once.
fn command_line(root: &Path, features: &str) -> Result<String> {
    run(&mut cargo(root, &["build", "--quiet", "--workspace", "--bin", "device", features]))?;
    let device = target(root).join("debug/device");
    Ok(format!("\n{}\n", capture(&mut program(root, device, &["reference"]))?))
}

/// The page with the text between the marks replaced.
fn replaced(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(START)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{START}{text}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_between_the_marks_is_replaced() {
        let page = format!("# A\n{START}old\n{END}more\n");
        assert_eq!(replaced(&page, "new\n"), Some(format!("# A\n{START}new\n{END}more\n")));
        assert_eq!(replaced("# A\n", "new\n"), None);
    }
}
