//! Messages sent by mail.

use std::fmt;
use std::time::Duration;

use device_pool::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::TransportError;
use crate::setup_error::SetupError;

/// The time limit for one command to the mail server.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server, and the sender of the mails.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// A mail server at `url`, sending as `from`.
    ///
    /// `url` is `smtps://user:password@mail.example.com` (TLS from the start) or
    /// `smtp://user:password@mail.example.com:587?tls=required` (`STARTTLS`). `smtp://localhost`
    /// sends without encryption. `from` is an address, with or without a name, such as `Example
    /// <no-reply@example.com>`.
    ///
    /// # Errors
    /// If `url` is not such a URL, or `from` is not an address. The text never contains the URL.
    pub fn new(url: &str, from: &str) -> Result<Self, SetupError> {
        let from = from.parse().map_err(|_| {
            SetupError::setting("smtp-from is not like Example <no-reply@example.com>")
        })?;
        // The library's text may quote the URL, and with it a password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_| {
                SetupError::setting("smtp-url is not like smtps://user:password@mail.example.com")
            })?
            .timeout(Some(TIMEOUT))
            .build();
        Ok(Self { transport, from })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), TransportError> {
        let to = message
            .destination
            .parse()
            .map_err(|_| TransportError::lasting("the recipient has no mail address"))?;
        let mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(message.subject.as_str())
            .header(ContentType::TEXT_HTML)
            .body(message.body.as_str().to_owned())
            .map_err(|error| TransportError::lasting(error.to_string()))?;
        // The server's text may quote the mail; its code suffices to find the cause.
        self.transport.send(mail).await.map(drop).map_err(|error| match error.status() {
            Some(status) if error.is_permanent() => {
                TransportError::lasting(format!("the mail server answered {status}"))
            }
            Some(status) => TransportError::passing(format!("the mail server answered {status}")),
            None => TransportError::passing("the mail server could not be reached or broke off"),
        })
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}
