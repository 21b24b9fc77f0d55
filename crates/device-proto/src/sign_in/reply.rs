//! The responses to `InitiateAuth` and `RespondToAuthChallenge`, which share one shape.

use std::collections::BTreeMap;

use device_wire::enums::ChallengeNameType;
use device_wire::requests::{InitiateAuthRequest, RespondToAuthChallengeRequest};
use device_wire::responses::InitiateAuthResponse;
use device_wire::shapes::AuthenticationResultType;
use device_wire::{Operation, Sensitive, param};

use crate::error::Error;
use crate::request::Reply;

pub(super) struct AuthReply {
    pub(super) operation: Operation,
    pub(super) challenge: Option<ChallengeNameType>,
    pub(super) session: Option<Sensitive<String>>,
    pub(super) parameters: Sensitive<BTreeMap<String, String>>,
    pub(super) result: Option<AuthenticationResultType>,
    pub(super) available: Vec<ChallengeNameType>,
}

impl AuthReply {
    /// The reply to `InitiateAuth`.
    pub(super) fn begun(reply: Reply<'_>) -> Result<Self, Error> {
        let response = reply.read::<InitiateAuthRequest>()?;
        Ok(Self::new(Operation::InitiateAuth, response))
    }

    /// The reply to `RespondToAuthChallenge`.
    pub(super) fn answered(reply: Reply<'_>) -> Result<Self, Error> {
        let response = reply.read::<RespondToAuthChallengeRequest>()?;
        Ok(Self::new(Operation::RespondToAuthChallenge, response.into()))
    }

    fn new(operation: Operation, response: InitiateAuthResponse) -> Self {
        Self {
            operation,
            challenge: response.challenge_name,
            session: response.session.filter(|session| !session.is_empty()),
            parameters: response.challenge_parameters.unwrap_or_default(),
            result: response.authentication_result,
            available: response.available_challenges.unwrap_or_default(),
        }
    }

    /// A challenge parameter that has a value.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether the pool replaces the device's secret.
    pub(super) fn asks_for_a_new_secret(&self) -> bool {
        self.parameter(param::ROTATE_DEVICE_SECRET) == Some("on")
    }

    /// A challenge parameter without which the sign-in cannot continue.
    pub(super) fn required(&self, name: &str, problem: &'static str) -> Result<&str, Error> {
        self.parameter(name).ok_or(Error::malformed(self.operation, problem))
    }

    /// A challenge parameter that is a list as JSON text; empty if it is not one.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.parameter(name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// A challenge parameter that is a list of challenges as JSON text.
    pub(super) fn challenges(&self, name: &str) -> Vec<ChallengeNameType> {
        self.list(name).iter().map(|name| ChallengeNameType::from(name.as_str())).collect()
    }

    /// The user's attributes, an object as JSON text. Values that are not strings are omitted.
    pub(super) fn attributes(&self) -> Sensitive<BTreeMap<String, String>> {
        let attributes: BTreeMap<String, serde_json::Value> = self
            .parameter(param::USER_ATTRIBUTES)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        attributes
            .into_iter()
            .filter_map(|(name, value)| match value {
                serde_json::Value::String(text) => Some((name, text)),
                _ => None,
            })
            .collect()
    }

    /// The error for a reply that cannot follow the request.
    pub(super) fn out_of_turn(self) -> Error {
        match self.challenge {
            Some(challenge) => Error::UnexpectedChallenge(challenge),
            None => Error::malformed(
                self.operation,
                "it has neither the challenge nor the tokens that are due",
            ),
        }
    }
}
