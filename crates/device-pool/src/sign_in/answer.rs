//! The answer of a sign-in operation: a challenge or tokens.

use device_wire::Sensitive;
use device_wire::enums::ChallengeNameType;
use device_wire::responses::InitiateAuthResponse;
use device_wire::shapes::AuthenticationResultType;

use crate::command::parameters::Parameters;

/// The answer of a sign-in operation: a challenge or tokens.
pub(crate) struct Answer {
    challenge: Option<(ChallengeNameType, Parameters)>,
    available: Option<Vec<ChallengeNameType>>,
    session: Option<String>,
    result: Option<AuthenticationResultType>,
}

impl Answer {
    pub(crate) fn challenge(
        name: ChallengeNameType,
        parameters: Parameters,
        session: Option<String>,
    ) -> Self {
        Self { challenge: Some((name, parameters)), available: None, session, result: None }
    }

    pub(crate) fn tokens(result: AuthenticationResultType) -> Self {
        Self { challenge: None, available: None, session: None, result: Some(result) }
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
        let (name, parameters) = answer.challenge.unzip();
        Self {
            challenge_name: name,
            session: answer.session.map(Sensitive::from),
            // Present and empty if there are tokens.
            challenge_parameters: Some(parameters.unwrap_or_default().into_wire()),
            authentication_result: answer.result,
            available_challenges: answer.available,
        }
    }
}
