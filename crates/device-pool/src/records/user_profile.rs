//! The part of a user that only descriptions and tokens show.

use std::collections::BTreeMap;

use device_wire::shapes::{AttributeType, UserType};
use device_wire::{Sensitive, Timestamp};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::records::attributes::Attributes;
use crate::records::user::{User, is_contact};
use crate::store::Table;

/// A user's attributes, except those in [`User::contact`].
///
/// They may be large. In a separate record they slow down no step that anyone may take, so its time
/// does not reveal who exists.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct UserProfile {
    pool_id: String,
    username: String,
    sub: String,
    attributes: Attributes,
    /// When the user is removed if the account is not confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Moment>,
}

impl Entity for UserProfile {
    const TABLE: Table = Table::UserProfile;

    fn id(&self) -> String {
        User::key(&self.pool_id, &self.username)
    }

    fn expires_at(&self) -> Option<Moment> {
        self.expires_at
    }
}

impl UserProfile {
    /// The profile of a user who has none stored.
    pub(crate) fn empty(user: &User) -> Self {
        Self {
            pool_id: user.pool_id.clone(),
            username: user.username.clone(),
            sub: user.sub.clone(),
            attributes: Attributes::default(),
            expires_at: user.expires_at(),
        }
    }

    pub(crate) fn of(cx: &mut Context<'_, '_>, user: &User) -> Result<Self, ServiceError> {
        let stored = cx.tx.find(&User::key(&user.pool_id, &user.username))?;
        Ok(Self::or_empty(stored, user))
    }

    /// The user's profile: `stored`, or an empty one.
    pub(crate) fn or_empty(stored: Option<Self>, user: &User) -> Self {
        // The profile of an earlier user with the same name is ignored.
        stored.filter(|profile| profile.sub == user.sub).unwrap_or_else(|| Self::empty(user))
    }

    /// Stores it for as long as `user` is kept.
    pub(crate) fn put(
        &mut self,
        cx: &mut Context<'_, '_>,
        user: &User,
    ) -> Result<(), ServiceError> {
        self.expires_at = user.expires_at();
        cx.tx.put(self)
    }

    pub(crate) fn get<'a>(&'a self, user: &'a User, name: &str) -> Option<&'a str> {
        if is_contact(name) { user.contact.get(name) } else { self.attributes.get(name) }
    }

    pub(crate) fn set(&mut self, user: &mut User, name: &str, value: Sensitive<String>) {
        if is_contact(name) {
            user.contact.set(name, value);
        } else {
            self.attributes.set(name, value);
        }
    }

    /// Removes an attribute; returns whether it existed.
    pub(crate) fn remove(&mut self, user: &mut User, name: &str) -> bool {
        if is_contact(name) { user.contact.remove(name) } else { self.attributes.remove(name) }
    }

    /// All attributes except `sub`, ordered by name.
    pub(crate) fn all<'a>(&'a self, user: &'a User) -> BTreeMap<&'a str, &'a Sensitive<String>> {
        user.contact.iter().chain(self.attributes.iter()).collect()
    }

    /// The attributes as responses list them, including `sub`.
    pub(crate) fn list(&self, user: &User) -> Vec<AttributeType> {
        let sub =
            AttributeType { value: Some(user.sub.clone().into()), ..AttributeType::new("sub") };
        let rest = self.all(user).into_iter().map(|(name, value)| AttributeType {
            value: Some(value.clone()),
            ..AttributeType::new(name)
        });
        rest.chain([sub]).collect()
    }

    /// The attributes here, if they are those of the user with this `sub`.
    pub(crate) fn attributes_of(
        &self,
        sub: &str,
    ) -> impl Iterator<Item = (&str, &Sensitive<String>)> {
        self.attributes.iter().filter(move |_| self.sub == sub)
    }

    pub(crate) fn describe(&self, user: &User) -> UserType {
        UserType {
            username: Some(user.username.clone().into()),
            attributes: Some(self.list(user)),
            user_create_date: Some(Timestamp::from(user.created)),
            user_last_modified_date: Some(Timestamp::from(user.modified)),
            enabled: Some(user.enabled),
            user_status: Some(user.status.clone()),
            ..UserType::default()
        }
    }
}
