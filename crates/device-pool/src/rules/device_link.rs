//! The link in a message about a new device, which forgets that device.
//!
//! The token in the link is sealed, and bound to the pool, the user's name and the device's key,
//! which no later user of that name can have. Reading it changes nothing, since mail scanners open
//! links.

use std::time::Duration;

use device_wire::{Operation, Sensitive};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::crypto::seal::{self, Purpose};
use crate::error::ServiceError;
use crate::host::moment::{Moment, days};
use crate::records::device::Device;
use crate::records::grant::{Grant, UserGrant};
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::audit;

/// How long a link is good.
const LIFETIME: Duration = days(7);

/// The grants that one change looks at. A user may have any number.
const BATCH: usize = 500;

/// What the link of a message about a new device leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceLink {
    /// The device is there, and may be forgotten.
    Open {
        /// The device's name as it may be shown: one line of limited length.
        device_name: Option<String>,
        /// When the device was confirmed.
        confirmed: Moment,
    },
    /// The device is forgotten, but its sign-ins go on. They may be ended.
    SignedIn,
    /// The device is forgotten, and its sign-ins have ended.
    Done,
    /// The link is wrong or has expired.
    Invalid,
}

/// What is sealed in the token of a link.
#[derive(Serialize, Deserialize)]
struct Contents {
    #[serde(rename = "u")]
    username: String,
    #[serde(rename = "k")]
    device_key: String,
    /// The sign-in that confirmed the device, which need not be the one that was given its key.
    #[serde(default, rename = "g", skip_serializing_if = "Option::is_none")]
    confirmed_by: Option<Uuid>,
    #[serde(rename = "e")]
    expires_at: Moment,
}

/// The URL that forgets a device which the sign-in `confirmed_by` has just confirmed.
pub(crate) fn url(
    cx: &mut Context<'_, '_>,
    keys: &PoolKeys,
    device: &Device,
    confirmed_by: Uuid,
) -> Result<Sensitive<String>, ServiceError> {
    let contents = Contents {
        username: device.username.clone(),
        device_key: device.key.clone(),
        confirmed_by: Some(confirmed_by),
        expires_at: cx.now() + LIFETIME,
    };
    let salt = cx.random();
    let sealed = keys.sealing().seal(Purpose::DeviceLink, &device.pool_id, salt, &contents)?;
    let token = seal::to_url(&sealed);
    let (base, pool_id) = (&cx.config.public_base_url, &device.pool_id);
    Ok(Sensitive::from(format!("{base}/{pool_id}/forget-device/{token}")))
}

/// A link that is good, with the records that it leads to.
struct Followed {
    contents: Contents,
    /// The user, unless deleted.
    user: Option<User>,
    /// The user's device, if it is still there.
    device: Option<Device>,
}

impl Followed {
    /// Opens the token of a link; `None` if it is wrong or expired.
    fn open(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        token: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let Some(pool) = cx.tx.find::<Pool>(pool_id)? else { return Ok(None) };
        cx.notes.pool_id = Some(pool.id.clone());
        let keys = PoolKeys::load(cx, pool_id)?;
        let Some(sealed) = seal::from_url(token) else { return Ok(None) };
        let Some(contents): Option<Contents> =
            keys.open(Purpose::DeviceLink, pool_id, &sealed, cx.now())
        else {
            return Ok(None);
        };
        if cx.now() >= contents.expires_at {
            return Ok(None);
        }
        let user = User::by_username(cx, pool_id, &contents.username)?;
        let device = match &user {
            Some(user) => Device::find(cx, &pool, user, &contents.device_key)?,
            None => None,
        };
        Ok(Some(Self { contents, user, device }))
    }
}

impl Contents {
    /// The grants in a batch that the link ends: valid, and of the device or of the sign-in that
    /// confirmed it. Also where the next batch starts, unless this is the last.
    fn grants(
        &self,
        cx: &Context<'_, '_>,
        user: &User,
        after: Option<&str>,
    ) -> Result<(Vec<Grant>, Option<String>), ServiceError> {
        let prefix = UserGrant::key(&user.pool_id, &user.username, "");
        let entries = cx.tx.scan::<UserGrant>(&prefix, after, BATCH)?;
        let next = entries.last().filter(|_| entries.len() == BATCH).map(Entity::id);
        let mut grants = Vec::new();
        for entry in entries {
            // Read by key only if it is written, so that other grants cause no conflict.
            let grant = cx.tx.peek::<Grant>(&entry.origin.to_string())?;
            grants.extend(grant.filter(|grant| grant.stands(user) && self.ends(grant)));
        }
        Ok((grants, next))
    }

    fn ends(&self, grant: &Grant) -> bool {
        grant.device_key.as_ref() == Some(&self.device_key)
            || self.confirmed_by == Some(grant.origin)
    }
}

/// What a link leads to. Changes nothing.
pub(crate) fn read(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    token: &str,
) -> Result<DeviceLink, ServiceError> {
    let Some(Followed { contents, user, device }) = Followed::open(cx, pool_id, token)? else {
        return Ok(DeviceLink::Invalid);
    };
    if let Some(device) = device {
        let device_name = device.shown_name();
        return Ok(DeviceLink::Open { device_name, confirmed: device.created });
    }
    let Some(user) = user else { return Ok(DeviceLink::Done) };
    let mut after = None;
    loop {
        let (grants, next) = contents.grants(cx, &user, after.as_deref())?;
        if !grants.is_empty() {
            return Ok(DeviceLink::SignedIn);
        }
        let Some(next) = next else { return Ok(DeviceLink::Done) };
        after = Some(next);
    }
}

/// Forgets the device of a link, and ends a batch of the sign-ins that were made with it or that
/// confirmed it. Returns where the next batch starts, unless this was the last.
///
/// The first batch ends with the device. No sign-in is made with a device that is forgotten, so
/// later batches miss none.
pub(crate) fn follow(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    token: &str,
    after: Option<&str>,
) -> Result<(DeviceLink, Option<String>), ServiceError> {
    let Some(Followed { contents, user, device }) = Followed::open(cx, pool_id, token)? else {
        return Ok((DeviceLink::Invalid, None));
    };
    let Some(user) = user else { return Ok((DeviceLink::Done, None)) };
    cx.notes.subject = Some(user.subject());
    let (grants, next) = contents.grants(cx, &user, after)?;
    let ended = grants.len();
    for Grant { origin, .. } in grants {
        if let Some(mut grant) = cx.tx.find::<Grant>(&origin.to_string())? {
            grant.revoked = true;
            cx.tx.put(&grant)?;
        }
    }
    let operation = match device {
        Some(device) => {
            cx.notes.reason("Forgotten by the link in the message about the new device");
            device.forget(cx)?;
            Operation::ForgetDevice
        }
        // Nothing is left to do.
        None if ended == 0 => return Ok((DeviceLink::Done, next)),
        None => Operation::RevokeUserSession,
    };
    if ended > 0 {
        cx.notes.reason(format!("The link ended sign-ins: {ended}"));
    }
    cx.notes.device_key = Some(contents.device_key);
    cx.notes.by_link = true;
    audit::conclude(cx, operation, None)?;
    Ok((DeviceLink::Done, next))
}
