//! A server with a pool, an app client, and Ada, who has an authenticator app.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use device_auth::{
    Challenge, Credentials, DeviceAuth, DeviceOwner, DeviceStore, FileStore, SignInStep, SignedIn,
};
use device_server::{Administrators, DevMode};
use device_test::{PASSWORD, TestServer, access_key, totp_code};
use device_wire::Operation;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const USER: &str = "ada";
pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PHONE: &str = "+15550100";

/// When a pool remembers a device.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Devices {
    Off,
    Always,
    OptIn,
}

/// Whether Ada has a second factor, which a remembered device replaces.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mfa {
    Off,
    Totp,
}

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) pool: String,
    pub(crate) client: String,
    directory: TempDir,
    calls: Arc<Mutex<Vec<String>>>,
    /// The secret of Ada's authenticator app.
    secret: Option<String>,
}

impl World {
    pub(crate) fn new(devices: Devices, mfa: Mfa) -> Self {
        Self::of_pool(devices, mfa, Administrators::Signing(access_key()), json!({}))
    }

    /// A world in which Ada can also sign in by e-mail address and phone number, and tests can read
    /// the codes that were sent.
    pub(crate) fn with_aliases(devices: Devices, mfa: Mfa) -> Self {
        let anyone = Administrators::Anyone(DevMode::default());
        let aliases = json!({
            "AliasAttributes": ["email", "phone_number"],
            "AutoVerifiedAttributes": ["email"],
        });
        let world = Self::of_pool(devices, mfa, anyone, aliases);
        world.name(USER, EMAIL, PHONE);
        world
    }

    /// Sets a verified e-mail address and a verified phone number of a user.
    pub(crate) fn name(&self, user: &str, email: &str, phone: &str) {
        let attributes = [
            ("email", email),
            ("email_verified", "true"),
            ("phone_number", phone),
            ("phone_number_verified", "true"),
        ];
        let attributes = attributes.map(|(name, value)| json!({ "Name": name, "Value": value }));
        let update = json!({
            "UserPoolId": self.pool, "Username": user, "UserAttributes": attributes,
        });
        self.run(Operation::AdminUpdateUserAttributes, update);
    }

    /// The last code that was sent to Ada.
    pub(crate) fn sent_code(&self) -> String {
        let url = format!("{}/dev/messages/{}/{USER}", self.server.url(), self.pool);
        let body = ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap();
        let message: Value = serde_json::from_str(&body).unwrap();
        message["code"].as_str().unwrap().to_owned()
    }

    fn of_pool(
        devices: Devices,
        mfa: Mfa,
        administrators: Administrators,
        mut members: Value,
    ) -> Self {
        let server = TestServer::start_with(|service| service.administrators(administrators));
        // Proofs have this machine's time, so the server's clock starts at that time.
        server.clock().set(SystemTime::now());
        let tracking = (devices != Devices::Off).then(|| {
            json!({
                "ChallengeRequiredOnNewDevice": true,
                "DeviceOnlyRememberedOnUserPrompt": devices == Devices::OptIn,
            })
        });
        members["DeviceConfiguration"] = json!(tracking);
        members["UsernameConfiguration"] = json!({ "CaseSensitive": false });
        let pool = server.create_pool(members);
        let client = server.create_client(&pool, json!({}));
        server.create_user(&pool, USER);
        let (directory, calls) = (TempDir::new().unwrap(), Arc::default());
        let mut world = Self { server, pool, client, directory, calls, secret: None };
        if mfa == Mfa::Totp {
            world.enrol();
        }
        world
    }

    /// Sets up Ada's authenticator app.
    fn enrol(&mut self) {
        let on = json!({
            "UserPoolId": self.pool,
            "MfaConfiguration": "OPTIONAL",
            "SoftwareTokenMfaConfiguration": { "Enabled": true },
        });
        self.run(Operation::SetUserPoolMfaConfig, on);
        let token = &self.tokens()["AccessToken"];
        let associated =
            self.run(Operation::AssociateSoftwareToken, json!({ "AccessToken": token }));
        self.secret = Some(associated["SecretCode"].as_str().unwrap().to_owned());
        let verify = json!({ "AccessToken": token, "UserCode": self.code() });
        self.run(Operation::VerifySoftwareToken, verify);
        let preferred = json!({ "Enabled": true, "PreferredMfa": true });
        self.run(
            Operation::SetUserMFAPreference,
            json!({ "AccessToken": token, "SoftwareTokenMfaSettings": preferred }),
        );
    }

    /// The next code of Ada's authenticator app. Each is valid once.
    pub(crate) fn code(&self) -> String {
        self.server.clock().advance(Duration::from_secs(30));
        totp_code(self.secret.as_ref().unwrap(), self.server.clock().now())
    }

    /// Runs an operation without the client.
    pub(crate) fn run(&self, operation: Operation, body: Value) -> Value {
        self.server.execute(operation, body).unwrap()
    }

    /// All of Ada's devices, including those that are only tracked.
    pub(crate) fn all_devices(&self) -> Vec<Value> {
        let list = json!({ "UserPoolId": self.pool, "Username": USER });
        self.run(Operation::AdminListDevices, list)["Devices"].as_array().unwrap().clone()
    }

    /// Signs Ada in and confirms a device whose secret nobody has. Returns its key.
    #[cfg(feature = "admin")]
    pub(crate) fn confirm_a_device(&self) -> String {
        let tokens = self.tokens();
        let key = &tokens["NewDeviceMetadata"]["DeviceKey"];
        let secret = json!({ "PasswordVerifier": "dmVyaWZpZXI=", "Salt": "c2FsdA==" });
        self.run(
            Operation::ConfirmDevice,
            json!({
                "AccessToken": tokens["AccessToken"],
                "DeviceKey": key,
                "DeviceSecretVerifierConfig": secret,
            }),
        );
        key.as_str().unwrap().to_owned()
    }

    /// Tokens for Ada's password.
    fn tokens(&self) -> Value {
        let password = json!({
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": self.client,
            "AuthParameters": { "USERNAME": USER, "PASSWORD": PASSWORD },
        });
        self.run(Operation::InitiateAuth, password)["AuthenticationResult"].clone()
    }

    /// Forgets a device as an administrator.
    pub(crate) fn forget(&self, key: &str) {
        let forget = json!({ "UserPoolId": self.pool, "Username": USER, "DeviceKey": key });
        self.run(Operation::AdminForgetDevice, forget);
    }

    /// The store of an installation of the app.
    pub(crate) fn store(&self, installation: &str) -> FileStore {
        FileStore::open(self.directory.path().join(installation))
    }

    /// An installation of the app after a start, with the records in its file.
    pub(crate) fn app_at(&self, installation: &str) -> DeviceAuth {
        self.builder(installation).build().unwrap()
    }

    pub(crate) fn app(&self) -> DeviceAuth {
        self.app_at("device")
    }

    pub(crate) fn builder(&self, installation: &str) -> device_auth::Builder {
        let calls = Arc::clone(&self.calls);
        DeviceAuth::builder(&self.pool, &self.client)
            .endpoint_url(self.server.url())
            .device_name(installation)
            .store(self.store(installation))
            .observer(move |call| {
                let step = call.step.unwrap_or(call.operation.name());
                calls.lock().unwrap().push(step.to_owned());
            })
    }

    /// The calls since the last call of this function.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Changes the record of an installation.
    pub(crate) async fn tamper(
        &self,
        installation: &str,
        change: impl FnOnce(&mut device_auth::DeviceRecord),
    ) {
        let store = self.store(installation);
        let mut record = store.find(&self.owner()).await.unwrap().pop().expect("a record");
        change(&mut record);
        store.save(&record, USER).await.unwrap();
    }

    /// Whether an installation has a record for Ada.
    pub(crate) async fn has_record(&self, installation: &str) -> bool {
        !self.store(installation).find(&self.owner()).await.unwrap().is_empty()
    }

    pub(crate) fn owner(&self) -> DeviceOwner {
        DeviceOwner {
            user_pool_id: self.pool.clone(),
            client_id: self.client.clone(),
            username: USER.to_owned(),
        }
    }
}

/// Ada's credentials under one of her names.
pub(crate) fn password_of(name: &str) -> Credentials {
    Credentials::srp(name, PASSWORD)
}

/// Signs in. Panics if a challenge must be answered.
pub(crate) async fn sign_in(app: &DeviceAuth) -> SignedIn {
    done(app.sign_in(password_of(USER)).await.unwrap())
}

/// Signs in with a code. Panics if none is asked for.
pub(crate) async fn sign_in_with_code(app: &DeviceAuth, world: &World) -> SignedIn {
    sign_in_as_with_code(app, world, USER).await
}

/// Signs in under one of Ada's names, with a code. Panics if none is asked for.
pub(crate) async fn sign_in_as_with_code(app: &DeviceAuth, world: &World, name: &str) -> SignedIn {
    let step = app.sign_in(password_of(name)).await.unwrap();
    let SignInStep::Challenge(Challenge::Code(code)) = step else { panic!("no code: {step:?}") };
    done(code.answer(&world.code()).await.unwrap())
}

pub(crate) fn done(step: SignInStep) -> SignedIn {
    match step {
        SignInStep::Done(signed_in) => signed_in,
        SignInStep::Challenge(challenge) => panic!("{} was asked for", challenge.name()),
    }
}
