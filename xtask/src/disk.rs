//! Free disk space. A full disk breaks steps with misleading messages.

use std::path::Path;

use crate::Result;
use crate::command::{capture, program};

/// Bytes in a GB, as `df` and disk vendors count.
const GB: u64 = 1_000_000_000;

/// Prints the free space at the workspace, and fails if a test run would not fit.
pub(crate) fn check(root: &Path) -> Result<()> {
    let table = capture(&mut program(root, "df", &["-P", "-k", "."]))?;
    let free = free(&table).ok_or_else(|| format!("df does not say what is free:\n{table}"))?;
    println!("{:.1} GB are free on this disk.", free as f64 / GB as f64);
    enough(free)
}

/// The bytes free by the table of `df -P -k`.
fn free(table: &str) -> Option<u64> {
    let kilobytes: u64 = table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn enough(free: u64) -> Result<()> {
    /// The debug build with its tests alone takes this much.
    const NEEDED: u64 = 6 * GB;
    if free >= NEEDED {
        return Ok(());
    }
    Err(format!(
        "a test run needs {} GB of free disk: make room, for example by `cargo clean`",
        NEEDED / GB
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_space_is_read_from_df() {
        let table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
            /dev/vda 263174212 13631488 82837504 15% /\n";
        assert_eq!(free(table), Some(82_837_504 * 1024));
        assert_eq!(free("df: no such file\n"), None);
    }

    #[test]
    fn too_little_room_is_told_with_a_way_out() {
        assert!(enough(50 * GB).is_ok());
        assert!(enough(GB).unwrap_err().to_string().contains("cargo clean"));
    }
}
