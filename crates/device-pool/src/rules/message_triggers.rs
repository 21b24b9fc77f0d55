//! The triggers for messages: one words them, two deliver them in place of the server.

use device_wire::{ErrorCode, Sensitive};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::command::context::Context;
use crate::command::transaction::Transaction;
use crate::error::ServiceError;
use crate::host::message::{CustomSender, Medium, Topic};
use crate::records::address::Address;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::rules::triggers::{Event, Trigger, attributes, with_metadata};
use crate::store::Store;

/// The placeholder for the code in a message.
pub(crate) const CODE: &str = "{####}";

/// The placeholder for the user's name in a message.
pub(crate) const USERNAME: &str = "{username}";

/// The placeholder for a link. Events carry it; this server has no page that it could lead to.
const LINK: &str = "{##Click Here##}";

/// The maximum lengths of what the trigger answers, in characters.
const MAX_SMS: usize = 140;
const MAX_EMAIL: usize = 20_000;
const MAX_SUBJECT: usize = 140;

/// Why a message is sent, for its triggers.
pub(crate) struct Reason<'a> {
    pub(crate) situation: Situation,
    pub(crate) client_id: &'a str,
    pub(crate) metadata: Map<String, Value>,
}

/// The situation in which a message is sent, as trigger sources name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Situation {
    AdminCreateUser,
    Authentication,
    ForgotPassword,
    ResendCode,
    SignUp,
    UpdateUserAttribute,
    VerifyUserAttribute,
}

impl Situation {
    const fn name(self) -> &'static str {
        match self {
            Self::AdminCreateUser => "AdminCreateUser",
            Self::Authentication => "Authentication",
            Self::ForgotPassword => "ForgotPassword",
            Self::ResendCode => "ResendCode",
            Self::SignUp => "SignUp",
            Self::UpdateUserAttribute => "UpdateUserAttribute",
            Self::VerifyUserAttribute => "VerifyUserAttribute",
        }
    }

    /// What such a message is about.
    pub(crate) const fn topic(self) -> Topic {
        match self {
            Self::AdminCreateUser => Topic::Invitation,
            Self::Authentication => Topic::SignIn,
            Self::ForgotPassword => Topic::ForgotPassword,
            Self::ResendCode | Self::SignUp => Topic::SignUp,
            Self::UpdateUserAttribute | Self::VerifyUserAttribute => Topic::AttributeVerification,
        }
    }
}

/// The parts of a message that `CustomMessage` worded.
#[derive(Default)]
pub(crate) struct Wording {
    pub(crate) subject: Option<String>,
    pub(crate) body: Option<String>,
}

/// The response of `CustomMessage`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Response {
    sms_message: Option<String>,
    email_message: Option<String>,
    email_subject: Option<String>,
}

/// `CustomMessage`: the operator's text for this message. It has placeholders in place of the code
/// and the name, so the trigger learns no code.
pub(crate) fn word(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    to: &Address,
    reason: &Reason<'_>,
) -> Result<Wording, ServiceError> {
    let trigger = Trigger::CustomMessage;
    if !trigger.is_configured(pool) {
        return Ok(Wording::default());
    }
    let invites = reason.situation == Situation::AdminCreateUser;
    let request = json!({
        "userAttributes": attributes_at(user, &UserProfile::of(cx, user)?, to),
        "codeParameter": CODE,
        "linkParameter": LINK,
        "usernameParameter": invites.then_some(USERNAME),
    });
    let event = Event {
        trigger,
        source: &source(trigger, reason),
        pool,
        client_id: reason.client_id,
        username: &user.username,
        request: with_metadata(request, &reason.metadata),
        response: json!({"smsMessage": null, "emailMessage": null, "emailSubject": null}),
    };
    let Response { sms_message, email_message, email_subject } =
        event.call(cx)?.unwrap_or_default();
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let needed: &[&str] = if invites { &[CODE, USERNAME] } else { &[CODE] };
    let (subject, body, name, max) = match to.medium {
        Medium::Sms => (None, given(sms_message), "smsMessage", MAX_SMS),
        Medium::Email => (given(email_subject), given(email_message), "emailMessage", MAX_EMAIL),
    };
    check(name, body.as_deref(), max, needed)?;
    check("emailSubject", subject.as_deref(), MAX_SUBJECT, &[])?;
    Ok(Wording { subject, body })
}

/// Refuses a text that is too long or lacks a placeholder; the error says which.
fn check(
    name: &str,
    text: Option<&str>,
    max: usize,
    placeholders: &[&str],
) -> Result<(), ServiceError> {
    let Some(text) = text else { return Ok(()) };
    let wrong = if text.chars().count() > max {
        format!("has more than {max} characters")
    } else if let Some(missing) = placeholders.iter().find(|name| !text.contains(**name)) {
        format!("does not contain {missing}")
    } else {
        return Ok(());
    };
    Err(ServiceError::new(
        ErrorCode::InvalidLambdaResponse,
        format!("Unrecognizable lambda output: {name} {wrong}."),
    ))
}

/// `CustomEmailSender` or `CustomSMSSender`, if the pool has it for this medium.
///
/// The host calls it after the commit, as it delivers messages. So no code is sent for a change
/// that was not made, and no answer waits for it. The event has the code in clear: the service
/// encrypts it with a key of its own, which this server has not.
pub(crate) fn sender(
    cx: &Context<'_, '_>,
    pool: &Pool,
    user: &User,
    to: &Address,
    reason: &Reason<'_>,
    code: &Sensitive<String>,
) -> Option<CustomSender> {
    let (trigger, version) = match to.medium {
        Medium::Email => (Trigger::CustomEmailSender, "customEmailSenderRequestV1"),
        Medium::Sms => (Trigger::CustomSmsSender, "customSMSSenderRequestV1"),
    };
    let function = trigger.function(pool)?.to_owned();
    let metadata = (!reason.metadata.is_empty()).then_some(&reason.metadata);
    let event = Event {
        trigger,
        source: &source(trigger, reason),
        pool,
        client_id: reason.client_id,
        username: &user.username,
        request: json!({
            "type": version,
            "code": code.as_str(),
            "clientMetadata": metadata,
            // The others are read after the caller was answered.
            "userAttributes": attributes_at(user, &UserProfile::empty(user), to),
        }),
        response: json!({}),
    };
    Some(CustomSender { function, event: event.into_json(cx) })
}

/// `CustomEmailSender` for a message about a risky sign-in, if the pool has it.
///
/// At the service, `userAttributes` is about the sign-in then, and lacks the user's attributes.
pub(crate) fn risk_sender(
    cx: &Context<'_, '_>,
    pool: &Pool,
    user: &User,
    client_id: &str,
    attributes: Map<String, Value>,
) -> Option<CustomSender> {
    let trigger = Trigger::CustomEmailSender;
    let function = trigger.function(pool)?.to_owned();
    let event = Event {
        trigger,
        source: "CustomEmailSender_AccountTakeOverNotification",
        pool,
        client_id,
        username: &user.username,
        request: json!({
            "type": "customEmailSenderRequestV1",
            "code": null,
            "clientMetadata": null,
            "userAttributes": attributes,
        }),
        response: json!({}),
    };
    Some(CustomSender { function, event: event.into_json(cx) })
}

fn source(trigger: Trigger, reason: &Reason<'_>) -> String {
    format!("{}_{}", trigger.name(), reason.situation.name())
}

/// The user's attributes, with the address to which the message goes. It may be one that the user
/// has yet to verify.
fn attributes_at(user: &User, profile: &UserProfile, to: &Address) -> Map<String, Value> {
    let mut shown = attributes(user, profile);
    shown.insert(to.medium.attribute().to_owned(), json!(to.destination.as_str()));
    let is_verified = Address::verified(user, to.medium).as_ref() == Some(to);
    // The flag may be that of another address, which this one is to replace.
    if let Some(flag) = shown.get_mut(to.medium.verified_flag()).filter(|_| !is_verified) {
        *flag = json!("false");
    }
    shown
}

impl CustomSender {
    /// The event for the trigger, with all attributes that `store` has of the user.
    ///
    /// Read it as the message is delivered. Attributes may be large: if the engine read them before
    /// it answers, its time would tell who exists.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn complete_event(&self, store: &dyn Store) -> Result<Value, ServiceError> {
        let mut event = self.event.clone();
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let key = User::key(text("userPoolId"), text("userName"));
        // A message about a risky sign-in does not contain the user's attributes.
        let sub = event.pointer("/request/userAttributes/sub").and_then(Value::as_str);
        let Some(sub) = sub.map(str::to_owned) else { return Ok(event) };
        let profile = Transaction::new(store).peek::<UserProfile>(&key)?;
        let shown = event.pointer_mut("/request/userAttributes").and_then(Value::as_object_mut);
        if let (Some(profile), Some(shown)) = (profile, shown) {
            for (name, value) in profile.attributes_of(&sub) {
                shown.entry(name).or_insert_with(|| json!(value.as_str()));
            }
        }
        Ok(event)
    }
}
