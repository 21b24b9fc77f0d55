//! The demo's setting: a server on a temporary database, a pool, a client and a user.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use device_auth::{DeviceAuth, FileStore};
use device_http::Client;
use device_server::{AccessKey, Administrators, PoolConfig, Retention, Server, Service, Storage};
use device_wire::enums::{AuthFlowType, ExplicitAuthFlowsType, UserPoolMfaType};
use device_wire::requests::{
    AdminCreateUserRequest, AdminSetUserPasswordRequest, AssociateSoftwareTokenRequest,
    CreateUserPoolClientRequest, CreateUserPoolRequest, InitiateAuthRequest,
    SetUserMFAPreferenceRequest, SetUserPoolMfaConfigRequest, VerifySoftwareTokenRequest,
};
use device_wire::shapes::{
    DeviceConfigurationType, SoftwareTokenMfaConfigType, SoftwareTokenMfaSettingsType,
};
use device_wire::{Sensitive, param};
use rand::RngExt as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use totp_rs::{Builder, Secret, Totp};

use super::DemoError;
use super::report::Report;

pub(crate) const USERNAME: &str = "ada";
const REGION: &str = "eu-demo-1";
const STEP_SECONDS: u64 = 30;

/// A running server with everything that the demo needs.
pub(crate) struct Scene {
    endpoint: String,
    pub(crate) pool_id: String,
    pub(crate) password: Sensitive<String>,
    pub(crate) admin: Client,
    pub(crate) report: Report,
    client_id: String,
    authenticator: Authenticator,
    directory: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// Ada's authenticator app. A code is valid once, so each code must be of a later step than the
/// last.
struct Authenticator {
    totp: Totp,
    enrolled_at: u64,
}

impl Authenticator {
    /// The code `steps` after the one that enrolled the app.
    fn code(&self, steps: u64) -> String {
        self.totp.generate(self.enrolled_at + steps * STEP_SECONDS).to_string()
    }
}

impl Scene {
    /// Starts the server and creates the pool, the client and the user.
    pub(crate) async fn set(report: Report) -> Result<Self, DemoError> {
        let directory = tempfile::tempdir().map_err(DemoError::start)?;
        let secret = random_text();
        let socket = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::bind(socket).await.map_err(DemoError::start)?;
        let endpoint = server.endpoint();
        let data = Storage::Directory(directory.path().join("data"));
        let config = PoolConfig {
            region: REGION.to_owned(),
            account_id: "000000000000".to_owned(),
            public_base_url: endpoint.clone(),
            retention: Retention::default(),
        };
        let key = AccessKey::new("demo", &*secret).map_err(DemoError::start)?;
        let service = Service::builder(data.open().map_err(DemoError::start)?, config)
            .administrators(Administrators::Signing(key))
            .build();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(server.serve(service, async {
            // An error means that the scene was dropped, which is also a reason to stop.
            let _ = stopped.await;
        }));
        report.start(&endpoint);

        report.step(
            "A pool (devices by opt-in, a remembered one replaces MFA), a client, and Ada \
             with an authenticator app",
        );
        let observer = report.clone();
        let admin = Client::builder()
            .region(REGION)
            .endpoint_url(&endpoint)
            .credentials(Credentials::from_keys("demo", &*secret, None))
            .observer(move |event| observer.call(event))
            .build()
            .map_err(DemoError::start)?;
        let (pool_id, client_id) = make_pool(&admin).await.map_err(DemoError::start)?;
        let password = Sensitive::from(format!("Ada-{}-1", *random_text()));
        let authenticator =
            make_user(&admin, &pool_id, &client_id, &password).await.map_err(DemoError::start)?;
        report.finding("Ada has a password and a second factor");
        Ok(Self {
            endpoint,
            pool_id,
            password,
            admin,
            report,
            client_id,
            authenticator,
            directory,
            stop,
            server,
        })
    }

    /// Ada's app after a restart: its data about the device is in a file, nothing is in memory.
    pub(crate) fn app(&self) -> Result<DeviceAuth, device_auth::Error> {
        let report = self.report.clone();
        DeviceAuth::builder(&self.pool_id, &self.client_id)
            .region(REGION)
            .endpoint_url(&self.endpoint)
            .device_name("Ada's laptop")
            .store(FileStore::open(self.directory.path().join("devices.json")))
            .observer(move |event| report.call(event))
            .build()
    }

    /// The code in Ada's authenticator app, `steps` after the enrolment.
    pub(crate) fn code(&self, steps: u64) -> String {
        self.authenticator.code(steps)
    }

    /// Stops the server and removes its data.
    pub(crate) async fn strike(self) -> Result<(), DemoError> {
        // If the server has already ended, the next line reports how.
        let _ = self.stop.send(());
        self.server.await.map_err(DemoError::start)?;
        self.directory.close().map_err(DemoError::start)
    }
}

async fn make_pool(
    admin: &Client,
) -> Result<(String, String), Box<dyn std::error::Error + Send + Sync>> {
    let devices = DeviceConfigurationType {
        challenge_required_on_new_device: Some(true),
        device_only_remembered_on_user_prompt: Some(true),
    };
    let pool = admin
        .call(&CreateUserPoolRequest {
            device_configuration: Some(devices),
            ..CreateUserPoolRequest::new("demo")
        })
        .await?;
    let pool_id = pool.user_pool.and_then(|pool| pool.id).ok_or("the pool has no id")?;
    admin
        .call(&SetUserPoolMfaConfigRequest {
            mfa_configuration: Some(UserPoolMfaType::Optional),
            software_token_mfa_configuration: Some(SoftwareTokenMfaConfigType {
                enabled: Some(true),
            }),
            ..SetUserPoolMfaConfigRequest::new(&*pool_id)
        })
        .await?;
    let flows = [
        ExplicitAuthFlowsType::AllowUserSrpAuth,
        ExplicitAuthFlowsType::AllowUserPasswordAuth,
        ExplicitAuthFlowsType::AllowRefreshTokenAuth,
    ];
    let client = admin
        .call(&CreateUserPoolClientRequest {
            explicit_auth_flows: Some(flows.to_vec()),
            ..CreateUserPoolClientRequest::new(&*pool_id, "app")
        })
        .await?;
    let client_id = client
        .user_pool_client
        .and_then(|client| client.client_id)
        .ok_or("the client has no id")?;
    Ok((pool_id, client_id.into_inner()))
}

async fn make_user(
    admin: &Client,
    pool_id: &str,
    client_id: &str,
    password: &Sensitive<String>,
) -> Result<Authenticator, Box<dyn std::error::Error + Send + Sync>> {
    admin.call(&AdminCreateUserRequest::new(pool_id, USERNAME)).await?;
    admin
        .call(&AdminSetUserPasswordRequest {
            permanent: Some(true),
            ..AdminSetUserPasswordRequest::new(pool_id, USERNAME, password.as_str())
        })
        .await?;
    let parameters =
        Sensitive::from([(param::USERNAME, USERNAME), (param::PASSWORD, password.as_str())]);
    let signed_in = admin
        .call(&InitiateAuthRequest {
            auth_parameters: Some(parameters),
            ..InitiateAuthRequest::new(AuthFlowType::UserPasswordAuth, client_id)
        })
        .await?;
    let token = signed_in
        .authentication_result
        .and_then(|result| result.access_token)
        .ok_or("no access token")?;
    let associated = admin
        .call(&AssociateSoftwareTokenRequest {
            access_token: Some(token.clone()),
            ..AssociateSoftwareTokenRequest::default()
        })
        .await?;
    let secret = associated.secret_code.ok_or("no secret code")?;
    let totp =
        Builder::new().with_secret(Secret::try_from_base32(secret.as_str())?).build_noncompliant();
    // Enrolled with the code of the previous step, so that two later codes are valid within the
    // demo's second. That code is valid until this step ends, so wait if the end is near.
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs());
    if now()? % STEP_SECONDS == STEP_SECONDS - 1 {
        sleep(Duration::from_secs(1)).await;
    }
    let authenticator = Authenticator { totp, enrolled_at: now()? - STEP_SECONDS };
    admin
        .call(&VerifySoftwareTokenRequest {
            access_token: Some(token.clone()),
            ..VerifySoftwareTokenRequest::new(authenticator.code(0))
        })
        .await?;
    let settings = SoftwareTokenMfaSettingsType { enabled: Some(true), preferred_mfa: Some(true) };
    admin
        .call(&SetUserMFAPreferenceRequest {
            software_token_mfa_settings: Some(settings),
            ..SetUserMFAPreferenceRequest::new(token)
        })
        .await?;
    Ok(authenticator)
}

/// 128 random bits in hexadecimal.
fn random_text() -> Sensitive<String> {
    Sensitive::from(format!("{:032x}", rand::rng().random::<u128>()))
}
