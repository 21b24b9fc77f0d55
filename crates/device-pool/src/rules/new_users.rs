//! New users, named by an address where the pool's users sign in with one.

use device_wire::Sensitive;
use device_wire::enums::{UserStatusType, UsernameAttributeType};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::address::{is_email, is_phone};
use crate::records::attributes::Attributes;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::rules::profile;

/// A new user with this name. If the pool's users sign in with an e-mail address or phone number,
/// the name becomes that attribute, and the internal name is the `sub`.
pub(crate) fn new_user(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    name: &str,
    status: UserStatusType,
    attributes: Attributes,
) -> Result<(User, UserProfile), ServiceError> {
    let sub = cx.uuid().to_string();
    new_user_with(cx, pool, name, sub, status, attributes)
}

/// Like [`new_user`], with this `sub`.
pub(crate) fn new_user_with(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    name: &str,
    sub: String,
    status: UserStatusType,
    mut attributes: Attributes,
) -> Result<(User, UserProfile), ServiceError> {
    let name = &pool.username(name);
    let by_email = name.contains('@');
    let username = match pool.username_attributes() {
        [] => {
            profile::check_no_alias(pool, name)?;
            name.to_owned()
        }
        kinds => {
            let (attribute, valid) = if by_email {
                (UsernameAttributeType::Email, is_email(name))
            } else {
                (UsernameAttributeType::PhoneNumber, is_phone(name))
            };
            if !kinds.contains(&attribute) || !valid {
                return Err(ServiceError::invalid(match kinds {
                    [UsernameAttributeType::Email] => "Username should be an email.",
                    [UsernameAttributeType::PhoneNumber] => "Username should be a phone number.",
                    _ => "Username should be either an email or a phone number.",
                }));
            }
            attributes.set(attribute.as_str(), Sensitive::from(name.as_str()));
            sub.clone()
        }
    };
    let mut user = User::new(cx, pool, username, sub, status);
    let mut profile = UserProfile::of(cx, &user)?;
    for (name, value) in attributes.into_iter() {
        profile.set(&mut user, &name, value);
    }
    Ok((user, profile))
}
