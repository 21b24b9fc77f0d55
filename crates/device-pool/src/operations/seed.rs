//! Planting a seed: records that a development server starts with.

use device_srp::Identity;
use device_wire::enums::UserStatusType;
use device_wire::{ErrorCode, Sensitive};
use sha2::{Digest as _, Sha256};

use crate::command::context::Context;
use crate::crypto::stored_verifier::StoredVerifier;
use crate::crypto::totp::SoftwareToken;
use crate::error::ServiceError;
use crate::host::seed::{
    SeedClient, SeedDevice, SeedError, SeedItem, SeedPool, SeedSecret, SeedUser,
};
use crate::operations::{clients, groups, pools};
use crate::records::app_client::AppClient;
use crate::records::attributes::Attributes;
use crate::records::device::{Confirmation, Device};
use crate::records::factor::Factor;
use crate::records::group::Group;
use crate::records::login::Login;
use crate::records::password::{self, Password};
use crate::records::pool::{DevicePolicy, Pool};
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::rules::device_keys::offered_secret;
use crate::rules::names::AliasConflict;
use crate::rules::new_users::new_user_with;
use crate::rules::profile::{self, Author};
use crate::rules::stand_ins;

/// A refusal, and the field of the item that it is about.
type Refused = (String, ServiceError);

/// Adds the items that do not exist yet. If the store is `in_memory`, verifiers are computed later.
pub(crate) fn plant(
    cx: &mut Context<'_, '_>,
    items: &[SeedItem],
    in_memory: bool,
) -> Result<(), SeedError> {
    let mut named = Vec::new();
    for (item, seed) in items.iter().enumerate() {
        let whole = |error: ServiceError| (String::new(), error);
        let planted = match seed {
            SeedItem::Pool(seed) => plant_pool(cx, seed).map_err(whole),
            SeedItem::Client(seed) => plant_client(cx, seed).map_err(whole),
            SeedItem::Group(seed) => {
                match cx.tx.find::<Group>(&Group::key(&seed.user_pool_id, &seed.group_name)) {
                    Ok(None) => groups::create(cx, seed.clone()).map(drop),
                    Ok(Some(_)) => Ok(()),
                    Err(error) => Err(error),
                }
                .map_err(whole)
            }
            SeedItem::User(seed) => plant_user(cx, seed, in_memory, &mut named),
        };
        planted.map_err(|(field, error)| SeedError { item, field, error })?;
    }
    Ok(())
}

fn plant_pool(cx: &mut Context<'_, '_>, seed: &SeedPool) -> Result<(), ServiceError> {
    if cx.tx.find::<Pool>(&seed.id)?.is_some() {
        return Ok(());
    }
    pools::check_id(&seed.id)?;
    pools::put_new(cx, seed.id.clone(), seed.settings.clone())?;
    if let Some(mfa) = &seed.mfa {
        pools::set_mfa_config(cx, mfa.clone())?;
    }
    // A reset keeps the keys.
    if cx.tx.find::<PoolKeys>(&seed.id)?.is_none() {
        let keys = PoolKeys::without_signing_keys(cx, &seed.id);
        cx.tx.put(&keys)?;
    }
    Ok(())
}

fn plant_client(cx: &mut Context<'_, '_>, seed: &SeedClient) -> Result<(), ServiceError> {
    if let Some(client) = cx.tx.find::<AppClient>(&seed.id)? {
        if client.pool_id == seed.settings.user_pool_id {
            return Ok(());
        }
        return Err(ServiceError::invalid(format!(
            "an app client {} belongs to the pool {}.",
            seed.id, client.pool_id
        )));
    }
    clients::check_id(&seed.id)?;
    clients::put_new(cx, seed.id.clone(), seed.settings.clone()).map(drop)
}

/// Adds a user with groups and devices. `named` holds the pools whose users have names of their
/// own, as far as that was noted.
fn plant_user(
    cx: &mut Context<'_, '_>,
    seed: &SeedUser,
    in_memory: bool,
    named: &mut Vec<String>,
) -> Result<(), Refused> {
    let of = |field: &str| {
        let field = field.to_owned();
        move |error: ServiceError| (field, error)
    };
    let whole = || of("");
    let pool = Pool::load(cx, &seed.pool_id).map_err(of("UserPoolId"))?;
    let given = profile::initial(&pool, Author::Administrator, seed.attributes.clone())
        .map_err(of("Attributes"))?;
    let (mut user, mut profile) = new_user(cx, &pool, seed, given).map_err(of("Username"))?;
    let existing = User::by_username(cx, &pool.id, &user.username).map_err(whole())?;
    if let Some(existing) = existing {
        return plant_devices(cx, &pool, &existing, seed);
    }
    user.enabled = seed.enabled;
    if let Some(secret) = &seed.secret {
        let (field, password) = match secret {
            SeedSecret::Password(password) => {
                ("Password", plant_password(cx, &pool, &user.username, password, in_memory))
            }
            SeedSecret::Verifier { salt, verifier } => {
                let secret = offered_secret(Some(salt.clone()), Some(verifier.clone()));
                let set_at = cx.now();
                ("PasswordVerifier", secret.map(|secret| Password { secret, set_at }))
            }
        };
        user.password = Some(password.map_err(of(field))?);
    }
    if let Some(secret) = &seed.totp_secret {
        let token = SoftwareToken::of_seed(secret.clone()).ok_or_else(|| {
            of("TotpSecret")(ServiceError::invalid("it is no base32 of a secret"))
        })?;
        user.software_token = Some(token);
    }
    set_factors(&mut user, seed).map_err(of("UserMFASettingList"))?;
    for (position, name) in seed.groups.iter().enumerate() {
        let group = Group::load(cx, &pool, name).map_err(of(&format!("Groups.{position}")))?;
        user.groups.join(&group);
    }
    profile.put(cx, &user).map_err(whole())?;
    Login::update(cx, &pool, None, &user, AliasConflict::Refuse).map_err(of("Username"))?;
    if !named.contains(&pool.id) && stand_ins::is_named(&user) {
        stand_ins::note_name(cx, &pool, &user).map_err(whole())?;
        named.push(pool.id.clone());
    }
    cx.tx.put(&user).map_err(whole())?;
    plant_devices(cx, &pool, &user, seed)
}

/// The user, without a password yet.
fn new_user(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    seed: &SeedUser,
    attributes: Attributes,
) -> Result<(User, UserProfile), ServiceError> {
    let sub = seed.sub.clone().unwrap_or_else(|| derived_sub(&pool.id, &seed.username));
    let status = seed.status.clone().unwrap_or(match seed.secret {
        Some(_) => UserStatusType::Confirmed,
        None => UserStatusType::ForceChangePassword,
    });
    // Where users sign in with an address, the service lists them under their `sub`.
    if pool.username_attributes().is_empty() || seed.username != sub {
        return new_user_with(cx, pool, &seed.username, sub, status, attributes);
    }
    let mut user = User::new(cx, pool, sub.clone(), sub, status);
    let mut profile = UserProfile::empty(&user);
    for (name, value) in attributes.into_iter() {
        profile.set(&mut user, &name, value);
    }
    Ok((user, profile))
}

/// The `sub` of a user for whom the seed names none: the same each time.
fn derived_sub(pool_id: &str, username: &str) -> String {
    let hash = Sha256::new_with_prefix("sub of a seed\0")
        .chain_update(pool_id)
        .chain_update("\0")
        .chain_update(username)
        .finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash).for_each(|(byte, hashed)| *byte = hashed);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn plant_password(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    username: &str,
    password: &Sensitive<String>,
    in_memory: bool,
) -> Result<Password, ServiceError> {
    password::check_policy(&pool.password_policy(), password)?;
    Ok(if in_memory {
        Password::pending(cx, password.clone())
    } else {
        Password::new(cx, &Identity::user(pool.srp_name(), username), password)
    })
}

fn set_factors(user: &mut User, seed: &SeedUser) -> Result<(), ServiceError> {
    let factor = |name: &String| {
        let factor = Factor::of_challenge(name).filter(|factor| user.has(*factor));
        factor.ok_or_else(|| {
            ServiceError::invalid(format!(
                "the user cannot answer {name}: SMS_MFA needs a phone_number, EMAIL_OTP an email, \
                 SOFTWARE_TOKEN_MFA a TotpSecret"
            ))
        })
    };
    let app = || user.software_token.is_some().then_some(Factor::SoftwareToken);
    let (on, preferred): (Vec<Factor>, Option<Factor>) = match &seed.mfa {
        Some(names) => (
            names.iter().map(factor).collect::<Result<_, _>>()?,
            seed.preferred_mfa.as_ref().map(factor).transpose()?,
        ),
        None => (app().into_iter().collect(), app()),
    };
    on.into_iter().for_each(|factor| user.mfa.switch(factor, true));
    user.mfa.preferred = preferred;
    Ok(())
}

fn plant_devices(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    seed: &SeedUser,
) -> Result<(), Refused> {
    for (position, device) in seed.devices.iter().enumerate() {
        plant_device(cx, pool, user, device)
            .map_err(|error| (format!("Devices.{position}"), error))?;
    }
    Ok(())
}

fn plant_device(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    seed: &SeedDevice,
) -> Result<(), ServiceError> {
    if pool.device_policy() == DevicePolicy::Off {
        return Err(ServiceError::new(
            ErrorCode::InvalidParameter,
            "the pool tracks no devices: give it a DeviceConfiguration",
        ));
    }
    if cx.tx.find::<Device>(&Device::id_of(&pool.id, &user.username, &seed.key))?.is_some() {
        return Ok(());
    }
    let secret = match &seed.secret {
        SeedSecret::Password(password) => {
            let salt = device_srp::Salt::random(&mut cx.rng());
            let identity = Identity::device(&seed.group_key, &seed.key);
            let verifier = device_srp::Verifier::derive(&identity, password, &salt);
            StoredVerifier::new(&salt, &verifier)
        }
        SeedSecret::Verifier { salt, verifier } => {
            offered_secret(Some(salt.clone()), Some(verifier.clone()))?
        }
    };
    let confirmation = Confirmation {
        name: seed.name.clone(),
        secret,
        remembered: seed.status.clone(),
        last_mfa: Some(cx.now()),
    };
    let mut device = Device::confirm(cx, user, &seed.key, confirmation);
    device.group_key = Some(seed.group_key.clone());
    cx.tx.put(&device)
}
