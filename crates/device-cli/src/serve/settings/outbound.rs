//! Where messages go, and what runs triggers.

use device_server::{HttpHooks, LambdaHooks, Smtp, Transport, Transports, Webhook};

use super::{Options, invalid};
use crate::serve::ServeError;

/// Mails are sent by the mail server, otherwise like text messages: by the web hook, otherwise to
/// the file, otherwise nowhere.
pub(super) fn transports(
    options: &Options,
    file: &Options,
    warnings: &mut Vec<&'static str>,
) -> Result<Transports, ServeError> {
    let webhook = options.message_webhook.as_deref().or(file.message_webhook.as_deref());
    let path = options.message_file.as_ref().or(file.message_file.as_ref());
    let other = || match (webhook, path) {
        (Some(url), _) => Webhook::new(url).map(Transport::Webhook),
        (None, Some(path)) => Ok(Transport::File(path.clone())),
        (None, None) => Ok(Transport::Nowhere),
    };
    let url = options.smtp_url.as_deref().or(file.smtp_url.as_deref());
    let from = options.smtp_from.as_deref().or(file.smtp_from.as_deref());
    let email = match (url, from) {
        (Some(url), Some(from)) => Transport::Smtp(Smtp::new(url, from)?),
        (None, None) => other()?,
        _ => return Err(invalid("smtp-url and smtp-from go together: give both, or neither")),
    };
    let sms = other()?;
    if matches!(&sms, Transport::Webhook(webhook) if webhook.is_exposed()) {
        warnings.push(
            "message-webhook is http:// to another machine: an attacker between them can read \
             codes. Use https://",
        );
    }
    Ok(Transports { email, sms })
}

pub(super) fn hook(
    url: &str,
    secret: Option<String>,
    warnings: &mut Vec<&'static str>,
) -> Result<HttpHooks, ServeError> {
    let mut hooks = HttpHooks::new(url)?;
    if let Some(secret) = secret {
        hooks = hooks.signed(secret)?;
    }
    if hooks.is_exposed() {
        warnings.push(
            "hook-url is http:// to another machine: an attacker between them can read users' \
             attributes, passwords and codes, and let anyone sign in. Use https://",
        );
    }
    Ok(hooks)
}

pub(super) fn functions(
    endpoint: &str,
    key: [Option<String>; 3],
    warnings: &mut Vec<&'static str>,
) -> Result<LambdaHooks, ServeError> {
    let [Some(id), Some(secret), token] = key else {
        return Err(invalid(
            "lambda-endpoint needs a key that signs its calls: set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY. A local runtime accepts any",
        ));
    };
    let hooks = LambdaHooks::new(endpoint, id, secret, token)?;
    if hooks.is_exposed() {
        warnings.push(
            "lambda-endpoint is http:// to another machine: an attacker between them can read \
             users' attributes, passwords and codes, and let anyone sign in. Use https://",
        );
    }
    Ok(hooks)
}
