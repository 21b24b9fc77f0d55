//! A client that performs operations at the engines and compares each answer with the model's.

mod devices;
mod sign_in;

use std::sync::Arc;

use device_pool::ServiceError;
use device_pool::store::Store;
use device_srp::ClientEphemeral;
use device_test::totp_code;
use device_wire::Operation as Call;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

use crate::invariants::Invariants;
use crate::operation::Operation;
use crate::rules::{
    Address, Answer, Client, Code, HOUR, Mfa, Model, NAMES, Policy, ROTATION_GRACE, Refusal,
    SECOND, Stage,
};
use crate::stores::Stores;

/// The client, which knows the keys, tokens and sessions behind the numbers of the model.
pub(crate) struct Apps {
    stores: Stores,
    rng: StdRng,
    now: i64,
    pool: String,
    clients: [String; 2],
    devices: Vec<Device>,
    access_tokens: Vec<String>,
    refresh_tokens: Vec<String>,
    exchanges: Vec<Exchange>,
    sessions: Vec<String>,
    secrets: Vec<String>,
    invariants: Invariants,
}

/// A device key that was issued, with the secret of its device.
struct Device {
    user: usize,
    key: String,
    group_key: String,
    secret: String,
}

/// An SRP exchange that was started.
struct Exchange {
    user: usize,
    /// `None` for a password.
    device: Option<usize>,
    ephemeral: ClientEphemeral,
    parameters: Value,
}

type Answered<T = Answer> = Result<T, ServiceError>;

impl Apps {
    /// The pool that the model begins with, on each store.
    pub(crate) fn new(stores: &[(&'static str, Arc<dyn Store>)], model: &Model) -> Self {
        let mut apps = Self {
            stores: Stores::new(stores, model.seed),
            rng: StdRng::seed_from_u64(model.seed),
            now: model.now,
            pool: String::new(),
            clients: [String::new(), String::new()],
            devices: Vec::new(),
            access_tokens: Vec::new(),
            refresh_tokens: Vec::new(),
            exchanges: Vec::new(),
            sessions: Vec::new(),
            secrets: Vec::new(),
            invariants: Invariants::default(),
        };
        let made = apps.set_up(Call::CreateUserPool, json!({"PoolName": "people"}));
        apps.pool = text(&made["UserPool"]["Id"]);
        apps.clients = [
            json!({
                "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH",
                    "ALLOW_REFRESH_TOKEN_AUTH"],
            }),
            json!({
                "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"],
                "PreventUserExistenceErrors": "ENABLED",
                "RefreshTokenRotation": {"Feature": "ENABLED",
                    "RetryGracePeriodSeconds": ROTATION_GRACE / SECOND},
            }),
        ]
        .map(|mut settings| {
            settings["UserPoolId"] = json!(apps.pool);
            settings["ClientName"] = json!("app");
            settings["RefreshTokenValidity"] = json!(1);
            let made = apps.set_up(Call::CreateUserPoolClient, settings);
            text(&made["UserPoolClient"]["ClientId"])
        });
        apps.set_policy(&model.policy).unwrap();
        for (user, known) in model.users.iter().enumerate() {
            apps.create_user(user, known.as_ref().unwrap().password.text).unwrap();
        }
        apps
    }

    fn set_up(&mut self, call: Call, body: Value) -> Value {
        self.call(call, body).unwrap()
    }

    /// Performs an operation that `model` has performed, and compares the answers.
    pub(crate) fn perform(&mut self, model: &Model, operation: &Operation) {
        self.now = model.now;
        match (self.answer(model, operation), &model.answer) {
            (Ok(answer), Ok(due)) => assert_eq!(answer, *due, "{operation:?}"),
            (Err(error), Err(due)) => self.compare(&error, *due),
            (Ok(answer), Err(due)) => panic!("{operation:?}: {answer:?}, not the refusal {due:?}"),
            (Err(error), Ok(due)) => {
                panic!("{operation:?}: {error} {:?}, not {due:?}", error.detail())
            }
        }
    }

    fn compare(&self, error: &ServiceError, due: Refusal) {
        let (code, message) = due.wording();
        let call = self.stores.last;
        // A limit of the pool's own, whose code the service's operation does not have.
        if due == Refusal::TooManyDevices {
            assert!(*error.code() == code && error.message().starts_with(message), "{error}");
            return;
        }
        assert_eq!(error.message(), message, "{call}: {error}, not {due:?}");
        if call.errors().contains(&code) {
            assert_eq!(*error.code(), code, "{call}: {error}");
        }
    }

    fn call(&mut self, call: Call, body: Value) -> Answered<Value> {
        self.call_from(Address::Home, call, body)
    }

    fn call_from(&mut self, from: Address, call: Call, body: Value) -> Answered<Value> {
        self.stores.call(call, &without_nulls(body), self.now, from)
    }

    fn done(&mut self, call: Call, body: Value) -> Answered {
        self.call(call, body).map(|_| Answer::Done)
    }

    fn as_administrator(&mut self, call: Call, user: usize, mut body: Value) -> Answered<Value> {
        body["UserPoolId"] = json!(self.pool);
        body["Username"] = json!(NAMES[user]);
        self.call(call, body)
    }

    /// The answer of the engines.
    fn answer(&mut self, model: &Model, operation: &Operation) -> Answered {
        match operation.clone() {
            Operation::Wait { .. } => Ok(Answer::Done),
            Operation::SetPolicy(policy) => self.set_policy(&policy),
            Operation::Purge => {
                self.stores.purge(self.now);
                Ok(Answer::Done)
            }
            Operation::CreateUser { user, password } => self.create_user(user, password),
            Operation::DeleteUser { user } => {
                let done = self.administrate(Call::AdminDeleteUser, user)?;
                let of_user = self.devices.iter().filter(|device| device.user == user);
                self.invariants.delete(of_user.map(|device| device.key.as_str()));
                Ok(done)
            }
            Operation::EnableUser { user } => self.administrate(Call::AdminEnableUser, user),
            Operation::DisableUser { user } => self.administrate(Call::AdminDisableUser, user),
            Operation::SetPassword { user, password, temporary } => {
                self.set_password(user, password, !temporary)
            }
            Operation::SignOutUser { user } => {
                self.administrate(Call::AdminUserGlobalSignOut, user)
            }
            Operation::DeleteSoftwareToken { user } => {
                self.administrate(Call::AdminDeleteSoftwareToken, user)
            }
            Operation::AdminForgetDevice { user, device } => {
                let body = json!({"DeviceKey": self.key(device)});
                self.as_administrator(Call::AdminForgetDevice, user, body)?;
                self.forgotten(device)
            }
            Operation::AdminSetStatus { user, device, remembered } => {
                let body = json!({"DeviceKey": self.key(device),
                    "DeviceRememberedStatus": status(remembered)});
                self.as_administrator(Call::AdminUpdateDeviceStatus, user, body)?;
                self.status_set(device, remembered)
            }
            Operation::AdminListDevices { user } => {
                let listed = self.as_administrator(Call::AdminListDevices, user, json!({}))?;
                Ok(self.listed(&listed["Devices"]))
            }
            Operation::PasswordSignIn { client, user, password, device, from } => {
                let parameters = json!({"USERNAME": NAMES[user], "PASSWORD": password_of(password),
                    "DEVICE_KEY": self.key_if_any(device)});
                let answer = self.initiate(from, client, "USER_PASSWORD_AUTH", parameters)?;
                Ok(self.went_on(model, user, &answer))
            }
            Operation::StartSrp { client, user, device } => self.start_srp(client, user, device),
            Operation::AnswerSrp { exchange, password, device, from } => {
                self.answer_srp(model, exchange, password, device, from)
            }
            Operation::AnswerCode { session, code, device, from } => {
                let answers = json!({"SOFTWARE_TOKEN_MFA_CODE": self.code(code),
                    "DEVICE_KEY": self.key_if_any(device)});
                let answer =
                    self.respond_in(model, from, "SOFTWARE_TOKEN_MFA", session, answers)?;
                self.spend_code(model, code);
                Ok(answer)
            }
            Operation::AnswerNewPassword { session, password, device } => {
                let answers = json!({"NEW_PASSWORD": password_of(password),
                    "DEVICE_KEY": self.key_if_any(device)});
                self.respond_in(model, Address::Home, "NEW_PASSWORD_REQUIRED", session, answers)
            }
            Operation::AssociateInSession { session } => {
                let body = json!({"Session": self.sessions[session]});
                let shown = self.call(Call::AssociateSoftwareToken, body)?;
                self.secrets.push(text(&shown["SecretCode"]));
                Ok(self.next_session(session, &shown, Stage::SecretShown(self.secrets.len() - 1)))
            }
            Operation::VerifyInSession { session, code } => {
                let body = json!({"Session": self.sessions[session], "UserCode": self.code(code)});
                let verified = self.call(Call::VerifySoftwareToken, body)?;
                self.spend_code(model, code);
                Ok(self.next_session(session, &verified, Stage::SetUpDone))
            }
            Operation::AnswerSetUp { session, device } => {
                let answers = json!({"DEVICE_KEY": self.key_if_any(device)});
                self.respond_in(model, Address::Home, "MFA_SETUP", session, answers)
            }
            Operation::StartDevice { client, user, session, device, from } => {
                self.start_device(client, user, session, device, from)
            }
            Operation::AnswerDevice { exchange, device, is_right, with_session, from } => {
                self.answer_device(model, exchange, device, is_right, with_session, from)
            }
            Operation::ConfirmDevice { token, device } => self.confirm(token, device),
            Operation::SetStatus { token, device, remembered } => {
                let body = json!({"AccessToken": self.access_tokens[token],
                    "DeviceKey": self.key(device), "DeviceRememberedStatus": status(remembered)});
                self.call(Call::UpdateDeviceStatus, body)?;
                self.status_set(device, remembered)
            }
            Operation::ForgetDevice { token, device } => {
                self.with_device(Call::ForgetDevice, token, device)?;
                self.forgotten(device)
            }
            Operation::GetDevice { token, device } => {
                let found = self.with_device(Call::GetDevice, token, device)?;
                Ok(self.listed(&json!([found["Device"]])))
            }
            Operation::ListDevices { token } => {
                let body = json!({"AccessToken": self.access_tokens[token]});
                let listed = self.call(Call::ListDevices, body)?;
                Ok(self.listed(&listed["Devices"]))
            }
            Operation::GetUser { token } => {
                let body = json!({"AccessToken": self.access_tokens[token]});
                let found = self.call(Call::GetUser, body)?;
                let grant = model.access_tokens[token].grant;
                assert_eq!(found["Username"], NAMES[model.grants[grant].owner.0]);
                Ok(Answer::Done)
            }
            Operation::ChangePassword { token, previous, password } => {
                let body = json!({"AccessToken": self.access_tokens[token],
                    "PreviousPassword": password_of(previous),
                    "ProposedPassword": password_of(password)});
                self.done(Call::ChangePassword, body)
            }
            Operation::AssociateSoftwareToken { token } => {
                let body = json!({"AccessToken": self.access_tokens[token]});
                let shown = self.call(Call::AssociateSoftwareToken, body)?;
                self.secrets.push(text(&shown["SecretCode"]));
                Ok(Answer::Done)
            }
            Operation::VerifySoftwareToken { token, code } => {
                let body =
                    json!({"AccessToken": self.access_tokens[token], "UserCode": self.code(code)});
                let done = self.done(Call::VerifySoftwareToken, body)?;
                self.spend_code(model, code);
                Ok(done)
            }
            Operation::SetMfaPreference { token, on } => {
                let body = json!({"AccessToken": self.access_tokens[token],
                    "SoftwareTokenMfaSettings": {"Enabled": on, "PreferredMfa": on}});
                self.done(Call::SetUserMFAPreference, body)
            }
            Operation::GlobalSignOut { token } => {
                let body = json!({"AccessToken": self.access_tokens[token]});
                self.done(Call::GlobalSignOut, body)
            }
            Operation::Refresh { client, token, device, by_flow } => {
                self.refresh(model, client, token, device, by_flow)
            }
            Operation::RevokeToken { client, token } => {
                let body = json!({"ClientId": self.client(client),
                    "Token": self.refresh_tokens[token]});
                self.done(Call::RevokeToken, body)
            }
        }
    }
    fn administrate(&mut self, call: Call, user: usize) -> Answered {
        self.as_administrator(call, user, json!({})).map(|_| Answer::Done)
    }

    fn create_user(&mut self, user: usize, password: u8) -> Answered {
        let body = json!({"MessageAction": "SUPPRESS"});
        self.as_administrator(Call::AdminCreateUser, user, body)?;
        self.set_password(user, password, true)
    }

    fn set_password(&mut self, user: usize, password: u8, permanent: bool) -> Answered {
        let body = json!({"Password": password_of(password), "Permanent": permanent});
        self.as_administrator(Call::AdminSetUserPassword, user, body).map(|_| Answer::Done)
    }

    fn set_policy(&mut self, policy: &Policy) -> Answered {
        let devices = policy.tracking.map(|tracking| {
            json!({"ChallengeRequiredOnNewDevice": tracking.replaces_mfa,
                "DeviceOnlyRememberedOnUserPrompt": !tracking.always})
        });
        let hours = |time: Option<i64>| time.map(|time| format!("{}h", time / HOUR));
        let when_full = if policy.forget_oldest { "forget-oldest" } else { "refuse" };
        let tags = json!({
            "device:mfa-every": hours(policy.mfa_every),
            "device:forget-after-idle": hours(policy.forget_after_idle),
            "device:max-per-user": policy.max_devices.map(|most| most.to_string()),
            "device:when-full": when_full,
            "account:new-password": policy.new_password_signs_out.then_some("sign-out"),
        });
        let body = json!({"UserPoolId": self.pool, "DeviceConfiguration": devices,
            "UserPoolTags": without_nulls(tags)});
        self.call(Call::UpdateUserPool, body)?;
        let mode = match policy.mfa {
            Mfa::Off => "OFF",
            Mfa::Optional => "OPTIONAL",
            Mfa::On => "ON",
        };
        let body = json!({"UserPoolId": self.pool, "MfaConfiguration": mode,
            "SoftwareTokenMfaConfiguration": {"Enabled": policy.mfa != Mfa::Off}});
        self.done(Call::SetUserPoolMfaConfig, body)
    }

    fn client(&self, client: Client) -> &str {
        match client {
            Client::Plain => &self.clients[0],
            Client::Rotating => &self.clients[1],
        }
    }

    fn code(&self, code: Code) -> String {
        match code {
            // Too short, so it is never right by chance.
            Code::Wrong => "12345".to_owned(),
            Code::Of { secret, steps_away } => {
                totp_code(&self.secrets[secret], self.now + steps_away * 30 * SECOND)
            }
        }
    }

    /// Notes that a code was accepted.
    fn spend_code(&mut self, model: &Model, code: Code) {
        if let Code::Of { secret, .. } = code {
            self.invariants.spend(&format!("the code of secret {secret}, {}", model.step(code)));
        }
    }
}

/// The text of a password.
fn password_of(number: u8) -> String {
    format!("Correct-horse-{number}")
}

fn status(remembered: bool) -> &'static str {
    if remembered { "remembered" } else { "not_remembered" }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Removes null members, as clients omit what they do not have.
fn without_nulls(mut object: Value) -> Value {
    let keep = |members: &mut Map<String, Value>| members.retain(|_, value| !value.is_null());
    keep(object.as_object_mut().unwrap());
    for member in ["AuthParameters", "ChallengeResponses"] {
        if let Some(members) = object[member].as_object_mut() {
            keep(members);
        }
    }
    object
}
