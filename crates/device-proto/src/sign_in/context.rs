//! What stays the same from one step of a sign-in to the next, and the steps themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use device_srp::{ClientEphemeral, Identity, PublicValue, Salt, Timestamp};
use device_wire::{
    AuthFlowType, ChallengeNameType, DeviceRememberedStatusType, ErrorCode, InitiateAuthRequest,
    NewDeviceMetadataType, RespondToAuthChallengeRequest, Sensitive, UpdateDeviceStatusRequest,
    UserContextDataType, param,
};
use rand_core::CryptoRng;

use super::challenge::Prompt;
use super::reply::AuthReply;
use super::{
    Awaiting, Consent, DeviceOutcome, Outcome, RememberPrompt, SignIn, Step, ThisDevice,
    UnconfirmedDevice,
};
use crate::credentials::{Beginning, Handshake, Metadata, Parameters, to_send};
use crate::{
    Claims, Config, Credentials, DeviceOwner, DeviceRecord, DeviceStatus, Error, RememberChoice,
    Reply, Request, ServiceError, Tokens,
};

/// Standard base64, its padding optional.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The same in the other alphabet.
const LENIENT_URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What stays the same from step to step.
#[derive(Debug)]
pub(super) struct Context {
    config: Config,
    username: Username,
    presented: Option<Presented>,
    name: Option<String>,
    remember: RememberChoice,
    client_metadata: Metadata,
    user_context: Option<UserContextDataType>,
}

/// `USERNAME` of the next step.
#[derive(Debug)]
enum Username {
    /// As it was typed: whose it is will show.
    Typed(String),
    /// As the service gave it.
    Internal(String),
}

impl Username {
    fn as_str(&self) -> &str {
        match self {
            Self::Typed(name) | Self::Internal(name) => name,
        }
    }
}

/// A device that goes with every step until it is refused. Then the sign-in may have to begin
/// again, for which the credentials are kept exactly as long.
#[derive(Debug)]
pub(super) struct Presented {
    record: DeviceRecord,
    credentials: Credentials,
}

/// The answer to a challenge, but for what every answer carries.
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
        let ThisDevice { record, name, remember } = device;
        let mut client_metadata = config.client_metadata().clone();
        extend(&mut client_metadata, credentials.client_metadata());
        let user_context = credentials.user_context().cloned();
        let username = Username::Typed(credentials.username().to_owned());
        let presented = None;
        let context =
            Self { config, username, presented, name, remember, client_metadata, user_context };
        Box::new(context).begin(credentials, record, rng)
    }

    /// Sends `InitiateAuth`.
    fn begin(
        mut self: Box<Self>,
        credentials: Credentials,
        record: Option<DeviceRecord>,
        rng: &mut impl CryptoRng,
    ) -> (SignIn, Request) {
        self.username = Username::Typed(credentials.username().to_owned());
        let Beginning { flow, mut parameters, handshake } = credentials.begin(rng);
        self.put_common(&mut parameters, record.as_ref());
        self.presented = record.map(|record| Presented { record, credentials });
        let step = flow.to_string();
        // The beginning of a proof proves nothing yet; anything else here sends a code, counts as a
        // try, or is seen by a function of the pool's.
        let is_repeatable = handshake.is_some() && flow != AuthFlowType::CustomAuth;
        let request = Request::new(&InitiateAuthRequest {
            auth_parameters: Some(parameters),
            client_metadata: to_send(&self.client_metadata),
            analytics_metadata: self.config.analytics(),
            user_context_data: self.user_context.clone(),
            ..InitiateAuthRequest::new(flow, self.config.client_id())
        });
        let request = if is_repeatable { request.repeatable() } else { request };
        (
            SignIn { context: self, awaiting: Awaiting::Beginning { handshake } },
            request.at_step(step),
        )
    }

    /// Tells the pool's Lambda functions this too, from the next step on.
    pub(super) fn add_client_metadata(&mut self, entries: &Metadata) {
        extend(&mut self.client_metadata, entries);
    }

    /// What every step carries.
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

    /// The request that answers a challenge.
    fn respond(&self, answer: &Answer, device: Option<&DeviceRecord>) -> Request {
        let mut responses = answer.responses.clone();
        self.put_common(&mut responses, device);
        Request::new(&RespondToAuthChallengeRequest {
            session: answer.session.clone(),
            challenge_responses: Some(responses),
            client_metadata: to_send(&self.client_metadata),
            analytics_metadata: self.config.analytics(),
            user_context_data: self.user_context.clone(),
            ..RespondToAuthChallengeRequest::new(self.config.client_id(), answer.challenge.clone())
        })
        .at_step(answer.challenge.to_string())
    }

    pub(super) fn send(
        self: Box<Self>,
        answer: Answer,
        handshake: Option<Handshake>,
        prompt: Option<Prompt>,
    ) -> (SignIn, Request) {
        let request =
            self.respond(&answer, self.presented.as_ref().map(|presented| &presented.record));
        (
            SignIn { context: self, awaiting: Awaiting::Answer { answer, handshake, prompt } },
            request,
        )
    }

    /// Sends something that is no answer to a challenge but belongs to one.
    pub(super) fn send_aside(
        self: Box<Self>,
        request: Request,
        awaiting: Awaiting,
    ) -> (SignIn, Request) {
        (SignIn { context: self, awaiting }, request)
    }

    /// Should the sign-in begin again, it begins with these.
    pub(super) fn replace_credentials(&mut self, replace: impl FnOnce(Credentials) -> Credentials) {
        self.presented = self.presented.take().map(|Presented { record, credentials }| Presented {
            record,
            credentials: replace(credentials),
        });
    }

    pub(super) fn username(&self) -> &str {
        self.username.as_str()
    }

    /// Goes on after a challenge was met.
    pub(super) fn advance(
        mut self: Box<Self>,
        reply: AuthReply,
        handshake: Option<Handshake>,
        now: SystemTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        if let Some(name) =
            reply.parameter(param::USERNAME).or(reply.parameter(param::USER_ID_FOR_SRP))
        {
            self.username = Username::Internal(name.to_owned());
        }
        match (&reply.challenge, handshake) {
            (None, _) => {
                let presented = self.presented.take();
                // A remembered device would have been asked to prove itself.
                let device = presented
                    .map(|it| DeviceRecord { status: DeviceStatus::NotRemembered, ..it.record });
                self.conclude(reply, device, rng)
            }
            (Some(ChallengeNameType::PasswordVerifier), Some(handshake)) => {
                self.prove_password(&reply, &handshake, now)
            }
            (Some(ChallengeNameType::DeviceSrpAuth), _) => match self.presented.take() {
                Some(device) => Ok(self.begin_device_proof(reply, device, rng)),
                None => Err(reply.out_of_turn()),
            },
            _ => {
                let prompt = Prompt::read(&reply)?;
                Ok(Step::Ask(prompt.ask(self, reply.session, None)))
            }
        }
    }

    /// Answers `PASSWORD_VERIFIER`.
    fn prove_password(
        self: Box<Self>,
        reply: &AuthReply,
        handshake: &Handshake,
        now: SystemTime,
    ) -> Result<Step, Error> {
        let user_id = reply.parameter(param::USER_ID_FOR_SRP).unwrap_or(self.username());
        let identity = Identity::user(self.config.pool_name(), user_id);
        let responses = claim(reply, &identity, &handshake.password, &handshake.ephemeral, now)?;
        let challenge = ChallengeNameType::PasswordVerifier;
        let answer = Answer { challenge, session: reply.session.clone(), responses };
        Ok(self.send(answer, None, None).into())
    }

    /// Answers `DEVICE_SRP_AUTH`. The device's A is made only here, since a flow may come here
    /// without any other proof.
    fn begin_device_proof(
        self: Box<Self>,
        reply: AuthReply,
        device: Presented,
        rng: &mut impl CryptoRng,
    ) -> Step {
        let ephemeral = ClientEphemeral::generate(rng);
        let answer = Answer {
            challenge: ChallengeNameType::DeviceSrpAuth,
            session: reply.session,
            responses: Sensitive::from([(param::SRP_A, ephemeral.public().to_hex())]),
        };
        let request = self.respond(&answer, Some(&device.record));
        self.send_aside(request, Awaiting::DeviceChallenge { device, ephemeral }).into()
    }

    /// Answers `DEVICE_PASSWORD_VERIFIER`.
    pub(super) fn prove_device(
        self: Box<Self>,
        reply: AuthReply,
        device: Presented,
        ephemeral: &ClientEphemeral,
        now: SystemTime,
    ) -> Result<Step, Error> {
        if reply.challenge != Some(ChallengeNameType::DevicePasswordVerifier) {
            return Err(reply.out_of_turn());
        }
        let record = &device.record;
        let identity = Identity::device(&record.group_key, &record.device_key);
        let responses = claim(&reply, &identity, &record.password, ephemeral, now)?;
        let challenge = ChallengeNameType::DevicePasswordVerifier;
        let request =
            self.respond(&Answer { challenge, session: reply.session, responses }, Some(record));
        Ok(self.send_aside(request, Awaiting::DeviceProof { device }).into())
    }

    /// Takes the tokens that follow on a device's proof, and nothing else: another challenge there
    /// could go round for ever.
    pub(super) fn conclude_proven(
        self: Box<Self>,
        reply: AuthReply,
        device: Presented,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        match reply.challenge {
            Some(_) => Err(reply.out_of_turn()),
            None => {
                let record = DeviceRecord { status: DeviceStatus::Remembered, ..device.record };
                self.conclude(reply, Some(record), rng)
            }
        }
    }

    /// The device, if the service does not know it.
    pub(super) fn take_unknown_device(&mut self, error: &Error) -> Option<Presented> {
        let unknown = error.as_service_error().is_some_and(ServiceError::is_unknown_device);
        self.presented.take_if(|_| unknown)
    }

    /// Repeats an answer without the device: the service still holds the state of this step.
    pub(super) fn repeat_without(
        self: Box<Self>,
        device: Presented,
        answer: Answer,
        handshake: Option<Handshake>,
        prompt: Option<Prompt>,
    ) -> Step {
        let discarded = self.discarded(device.record);
        Self::without(discarded, self.send(answer, handshake, prompt))
    }

    /// Begins again without the device.
    pub(super) fn start_over(self: Box<Self>, device: Presented, rng: &mut impl CryptoRng) -> Step {
        let discarded = self.discarded(device.record);
        Self::without(discarded, self.begin(device.credentials, None, rng))
    }

    /// The record to delete, if the service has said that it is its user who signs in. A name can
    /// come to lead to another user than it did, and two users' names can differ in case alone:
    /// that this one may not use the device says nothing against it.
    fn discarded(&self, record: DeviceRecord) -> Option<DeviceRecord> {
        match &self.username {
            Username::Internal(name) if *name == record.owner.username => Some(record),
            Username::Internal(_) | Username::Typed(_) => None,
        }
    }

    fn without(discarded: Option<DeviceRecord>, (sign_in, request): (SignIn, Request)) -> Step {
        match discarded {
            Some(device) => Step::Discard { device: Box::new(device), sign_in, request },
            None => Step::Send(sign_in, request),
        }
    }

    /// Begins again without the device if the service refused its proof.
    pub(super) fn start_over_if_refused(
        self: Box<Self>,
        device: Presented,
        error: Error,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        let refused = error.as_service_error().is_some_and(|error| {
            let against_another = error.is_spent_session() || error.is_barred_user();
            error.is_unknown_device()
                || *error.code() == ErrorCode::NotAuthorized && !against_another
        });
        if refused { Ok(self.start_over(device, rng)) } else { Err(error) }
    }

    /// Takes the tokens, and sets about confirming a new device.
    fn conclude(
        self: Box<Self>,
        reply: AuthReply,
        device: Option<DeviceRecord>,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        let operation = reply.operation;
        let Some(mut result) = reply.result else { return Err(reply.out_of_turn()) };
        let new_device = result.new_device_metadata.take().and_then(keys);
        let tokens = Tokens::from_wire(operation, result)?;
        let claims = tokens.claims();
        let username = claims.username.clone().unwrap_or_else(|| self.username().to_owned());
        if let Some((device_key, group_key)) = new_device {
            let owner = DeviceOwner::new(&self.config, &username);
            let device =
                UnconfirmedDevice::enrol(owner, device_key, group_key, self.name.clone(), rng);
            let request = device.request(&tokens.access);
            return Ok(self
                .send_aside(request, Awaiting::Confirmation { tokens, username, device })
                .into());
        }
        let device = match device {
            // A token that cannot be read says nothing against the device.
            Some(record) if claims == Claims::default() => DeviceOutcome::Known(record),
            Some(record)
                if claims.device_key.as_ref() == Some(&record.device_key)
                    && record.owner.username == username =>
            {
                DeviceOutcome::Known(record)
            }
            _ => DeviceOutcome::Untracked,
        };
        Ok(Outcome { tokens, username, device }.into())
    }

    /// Ends the sign-in after `ConfirmDevice`, unless the user had decided to have the device
    /// remembered.
    pub(super) fn confirmed(
        self: Box<Self>,
        tokens: Tokens,
        username: String,
        device: UnconfirmedDevice,
        reply: Reply<'_>,
    ) -> Step {
        let (record, consent) = match device.handle(reply) {
            Ok(confirmed) => confirmed,
            Err(error) => {
                let device = DeviceOutcome::Unconfirmed { device, error };
                return Outcome { tokens, username, device }.into();
            }
        };
        let prompt = match (consent, self.remember) {
            (Consent::Needed, RememberChoice::Remember) => {
                let request = Request::new(&UpdateDeviceStatusRequest {
                    device_remembered_status: Some(DeviceRememberedStatusType::Remembered),
                    ..UpdateDeviceStatusRequest::new(tokens.access.clone(), &record.device_key)
                });
                return self
                    .send_aside(request, Awaiting::Remembrance { tokens, username, record })
                    .into();
            }
            (Consent::Needed, RememberChoice::Ask) => RememberPrompt::Ask,
            (Consent::Needed, RememberChoice::DoNotRemember) | (Consent::NotNeeded, _) => {
                RememberPrompt::Settled
            }
        };
        Outcome { tokens, username, device: DeviceOutcome::New { record, prompt } }.into()
    }
}

/// The password claim that answers a verifier challenge.
fn claim(
    reply: &AuthReply,
    identity: &Identity<'_>,
    password: &str,
    ephemeral: &ClientEphemeral,
    now: SystemTime,
) -> Result<Parameters, Error> {
    let salt = Salt::from_hex(reply.required(param::SALT, "it has no SALT")?)?;
    let b = PublicValue::from_hex(reply.required(param::SRP_B, "it has no SRP_B")?)?;
    let secret_block = reply.required(param::SECRET_BLOCK, "it has no SECRET_BLOCK")?;
    // Services that stand in for the real one use either alphabet, and other clients read both.
    let block = LENIENT
        .decode(secret_block)
        .or_else(|_| LENIENT_URL_SAFE.decode(secret_block))
        .map_err(|_| Error::malformed(reply.operation, "its SECRET_BLOCK is not base64"))?;
    let timestamp = Timestamp::from_unix_seconds(unix_seconds(now)).to_string();
    let proof =
        ephemeral.session_key(identity, password, &salt, &b)?.sign(identity, &block, &timestamp);
    Ok(Sensitive::from([
        (param::PASSWORD_CLAIM_SECRET_BLOCK, secret_block.to_owned()),
        (param::PASSWORD_CLAIM_SIGNATURE, proof.to_base64()),
        (param::TIMESTAMP, timestamp),
    ]))
}

fn extend(all: &mut Metadata, entries: &Metadata) {
    all.extend(entries.iter().map(|(name, value)| (name.clone(), value.clone())));
}

fn unix_seconds(moment: SystemTime) -> i64 {
    let seconds =
        |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration()),
    }
}

/// Both keys of a new device; with one missing there is nothing to confirm.
fn keys(metadata: NewDeviceMetadataType) -> Option<(String, String)> {
    let present = |key: Option<String>| key.filter(|key| !key.is_empty());
    present(metadata.device_key).zip(present(metadata.device_group_key))
}
