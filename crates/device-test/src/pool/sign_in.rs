//! Sign-ins in process, by the client's own state machine.

use device_proto::{
    Challenge, CodeSource, Config, Credentials, DeviceOutcome, DeviceRecord, Error, Outcome,
    RememberChoice, Reply, Request, SignIn, Step, ThisDevice,
};
use serde_json::Value;

use super::{TestPool, TestUser};

/// Builds a device; see [`TestPool::device`].
#[must_use = "it makes a device by create()"]
pub struct DeviceBuilder<'a> {
    pool: &'a TestPool,
    user: &'a TestUser,
    name: String,
    remember: RememberChoice,
}

impl TestPool {
    /// Creates a builder for a remembered device of a user.
    pub fn device<'a>(&'a self, user: &'a TestUser) -> DeviceBuilder<'a> {
        let (name, remember) = ("device".to_owned(), RememberChoice::Remember);
        DeviceBuilder { pool: self, user, name, remember }
    }

    /// Signs a user in on a new device. Codes are taken from the user's authenticator app and from
    /// the messages.
    ///
    /// # Panics
    /// If the service refuses, or asks for something else.
    #[track_caller]
    pub fn sign_in(&self, user: &TestUser) -> Outcome {
        self.try_sign_in(user, user.credentials(), None.into()).unwrap()
    }

    /// Signs a user in on a device of theirs; see [`TestPool::sign_in`].
    ///
    /// # Panics
    /// If the service refuses, or asks for something else.
    #[track_caller]
    pub fn sign_in_on(&self, user: &TestUser, device: &DeviceRecord) -> Outcome {
        self.try_sign_in(user, user.credentials(), Some(device.clone()).into()).unwrap()
    }

    /// Signs a user in with `credentials`, on `device`; see [`TestPool::sign_in`].
    ///
    /// # Errors
    /// The error that ends the sign-in.
    ///
    /// # Panics
    /// If the service asks for something that is neither a code nor a device.
    #[track_caller]
    pub fn try_sign_in(
        &self,
        user: &TestUser,
        credentials: Credentials,
        device: ThisDevice,
    ) -> Result<Outcome, Error> {
        let config = Config::new(self.id(), self.client_id()).unwrap();
        let mut rng = self.host.rng.fork();
        let mut step = Step::from(SignIn::start(&config, credentials, device, &mut rng));
        loop {
            step = match step {
                Step::Send(sign_in, request) | Step::Discard { sign_in, request, .. } => {
                    let answer = self.send(&request);
                    let reply = match &answer {
                        Ok(body) => Reply::Answered(body),
                        Err(error) => Reply::Refused(error.clone()),
                    };
                    sign_in.handle(reply, self.clock().system_time(), &mut rng)?
                }
                Step::Find(lookup) => lookup.found(None),
                Step::Reread(device) => device.read(None),
                Step::Keep(offer) => offer.saved(),
                Step::Replaced { challenge, .. } => Step::Ask(challenge),
                Step::Ask(Challenge::Code(code)) => {
                    let text = match code.prompt().source {
                        CodeSource::Authenticator => self.authenticator_code(user),
                        _ => self.last_code(user.username()).expect("a code was sent"),
                    };
                    code.answer(&text).into()
                }
                Step::Ask(other) => panic!("{} is not answered here", other.name()),
                Step::Done(outcome) => return Ok(*outcome),
            };
        }
    }

    /// The body of the answer to a request of the client.
    fn send(&self, request: &Request) -> Result<Vec<u8>, device_proto::ServiceError> {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        match self.execute(request.operation(), body) {
            Ok(answer) => Ok(serde_json::to_vec(&answer.unwrap_or_default()).unwrap()),
            Err(error) => {
                Err(device_proto::ServiceError::new(error.code().clone(), error.message()))
            }
        }
    }
}

impl DeviceBuilder<'_> {
    /// Sets the name that users see. Default: `device`.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Leaves the device tracked but not remembered, if the pool lets users choose.
    pub fn not_remembered(mut self) -> Self {
        self.remember = RememberChoice::DoNotRemember;
        self
    }

    /// Signs the user in on a new device; returns its record, for a `DeviceStore` or for
    /// [`TestPool::sign_in_on`].
    ///
    /// # Panics
    /// If the service refuses, or the pool tracks no devices.
    #[track_caller]
    pub fn create(self) -> DeviceRecord {
        let device = ThisDevice::new().named(self.name).remember(self.remember);
        let outcome = self.pool.try_sign_in(self.user, self.user.credentials(), device).unwrap();
        match outcome.device {
            DeviceOutcome::New { record, .. } => record,
            other => panic!("no new device: {other:?}"),
        }
    }
}
