//! Messages as mails.

use std::fmt;
use std::time::Duration;

use device_pool::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::CourierError;

/// How long one command to the mail server may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server, and who the mails are from.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// A mail server at `url`: `smtps://user:password@mail.example.com` (TLS from the start), or
    /// `smtp://user:password@mail.example.com:587?tls=required` (`STARTTLS`); `smtp://localhost`
    /// sends in the clear. `from` is an address, with or without a name: `Example
    /// <no-reply@example.com>`.
    ///
    /// # Errors
    /// If the one is no such URL or the other no address.
    pub fn new(url: &str, from: &str) -> Result<Self, CourierError> {
        let from = from.parse().map_err(|_| {
            CourierError::lasting("the sender is not like Example <no-reply@example.com>")
        })?;
        // The library's own text may quote the URL, and the URL a password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_| {
                CourierError::lasting("the URL is not like smtps://user:password@mail.example.com")
            })?
            .timeout(Some(TIMEOUT))
            .build();
        Ok(Self { transport, from })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), CourierError> {
        let to = message
            .destination
            .parse()
            .map_err(|_| CourierError::lasting("the recipient has no mail address"))?;
        let mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(message.subject.as_str())
            .header(ContentType::TEXT_HTML)
            .body(message.body.as_str().to_owned())
            .map_err(|error| CourierError::lasting(error.to_string()))?;
        // What the server says may quote the mail; its code is enough to look for the cause.
        self.transport.send(mail).await.map(drop).map_err(|error| match error.status() {
            Some(status) if error.is_permanent() => {
                CourierError::lasting(format!("the mail server answered {status}"))
            }
            Some(status) => CourierError::passing(format!("the mail server answered {status}")),
            None => CourierError::passing("the mail server could not be reached or broke off"),
        })
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}
