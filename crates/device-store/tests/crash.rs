//! A killed process loses nothing that it has acknowledged.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, io, thread};

use device_pool::store::{Change, Key, Store, Table, Write};
use device_store::SqliteStore;

/// The variable that names the directory, set only in the process that will be killed.
const VICTIM: &str = "DEVICE_STORE_CRASH_VICTIM";
const WRITERS: u64 = 6;
/// The number of acknowledgements after which each victim is killed. Each continues with the data
/// of the previous one.
const KILLED_AFTER: [usize; 8] = [1, 3, 17, 40, 99, 5, 260, 64];

fn counter(writer: u64) -> Key {
    Key { table: Table::Attempts, id: format!("writer/{writer}") }
}

fn parts(writer: u64, step: u64) -> [Key; 2] {
    [Table::User, Table::Device].map(|table| Key { table, id: format!("{writer}/{step}") })
}

/// The number of steps that this writer's counter records.
fn steps(store: &SqliteStore, writer: u64) -> u64 {
    let record = store.get(&counter(writer)).unwrap();
    record.map_or(0, |record| String::from_utf8(record.body).unwrap().parse().unwrap())
}

/// Counts up for ever. Each step is one change: the counter and two records of the step.
fn work(store: &SqliteStore, writer: u64) {
    loop {
        let seen = store.get(&counter(writer)).unwrap().map(|record| record.version);
        let step = steps(store, writer) + 1;
        let put =
            |key: Key| (key, Write::Put { body: step.to_string().into_bytes(), expires_at: None });
        let writes = parts(writer, step).into_iter().chain([counter(writer)]).map(put).collect();
        store.apply(Change { expect: vec![(counter(writer), seen)], writes }).unwrap();

        let mut out = io::stdout().lock();
        writeln!(out, "acknowledged {writer} {step}").unwrap();
        out.flush().unwrap();
    }
}

fn be_the_victim(directory: &Path) {
    let store = SqliteStore::open(directory).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || work(store, writer));
        }
    });
}

/// Runs a victim, kills it after so many acknowledgements, and returns the last step that each
/// writer printed.
fn run_and_kill(directory: &Path, after: usize) -> BTreeMap<u64, u64> {
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--exact", "acknowledged_changes_survive_a_kill", "--nocapture"])
        .env(VICTIM, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = BTreeMap::new();
    let mut count = 0;
    // After the kill, the pipe still holds what was printed before it.
    for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The first lines come from the test harness.
        let Some(numbers) = line.strip_prefix("acknowledged ") else { continue };
        let (writer, step) = numbers.split_once(' ').unwrap();
        acknowledged.insert(writer.parse().unwrap(), step.parse().unwrap());
        count += 1;
        if count == after {
            victim.kill().unwrap();
        }
    }
    let status = victim.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
    assert!(count >= after);
    acknowledged
}

#[test]
fn acknowledged_changes_survive_a_kill() {
    if let Some(directory) = env::var_os(VICTIM) {
        return be_the_victim(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<u64, u64> = BTreeMap::new();
    for after in KILLED_AFTER {
        acknowledged.extend(run_and_kill(directory.path(), after));

        let store = SqliteStore::open(directory.path()).unwrap();
        for writer in 0..WRITERS {
            let (told, kept) =
                (acknowledged.get(&writer).copied().unwrap_or(0), steps(&store, writer));
            // Each writer has one change in progress, which may have been committed without an
            // acknowledgement.
            assert!(
                kept == told || kept == told + 1,
                "writer {writer}: told of {told}, kept {kept}"
            );
            for step in 1..=kept + 1 {
                for key in parts(writer, step) {
                    let whole = store.get(&key).unwrap().is_some() == (step <= kept);
                    assert!(whole, "{key:?} is not as step {kept} says");
                }
            }
            acknowledged.insert(writer, kept);
        }
    }
}
