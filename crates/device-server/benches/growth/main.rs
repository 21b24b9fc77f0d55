//! Measures calls at pools of several sizes, one call at a time.
//!
//! ```text
//! export SIZES=1000x1,100000x10
//! cargo bench -p device-server --bench growth
//! STORE=postgres:///growth cargo bench -p device-server --features postgres --bench growth
//! ```
//!
//! A size is users x devices of each; one more user has 1,000 devices. `STORE` is `sqlite`, or an
//! empty PostgreSQL database on this machine. `KEEP=DIR` keeps the data of one size in SQLite, for
//! `device serve --data DIR`. The cells of the table are milliseconds: 10th, 50th and 99th
//! percentile, and in brackets the CPU time, that of PostgreSQL's processes apart. The clients are
//! in the same process and call without sockets; their own arithmetic does not count. Records are
//! encrypted as by default.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for the terminal"
)]

mod caller;
mod crowd;
mod measure;
mod place;

use std::path::PathBuf;
use std::time::Instant;

use device_pool::store::{Store as _, Table};

use crate::caller::quantile;
use crate::crowd::{Crowd, Size};
use crate::measure::{SEARCHES, Taken};
use crate::place::{Place, Work};

/// Calls of each kind.
const ROUNDS: usize = 400;

/// A line of the table, for one size.
type Row = (String, String);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // As in criterion's benchmarks, this flag only shows that everything runs.
    let is_test = std::env::args().any(|arg| arg == "--test");
    let set = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let kept = std::env::var_os("KEEP").map(PathBuf::from);
    let scratch = tempfile::tempdir().unwrap();
    let place = match &*set("STORE", "sqlite") {
        "sqlite" => Place::Directory(kept.clone().unwrap_or(scratch.path().join("data"))),
        url => Place::Postgres(url.to_owned()),
    };
    let sizes = set("SIZES", if is_test { "20x2" } else { "1000x1,1000x10,1000x1000" });
    let mut columns: Vec<Vec<Row>> = Vec::new();
    for size in sizes.split(',') {
        let (users, devices) = size.split_once('x').unwrap();
        let (users, devices) = (users.parse().unwrap(), devices.parse().unwrap());
        let (most_devices, members) = if is_test { (5, 4) } else { (1000, ROUNDS.min(users / 2)) };
        eprintln!("{size}");
        let size = Size { users, devices, most_devices, members };
        columns.push(run(&place, size, if is_test { 2 } else { ROUNDS }).await);
        if kept.is_none() {
            place.clear();
        }
    }
    let sizes = sizes.replace('x', " x ").replace(',', " | ");
    println!("| users x devices | {sizes} |\n|---{}|", "|---".repeat(columns.len()));
    for (n, (title, _)) in columns[0].iter().enumerate() {
        let cells: Vec<&str> = columns.iter().map(|column| &*column[n].1).collect();
        println!("| {title} | {} |", cells.join(" | "));
    }
}

/// Plants a size and measures it.
async fn run(place: &Place, size: Size, rounds: usize) -> Vec<Row> {
    let store = place.open();
    assert!(store.scan(Table::Pool, "", None, 1).unwrap().is_empty(), "the store has pools");
    let (service, caller) = crowd::serve(&store).await;
    let started = Instant::now();
    let crowd = Crowd::plant(caller, &*store, size).await;
    let planted = started.elapsed().as_secs_f64();
    eprintln!(
        "planted in {planted:.0} s: pool {}, client {}",
        crowd.caller.pool, crowd.caller.client
    );
    service.maintain().await;
    place.settle();
    let rows = vec![
        ("planted in".to_owned(), format!("{planted:.0} s")),
        ("on disk".to_owned(), format!("{:.0} MiB", place.bytes() / f64::from(1 << 20))),
    ];
    let mut table = Rows { place, before: None, rows };
    let of_most = "the same, of a user with 1,000 devices";
    table.start();
    let (taken, tokens) = measure::sign_ins(&crowd).await;
    table.add("sign-in with a remembered device", &taken);
    let (taken, token) = measure::sign_ins_of_one(&crowd, rounds).await;
    table.add(of_most, &taken);
    let taken = measure::lists(&crowd, tokens.iter().map(|token| &**token)).await;
    table.add("`ListDevices`", &taken);
    let taken = measure::lists(&crowd, std::iter::repeat_n(&*token, rounds)).await;
    table.add(of_most, &taken);
    let answers = measure::new_devices(&crowd, crowd.members.iter()).await;
    table.start();
    table.add("`ConfirmDevice`", &measure::confirmations(&crowd, answers).await);
    let answers = measure::new_devices(&crowd, std::iter::repeat_n(&crowd.most, rounds)).await;
    table.start();
    table.add(of_most, &measure::confirmations(&crowd, answers).await);
    for search in SEARCHES {
        let taken = measure::searches(&crowd, search, rounds).await;
        table.add(&format!("`ListUsers`: `{}`", search.0), &taken);
    }
    table.add("once a minute", &measure::minutes(&service, 3).await);
    table.rows
}

/// The lines of one size.
struct Rows<'p> {
    place: &'p Place,
    /// What the database had done before the calls that are added next.
    before: Option<Work>,
    rows: Vec<Row>,
}

impl Rows<'_> {
    fn start(&mut self) {
        self.before = self.place.work();
    }

    /// Adds the calls since the last ones.
    fn add(&mut self, title: &str, taken: &Taken) {
        let now = self.place.work();
        let calls = taken.wall.len() as f64;
        let of = |times: &[f64], part| quantile(times.to_vec(), part) / 1e3;
        let mut cell: String =
            [0.1, 0.5, 0.99].map(|part| format!("{:.2}", of(&taken.wall, part))).join(" / ");
        cell.push_str(&format!(" ({:.2}", of(&taken.cpu, 0.5)));
        if let Some((before, now)) = self.before.zip(now) {
            let (cpu, log) = ((now.cpu - before.cpu) / calls / 1e3, (now.log - before.log) / calls);
            cell.push_str(&format!(" + {cpu:.2}; {log:.0} bytes of WAL"));
        }
        cell.push(')');
        eprintln!("{title}: {cell}");
        self.rows.push((title.to_owned(), cell));
        self.start();
    }
}
