//! Lambda triggers: the operator's code, called where and as the service calls it.

use std::collections::BTreeMap;

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

/// The triggers that are called, as `LambdaConfig` names them. `InboundFederation` is not: there is
/// no federation here.
pub const TRIGGERS: &[&str] = &[
    "CreateAuthChallenge",
    "CustomEmailSender",
    "CustomMessage",
    "CustomSMSSender",
    "DefineAuthChallenge",
    "PostAuthentication",
    "PostConfirmation",
    "PreAuthentication",
    "PreSignUp",
    "PreTokenGeneration",
    "PreTokenGenerationConfig",
    "UserMigration",
    "VerifyAuthChallengeResponse",
];

/// The client id in the events of operations that name no app client.
pub(crate) const NO_CLIENT: &str = "CLIENT_ID_NOT_APPLICABLE";

/// The version of the client's SDK in events. The service says this of SDKs that it does not know.
const SDK_VERSION: &str = "aws-sdk-unknown-unknown";

/// A trigger of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    CreateAuthChallenge,
    CustomEmailSender,
    CustomMessage,
    CustomSmsSender,
    DefineAuthChallenge,
    PostAuthentication,
    PostConfirmation,
    PreAuthentication,
    PreSignUp,
    PreTokenGeneration,
    UserMigration,
    VerifyAuthChallengeResponse,
}

impl Trigger {
    /// The name in error messages and trigger sources.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CreateAuthChallenge => "CreateAuthChallenge",
            Self::CustomEmailSender => "CustomEmailSender",
            Self::CustomMessage => "CustomMessage",
            Self::CustomSmsSender => "CustomSMSSender",
            Self::DefineAuthChallenge => "DefineAuthChallenge",
            Self::PostAuthentication => "PostAuthentication",
            Self::PostConfirmation => "PostConfirmation",
            Self::PreAuthentication => "PreAuthentication",
            Self::PreSignUp => "PreSignUp",
            Self::PreTokenGeneration => "PreTokenGeneration",
            Self::UserMigration => "UserMigration",
            Self::VerifyAuthChallengeResponse => "VerifyAuthChallengeResponse",
        }
    }

    /// The function that the pool names for this trigger.
    pub(crate) fn function(self, pool: &Pool) -> Option<&str> {
        let config = pool.description.lambda_config.as_ref()?;
        match self {
            Self::CreateAuthChallenge => config.create_auth_challenge.as_deref(),
            Self::CustomEmailSender => {
                config.custom_email_sender.as_ref().map(|sender| sender.lambda_arn.as_str())
            }
            Self::CustomMessage => config.custom_message.as_deref(),
            Self::CustomSmsSender => {
                config.custom_sms_sender.as_ref().map(|sender| sender.lambda_arn.as_str())
            }
            Self::DefineAuthChallenge => config.define_auth_challenge.as_deref(),
            Self::PostAuthentication => config.post_authentication.as_deref(),
            Self::PostConfirmation => config.post_confirmation.as_deref(),
            Self::PreAuthentication => config.pre_authentication.as_deref(),
            Self::PreSignUp => config.pre_sign_up.as_deref(),
            Self::PreTokenGeneration => match &config.pre_token_generation_config {
                Some(versioned) => Some(&versioned.lambda_arn),
                None => config.pre_token_generation.as_deref(),
            },
            Self::UserMigration => config.user_migration.as_deref(),
            Self::VerifyAuthChallengeResponse => config.verify_auth_challenge_response.as_deref(),
        }
    }

    /// Whether the trigger is called. Those of custom authentication are called even if the pool
    /// names no function, since the flow is nothing without them.
    pub(crate) fn is_configured(self, pool: &Pool) -> bool {
        self.function(pool).is_some()
            || matches!(
                self,
                Self::CreateAuthChallenge
                    | Self::DefineAuthChallenge
                    | Self::VerifyAuthChallengeResponse
            )
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
    pub(crate) source: &'a str,
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
        let (trigger, function) = (self.trigger, self.trigger.function(self.pool));
        if !trigger.is_configured(self.pool) {
            return Ok(None);
        }
        let answer = match cx.hooks.call(function, &self.into_json(cx)) {
            Err(HookError::Missing) => return Ok(None),
            answer => answer,
        };
        let mut answer = answer.map_err(|error| refusal(trigger, error))?;
        let response = answer.get_mut("response").map(Value::take).ok_or_else(unrecognizable)?;
        serde_json::from_value(response).map(Some).map_err(|_| unrecognizable())
    }

    /// The event as the trigger gets it.
    pub(crate) fn into_json(self, cx: &Context<'_, '_>) -> Value {
        let version = TokenVersion::of(self.pool)
            .filter(|_| self.trigger == Trigger::PreTokenGeneration)
            .unwrap_or(TokenVersion::One);
        json!({
            "version": version.text(),
            "region": cx.config.region,
            "userPoolId": self.pool.id,
            "userName": self.username,
            "callerContext": {"awsSdkVersion": SDK_VERSION, "clientId": self.client_id},
            "triggerSource": self.source,
            "request": self.request,
            "response": self.response,
        })
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
            format!("{name} invocation failed due to error {}.", printable(&reason)),
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

/// The `clientMetadata` of a request as events show it.
pub(crate) fn metadata(given: Option<BTreeMap<String, String>>) -> Map<String, Value> {
    given.into_iter().flatten().map(|(name, value)| (name, Value::from(value))).collect()
}

/// The `request` of an event, with the client's metadata if there is any.
pub(crate) fn with_metadata(mut request: Value, metadata: &Map<String, Value>) -> Value {
    if !metadata.is_empty()
        && let Some(request) = request.as_object_mut()
    {
        request.insert("clientMetadata".to_owned(), metadata.clone().into());
    }
    request
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
