//! Every operation, by this project and by every peer: `cargo bench -p device-benches`.
//!
//! Criterion's reports are followed by a table of CPU times, and a drawing of it. Peers have no
//! batches, so the reports have them beside one handshake, and the table beside all.
//! `--features system-peers,crate-peers` adds the peers that take longer to build.

use std::time::Duration;
use std::{fs, io};

use criterion::{Criterion, Throughput};
use device_benches::{chart, peers, table, works};

/// How often the table's operations run: its times are medians.
const ROUNDS: usize = 11;

fn main() -> io::Result<()> {
    // An operation takes milliseconds, so a second is enough for a measurement.
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    operations(&mut criterion);
    criterion.final_summary();
    // `--test` runs everything once, and measures nothing.
    if std::env::args().all(|argument| argument != "--test") {
        let (table, path) = (table(ROUNDS), concat!(env!("CARGO_TARGET_TMPDIR"), "/times.svg"));
        fs::write(path, chart(&table))?;
        println!("CPU microseconds for one handshake, drawn in {path}:\n\n{table}");
    }
    Ok(())
}

fn operations(criterion: &mut Criterion) {
    let peers = peers();
    for work in works(&peers) {
        let mut group = criterion.benchmark_group(work.name);
        group.throughput(Throughput::Elements(work.count as u64));
        group.bench_function("device-srp", |b| b.iter(|| (work.ours)()));
        let able = peers.iter().filter(|peer| (work.theirs)(&***peer).is_some());
        for peer in able.filter(|_| work.count == 1) {
            group.bench_function(peer.name(), |b| b.iter(|| (work.theirs)(&**peer)));
        }
        group.finish();
    }
}
