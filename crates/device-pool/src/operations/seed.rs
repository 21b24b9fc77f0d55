//! Planting a seed: records that a development server starts with.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use device_srp::Identity;
use device_wire::enums::UserStatusType;
use device_wire::requests::CreateGroupRequest;
use device_wire::{ErrorCode, Sensitive};
use sha2::{Digest as _, Sha256};

use crate::command::context::Context;
use crate::crypto::stored_verifier::StoredVerifier;
use crate::crypto::totp::SoftwareToken;
use crate::error::ServiceError;
use crate::host::seed::{
    SeedClient, SeedDevice, SeedError, SeedItem, SeedPool, SeedSecret, SeedUser, SeedVerifiers,
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
use crate::records::user_token::UserToken;
use crate::rules::device_keys::offered_secret;
use crate::rules::names::{AliasConflict, names};
use crate::rules::new_users::new_user_with;
use crate::rules::profile::{self, Author};
use crate::rules::stand_ins;

/// A refusal, and the field of the item that it is about.
type Refused = (String, ServiceError);

/// What became of an item that was not refused.
enum Planted {
    /// It is there, now or already.
    There,
    /// Something else has its name or id: it was left out.
    LeftOut(Refused),
}

/// What is known of the seed's users so far. Nothing changes their pools and groups once they are
/// there, and reading a pool takes longer than adding a user.
#[derive(Default)]
struct Users {
    /// The pools by their ids.
    pools: HashMap<String, Rc<Pool>>,
    /// The groups by the ids of their records.
    groups: HashMap<String, Group>,
    /// The pools whose users have names of their own, as far as that was noted.
    named: Vec<String>,
    /// The ids of the users that were added.
    added: HashSet<String>,
}

impl Users {
    fn pool(&mut self, cx: &mut Context<'_, '_>, id: &str) -> Result<Rc<Pool>, ServiceError> {
        if let Some(pool) = self.pools.get(id) {
            return Ok(Rc::clone(pool));
        }
        let pool = Rc::new(Pool::load(cx, id)?);
        self.pools.insert(id.to_owned(), Rc::clone(&pool));
        Ok(pool)
    }

    fn group(
        &mut self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        name: &str,
    ) -> Result<&Group, ServiceError> {
        Ok(match self.groups.entry(Group::key(&pool.id, name)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Group::load(cx, pool, name)?),
        })
    }
}

/// Adds the items that do not exist yet, and returns those left out because something else has
/// their name or id.
pub(crate) fn plant(
    cx: &mut Context<'_, '_>,
    items: &[SeedItem],
    verifiers: SeedVerifiers,
) -> Result<Vec<SeedError>, SeedError> {
    let mut users = Users::default();
    let mut left_out = Vec::new();
    for (item, seed) in items.iter().enumerate() {
        let refused = |(field, error)| SeedError { item, field, error };
        let planted = match seed {
            SeedItem::Pool(seed) => plant_pool(cx, seed),
            SeedItem::Client(seed) => plant_client(cx, seed),
            SeedItem::Group(seed) => plant_group(cx, seed),
            SeedItem::User(seed) => plant_user(cx, seed, verifiers, &mut users),
        };
        if let Planted::LeftOut(reason) = planted.map_err(refused)? {
            left_out.push(refused(reason));
        }
    }
    Ok(left_out)
}

/// Names the field of a refusal; empty for the whole item.
fn of(field: &str) -> impl FnOnce(ServiceError) -> Refused {
    let field = field.to_owned();
    move |error| (field, error)
}

fn plant_pool(cx: &mut Context<'_, '_>, seed: &SeedPool) -> Result<Planted, Refused> {
    if cx.tx.find::<Pool>(&seed.id).map_err(of(""))?.is_some() {
        return Ok(Planted::There);
    }
    pools::check_id(&seed.id).map_err(of("Id"))?;
    pools::check_erased(cx, &seed.id).map_err(of("Id"))?;
    pools::put_new(cx, seed.id.clone(), seed.settings.clone()).map_err(of(""))?;
    if let Some(mfa) = &seed.mfa {
        pools::set_mfa_config(cx, mfa.clone()).map_err(of("MfaConfiguration"))?;
    }
    // A reset keeps the keys.
    if cx.tx.find::<PoolKeys>(&seed.id).map_err(of(""))?.is_none() {
        let keys = PoolKeys::without_signing_keys(cx, &seed.id);
        cx.tx.put(&keys).map_err(of(""))?;
    }
    Ok(Planted::There)
}

fn plant_client(cx: &mut Context<'_, '_>, seed: &SeedClient) -> Result<Planted, Refused> {
    if let Some(client) = cx.tx.find::<AppClient>(&seed.id).map_err(of(""))? {
        if client.pool_id == seed.settings.user_pool_id {
            return Ok(Planted::There);
        }
        let taken = format!("an app client {} belongs to the pool {}.", seed.id, client.pool_id);
        return Ok(Planted::LeftOut(of("ClientId")(ServiceError::invalid(taken))));
    }
    clients::check_id(&seed.id).map_err(of("ClientId"))?;
    Pool::load(cx, &seed.settings.user_pool_id).map_err(of("UserPoolId"))?;
    clients::put_new(cx, seed.id.clone(), seed.settings.clone()).map_err(of(""))?;
    Ok(Planted::There)
}

fn plant_group(cx: &mut Context<'_, '_>, seed: &CreateGroupRequest) -> Result<Planted, Refused> {
    let key = Group::key(&seed.user_pool_id, &seed.group_name);
    if cx.tx.find::<Group>(&key).map_err(of(""))?.is_none() {
        Pool::load(cx, &seed.user_pool_id).map_err(of("UserPoolId"))?;
        groups::create(cx, seed.clone()).map_err(of(""))?;
    }
    Ok(Planted::There)
}

/// Whether there is a user of the seed's name or `sub`.
fn exists(cx: &mut Context<'_, '_>, pool: &Pool, seed: &SeedUser) -> Result<bool, ServiceError> {
    for name in [&pool.username(&seed.username), &sub_of(seed)] {
        if Login::find(cx, pool, &pool.fold(name))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A name of a new user that another one has, who is no user of this seed.
fn name_of_another(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    users: &Users,
) -> Result<Option<&'static str>, ServiceError> {
    for (name, kind) in names(pool, user) {
        if let Some(login) = Login::find(cx, pool, &name)?
            && !users.added.contains(&User::key(&pool.id, &login.username))
        {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

/// Adds a user with groups and devices, unless there is one of the name.
fn plant_user(
    cx: &mut Context<'_, '_>,
    seed: &SeedUser,
    verifiers: SeedVerifiers,
    users: &mut Users,
) -> Result<Planted, Refused> {
    let whole = || of("");
    let pool = users.pool(cx, &seed.pool_id).map_err(of("UserPoolId"))?;
    if exists(cx, &pool, seed).map_err(whole())? {
        return Ok(Planted::There);
    }
    let given = profile::initial(&pool, Author::Administrator, seed.attributes.clone())
        .map_err(of("Attributes"))?;
    let (mut user, mut profile) = new_user(cx, &pool, seed, given).map_err(of("Username"))?;
    if let Some(kind) = name_of_another(cx, &pool, &user, users).map_err(whole())? {
        let taken = format!("another user has its {kind}.");
        return Ok(Planted::LeftOut(of("Username")(ServiceError::invalid(taken))));
    }
    user.enabled = seed.enabled;
    if let Some(secret) = &seed.secret {
        let (field, password) = match secret {
            SeedSecret::Password(password) => {
                ("Password", plant_password(cx, &pool, &user.username, password, verifiers))
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
        let record = UserToken::of(cx, &user).map_err(whole())?;
        record.enrol(cx, token).map_err(whole())?;
        user.has_token = true;
    }
    set_factors(&mut user, seed)?;
    for (position, name) in seed.groups.iter().enumerate() {
        let group = users.group(cx, &pool, name);
        user.groups.join(group.map_err(|error| (format!("Groups.{position}"), error))?);
    }
    profile.put(cx, &user).map_err(whole())?;
    Login::update(cx, &pool, None, &user, AliasConflict::Refuse).map_err(of("Username"))?;
    if !users.named.contains(&pool.id) && stand_ins::is_named(&user) {
        stand_ins::note_name(cx, &pool, &user).map_err(whole())?;
        users.named.push(pool.id.clone());
    }
    cx.tx.put(&user).map_err(whole())?;
    users.added.insert(User::key(&pool.id, &user.username));
    plant_devices(cx, &pool, &user, seed)?;
    Ok(Planted::There)
}

/// The user, without a password yet.
fn new_user(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    seed: &SeedUser,
    attributes: Attributes,
) -> Result<(User, UserProfile), ServiceError> {
    let sub = sub_of(seed);
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

/// The `sub` of the user: the seed's, or a derived one.
fn sub_of(seed: &SeedUser) -> String {
    seed.sub.clone().unwrap_or_else(|| derived_sub(&seed.pool_id, &seed.username))
}

/// The `sub` of a user without one in the seed: the same each time.
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
    verifiers: SeedVerifiers,
) -> Result<Password, ServiceError> {
    password::check_policy(&pool.password_policy(), password)?;
    Ok(match verifiers {
        SeedVerifiers::OnFirstRead => Password::pending(cx, password.clone()),
        SeedVerifiers::AtOnce => {
            Password::of_seed(cx, &Identity::user(pool.srp_name(), username), password)
        }
    })
}

fn set_factors(user: &mut User, seed: &SeedUser) -> Result<(), Refused> {
    const LIST: &str = "UserMFASettingList";
    const PREFERRED: &str = "PreferredMfaSetting";
    let factor = |name: &String| {
        let factor = Factor::of_challenge(name).filter(|factor| user.has(*factor));
        factor.ok_or_else(|| {
            ServiceError::invalid(format!(
                "the user cannot answer {name}: SMS_MFA needs a phone_number, EMAIL_OTP an email, \
                 SOFTWARE_TOKEN_MFA a TotpSecret"
            ))
        })
    };
    let app = || user.has_software_token().then_some(Factor::SoftwareToken);
    let on: Vec<Factor> = match &seed.mfa {
        Some(names) => names.iter().map(factor).collect::<Result<_, _>>().map_err(of(LIST))?,
        None => app().into_iter().collect(),
    };
    let preferred = match &seed.preferred_mfa {
        Some(name) => Some(factor(name).map_err(of(PREFERRED))?),
        None if seed.mfa.is_none() => app(),
        None => None,
    };
    if preferred.is_some_and(|factor| !on.contains(&factor)) {
        let off = "the preferred factor is not switched on: list it in UserMFASettingList";
        return Err(of(PREFERRED)(ServiceError::invalid(off)));
    }
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
