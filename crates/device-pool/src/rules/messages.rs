//! Messages to users: their destinations and their texts.

use device_wire::Sensitive;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::device_messages::{DeviceMessages, MessageTexts};
use crate::host::message::{Medium, Message, Topic};
use crate::records::address::Address;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::rules::message_triggers::{self, CODE, Reason, USERNAME, Wording};

/// A placeholder of a template, and what replaces it.
pub(crate) type Value<'a> = (&'a str, &'a str);

/// Fills a template with values. E-mails are HTML, so values are escaped, and no value may be
/// mistaken for the placeholder of another.
pub(crate) fn fill(template: &str, medium: Medium, values: &[Value<'_>]) -> String {
    let [(placeholder, value), rest @ ..] = values else { return template.to_owned() };
    let value = match medium {
        Medium::Email => escape(value),
        Medium::Sms => (*value).to_owned(),
    };
    let around: Vec<String> =
        template.split(placeholder).map(|part| fill(part, medium, rest)).collect();
    around.join(&value)
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// The text of a message: the pool's template, or the service's default; the deployment's for what
/// the service does not have.
struct Template<'a> {
    subject: &'a str,
    body: &'a str,
}

impl<'a> Template<'a> {
    fn of(texts: &'a DeviceMessages, pool: &'a Pool, topic: Topic, medium: Medium) -> Self {
        match topic {
            Topic::NewDevice => Self::device(&texts.new_device, medium),
            Topic::CopiedDevice => Self::device(&texts.copied_device, medium),
            Topic::ChangedAddress => Self::device(&texts.changed_address, medium),
            Topic::Invitation => Self::invitation(pool, medium),
            Topic::SignIn => Self::sign_in(pool, medium),
            Topic::SignUp | Topic::ForgotPassword | Topic::AttributeVerification => {
                Self::verification(pool, medium)
            }
            // Its text is in the risk configuration; see `rules::risk_notices`.
            Topic::RiskySignIn => Self { subject: "", body: "" },
        }
    }

    fn device(texts: &'a MessageTexts, medium: Medium) -> Self {
        let body = match medium {
            Medium::Email => &texts.email_message,
            Medium::Sms => &texts.sms_message,
        };
        Self { subject: &texts.email_subject, body }
    }

    fn verification(pool: &'a Pool, medium: Medium) -> Self {
        let template = pool.description.verification_message_template.as_ref();
        let own = match medium {
            Medium::Sms => template
                .and_then(|template| template.sms_message.as_deref())
                .or(pool.description.sms_verification_message.as_deref()),
            Medium::Email => template
                .and_then(|template| template.email_message.as_deref())
                .or(pool.description.email_verification_message.as_deref()),
        };
        let subject = template
            .and_then(|template| template.email_subject.as_deref())
            .or(pool.description.email_verification_subject.as_deref());
        Self {
            subject: subject.unwrap_or("Your verification code"),
            body: own.unwrap_or("Your confirmation code is {####}"),
        }
    }

    fn invitation(pool: &'a Pool, medium: Medium) -> Self {
        let config = pool.description.admin_create_user_config.as_ref();
        let template = config.and_then(|config| config.invite_message_template.as_ref());
        let own = template.and_then(|template| match medium {
            Medium::Sms => template.sms_message.as_deref(),
            Medium::Email => template.email_message.as_deref(),
        });
        Self {
            subject: template
                .and_then(|template| template.email_subject.as_deref())
                .unwrap_or("Your temporary password"),
            body: own.unwrap_or("Your username is {username} and temporary password is {####}"),
        }
    }

    fn sign_in(pool: &'a Pool, medium: Medium) -> Self {
        let email = pool.mfa.email.as_ref();
        let own = match medium {
            Medium::Sms => pool
                .mfa
                .sms
                .as_ref()
                .and_then(|sms| sms.sms_authentication_message.as_deref())
                .or(pool.description.sms_authentication_message.as_deref()),
            Medium::Email => email.and_then(|email| email.message.as_deref()),
        };
        Self {
            subject: email
                .and_then(|email| email.subject.as_deref())
                .unwrap_or("Your authentication code"),
            body: own.unwrap_or("Your authentication code is {####}"),
        }
    }
}

impl Address {
    /// Queues a message, which is delivered once the command has succeeded. The pool's triggers may
    /// word it, refuse it, or deliver it themselves.
    pub(crate) fn send(
        &self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        user: &User,
        reason: &Reason<'_>,
        code: &Sensitive<String>,
    ) -> Result<(), ServiceError> {
        let values = [(USERNAME, user.username.as_str()), (CODE, code.as_str())];
        let mut message = self.message(cx, pool, user, reason.situation.topic(), code, &values);
        message.custom_sender = message_triggers::sender(cx, pool, user, self, reason, code);
        if message.custom_sender.is_none() {
            let Wording { subject, body } = message_triggers::word(cx, pool, user, self, reason)?;
            message.subject = subject.unwrap_or(message.subject);
            if let Some(body) = body {
                message.body = Sensitive::from(fill(&body, self.medium, &values));
            }
        }
        cx.outbox.push(message);
        Ok(())
    }

    /// The message to this address on a topic, in the words of the pool or the deployment.
    pub(crate) fn message(
        &self,
        cx: &Context<'_, '_>,
        pool: &Pool,
        user: &User,
        topic: Topic,
        code: &Sensitive<String>,
        values: &[Value<'_>],
    ) -> Message {
        let template = Template::of(cx.device_messages, pool, topic, self.medium);
        // Subjects are plain text. The service fills nothing into its own.
        let subject = match topic {
            Topic::NewDevice | Topic::CopiedDevice | Topic::ChangedAddress => {
                fill(template.subject, Medium::Sms, values)
            }
            _ => template.subject.to_owned(),
        };
        Message {
            pool_id: pool.id.clone(),
            username: Sensitive::from(user.username.clone()),
            medium: self.medium,
            destination: self.destination.clone(),
            topic,
            code: code.clone(),
            subject,
            body: Sensitive::from(fill(template.body, self.medium, values)),
            custom_sender: None,
        }
    }
}
