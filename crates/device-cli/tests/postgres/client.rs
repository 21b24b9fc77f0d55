//! A user with a device. Each step of a sign-in can go to another server.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{ClientEphemeral, Identity, PublicValue, Salt, Timestamp, Verifier};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::process::Serving;

pub(crate) const PASSWORD: &str = "Correct-Horse-7";
const DEVICE_PASSWORD: &str = "what the device keeps";

/// A pool with one app client that allows everything that these tests do.
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) client: String,
}

impl Pool {
    pub(crate) fn new(server: &Serving) -> Self {
        let pool = json!({
            "PoolName": "pool", "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true },
        });
        let id = text(&server.ok("CreateUserPool", &pool)["UserPool"]["Id"]);
        let flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let client = json!({
            "UserPoolId": id, "ClientName": "client", "ExplicitAuthFlows": flows,
            "EnableTokenRevocation": true,
        });
        let made = server.ok("CreateUserPoolClient", &client);
        Self { id, client: text(&made["UserPoolClient"]["ClientId"]) }
    }

    pub(crate) fn add_user(&self, server: &Serving, username: &str) {
        let user =
            json!({ "UserPoolId": self.id, "Username": username, "MessageAction": "SUPPRESS" });
        server.ok("AdminCreateUser", &user);
        let password = json!({
            "UserPoolId": self.id, "Username": username, "Password": PASSWORD, "Permanent": true,
        });
        server.ok("AdminSetUserPassword", &password);
    }

    /// The body of a plain password sign-in.
    pub(crate) fn password_sign_in(&self, username: &str, password: &str) -> Value {
        let parameters = json!({ "USERNAME": username, "PASSWORD": password });
        json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": self.client, "AuthParameters": parameters,
        })
    }
}

/// A user: name, pool and, once confirmed, a device.
pub(crate) struct User<'p> {
    pool: &'p Pool,
    username: String,
    device: Option<Device>,
}

struct Device {
    key: String,
    group_key: String,
}

impl<'p> User<'p> {
    pub(crate) fn new(pool: &'p Pool, username: &str) -> Self {
        Self { pool, username: username.to_owned(), device: None }
    }

    fn key(&self) -> Option<&str> {
        self.device.as_ref().map(|device| device.key.as_str())
    }

    /// The body of a refresh on the user's device.
    pub(crate) fn refresh(&self, tokens: &Value) -> Value {
        json!({
            "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": self.pool.client,
            "AuthParameters": {
                "REFRESH_TOKEN": tokens["RefreshToken"], "DEVICE_KEY": self.key(),
            },
        })
    }

    /// Starts a sign-in by SRP at `server`. Returns the body that proves the password, which any
    /// server accepts.
    pub(crate) fn begin(&self, server: &Serving) -> Value {
        let a = ephemeral();
        let begin = json!({
            "AuthFlow": "USER_SRP_AUTH", "ClientId": self.pool.client,
            "AuthParameters": {
                "USERNAME": self.username, "SRP_A": a.public().to_hex(), "DEVICE_KEY": self.key(),
            },
        });
        let asked = server.ok("InitiateAuth", &begin);
        let id = text(&asked["ChallengeParameters"]["USER_ID_FOR_SRP"]);
        let pool_name = self.pool.id.split_once('_').unwrap().1;
        let mut answers = claim(&Identity::user(pool_name, &id), PASSWORD, &a, &asked);
        answers["USERNAME"] = json!(id);
        answers["DEVICE_KEY"] = json!(self.key());
        self.answer("PASSWORD_VERIFIER", &Value::Null, &answers)
    }

    fn answer(&self, challenge: &str, session: &Value, answers: &Value) -> Value {
        json!({
            "ClientId": self.pool.client, "ChallengeName": challenge, "Session": session,
            "ChallengeResponses": answers,
        })
    }

    /// Confirms the device of a finished sign-in at `server`.
    pub(crate) fn confirm_device(&mut self, server: &Serving, result: &Value) {
        let metadata = &result["NewDeviceMetadata"];
        let key = text(&metadata["DeviceKey"]);
        let group_key = text(&metadata["DeviceGroupKey"]);
        let salt = Salt::from_hex("5a17").unwrap();
        let identity = Identity::device(&group_key, &key);
        let verifier = Verifier::derive(&identity, DEVICE_PASSWORD, &salt);
        let confirm = json!({
            "AccessToken": result["AccessToken"], "DeviceKey": key,
            "DeviceSecretVerifierConfig": {
                "Salt": STANDARD.encode(salt.padded()),
                "PasswordVerifier": STANDARD.encode(verifier.padded()),
            },
        });
        server.ok("ConfirmDevice", &confirm);
        self.device = Some(Device { key, group_key });
    }

    /// A whole sign-in with the device, whose steps go to the servers in turn. Returns the tokens.
    pub(crate) fn sign_in(&self, servers: [&Serving; 4]) -> Value {
        let Device { key, group_key } = self.device.as_ref().unwrap();
        let proof = self.begin(servers[0]);
        let asked = servers[1].ok("RespondToAuthChallenge", &proof);
        assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH", "{asked}");

        let a = ephemeral();
        let answers =
            json!({ "USERNAME": self.username, "DEVICE_KEY": key, "SRP_A": a.public().to_hex() });
        let answer = self.answer("DEVICE_SRP_AUTH", &asked["Session"], &answers);
        let asked = servers[2].ok("RespondToAuthChallenge", &answer);

        let mut answers = claim(&Identity::device(group_key, key), DEVICE_PASSWORD, &a, &asked);
        answers["USERNAME"] = json!(self.username);
        answers["DEVICE_KEY"] = json!(key);
        let answer = self.answer("DEVICE_PASSWORD_VERIFIER", &asked["Session"], &answers);
        servers[3].ok("RespondToAuthChallenge", &answer)["AuthenticationResult"].clone()
    }
}

fn ephemeral() -> ClientEphemeral {
    ClientEphemeral::generate(&mut StdRng::seed_from_u64(1))
}

fn claim(identity: &Identity<'_>, password: &str, a: &ClientEphemeral, asked: &Value) -> Value {
    let asked = |name: &str| asked["ChallengeParameters"][name].as_str().unwrap();
    let salt = Salt::from_hex(asked("SALT")).unwrap();
    let b = PublicValue::from_hex(asked("SRP_B")).unwrap();
    let block = STANDARD.decode(asked("SECRET_BLOCK")).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let timestamp = Timestamp::from_unix_seconds(now.as_secs().cast_signed()).to_string();
    let key = a.session_key(identity, password, &salt, &b).unwrap();
    json!({
        "PASSWORD_CLAIM_SECRET_BLOCK": asked("SECRET_BLOCK"),
        "PASSWORD_CLAIM_SIGNATURE": key.sign(identity, &block, &timestamp).to_base64(),
        "TIMESTAMP": timestamp,
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
