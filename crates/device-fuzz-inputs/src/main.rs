//! Writes the seeds into a folder: `device-fuzz-inputs [--check] FOLDER`.
#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use device_fuzz_inputs::seeds;

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (check, folder) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--check", folder] => (true, folder),
        [folder] => (false, folder),
        _ => {
            println!("usage: device-fuzz-inputs [--check] FOLDER");
            return Ok(ExitCode::FAILURE);
        }
    };
    let stale = stale(Path::new(folder))?;
    for (path, bytes) in &stale {
        println!("{} {}", if check { "stale:" } else { "wrote" }, path.display());
        match bytes {
            _ if check => {}
            Some(bytes) => {
                fs::create_dir_all(path.parent().unwrap_or(path))?;
                fs::write(path, bytes)?;
            }
            None => fs::remove_file(path)?,
        }
    }
    Ok(if check && !stale.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The files whose contents are wrong, with the right contents; `None` for a file to delete.
fn stale(folder: &Path) -> io::Result<BTreeMap<PathBuf, Option<Vec<u8>>>> {
    let mut files = BTreeMap::new();
    if folder.exists() {
        for target in fs::read_dir(folder)? {
            for file in fs::read_dir(target?.path())? {
                files.insert(file?.path(), None);
            }
        }
    }
    for seed in seeds() {
        let path = folder.join(seed.target).join(seed.name);
        if fs::read(&path).ok().as_ref() == Some(&seed.bytes) {
            files.remove(&path);
        } else {
            files.insert(path, Some(seed.bytes));
        }
    }
    Ok(files)
}
