//! The writer: one connection that commits all changes, many at a time.
//!
//! A commit costs a disk sync of up to milliseconds, whatever its size. So while one caller
//! commits, the others queue their tasks. Then the head of the queue commits all that wait in one
//! transaction. The longer the disk takes, the more tasks share the next commit. A caller who is
//! alone commits at once, on its own thread.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use device_pool::store::{Change, Key, Record, StoreError, Version, Write};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, ToSql, Transaction, TransactionBehavior};

use super::recent::Recent;

/// The maximum number of tasks in a commit.
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

/// The connection, and the callers who wait for it.
pub(super) struct Writer {
    connection: Mutex<Connection>,
    queue: Mutex<Queue>,
    recent: Arc<Recent>,
}

#[derive(Default)]
struct Queue {
    /// Whether a caller commits.
    is_busy: bool,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    task: Task,
    reply: SyncSender<Reply>,
}

/// What a waiting caller is told.
enum Reply {
    /// Another caller has done the task.
    Done(Outcome),
    /// It is this caller's turn to commit.
    Turn(Task),
}

impl Writer {
    pub(super) fn new(connection: Connection, recent: Arc<Recent>) -> Self {
        Self { connection: Mutex::new(connection), queue: Mutex::default(), recent }
    }

    /// Does `task`; returns once its commit is on disk.
    pub(super) fn submit(&self, task: Task) -> Outcome {
        let task = match self.wait_for_turn(task)? {
            Reply::Done(outcome) => return outcome,
            Reply::Turn(task) => task,
        };
        let turn = Turn(self);
        let mut tasks = vec![task];
        let mut replies = Vec::new();
        let mut queue = self.queue();
        let group = queue.waiting.len().min(GROUP - 1);
        for Waiting { task, reply } in queue.waiting.drain(..group) {
            tasks.push(task);
            replies.push(reply);
        }
        drop(queue);
        let mut outcomes = self.commit(&tasks).into_iter();
        drop(turn);
        let own = outcomes.next();
        for (reply, outcome) in replies.iter().zip(outcomes) {
            // A caller whose thread died needs no answer.
            let _ = reply.send(Reply::Done(outcome));
        }
        own.unwrap_or_else(|| Err(stopped()))
    }

    fn wait_for_turn(&self, task: Task) -> Result<Reply, StoreError> {
        let mut queue = self.queue();
        if !mem::replace(&mut queue.is_busy, true) {
            return Ok(Reply::Turn(task));
        }
        let (reply, told) = mpsc::sync_channel(1);
        queue.waiting.push_back(Waiting { task, reply });
        drop(queue);
        told.recv().map_err(|_| stopped())
    }

    fn commit(&self, tasks: &[Task]) -> Vec<Outcome> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes = commit(&mut connection, &self.recent, tasks);
        if tasks.iter().any(|task| !matches!(task, Task::Apply(_))) {
            empty_log(&connection);
        }
        outcomes
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller's turn to commit. When it ends, also by a panic, the head of the queue has the next.
struct Turn<'w>(&'w Writer);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        while let Some(Waiting { task, reply }) = queue.waiting.pop_front() {
            if reply.send(Reply::Turn(task)).is_ok() {
                return;
            }
        }
        queue.is_busy = false;
    }
}

fn stopped() -> StoreError {
    StoreError::Failed("the caller that committed has panicked".to_owned())
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
fn commit(connection: &mut Connection, recent: &Recent, tasks: &[Task]) -> Vec<Outcome> {
    match try_commit(connection, recent, tasks) {
        Ok(outcomes) => {
            outcomes.into_iter().map(|written| written.ok_or(StoreError::Conflict)).collect()
        }
        Err(error) => {
            // Whether anything was written is unknown.
            recent.forget();
            tasks.iter().map(|_| Err(StoreError::Failed(error.to_string()))).collect()
        }
    }
}

fn try_commit(
    connection: &mut Connection,
    recent: &Recent,
    tasks: &[Task],
) -> rusqlite::Result<Vec<Option<usize>>> {
    // Immediate: nothing that is read here may change before it is written, not even by an
    // operator.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    recent.follow(data_version(&transaction)?);
    let mut group =
        Group { transaction: &transaction, recent: Some(recent), written: HashMap::new() };
    let mut applied = Vec::with_capacity(tasks.len());
    let mut outcomes = Vec::with_capacity(tasks.len());
    for task in tasks {
        outcomes.push(match task {
            Task::Apply(change) => group.apply(change)?.map(|version| {
                applied.push((change, version));
                change.writes.len()
            }),
            Task::Purge { before, limit } => Some(group.purge(*before, *limit)?),
            Task::GiveBack { pages } => Some(give_back(&transaction, *pages)?),
        });
    }
    let is_purged = group.recent.is_none();
    transaction.commit()?;
    match is_purged {
        true => recent.forget(),
        false => recent.committed(applied.into_iter()),
    }
    Ok(outcomes)
}

/// The tasks of a commit, of which each sees what the previous ones wrote.
struct Group<'g> {
    transaction: &'g Transaction<'g>,
    /// What was committed before; `None` once records were purged, which are not named.
    recent: Option<&'g Recent>,
    /// The versions of what was written since, `None` for what was removed.
    written: HashMap<&'g Key, Option<Version>>,
}

impl<'g> Group<'g> {
    /// Applies a change; `None` if an expectation does not hold. All are checked before anything
    /// is written, so nothing must be undone.
    fn apply(&mut self, change: &'g Change) -> rusqlite::Result<Option<Version>> {
        for (key, expected) in &change.expect {
            if self.version(key)? != *expected {
                return Ok(None);
            }
        }
        let version = write(self.transaction, change)?;
        let versions = change.writes.iter().map(|(key, write)| match write {
            Write::Put { .. } => (key, Some(version)),
            Write::Delete => (key, None),
        });
        self.written.extend(versions);
        Ok(Some(version))
    }

    fn version(&self, key: &Key) -> rusqlite::Result<Option<Version>> {
        let of = |record: Option<&Record>| record.map(|record| record.version);
        let written = self.written.get(key).copied();
        let known = written.or_else(|| self.recent?.look(key, of).ok());
        known.map_or_else(|| version_of(self.transaction, key), Ok)
    }

    fn purge(&mut self, before: i64, limit: u16) -> rusqlite::Result<usize> {
        self.recent = None;
        self.written.clear();
        purge(self.transaction, before, limit)
    }
}

/// Writes a change; returns the version of what it wrote.
fn write(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<Version> {
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
    Ok(Version(version.cast_unsigned()))
}

/// A number that SQLite changes if another process has changed the database.
fn data_version(transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
    transaction.prepare_cached("PRAGMA data_version")?.query_one([], |row| row.get(0))
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
        assert_eq!(
            words(&commit(&mut connection, &Recent::default(), &group)),
            ["one", "conflict", "conflict", "one"]
        );
        assert_eq!(count(&connection), 2);

        let group = [
            Task::Purge { before: 2, limit: 9 },
            put("a", None),
            Task::Purge { before: 1, limit: 9 },
        ];
        assert_eq!(
            words(&commit(&mut connection, &Recent::default(), &group)),
            ["several", "one", "nothing"]
        );
        assert_eq!(count(&connection), 1);
    }

    #[test]
    fn a_purge_stops_at_its_limit() {
        let mut connection = connection();
        commit(&mut connection, &Recent::default(), &["a", "b", "c"].map(|id| put(id, None)));
        let purge = || Task::Purge { before: 2, limit: 2 };
        let removed: Vec<_> = commit(&mut connection, &Recent::default(), &[purge(), purge()])
            .into_iter()
            .flatten()
            .collect();
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
        assert_eq!(
            words(&commit(&mut connection, &Recent::default(), &group)),
            ["failed", "failed", "failed"]
        );
        assert_eq!(count(&connection), 0);
        assert_eq!(words(&commit(&mut connection, &Recent::default(), &[put("a", None)])), ["one"]);
    }
}
