//! The state of a sign-in, and the requests that it sends.

use device_srp::ClientEphemeral;
use device_wire::enums::{AuthFlowType, ChallengeNameType};
use device_wire::requests::{InitiateAuthRequest, RespondToAuthChallengeRequest};
use device_wire::shapes::UserContextDataType;
use device_wire::{Sensitive, param};
use rand_core::CryptoRng;

use super::confirm::UnconfirmedDevice;
use super::prompt::{AuthenticatorSetupPrompt, Prompt};
use super::this_device::{RememberChoice, SecondFactor, ThisDevice};
use crate::config::Config;
use crate::credentials::{Beginning, Credentials, Handshake, Metadata, Parameters, to_send};
use crate::record::DeviceRecord;
use crate::request::Request;
use crate::tokens::Tokens;

/// A sign-in that waits for the reply to the request that came with it.
///
/// Each step consumes it, so that a step cannot be repeated, skipped, or answered late. It holds
/// the user's password until the service has accepted a proof of it; longer only while a refused
/// device could make the sign-in start again.
///
/// ```compile_fail,E0382
/// # use std::time::SystemTime;
/// # use device_proto::{Reply, SignIn};
/// # use rand::rngs::StdRng;
/// # fn twice(sign_in: SignIn, reply: fn() -> Reply<'static>, now: SystemTime, rng: &mut StdRng) {
/// let step = sign_in.handle(reply(), now, rng);
/// let again = sign_in.handle(reply(), now, rng); // use of moved value
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a sign-in goes on with the reply to its request"]
pub struct SignIn {
    pub(super) context: Box<Context>,
    pub(super) awaiting: Awaiting,
}

/// The request whose reply is awaited.
#[derive(Debug)]
pub(super) enum Awaiting {
    /// `InitiateAuth`. If it started a proof, `handshake` has the client's secret half.
    Beginning { handshake: Option<Handshake> },
    /// The answer to a challenge. If the user gave it, `prompt` is what to ask again.
    Answer { answer: Answer, handshake: Option<Handshake>, prompt: Option<Prompt> },
    /// The device's `SRP_A`.
    DeviceChallenge { device: Presented, ephemeral: ClientEphemeral },
    /// The device's proof.
    DeviceProof { device: Presented },
    /// `AssociateSoftwareToken`.
    AuthenticatorSecret,
    /// `VerifySoftwareToken`.
    AuthenticatorCode { session: Option<Sensitive<String>>, prompt: AuthenticatorSetupPrompt },
    /// `ConfirmDevice`. The user is signed in.
    Confirmation { tokens: Tokens, username: String, device: UnconfirmedDevice },
    /// `UpdateDeviceStatus`, which the user chose in advance.
    Remembrance { tokens: Tokens, username: String, record: DeviceRecord },
}

/// The data that the steps of a sign-in share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) username: Username,
    pub(super) device: Presence,
    /// Whether the presented device has proven itself.
    pub(super) is_proven: bool,
    /// A record that the service refused before it was certain who signs in.
    pub(super) refused: Option<DeviceRecord>,
    pub(super) device_name: Option<String>,
    pub(super) remember: RememberChoice,
    pub(super) second_factor: SecondFactor,
    client_metadata: Metadata,
    user_context: Option<UserContextDataType>,
}

/// The `USERNAME` of the next step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Username {
    /// As typed by the user; not yet resolved by the service.
    Typed(String),
    /// The user's internal name, as sent by the service.
    Internal(String),
}

/// Whether this sign-in presents a device.
#[derive(Debug)]
pub(super) enum Presence {
    /// No device is presented, and none will be.
    Absent,
    /// No record was found yet. The user's internal name may find one; with it, the sign-in may
    /// have to start again, so the credentials are kept until then.
    Awaited(Credentials),
    /// Every step presents this device.
    Presented(Presented),
}

/// A device that is presented until it is refused. The sign-in may then have to start again, so the
/// credentials are kept exactly as long.
#[derive(Debug)]
pub(super) struct Presented {
    pub(super) record: DeviceRecord,
    pub(super) credentials: Credentials,
}

/// The answer to a challenge, without the parameters common to all steps.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) challenge: ChallengeNameType,
    pub(super) session: Option<Sensitive<String>>,
    pub(super) responses: Parameters,
}

impl Answer {
    pub(super) fn empty(challenge: ChallengeNameType, session: Option<Sensitive<String>>) -> Self {
        Self { challenge, session, responses: Parameters::default() }
    }
}

impl Context {
    pub(super) fn start(
        config: Config,
        credentials: Credentials,
        device: ThisDevice,
        rng: &mut impl CryptoRng,
    ) -> (SignIn, Request) {
        let ThisDevice { record, name, remember, second_factor } = device;
        let mut client_metadata = config.client_metadata().clone();
        extend(&mut client_metadata, credentials.client_metadata());
        let context = Self {
            config,
            username: Username::Typed(credentials.username().to_owned()),
            device: Presence::Absent,
            is_proven: false,
            refused: None,
            device_name: name,
            remember,
            second_factor,
            client_metadata,
            user_context: credentials.user_context().cloned(),
        };
        let device = |credentials| match record {
            _ if second_factor == SecondFactor::Always => Presence::Absent,
            Some(record) => Presence::Presented(Presented { record, credentials }),
            None => Presence::Awaited(credentials),
        };
        Box::new(context).begin(credentials, device, rng)
    }

    /// Sends `InitiateAuth`; `device` is what the sign-in presents from now on.
    pub(super) fn begin(
        mut self: Box<Self>,
        credentials: Credentials,
        device: impl FnOnce(Credentials) -> Presence,
        rng: &mut impl CryptoRng,
    ) -> (SignIn, Request) {
        self.username = Username::Typed(credentials.username().to_owned());
        let Beginning { flow, mut parameters, handshake } = credentials.begin(rng);
        self.device = device(credentials);
        self.is_proven = false;
        self.put_common(&mut parameters, self.record());
        let step = flow.to_string();
        // The start of a proof proves nothing yet. Any other start sends a code, counts as an
        // attempt, or is seen by one of the pool's functions.
        let is_repeatable = handshake.is_some() && flow != AuthFlowType::CustomAuth;
        let request = Request::new(&InitiateAuthRequest {
            auth_parameters: Some(parameters),
            client_metadata: to_send(&self.client_metadata),
            analytics_metadata: self.config.analytics(),
            user_context_data: self.user_context.clone(),
            ..InitiateAuthRequest::new(flow, self.config.client_id())
        });
        let request = if is_repeatable { request.repeatable() } else { request };
        self.awaiting(Awaiting::Beginning { handshake }, request.at_step(step))
    }

    /// Sends the answer to a challenge.
    pub(super) fn send(
        self: Box<Self>,
        answer: Answer,
        handshake: Option<Handshake>,
        prompt: Option<Prompt>,
    ) -> (SignIn, Request) {
        let request = self.respond(&answer, self.record());
        self.awaiting(Awaiting::Answer { answer, handshake, prompt }, request)
    }

    /// Sends a request.
    pub(super) fn awaiting(
        self: Box<Self>,
        awaiting: Awaiting,
        request: Request,
    ) -> (SignIn, Request) {
        (SignIn { context: self, awaiting }, request)
    }

    /// The request that answers a challenge.
    pub(super) fn respond(&self, answer: &Answer, device: Option<&DeviceRecord>) -> Request {
        self.respond_with(answer, device, &Metadata::default())
    }

    /// As [`Self::respond`], with more `ClientMetadata` in this request alone.
    pub(super) fn respond_with(
        &self,
        answer: &Answer,
        device: Option<&DeviceRecord>,
        entries: &Metadata,
    ) -> Request {
        let mut client_metadata = self.client_metadata.clone();
        extend(&mut client_metadata, entries);
        let mut responses = answer.responses.clone();
        self.put_common(&mut responses, device);
        Request::new(&RespondToAuthChallengeRequest {
            session: answer.session.clone(),
            challenge_responses: Some(responses),
            client_metadata: to_send(&client_metadata),
            analytics_metadata: self.config.analytics(),
            user_context_data: self.user_context.clone(),
            ..RespondToAuthChallengeRequest::new(self.config.client_id(), answer.challenge.clone())
        })
        .at_step(answer.challenge.to_string())
    }

    /// Adds the parameters common to all steps.
    fn put_common(&self, parameters: &mut Parameters, device: Option<&DeviceRecord>) {
        let username = self.username();
        parameters.insert(param::USERNAME.to_owned(), username.to_owned());
        if let Some(hash) = self.config.secret_hash(username) {
            parameters.insert(param::SECRET_HASH.to_owned(), hash);
        }
        if let Some(device) = device {
            parameters.insert(param::DEVICE_KEY.to_owned(), device.device_key.clone());
        }
    }

    /// Adds entries to the `ClientMetadata`, from the next step on.
    pub(super) fn add_client_metadata(&mut self, entries: &Metadata) {
        extend(&mut self.client_metadata, entries);
    }

    /// Changes the credentials for a sign-in that starts again.
    pub(super) fn replace_credentials(&mut self, replace: impl FnOnce(Credentials) -> Credentials) {
        self.device = match std::mem::replace(&mut self.device, Presence::Absent) {
            Presence::Absent => Presence::Absent,
            Presence::Awaited(credentials) => Presence::Awaited(replace(credentials)),
            Presence::Presented(Presented { record, credentials }) => {
                Presence::Presented(Presented { record, credentials: replace(credentials) })
            }
        };
    }

    /// Takes the device out of the sign-in.
    pub(super) fn take_device(&mut self) -> Option<Presented> {
        match std::mem::replace(&mut self.device, Presence::Absent) {
            Presence::Presented(device) => Some(device),
            Presence::Absent | Presence::Awaited(_) => None,
        }
    }

    fn record(&self) -> Option<&DeviceRecord> {
        match &self.device {
            Presence::Presented(device) => Some(&device.record),
            Presence::Absent | Presence::Awaited(_) => None,
        }
    }

    pub(super) fn username(&self) -> &str {
        match &self.username {
            Username::Typed(name) | Username::Internal(name) => name,
        }
    }
}

fn extend(all: &mut Metadata, entries: &Metadata) {
    all.extend(entries.iter().map(|(name, value)| (name.clone(), value.clone())));
}
