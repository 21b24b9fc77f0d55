//! Groups of users, whose names and roles tokens contain.

use device_wire::requests::{
    AdminAddUserToGroupRequest, AdminListGroupsForUserRequest, AdminRemoveUserFromGroupRequest,
    CreateGroupRequest, DeleteGroupRequest, GetGroupRequest, ListGroupsRequest, UpdateGroupRequest,
};
use device_wire::responses::{
    AdminListGroupsForUserResponse, CreateGroupResponse, GetGroupResponse, ListGroupsResponse,
    UpdateGroupResponse,
};
use device_wire::shapes::GroupType;
use device_wire::{ErrorCode, Timestamp};

use crate::command::context::Context;
use crate::command::page::{self, Page, page_length};
use crate::command::transaction::Entity as _;
use crate::error::ServiceError;
use crate::records::group::Group;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::rules::roles::groups_of;

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
    let unique_id = Some(cx.uuid());
    let group = Group { pool_id: pool.id, name: request.group_name, description, unique_id };
    cx.tx.put(&group)?;
    Ok(CreateGroupResponse { group: Some(group.description) })
}

/// `GetGroup`.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: GetGroupRequest,
) -> Result<GetGroupResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let group = Group::load(cx, &pool, &request.group_name)?;
    Ok(GetGroupResponse { group: Some(group.description) })
}

/// `UpdateGroup`. What the request leaves out stays as it is.
pub(crate) fn update(
    cx: &mut Context<'_, '_>,
    request: UpdateGroupRequest,
) -> Result<UpdateGroupResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut group = Group::load(cx, &pool, &request.group_name)?;
    group.description = GroupType {
        description: request.description.or(group.description.description),
        role_arn: request.role_arn.or(group.description.role_arn),
        precedence: request.precedence.or(group.description.precedence),
        last_modified_date: Some(Timestamp::from(cx.now())),
        ..group.description
    };
    cx.tx.put(&group)?;
    Ok(UpdateGroupResponse { group: Some(group.description) })
}

/// `DeleteGroup`. Its members are in it no longer; see `Memberships`.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteGroupRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let group = Group::load(cx, &pool, &request.group_name)?;
    cx.tx.delete::<Group>(&group.id());
    Ok(())
}

/// `ListGroups`, in the order of their names.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListGroupsRequest,
) -> Result<ListGroupsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let after = page::position(request.next_token.as_deref())?;
    let after = after.map(|name| Group::key(&pool.id, &name));
    let prefix = Group::key(&pool.id, "");
    let page: Page<Group> =
        Page::scan(&cx.tx, &prefix, after, page_length(request.limit), |_| true)?;
    Ok(ListGroupsResponse {
        next_token: page.next_token(|last| last.name.clone()),
        groups: Some(page.items.into_iter().map(|group| group.description).collect()),
    })
}

/// `AdminAddUserToGroup`. Adding a member again is no error.
pub(crate) fn add(
    cx: &mut Context<'_, '_>,
    request: AdminAddUserToGroupRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    user.groups.join(&Group::load(cx, &pool, &request.group_name)?);
    cx.tx.put(&user)
}

/// `AdminRemoveUserFromGroup`. Removing a user who is not a member is no error.
pub(crate) fn remove(
    cx: &mut Context<'_, '_>,
    request: AdminRemoveUserFromGroupRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    user.groups.leave(&Group::load(cx, &pool, &request.group_name)?);
    cx.tx.put(&user)
}

/// `AdminListGroupsForUser`.
pub(crate) fn list_for_user(
    cx: &mut Context<'_, '_>,
    request: AdminListGroupsForUserRequest,
) -> Result<AdminListGroupsForUserResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    let after = page::position(request.next_token.as_deref())?.unwrap_or_default();
    let groups = groups_of(cx, &user)?.into_iter().filter(|group| group.name > after);
    let page = Page::first(groups, page_length(request.limit));
    Ok(AdminListGroupsForUserResponse {
        next_token: page.next_token(|last| last.name.clone()),
        groups: Some(page.items.into_iter().map(|group| group.description).collect()),
    })
}
