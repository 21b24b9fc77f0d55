//! The link in a message about a new device: whoever opens it may forget the device.
//!
//! The token in the link is sealed, and bound to the pool, the user's name and the device's key,
//! which no later user of that name can have. Reading it changes nothing, since mail scanners open
//! links.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use device_wire::{Operation, Sensitive};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::id_of;
use crate::crypto::seal::Purpose;
use crate::error::ServiceError;
use crate::host::moment::{Moment, days};
use crate::records::device::Device;
use crate::records::grant::{Grant, UserGrant};
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::spent::Spent;
use crate::records::user::User;
use crate::rules::audit;

/// How long a link is good.
const LIFETIME: Duration = days(7);

/// What the link of a message about a new device leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceLink {
    /// The device is there, and may be forgotten.
    Open {
        /// The device's name.
        device_name: Option<String>,
        /// When the device was confirmed.
        confirmed: Moment,
    },
    /// The device is forgotten.
    Done,
    /// The link is wrong, was used before, or has expired.
    Invalid,
}

/// What is sealed in the token of a link.
#[derive(Serialize, Deserialize)]
struct Contents {
    #[serde(rename = "u")]
    username: String,
    #[serde(rename = "k")]
    device_key: String,
    #[serde(rename = "e")]
    expires_at: Moment,
}

/// The URL that forgets a device which was just confirmed.
pub(crate) fn url(
    cx: &mut Context<'_, '_>,
    keys: &PoolKeys,
    device: &Device,
) -> Result<Sensitive<String>, ServiceError> {
    let contents = Contents {
        username: device.username.clone(),
        device_key: device.key.clone(),
        expires_at: cx.now() + LIFETIME,
    };
    let salt = cx.random();
    let sealed = keys.sealing().seal(Purpose::DeviceLink, &device.pool_id, salt, &contents)?;
    let token = sealed.replace('+', "-").replace('/', "_");
    let (base, pool_id) = (&cx.config.public_base_url, &device.pool_id);
    Ok(Sensitive::from(format!("{base}/{pool_id}/forget-device/{}", token.trim_end_matches('='))))
}

/// A link that is good, with the records that it leads to.
struct Followed {
    contents: Contents,
    /// The user and the device, if both are still there.
    found: Option<(User, Device)>,
}

impl Followed {
    /// Opens the token of a link; `None` if it is wrong, used or expired.
    fn open(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        token: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let Some(pool) = cx.tx.find::<Pool>(pool_id)? else { return Ok(None) };
        cx.notes.pool_id = Some(pool.id.clone());
        let keys = PoolKeys::load(cx, pool_id)?;
        let Ok(sealed) = URL_SAFE_NO_PAD.decode(token) else { return Ok(None) };
        let sealed = STANDARD.encode(sealed);
        let Some(contents): Option<Contents> =
            keys.sealing().open(Purpose::DeviceLink, pool_id, &sealed)
        else {
            return Ok(None);
        };
        let is_spent = cx.tx.find::<Spent>(&contents.spending(pool_id).id)?.is_some();
        if is_spent || cx.now() >= contents.expires_at {
            return Ok(None);
        }
        let found = match User::by_username(cx, pool_id, &contents.username)? {
            Some(user) => {
                Device::find(cx, &pool, &user, &contents.device_key)?.map(|device| (user, device))
            }
            None => None,
        };
        Ok(Some(Self { contents, found }))
    }
}

impl Contents {
    /// The record that marks the link as used. A device has only one link.
    fn spending(&self, pool_id: &str) -> Spent {
        let id = id_of(["device link", pool_id, &self.username, &self.device_key]);
        Spent { id, expires_at: self.expires_at }
    }
}

/// What a link leads to. Changes nothing.
pub(crate) fn read(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    token: &str,
) -> Result<DeviceLink, ServiceError> {
    Ok(match Followed::open(cx, pool_id, token)? {
        None => DeviceLink::Invalid,
        Some(Followed { found: None, .. }) => DeviceLink::Done,
        Some(Followed { found: Some((_, device)), .. }) => {
            DeviceLink::Open { device_name: device.name, confirmed: device.created }
        }
    })
}

/// Forgets the device of a link, and ends the sign-ins that were made with it.
pub(crate) fn follow(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    token: &str,
) -> Result<DeviceLink, ServiceError> {
    let Some(Followed { contents, found }) = Followed::open(cx, pool_id, token)? else {
        return Ok(DeviceLink::Invalid);
    };
    let Some((user, device)) = found else { return Ok(DeviceLink::Done) };
    cx.notes.subject = Some(user.subject());
    cx.notes.device_key = Some(device.key.clone());
    cx.notes.by_link = true;
    cx.notes.reason("Forgotten by the link in the message about the new device");
    end_grants(cx, &user, &device.key)?;
    device.forget(cx)?;
    cx.tx.put(&contents.spending(pool_id))?;
    audit::conclude(cx, Operation::ForgetDevice, None)?;
    Ok(DeviceLink::Done)
}

/// Revokes the user's grants that belong to this device.
fn end_grants(cx: &mut Context<'_, '_>, user: &User, device_key: &str) -> Result<(), ServiceError> {
    let prefix = UserGrant::key(&user.pool_id, &user.username, "");
    for entry in cx.tx.scan::<UserGrant>(&prefix, None, usize::MAX)? {
        let origin = entry.origin.to_string();
        let is_of_device = |grant: &Grant| grant.device_key.as_deref() == Some(device_key);
        // Read by key only if it is written, so that other grants cause no conflict.
        if cx.tx.peek::<Grant>(&origin)?.is_some_and(|grant| is_of_device(&grant))
            && let Some(mut grant) = cx.tx.find::<Grant>(&origin)?
        {
            grant.revoked = true;
            cx.tx.put(&grant)?;
        }
    }
    Ok(())
}
