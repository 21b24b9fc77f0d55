//! A short run of every fuzz target, from its seeds.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{capture, cargo, run, target};
use crate::{Result, setup};

/// The default time for each target.
pub(crate) const SECONDS: u32 = 30;

/// What a run detects besides wrong results.
#[derive(Clone, Copy)]
pub(crate) enum Sanitizer {
    /// None: most of what the targets execute is safe arithmetic, several times slower under a
    /// sanitizer.
    None,
    /// Invalid addresses, in the one target that runs all of the kernels' unsafe code.
    Address,
}

/// Writes the seeds, or checks them.
pub(crate) fn seeds(root: &Path, options: &[&str]) -> Result<()> {
    let write = ["run", "--quiet", "--package", "device-fuzz-inputs", "--"];
    run(cargo(root, &write).args(options).arg("fuzz/seeds"))
}

/// Runs each target for this number of seconds, prints how many inputs it executed, and fails if
/// one found a failure.
pub(crate) fn smoke(root: &Path, seconds: u32, sanitizer: Sanitizer) -> Result<()> {
    let fuzz = setup::fuzz(root)?;
    let (sanitizer, folder, only) = match sanitizer {
        Sanitizer::None => ("none", "fuzz", None),
        Sanitizer::Address => ("address", "fuzz-address", Some("kernels")),
    };
    let names = match only {
        Some(name) => name.to_owned(),
        None => capture(&mut fuzz.command(root, &["list"]))?,
    };
    let built = target(root).join(folder);
    let options = |command: &mut Command| {
        command.args(["--release", "--sanitizer", sanitizer, "--target-dir"]).arg(&built);
    };
    let mut build = fuzz.command(root, &["build"]);
    options(&mut build);
    run(build.args(only))?;
    let mut failed = Vec::new();
    for name in names.lines() {
        let corpus = target(root).join("fuzz-corpus").join(name);
        fs::create_dir_all(&corpus)?;
        let mut command = fuzz.command(root, &["run"]);
        options(&mut command);
        command.arg(name).arg(corpus).arg(root.join("fuzz/seeds").join(name));
        // inputs that a long run found beyond the seeds, minimized; not every target has some
        let found = root.join("fuzz/corpus").join(name);
        command.args(found.is_dir().then_some(found));
        command.args(["--", "-print_final_stats=1"]).arg(format!("-max_total_time={seconds}"));
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        match executions(&said) {
            Some(executions) if output.status.success() => {
                println!("{name:<24}{executions:>12} executions in {seconds} s");
            }
            _ => {
                println!("{name}: FAILED\n{said}");
                failed.push(name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

/// The number of executed inputs, as the fuzzer reports at its end; `None` if it never started.
fn executions(said: &str) -> Option<u64> {
    let counts =
        said.lines().filter_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    counts.filter_map(|count| count.trim().parse().ok()).next_back().filter(|&count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::executions;

    #[test]
    fn a_run_that_executed_nothing_counts_as_none() {
        let said =
            "Done 12\nstat::number_of_executed_units: 12\nstat::new_units_added:          3\n";
        assert_eq!(executions(said), Some(12));
        assert_eq!(executions("stat::number_of_executed_units: 0\n"), None);
        assert_eq!(executions("error: no such target\n"), None);
    }
}
