//! A client's sign-ins and tokens.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use device_srp::{ClientEphemeral, Identity, PublicValue, Salt, Timestamp};
use device_wire::Operation as Call;
use serde_json::{Value, json};

use super::{Answered, Apps, Device, Exchange, password_of, text};
use crate::rules::{Address, Answer, Challenge, Client, ExchangeOf, Model, NAMES, SECOND, Stage};

impl Apps {
    pub(super) fn initiate(
        &mut self,
        from: Address,
        client: Client,
        flow: &str,
        parameters: Value,
    ) -> Answered<Value> {
        let body = json!({"ClientId": self.client(client), "AuthFlow": flow,
            "AuthParameters": parameters});
        self.call_from(from, Call::InitiateAuth, body)
    }

    fn respond(
        &mut self,
        from: Address,
        client: Client,
        challenge: &str,
        session: Option<&str>,
        answers: Value,
    ) -> Answered<Value> {
        let body = json!({"ClientId": self.client(client), "ChallengeName": challenge,
            "Session": session, "ChallengeResponses": answers});
        self.call_from(from, Call::RespondToAuthChallenge, body)
    }

    /// Answers the challenge of a session, and goes on to the next one or to tokens.
    pub(super) fn respond_in(
        &mut self,
        model: &Model,
        from: Address,
        challenge: &str,
        session: usize,
        mut answers: Value,
    ) -> Answered {
        let of = &model.sessions[session];
        let user = of.progress.user;
        answers["USERNAME"] = json!(NAMES[user]);
        let text = self.sessions[session].clone();
        let answer = self.respond(from, of.client, challenge, Some(&text), answers)?;
        self.invariants.spend(&text);
        Ok(self.went_on(model, user, &answer))
    }

    /// Notes the session that replaces another one, at this stage.
    pub(super) fn next_session(&mut self, used: usize, answer: &Value, stage: Stage) -> Answer {
        let used = self.sessions[used].clone();
        self.invariants.spend(&used);
        self.sessions.push(text(&answer["Session"]));
        Answer::Challenge(Challenge::Session(stage))
    }

    pub(super) fn start_srp(
        &mut self,
        client: Client,
        user: usize,
        device: Option<usize>,
    ) -> Answered {
        let ephemeral = ClientEphemeral::generate(&mut self.rng);
        let parameters = json!({"USERNAME": NAMES[user], "SRP_A": ephemeral.public().to_hex(),
            "DEVICE_KEY": self.key_if_any(device)});
        let mut asked = self.initiate(Address::Home, client, "USER_SRP_AUTH", parameters)?;
        assert_eq!(asked["ChallengeName"], "PASSWORD_VERIFIER");
        let parameters = asked["ChallengeParameters"].take();
        self.exchanges.push(Exchange { user, device: None, ephemeral, parameters });
        Ok(Answer::Challenge(Challenge::PasswordVerifier))
    }

    pub(super) fn answer_srp(
        &mut self,
        model: &Model,
        exchange: usize,
        password: u8,
        device: Option<usize>,
        from: Address,
    ) -> Answered {
        let client = model.exchanges[exchange].client;
        let found = &self.exchanges[exchange];
        let user = found.user;
        let key = device.map(|device| self.devices[device].key.clone());
        let mut answers = match found.device {
            None => {
                let id = text(&found.parameters["USER_ID_FOR_SRP"]);
                let (_, pool) = self.pool.split_once('_').unwrap();
                self.claim(found, &Identity::user(pool, &id), &password_of(password))
            }
            // A proof of the wrong kind.
            Some(device) => self.device_claim(exchange, device, true),
        };
        answers["USERNAME"] = json!(NAMES[user]);
        answers["DEVICE_KEY"] = json!(key);
        let answer = self.respond(from, client, "PASSWORD_VERIFIER", None, answers)?;
        self.spend_block(exchange);
        Ok(self.went_on(model, user, &answer))
    }

    pub(super) fn start_device(
        &mut self,
        client: Client,
        user: usize,
        session: Option<usize>,
        device: usize,
        from: Address,
    ) -> Answered {
        let ephemeral = ClientEphemeral::generate(&mut self.rng);
        let answers = json!({"USERNAME": NAMES[user], "DEVICE_KEY": self.key(device),
            "SRP_A": ephemeral.public().to_hex()});
        let session = session.map(|session| self.sessions[session].clone());
        let mut asked =
            self.respond(from, client, "DEVICE_SRP_AUTH", session.as_deref(), answers)?;
        assert_eq!(asked["ChallengeName"], "DEVICE_PASSWORD_VERIFIER");
        self.sessions.push(text(&asked["Session"]));
        let parameters = asked["ChallengeParameters"].take();
        self.exchanges.push(Exchange { user, device: Some(device), ephemeral, parameters });
        Ok(Answer::Challenge(Challenge::DevicePasswordVerifier))
    }

    pub(super) fn answer_device(
        &mut self,
        model: &Model,
        exchange: usize,
        device: usize,
        is_right: bool,
        with_session: bool,
        from: Address,
    ) -> Answered {
        let ExchangeOf::Device { began, session, .. } = model.exchanges[exchange].of else {
            panic!("{exchange} is no device's");
        };
        let user = self.exchanges[exchange].user;
        let of = self.exchanges[exchange].device.unwrap();
        let mut answers = self.device_claim(exchange, of, is_right);
        answers["USERNAME"] = json!(NAMES[user]);
        answers["DEVICE_KEY"] = json!(self.key(device));
        let client = model.exchanges[exchange].client;
        let session = with_session.then(|| self.sessions[session].clone());
        let answer =
            self.respond(from, client, "DEVICE_PASSWORD_VERIFIER", session.as_deref(), answers)?;
        self.spend_block(exchange);
        let began = self.sessions[began].clone();
        self.invariants.spend(&began);
        Ok(self.went_on(model, user, &answer))
    }

    /// A device's proof, or a wrong one.
    fn device_claim(&self, exchange: usize, device: usize, is_right: bool) -> Value {
        let Device { key, group_key, secret, .. } = &self.devices[device];
        let secret = if is_right { secret } else { "another secret" };
        self.claim(&self.exchanges[exchange], &Identity::device(group_key, key), secret)
    }

    /// The proof of a password, made now.
    fn claim(&self, exchange: &Exchange, identity: &Identity<'_>, password: &str) -> Value {
        let parameter = |name: &str| exchange.parameters[name].as_str().unwrap();
        let salt = Salt::from_hex(parameter("SALT")).unwrap();
        let b = PublicValue::from_hex(parameter("SRP_B")).unwrap();
        let block = STANDARD.decode(parameter("SECRET_BLOCK")).unwrap();
        let timestamp = Timestamp::from_unix_seconds(self.now / SECOND).to_string();
        let key = exchange.ephemeral.session_key(identity, password, &salt, &b).unwrap();
        json!({
            "PASSWORD_CLAIM_SECRET_BLOCK": parameter("SECRET_BLOCK"),
            "PASSWORD_CLAIM_SIGNATURE": key.sign(identity, &block, &timestamp).to_base64(),
            "TIMESTAMP": timestamp,
        })
    }

    fn spend_block(&mut self, exchange: usize) {
        let block = text(&self.exchanges[exchange].parameters["SECRET_BLOCK"]);
        self.invariants.spend(&block);
    }

    /// The next challenge of a sign-in, or its tokens.
    pub(super) fn went_on(&mut self, model: &Model, user: usize, answer: &Value) -> Answer {
        let Some(challenge) = answer["ChallengeName"].as_str() else {
            return self.signed_in(model, user, answer);
        };
        let stage = match challenge {
            "NEW_PASSWORD_REQUIRED" => Stage::NewPassword,
            "SOFTWARE_TOKEN_MFA" => Stage::Code,
            "MFA_SETUP" => Stage::SetUp,
            "DEVICE_SRP_AUTH" => Stage::Device,
            other => panic!("the model knows no {other}"),
        };
        self.sessions.push(text(&answer["Session"]));
        Answer::Challenge(Challenge::Session(stage))
    }

    /// The tokens of a sign-in.
    fn signed_in(&mut self, model: &Model, user: usize, answer: &Value) -> Answer {
        let result = &answer["AuthenticationResult"];
        let new = &result["NewDeviceMetadata"];
        if let Some(key) = new["DeviceKey"].as_str() {
            let (key, group_key) = (key.to_owned(), text(&new["DeviceGroupKey"]));
            let secret = format!("secret of {key}");
            self.devices.push(Device { user, key, group_key, secret });
        }
        let tokens = self.tokens(model, user, result);
        if let Answer::Tokens { device, proofs, .. } = &tokens {
            let is_due = model.is_second_factor_due(user);
            let key = self.key_if_any(*device);
            self.invariants.check_tokens(&model.policy, is_due, key, proofs);
        }
        tokens
    }

    fn tokens(&mut self, model: &Model, user: usize, result: &Value) -> Answer {
        let access_token = text(&result["AccessToken"]);
        let payload = access_token.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!(claims["username"], NAMES[user]);
        let due = model.access_tokens.last().unwrap().expires_at / SECOND;
        assert_eq!(claims["exp"], due, "when the access token expires");
        self.access_tokens.push(access_token);
        if let Some(token) = result["RefreshToken"].as_str() {
            self.refresh_tokens.push(token.to_owned());
        }
        let proof =
            |claim: &Value| *["pwd", "otp", "dev"].iter().find(|known| claim == **known).unwrap();
        Answer::Tokens {
            device: claims["device_key"].as_str().map(|key| self.number(key)),
            is_new_device: !result["NewDeviceMetadata"].is_null(),
            proofs: claims["amr"].as_array().unwrap().iter().map(proof).collect(),
            has_refresh_token: result["RefreshToken"].is_string(),
        }
    }

    pub(super) fn refresh(
        &mut self,
        model: &Model,
        client: Client,
        token: usize,
        device: Option<usize>,
        by_flow: bool,
    ) -> Answered {
        let grant = &model.grants[model.refresh_tokens[token].grant];
        let refresh_token = &self.refresh_tokens[token];
        let key = self.key_if_any(device);
        let answer = if by_flow {
            let parameters = json!({"REFRESH_TOKEN": refresh_token, "DEVICE_KEY": key});
            self.initiate(Address::Home, client, "REFRESH_TOKEN_AUTH", parameters)?
        } else {
            let body = json!({"ClientId": self.client(client), "RefreshToken": refresh_token,
                "DeviceKey": key});
            self.call(Call::GetTokensFromRefreshToken, body)?
        };
        if let (Some(_), Some(device)) = (model.policy.tracking, grant.device) {
            self.invariants.is_there(self.key(device));
        }
        Ok(self.tokens(model, grant.owner.0, &answer["AuthenticationResult"]))
    }
}
