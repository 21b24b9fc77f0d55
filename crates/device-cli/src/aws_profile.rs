//! Profiles of `~/.aws/config` and `~/.aws/credentials`, read as AWS tools read them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_credential_types::Credentials;
use serde::Deserialize;

/// The service's name in `services` sections and in variables.
const SERVICE: &str = "cognito_identity_provider";

/// The settings of one profile.
pub(crate) struct Profile {
    name: String,
    settings: BTreeMap<String, String>,
    /// Those of its `services` section, such as `cognito_identity_provider.endpoint_url`.
    services: BTreeMap<String, String>,
}

/// What `credential_process` prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Profile {
    /// Reads this profile; `None` if neither file has it.
    pub(crate) fn read(name: &str) -> Option<Self> {
        let config = read("AWS_CONFIG_FILE", "config");
        let credentials = read("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        Self::of(name, &config, &credentials)
    }

    fn of(name: &str, config: &str, credentials: &str) -> Option<Self> {
        let (config, mut credentials) = (sections(config), sections(credentials));
        let long = format!("profile {name}");
        let plain = if name == "default" { config.get("default") } else { None };
        let general = config.get(long.as_str()).or(plain);
        let keys = credentials.remove(name);
        if general.is_none() && keys.is_none() {
            return None;
        }
        let mut settings = general.cloned().unwrap_or_default();
        settings.extend(keys.unwrap_or_default());
        let services = settings
            .get("services")
            .and_then(|services| config.get(format!("services {services}").as_str()))
            .cloned()
            .unwrap_or_default();
        Some(Self { name: name.to_owned(), settings, services })
    }

    /// Its endpoint for user pools.
    pub(crate) fn endpoint_url(&self) -> Option<&str> {
        let own = self.services.get(&format!("{SERVICE}.endpoint_url"));
        own.or_else(|| self.settings.get("endpoint_url")).map(String::as_str)
    }

    pub(crate) fn region(&self) -> Option<&str> {
        self.settings.get("region").map(String::as_str)
    }

    /// Its access key. The error says what is missing, without a secret.
    pub(crate) fn key(&self) -> Result<Credentials, String> {
        let setting = |name: &str| self.settings.get(name);
        if let (Some(id), Some(secret)) =
            (setting("aws_access_key_id"), setting("aws_secret_access_key"))
        {
            let token = setting("aws_session_token").cloned();
            return Ok(Credentials::from_keys(id, secret, token));
        }
        if let Some(command) = setting("credential_process") {
            return printed(command)
                .map_err(|reason| format!("credential_process of {}: {reason}", self.name));
        }
        let kind = ["sso_session", "sso_start_url", "role_arn", "web_identity_token_file"]
            .into_iter()
            .find(|name| self.settings.contains_key(*name));
        Err(match kind {
            Some(kind) => format!(
                "the profile {name} has {kind}, which `device` does not read. Run `eval \"$(aws \
                 configure export-credentials --profile {name} --format env)\"` first",
                name = self.name
            ),
            None => format!("the profile {} has no access key", self.name),
        })
    }
}

/// The text of a file in `~/.aws` or where the variable says; empty if there is none.
fn read(variable: &str, name: &str) -> String {
    let path = std::env::var_os(variable)
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::home_dir()?).join(".aws").join(name)));
    path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}

/// The key that a `credential_process` prints. As AWS tools do, it is run by a shell.
fn printed(command: &str) -> Result<Credentials, String> {
    let mut shell = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    let shell = shell.arg(if cfg!(windows) { "/C" } else { "-c" }).arg(command);
    let output = shell.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("it failed with {}", output.status));
    }
    let key: Printed = serde_json::from_slice(&output.stdout)
        .map_err(|_| "it printed no access key as JSON".to_owned())?;
    Ok(Credentials::from_keys(key.access_key_id, key.secret_access_key, key.session_token))
}

/// The sections of a file, each with its settings. A setting in an indented line belongs to the one
/// above it: `services.x` then has `cognito_identity_provider.endpoint_url`.
fn sections(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let (mut section, mut above) = (None, String::new());
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            sections.entry(name.clone()).or_default();
            section = Some(name);
            continue;
        }
        let (Some(name), Some((setting, value))) = (&section, trimmed.split_once('=')) else {
            continue;
        };
        let (setting, value) = (setting.trim().to_lowercase(), value.trim().to_owned());
        let is_indented = line.starts_with([' ', '\t']);
        let setting = if is_indented && !above.is_empty() {
            format!("{above}.{setting}")
        } else {
            above.clone_from(&setting);
            setting
        };
        sections.entry(name.clone()).or_default().insert(setting, value);
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# a comment
[default]
region = us-east-1
[profile  work]
region=eu-west-1
services = local
[services local]
cognito_identity_provider =
  endpoint_url = http://127.0.0.1:9229
s3 =
  endpoint_url = http://127.0.0.1:1
[profile sso]
sso_session = corp
[profile asked]
endpoint_url = https://auth.example.com
credential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"ID\", \"SecretAccessKey\": \"s\"}'
";
    const CREDENTIALS: &str = "\
[work]
aws_access_key_id = WORK
aws_secret_access_key = secret=with=signs
";

    fn profile(name: &str) -> Option<Profile> {
        Profile::of(name, CONFIG, CREDENTIALS)
    }

    #[test]
    fn a_profile_has_region_endpoint_and_key() {
        let work = profile("work").unwrap();
        assert_eq!(work.region(), Some("eu-west-1"));
        assert_eq!(work.endpoint_url(), Some("http://127.0.0.1:9229"));
        let key = work.key().unwrap();
        assert_eq!(key.access_key_id(), "WORK");
        assert_eq!(key.secret_access_key(), "secret=with=signs");
        assert!(profile("nobody").is_none());
        assert_eq!(profile("default").unwrap().endpoint_url(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_may_come_from_a_process() {
        let asked = profile("asked").unwrap();
        assert_eq!(asked.endpoint_url(), Some("https://auth.example.com"));
        assert_eq!(asked.key().unwrap().access_key_id(), "ID");
    }

    #[test]
    fn a_profile_without_a_key_says_what_to_do() {
        let told = profile("sso").unwrap().key().unwrap_err();
        assert!(told.contains("sso_session") && told.contains("export-credentials"), "{told}");
        let told = profile("default").unwrap().key().unwrap_err();
        assert_eq!(told, "the profile default has no access key");
    }
}
