//! A step of a sign-in: its inputs and its result.
//!
//! A step returns; only the loop in `sign_in` calls the next one. So each step can be tested alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use device_wire::{Sensitive, param};
use serde_json::{Map, Value};

use crate::command::context::Context;
use crate::command::parameters::Parameters;
use crate::error::ServiceError;
use crate::records::app_client::AppClient;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::parties::Parties;
use crate::rules::triggers;
use crate::sign_in::answer::Answer;
use crate::sign_in::progress::Progress;

/// The inputs of a step: the pool, its keys, the app client and the client's parameters.
pub(crate) struct StepRequest {
    pub(crate) pool: Arc<Pool>,
    pub(crate) keys: Arc<PoolKeys>,
    pub(crate) client: Arc<AppClient>,
    pub(crate) session: Option<Sensitive<String>>,
    /// The `AuthParameters` or the `ChallengeResponses`.
    pub(crate) given: Parameters,
    /// The `ClientMetadata`, for the operator's hooks.
    pub(crate) metadata: Map<String, Value>,
}

impl StepRequest {
    /// Builds the inputs from a request. An empty session counts as none.
    pub(crate) fn new(
        cx: &mut Context<'_, '_>,
        pool: Arc<Pool>,
        client: Arc<AppClient>,
        session: Option<Sensitive<String>>,
        given: Option<Sensitive<BTreeMap<String, String>>>,
        metadata: Option<BTreeMap<String, String>>,
    ) -> Result<Self, ServiceError> {
        Ok(Self {
            keys: PoolKeys::load(cx, &pool.id)?,
            pool,
            client,
            session: session.filter(|session| !session.is_empty()),
            given: Parameters::from_wire(given),
            metadata: triggers::metadata(metadata),
        })
    }

    /// The session, if the client sent one.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.as_str())
    }

    /// Checks the `SECRET_HASH` against `USERNAME` and returns that name.
    pub(crate) fn username(&self) -> Result<&str, ServiceError> {
        let name = self.given.require(param::USERNAME)?;
        self.client.check_secret_hash(name, self.given.get(param::SECRET_HASH))?;
        Ok(name)
    }

    /// Splits into the parties, with this user, and the client's parameters.
    pub(crate) fn with_user(self, user: User) -> (Parties, Parameters) {
        let Self { pool, keys, client, given, .. } = self;
        (Parties { pool, keys, client, user }, given)
    }
}

/// The result of a step.
pub(crate) enum Step {
    /// The client must answer a challenge, or has its tokens.
    Answer(Box<Answer>),
    /// The step was passed; the loop in `sign_in` decides what is due.
    Passed(Box<Parties>, Box<Progress>),
}

impl Step {
    pub(crate) fn passed(parties: Parties, progress: Progress) -> Self {
        Self::Passed(Box::new(parties), Box::new(progress))
    }
}

impl From<Answer> for Step {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}
