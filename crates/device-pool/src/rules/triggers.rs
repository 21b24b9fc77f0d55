//! Lambda triggers: the operator's code, called where and as the service calls it.

use device_wire::ErrorCode;
use device_wire::enums::PreTokenGenerationLambdaVersionType;
use device_wire::shapes::LambdaConfigType;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::hooks::HookError;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;

/// The triggers that the engine calls, as `LambdaConfig` names them.
pub const TRIGGERS: &[&str] = &[
    "CreateAuthChallenge",
    "DefineAuthChallenge",
    "PostAuthentication",
    "PostConfirmation",
    "PreAuthentication",
    "PreSignUp",
    "PreTokenGeneration",
    "PreTokenGenerationConfig",
    "VerifyAuthChallengeResponse",
];

/// The client id in the events of operations that name no app client.
pub(crate) const NO_CLIENT: &str = "CLIENT_ID_NOT_APPLICABLE";

/// A trigger of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    CreateAuthChallenge,
    DefineAuthChallenge,
    PostAuthentication,
    PostConfirmation,
    PreAuthentication,
    PreSignUp,
    PreTokenGeneration,
    VerifyAuthChallengeResponse,
}

impl Trigger {
    /// The name in error messages.
    const fn name(self) -> &'static str {
        match self {
            Self::CreateAuthChallenge => "CreateAuthChallenge",
            Self::DefineAuthChallenge => "DefineAuthChallenge",
            Self::PostAuthentication => "PostAuthentication",
            Self::PostConfirmation => "PostConfirmation",
            Self::PreAuthentication => "PreAuthentication",
            Self::PreSignUp => "PreSignUp",
            Self::PreTokenGeneration => "PreTokenGeneration",
            Self::VerifyAuthChallengeResponse => "VerifyAuthChallengeResponse",
        }
    }

    /// Whether the pool names a function for this trigger. The triggers of custom authentication
    /// are called without one, too, since the flow is nothing without them.
    pub(crate) fn is_configured(self, pool: &Pool) -> bool {
        let named = |of: fn(&LambdaConfigType) -> bool| {
            pool.description.lambda_config.as_ref().is_some_and(of)
        };
        match self {
            Self::PostAuthentication => named(|config| config.post_authentication.is_some()),
            Self::PostConfirmation => named(|config| config.post_confirmation.is_some()),
            Self::PreAuthentication => named(|config| config.pre_authentication.is_some()),
            Self::PreSignUp => named(|config| config.pre_sign_up.is_some()),
            Self::PreTokenGeneration => named(|config| token_version(config).is_some()),
            Self::CreateAuthChallenge
            | Self::DefineAuthChallenge
            | Self::VerifyAuthChallengeResponse => true,
        }
    }
}

/// The version of the token trigger's events, if a function is named for it.
fn token_version(config: &LambdaConfigType) -> Option<TokenVersion> {
    match &config.pre_token_generation_config {
        Some(versioned) => Some(match versioned.lambda_version {
            PreTokenGenerationLambdaVersionType::V1_0 => TokenVersion::One,
            PreTokenGenerationLambdaVersionType::V3_0 => TokenVersion::Three,
            _ => TokenVersion::Two,
        }),
        None => config.pre_token_generation.as_ref().map(|_| TokenVersion::One),
    }
}

/// The version of the token trigger's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenVersion {
    One,
    Two,
    Three,
}

impl TokenVersion {
    /// The version of the pool's token trigger, if it has one.
    pub(crate) fn of(pool: &Pool) -> Option<Self> {
        pool.description.lambda_config.as_ref().and_then(token_version)
    }

    const fn text(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
            Self::Three => "3",
        }
    }
}

/// An event for a trigger, in the service's shape.
pub(crate) struct Event<'a> {
    pub(crate) trigger: Trigger,
    /// The situation, as `triggerSource` names it: `PreSignUp_SignUp`.
    pub(crate) source: &'static str,
    pub(crate) pool: &'a Pool,
    pub(crate) client_id: &'a str,
    pub(crate) username: &'a str,
    pub(crate) request: Value,
    /// The response as the trigger finds it.
    pub(crate) response: Value,
}

impl Event<'_> {
    /// Calls the trigger and reads its response. `None` if the pool has no such trigger, or nothing
    /// here would run it.
    pub(crate) fn call<T: DeserializeOwned>(
        self,
        cx: &mut Context<'_, '_>,
    ) -> Result<Option<T>, ServiceError> {
        if !self.trigger.is_configured(self.pool) {
            return Ok(None);
        }
        let version = TokenVersion::of(self.pool)
            .filter(|_| self.trigger == Trigger::PreTokenGeneration)
            .unwrap_or(TokenVersion::One);
        let event = json!({
            "version": version.text(),
            "region": cx.config.region,
            "userPoolId": self.pool.id,
            "userName": self.username,
            "callerContext": {"awsSdkVersion": "device-auth", "clientId": self.client_id},
            "triggerSource": self.source,
            "request": self.request,
            "response": self.response,
        });
        let answer = match cx.hooks.call(&event) {
            Err(HookError::Missing) => return Ok(None),
            answer => answer,
        };
        let mut answer = answer.map_err(|error| refusal(self.trigger, error))?;
        let response = answer.get_mut("response").map(Value::take).ok_or_else(unrecognizable)?;
        serde_json::from_value(response).map(Some).map_err(|_| unrecognizable())
    }
}

fn refusal(trigger: Trigger, error: HookError) -> ServiceError {
    let name = trigger.name();
    match error {
        HookError::Refused(reason) => {
            let reason = printable(reason.trim_end_matches('.'));
            ServiceError::new(
                ErrorCode::UserLambdaValidation,
                format!("{name} failed with error {reason}."),
            )
        }
        HookError::Missing | HookError::Busy => {
            ServiceError::new(ErrorCode::TooManyRequests, "Too many requests")
        }
        HookError::Failed(reason) => ServiceError::new(
            ErrorCode::UnexpectedLambda,
            format!("{name} invocation failed due to error {reason}."),
        ),
    }
}

/// A hook's reason as anyone may read it: without control characters, and not a stack trace.
fn printable(reason: &str) -> String {
    const LONGEST: usize = 256;
    let line = reason.split(['\n', '\r']).next().unwrap_or_default();
    line.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

pub(crate) fn unrecognizable() -> ServiceError {
    ServiceError::new(ErrorCode::InvalidLambdaResponse, "Unrecognizable lambda output")
}

/// A user's attributes as events show them: texts, with the status among them.
pub(crate) fn attributes(user: &User, profile: &UserProfile) -> Map<String, Value> {
    let status = ("cognito:user_status".to_owned(), json!(user.status));
    profile
        .list(user)
        .into_iter()
        .filter_map(|attribute| Some((attribute.name, json!(attribute.value?.as_str()))))
        .chain([status])
        .collect()
}
