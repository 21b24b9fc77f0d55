//! `device group`: groups of a pool and their members.

use device_wire::requests::{
    AdminAddUserToGroupRequest, AdminRemoveUserFromGroupRequest, CreateGroupRequest,
    DeleteGroupRequest, ListGroupsRequest,
};
use device_wire::shapes::GroupType;

use crate::cli_error::CliError;
use crate::in_pool::{Caution, InPool};
use crate::output::{count, text, time};
use crate::people::{members, print_groups, print_users};
use crate::prompt;
use crate::signed_call::{CallError, all_pages};

/// The subcommands of `device group`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the groups of a pool
    List(InPool),
    /// Create a group
    Create(CreateOptions),
    /// Delete a group. Its members stay in the pool.
    Delete(DeleteOptions),
    /// List the members of a group
    Members(NamedGroup),
    /// Add a user to a group
    Add(Membership),
    /// Remove a user from a group
    Remove(Membership),
}

/// A group, by name.
#[derive(clap::Args)]
pub(crate) struct NamedGroup {
    /// The group's name
    group: String,

    #[command(flatten)]
    at: InPool,
}

/// Options of `device group create`.
#[derive(clap::Args)]
pub(crate) struct CreateOptions {
    /// The group's name
    group: String,

    /// What the group is for
    #[arg(long)]
    description: Option<String>,

    /// The group's precedence: of a user's groups, the lowest decides
    #[arg(long, value_name = "NUMBER")]
    precedence: Option<i32>,

    #[command(flatten)]
    at: InPool,
}

/// Options of `device group delete`.
#[derive(clap::Args)]
pub(crate) struct DeleteOptions {
    /// The group's name
    group: String,

    #[command(flatten)]
    caution: Caution,

    #[command(flatten)]
    at: InPool,
}

/// A group and a user.
#[derive(clap::Args)]
pub(crate) struct Membership {
    /// The group's name
    group: String,

    /// The user's name
    user: String,

    #[command(flatten)]
    at: InPool,
}

pub(crate) fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::List(at) => print_groups(at, &groups(at)?),
        Command::Create(options) => {
            let CreateOptions { group, description, precedence, at } = options;
            let created = at.call(&CreateGroupRequest {
                description: description.clone(),
                precedence: *precedence,
                ..CreateGroupRequest::new(group, &at.pool)
            })?;
            let created = created.group.unwrap_or_default();
            at.format.one(&created, &fields(&created))
        }
        Command::Delete(options) => delete(options),
        Command::Members(NamedGroup { group, at }) => print_users(at, &members(at, group)?),
        Command::Add(Membership { group, user, at }) => {
            at.call(&AdminAddUserToGroupRequest::new(&at.pool, &**user, group))?;
            at.format.done(format!("added {user} to the group {group}"))
        }
        Command::Remove(Membership { group, user, at }) => {
            at.call(&AdminRemoveUserFromGroupRequest::new(&at.pool, &**user, group))?;
            at.format.done(format!("removed {user} from the group {group}"))
        }
    }
}

fn delete(options: &DeleteOptions) -> Result<(), CliError> {
    let DeleteOptions { group, caution, at } = options;
    let members = members(at, group)?.len();
    let members = count(members, "member", "members");
    if caution.dry_run {
        return at.format.done(format!("would delete the group {group} with {members}"));
    }
    prompt::confirm(&format!("Delete the group {group} with {members}?"), caution.yes)?;
    at.call(&DeleteGroupRequest::new(group, &at.pool))?;
    at.format.done(format!("deleted the group {group}"))
}

fn groups(at: &InPool) -> Result<Vec<GroupType>, CallError> {
    all_pages(|next_token| {
        let page =
            at.call(&ListGroupsRequest { next_token, ..ListGroupsRequest::new(&at.pool) })?;
        Ok((page.groups, page.next_token))
    })
}

fn fields(group: &GroupType) -> [(&'static str, String); 4] {
    [
        ("group", text(group.group_name.as_ref())),
        ("description", text(group.description.as_ref())),
        ("precedence", group.precedence.map(|number| number.to_string()).unwrap_or_default()),
        ("created", time(group.creation_date)),
    ]
}
