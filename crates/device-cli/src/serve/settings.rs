//! The options of `device serve`. Precedence: flag, environment, file, default.

mod outbound;
mod place;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::BoolishValueParser;
use clap::{ArgMatches, ValueEnum};
use device_server::{
    AccessKey, DevMode, DeviceMessages, Hooks, Limits, MasterKeySource, Origins, ProxyHeader,
    Retention, Storage, Transports, TrustedProxies,
};
use serde::{Deserialize, Deserializer};

use super::log::LogFormat;
use super::network::{self, Clear, Network};
use super::{ServeError, dev, master_key, modes, secrets, templates};
use outbound::{functions, hook, transports};
use place::storage;

pub(crate) const DEFAULT_DATA: &str = "device-data";
const DEFAULT_REGION: &str = "us-east-1";

/// The options of flags and environment. A file uses the same names.
#[derive(Default, clap::Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Options {
    /// The address or host name and the port to listen on, or a socket file (unix:PATH). Port 0
    /// selects a free one; repeat it or separate by commas for more [default: 127.0.0.1:9229]
    #[arg(long, env = "DEVICE_LISTEN", value_name = "HOST:PORT", value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    listen: Option<Vec<String>>,

    /// A further address, on which alone administrators are served: their operations, the console,
    /// access keys and figures
    #[arg(long, env = "DEVICE_ADMIN_LISTEN", value_name = "HOST:PORT", value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    admin_listen: Option<Vec<String>>,

    /// A further address that serves figures for Prometheus (/metrics), and health, to everyone who
    /// reaches it
    #[arg(long, env = "DEVICE_METRICS_LISTEN", value_name = "HOST:PORT", value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    metrics_listen: Option<Vec<String>>,

    /// The mode of socket files, in octal [default: 660]
    #[arg(long, env = "DEVICE_SOCKET_MODE", value_name = "MODE")]
    socket_mode: Option<String>,

    /// A PEM file with the certificate for TLS and those that it rests on. It is read again when it
    /// changes
    #[arg(long, env = "DEVICE_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// A PEM file with the certificate's private key
    #[arg(long, env = "DEVICE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Listen unencrypted on addresses that other machines reach, since a proxy in front encrypts
    #[arg(long, env = "DEVICE_BEHIND_PROXY", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true",
          value_parser = BoolishValueParser::new())]
    behind_proxy: Option<bool>,

    /// The directory for data and credentials, created if it does not exist
    /// [default: ./device-data]
    #[arg(long, env = "DEVICE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// Keep data in memory until the server stops, instead of in a directory
    #[arg(long, env = "DEVICE_IN_MEMORY", value_name = "BOOL", num_args = 0..=1,
        require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new())]
    in_memory: Option<bool>,

    /// Keep data in a PostgreSQL database that several servers may share, such as
    /// postgres://user:password@db.example.com/device. If it contains a password, use the
    /// environment or a file
    #[arg(long, env = "DEVICE_STORE", value_name = "URL", hide_env_values = true)]
    store: Option<String>,

    /// A file with the master key, under which stored secrets are encrypted: 32 bytes in base64,
    /// and former keys in further lines [default: master.key in the data directory, made at the
    /// first start]
    #[arg(long, env = "DEVICE_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,

    /// A program that prints the master key, with its arguments, separated by spaces. It runs at
    /// the start and if a key is rotated
    #[arg(long, env = "DEVICE_MASTER_KEY_COMMAND", value_name = "COMMAND")]
    master_key_command: Option<String>,

    /// The region in pool ids, ARNs and administrators' signatures [default: us-east-1]
    #[arg(long, env = "DEVICE_REGION")]
    region: Option<String>,

    /// The URL at which clients reach the server, also the issuer of tokens [default: the listening
    /// address]
    #[arg(long, env = "DEVICE_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,

    /// The administrator's access key id [default: generated at the first start, stored with the
    /// data]
    #[arg(long, env = "DEVICE_ACCESS_KEY_ID", value_name = "ID")]
    access_key_id: Option<String>,

    /// The administrator's secret access key, at least 16 characters.
    #[arg(skip)]
    secret_access_key: Option<String>,

    /// Turn administrator authentication off, and let anyone read codes. Use it on your own machine
    /// only
    #[arg(long, env = "DEVICE_DEV", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new())]
    dev: Option<bool>,

    /// Allow --dev in production. That is: with an access key, with a data directory that was set
    /// up with one, or on an address that other machines reach
    #[arg(long, env = "DEVICE_DEV_UNSAFE", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true",
          value_parser = BoolishValueParser::new())]
    dev_unsafe: Option<bool>,

    /// With --dev, a further host name for reading codes. For example, a service's name in a
    /// compose file; repeat it or separate by commas for more
    #[arg(long, env = "DEVICE_DEV_HOST", value_name = "NAME", value_delimiter = ',')]
    dev_host: Option<Vec<String>>,

    /// With --dev, a TOML or JSON file with pools, clients, groups and users to start with. What
    /// exists stays as it is; repeat it or separate by commas for more
    #[arg(long, env = "DEVICE_SEED", value_name = "FILE", value_delimiter = ',')]
    seed: Option<Vec<PathBuf>>,

    /// With --dev, the code that every user is sent instead of a random one, four to eight digits
    #[arg(long, env = "DEVICE_CODE", value_name = "DIGITS")]
    code: Option<String>,

    /// Leave out the administrators' web pages under /console
    #[arg(long, env = "DEVICE_NO_CONSOLE", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true",
          value_parser = BoolishValueParser::new())]
    no_console: Option<bool>,

    /// A web origin whose pages may read answers; repeat it or separate by commas for more
    /// [default: any]
    #[arg(long, env = "DEVICE_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    cors_origin: Option<Vec<String>>,

    /// A proxy or network that is trusted to name the sender of a request; repeat it or separate by
    /// commas for more [default: none]
    #[arg(
        long,
        env = "DEVICE_TRUSTED_PROXY",
        value_name = "ADDRESS[/BITS]",
        value_delimiter = ','
    )]
    trusted_proxy: Option<Vec<String>>,

    /// The header in which proxies name the sender. The other one is ignored [default:
    /// x-forwarded-for]
    #[arg(long, env = "DEVICE_PROXY_HEADER", value_name = "HEADER")]
    proxy_header: Option<ProxyHeaderName>,

    /// The mail server for messages to users, such as smtps://user:password@mail.example.com. If it
    /// contains a password, prefer the environment or a file
    #[arg(long, env = "DEVICE_SMTP_URL", value_name = "URL", hide_env_values = true)]
    smtp_url: Option<String>,

    /// The sender of mails to users, such as "Example <no-reply@example.com>"
    #[arg(long, env = "DEVICE_SMTP_FROM", value_name = "ADDRESS")]
    smtp_from: Option<String>,

    /// A URL to which messages to users are posted as JSON. It receives text messages, and mails if
    /// there is no mail server
    #[arg(long, env = "DEVICE_MESSAGE_WEBHOOK", value_name = "URL", hide_env_values = true)]
    message_webhook: Option<String>,

    /// A file to which undeliverable messages to users are appended, for development
    #[arg(long, env = "DEVICE_MESSAGE_FILE", value_name = "FILE")]
    message_file: Option<PathBuf>,

    /// A TOML file with the texts of messages about devices [default: built-in texts]
    #[arg(long, env = "DEVICE_MESSAGE_TEMPLATES", value_name = "FILE")]
    message_templates: Option<PathBuf>,

    /// A URL that runs the service's Lambda triggers. Their events are posted to it as JSON
    #[arg(long, env = "DEVICE_HOOK_URL", value_name = "URL", hide_env_values = true)]
    hook_url: Option<String>,

    /// A secret of at least 16 characters that signs requests to the hook.
    #[arg(skip)]
    hook_secret: Option<String>,

    /// A Lambda endpoint that runs the functions of LambdaConfig: that of a region, or a local
    /// runtime's. In place of a hook
    #[arg(long, env = "DEVICE_LAMBDA_ENDPOINT", value_name = "URL")]
    lambda_endpoint: Option<String>,

    /// The id of the key that signs calls to the Lambda endpoint. A local runtime accepts any
    #[arg(long, env = "AWS_ACCESS_KEY_ID", value_name = "ID")]
    lambda_access_key_id: Option<String>,

    /// The secret of that key.
    #[arg(skip)]
    lambda_secret_access_key: Option<String>,

    /// The session token of that key, if it is a temporary one.
    #[arg(skip)]
    lambda_session_token: Option<String>,

    /// Accept pools whose lambda triggers nothing would run, and name them in the log
    #[arg(long, env = "DEVICE_ALLOW_UNRUN_TRIGGERS", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true",
          value_parser = BoolishValueParser::new())]
    allow_unrun_triggers: Option<bool>,

    /// A file to which events of the audit trail are appended as they happen, in lines of JSON
    #[arg(long, env = "DEVICE_AUDIT_FILE", value_name = "FILE")]
    audit_file: Option<PathBuf>,

    /// Days that events stay in a user's audit trail [default: 730]
    #[arg(long, env = "DEVICE_AUDIT_DAYS", value_name = "DAYS")]
    audit_days: Option<u32>,

    /// Days after which unconfirmed users are removed [default: 7]
    #[arg(long, env = "DEVICE_UNCONFIRMED_USER_DAYS", value_name = "DAYS")]
    unconfirmed_user_days: Option<u32>,

    /// Connections open at a time; beyond it, idle ones are closed [default: 1024]
    #[arg(long, env = "DEVICE_MAX_CONNECTIONS", value_name = "COUNT")]
    max_connections: Option<usize>,

    /// Connections of one address at a time, trusted proxies excepted [default: 256]
    #[arg(long, env = "DEVICE_MAX_CONNECTIONS_PER_ADDRESS", value_name = "COUNT")]
    max_connections_per_address: Option<usize>,

    /// Wrong passwords and codes, sign-ups and requested codes of one address at once; one more
    /// every six seconds, 0 for no limit [default: 100]
    #[arg(long, env = "DEVICE_MAX_GUESSES_PER_ADDRESS", value_name = "COUNT")]
    max_guesses_per_address: Option<usize>,

    /// What is logged, such as warn or device_server=debug [default: RUST_LOG, else info]
    #[arg(long, env = "DEVICE_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,

    /// Sign-ups at one pool in a second, 0 for no limit; none with --dev [default: 50]
    #[arg(long, env = "DEVICE_MAX_POOL_SIGN_UPS", value_name = "COUNT")]
    max_pool_sign_ups: Option<u32>,

    /// Codes requested at one pool in a second, 0 for no limit; none with --dev [default: 30]
    #[arg(long, env = "DEVICE_MAX_POOL_CODE_REQUESTS", value_name = "COUNT")]
    max_pool_code_requests: Option<u32>,

    /// Wrong passwords and codes at one pool in a second; beyond it, only addresses that signed in
    /// within a day are served. 0 for no limit; none with --dev [default: 120]
    #[arg(long, env = "DEVICE_MAX_POOL_FAILURES", value_name = "COUNT")]
    max_pool_failures: Option<u32>,

    /// The format of log lines on stderr [default: text]
    #[arg(long, env = "DEVICE_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,

    /// A TOML file with these options
    #[arg(long, env = "DEVICE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
}

/// The header in which proxies name the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProxyHeaderName {
    /// X-Forwarded-For: 192.0.2.7
    #[default]
    XForwardedFor,
    /// Forwarded: for=192.0.2.7, of RFC 7239
    Forwarded,
}

/// A text, or a list of texts.
fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(Some(match OneOrMore::deserialize(from)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    }))
}

/// The settings of one server.
pub(crate) struct Settings {
    pub(crate) network: Network,
    pub(crate) storage: Storage,
    /// `None` if records are stored as they are.
    pub(crate) master_key: Option<MasterKeySource>,
    pub(crate) region: String,
    /// Without a trailing slash.
    pub(crate) public_url: Option<String>,
    pub(crate) administration: Administration,
    /// Seed files; only in dev mode.
    pub(crate) seed: Vec<PathBuf>,
    /// Whether the administrators' web pages are served.
    pub(crate) console: bool,
    pub(crate) origins: Origins,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) transports: Transports,
    pub(crate) device_messages: DeviceMessages,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    pub(crate) allow_unrun_triggers: bool,
    pub(crate) limits: Limits,
    pub(crate) retention: Retention,
    pub(crate) audit_file: Option<PathBuf>,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: String,
    /// Warnings for the log, once it is set up.
    pub(crate) warnings: Vec<&'static str>,
}

/// Who may administrate.
pub(crate) enum Administration {
    Anyone(DevMode),
    Given(AccessKey),
    /// With the credentials that are stored with the data.
    Kept,
}

impl Options {
    /// The secrets, which the environment may have in files as well.
    fn secrets(&mut self) -> [(&mut Option<String>, &'static secrets::SecretOption); 8] {
        [
            (&mut self.secret_access_key, &secrets::SECRET_ACCESS_KEY),
            (&mut self.store, &secrets::STORE),
            (&mut self.smtp_url, &secrets::SMTP_URL),
            (&mut self.message_webhook, &secrets::MESSAGE_WEBHOOK),
            (&mut self.hook_url, &secrets::HOOK_URL),
            (&mut self.hook_secret, &secrets::HOOK_SECRET),
            (&mut self.lambda_secret_access_key, &secrets::LAMBDA_SECRET_ACCESS_KEY),
            (&mut self.lambda_session_token, &secrets::LAMBDA_SESSION_TOKEN),
        ]
    }
}

impl Settings {
    /// Resolves all options. `matches` tells flags from environment variables.
    pub(crate) fn resolve(mut options: Options, matches: &ArgMatches) -> Result<Self, ServeError> {
        for (secret, option) in options.secrets() {
            *secret = option.read(secret.take())?;
        }
        let file = options.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let mut warnings = Vec::new();
        let transports = transports(&options, &file, &mut warnings)?;
        let storage = storage(&options, &file, matches)?;
        let is_dev = options.dev.or(file.dev).unwrap_or(false);
        let is_unsafe = options.dev_unsafe.or(file.dev_unsafe).unwrap_or(false);
        let behind_proxy = options.behind_proxy.or(file.behind_proxy).unwrap_or(false);
        let clear = match (is_dev, is_unsafe) {
            (true, false) => Clear::OnlyHere,
            (true, true) => Clear::Allowed,
            (false, _) if behind_proxy => Clear::Allowed,
            (false, _) => Clear::Refused,
        };
        let network = Network::resolve(network::Given {
            listen: options.listen.or(file.listen),
            admin_listen: options.admin_listen.or(file.admin_listen),
            metrics_listen: options.metrics_listen.or(file.metrics_listen),
            socket_mode: options.socket_mode.or(file.socket_mode),
            tls_cert: options.tls_cert.or(file.tls_cert),
            tls_key: options.tls_key.or(file.tls_key),
            clear,
        })?;
        let key = access_key(
            options.access_key_id.or(file.access_key_id),
            options.secret_access_key.or(file.secret_access_key),
        )?;
        let seed = options.seed.or(file.seed).unwrap_or_default();
        let code = options.code.or(file.code);
        let administration = if is_dev {
            if !is_unsafe {
                dev::check(&storage, key.is_some())?;
            }
            let hosts = options.dev_host.or(file.dev_host).unwrap_or_default();
            let mut mode = DevMode::with_hosts(hosts.iter().map(String::as_str));
            if let Some(code) = code {
                mode = mode.code(&code)?;
            }
            if let Some(reason) = dev::why_data_stays(&storage) {
                mode = mode.keep_data(&reason);
            }
            Administration::Anyone(mode)
        } else {
            let needless = [("seed", !seed.is_empty()), ("code", code.is_some())];
            if let Some((name, _)) = needless.into_iter().find(|(_, given)| *given) {
                return Err(invalid(format!(
                    "{name} is for development: give dev as well, or leave it out"
                )));
            }
            if key.is_none() && matches!(storage, Storage::Postgres(_)) {
                return Err(invalid(
                    "with store, give access-key-id and secret-access-key: all servers of one \
                     database need the same",
                ));
            }
            key.map_or(Administration::Kept, Administration::Given)
        };
        let master_key = master_key::source(
            master_key::given(
                options.master_key_file.or(file.master_key_file),
                options.master_key_command.or(file.master_key_command),
            )?,
            &storage,
            matches!(administration, Administration::Anyone(_)),
        )?;
        let mut limits = Limits::default();
        if let Some(max) = options.max_connections.or(file.max_connections) {
            limits.max_connections = max.max(1);
        }
        if let Some(max) = options.max_connections_per_address.or(file.max_connections_per_address)
        {
            limits.max_connections_per_address = max.max(1);
        }
        if let Some(max) = options.max_guesses_per_address.or(file.max_guesses_per_address) {
            limits.max_guesses_per_address = max;
        }
        let rates = &mut limits.pool_rates;
        for (rate, option, setting) in [
            (&mut rates.sign_ups, options.max_pool_sign_ups, file.max_pool_sign_ups),
            (&mut rates.code_requests, options.max_pool_code_requests, file.max_pool_code_requests),
            (&mut rates.failures, options.max_pool_failures, file.max_pool_failures),
        ] {
            *rate = option.or(setting).unwrap_or(*rate);
        }
        let url = options.hook_url.or(file.hook_url);
        let secret = options.hook_secret.or(file.hook_secret);
        let endpoint = options.lambda_endpoint.or(file.lambda_endpoint);
        let key = [
            options.lambda_access_key_id.or(file.lambda_access_key_id),
            options.lambda_secret_access_key.or(file.lambda_secret_access_key),
            options.lambda_session_token.or(file.lambda_session_token),
        ];
        if secret.is_some() && url.is_none() {
            return Err(invalid("hook-secret signs requests to a hook: give hook-url, too"));
        }
        let hooks: Option<Arc<dyn Hooks>> = match (url, endpoint) {
            (Some(_), Some(_)) => {
                return Err(invalid(
                    "hook-url and lambda-endpoint exclude each other: give one of them",
                ));
            }
            (None, Some(endpoint)) => Some(Arc::new(functions(&endpoint, key, &mut warnings)?)),
            (Some(url), None) => Some(Arc::new(hook(&url, secret, &mut warnings)?)),
            (None, None) => None,
        };
        let kept = Retention::default();
        Ok(Self {
            network,
            storage,
            master_key,
            region: region(options.region.or(file.region))?,
            public_url: options.public_url.or(file.public_url).map(public_url).transpose()?,
            administration,
            seed,
            console: !options.no_console.or(file.no_console).unwrap_or(false),
            origins: origins(options.cors_origin.or(file.cors_origin))?,
            trusted_proxies: trusted_proxies(
                options.trusted_proxy.or(file.trusted_proxy),
                options.proxy_header.or(file.proxy_header),
            )?,
            transports,
            device_messages: templates::read(
                options.message_templates.or(file.message_templates).as_deref(),
            )?,
            hooks,
            allow_unrun_triggers: options
                .allow_unrun_triggers
                .or(file.allow_unrun_triggers)
                .unwrap_or(false),
            limits,
            retention: Retention {
                audit_days: options.audit_days.or(file.audit_days).unwrap_or(kept.audit_days),
                unconfirmed_user_days: options
                    .unconfirmed_user_days
                    .or(file.unconfirmed_user_days)
                    .unwrap_or(kept.unconfirmed_user_days),
                ..kept
            },
            log_level: options
                .log_level
                .or_else(|| env::var("RUST_LOG").ok())
                .or(file.log_level)
                .unwrap_or_else(|| "info".to_owned()),
            audit_file: options.audit_file.or(file.audit_file),
            log_format: options.log_format.or(file.log_format).unwrap_or_default(),
            warnings,
        })
    }
}

fn read(path: &Path) -> Result<Options, ServeError> {
    let unusable = |reason: String| ServeError::ConfigFile { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    // `message` omits the line with the mistake, which may contain the secret.
    let mut options: Options = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        unusable(format!("line {line}: {}", error.message()))
    })?;
    if options.secrets().iter().any(|(secret, _)| secret.is_some()) {
        modes::check_file(path)?;
    }
    Ok(options)
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

fn access_key(id: Option<String>, secret: Option<String>) -> Result<Option<AccessKey>, ServeError> {
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Some(AccessKey::new(id, secret)?)),
        (None, None) => Ok(None),
        _ => Err(invalid("access-key-id and secret-access-key go together: give both, or neither")),
    }
}

fn origins(given: Option<Vec<String>>) -> Result<Origins, ServeError> {
    match given.filter(|origins| *origins != ["*"]) {
        None => Ok(Origins::any()),
        Some(origins) => Ok(Origins::only(origins.iter().map(String::as_str))?),
    }
}

fn trusted_proxies(
    given: Option<Vec<String>>,
    header: Option<ProxyHeaderName>,
) -> Result<TrustedProxies, ServeError> {
    let header = match header.unwrap_or_default() {
        ProxyHeaderName::XForwardedFor => ProxyHeader::XForwardedFor,
        ProxyHeaderName::Forwarded => ProxyHeader::Forwarded,
    };
    Ok(TrustedProxies::new(given.unwrap_or_default().iter().map(String::as_str))?.header(header))
}

fn invalid(message: impl Into<String>) -> ServeError {
    ServeError::Settings(message.into())
}
