//! Every operation, by this project and by every peer: `cargo bench -p device-benches`.
//!
//! `--features system-peers,crate-peers` adds the peers that take longer to build.
#![allow(missing_docs, reason = "criterion's own items")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use device_benches::{peers, works};

fn srp(criterion: &mut Criterion) {
    let peers = peers();
    for work in works(&peers) {
        let mut group = criterion.benchmark_group(work.name);
        group.sample_size(20);
        group.throughput(Throughput::Elements(work.count as u64));
        group.bench_function("device-srp", |b| b.iter(|| (work.ours)()));
        for peer in peers.iter().filter(|peer| (work.theirs)(&***peer).is_some()) {
            // a peer processes the handshakes of a batch one by one
            let batch = || (0..work.count).map(|_| (work.theirs)(&**peer)).collect::<Option<()>>();
            group.bench_function(peer.name(), |b| b.iter(batch));
        }
        group.finish();
    }
}

criterion_group!(benches, srp);
criterion_main!(benches);
