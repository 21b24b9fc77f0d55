//! The pool that is measured, with its users; made for the bench and deleted after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use device_http::{Client, RetryPolicy};
use device_proto::{Config, DeviceOutcome, ThisDevice};
use device_wire::Sensitive;
use device_wire::enums::{ExplicitAuthFlowsType, MessageActionType};
use device_wire::requests::{
    AdminCreateUserRequest, AdminSetUserPasswordRequest, CreateUserPoolClientRequest,
    CreateUserPoolRequest, DeleteUserPoolRequest,
};
use device_wire::shapes::DeviceConfigurationType;
use indicatif::ProgressBar;
use rand::RngExt as _;
use tokio::task::JoinSet;

use super::BenchError;
use super::act::{Acting, Failure, User};
use super::server::Server;

/// How long a call may take before it counts as failed.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Users that are created, or sign in again, at a time. A server on one core lets so many wait.
const MAKERS: u32 = 16;

/// A pool with users, each with a remembered device.
pub(crate) struct Setting {
    /// The clients' connection.
    pub(crate) http: Client,
    /// Makes the pool and its users, and repeats calls that a busy server refuses.
    maker: Client,
    pub(crate) config: Config,
    pub(crate) pool_id: String,
    pub(crate) users: Vec<Arc<User>>,
}

/// A name that tells where the pool comes from if it is left behind.
pub(crate) fn pool_name() -> String {
    format!("bench-{:08x}", rand::rng().random::<u32>())
}

impl Setting {
    /// Creates the pool, its client and its users, several at a time.
    pub(crate) async fn make(
        server: &Server,
        pool_name: &str,
        users: u32,
        clients: u32,
        bar: &ProgressBar,
    ) -> Result<Self, BenchError> {
        // A refused call is counted, not hidden.
        let http = connect(server, RetryPolicy::never())?;
        let maker = connect(server, RetryPolicy::default().with_attempts(8))?;
        let (pool_id, client_id) = make_pool(&maker, pool_name).await?;
        let config = Config::new(&*pool_id, client_id).map_err(BenchError::start)?;
        let mut setting = Self { http, maker, config, pool_id, users: Vec::new() };
        match setting.make_users(users, clients, bar).await {
            Ok(()) => Ok(setting),
            Err(error) => {
                // Its own failure would hide why the users could not be created.
                let _ = setting.remove().await;
                Err(error)
            }
        }
    }

    async fn make_users(
        &mut self,
        users: u32,
        clients: u32,
        bar: &ProgressBar,
    ) -> Result<(), BenchError> {
        let next = Arc::new(AtomicUsize::new(0));
        let users = users as usize;
        let mut makers: JoinSet<Result<_, BenchError>> = JoinSet::new();
        for _ in 0..clients.min(MAKERS) {
            let (http, config) = (self.maker.clone(), self.config.clone());
            let (next, bar) = (Arc::clone(&next), bar.clone());
            makers.spawn(async move {
                let mut made = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= users {
                        return Ok(made);
                    }
                    made.push(Arc::new(make_user(&http, &config, number).await?));
                    bar.inc(1);
                }
            });
        }
        while let Some(made) = makers.join_next().await {
            self.users.extend(made.map_err(BenchError::start)??);
        }
        Ok(())
    }

    /// Signs every user in again: a server keeps so many sessions of a user, and those that were
    /// opened since may have ended the first.
    pub(crate) async fn sign_in_again(&mut self) -> Result<(), BenchError> {
        let mut users = Vec::with_capacity(self.users.len());
        for some in self.users.chunks(MAKERS as usize) {
            let mut signing_in = JoinSet::new();
            for user in some {
                let (http, config, user) =
                    (self.maker.clone(), self.config.clone(), Arc::clone(user));
                signing_in.spawn(async move { signed_in(&http, &config, &user).await });
            }
            while let Some(user) = signing_in.join_next().await {
                users.push(Arc::new(user.map_err(BenchError::start)??));
            }
        }
        self.users = users;
        Ok(())
    }

    /// Deletes the pool with all that is in it.
    pub(crate) async fn remove(&self) -> Result<(), BenchError> {
        let deleted = self.maker.call(&DeleteUserPoolRequest::new(&*self.pool_id)).await;
        deleted.map_err(failed("DeleteUserPool")).map(drop)
    }
}

fn connect(server: &Server, retry: RetryPolicy) -> Result<Client, BenchError> {
    let key = &server.access_key;
    Client::builder()
        .region(&server.region)
        .endpoint_url(server.endpoint.as_str())
        .timeout(TIMEOUT)
        .retry(retry)
        .credentials(Credentials::from_keys(&key.0, key.1.as_str(), None))
        .build()
        .map_err(BenchError::start)
}

fn failed(step: &'static str) -> impl Fn(device_http::Error) -> BenchError {
    move |error| BenchError::Prepare { step, reason: error.to_string() }
}

async fn make_pool(http: &Client, name: &str) -> Result<(String, String), BenchError> {
    let missing = |step| BenchError::Prepare { step, reason: "the answer has no id".to_owned() };
    let devices = DeviceConfigurationType {
        challenge_required_on_new_device: Some(true),
        // So that confirming a device remembers it.
        device_only_remembered_on_user_prompt: Some(false),
    };
    let pool = http
        .call(&CreateUserPoolRequest {
            device_configuration: Some(devices),
            ..CreateUserPoolRequest::new(name)
        })
        .await
        .map_err(failed("CreateUserPool"))?;
    let pool_id = pool.user_pool.and_then(|pool| pool.id).ok_or(missing("CreateUserPool"))?;
    let flows =
        [ExplicitAuthFlowsType::AllowUserSrpAuth, ExplicitAuthFlowsType::AllowRefreshTokenAuth];
    let client = http
        .call(&CreateUserPoolClientRequest {
            explicit_auth_flows: Some(flows.to_vec()),
            ..CreateUserPoolClientRequest::new(&*pool_id, "bench")
        })
        .await
        .map_err(failed("CreateUserPoolClient"))?;
    let client_id = client.user_pool_client.and_then(|client| client.client_id);
    let client_id = client_id.ok_or(missing("CreateUserPoolClient"))?;
    Ok((pool_id, client_id.into_inner()))
}

async fn make_user(http: &Client, config: &Config, number: usize) -> Result<User, BenchError> {
    let name = format!("user{number:07}");
    let password = Sensitive::from(format!("Bench-{:032x}", rand::rng().random::<u128>()));
    let pool_id = config.user_pool_id();
    let create = AdminCreateUserRequest {
        message_action: Some(MessageActionType::Suppress),
        ..AdminCreateUserRequest::new(pool_id, &*name)
    };
    http.call(&create).await.map_err(failed("AdminCreateUser"))?;
    let set = AdminSetUserPasswordRequest {
        permanent: Some(true),
        ..AdminSetUserPasswordRequest::new(pool_id, &*name, password.as_str())
    };
    http.call(&set).await.map_err(failed("AdminSetUserPassword"))?;
    let refused = |Failure(reason)| BenchError::Prepare { step: "the first sign-in", reason };
    let first = Acting::new(http, config).sign_in(&name, &password, ThisDevice::new()).await;
    let DeviceOutcome::New { record, .. } = first.map_err(refused)?.device else {
        return Err(refused(Failure("the service tracks no device".to_owned())));
    };
    let (access_token, refresh_token) = ("".into(), "".into());
    let user = User { name, password, device: record, access_token, refresh_token };
    // A token of a sign-in with the device: only that is refreshed together with the device's key.
    signed_in(http, config, &user).await
}

/// The user with the tokens of a new sign-in with the device.
async fn signed_in(http: &Client, config: &Config, user: &User) -> Result<User, BenchError> {
    let refused = |Failure(reason)| BenchError::Prepare { step: "a sign-in", reason };
    let User { name, password, device, .. } = user;
    let presented = ThisDevice::from(Some(device.clone()));
    let outcome = Acting::new(http, config).sign_in(name, password, presented).await;
    let tokens = outcome.map_err(refused)?.tokens;
    let no_token = || refused(Failure("there is no refresh token".to_owned()));
    Ok(User {
        name: name.clone(),
        password: password.clone(),
        device: device.clone(),
        access_token: tokens.access,
        refresh_token: tokens.refresh.ok_or_else(no_token)?,
    })
}
