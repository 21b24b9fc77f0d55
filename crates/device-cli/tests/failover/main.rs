//! Failover of three PostgreSQL nodes under Patroni, while clients sign in at `device serve`.
//!
//! `cargo xtask failover` runs this, in a network namespace of its own. It prints the longest time
//! without a sign-in for every kind of failure, and fails if it is longer than ten seconds or if
//! an acknowledged change is missing.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod cluster;
mod crowd;
#[expect(dead_code, reason = "shared with the tests of `device serve`, which use all of it")]
#[path = "../serve/process.rs"]
mod process;

use std::env;
use std::time::{Duration, Instant};

use cluster::Cluster;
use crowd::Crowd;
use process::{Serving, command};

/// The bound of the documentation on a time without sign-ins.
const BOUND: Duration = Duration::from_secs(10);

const USERS: usize = 8;

/// Sign-ins before a failure, and after the cluster has recovered.
const AROUND: usize = 40;

#[derive(Clone, Copy)]
enum Failure {
    Switchover,
    Crash,
    PowerCut,
    CutOff,
    CutOffFromPeers,
    StandbyCutOff,
}

impl Failure {
    const ALL: [Self; 6] = [
        Self::Switchover,
        Self::Crash,
        Self::PowerCut,
        Self::CutOff,
        Self::CutOffFromPeers,
        Self::StandbyCutOff,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Switchover => "standby promoted on request",
            Self::Crash => "primary's PostgreSQL killed",
            Self::PowerCut => "primary's machine lost",
            Self::CutOff => "primary cut off from everyone",
            Self::CutOffFromPeers => "primary cut off from its peers",
            Self::StandbyCutOff => "synchronous standby cut off",
        }
    }

    /// Makes the failure happen, and mends it once others have taken over.
    fn happen(self, cluster: &mut Cluster, crowd: &Crowd) {
        let (primary, standby) = cluster.healthy();
        match self {
            Self::Switchover => cluster.switch_over(primary, standby),
            Self::Crash => cluster.kill_postgres(primary),
            Self::PowerCut => cluster.cut_power(primary),
            Self::CutOff => cluster.cut_off(primary),
            Self::CutOffFromPeers => cluster.cut_off_from_peers(primary),
            Self::StandbyCutOff => cluster.cut_off(standby),
        }
        if let Self::StandbyCutOff = self {
            cluster.wait_for_other_standby(standby);
        } else {
            cluster.wait_for_another(primary);
        }
        crowd.wait_for(AROUND);
        match self {
            Self::Switchover | Self::Crash => {}
            Self::PowerCut => cluster.start_again(primary),
            Self::CutOff => cluster.connect(primary),
            Self::CutOffFromPeers => cluster.connect_to_peers(primary),
            Self::StandbyCutOff => cluster.connect(standby),
        }
        cluster.healthy();
    }
}

#[test]
fn a_failover_takes_ten_seconds_and_loses_nothing() {
    let programs =
        env::var_os("DEVICE_TEST_POSTGRES_PROGRAMS").expect("run `cargo xtask failover`");
    let rounds: u32 = env::var("DEVICE_FAILOVER_ROUNDS").unwrap().parse().unwrap();
    let mut cluster = Cluster::start(programs.into());
    cluster.create_database("device");
    let server = serve(&cluster.url("device"));
    let mut crowd = Crowd::new(&server, USERS);
    println!(
        "failure                          longest gap  sign-ins  failed acts  checked  missing"
    );
    let mut problems = Vec::new();
    for failure in Failure::ALL {
        for _ in 0..rounds {
            crowd.start();
            crowd.wait_for(AROUND);
            let started = Instant::now();
            failure.happen(&mut cluster, &crowd);
            crowd.wait_for(AROUND);
            let (gap, sign_ins) = crowd.longest_gap(started);
            let found = crowd.stop();
            println!(
                "{:<32}{:>10.1} s{sign_ins:>10}{:>13}{:>9}{:>9}",
                failure.name(),
                gap.as_secs_f64(),
                found.failed,
                found.checked,
                found.missing.len()
            );
            problems.extend(found.missing);
            if gap > BOUND {
                problems.push(format!("{}: {gap:?} without a sign-in", failure.name()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn serve(database: &str) -> Serving {
    let mut serve = command(&["--dev", "--listen", "127.0.0.1:0", "--store", database]);
    serve.args(["--public-url", "https://auth.example.com", "--max-guesses-per-address", "0"]);
    serve.env("DEVICE_MASTER_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    // Nothing reads the log, and a full pipe would block the server.
    serve.env("RUST_LOG", "off");
    Serving::start(serve)
}
