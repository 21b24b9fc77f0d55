//! Sign-in names: looking users up, and assigning names to them.

use std::collections::BTreeMap;

use device_wire::enums::{AliasAttributeType, UserStatusType, UsernameAttributeType};
use device_wire::{ErrorCode, Sensitive};

use crate::command::context::Context;
use crate::command::transaction::Entity as _;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::login::Login;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;

impl User {
    /// Looks a user up by sign-in name: a username or an alias.
    pub(crate) fn by_login(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        name: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let user = Self::by_any_name(cx, pool, name)?;
        Ok(user.filter(|user| user.signs_in_as(pool, name)))
    }

    /// Whether a user found by this name may sign in with it. Only administrators may use the `sub`
    /// as a name, unless it is the username.
    pub(crate) fn signs_in_as(&self, pool: &Pool, name: &str) -> bool {
        pool.fold(&self.sub) != pool.fold(name) || self.sub == self.username
    }

    fn by_any_name(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        name: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let folded = pool.fold(name);
        match Login::find(cx, pool, &folded)? {
            Some(login) => Self::by_username(cx, &pool.id, &login.username),
            None => Ok(None),
        }
    }

    /// Looks a user up for administrators. They are told plainly that a user does not exist.
    pub(crate) fn for_admin(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        name: &str,
    ) -> Result<Self, ServiceError> {
        let user = Self::by_any_name(cx, pool, name)?
            .ok_or_else(|| ServiceError::new(ErrorCode::UserNotFound, "User does not exist."))?;
        cx.notes.subject = Some(user.subject());
        Ok(user)
    }
}

/// What happens if another user already has an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AliasConflict {
    /// The other user keeps it, and the command is refused.
    Refuse,
    /// It moves to the user who verified it last.
    TakeOver,
}

impl Login {
    /// Assigns `after` its sign-in names, and removes those that only `before` had.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::AliasExists`], or for a new user [`ErrorCode::UsernameExists`], if another user
    /// has a name.
    pub(crate) fn update(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        before: Option<&User>,
        after: &User,
        conflict: AliasConflict,
    ) -> Result<(), ServiceError> {
        let old = before.map(|user| names(pool, user)).unwrap_or_default();
        let new = names(pool, after);
        for gone in old.keys().filter(|name| !new.contains_key(*name)) {
            Self::give_up(cx, pool, after, gone)?;
        }
        // Names and profile expire with their user; confirming the account keeps them.
        let expires_at = after.expires_at();
        let same_life = before.is_none_or(|before| before.expires_at() == expires_at);
        if !same_life {
            UserProfile::of(cx, after)?.put(cx, after)?;
        }
        for (name, kind) in &new {
            let had = old.contains_key(name);
            if had && same_life {
                continue;
            }
            match Self::find(cx, pool, name)? {
                Some(login) if had && login.username == after.username => {}
                // An attribute alone does not make a sign-in name.
                _ if had => continue,
                None => {}
                Some(login) => {
                    release(cx, pool, &login, name, kind, conflict).map_err(
                        |error| match before {
                            None if *error.code() == ErrorCode::AliasExists => ServiceError::new(
                                ErrorCode::UsernameExists,
                                format!("An account with the given {kind} already exists."),
                            ),
                            _ => error,
                        },
                    )?;
                }
            }
            cx.tx.put(&Self {
                pool_id: pool.id.clone(),
                name: Sensitive::from(name.clone()),
                username: after.username.clone(),
                expires_at,
            })?;
        }
        Ok(())
    }

    /// Removes all sign-in names of a deleted user.
    pub(crate) fn remove_all(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        user: &User,
    ) -> Result<(), ServiceError> {
        for name in names(pool, user).keys() {
            Self::give_up(cx, pool, user, name)?;
        }
        Ok(())
    }

    /// Removes a name if the user owns it: an attribute alone does not make a sign-in name.
    fn give_up(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        user: &User,
        name: &str,
    ) -> Result<(), ServiceError> {
        if Self::find(cx, pool, name)?.is_some_and(|login| login.username == user.username) {
            cx.tx.delete::<Self>(&Self::key(&pool.id, name));
        }
        Ok(())
    }
}

/// Takes the alias `name` from its owner, if allowed. A username is never taken.
fn release(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    login: &Login,
    name: &str,
    kind: &str,
    conflict: AliasConflict,
) -> Result<(), ServiceError> {
    let exists = || {
        ServiceError::new(
            ErrorCode::AliasExists,
            format!("An account with the {kind} already exists."),
        )
    };
    // An unconfirmed owner may have been removed before the name is.
    let Some(mut owner) = User::by_username(cx, &pool.id, &login.username)? else {
        return Ok(());
    };
    let held = names(pool, &owner).get(name).copied();
    match (conflict, held) {
        // Only an address that is verified as an alias may take over an address.
        (AliasConflict::TakeOver, Some(held @ ("email" | "phone_number")))
            if held == kind && pool.username_attributes().is_empty() =>
        {
            if let Some(medium) = Medium::of_attribute(kind) {
                owner.contact.set_verified(medium, false);
            }
            owner.modified = cx.now();
            cx.tx.put(&owner)
        }
        _ => Err(exists()),
    }
}

/// The folded sign-in names of `user`, and the kind of each.
pub(crate) fn names(pool: &Pool, user: &User) -> BTreeMap<String, &'static str> {
    let aliases = pool.description.alias_attributes.as_deref().unwrap_or_default();
    let usernames = pool.username_attributes();
    let verified = |medium| user.contact.is_verified(medium);
    let email = usernames.contains(&UsernameAttributeType::Email)
        || aliases.contains(&AliasAttributeType::Email) && verified(Medium::Email);
    let phone = usernames.contains(&UsernameAttributeType::PhoneNumber)
        || aliases.contains(&AliasAttributeType::PhoneNumber) && verified(Medium::Sms);
    // An unconfirmed user has no claim to a name that others may want.
    let preferred = aliases.contains(&AliasAttributeType::PreferredUsername)
        && user.status != UserStatusType::Unconfirmed;
    let attributes = [("email", email), ("phone_number", phone), ("preferred_username", preferred)];
    let attributes = attributes.into_iter().filter(|(_, counts)| *counts);
    let attributes = attributes.filter_map(|(name, _)| Some((user.contact.get(name)?, name)));
    attributes
        .chain([(user.username.as_str(), "username"), (user.sub.as_str(), "sub")])
        .map(|(name, kind)| (pool.fold(name), kind))
        .collect()
}
