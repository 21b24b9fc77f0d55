//! Changing a user's attributes: who may write which, and which must be verified again.

use std::collections::BTreeMap;

use device_wire::Sensitive;
use device_wire::enums::AliasAttributeType;
use device_wire::shapes::AttributeType;
use serde_json::{Map, Value};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::{Medium, verified_attribute};
use crate::records::address::{Address, is_email, is_phone};
use crate::records::app_client::AppClient;
use crate::records::attributes::Attributes;
use crate::records::code::CodePurpose;
use crate::records::login::Login;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::rules::account_notices;
use crate::rules::codes::{self, Recipient};
use crate::rules::message_triggers::{Reason, Situation};
use crate::rules::names::AliasConflict;
use crate::rules::triggers::NO_CLIENT;

/// The author of a change of attributes.
#[derive(Clone, Copy)]
pub(crate) enum Author<'a> {
    /// The user, through this client.
    User(&'a AppClient),
    Administrator,
}

impl<'a> Author<'a> {
    /// The client id that triggers learn.
    fn client_id(self) -> &'a str {
        match self {
            Self::User(client) => &client.id,
            Self::Administrator => NO_CLIENT,
        }
    }
}

/// The attributes of a new user.
pub(crate) fn initial(
    pool: &Pool,
    author: Author<'_>,
    given: Vec<AttributeType>,
) -> Result<Attributes, ServiceError> {
    let mut attributes = Attributes::default();
    for AttributeType { name, value } in given {
        let value = value.unwrap_or_default();
        check(pool, author, &name, &value)?;
        if !value.is_empty() {
            attributes.set(&name, value);
        }
    }
    Ok(attributes)
}

/// Refuses a new user without the pool's required attributes.
pub(crate) fn check_required(
    pool: &Pool,
    user: &User,
    profile: &UserProfile,
) -> Result<(), ServiceError> {
    match missing_attributes(pool, user, profile).next() {
        None => Ok(()),
        Some(missing) => Err(ServiceError::invalid(format!(
            "Attributes did not conform to the schema: {missing}: The attribute is required"
        ))),
    }
}

/// The attributes that the pool requires and the user lacks.
pub(crate) fn missing_attributes<'a>(
    pool: &'a Pool,
    user: &'a User,
    profile: &'a UserProfile,
) -> impl Iterator<Item = &'a str> {
    pool.required_attributes().filter(|name| *name != "sub" && profile.get(user, name).is_none())
}

/// Sets attributes of a user; an empty value removes one. Returns the destinations of sent codes.
///
/// A changed address is unverified; if the pool verifies addresses, a code is sent to it. The
/// profile is written; the caller writes the user.
pub(crate) fn update(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &mut User,
    author: Author<'_>,
    given: Vec<AttributeType>,
    metadata: Map<String, Value>,
) -> Result<Vec<Address>, ServiceError> {
    let before = user.clone();
    let mut profile = UserProfile::of(cx, user)?;
    // If an attribute is given twice, the last value counts.
    let given: BTreeMap<String, Sensitive<String>> = given
        .into_iter()
        .map(|attribute| (attribute.name, attribute.value.unwrap_or_default()))
        .collect();
    let mut moved = Vec::new();
    for (name, value) in &given {
        check(pool, author, name, value)?;
        if value.is_empty() {
            remove_one(pool, user, &mut profile, name)?;
            continue;
        }
        if profile.get(user, name) == Some(value.as_str()) {
            // Setting the current address again cancels a pending change.
            user.unproven.remove(name);
            continue;
        }
        check_mutable(pool, name)?;
        if let Some(medium) = Medium::of_attribute(name) {
            moved.push(Address { medium, destination: value.clone() });
        }
        profile.set(user, name, value.clone());
    }
    moved.retain(|address| {
        let vouched = given.get(address.medium.verified_flag());
        let vouched = vouched.is_some_and(|value| value.as_str() == "true");
        move_address(pool, &before, user, address, vouched)
    });
    if matches!(author, Author::User(_)) {
        user.leave_address_of(&before, cx.now());
        account_notices::changed_address(cx, pool, &before, user);
    }
    user.modified = cx.now();
    profile.put(cx, user)?;
    // All is changed before codes are sent: their triggers learn the attributes.
    let situation = Situation::UpdateUserAttribute;
    let reason = Reason { situation, client_id: author.client_id(), metadata };
    for address in &moved {
        if matches!(author, Author::User(_)) {
            permit_code(cx, user, address)?;
        }
        send_code(cx, pool, user, address, &reason)?;
    }
    Login::update(cx, pool, Some(&before), user, AliasConflict::Refuse)?;
    Ok(moved)
}

/// Changes a user's address; returns whether a code is due.
fn move_address(
    pool: &Pool,
    before: &User,
    user: &mut User,
    address: &Address,
    vouched: bool,
) -> bool {
    let name = address.medium.attribute();
    user.unproven.remove(name);
    if vouched {
        return false;
    }
    if let Some(old) = before.contact.get(name).filter(|_| proves_first(pool, address.medium)) {
        user.contact.set(name, Sensitive::from(old));
        user.unproven.insert(name.to_owned(), address.destination.clone());
    } else {
        user.contact.set_verified(address.medium, false);
    }
    pool.verifies(address.medium)
}

/// Whether an address keeps its old value until the new one is verified.
fn proves_first(pool: &Pool, medium: Medium) -> bool {
    let settings = pool.description.user_attribute_update_settings.as_ref();
    settings
        .and_then(|settings| settings.attributes_require_verification_before_update.as_deref())
        .is_some_and(|names| names.contains(&verified_attribute(medium)))
}

/// Refuses a code if too many were sent for this attribute. They are counted by user and by
/// address.
pub(crate) fn permit_code(
    cx: &mut Context<'_, '_>,
    user: &User,
    address: &Address,
) -> Result<(), ServiceError> {
    let purpose = CodePurpose::Attribute(address.medium.attribute().to_owned());
    codes::permit(cx, Recipient::user(user, address), &purpose)
}

/// Sends a code that verifies the user's address.
pub(crate) fn send_code(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    address: &Address,
    reason: &Reason<'_>,
) -> Result<(), ServiceError> {
    let purpose = CodePurpose::Attribute(address.medium.attribute().to_owned());
    let code = codes::issue(cx, Recipient::user(user, address), purpose)?;
    address.send(cx, pool, user, reason, &code)
}

/// Marks `address` as verified, which may make it a sign-in name.
pub(crate) fn prove(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &mut User,
    address: Address,
    conflict: AliasConflict,
) -> Result<(), ServiceError> {
    let before = user.clone();
    let name = address.medium.attribute();
    if user.unproven.get(name) == Some(&address.destination) {
        user.unproven.remove(name);
    }
    user.contact.set(name, address.destination);
    user.contact.set_verified(address.medium, true);
    user.leave_address_of(&before, cx.now());
    account_notices::changed_address(cx, pool, &before, user);
    user.modified = cx.now();
    Login::update(cx, pool, Some(&before), user, conflict)
}

/// Removes attributes of a user and writes the profile. The caller writes the user.
pub(crate) fn remove(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &mut User,
    author: Author<'_>,
    names: &[String],
) -> Result<(), ServiceError> {
    let before = user.clone();
    let mut profile = UserProfile::of(cx, user)?;
    for name in names {
        check(pool, author, name, "")?;
        remove_one(pool, user, &mut profile, name)?;
    }
    if matches!(author, Author::User(_)) {
        user.leave_address_of(&before, cx.now());
        account_notices::changed_address(cx, pool, &before, user);
    }
    user.modified = cx.now();
    profile.put(cx, user)?;
    Login::update(cx, pool, Some(&before), user, AliasConflict::Refuse)
}

fn remove_one(
    pool: &Pool,
    user: &mut User,
    profile: &mut UserProfile,
    name: &str,
) -> Result<(), ServiceError> {
    if pool.required_attributes().any(|required| required == name) {
        return Err(ServiceError::invalid(format!(
            "Attributes did not conform to the schema: {name}: The attribute is required"
        )));
    }
    if profile.remove(user, name) {
        check_mutable(pool, name)?;
    }
    if let Some(medium) = Medium::of_attribute(name) {
        user.contact.remove(medium.verified_flag());
        user.unproven.remove(name);
    }
    Ok(())
}

/// Checks whether `author` may write this attribute, and whether the value is allowed. An empty
/// value always is.
pub(crate) fn check(
    pool: &Pool,
    author: Author<'_>,
    name: &str,
    value: &str,
) -> Result<(), ServiceError> {
    pool.check_attribute(name)?;
    let vouches = matches!(name, "email_verified" | "phone_number_verified");
    let writable = match author {
        // Users may not set their own `*_verified` flags.
        Author::User(client) => {
            !vouches && name != "identities" && !name.starts_with("dev:") && client.may_write(name)
        }
        Author::Administrator => name != "identities",
    };
    if !writable {
        return Err(ServiceError::not_authorized(
            "A client attempted to write unauthorized attribute",
        ));
    }
    if value.is_empty() {
        return Ok(());
    }
    match name {
        "email" if !is_email(value) => Err(ServiceError::invalid("Invalid email address format.")),
        "phone_number" if !is_phone(value) => {
            Err(ServiceError::invalid("Invalid phone number format."))
        }
        "preferred_username" => {
            // A preferred username that looks like an address could impersonate its owner.
            check_no_alias(pool, value)?;
            pool.check_value(name, value)
        }
        _ => pool.check_value(name, value),
    }
}

/// Refuses a name that looks like an address: it could impersonate the address's owner.
pub(crate) fn check_no_alias(pool: &Pool, name: &str) -> Result<(), ServiceError> {
    let aliases = pool.description.alias_attributes.as_deref().unwrap_or_default();
    let refuse = |what: &str, alias: &str| {
        Err(ServiceError::invalid(format!(
            "Username cannot be of {what} format, since user pool is configured for {alias} alias."
        )))
    };
    if aliases.contains(&AliasAttributeType::Email) && is_email(name) {
        return refuse("email", "email");
    }
    if aliases.contains(&AliasAttributeType::PhoneNumber) && is_phone(name) {
        return refuse("phone number", "phone number");
    }
    Ok(())
}

/// Refuses to change an attribute that the schema makes immutable.
fn check_mutable(pool: &Pool, name: &str) -> Result<(), ServiceError> {
    if pool.is_mutable(name) {
        return Ok(());
    }
    Err(ServiceError::invalid(format!("user.{name}: Attribute cannot be updated.")))
}
