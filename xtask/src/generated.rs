//! Files that a task generates, and the check that they are current.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// A generated file: its path and its contents.
pub(crate) type Generated = (PathBuf, String);

/// Writes the files that changed.
pub(crate) fn write(root: &Path, files: Vec<Generated>) -> Result<()> {
    for (path, text) in stale(files) {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)?;
        println!("wrote {}", path.strip_prefix(root)?.display());
    }
    Ok(())
}

/// Fails if a file is stale; names it and the task that writes it.
pub(crate) fn check(root: &Path, files: Vec<Generated>, task: &str) -> Result<()> {
    match stale(files).next() {
        None => Ok(()),
        Some((path, _)) => {
            let path = path.strip_prefix(root)?.display();
            Err(format!("{path} is stale: run `cargo xtask {task}`").into())
        }
    }
}

fn stale(files: Vec<Generated>) -> impl Iterator<Item = Generated> {
    files.into_iter().filter(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edited_file_is_named_with_its_task() {
        let root = crate::root();
        let page = |text: &str| vec![(root.join("rustfmt.toml"), text.to_owned())];
        let current = fs::read_to_string(root.join("rustfmt.toml")).unwrap();
        assert!(check(&root, page(&current), "docs").is_ok());
        let error = check(&root, page("edited"), "docs").unwrap_err().to_string();
        assert_eq!(error, "rustfmt.toml is stale: run `cargo xtask docs`");
    }
}
