//! `device user`: users of a pool.

mod create;

use device_wire::Request;
use device_wire::requests::{
    AdminConfirmSignUpRequest, AdminDeleteUserRequest, AdminDisableUserRequest,
    AdminEnableUserRequest, AdminGetUserRequest, AdminListDevicesRequest,
    AdminListGroupsForUserRequest, AdminResetUserPasswordRequest, AdminSetUserPasswordRequest,
    AdminUserGlobalSignOutRequest,
};
use device_wire::shapes::AttributeType;

use crate::cli_error::CliError;
use crate::in_pool::{Caution, InPool};
use crate::output::{count, text, time};
use crate::people::{members, print_groups, print_users, status, users};
use crate::prompt;
use crate::signed_call::all_pages;
pub(crate) use create::CreateOptions;

/// The subcommands of `device user`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the users of a pool, all or those that one filter finds
    List(ListOptions),
    /// Show a user with all attributes
    Show(NamedUser),
    /// Create a user. Unless an invitation is sent, set a password with `device user set-password`.
    Create(CreateOptions),
    /// Delete a user, with devices and sessions
    Delete(DeleteOptions),
    /// Let a user sign in again
    Enable(NamedUser),
    /// Keep a user from signing in, and end all sessions
    Disable(NamedUser),
    /// Set a user's password: typed, or a line of standard input
    SetPassword(SetPasswordOptions),
    /// Make a user choose a new password, by a code that is sent
    Reset(NamedUser),
    /// Confirm a user's sign-up without the code
    Confirm(NamedUser),
    /// End all sessions of a user
    SignOut(NamedUser),
    /// List the groups of a user
    Groups(NamedUser),
}

/// Options of `device user list`.
#[derive(clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    filter: Filter,

    /// Only members of this group
    #[arg(long, conflicts_with_all = ["name", "email", "phone", "status", "filter"])]
    group: Option<String>,

    #[command(flatten)]
    at: InPool,
}

/// One filter. A star at its end finds what starts so.
#[derive(clap::Args)]
#[group(multiple = false)]
pub(crate) struct Filter {
    /// Only this user name; ada* finds all that start with ada
    #[arg(long)]
    name: Option<String>,

    /// Only this e-mail address, or its start with a star
    #[arg(long)]
    email: Option<String>,

    /// Only this phone number, or its start with a star
    #[arg(long)]
    phone: Option<String>,

    /// Only this status, such as CONFIRMED or UNCONFIRMED
    #[arg(long)]
    status: Option<String>,

    /// A filter as Cognito's ListUsers takes it, such as 'given_name ^= "A"'
    #[arg(long)]
    filter: Option<String>,
}

/// A user, by name.
#[derive(clap::Args)]
pub(crate) struct NamedUser {
    /// The user's name, or what else signs the user in, such as an e-mail address
    user: String,

    #[command(flatten)]
    at: InPool,
}

/// Options of `device user delete`.
#[derive(clap::Args)]
pub(crate) struct DeleteOptions {
    /// The user's name
    user: String,

    #[command(flatten)]
    caution: Caution,

    #[command(flatten)]
    at: InPool,
}

/// Options of `device user set-password`.
#[derive(clap::Args)]
pub(crate) struct SetPasswordOptions {
    /// The user's name
    user: String,

    /// Make the user choose another at the next sign-in
    #[arg(long)]
    temporary: bool,

    #[command(flatten)]
    at: InPool,
}

pub(crate) fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::List(ListOptions { filter, group, at }) => {
            let users = match group {
                Some(group) => members(at, group)?,
                None => users(at, filter.text())?,
            };
            print_users(at, &users)
        }
        Command::Show(NamedUser { user, at }) => show(user, at),
        Command::Create(options) => create::run(options),
        Command::Delete(options) => delete(options),
        Command::Enable(NamedUser { user, at }) => {
            act(at, &AdminEnableUserRequest::new(&at.pool, &**user), format!("enabled {user}"))
        }
        Command::Disable(NamedUser { user, at }) => {
            act(at, &AdminDisableUserRequest::new(&at.pool, &**user), format!("disabled {user}"))
        }
        Command::SetPassword(SetPasswordOptions { user, temporary, at }) => {
            let password = prompt::new_secret(&format!("New password of {user}"))?;
            let request = AdminSetUserPasswordRequest {
                permanent: Some(!temporary),
                ..AdminSetUserPasswordRequest::new(&at.pool, &**user, password)
            };
            act(at, &request, format!("set the password of {user}"))
        }
        Command::Reset(NamedUser { user, at }) => {
            let request = AdminResetUserPasswordRequest::new(&at.pool, &**user);
            act(at, &request, format!("{user} has to choose a new password, and was sent a code"))
        }
        Command::Confirm(NamedUser { user, at }) => {
            let request = AdminConfirmSignUpRequest::new(&at.pool, &**user);
            act(at, &request, format!("confirmed the sign-up of {user}"))
        }
        Command::SignOut(NamedUser { user, at }) => {
            let request = AdminUserGlobalSignOutRequest::new(&at.pool, &**user);
            act(at, &request, format!("ended all sessions of {user}"))
        }
        Command::Groups(NamedUser { user, at }) => {
            let groups = all_pages(|next_token| {
                let request = AdminListGroupsForUserRequest {
                    next_token,
                    ..AdminListGroupsForUserRequest::new(&**user, &at.pool)
                };
                let page = at.call(&request)?;
                Ok((page.groups, page.next_token))
            })?;
            print_groups(at, &groups)
        }
    }
}

/// Makes a call whose answer has nothing to show.
fn act<R: Request>(at: &InPool, request: &R, done: String) -> Result<(), CliError> {
    at.call(request)?;
    at.format.done(done)
}

impl Filter {
    /// As `ListUsers` takes it.
    fn text(&self) -> Option<String> {
        let Self { name, email, phone, status, filter } = self;
        if filter.is_some() {
            return filter.clone();
        }
        let given = [("username", name), ("email", email), ("phone_number", phone)];
        let given = given.into_iter().find_map(|(attribute, value)| {
            value.as_deref().map(|value| (attribute, value.to_owned()))
        });
        let status = || Some(("cognito:user_status", status.as_ref()?.to_uppercase()));
        let (attribute, value) = given.or_else(status)?;
        let (relation, value) = match value.strip_suffix('*') {
            Some(start) => ("^=", start),
            None => ("=", &*value),
        };
        // A quotation mark in it would end the value.
        Some(format!("{attribute} {relation} \"{}\"", value.replace('"', "\\\"")))
    }
}

fn show(user: &str, at: &InPool) -> Result<(), CliError> {
    let shown = at.call(&AdminGetUserRequest::new(&at.pool, user))?;
    let attributes = shown.user_attributes.as_deref().unwrap_or_default();
    let mut fields = vec![
        ("user", shown.username.to_string()),
        ("status", status(shown.user_status.as_ref(), shown.enabled)),
        ("created", time(shown.user_create_date)),
        ("changed", time(shown.user_last_modified_date)),
        (
            "second factors",
            shown.user_mfa_setting_list.iter().flatten().cloned().collect::<Vec<_>>().join(", "),
        ),
        ("preferred", text(shown.preferred_mfa_setting.as_ref())),
    ];
    for AttributeType { name, value } in attributes {
        let value = value.as_ref().map(|value| value.to_string()).unwrap_or_default();
        fields.push((name, value));
    }
    at.format.one(&shown, &fields)
}

fn delete(options: &DeleteOptions) -> Result<(), CliError> {
    let DeleteOptions { user, caution, at } = options;
    let shown = at.call(&AdminGetUserRequest::new(&at.pool, &**user))?;
    let devices = all_pages(|pagination_token| {
        let request = AdminListDevicesRequest {
            pagination_token,
            ..AdminListDevicesRequest::new(&at.pool, &**user)
        };
        let page = at.call(&request)?;
        Ok((page.devices, page.pagination_token))
    });
    // A pool that remembers no devices refuses to list them.
    let devices = count(devices.unwrap_or_default().len(), "device", "devices");
    let name = shown.username.to_string();
    if caution.dry_run {
        return at.format.done(format!("would delete the user {name} with {devices}"));
    }
    prompt::confirm(&format!("Delete the user {name} with {devices}?"), caution.yes)?;
    act(at, &AdminDeleteUserRequest::new(&at.pool, &**user), format!("deleted the user {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_finds_what_starts_so() {
        let none = || Filter { name: None, email: None, phone: None, status: None, filter: None };
        assert_eq!(none().text(), None);
        let given = Filter { email: Some("ada@*".to_owned()), ..none() };
        assert_eq!(given.text().unwrap(), "email ^= \"ada@\"");
        let given = Filter { name: Some("a\"b".to_owned()), ..none() };
        assert_eq!(given.text().unwrap(), "username = \"a\\\"b\"");
        let given = Filter { status: Some("confirmed".to_owned()), ..none() };
        assert_eq!(given.text().unwrap(), "cognito:user_status = \"CONFIRMED\"");
    }
}
