//! `device devices forget`.

use device_wire::requests::{AdminForgetDeviceRequest, ForgetDeviceRequest};

use super::listed::{self, Listed, progress};
use super::{OneDevice, Owner, Whose};
use crate::cli_error::CliError;
use crate::in_pool::Caution;
use crate::output::count;
use crate::prompt;
use crate::signed_call::CallError;
use crate::time_argument::Age;

/// Options of `device devices forget`.
#[derive(clap::Args)]
pub(crate) struct ForgetOptions {
    /// All devices
    #[arg(long, conflicts_with = "key")]
    all: bool,

    /// Devices that have not signed in for this long, such as 90d
    #[arg(long, value_name = "AGE", conflicts_with_all = ["all", "key"])]
    idle: Option<Age>,

    /// Those of all users of the pool, for administrators; with --idle
    #[arg(long, conflicts_with = "user", requires = "idle")]
    all_users: bool,

    #[command(flatten)]
    caution: Caution,

    #[command(flatten)]
    device: OneDevice,
}

pub(super) fn run(options: &ForgetOptions) -> Result<(), CliError> {
    let ForgetOptions { all, idle, all_users, caution, device } = options;
    let whose = &device.whose;
    if !all && idle.is_none() {
        return one(device, caution.dry_run);
    }
    let mut devices = if *all_users {
        listed::of_all_users(whose, *idle)?
    } else {
        listed::of_one(whose, *idle)?
    };
    if caution.dry_run {
        return Listed::print_all(&devices, *all_users, whose.format);
    }
    let number = count(devices.len(), "device", "devices");
    if !devices.is_empty() {
        prompt::confirm(&format!("Forget {number}?"), caution.yes)?;
    }
    // The signed-in user's session would end with its device, so that one is last.
    if let Some(own) = own_key(whose)? {
        devices.sort_by_key(|device| device.key() == own);
    }
    let bar = progress("devices", devices.len())?;
    for listed in &devices {
        forget(whose, listed)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    whose.format.done(format!("forgot {number}"))
}

fn one(device: &OneDevice, is_dry: bool) -> Result<(), CliError> {
    let (key, owner) = device.resolve()?;
    let user = match owner {
        Owner::Of { user, .. } => user.to_owned(),
        Owner::Own(_) => String::new(),
    };
    let format = device.whose.format;
    if is_dry {
        return format.done(format!("would forget {key}"));
    }
    forget_key(&device.whose, &user, &key)?;
    format.done(format!("forgot {key}"))
}

/// Forgets a device of a list. One that has gone since is none.
fn forget(whose: &Whose, listed: &Listed) -> Result<(), CliError> {
    match forget_key(whose, &listed.user, &listed.key()) {
        Err(CliError::Call(CallError::Refused { code: Some(code), .. }))
            if ["ResourceNotFoundException", "UserNotFoundException"].contains(&&*code) =>
        {
            Ok(())
        }
        forgotten => forgotten,
    }
}

fn forget_key(whose: &Whose, user: &str, key: &str) -> Result<(), CliError> {
    if !user.is_empty() {
        whose.server.operation(&AdminForgetDeviceRequest::new(whose.pool()?, user, key))?;
        return Ok(());
    }
    let Owner::Own(session) = whose.owner()? else { return Ok(()) };
    if session.device_key().is_ok_and(|own| own == key) {
        return session.forget_this_device();
    }
    let token = Some(session.access_token()?);
    let request = ForgetDeviceRequest { access_token: token, ..ForgetDeviceRequest::new(key) };
    session.connection().public_operation(&request)?;
    Ok(())
}

/// The key of this device, if the devices are those of the user who is signed in here.
fn own_key(whose: &Whose) -> Result<Option<String>, CliError> {
    match whose.owner() {
        Ok(Owner::Own(session)) => Ok(session.device_key().ok()),
        // With --all-users, nobody need be signed in.
        _ => Ok(None),
    }
}
