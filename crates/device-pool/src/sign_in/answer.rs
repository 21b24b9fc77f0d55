//! The answer of a sign-in operation: a challenge or tokens.

use device_wire::Sensitive;
use device_wire::enums::ChallengeNameType;
use device_wire::responses::InitiateAuthResponse;
use device_wire::shapes::AuthenticationResultType;

use crate::command::parameters::Parameters;

/// The answer of a sign-in operation: a challenge or tokens.
pub(crate) struct Answer {
    challenge: Option<ChallengeNameType>,
    available: Option<Vec<ChallengeNameType>>,
    session: Option<String>,
    result: Option<AuthenticationResultType>,
    /// The `ChallengeParameters`: present, and mostly empty, beside tokens too.
    parameters: Parameters,
}

impl Answer {
    pub(crate) fn challenge(
        name: ChallengeNameType,
        parameters: Parameters,
        session: Option<String>,
    ) -> Self {
        Self { challenge: Some(name), parameters, available: None, session, result: None }
    }

    pub(crate) fn tokens(result: AuthenticationResultType) -> Self {
        Self {
            challenge: None,
            parameters: Parameters::default(),
            available: None,
            session: None,
            result: Some(result),
        }
    }

    /// Adds a parameter.
    pub(crate) fn with_parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters = self.parameters.with(name, value);
        self
    }

    /// Sets the challenges that the client may choose from.
    pub(crate) fn available(mut self, challenges: Vec<ChallengeNameType>) -> Self {
        self.available = Some(challenges);
        self
    }
}

/// The other three responses with an answer have the same members, and come from this one.
impl From<Answer> for InitiateAuthResponse {
    fn from(answer: Answer) -> Self {
        Self {
            challenge_name: answer.challenge,
            session: answer.session.map(Sensitive::from),
            challenge_parameters: Some(answer.parameters.into_wire()),
            authentication_result: answer.result,
            available_challenges: answer.available,
        }
    }
}
