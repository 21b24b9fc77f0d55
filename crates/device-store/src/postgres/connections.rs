//! Pooled connections: running statements, and judging their failures.

use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::PATIENCE;
use super::address::Address;
use super::hosts::Hosts;
use super::open_error::{PostgresError, detail};

/// The maximum number of connections of a store. A call holds one for a round trip, so a few serve
/// many calls, and a server accepts a hundred by default.
const CONNECTIONS: usize = 16;

/// The settings of every session, whatever the server's defaults. `apply` must read under its locks
/// what others committed, an acknowledged change must be synced, and a statement must not run much
/// longer than its caller waits.
const SESSION: &str = "SET default_transaction_isolation = 'read committed';
    SET statement_timeout = '10s';
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off'";

/// How long a read may go without an answer before another connection is tried. A server that
/// stands still accepts bytes and connections, so nothing else tells that it does.
///
/// Changes are waited for as long as their caller waits: they may wait for a standby.
const SILENCE: Duration = Duration::from_secs(4);

/// The pause after the first attempt; it doubles after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// It certainly had no effect, and a retry would fail too.
    #[error("{0}")]
    Refused(String),
    /// It certainly had no effect; a retry may succeed.
    #[error("{0}")]
    NotDone(String),
    /// It is unknown whether it had an effect.
    #[error("{0}; whether the change was made is unknown")]
    InDoubt(String),
}

pub(super) struct Connections {
    pool: Pool,
}

impl Connections {
    pub(super) fn new(address: Address) -> Result<Self, PostgresError> {
        let (config, tls) = address.into_parts()?;
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_connect(
            config.clone(),
            Hosts::new(&config, tls),
            ManagerConfig { recycling_method },
        );
        let prepare = Hook::async_fn(|client: &mut ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .post_create(prepare)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| PostgresError::Address { reason: error.to_string() })?;
        Ok(Self { pool })
    }

    /// A connection for setting the database up, or why there is none.
    pub(super) async fn first(&self) -> Result<Object, String> {
        match timeout_at(Instant::now() + PATIENCE, self.pool.get()).await {
            Ok(client) => client.map_err(|error| pool_detail(&error)),
            Err(_) => Err(no_answer()),
        }
    }

    /// Runs a statement that only reads, and retries it after any temporary fault.
    pub(super) async fn read(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Fault> {
        self.repeat_within(statement, parameters, SILENCE).await
    }

    /// The same for a repeatable statement that writes.
    pub(super) async fn repeat(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Fault> {
        self.repeat_within(statement, parameters, PATIENCE).await
    }

    async fn repeat_within(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
        silence: Duration,
    ) -> Result<Vec<Row>, Fault> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.query(statement, parameters, deadline, silence).await {
                Err(Fault::InDoubt(_)) if Instant::now() < deadline => {}
                Err(Fault::InDoubt(detail)) => return Err(Fault::NotDone(detail)),
                outcome => return outcome,
            }
        }
    }

    /// Runs a statement, and retries it while it certainly had no effect. `silence` is the longest
    /// wait for an answer.
    pub(super) async fn query(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
        deadline: Instant,
        silence: Duration,
    ) -> Result<Vec<Row>, Fault> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.query_once(statement, parameters, deadline, silence).await {
                Err(Fault::NotDone(_)) if Instant::now() + pause < deadline => {}
                outcome => return outcome,
            }
            sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    async fn query_once(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
        deadline: Instant,
        silence: Duration,
    ) -> Result<Vec<Row>, Fault> {
        let client = match timeout_at(deadline, self.pool.get()).await {
            Ok(client) => client.map_err(|error| Fault::NotDone(pool_detail(&error)))?,
            Err(_) => return Err(Fault::NotDone(no_answer())),
        };
        // Nothing is executed before the statement is prepared, so until then no fault leaves a
        // doubt.
        let limit = deadline.min(Instant::now() + SILENCE);
        let prepared = match timeout_at(limit, client.prepare_cached(statement)).await {
            Ok(prepared) => prepared.map_err(|error| detail(&error)),
            Err(_) => Err(no_answer()),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(reason) => {
                self.abandon(client);
                return Err(Fault::NotDone(reason));
            }
        };
        let limit = deadline.min(Instant::now() + silence);
        let fault = match timeout_at(limit, client.query(&prepared, parameters)).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => judge(&error),
            Err(_) => Fault::InDoubt(no_answer()),
        };
        // Do not retry on a server that failed or refuses writes.
        if !matches!(fault, Fault::Refused(_)) {
            self.abandon(client);
        }
        Err(fault)
    }

    /// Drops a failed connection and all that are idle: they led to the same server, and each might
    /// cost a call seconds.
    fn abandon(&self, client: Object) {
        drop(Object::take(client));
        self.pool.retain(|_, _| false);
    }
}

/// What an error says about the statement's effect. In doubt without an answer of the server, or if
/// the server announces its own shutdown.
fn judge(error: &tokio_postgres::Error) -> Fault {
    let detail = detail(error);
    let Some(code) = error.code() else {
        return Fault::InDoubt(detail);
    };
    let no_effect = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::CANNOT_CONNECT_NOW,
    ];
    let of_class = |class| code.code().starts_with(class);
    if no_effect.contains(code) {
        Fault::NotDone(detail)
    } else if of_class("08") || of_class("57P") || of_class("58") || of_class("XX") {
        Fault::InDoubt(detail)
    } else {
        Fault::Refused(detail)
    }
}

fn pool_detail(error: &deadpool_postgres::PoolError) -> String {
    match error {
        deadpool_postgres::PoolError::Backend(error)
        | deadpool_postgres::PoolError::PostCreateHook(HookError::Backend(error)) => detail(error),
        error => error.to_string(),
    }
}

fn no_answer() -> String {
    "no answer in time".to_owned()
}
