//! `CUSTOM_AUTH`: the operator decides each step, through hooks instead of the service's Lambda
//! triggers.

use std::collections::BTreeMap;

use device_wire::enums::ChallengeNameType;
use device_wire::{Sensitive, param};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::command::context::Context;
use crate::command::notes::Finding;
use crate::command::parameters::Parameters;
use crate::error::ServiceError;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::rules::account::Account;
use crate::rules::parties::Parties;
use crate::rules::risk;
use crate::rules::triggers::{Event, Trigger, attributes, unrecognizable};
use crate::sign_in::answer::Answer;
use crate::sign_in::progress::{ChallengeResult, Progress};
use crate::sign_in::session::{OpenSession, Stage, invalid_session};
use crate::sign_in::srp::{challenge_srp, incorrect};
use crate::sign_in::step::{Step, StepRequest};

/// The response of `DefineAuthChallenge`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Definition {
    challenge_name: Option<String>,
    issue_tokens: Option<bool>,
    fail_authentication: Option<bool>,
}

/// The response of `CreateAuthChallenge`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Creation {
    public_challenge_parameters: Option<BTreeMap<String, String>>,
    private_challenge_parameters: Option<Sensitive<BTreeMap<String, String>>>,
    challenge_metadata: Option<String>,
}

/// The response of `VerifyAuthChallengeResponse`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Verification {
    answer_correct: Option<bool>,
}

/// A running custom flow: the client's request and the user.
struct Flow {
    request: StepRequest,
    username: String,
    /// `None` for a decoy.
    user: Option<User>,
}

/// `InitiateAuth` with `CUSTOM_AUTH`.
pub(crate) fn start(cx: &mut Context<'_, '_>, request: StepRequest) -> Result<Step, ServiceError> {
    let StepRequest { pool, keys, client, given, .. } = &request;
    let account = Account::find(cx, pool, keys, client, request.username()?)?;
    let device_key = given.get(param::DEVICE_KEY).map(str::to_owned);
    let with_password = given.get(param::CHALLENGE_NAME) == Some("SRP_A");
    let (username, user) = (account.username.clone(), account.user.as_deref().cloned());
    let flow = Flow { request, username, user };
    if with_password {
        let steps = [ChallengeResult::passed("SRP_A")];
        let defined = flow.define(cx, &steps)?;
        if defined.fail_authentication == Some(true) {
            return Err(incorrect());
        }
        if defined.challenge_name.as_deref() == Some("CUSTOM_CHALLENGE") {
            // Old clients send SRP_A for every custom flow, and a trigger may continue without a
            // password. Then none is proven, so devices take no part.
            let mut progress = Progress::start(cx, &flow.username, flow.user.as_ref(), None);
            progress.custom = Some(steps.into());
            return flow.follow(cx, progress, None, defined);
        }
        if defined.challenge_name.as_deref() != Some("PASSWORD_VERIFIER") {
            return Err(unrecognizable());
        }
        return challenge_srp(cx, &flow.request, account, device_key.as_deref(), true)
            .map(Step::from);
    }
    let mut progress = Progress::start(cx, &flow.username, flow.user.as_ref(), device_key);
    progress.custom = Some(Vec::new());
    flow.go_on(cx, progress, None)
}

/// Asks the operator for the step after a password proven in a custom flow.
pub(crate) fn decide(
    cx: &mut Context<'_, '_>,
    parties: Parties,
    progress: Progress,
    metadata: Map<String, Value>,
) -> Result<Step, ServiceError> {
    let Parties { pool, keys, client, user } = parties;
    let given = Parameters::default();
    let request = StepRequest { pool, keys, client, session: None, given, metadata };
    Flow { request, username: user.username.clone(), user: Some(user) }.go_on(cx, progress, None)
}

/// The answer to `CUSTOM_CHALLENGE`.
pub(crate) fn answer(cx: &mut Context<'_, '_>, request: StepRequest) -> Result<Step, ServiceError> {
    let given = request.given.require(param::ANSWER)?.to_owned();
    let opened = OpenSession::of_request(cx, &request)?;
    let Stage::Custom(private) = opened.stage.clone() else { return Err(invalid_session()) };
    let account = opened.account(cx, &request)?;
    let whose = account.whose(&request.pool);
    let attempts = Attempts::permit(cx, whose, Attempt::CustomChallenge, None)?;
    let user = account.user.map(|user| *user);
    let flow = Flow { request, username: account.username, user };
    let request = json!({ "privateChallengeParameters": private, "challengeAnswer": given });
    let verified: Result<Verification, _> =
        flow.call(cx, Trigger::VerifyAuthChallengeResponse, request);
    // The session is used up even if the hook ends the flow: the hook may have seen the answer.
    let mut progress = opened.forfeit(cx)?;
    let correct = match verified {
        Ok(verified) => verified.answer_correct == Some(true),
        Err(error) => {
            // Many hooks throw on a wrong answer, and their errors do not distinguish it from other
            // failures.
            attempts.failed(cx)?;
            cx.notes.reasons = vec!["Refused: the operator's hook did not judge the answer".into()];
            cx.notes.trail = Some(progress.trail);
            return Err(error);
        }
    };
    let unsettled = if correct {
        cx.notes.finding = Finding::InProgress;
        Some(attempts)
    } else {
        attempts.failed(cx)?;
        progress.trail.reasons.append(&mut cx.notes.reasons);
        None
    };
    cx.notes.trail = Some(progress.trail.clone());
    if let Some(last) = progress.custom.as_mut().and_then(|steps| steps.last_mut()) {
        last.challenge_result = correct;
    }
    flow.go_on(cx, progress, unsettled)
}

impl Flow {
    /// Follows the operator's definition of the next step.
    ///
    /// `attempts` comes with a right answer, and is reset only if the flow succeeds: an easy step
    /// must not buy guesses at a hard one.
    fn go_on(
        self,
        cx: &mut Context<'_, '_>,
        progress: Progress,
        attempts: Option<Attempts>,
    ) -> Result<Step, ServiceError> {
        let steps = progress.custom.as_deref().unwrap_or_default();
        let defined = self.define(cx, steps)?;
        self.follow(cx, progress, attempts, defined)
    }

    /// Follows this definition. `attempts` as in [`Flow::go_on`].
    fn follow(
        self,
        cx: &mut Context<'_, '_>,
        mut progress: Progress,
        attempts: Option<Attempts>,
        defined: Definition,
    ) -> Result<Step, ServiceError> {
        let mut steps = progress.custom.take().unwrap_or_default();
        if defined.fail_authentication == Some(true) {
            cx.notes.judge(&progress.trail, progress.device_key.as_deref(), Finding::Failed);
            cx.notes.reason("Refused: the operator's hook ended the custom flow");
            return Err(incorrect());
        }
        if defined.issue_tokens == Some(true) {
            // Never issue tokens without a user, whatever a hook says.
            let Self { request, user: Some(user), .. } = self else { return Err(incorrect()) };
            user.admit()?;
            if let Some(attempts) = attempts {
                attempts.succeeded(cx);
            }
            if !progress.password_proven {
                progress.trail.risk = risk::assess(cx, &request.pool, &user)?;
            }
            progress.trail.note("Custom challenges passed");
            let (parties, _) = request.with_user(user);
            return Ok(Step::passed(parties, progress));
        }
        if defined.challenge_name.as_deref() != Some("CUSTOM_CHALLENGE") {
            return Err(unrecognizable());
        }
        let request = json!({ "challengeName": "CUSTOM_CHALLENGE", "session": steps });
        let created: Creation = self.call(cx, Trigger::CreateAuthChallenge, request)?;
        // Counts as failed until it is answered.
        steps.push(ChallengeResult {
            challenge_name: "CUSTOM_CHALLENGE".to_owned(),
            challenge_result: false,
            challenge_metadata: created.challenge_metadata,
        });
        progress.custom = Some(steps);
        let private = created.private_challenge_parameters.unwrap_or_default();
        let StepRequest { keys, client, .. } = &self.request;
        let session = progress.session(cx, keys, client, Stage::Custom(private))?;
        let public = created.public_challenge_parameters.unwrap_or_default().into_iter();
        let parameters =
            public.fold(Parameters::default(), |all, (name, value)| all.with(&name, value));
        let parameters = parameters.with(param::USERNAME, self.username.as_str());
        let name = ChallengeNameType::CustomChallenge;
        Ok(Answer::challenge(name, parameters, Some(session)).into())
    }

    fn define(
        &self,
        cx: &mut Context<'_, '_>,
        steps: &[ChallengeResult],
    ) -> Result<Definition, ServiceError> {
        self.call(cx, Trigger::DefineAuthChallenge, json!({ "session": steps }))
    }

    /// Calls the operator's hook with an event in the shape of the service's trigger events.
    fn call<T: for<'de> Deserialize<'de>>(
        &self,
        cx: &mut Context<'_, '_>,
        trigger: Trigger,
        mut request: Value,
    ) -> Result<T, ServiceError> {
        // Before anything of the user is read, so that timing does not tell who exists.
        if !cx.hooks.runs(trigger.function(&self.request.pool)) {
            return Err(not_configured());
        }
        let attributes = match &self.user {
            Some(user) => attributes(user, &UserProfile::of(cx, user)?),
            None => {
                cx.tx.find::<UserProfile>(&User::key(&self.request.pool.id, &self.username))?;
                Map::new()
            }
        };
        if let Some(request) = request.as_object_mut() {
            request.insert("userAttributes".to_owned(), attributes.into());
            request.insert("userNotFound".to_owned(), self.user.is_none().into());
            request.insert("clientMetadata".to_owned(), self.request.metadata.clone().into());
        }
        let response = match trigger {
            Trigger::DefineAuthChallenge => {
                json!({"challengeName": null, "issueTokens": null, "failAuthentication": null})
            }
            Trigger::CreateAuthChallenge => json!({
                "publicChallengeParameters": null, "privateChallengeParameters": null,
                "challengeMetadata": null,
            }),
            _ => json!({"answerCorrect": null}),
        };
        let source = match trigger {
            Trigger::DefineAuthChallenge => "DefineAuthChallenge_Authentication",
            Trigger::CreateAuthChallenge => "CreateAuthChallenge_Authentication",
            _ => "VerifyAuthChallengeResponse_Authentication",
        };
        let StepRequest { pool, client, .. } = &self.request;
        let event = Event {
            trigger,
            source,
            pool,
            client_id: &client.id,
            username: &self.username,
            request,
            response,
        };
        event.call(cx)?.ok_or_else(not_configured)
    }
}

fn not_configured() -> ServiceError {
    ServiceError::invalid("Custom auth lambda trigger is not configured for the user pool.")
}
