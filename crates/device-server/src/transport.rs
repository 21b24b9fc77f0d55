//! Transports of messages to users: mail, web hook or file.

mod smtp;
mod webhook;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use device_pool::{Medium, Message, Topic};
use serde_json::{Value, json};

pub use smtp::Smtp;
pub use webhook::Webhook;

/// How messages to users are delivered.
#[derive(Debug, Default)]
pub struct Transports {
    /// For e-mails.
    pub email: Transport,
    /// For text messages.
    pub sms: Transport,
}

/// A way to deliver messages.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Transport {
    /// None. The log says that a message was lost, but not its contents.
    #[default]
    Nowhere,
    /// Appends each message to this file as a line of JSON, for development.
    File(PathBuf),
    /// Posts each message as JSON.
    Webhook(Webhook),
    /// Sends each message as an HTML mail.
    Smtp(Smtp),
}

/// Why a message was not delivered. Contains no part of the message and no credentials.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct TransportError {
    reason: String,
    passing: bool,
}

impl TransportError {
    /// A reason that further attempts will not change.
    pub(crate) fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), passing: false }
    }

    /// A temporary reason.
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), passing: true }
    }

    /// Whether another attempt may succeed.
    pub(crate) fn is_passing(&self) -> bool {
        self.passing
    }
}

impl Transports {
    pub(crate) fn of(&self, medium: Medium) -> &Transport {
        match medium {
            Medium::Email => &self.email,
            _ => &self.sms,
        }
    }

    /// Delivers a message by the transport of its medium.
    pub(crate) async fn carry(&self, message: &Message) -> Result<(), TransportError> {
        match self.of(message.medium) {
            Transport::Nowhere => {
                Err(TransportError::lasting("no way to deliver it is configured"))
            }
            Transport::File(path) => append(path, message),
            Transport::Webhook(webhook) => webhook.post(message).await,
            Transport::Smtp(smtp) => smtp.send(message).await,
        }
    }
}

fn append(path: &Path, message: &Message) -> Result<(), TransportError> {
    let line = format!("{}\n", as_json(message));
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(line.as_bytes()));
    written.map_err(|error| TransportError::passing(error.to_string()))
}

/// A message in the form for files, web hooks and developers.
pub(crate) fn as_json(message: &Message) -> Value {
    json!({
        "userPoolId": message.pool_id,
        "username": message.username.as_str(),
        "medium": message.medium.name(),
        "destination": message.destination.as_str(),
        "topic": topic(message.topic),
        "code": message.code.as_str(),
        "subject": message.subject,
        "body": message.body.as_str(),
    })
}

pub(crate) fn topic(topic: Topic) -> &'static str {
    match topic {
        Topic::Invitation => "Invitation",
        Topic::SignUp => "SignUp",
        Topic::ForgotPassword => "ForgotPassword",
        Topic::AttributeVerification => "AttributeVerification",
        Topic::SignIn => "SignIn",
        Topic::NewDevice => "NewDevice",
        Topic::CopiedDevice => "CopiedDevice",
        Topic::ChangedAddress => "ChangedAddress",
        Topic::RiskySignIn => "RiskySignIn",
        _ => "Other",
    }
}
