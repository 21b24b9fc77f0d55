//! Every operation here and by every peer: `cargo bench -p device-benches`, with `--features system-peers` for OpenSSL and
//! GMP.
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
        if work.count == 1 {
            for peer in &peers {
                group.bench_function(peer.name(), |b| b.iter(|| (work.theirs)(&**peer)));
            }
        }
        group.finish();
    }
}

criterion_group!(benches, srp);
criterion_main!(benches);
