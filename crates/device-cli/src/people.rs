//! Users and groups as commands find and print them.

use device_wire::enums::UserStatusType;
use device_wire::requests::{ListUsersInGroupRequest, ListUsersRequest};
use device_wire::shapes::{AttributeType, GroupType, UserType};

use crate::cli_error::CliError;
use crate::in_pool::InPool;
use crate::output::{text, time};
use crate::signed_call::{CallError, all_pages};

/// The users of a pool.
pub(crate) fn users(at: &InPool, filter: Option<String>) -> Result<Vec<UserType>, CallError> {
    all_pages(|pagination_token| {
        let request = ListUsersRequest {
            filter: filter.clone(),
            pagination_token,
            ..ListUsersRequest::new(&at.pool)
        };
        let page = at.call(&request)?;
        Ok((page.users, page.pagination_token))
    })
}

/// Prints users as a table.
pub(crate) fn print_users(at: &InPool, users: &[UserType]) -> Result<(), CliError> {
    at.format.list(users, ["USER", "STATUS", "E-MAIL", "PHONE", "CREATED"], |user| {
        let attributes = user.attributes.as_deref().unwrap_or_default();
        [
            user.username.as_ref().map(|name| name.to_string()).unwrap_or_default(),
            status(user.user_status.as_ref(), user.enabled),
            attribute(attributes, "email"),
            attribute(attributes, "phone_number"),
            time(user.user_create_date),
        ]
    })
}

/// The status of a user, and whether the user is disabled.
pub(crate) fn status(status: Option<&UserStatusType>, enabled: Option<bool>) -> String {
    let status = status.map(|status| status.as_str().to_owned()).unwrap_or_default();
    if enabled == Some(false) { format!("{status}, disabled") } else { status }
}

/// The value of an attribute; empty if there is none.
pub(crate) fn attribute(attributes: &[AttributeType], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.name == name);
    found.and_then(|found| found.value.as_ref()).map(|value| value.to_string()).unwrap_or_default()
}

/// The members of a group.
pub(crate) fn members(at: &InPool, group: &str) -> Result<Vec<UserType>, CallError> {
    all_pages(|next_token| {
        let request =
            ListUsersInGroupRequest { next_token, ..ListUsersInGroupRequest::new(&at.pool, group) };
        let page = at.call(&request)?;
        Ok((page.users, page.next_token))
    })
}

/// Prints groups as a table.
pub(crate) fn print_groups(at: &InPool, groups: &[GroupType]) -> Result<(), CliError> {
    at.format.list(groups, ["GROUP", "PRECEDENCE", "CREATED", "DESCRIPTION"], |group| {
        [
            text(group.group_name.as_ref()),
            group.precedence.map(|precedence| precedence.to_string()).unwrap_or_default(),
            time(group.creation_date),
            text(group.description.as_ref()),
        ]
    })
}
