//! The options of `device serve`, from four places with one precedence: flag, environment, file,
//! default.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use device_server::{
    HttpHooks, Origins, Smtp, Storage, Transport, Transports, TrustedProxies, Webhook,
};
use serde::Deserialize;

use super::ServeError;
use super::credentials::Credentials;
use super::log::LogFormat;

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9229);
const DEFAULT_DATA: &str = "device-data";
const DEFAULT_REGION: &str = "us-east-1";

/// What flags and environment say. The same names are those of the file.
#[derive(Default, clap::Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Options {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:9229]
    #[arg(long, env = "DEVICE_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The directory to keep data and credentials in, made if need be [default: ./device-data]
    #[arg(long, env = "DEVICE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// Keep data in memory, until the server stops, instead of in a directory
    #[arg(long, env = "DEVICE_IN_MEMORY", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new())]
    in_memory: Option<bool>,

    /// The region that pool ids and ARNs name and administrators sign for [default: us-east-1]
    #[arg(long, env = "DEVICE_REGION")]
    region: Option<String>,

    /// Where clients reach the server, if not where it listens; tokens are issued in this name
    #[arg(long, env = "DEVICE_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,

    /// The administrator's access key id [default: kept in the data directory, made at the first
    /// start]
    #[arg(long, env = "DEVICE_ACCESS_KEY_ID", value_name = "ID")]
    access_key_id: Option<String>,

    /// The administrator's secret access key. Other users of the machine can see a flag: prefer the
    /// environment or a file
    #[arg(long, env = "DEVICE_SECRET_ACCESS_KEY", value_name = "SECRET", hide_env_values = true)]
    secret_access_key: Option<String>,

    /// Let anyone administrate, signed or not: for development on one's own machine
    #[arg(long, env = "DEVICE_DEV", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new())]
    dev: Option<bool>,

    /// A web origin whose pages may read answers; more than one by repeating, or by commas
    /// [default: any]
    #[arg(long, env = "DEVICE_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    cors_origin: Option<Vec<String>>,

    /// A proxy, or a network of them, whose X-Forwarded-For says where requests come from; more
    /// than one by repeating, or by commas [default: none]
    #[arg(
        long,
        env = "DEVICE_TRUSTED_PROXY",
        value_name = "ADDRESS[/BITS]",
        value_delimiter = ','
    )]
    trusted_proxy: Option<Vec<String>>,

    /// The mail server for messages to users, such as smtps://user:password@mail.example.com;
    /// prefer the environment or a file where it has a password
    #[arg(long, env = "DEVICE_SMTP_URL", value_name = "URL", hide_env_values = true)]
    smtp_url: Option<String>,

    /// Who mails to users are from, such as "Example <no-reply@example.com>"
    #[arg(long, env = "DEVICE_SMTP_FROM", value_name = "ADDRESS")]
    smtp_from: Option<String>,

    /// A URL that messages to users are posted to as JSON: text messages, and mails where there is
    /// no mail server
    #[arg(long, env = "DEVICE_MESSAGE_WEBHOOK", value_name = "URL", hide_env_values = true)]
    message_webhook: Option<String>,

    /// A file that messages to users are appended to where they go nowhere else, for development
    #[arg(long, env = "DEVICE_MESSAGE_FILE", value_name = "FILE")]
    message_file: Option<PathBuf>,

    /// Where custom authentication is decided: events of the service's lambda triggers are posted
    /// to this URL as JSON
    #[arg(long, env = "DEVICE_HOOK_URL", value_name = "URL", hide_env_values = true)]
    hook_url: Option<String>,

    /// How log lines on stderr are written [default: text]
    #[arg(long, env = "DEVICE_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,

    /// A TOML file with these options
    #[arg(long, env = "DEVICE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
}

/// What the server runs with.
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) storage: Storage,
    pub(crate) region: String,
    /// Without a slash at its end.
    pub(crate) public_url: Option<String>,
    pub(crate) administration: Administration,
    pub(crate) origins: Origins,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) transports: Transports,
    pub(crate) hooks: Option<HttpHooks>,
    pub(crate) log_format: LogFormat,
}

/// Who may administrate.
pub(crate) enum Administration {
    Anyone,
    Given(Credentials),
    /// Whoever has the credentials that are kept with the data.
    Kept,
}

/// Where an option was given; the greater goes before the lesser.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    File,
    Environment,
    Flag,
}

impl Settings {
    /// Puts the four places together. `matches` say which of flag and environment each of `options`
    /// came from.
    pub(crate) fn resolve(options: Options, matches: &ArgMatches) -> Result<Self, ServeError> {
        let file = options.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let transports = transports(&options, &file)?;
        let storage = storage(&options, &file, matches)?;
        let pair = (
            options.access_key_id.or(file.access_key_id),
            options.secret_access_key.or(file.secret_access_key),
        );
        let administration = match pair {
            _ if options.dev.or(file.dev).unwrap_or(false) => Administration::Anyone,
            (Some(access_key_id), Some(secret_access_key)) => {
                let given = Credentials { access_key_id, secret_access_key };
                if !given.serve_their_end() {
                    return Err(invalid(
                        "access-key-id and secret-access-key may not be empty, nor may the id hold a slash",
                    ));
                }
                Administration::Given(given)
            }
            (None, None) => Administration::Kept,
            _ => {
                return Err(invalid(
                    "access-key-id and secret-access-key go together: give both, or neither",
                ));
            }
        };
        Ok(Self {
            listen: options.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
            storage,
            region: region(options.region.or(file.region))?,
            public_url: options.public_url.or(file.public_url).map(public_url).transpose()?,
            administration,
            origins: origins(options.cors_origin.or(file.cors_origin))?,
            trusted_proxies: trusted_proxies(options.trusted_proxy.or(file.trusted_proxy))?,
            transports,
            hooks: options.hook_url.or(file.hook_url).map(|url| hooks(&url)).transpose()?,
            log_format: options.log_format.or(file.log_format).unwrap_or_default(),
        })
    }
}

fn read(path: &Path) -> Result<Options, ServeError> {
    let unusable = |reason: String| ServeError::ConfigFile { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    // `message` leaves out the offending line, which may be the secret's.
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        unusable(format!("line {line}: {}", error.message()))
    })
}

/// A directory and memory exclude each other, so the one that was given further up wins.
fn storage(options: &Options, file: &Options, matches: &ArgMatches) -> Result<Storage, ServeError> {
    let origin = |id: &str, in_file: bool| match matches.value_source(id) {
        Some(ValueSource::CommandLine) => Some(Origin::Flag),
        Some(ValueSource::EnvVariable) => Some(Origin::Environment),
        _ => in_file.then_some(Origin::File),
    };
    let data_from = origin("data", file.data.is_some());
    let memory_from = origin("in_memory", file.in_memory.is_some());
    if options.in_memory.or(file.in_memory).unwrap_or(false) && memory_from >= data_from {
        if memory_from == data_from {
            return Err(invalid("data and in-memory exclude each other: give one of them"));
        }
        return Ok(Storage::InMemory);
    }
    let directory = options.data.clone().or_else(|| file.data.clone());
    Ok(Storage::Directory(directory.unwrap_or_else(|| DEFAULT_DATA.into())))
}

fn region(given: Option<String>) -> Result<String, ServeError> {
    let region = given.unwrap_or_else(|| DEFAULT_REGION.to_owned());
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || region.len() > 32 || !region.chars().all(fits) {
        return Err(invalid(format!(
            "the region \"{region}\" is not like us-east-1: small letters, digits and hyphens"
        )));
    }
    Ok(region)
}

fn public_url(given: String) -> Result<String, ServeError> {
    let url = given.trim_end_matches('/');
    let host =
        url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    if host.is_empty() || host.contains(['?', '#', ' ']) {
        return Err(invalid(format!(
            "the public URL \"{given}\" is not like https://auth.example.com"
        )));
    }
    Ok(url.to_owned())
}

fn hooks(url: &str) -> Result<HttpHooks, ServeError> {
    // The URL may hold a secret: the message leaves it out.
    HttpHooks::new(url).map_err(|reason| invalid(format!("hook-url cannot be used: {reason}")))
}

fn origins(given: Option<Vec<String>>) -> Result<Origins, ServeError> {
    let Some(origins) = given.filter(|origins| *origins != ["*"]) else {
        return Ok(Origins::Any);
    };
    let origins: Result<Vec<_>, _> = origins
        .iter()
        .map(|origin| {
            let like = |prefix| {
                origin
                    .strip_prefix(prefix)
                    .is_some_and(|host: &str| !host.is_empty() && !host.contains('/'))
            };
            (like("https://") || like("http://")).then(|| origin.parse().ok()).flatten().ok_or_else(
                || {
                    invalid(format!(
                        "the CORS origin \"{origin}\" is not like https://app.example.com"
                    ))
                },
            )
        })
        .collect();
    Ok(Origins::Only(origins?))
}

fn trusted_proxies(given: Option<Vec<String>>) -> Result<TrustedProxies, ServeError> {
    let given = given.unwrap_or_default();
    TrustedProxies::new(given.iter().map(String::as_str)).map_err(|proxy| {
        invalid(format!("the trusted proxy \"{proxy}\" is not like 10.0.0.7 or 10.0.0.0/8"))
    })
}

/// Mails go by the mail server, else as text messages do: to the web hook, else into the file, else
/// nowhere.
fn transports(options: &Options, file: &Options) -> Result<Transports, ServeError> {
    let webhook = options.message_webhook.as_deref().or(file.message_webhook.as_deref());
    let path = options.message_file.as_ref().or(file.message_file.as_ref());
    let other = || match (webhook, path) {
        (Some(url), _) => Webhook::new(url)
            .map(Transport::Webhook)
            .map_err(|error| invalid(format!("message-webhook cannot be used: {error}"))),
        (None, Some(path)) => Ok(Transport::File(path.clone())),
        (None, None) => Ok(Transport::Nowhere),
    };
    let url = options.smtp_url.as_deref().or(file.smtp_url.as_deref());
    let from = options.smtp_from.as_deref().or(file.smtp_from.as_deref());
    let email = match (url, from) {
        (Some(url), Some(from)) => Smtp::new(url, from)
            .map(Transport::Smtp)
            .map_err(|error| invalid(format!("smtp-url and smtp-from cannot be used: {error}")))?,
        (None, None) => other()?,
        _ => return Err(invalid("smtp-url and smtp-from go together: give both, or neither")),
    };
    Ok(Transports { email, sms: other()? })
}

fn invalid(message: impl Into<String>) -> ServeError {
    ServeError::Settings(message.into())
}
