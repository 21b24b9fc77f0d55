//! A service with one pool and client, and the users and devices that a test needs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_pool::store::Store;
use device_pool::{
    Config, Engine, EngineBuilder, HookError, Hooks, Invocation, Message, Moment, NoHooks,
    PoolKeyKind, Retention, SUPPORTED, ServiceError,
};
use device_srp::{
    ClientEphemeral, DevicePassword, Identity, PublicValue, Salt, Timestamp, Verifier,
};
use device_store::MemoryStore;
use device_test::TestSigningKeys;
use device_wire::{ErrorCode, Operation};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

pub(crate) use crate::flows::Flow;

pub(crate) const PASSWORD: &str = "Correct-horse-7";
pub(crate) const START: i64 = 1_790_000_000_000;

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) now: i64,
    pub(crate) rng: StdRng,
    pub(crate) pool: String,
    pub(crate) client: String,
    hooks: Arc<Exchangeable>,
    /// The messages of the last call.
    pub(crate) outbox: Vec<Message>,
    /// The messages that the last call sent whether or not it succeeded.
    pub(crate) warnings: Vec<Message>,
    /// The address of the caller.
    pub(crate) ip: [u8; 4],
    /// The access key that administrators sign with.
    pub(crate) access_key: String,
}

/// The settings that [`World::set_pool`] keeps.
const KEPT: [&str; 6] = [
    "AutoVerifiedAttributes",
    "DeviceConfiguration",
    "LambdaConfig",
    "MfaConfiguration",
    "Policies",
    "UserPoolAddOns",
];

/// Hooks that a test replaces while the engine runs.
struct Exchangeable(Mutex<Arc<dyn Hooks>>);

impl Exchangeable {
    fn current(&self) -> Arc<dyn Hooks> {
        Arc::clone(&self.0.lock().unwrap())
    }
}

impl Hooks for Exchangeable {
    fn call(&self, function: Option<&str>, event: &Value) -> Result<Value, HookError> {
        self.current().call(function, event)
    }

    fn runs(&self, function: Option<&str>) -> bool {
        self.current().runs(function)
    }
}

/// A device as its app stores it.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) key: String,
    pub(crate) group_key: String,
    pub(crate) password: String,
}

/// The result of a sign-in: the challenges in order, and the final response.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) challenges: Vec<String>,
    pub(crate) result: Value,
}

impl SignedIn {
    pub(crate) fn access_token(&self) -> String {
        self.result["AccessToken"].as_str().unwrap().to_owned()
    }

    pub(crate) fn refresh_token(&self) -> String {
        self.result["RefreshToken"].as_str().unwrap().to_owned()
    }

    pub(crate) fn new_device_key(&self) -> Option<String> {
        self.result["NewDeviceMetadata"]["DeviceKey"].as_str().map(str::to_owned)
    }
}

impl World {
    /// A pool without devices or MFA.
    pub(crate) fn new() -> Self {
        Self::seeded(7)
    }

    /// Two worlds with the same seed have the same keys; with different seeds, different ones.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::over(Arc::new(MemoryStore::new()), seed)
    }

    pub(crate) fn over(store: Arc<dyn Store>, seed: u64) -> Self {
        Self::keeping(Retention::default(), store, seed)
    }

    /// A service with this retention.
    pub(crate) fn keeping(retention: Retention, store: Arc<dyn Store>, seed: u64) -> Self {
        let config = Config {
            region: "eu-test-1".into(),
            account_id: "000000000000".into(),
            public_base_url: "http://localhost:9229".into(),
            retention,
        };
        Self::around(Engine::builder(store, config, Arc::new(TestSigningKeys::default())), seed)
    }

    pub(crate) fn around(engine: EngineBuilder, seed: u64) -> Self {
        let hooks = Arc::new(Exchangeable(Mutex::new(Arc::new(NoHooks))));
        let engine = engine.hooks(hooks.clone()).build();
        let mut world = Self {
            engine,
            now: START,
            rng: StdRng::seed_from_u64(seed),
            pool: String::new(),
            client: String::new(),
            hooks,
            outbox: Vec::new(),
            warnings: Vec::new(),
            ip: [203, 0, 113, 9],
            access_key: "ROOT".into(),
        };
        let without_case =
            json!({"PoolName": "people", "UsernameConfiguration": {"CaseSensitive": false}});
        let made = world.ok(Operation::CreateUserPool, without_case);
        world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
        world.client = world.make_client(json!({
            "ExplicitAuthFlows": [
                "ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH",
                "ALLOW_USER_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
            ],
        }));
        world
    }

    /// A pool that tracks devices as `devices` says and has MFA `mode`.
    pub(crate) fn with(devices: Value, mode: &str) -> Self {
        let mut world = Self::new();
        world.set_devices(devices);
        world.set_mfa(mode);
        world
    }

    /// User opt-in, where a remembered device stands in for MFA.
    pub(crate) fn opt_in() -> Self {
        Self::with(
            json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true}),
            "OPTIONAL",
        )
    }

    pub(crate) fn make_client(&mut self, mut settings: Value) -> String {
        settings["UserPoolId"] = json!(self.pool);
        settings["ClientName"] = json!("app");
        let made = self.ok(Operation::CreateUserPoolClient, settings);
        made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
    }

    pub(crate) fn set_devices(&mut self, devices: Value) {
        let mut request = json!({"UserPoolId": self.pool});
        if !devices.is_null() {
            request["DeviceConfiguration"] = devices;
        }
        self.ok(Operation::UpdateUserPool, request);
    }

    pub(crate) fn set_mfa(&mut self, mode: &str) {
        let request = json!({
            "UserPoolId": self.pool, "MfaConfiguration": mode,
            "SoftwareTokenMfaConfiguration": {"Enabled": mode != "OFF"},
        });
        self.ok(Operation::SetUserPoolMfaConfig, request);
    }

    /// Offers every kind of second factor.
    pub(crate) fn offer_all_factors(&mut self, mode: &str) {
        let request = json!({
            "UserPoolId": self.pool, "MfaConfiguration": mode,
            "SoftwareTokenMfaConfiguration": {"Enabled": true},
            "SmsMfaConfiguration": {}, "EmailMfaConfiguration": {},
        });
        self.ok(Operation::SetUserPoolMfaConfig, request);
    }

    /// Changes one setting of the pool, and keeps those that matter to sign-ins.
    pub(crate) fn set_pool(&mut self, setting: &str, value: Value) {
        let pool = self.ok(Operation::DescribeUserPool, json!({"UserPoolId": self.pool}));
        let mut request = json!({"UserPoolId": self.pool});
        for kept in KEPT {
            if !pool["UserPool"][kept].is_null() {
                request[kept] = pool["UserPool"][kept].clone();
            }
        }
        request[setting] = value;
        self.ok(Operation::UpdateUserPool, request);
    }

    /// Sets the choices of `USER_AUTH`.
    pub(crate) fn allow_first_factors(&mut self, factors: &[&str]) {
        self.set_pool("Policies", json!({"SignInPolicy": {"AllowedFirstAuthFactors": factors}}));
    }

    pub(crate) fn set_attributes(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let attributes: Vec<Value> =
            attributes.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        self.ok(
            Operation::AdminUpdateUserAttributes,
            json!({"UserPoolId": self.pool, "Username": name, "UserAttributes": attributes}),
        );
    }

    pub(crate) fn set_hooks(&self, hooks: impl Hooks + 'static) {
        *self.hooks.0.lock().unwrap() = Arc::new(hooks);
    }

    pub(crate) fn call(
        &mut self,
        operation: Operation,
        body: Value,
    ) -> Result<Value, ServiceError> {
        self.outbox.clear();
        let mut invocation = Invocation {
            source_ip: Some(self.ip.into()),
            administrator: Some(self.access_key.clone()),
            ..Invocation::new(self.moment(), &mut self.rng)
        };
        let outcome = self.engine.execute(operation, body, &mut invocation).map(|outcome| {
            self.outbox = outcome.messages;
            outcome.body.unwrap_or_default()
        });
        self.warnings = invocation.warnings;
        if let Err(error) = &outcome {
            let foreseen = operation.errors().contains(error.code())
                || *error.code() == ErrorCode::Serialization
                // A limit of the pool's own, which the service does not have.
                || (operation == Operation::ConfirmDevice
                    && *error.code() == ErrorCode::LimitExceeded)
                || !SUPPORTED.contains(&operation);
            assert!(foreseen, "the model has no such answer: {operation}: {error}");
        }
        outcome
    }

    /// Replaces keys of that age; returns the number of pools changed.
    pub(crate) fn rotate_keys(&mut self, age: Duration) -> usize {
        let mut invocation = Invocation::new(self.moment(), &mut self.rng);
        self.engine.rotate_keys(age, &mut invocation).unwrap()
    }

    /// Replaces keys as an administrator does; returns the number of pools changed.
    pub(crate) fn replace_keys(&mut self, kind: PoolKeyKind, pool: Option<&str>) -> usize {
        let mut invocation = Invocation::new(self.moment(), &mut self.rng);
        self.engine.replace_keys(kind, pool, "keys".to_owned(), &mut invocation).unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(&mut self, operation: Operation, body: Value) -> Value {
        self.call(operation, body)
            .unwrap_or_else(|error| panic!("{operation}: {error} {:?}", error.detail()))
    }

    /// The refusal, as `Code: message`.
    #[track_caller]
    pub(crate) fn refused(&mut self, operation: Operation, body: Value) -> String {
        match self.call(operation, body) {
            Err(error) => error.to_string(),
            Ok(answer) => panic!("{operation} answered {answer}"),
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment::from_millis(self.now)
    }

    pub(crate) fn seconds(&mut self, seconds: i64) {
        self.now += seconds * 1000;
    }

    /// A user with a permanent password.
    pub(crate) fn user(&mut self, name: &str) {
        self.ok(Operation::AdminCreateUser, json!({"UserPoolId": self.pool, "Username": name}));
        self.ok(
            Operation::AdminSetUserPassword,
            json!({"UserPoolId": self.pool, "Username": name, "Password": PASSWORD,
                "Permanent": true}),
        );
    }

    /// Enrols a software token for a user and switches it on. Returns its secret.
    pub(crate) fn enrol_totp(&mut self, name: &str) -> String {
        let token = self.sign_in(name, None, None).access_token();
        let made = self.ok(Operation::AssociateSoftwareToken, json!({"AccessToken": token}));
        let secret = made["SecretCode"].as_str().unwrap().to_owned();
        let code = self.code(&secret);
        self.ok(Operation::VerifySoftwareToken, json!({"AccessToken": token, "UserCode": code}));
        self.ok(
            Operation::SetUserMFAPreference,
            json!({"AccessToken": token, "SoftwareTokenMfaSettings": {"Enabled": true,
                "PreferredMfa": true}}),
        );
        secret
    }

    /// The next unused code: moves the clock by one step first.
    pub(crate) fn code(&mut self, secret: &str) -> String {
        self.seconds(30);
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
        totp.generate((self.now / 1000) as u64).to_string()
    }

    pub(crate) fn timestamp(&self) -> String {
        Timestamp::from_unix_seconds(self.now / 1000).to_string()
    }

    pub(crate) fn respond(
        &mut self,
        challenge: &str,
        session: &Value,
        answers: Value,
    ) -> Result<Value, ServiceError> {
        let body = json!({
            "ClientId": self.client, "ChallengeName": challenge, "Session": session,
            "ChallengeResponses": answers,
        });
        self.call(Operation::RespondToAuthChallenge, body)
    }

    /// Performs `USER_SRP_AUTH` up to the answer that proves the password.
    pub(crate) fn srp_claim(&mut self, name: &str, password: &str) -> Value {
        let timestamp = self.timestamp();
        self.srp_claim_at(&timestamp, name, password)
    }

    /// The same, where the client writes the time like this.
    pub(crate) fn srp_claim_at(&mut self, timestamp: &str, name: &str, password: &str) -> Value {
        let ephemeral = ClientEphemeral::generate(&mut self.rng);
        let asked = self.ok(
            Operation::InitiateAuth,
            json!({
                "AuthFlow": "USER_SRP_AUTH", "ClientId": self.client,
                "AuthParameters": {"USERNAME": name, "SRP_A": ephemeral.public().to_hex()},
            }),
        );
        assert_eq!(asked["ChallengeName"], "PASSWORD_VERIFIER");
        assert!(asked.get("Session").is_none(), "the secret block carries the state");
        let parameters = &asked["ChallengeParameters"];
        let user_id = parameters["USER_ID_FOR_SRP"].as_str().unwrap().to_owned();
        let pool_name = self.pool.split_once('_').unwrap().1.to_owned();
        let identity = Identity::user(&pool_name, &user_id);
        let mut answer = self.claim_at(timestamp, &identity, password, &ephemeral, parameters);
        answer["USERNAME"] = parameters["USERNAME"].clone();
        answer
    }

    /// The proof for a challenge with SALT, SRP_B and SECRET_BLOCK.
    pub(crate) fn claim(
        &self,
        identity: &Identity<'_>,
        password: &str,
        ephemeral: &ClientEphemeral,
        parameters: &Value,
    ) -> Value {
        self.claim_at(&self.timestamp(), identity, password, ephemeral, parameters)
    }

    /// The proof, signed over this text for the time.
    pub(crate) fn claim_at(
        &self,
        timestamp: &str,
        identity: &Identity<'_>,
        password: &str,
        ephemeral: &ClientEphemeral,
        parameters: &Value,
    ) -> Value {
        let text = |name: &str| parameters[name].as_str().unwrap();
        let salt = Salt::from_hex(text("SALT")).unwrap();
        let b = PublicValue::from_hex(text("SRP_B")).unwrap();
        let block = STANDARD.decode(text("SECRET_BLOCK")).unwrap();
        let key = ephemeral.session_key(identity, password, &salt, &b).unwrap();
        json!({
            "PASSWORD_CLAIM_SECRET_BLOCK": text("SECRET_BLOCK"),
            "PASSWORD_CLAIM_SIGNATURE": key.sign(identity, &block, timestamp).to_base64(),
            "TIMESTAMP": timestamp,
        })
    }

    /// Performs `DEVICE_SRP_AUTH` up to the answer to `DEVICE_PASSWORD_VERIFIER`.
    pub(crate) fn device_claim(
        &mut self,
        name: &str,
        device: &Device,
        session: &Value,
    ) -> Result<(Value, Value), ServiceError> {
        let ephemeral = ClientEphemeral::generate(&mut self.rng);
        let asked = self.respond(
            "DEVICE_SRP_AUTH",
            session,
            json!({"USERNAME": name, "DEVICE_KEY": device.key,
                "SRP_A": ephemeral.public().to_hex()}),
        )?;
        assert_eq!(asked["ChallengeName"], "DEVICE_PASSWORD_VERIFIER");
        let identity = Identity::device(&device.group_key, &device.key);
        let mut answer =
            self.claim(&identity, &device.password, &ephemeral, &asked["ChallengeParameters"]);
        answer["USERNAME"] = json!(name);
        answer["DEVICE_KEY"] = json!(device.key);
        Ok((answer, asked["Session"].clone()))
    }

    /// Performs a whole sign-in by SRP.
    #[track_caller]
    pub(crate) fn sign_in(
        &mut self,
        name: &str,
        device: Option<&Device>,
        totp: Option<&str>,
    ) -> SignedIn {
        self.try_sign_in(Flow::Srp, name, device, totp)
            .unwrap_or_else(|error| panic!("{error} {:?}", error.detail()))
    }

    pub(crate) fn try_sign_in(
        &mut self,
        flow: Flow,
        name: &str,
        device: Option<&Device>,
        totp: Option<&str>,
    ) -> Result<SignedIn, ServiceError> {
        let device_key = device.map(|device| device.key.as_str());
        let mut answer = self.first_factor(flow, name, device_key)?;
        let mut challenges = Vec::new();
        while let Some(challenge) = answer["ChallengeName"].as_str() {
            // Part of the first factor, in the flow that has one.
            if challenge != "CUSTOM_CHALLENGE" {
                challenges.push(challenge.to_owned());
            }
            let session = answer["Session"].clone();
            assert!(session.as_str().unwrap().len() <= 2048, "the model allows no longer session");
            answer = match challenge {
                "SOFTWARE_TOKEN_MFA" => {
                    let code = self.code(totp.expect("a code was not expected to be asked for"));
                    let answers = json!({"USERNAME": name, "SOFTWARE_TOKEN_MFA_CODE": code,
                        "DEVICE_KEY": device_key});
                    self.respond(challenge, &session, without_nulls(answers))?
                }
                "CUSTOM_CHALLENGE" => {
                    let answers =
                        json!({"USERNAME": name, "ANSWER": "anything", "DEVICE_KEY": device_key});
                    self.respond(challenge, &session, without_nulls(answers))?
                }
                "DEVICE_SRP_AUTH" => {
                    let (answers, session) = self.device_claim(name, device.unwrap(), &session)?;
                    self.respond("DEVICE_PASSWORD_VERIFIER", &session, answers)?
                }
                other => panic!("unexpected challenge {other}"),
            };
        }
        assert_eq!(
            answer["ChallengeParameters"],
            json!({}),
            "present and empty where there are tokens"
        );
        Ok(SignedIn { challenges, result: answer["AuthenticationResult"].clone() })
    }

    /// The device that a sign-in was issued, with its own secret, not yet confirmed.
    pub(crate) fn issued_device(&mut self, signed_in: &SignedIn) -> Device {
        let metadata = &signed_in.result["NewDeviceMetadata"];
        Device {
            key: metadata["DeviceKey"].as_str().expect("a device key was issued").to_owned(),
            group_key: metadata["DeviceGroupKey"].as_str().unwrap().to_owned(),
            password: DevicePassword::random(&mut self.rng).expose().to_owned(),
        }
    }

    pub(crate) fn confirmation(&mut self, token: &str, device: &Device) -> Value {
        let salt = Salt::random(&mut self.rng);
        let verifier = Verifier::derive(
            &Identity::device(&device.group_key, &device.key),
            &device.password,
            &salt,
        );
        json!({
            "AccessToken": token, "DeviceKey": device.key, "DeviceName": "a device",
            "DeviceSecretVerifierConfig": {
                "Salt": STANDARD.encode(salt.padded()),
                "PasswordVerifier": STANDARD.encode(verifier.padded()),
            },
        })
    }

    /// Signs in on a new device and confirms it.
    pub(crate) fn confirmed_device(
        &mut self,
        name: &str,
        totp: Option<&str>,
    ) -> (Device, SignedIn) {
        let signed_in = self.sign_in(name, None, totp);
        let device = self.issued_device(&signed_in);
        let request = self.confirmation(&signed_in.access_token(), &device);
        self.ok(Operation::ConfirmDevice, request);
        (device, signed_in)
    }

    pub(crate) fn set_status(&mut self, name: &str, device: &Device, status: &str) {
        self.ok(
            Operation::AdminUpdateDeviceStatus,
            json!({"UserPoolId": self.pool, "Username": name, "DeviceKey": device.key,
                "DeviceRememberedStatus": status}),
        );
    }

    pub(crate) fn forget(&mut self, name: &str, device: &Device) {
        self.ok(
            Operation::AdminForgetDevice,
            json!({"UserPoolId": self.pool, "Username": name, "DeviceKey": device.key}),
        );
    }
}

/// Removes null members, as clients omit members without a value.
pub(crate) fn without_nulls(mut object: Value) -> Value {
    object.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    object
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap(),
    )
    .unwrap()
}
