//! Files of import jobs: where they are put, and how their rows become users.
//!
//! Each row is a command of its own, which counts it in the job's record. So a row that fails stops
//! no other, and a job that was interrupted goes on where it was.

use std::time::Duration;

use csv::{ReaderBuilder, StringRecord};
use device_wire::enums::{UserImportJobStatusType as Status, UserStatusType};
use device_wire::shapes::{AttributeType, UserImportJobType};
use device_wire::{ErrorCode, Operation, Sensitive, Timestamp};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::crypto::seal::{self, Purpose};
use crate::error::ServiceError;
use crate::host::moment::{Moment, minutes};
use crate::records::factor::Factor;
use crate::records::import_file::ImportFile;
use crate::records::login::Login;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::resource::{Described as _, Resource};
use crate::records::user::User;
use crate::rules::names::AliasConflict;
use crate::rules::profile::{self, Author};
use crate::rules::{audit, new_users, stand_ins};
use crate::store::{Store, Table};

/// How long the URL for the file is good.
const URL_LIFE: Duration = minutes(15);

const USERNAME: &str = "cognito:username";
const MFA_ENABLED: &str = "cognito:mfa_enabled";

type Job = Resource<UserImportJobType>;

/// What is sealed in the URL for a file.
#[derive(Serialize, Deserialize)]
struct Contents {
    #[serde(rename = "j")]
    job_id: String,
    #[serde(rename = "e")]
    expires_at: Moment,
}

/// The columns of a file: the attributes of the pool's users, and two that are no attributes.
pub(crate) fn columns(pool: &Pool) -> Vec<String> {
    let attributes = pool.description.schema_attributes.iter().flatten();
    attributes
        .filter_map(|attribute| attribute.name.clone())
        .filter(|name| !["sub", "identities"].contains(&name.as_str()))
        .chain([MFA_ENABLED.to_owned(), USERNAME.to_owned()])
        .collect()
}

/// The URL to which the file of a job is put.
pub(crate) fn url(
    cx: &mut Context<'_, '_>,
    keys: &PoolKeys,
    pool: &Pool,
    job_id: &str,
) -> Result<String, ServiceError> {
    let contents = Contents { job_id: job_id.to_owned(), expires_at: cx.now() + URL_LIFE };
    let salt = cx.random();
    let sealed = keys.sealing().seal(Purpose::ImportFile, &pool.id, salt, &contents)?;
    let (base, token) = (&cx.config.public_base_url, seal::to_url(&sealed));
    Ok(format!("{base}/{}/user-import/{token}", pool.id))
}

/// Keeps a file for the job that its URL names.
pub(crate) fn put(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    token: &str,
    csv: Sensitive<String>,
) -> Result<(), ServiceError> {
    let refused = || ServiceError::not_authorized("The URL is wrong, or has expired.");
    let keys: PoolKeys = cx.tx.find(pool_id)?.ok_or_else(refused)?;
    let sealed = seal::from_url(token).ok_or_else(refused)?;
    let now = cx.now();
    let contents = keys.open::<Contents>(Purpose::ImportFile, pool_id, &sealed, now);
    let contents = contents.filter(|contents| now < contents.expires_at).ok_or_else(refused)?;
    let job = Job::find(cx, pool_id, &contents.job_id)?.ok_or_else(refused)?;
    if job.description.status != Some(Status::Created) {
        return Err(ServiceError::invalid("The job was started, and takes no other file."));
    }
    // Read first: a file may replace an earlier one.
    Resource::<ImportFile>::find(cx, pool_id, &job.name)?;
    let (pool_id, name) = (pool_id.to_owned(), job.name);
    cx.tx.put(&Resource { pool_id, name, description: ImportFile { csv } })
}

/// Pool and job id of each file that is kept: its job has not ended.
pub(crate) fn unfinished(store: &dyn Store) -> Result<Vec<(String, String)>, ServiceError> {
    const PAGE: usize = 20;
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.scan(Table::Resource, "", after.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = Some(last.id.clone());
        for (key, _) in page {
            // Neither a pool's id nor a job's has a character that is written otherwise in an id.
            if let [pool_id, ImportFile::KIND, job_id] = key.id.split('/').collect::<Vec<_>>()[..] {
                found.push((pool_id.to_owned(), job_id.to_owned()));
            }
        }
    }
}

/// The rows of a file, read once for all of a job's commands.
pub(crate) struct Rows {
    header: StringRecord,
    rows: Vec<Result<StringRecord, ()>>,
}

impl Rows {
    /// Reads the file of a job; `None` if there is none.
    pub(crate) fn read(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        job_id: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let file = Resource::<ImportFile>::find(cx, pool_id, job_id)?;
        Ok(file.map(|file| {
            let csv = file.description.csv;
            let mut reader =
                ReaderBuilder::new().from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
            let header = reader.headers().cloned().unwrap_or_default();
            let rows = reader.records().map(|row| row.map_err(drop)).collect();
            Self { header, rows }
        }))
    }
}

/// Begins or goes on with a job; ends it if no row is left, or if it is to stop. Returns the
/// position of the next row, if the job is under way.
pub(crate) fn advance(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    job_id: &str,
    rows: &Rows,
) -> Result<Option<usize>, ServiceError> {
    let Some(mut job) = Job::find(cx, pool_id, job_id)? else { return Ok(None) };
    let pool = Pool::load(cx, pool_id)?;
    let done = done(&job.description);
    let ended = match job.description.status {
        Some(Status::Stopping) => {
            Some((Status::Stopped, "The import job was stopped by an administrator."))
        }
        Some(Status::Pending | Status::InProgress) => {
            let known = columns(&pool);
            let is_known = |name: &str| known.iter().any(|column| column == name);
            let has = |name: &str| rows.header.iter().any(|column| column == name);
            if !rows.header.iter().all(is_known) || !has(USERNAME) || !has(MFA_ENABLED) {
                let message = "The header of the CSV file is not that of GetCSVHeader.";
                Some((Status::Failed, message))
            } else if done < rows.rows.len() {
                None
            } else if job.description.imported_users == Some(0) {
                Some((Status::Failed, "No user was imported."))
            } else {
                Some((Status::Succeeded, "Import Job Completed Successfully."))
            }
        }
        _ => return Ok(None),
    };
    let Some((status, message)) = ended else {
        if job.description.status == Some(Status::Pending) {
            job.description.status = Some(Status::InProgress);
            cx.tx.put(&job)?;
        }
        return Ok(Some(done));
    };
    job.description.status = Some(status);
    job.description.completion_message = Some(message.to_owned());
    job.description.completion_date = Some(Timestamp::from(cx.now()));
    Resource::<ImportFile>::delete(cx, pool_id, job_id);
    cx.tx.put(&job)?;
    Ok(None)
}

fn done(job: &UserImportJobType) -> usize {
    let counts = [job.imported_users, job.skipped_users, job.failed_users];
    usize::try_from(counts.into_iter().flatten().sum::<i64>()).unwrap_or(usize::MAX)
}

/// Imports the user of a row.
pub(crate) fn import(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    job_id: &str,
    rows: &Rows,
    position: usize,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, pool_id)?;
    let row = rows.rows.get(position).and_then(|row| row.as_ref().ok());
    let row = row.ok_or_else(|| ServiceError::invalid("The row is not as long as the header."))?;
    add_user(cx, &pool, &rows.header, row)?;
    count(cx, pool_id, job_id, position, |job| &mut job.imported_users)?;
    audit::conclude(cx, Operation::AdminCreateUser, None)
}

/// Counts a row whose user was not imported.
pub(crate) fn count_refused(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    job_id: &str,
    position: usize,
    refusal: &ServiceError,
) -> Result<(), ServiceError> {
    let is_known = *refusal.code() == ErrorCode::UsernameExists;
    count(cx, pool_id, job_id, position, |job| {
        if is_known { &mut job.skipped_users } else { &mut job.failed_users }
    })
}

/// Counts a row, unless another process has counted it.
fn count(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    job_id: &str,
    position: usize,
    counter: impl FnOnce(&mut UserImportJobType) -> &mut Option<i64>,
) -> Result<(), ServiceError> {
    let mut job = Job::load(cx, pool_id, job_id)?;
    if done(&job.description) != position {
        return Err(ServiceError::internal("an import job is run twice"));
    }
    *counter(&mut job.description).get_or_insert(0) += 1;
    cx.tx.put(&job)
}

fn add_user(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    header: &StringRecord,
    row: &StringRecord,
) -> Result<(), ServiceError> {
    let (mut username, mut by_sms, mut given) = ("", false, Vec::new());
    for (column, value) in header.iter().zip(row) {
        let value = value.trim();
        match column {
            USERNAME => username = value,
            MFA_ENABLED => by_sms = value.eq_ignore_ascii_case("true"),
            _ => {
                let value = match column {
                    "email_verified" | "phone_number_verified" => value.to_lowercase(),
                    _ => value.to_owned(),
                };
                let value = Some(Sensitive::from(value));
                given.push(AttributeType { value, ..AttributeType::new(column) });
            }
        }
    }
    if username.is_empty() {
        return Err(ServiceError::invalid("The row has no user name."));
    }
    if User::by_login(cx, pool, username)?.is_some() {
        return Err(ServiceError::new(ErrorCode::UsernameExists, "User account already exists"));
    }
    let attributes = profile::initial(pool, Author::Administrator, given)?;
    let (mut user, mut profile) =
        new_users::new_user(cx, pool, username, UserStatusType::ResetRequired, attributes)?;
    profile::check_required(pool, &user, &profile)?;
    let is_verified = |name: &str| user.contact.get(name) == Some("true");
    if !is_verified("email_verified") && !is_verified("phone_number_verified") {
        return Err(ServiceError::invalid(
            "Neither address is verified: the user could not reset.",
        ));
    }
    if by_sms {
        if !user.has(Factor::Sms) {
            return Err(ServiceError::invalid("MFA is enabled without a phone number."));
        }
        user.mfa.switch(Factor::Sms, true);
    }
    profile.put(cx, &user)?;
    Login::update(cx, pool, None, &user, AliasConflict::Refuse)?;
    stand_ins::note_name(cx, pool, &user)?;
    cx.notes.subject = Some(user.subject());
    cx.tx.put(&user)
}
