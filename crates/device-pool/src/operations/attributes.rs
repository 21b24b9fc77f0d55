//! User attributes: updated, deleted and verified.

use device_wire::requests::{
    AdminDeleteUserAttributesRequest, AdminUpdateUserAttributesRequest,
    DeleteUserAttributesRequest, GetUserAttributeVerificationCodeRequest,
    UpdateUserAttributesRequest, VerifyUserAttributeRequest,
};
use device_wire::responses::{
    AdminDeleteUserAttributesResponse, AdminUpdateUserAttributesResponse,
    DeleteUserAttributesResponse, GetUserAttributeVerificationCodeResponse,
    UpdateUserAttributesResponse, VerifyUserAttributeResponse,
};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::code::CodePurpose;
use crate::records::pool::Pool;
use crate::records::user::{User, is_contact};
use crate::rules::caller::Caller;
use crate::rules::codes;
use crate::rules::message_triggers::{Reason, Situation};
use crate::rules::names::AliasConflict;
use crate::rules::profile::{self, Author};
use crate::rules::triggers::metadata;

/// `UpdateUserAttributes`.
pub(crate) fn update(
    cx: &mut Context<'_, '_>,
    request: UpdateUserAttributesRequest,
) -> Result<UpdateUserAttributesResponse, ServiceError> {
    let names = request.user_attributes.iter().map(|attribute| attribute.name.as_str());
    let caller = authenticate(cx, &request.access_token, names)?;
    let client = caller.client(cx)?;
    let Caller { pool, mut user, .. } = caller;
    let author = Author::User(&client);
    let metadata = metadata(request.client_metadata);
    let sent = profile::update(cx, &pool, &mut user, author, request.user_attributes, metadata)?;
    cx.tx.put(&user)?;
    let list = sent.iter().map(Address::details).collect();
    Ok(UpdateUserAttributesResponse { code_delivery_details_list: Some(list) })
}

/// The user whose attributes change. Addresses and names may need a fresh sign-in.
fn authenticate<'a>(
    cx: &mut Context<'_, '_>,
    token: &str,
    mut names: impl Iterator<Item = &'a str>,
) -> Result<Caller, ServiceError> {
    if names.any(is_contact) {
        return Caller::authenticate_afresh(cx, token);
    }
    Caller::authenticate(cx, token)
}

/// `AdminUpdateUserAttributes`.
pub(crate) fn admin_update(
    cx: &mut Context<'_, '_>,
    request: AdminUpdateUserAttributesRequest,
) -> Result<AdminUpdateUserAttributesResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    let (author, metadata) = (Author::Administrator, metadata(request.client_metadata));
    profile::update(cx, &pool, &mut user, author, request.user_attributes, metadata)?;
    cx.tx.put(&user)?;
    Ok(AdminUpdateUserAttributesResponse {})
}

/// `DeleteUserAttributes`.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteUserAttributesRequest,
) -> Result<DeleteUserAttributesResponse, ServiceError> {
    let names = request.user_attribute_names.iter().map(String::as_str);
    let caller = authenticate(cx, &request.access_token, names)?;
    let client = caller.client(cx)?;
    let Caller { pool, mut user, .. } = caller;
    profile::remove(cx, &pool, &mut user, Author::User(&client), &request.user_attribute_names)?;
    cx.tx.put(&user)?;
    Ok(DeleteUserAttributesResponse {})
}

/// `AdminDeleteUserAttributes`.
pub(crate) fn admin_delete(
    cx: &mut Context<'_, '_>,
    request: AdminDeleteUserAttributesRequest,
) -> Result<AdminDeleteUserAttributesResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    profile::remove(cx, &pool, &mut user, Author::Administrator, &request.user_attribute_names)?;
    cx.tx.put(&user)?;
    Ok(AdminDeleteUserAttributesResponse {})
}

/// `GetUserAttributeVerificationCode`.
pub(crate) fn send_code(
    cx: &mut Context<'_, '_>,
    request: GetUserAttributeVerificationCodeRequest,
) -> Result<GetUserAttributeVerificationCodeResponse, ServiceError> {
    let caller = Caller::authenticate(cx, &request.access_token)?;
    let client = caller.client(cx)?;
    let Caller { pool, user, .. } = caller;
    let medium = verifiable(&request.attribute_name)?;
    let unproven = user.unproven.get(medium.attribute()).cloned();
    let address = match unproven {
        Some(destination) => Address { medium, destination },
        None => Address::of(&user, medium).ok_or_else(|| {
            ServiceError::invalid(format!(
                "User does not have the attribute {}.",
                medium.attribute()
            ))
        })?,
    };
    profile::permit_code(cx, &user, &address)?;
    let metadata = metadata(request.client_metadata);
    let situation = Situation::VerifyUserAttribute;
    let reason = Reason { situation, client_id: &client.id, metadata };
    profile::send_code(cx, &pool, &user, &address, &reason)?;
    Ok(GetUserAttributeVerificationCodeResponse { code_delivery_details: Some(address.details()) })
}

/// `VerifyUserAttribute`.
pub(crate) fn verify(
    cx: &mut Context<'_, '_>,
    request: VerifyUserAttributeRequest,
) -> Result<VerifyUserAttributeResponse, ServiceError> {
    let Caller { pool, mut user, .. } = Caller::authenticate(cx, &request.access_token)?;
    let medium = verifiable(&request.attribute_name)?;
    let purpose = CodePurpose::Attribute(medium.attribute().to_owned());
    let address = codes::redeem(cx, &user, &purpose, &request.code)?;
    profile::prove(cx, &pool, &mut user, address, AliasConflict::Refuse)?;
    cx.tx.put(&user)?;
    Ok(VerifyUserAttributeResponse {})
}

fn verifiable(attribute: &str) -> Result<Medium, ServiceError> {
    Medium::of_attribute(attribute)
        .ok_or_else(|| ServiceError::invalid("Only email and phone_number can be verified."))
}
