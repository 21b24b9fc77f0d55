//! `device pool create`.

use device_wire::enums::UserPoolMfaType;
use device_wire::requests::{CreateUserPoolRequest, SetUserPoolMfaConfigRequest};
use device_wire::shapes::{DeviceConfigurationType, SoftwareTokenMfaConfigType};

use super::{describe, show};
use crate::cli_error::CliError;
use crate::output::Format;
use crate::signed_call::Connection;

/// Whether users need a second factor.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Mfa {
    /// No one is asked for one.
    Off,
    /// Users who have set one up are asked for it.
    Optional,
    /// Every user needs one.
    On,
}

/// Which devices are remembered.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Remember {
    /// None.
    No,
    /// Those whose user chooses so.
    OptIn,
    /// All that an app confirms.
    Always,
}

/// Options of `device pool create`.
#[derive(clap::Args)]
pub(crate) struct CreateOptions {
    /// The pool's name
    name: String,

    /// Whether users need a second factor: an authenticator app
    #[arg(long, value_name = "WHEN", default_value = "optional")]
    mfa: Mfa,

    /// Which devices are remembered. On a remembered device, no second factor is asked for
    #[arg(long, value_name = "WHICH", default_value = "opt-in")]
    remember: Remember,

    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

pub(super) fn run(options: &CreateOptions) -> Result<(), CliError> {
    let CreateOptions { name, mfa, remember, server, format } = options;
    let device_configuration = match remember {
        Remember::No => None,
        Remember::OptIn | Remember::Always => Some(DeviceConfigurationType {
            challenge_required_on_new_device: Some(true),
            device_only_remembered_on_user_prompt: Some(matches!(remember, Remember::OptIn)),
        }),
    };
    let request =
        CreateUserPoolRequest { device_configuration, ..CreateUserPoolRequest::new(name) };
    let created = server.operation(&request)?.user_pool.unwrap_or_default();
    let id = created.id.unwrap_or_default();
    let mfa = match mfa {
        Mfa::Off => None,
        Mfa::Optional => Some(UserPoolMfaType::Optional),
        Mfa::On => Some(UserPoolMfaType::On),
    };
    if mfa.is_some() {
        server.operation(&SetUserPoolMfaConfigRequest {
            mfa_configuration: mfa,
            software_token_mfa_configuration: Some(SoftwareTokenMfaConfigType {
                enabled: Some(true),
            }),
            ..SetUserPoolMfaConfigRequest::new(&id)
        })?;
    }
    show(&describe(server, &id)?, *format)
}
