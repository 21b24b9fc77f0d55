//! The names that sign a user in, and whose they are.

use std::collections::BTreeMap;

use device_wire::{
    AliasAttributeType, ErrorCode, Sensitive, UserStatusType, UsernameAttributeType,
};

use crate::command::context::Context;
use crate::command::transaction::Entity as _;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::login::Login;
use crate::records::pool::Pool;
use crate::records::user::User;

impl User {
    /// The user whom this name signs in: a username or an alias.
    pub(crate) fn by_login(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        name: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let user = Self::by_any_name(cx, pool, name)?;
        // The `sub` is a name for administrators only, unless it is the username.
        let by_sub =
            |user: &Self| pool.fold(&user.sub) == pool.fold(name) && user.sub != user.username;
        Ok(user.filter(|user| !by_sub(user)))
    }

    fn by_any_name(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        name: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let folded = pool.fold(name);
        let login = Login::find(cx, pool, &folded)?;
        // Where nobody has the name, nobody has it as an internal one either: that is looked up
        // only to take the time.
        let username = login.map_or(folded, |login| login.username);
        Self::by_username(cx, &pool.id, &username)
    }

    /// For administrators, to whom it is told plainly that there is no such user.
    pub(crate) fn for_admin(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        name: &str,
    ) -> Result<Self, ServiceError> {
        Self::by_any_name(cx, pool, name)?
            .ok_or_else(|| ServiceError::new(ErrorCode::UserNotFound, "User does not exist."))
    }
}

/// What becomes of an alias that another user has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AliasConflict {
    /// It stays theirs, and the command is refused.
    Refuse,
    /// It goes to the user who has proven it last.
    TakeOver,
}

impl Login {
    /// Gives `after` the names that are due to it, and takes away those that only `before` had.
    ///
    /// # Errors
    /// [`ErrorCode::AliasExists`], for a new user [`ErrorCode::UsernameExists`], where a name is
    /// another's.
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
        // Names live as long as their user: whoever confirms the account keeps them.
        let expires_at = after.expires_at();
        let same_life = before.is_none_or(|before| before.expires_at() == expires_at);
        for (name, kind) in &new {
            let had = old.contains_key(name);
            if had && same_life {
                continue;
            }
            match Self::find(cx, pool, name)? {
                Some(login) if had && login.username == after.username => {}
                // An attribute alone is no claim to a name.
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

    /// Takes all names away from a user who is being deleted.
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

    /// Only who has a name can lose it: an attribute alone is no claim to one.
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

/// Takes the alias `name` away from the user who has it, if that may be: nobody loses the username.
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
    // An owner who has not confirmed the account may have been removed before the name is.
    let Some(mut owner) = User::by_username(cx, &pool.id, &login.username)? else {
        return Ok(());
    };
    let held = names(pool, &owner).get(name).copied();
    match (conflict, held) {
        // Only an address that is proven as one displaces an address.
        (AliasConflict::TakeOver, Some(held @ ("email" | "phone_number")))
            if held == kind && pool.username_attributes().is_empty() =>
        {
            if let Some(medium) = Medium::of_attribute(kind) {
                owner.attributes.set_verified(medium, false);
            }
            owner.modified = cx.now();
            cx.tx.put(&owner)
        }
        _ => Err(exists()),
    }
}

/// The folded names that sign `user` in, and what each is.
fn names(pool: &Pool, user: &User) -> BTreeMap<String, &'static str> {
    let aliases = pool.description.alias_attributes.as_deref().unwrap_or_default();
    let usernames = pool.username_attributes();
    let verified = |medium| user.attributes.is_verified(medium);
    let email = usernames.contains(&UsernameAttributeType::Email)
        || aliases.contains(&AliasAttributeType::Email) && verified(Medium::Email);
    let phone = usernames.contains(&UsernameAttributeType::PhoneNumber)
        || aliases.contains(&AliasAttributeType::PhoneNumber) && verified(Medium::Sms);
    // Whoever has not confirmed the account has no claim to a name that others may want.
    let preferred = aliases.contains(&AliasAttributeType::PreferredUsername)
        && user.status != UserStatusType::Unconfirmed;
    let attributes = [("email", email), ("phone_number", phone), ("preferred_username", preferred)];
    let attributes = attributes.into_iter().filter(|(_, counts)| *counts);
    let attributes = attributes.filter_map(|(name, _)| Some((user.attributes.get(name)?, name)));
    attributes
        .chain([(user.username.as_str(), "username"), (user.sub.as_str(), "sub")])
        .map(|(name, kind)| (pool.fold(name), kind))
        .collect()
}
