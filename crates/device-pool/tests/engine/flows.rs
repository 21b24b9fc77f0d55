//! The ways to prove a first factor, for the table of device rules.

use device_pool::{HookError, Hooks, ServiceError};
use device_srp::{ClientEphemeral, Identity};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World, without_nulls};

/// The flow of the first factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flow {
    /// `USER_SRP_AUTH`.
    Srp,
    /// `USER_PASSWORD_AUTH`.
    Password,
    /// `ADMIN_USER_PASSWORD_AUTH`.
    Admin,
    /// `USER_AUTH`, where the user chooses the password.
    ChosenPassword,
    /// `USER_AUTH`, where the user chooses the password by SRP.
    ChosenSrp,
    /// `CUSTOM_AUTH` that starts with SRP.
    CustomWithPassword,
    /// `CUSTOM_AUTH` without a password.
    Custom,
    /// `USER_AUTH` with a code by e-mail.
    EmailCode,
}

impl Flow {
    pub(crate) const WITH_PASSWORD: [Self; 6] = [
        Self::Srp,
        Self::Password,
        Self::Admin,
        Self::ChosenPassword,
        Self::ChosenSrp,
        Self::CustomWithPassword,
    ];
    pub(crate) const WITHOUT: [Self; 2] = [Self::Custom, Self::EmailCode];
}

/// A hook that asks one question and accepts any answer.
pub(crate) struct Content;

impl Hooks for Content {
    fn call(&self, _: Option<&str>, event: &Value) -> Result<Value, HookError> {
        let last = event["request"]["session"].as_array().and_then(|steps| steps.last());
        let last = last
            .map(|step| (step["challengeName"].as_str().unwrap(), step["challengeResult"] == true));
        let response = match (event["triggerSource"].as_str().unwrap(), last) {
            ("DefineAuthChallenge_Authentication", Some(("SRP_A", _))) => {
                json!({"challengeName": "PASSWORD_VERIFIER"})
            }
            ("DefineAuthChallenge_Authentication", Some(("CUSTOM_CHALLENGE", true))) => {
                json!({"issueTokens": true})
            }
            ("DefineAuthChallenge_Authentication", _) => {
                json!({"challengeName": "CUSTOM_CHALLENGE"})
            }
            ("VerifyAuthChallengeResponse_Authentication", _) => json!({"answerCorrect": true}),
            _ => json!({}),
        };
        Ok(json!({"response": response}))
    }
}

impl World {
    /// The answer to the first factor, with the device's key if there is one.
    pub(crate) fn first_factor(
        &mut self,
        flow: Flow,
        name: &str,
        device_key: Option<&str>,
    ) -> Result<Value, ServiceError> {
        let parameters = |extra: Value| {
            let mut all = json!({"USERNAME": name, "DEVICE_KEY": device_key});
            all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            without_nulls(all)
        };
        let with_password = parameters(json!({"PASSWORD": PASSWORD}));
        match flow {
            Flow::Srp => {
                let mut claim = self.srp_claim(name, PASSWORD);
                claim["DEVICE_KEY"] = json!(device_key);
                self.respond("PASSWORD_VERIFIER", &Value::Null, without_nulls(claim))
            }
            Flow::Password => self.start("USER_PASSWORD_AUTH", with_password),
            Flow::Admin => {
                let body = json!({
                    "UserPoolId": self.pool, "ClientId": self.client,
                    "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
                    "AuthParameters": with_password,
                });
                self.call(Operation::AdminInitiateAuth, body)
            }
            Flow::ChosenPassword => {
                let asked = self.start("USER_AUTH", parameters(json!({})))?;
                let answers = parameters(json!({"ANSWER": "PASSWORD", "PASSWORD": PASSWORD}));
                self.respond("SELECT_CHALLENGE", &asked["Session"], answers)
            }
            Flow::ChosenSrp => {
                let ephemeral = ClientEphemeral::generate(&mut self.rng);
                let asked = self.start("USER_AUTH", parameters(json!({})))?;
                let answers = parameters(
                    json!({"ANSWER": "PASSWORD_SRP", "SRP_A": ephemeral.public().to_hex()}),
                );
                let offered = self.respond("SELECT_CHALLENGE", &asked["Session"], answers)?;
                self.prove(name, device_key, &ephemeral, &offered)
            }
            Flow::CustomWithPassword => {
                self.set_hooks(Content);
                let ephemeral = ClientEphemeral::generate(&mut self.rng);
                let start = parameters(
                    json!({"CHALLENGE_NAME": "SRP_A", "SRP_A": ephemeral.public().to_hex()}),
                );
                let offered = self.start("CUSTOM_AUTH", start)?;
                // A second factor comes before the operator's challenge.
                let asked = self.prove(name, device_key, &ephemeral, &offered)?;
                if asked["ChallengeName"] != "CUSTOM_CHALLENGE" {
                    return Ok(asked);
                }
                let answers = parameters(json!({"ANSWER": "anything"}));
                self.respond("CUSTOM_CHALLENGE", &asked["Session"], answers)
            }
            Flow::Custom => {
                self.set_hooks(Content);
                let asked = self.start("CUSTOM_AUTH", parameters(json!({})))?;
                let answers = parameters(json!({"ANSWER": "anything"}));
                self.respond("CUSTOM_CHALLENGE", &asked["Session"], answers)
            }
            Flow::EmailCode => {
                let asked = self
                    .start("USER_AUTH", parameters(json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})))?;
                if asked["ChallengeName"] != "EMAIL_OTP" {
                    return Ok(asked);
                }
                let answers = parameters(json!({"EMAIL_OTP_CODE": self.outbox[0].code.as_str()}));
                self.respond("EMAIL_OTP", &asked["Session"], answers)
            }
        }
    }

    fn start(&mut self, flow: &str, parameters: Value) -> Result<Value, ServiceError> {
        let body = json!({"AuthFlow": flow, "ClientId": self.client, "AuthParameters": parameters});
        self.call(Operation::InitiateAuth, body)
    }

    /// Answers a `PASSWORD_VERIFIER` challenge.
    fn prove(
        &mut self,
        name: &str,
        device_key: Option<&str>,
        ephemeral: &ClientEphemeral,
        offered: &Value,
    ) -> Result<Value, ServiceError> {
        let pool_name = self.pool.split_once('_').unwrap().1.to_owned();
        let user_id = offered["ChallengeParameters"]["USER_ID_FOR_SRP"].as_str().unwrap();
        let identity = Identity::user(&pool_name, user_id);
        let mut claim = self.claim(&identity, PASSWORD, ephemeral, &offered["ChallengeParameters"]);
        claim["USERNAME"] = json!(name);
        claim["DEVICE_KEY"] = json!(device_key);
        self.respond("PASSWORD_VERIFIER", &Value::Null, without_nulls(claim))
    }
}
