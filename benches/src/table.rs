//! The times of every operation as a Markdown table.

use std::fmt::Write as _;

use crate::clock::measure;
use crate::peer::peers;
use crate::work::works;

/// Measures every operation, by this project and every peer: CPU microseconds for one handshake.
///
/// The times are medians of interleaved runs.
#[must_use]
pub fn table(rounds: usize) -> String {
    let peers = peers();
    let names: Vec<_> = peers.iter().map(|peer| peer.name()).collect();
    let mut table = format!("| | device-srp | {} |\n", names.join(" | "));
    let _ = writeln!(table, "|---{}|", "|---".repeat(peers.len() + 1));
    for work in works(&peers) {
        let (ours, theirs) = measure(&work, &peers, rounds);
        let cell = |time: Option<f64>| time.map_or_else(String::new, |time| format!("{time:.0}"));
        let theirs: Vec<_> = theirs.into_iter().map(cell).collect();
        let _ = writeln!(table, "| {} | {ours:.0} | {} |", work.name, theirs.join(" | "));
    }
    table
}
