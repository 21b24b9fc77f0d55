//! `device devices`: devices of the signed-in user, of any user, or of all users of a pool.

mod forget;
mod listed;

use device_wire::enums::DeviceRememberedStatusType;
use device_wire::requests::{
    AdminGetDeviceRequest, AdminUpdateDeviceStatusRequest, GetDeviceRequest,
    UpdateDeviceStatusRequest,
};

use crate::cli_error::CliError;
use crate::output::Format;
use crate::session::Session;
use crate::signed_call::Connection;
use crate::time_argument::Age;
use forget::ForgetOptions;
use listed::Listed;

/// The subcommands of `device devices`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List devices
    List(ListOptions),
    /// Show a device
    Get(OneDevice),
    /// Have a device remembered: if the pool allows it, it replaces the second factor
    Remember(OneDevice),
    /// Have a device no longer remembered. It stays known.
    DoNotRemember(OneDevice),
    /// Forget a device, all, or those that have not signed in for some time
    Forget(ForgetOptions),
}

/// Whose devices.
#[derive(clap::Args)]
pub(crate) struct Whose {
    /// A user, for administrators [default: the user whom `device sign-in` signed in]
    #[arg(long)]
    user: Option<String>,

    /// The pool's id, with --user or --all-users
    #[arg(long, env = "DEVICE_POOL", value_name = "POOL ID")]
    pool: Option<String>,

    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

/// Options of `device devices list`.
#[derive(clap::Args)]
pub(crate) struct ListOptions {
    /// Those of all users of the pool, for administrators
    #[arg(long, conflicts_with = "user")]
    all_users: bool,

    /// Only those that have not signed in for this long, such as 90d
    #[arg(long, value_name = "AGE")]
    idle: Option<Age>,

    #[command(flatten)]
    whose: Whose,
}

/// A device and whose it is.
#[derive(clap::Args)]
pub(crate) struct OneDevice {
    /// The device's key [default: this device, if `device sign-in` signed in here]
    #[arg(value_name = "DEVICE KEY")]
    key: Option<String>,

    #[command(flatten)]
    whose: Whose,
}

/// The devices' owner, with what it takes to make calls about them.
pub(super) enum Owner<'o> {
    /// The signed-in user.
    Own(Box<Session>),
    /// A user of a pool.
    Of { pool: &'o str, user: &'o str },
}

impl Whose {
    fn owner(&self) -> Result<Owner<'_>, CliError> {
        match &self.user {
            Some(user) => Ok(Owner::Of { pool: self.pool()?, user }),
            None => Ok(Owner::Own(Box::new(Session::restored()?))),
        }
    }

    fn pool(&self) -> Result<&str, CliError> {
        let missing = "an administrator's call needs the pool: give --pool, or set DEVICE_POOL";
        self.pool.as_deref().ok_or_else(|| CliError::usage(missing))
    }
}

impl OneDevice {
    /// The key, and whose device it is.
    fn resolve(&self) -> Result<(String, Owner<'_>), CliError> {
        let owner = self.whose.owner()?;
        let key = match (&self.key, &owner) {
            (Some(key), _) => key.clone(),
            (None, Owner::Own(session)) => session.device_key()?,
            (None, Owner::Of { .. }) => {
                return Err(CliError::usage(
                    "give the device's key, as `device devices list` prints it",
                ));
            }
        };
        Ok((key, owner))
    }
}

pub(crate) fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::List(ListOptions { all_users, idle, whose }) => {
            let devices = if *all_users {
                listed::of_all_users(whose, *idle)?
            } else {
                listed::of_one(whose, *idle)?
            };
            Listed::print_all(&devices, *all_users, whose.format)
        }
        Command::Get(device) => get(device),
        Command::Remember(device) => set(device, DeviceRememberedStatusType::Remembered),
        Command::DoNotRemember(device) => set(device, DeviceRememberedStatusType::NotRemembered),
        Command::Forget(options) => forget::run(options),
    }
}

fn get(device: &OneDevice) -> Result<(), CliError> {
    let (key, owner) = device.resolve()?;
    let whose = &device.whose;
    let (device, user) = match &owner {
        Owner::Of { pool, user } => {
            let request = AdminGetDeviceRequest::new(key, *pool, *user);
            (whose.server.operation(&request)?.device, (*user).to_owned())
        }
        Owner::Own(session) => {
            let request = GetDeviceRequest {
                access_token: Some(session.access_token()?),
                ..GetDeviceRequest::new(key)
            };
            (session.connection().public_operation(&request)?.device, String::new())
        }
    };
    Listed { user, device }.print(whose.format)
}

fn set(device: &OneDevice, status: DeviceRememberedStatusType) -> Result<(), CliError> {
    let (key, owner) = device.resolve()?;
    let is_remembered = status == DeviceRememberedStatusType::Remembered;
    match &owner {
        Owner::Of { pool, user } => {
            let mut request = AdminUpdateDeviceStatusRequest::new(*pool, *user, &key);
            request.device_remembered_status = Some(status);
            device.whose.server.operation(&request)?;
        }
        // So that what is stored here about this device stays true.
        Owner::Own(session) if session.device_key().is_ok_and(|own| own == key) => {
            session.set_remembered(is_remembered)?;
        }
        Owner::Own(session) => {
            let mut request = UpdateDeviceStatusRequest::new(session.access_token()?, &key);
            request.device_remembered_status = Some(status);
            session.connection().public_operation(&request)?;
        }
    }
    let done = if is_remembered { "remembered" } else { "no longer remembered" };
    device.whose.format.done(format!("{key} is {done}"))
}
