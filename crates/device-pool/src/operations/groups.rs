//! Groups of users, whose names tokens contain.

use device_wire::requests::{
    AdminAddUserToGroupRequest, AdminListGroupsForUserRequest, AdminRemoveUserFromGroupRequest,
    CreateGroupRequest,
};
use device_wire::responses::{AdminListGroupsForUserResponse, CreateGroupResponse};
use device_wire::shapes::GroupType;
use device_wire::{ErrorCode, Timestamp};

use crate::command::context::Context;
use crate::command::page::{Page, page_length};
use crate::error::ServiceError;
use crate::records::group::Group;
use crate::records::pool::Pool;
use crate::records::user::User;

/// `CreateGroup`.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: CreateGroupRequest,
) -> Result<CreateGroupResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    if cx.tx.find::<Group>(&Group::key(&pool.id, &request.group_name))?.is_some() {
        return Err(ServiceError::new(
            ErrorCode::GroupExists,
            "A group with the name already exists.",
        ));
    }
    let now = Some(Timestamp::from(cx.now()));
    let description = GroupType {
        group_name: Some(request.group_name.clone()),
        user_pool_id: Some(pool.id.clone()),
        description: request.description,
        role_arn: request.role_arn,
        precedence: request.precedence,
        last_modified_date: now,
        creation_date: now,
    };
    let group = Group { pool_id: pool.id, name: request.group_name, description };
    cx.tx.put(&group)?;
    Ok(CreateGroupResponse { group: Some(group.description) })
}

/// `AdminAddUserToGroup`. Adding a member again is no error.
pub(crate) fn add(
    cx: &mut Context<'_, '_>,
    request: AdminAddUserToGroupRequest,
) -> Result<(), ServiceError> {
    let mut user = member(cx, &request.user_pool_id, &request.username, &request.group_name)?;
    user.groups.insert(request.group_name);
    cx.tx.put(&user)
}

/// `AdminRemoveUserFromGroup`. Removing a user who is not a member is no error.
pub(crate) fn remove(
    cx: &mut Context<'_, '_>,
    request: AdminRemoveUserFromGroupRequest,
) -> Result<(), ServiceError> {
    let mut user = member(cx, &request.user_pool_id, &request.username, &request.group_name)?;
    user.groups.remove(&request.group_name);
    cx.tx.put(&user)
}

/// The user to add to or remove from an existing group.
fn member(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    username: &str,
    group: &str,
) -> Result<User, ServiceError> {
    let pool = Pool::load(cx, pool_id)?;
    let user = User::for_admin(cx, &pool, username)?;
    if cx.tx.find::<Group>(&Group::key(&pool.id, group))?.is_none() {
        return Err(ServiceError::not_found("Group not found."));
    }
    Ok(user)
}

/// `AdminListGroupsForUser`. The token of a page is its last name.
pub(crate) fn list_for_user(
    cx: &mut Context<'_, '_>,
    request: AdminListGroupsForUserRequest,
) -> Result<AdminListGroupsForUserResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    let after = request.next_token.unwrap_or_default();
    let names = user.groups.iter().filter(|name| **name > after);
    let page = Page::first(names, page_length(request.limit));
    let next_token = page.next_token(|last| (*last).clone());
    let mut groups = Vec::new();
    for name in page.items {
        let group = cx.tx.find::<Group>(&Group::key(&pool.id, name))?;
        groups.push(Context::stored(group, "a group that a user is in")?.description);
    }
    Ok(AdminListGroupsForUserResponse { groups: Some(groups), next_token })
}
