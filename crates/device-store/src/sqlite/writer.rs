//! The writer: one thread that commits all changes, many at a time.
//!
//! A commit costs a disk sync of up to milliseconds, whatever its size. So callers queue their
//! tasks and wait, and the thread commits all waiting tasks in one transaction. The longer the disk
//! takes, the more tasks share the next commit.

use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use device_pool::store::{Change, Key, StoreError, Version, Write};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, ToSql, Transaction, TransactionBehavior};

/// The maximum number of tasks in a commit, and in the queue. Further callers wait.
const GROUP: usize = 256;

/// The time that emptying the write-ahead log waits for readers.
const LOG_TIMEOUT: Duration = Duration::from_millis(100);

/// A task for the writer.
pub(super) enum Task {
    Apply(Change),
    /// Removes up to `limit` records that expired before `before`, in milliseconds since the epoch.
    Purge {
        before: i64,
        limit: u16,
    },
    /// Gives up to `pages` free pages at the end of the file back to the file system.
    GiveBack {
        pages: u16,
    },
}

/// The number of records that a task wrote or removed, or of pages that it gave back.
type Outcome = Result<usize, StoreError>;

struct Request {
    task: Task,
    reply: SyncSender<Outcome>,
}

/// The writer thread and its queue. Dropping this lets the thread finish what is queued, then joins
/// it.
pub(super) struct Writer {
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn spawn(mut connection: Connection) -> io::Result<Self> {
        let (requests, queue) = mpsc::sync_channel(GROUP);
        let thread = thread::Builder::new()
            .name("device-store-writer".to_owned())
            .spawn(move || serve(&mut connection, &queue))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Queues `task` and waits until its commit is on disk.
    pub(super) fn submit(&self, task: Task) -> Outcome {
        let stopped = || StoreError::Failed("the writer thread has stopped".to_owned());
        let (reply, outcome) = mpsc::sync_channel(1);
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests.send(Request { task, reply }).map_err(|_| stopped())?;
        outcome.recv().map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread ends when the queue is closed.
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // An error means that it panicked, which was reported then.
            let _ = thread.join();
        }
    }
}

fn serve(connection: &mut Connection, queue: &Receiver<Request>) {
    while let Ok(first) = queue.recv() {
        let (tasks, replies): (Vec<_>, Vec<_>) = std::iter::once(first)
            .chain(queue.try_iter())
            .take(GROUP)
            .map(|request| (request.task, request.reply))
            .unzip();
        let outcomes = commit(connection, &tasks);
        if tasks.iter().any(|task| !matches!(task, Task::Apply(_))) {
            empty_log(connection);
        }
        for (reply, outcome) in replies.iter().zip(outcomes) {
            // A caller whose thread died needs no answer.
            let _ = reply.send(outcome);
        }
    }
}

/// Moves the write-ahead log into the database and empties it: it may hold deleted records.
///
/// A reader may prevent it. Then the next purge tries again.
fn empty_log(connection: &Connection) {
    let _ = connection
        .busy_timeout(LOG_TIMEOUT)
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    let _ = connection.busy_timeout(super::BUSY_TIMEOUT);
}

/// Commits `tasks` in order, in one transaction.
///
/// Each task sees the state that the previous ones left. One whose expectations do not hold writes
/// nothing and affects no other. If SQLite fails at any task or at the commit, all have failed.
fn commit(connection: &mut Connection, tasks: &[Task]) -> Vec<Outcome> {
    match try_commit(connection, tasks) {
        Ok(outcomes) => {
            outcomes.into_iter().map(|written| written.ok_or(StoreError::Conflict)).collect()
        }
        Err(error) => tasks.iter().map(|_| Err(StoreError::Failed(error.to_string()))).collect(),
    }
}

fn try_commit(connection: &mut Connection, tasks: &[Task]) -> rusqlite::Result<Vec<Option<usize>>> {
    // Immediate: nothing that is read here may change before it is written, not even by an
    // operator.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let outcomes = tasks
        .iter()
        .map(|task| match task {
            Task::Apply(change) => apply(&transaction, change),
            Task::Purge { before, limit } => purge(&transaction, *before, *limit).map(Some),
            Task::GiveBack { pages } => give_back(&transaction, *pages).map(Some),
        })
        .collect::<rusqlite::Result<_>>()?;
    transaction.commit()?;
    Ok(outcomes)
}

/// Applies a change; `None` if an expectation does not hold. All are checked before anything is
/// written, so nothing must be undone.
fn apply(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<Option<usize>> {
    for (key, expected) in &change.expect {
        if version_of(transaction, key)? != *expected {
            return Ok(None);
        }
    }
    let version: i64 = transaction
        .prepare_cached("UPDATE sequence SET last = last + 1 RETURNING last")?
        .query_one([], |row| row.get(0))?;
    for (key, write) in &change.writes {
        let (kind, id) = (key.table.name(), &key.id);
        match write {
            Write::Put { body, expires_at } => transaction
                .prepare_cached(
                    "INSERT INTO record (kind, id, version, expires_at, body) VALUES (?1, ?2, ?3, \
                     ?4, ?5)
                     ON CONFLICT (kind, id) DO UPDATE
                     SET version = excluded.version, expires_at = excluded.expires_at, body = \
                     excluded.body",
                )?
                .execute((kind, id, version, expires_at, Text(body)))?,
            Write::Delete => transaction
                .prepare_cached("DELETE FROM record WHERE kind = ?1 AND id = ?2")?
                .execute((kind, id))?,
        };
    }
    Ok(Some(change.writes.len()))
}

fn version_of(transaction: &Transaction<'_>, key: &Key) -> rusqlite::Result<Option<Version>> {
    transaction
        .prepare_cached("SELECT version FROM record WHERE kind = ?1 AND id = ?2")?
        .query_row((key.table.name(), &key.id), super::reads::version)
        .optional()
}

fn purge(transaction: &Transaction<'_>, before: i64, limit: u16) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "DELETE FROM record WHERE rowid IN (SELECT rowid FROM record WHERE expires_at < ?1 \
             LIMIT ?2)",
        )?
        .execute((before, limit))
}

/// Shortens the file by up to `pages` free pages. As many stay free: a file that shrinks and grows
/// all the time only writes more. Without effect on a file of an earlier release that was never
/// compacted.
fn give_back(transaction: &Transaction<'_>, pages: u16) -> rusqlite::Result<usize> {
    let free = || transaction.pragma_query_one::<i64>(None, "freelist_count");
    let before = free()?;
    let surplus = (before - i64::from(pages)).min(i64::from(pages));
    if surplus <= 0 {
        return Ok(0);
    }
    // Each row that is read is a page that goes.
    let mut statement = transaction.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(usize::try_from(before - free()?).unwrap_or_default())
}

/// Bytes bound as text, so that an operator sees JSON instead of a blob.
struct Text<'a>(&'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use device_pool::store::Table;

    use super::*;

    fn connection() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::sqlite::schema::migrate(&mut connection, 0).unwrap();
        connection
    }

    fn key(id: &str) -> Key {
        Key { table: Table::Grant, id: id.to_owned() }
    }

    fn put(id: &str, expected: Option<Version>) -> Task {
        let write = Write::Put { body: b"{}".to_vec(), expires_at: Some(1) };
        Task::Apply(Change { expect: vec![(key(id), expected)], writes: vec![(key(id), write)] })
    }

    /// The outcomes in words: written, conflict or failed.
    fn words(outcomes: &[Outcome]) -> Vec<&'static str> {
        outcomes
            .iter()
            .map(|outcome| match outcome {
                Ok(0) => "nothing",
                Ok(1) => "one",
                Ok(_) => "several",
                Err(StoreError::Conflict) => "conflict",
                Err(_) => "failed",
            })
            .collect()
    }

    fn count(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn in_one_group_each_task_sees_the_previous_ones() {
        let mut connection = connection();
        let group = [put("a", None), put("a", None), put("b", Some(Version(9))), put("c", None)];
        assert_eq!(words(&commit(&mut connection, &group)), ["one", "conflict", "conflict", "one"]);
        assert_eq!(count(&connection), 2);

        let group = [
            Task::Purge { before: 2, limit: 9 },
            put("a", None),
            Task::Purge { before: 1, limit: 9 },
        ];
        assert_eq!(words(&commit(&mut connection, &group)), ["several", "one", "nothing"]);
        assert_eq!(count(&connection), 1);
    }

    #[test]
    fn a_purge_stops_at_its_limit() {
        let mut connection = connection();
        commit(&mut connection, &["a", "b", "c"].map(|id| put(id, None)));
        let purge = || Task::Purge { before: 2, limit: 2 };
        let removed: Vec<_> =
            commit(&mut connection, &[purge(), purge()]).into_iter().flatten().collect();
        assert_eq!(removed, [2, 1]);
    }

    #[test]
    fn if_the_database_fails_the_whole_group_fails() {
        let mut connection = connection();
        connection
            .execute_batch(
                "CREATE TRIGGER fault BEFORE INSERT ON record WHEN NEW.id = 'bad'
                 BEGIN SELECT RAISE(ABORT, 'injected'); END",
            )
            .unwrap();
        let group = [put("a", None), put("bad", None), put("b", None)];
        assert_eq!(words(&commit(&mut connection, &group)), ["failed", "failed", "failed"]);
        assert_eq!(count(&connection), 0);
        assert_eq!(words(&commit(&mut connection, &[put("a", None)])), ["one"]);
    }
}
