//! Importing users from a CSV file.

use device_wire::enums::UserImportJobStatusType;
use device_wire::requests::{
    CreateUserImportJobRequest, DescribeUserImportJobRequest, GetCSVHeaderRequest,
    ListUserImportJobsRequest, StartUserImportJobRequest, StopUserImportJobRequest,
};
use device_wire::responses::{
    CreateUserImportJobResponse, DescribeUserImportJobResponse, GetCSVHeaderResponse,
    ListUserImportJobsResponse, StartUserImportJobResponse, StopUserImportJobResponse,
};
use device_wire::shapes::UserImportJobType;
use device_wire::{ErrorCode, Timestamp};

use crate::command::context::Context;
use crate::command::page::page_length;
use crate::error::ServiceError;
use crate::records::import_file::ImportFile;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::resource::Resource;
use crate::rules::import_files;

type Job = Resource<UserImportJobType>;

/// The most jobs of a pool.
const MAX_JOBS: usize = 1000;

const ID_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `GetCSVHeader`: the columns of an import file. There is none for a password.
pub(crate) fn header(
    cx: &mut Context<'_, '_>,
    request: GetCSVHeaderRequest,
) -> Result<GetCSVHeaderResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let header = import_files::columns(&pool);
    Ok(GetCSVHeaderResponse { user_pool_id: Some(pool.id), csv_header: Some(header) })
}

/// `CreateUserImportJob`. The file is to be put to the URL of the answer.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: CreateUserImportJobRequest,
) -> Result<CreateUserImportJobResponse, ServiceError> {
    if request.password_hashing_algorithm.is_some() {
        return Err(ServiceError::invalid(
            "PasswordHashingAlgorithm is not supported by this server: leave it out, and users \
             reset their passwords.",
        ));
    }
    let pool = Pool::load(cx, &request.user_pool_id)?;
    if !Job::is_room(&cx.tx, &pool.id, MAX_JOBS)? {
        return Err(ServiceError::new(
            ErrorCode::LimitExceeded,
            format!("A user pool has at most {MAX_JOBS} import jobs."),
        ));
    }
    let keys = PoolKeys::load(cx, &pool.id)?;
    let id = format!("import-{}", cx.random_text(ID_ALPHABET, 10));
    let description = UserImportJobType {
        job_name: Some(request.job_name),
        job_id: Some(id.clone()),
        user_pool_id: Some(pool.id.clone()),
        pre_signed_url: Some(import_files::url(cx, &keys, &pool, &id)?),
        creation_date: Some(Timestamp::from(cx.now())),
        status: Some(UserImportJobStatusType::Created),
        cloud_watch_logs_role_arn: Some(request.cloud_watch_logs_role_arn),
        imported_users: Some(0),
        skipped_users: Some(0),
        failed_users: Some(0),
        ..UserImportJobType::default()
    };
    let job = Job { pool_id: pool.id, name: id, description };
    cx.tx.put(&job)?;
    Ok(CreateUserImportJobResponse { user_import_job: Some(job.description) })
}

/// `DescribeUserImportJob`.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: DescribeUserImportJobRequest,
) -> Result<DescribeUserImportJobResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let job = Job::load(cx, &pool.id, &request.job_id)?;
    Ok(DescribeUserImportJobResponse { user_import_job: Some(job.description) })
}

/// `ListUserImportJobs`, in the order of their ids.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListUserImportJobsRequest,
) -> Result<ListUserImportJobsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let length = page_length(Some(request.max_results));
    let token = request.pagination_token.as_deref();
    let (jobs, pagination_token) = Job::list(&cx.tx, &pool.id, token, length)?;
    Ok(ListUserImportJobsResponse { user_import_jobs: Some(jobs), pagination_token })
}

/// `StartUserImportJob`. The host runs it: [`Engine::import_users`](crate::Engine::import_users).
pub(crate) fn start(
    cx: &mut Context<'_, '_>,
    request: StartUserImportJobRequest,
) -> Result<StartUserImportJobResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut job = Job::load(cx, &pool.id, &request.job_id)?;
    if job.description.status != Some(UserImportJobStatusType::Created) {
        return Err(not_met("The job was started already."));
    }
    if Resource::<ImportFile>::find(cx, &pool.id, &job.name)?.is_none() {
        return Err(not_met("The job has no CSV file: put it to its PreSignedUrl first."));
    }
    job.description.status = Some(UserImportJobStatusType::Pending);
    job.description.start_date = Some(Timestamp::from(cx.now()));
    cx.tx.put(&job)?;
    Ok(StartUserImportJobResponse { user_import_job: Some(job.description) })
}

/// `StopUserImportJob`. Users who were imported stay.
pub(crate) fn stop(
    cx: &mut Context<'_, '_>,
    request: StopUserImportJobRequest,
) -> Result<StopUserImportJobResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut job = Job::load(cx, &pool.id, &request.job_id)?;
    match job.description.status {
        Some(UserImportJobStatusType::Pending | UserImportJobStatusType::InProgress) => {}
        _ => return Err(not_met("The job does not run.")),
    }
    job.description.status = Some(UserImportJobStatusType::Stopping);
    cx.tx.put(&job)?;
    Ok(StopUserImportJobResponse { user_import_job: Some(job.description) })
}

fn not_met(message: &'static str) -> ServiceError {
    ServiceError::new(ErrorCode::PreconditionNotMet, message)
}
