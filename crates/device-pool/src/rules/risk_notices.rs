//! Messages to users about risky sign-ins, which a pool's risk configuration asks for.

use device_wire::Sensitive;
use device_wire::enums::FeedbackValueType;
use device_wire::shapes::NotifyEmailType;
use serde_json::{Map, Value, json};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::{Medium, Message, Topic};
use crate::records::address::Address;
use crate::records::device::Device;
use crate::records::sent_codes::SentCodes;
use crate::records::user::User;
use crate::records::whose::Whose;
use crate::rules::event_feedback;
use crate::rules::message_triggers;
use crate::rules::messages::{escape, fill};
use crate::rules::parties::Parties;
use crate::rules::risk::Notice;

/// The kind under which these messages are counted.
const RISKY_SIGN_IN: &str = "risky_sign_in";

/// What fills a place that is not known. This server does not look addresses up.
const UNKNOWN: &str = "unknown";

/// What becomes of a risky sign-in, which the message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consequence {
    Refused,
    MfaAsked,
    /// Nothing is asked because of the risk.
    Admitted,
}

impl Consequence {
    /// The text of a pool that has none for this.
    fn text(self) -> NotifyEmailType {
        let (subject, told) = match self {
            Self::Refused => ("A sign-in was blocked", "A sign-in to your account was blocked"),
            Self::MfaAsked => (
                "A sign-in was asked for a second factor",
                "A sign-in to your account with the right password was asked for a second factor",
            ),
            Self::Admitted => ("A new sign-in", "Someone signed in to your account {username}"),
        };
        let text = format!(
            "{told}, on {{login-time}}, from the address {{ip-address}}, with {{device-name}}.\n\
             If this was you, tell us: {{one-click-link-valid}}\n\
             If this was not you, change your password, and tell us: {{one-click-link-invalid}}"
        );
        NotifyEmailType { text_body: Some(text), ..NotifyEmailType::new(subject) }
    }
}

/// Tells the user of a risky sign-in, by e-mail: the service knows no other way.
///
/// `event_id` is the id of the event that the command leaves. Beyond the hourly limit nothing is
/// sent.
pub(crate) fn send(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    device: Option<&Device>,
    notice: Notice,
    consequence: Consequence,
    event_id: &str,
) -> Result<(), ServiceError> {
    let Parties { pool, user, .. } = parties;
    let Some(address) = Address::verified(user, Medium::Email) else {
        cx.notes.reason("No message about the risk was sent: there is no verified e-mail address");
        return Ok(());
    };
    let sent = SentCodes::load(cx, Whose::user(user), &user.username, RISKY_SIGN_IN)?;
    let Ok(sent) = sent.permit() else {
        cx.notes.reason("No message about the risk was sent: too many in this hour");
        return Ok(());
    };
    let token = event_feedback::token(cx, &parties.keys, user, event_id)?;
    let url = |value| event_feedback::url(cx, &pool.id, &value, &token);
    let facts = Facts {
        event_id,
        ip: cx.invocation.source_ip.map(|ip| ip.to_string()),
        time: cx.now().minute(),
        device: device.and_then(Device::shown_name),
        valid: url(FeedbackValueType::Valid),
        invalid: url(FeedbackValueType::Invalid),
        token: &token,
    };
    let attributes = facts.attributes(user, notice.action.as_str());
    let custom_sender =
        message_triggers::risk_sender(cx, pool, user, &parties.client.id, attributes);
    let own = notice.texts.and_then(|texts| match consequence {
        Consequence::Refused => texts.block_email,
        Consequence::MfaAsked => texts.mfa_email,
        Consequence::Admitted => texts.no_action_email,
    });
    let text = own.unwrap_or_else(|| consequence.text());
    let message = Message {
        pool_id: pool.id.clone(),
        username: Sensitive::from(user.username.clone()),
        medium: address.medium,
        destination: address.destination,
        topic: Topic::RiskySignIn,
        body: Sensitive::from(facts.body(user, &text)),
        subject: text.subject,
        code: token,
        custom_sender,
    };
    if consequence == Consequence::Refused {
        sent.count_although_refused(cx)?;
        cx.warnings.push(message);
    } else {
        sent.count(cx)?;
        cx.outbox.push(message);
    }
    cx.notes.reason("A message about the risk was sent to the user by EMAIL");
    Ok(())
}

/// What a message tells of a sign-in.
struct Facts<'a> {
    event_id: &'a str,
    ip: Option<String>,
    time: String,
    device: Option<String>,
    valid: String,
    invalid: String,
    token: &'a Sensitive<String>,
}

impl Facts<'_> {
    /// The text with its placeholders filled in, in HTML.
    fn body(&self, user: &User, text: &NotifyEmailType) -> String {
        let plain = || {
            let text = text.text_body.as_deref().unwrap_or_default();
            escape(text).replace('\n', "<br>\n")
        };
        let template = text.html_body.clone().unwrap_or_else(plain);
        let or_unknown = |value: &Option<String>, unknown: &str| -> String {
            value.clone().unwrap_or_else(|| unknown.to_owned())
        };
        let values = [
            ("{username}", user.username.as_str()),
            ("{ip-address}", &or_unknown(&self.ip, UNKNOWN)),
            ("{city}", UNKNOWN),
            ("{country}", UNKNOWN),
            ("{login-time}", &self.time),
            ("{device-name}", &or_unknown(&self.device, "an unknown device")),
            ("{one-click-link-valid}", &self.valid),
            ("{one-click-link-invalid}", &self.invalid),
            ("{event-id}", self.event_id),
            ("{feedback-token}", self.token.as_str()),
        ];
        fill(&template, Medium::Email, &values)
    }

    /// The `userAttributes` of the event for `CustomEmailSender`.
    fn attributes(&self, user: &User, action: &str) -> Map<String, Value> {
        let known = [
            ("EVENT_ID", Some(self.event_id)),
            ("USER_NAME", Some(user.username.as_str())),
            ("IP_ADDRESS", Some(self.ip.as_deref().unwrap_or(UNKNOWN))),
            ("ACCOUNT_TAKE_OVER_ACTION", Some(action)),
            ("ONE_CLICK_LINK_VALID", Some(self.valid.as_str())),
            ("ONE_CLICK_LINK_INVALID", Some(self.invalid.as_str())),
            ("LOGIN_TIME", Some(self.time.as_str())),
            ("FEEDBACK_TOKEN", Some(self.token.as_str())),
            ("DEVICE_NAME", self.device.as_deref()),
        ];
        let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
        known.map(|(name, value)| (name.to_owned(), json!(value))).collect()
    }
}
