//! Looking users up in the same time whether or not they exist.

use device_srp::Salt;
use device_wire::Sensitive;
use device_wire::enums::UserStatusType;
use uuid::Uuid;

use crate::command::context::Context;
use crate::command::transaction::id_of;
use crate::crypto::stored_verifier::StoredVerifier;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::login::Login;
use crate::records::password::Password;
use crate::records::pool::Pool;
use crate::records::stand_in::{StandInLogin, StandInUser};
use crate::records::user::User;

/// The result of looking a name up.
pub(crate) struct Found {
    /// The user, or the record that was read in place of one.
    pub(crate) user: Box<User>,
    /// Whether the name is unknown.
    pub(crate) is_stand_in: bool,
}

/// The number of a pool's stand-ins. One alone would be told from users by how often it is read.
const STAND_INS: u8 = 16;

/// Finds the user with this sign-in name, or the name's stand-in. Either way two records are found
/// and parsed, and one look-up finds nothing.
pub(crate) fn find(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    name: &str,
) -> Result<Found, ServiceError> {
    let folded = pool.fold(name);
    let number = number_of(&folded);
    let known = match Login::find(cx, pool, &folded)? {
        Some(login) => {
            // A name never contains a space.
            Login::find(cx, pool, &(folded + " "))?;
            User::by_username(cx, &pool.id, &login.username)?
        }
        None => None,
    };
    let (user, is_known) = match known {
        Some(user) => (user, true),
        None => (load(cx, pool, number)?.in_parts(cx)?, false),
    };
    // Asked of a stand-in as well, so that it takes the same time.
    let signs_in = user.signs_in_as(pool, name);
    if is_known && !signs_in {
        return Ok(Found { user: Box::new(load(cx, pool, number)?), is_stand_in: true });
    }
    Ok(Found { user: Box::new(user), is_stand_in: !is_known })
}

/// Which stand-in a name has, always the same.
fn number_of(folded: &str) -> u8 {
    folded.bytes().fold(0, |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(byte)) % STAND_INS
}

fn load(cx: &mut Context<'_, '_>, pool: &Pool, number: u8) -> Result<User, ServiceError> {
    cx.tx.find::<StandInLogin>(&StandInLogin::key(&pool.id, number))?;
    let found = cx.tx.find::<StandInUser>(&StandInUser::key(&pool.id, number))?;
    if let Some(StandInUser { user, .. }) = found {
        return Ok(user);
    }
    // The first time in this pool. Pools of earlier releases may already have users.
    let first = cx.tx.scan::<User>(&id_of([&pool.id, ""]), None, 1)?.pop();
    let named = first.is_some_and(|user| is_named(&user));
    keep_all(cx, pool, named)?;
    let made = cx.tx.find::<StandInUser>(&StandInUser::key(&pool.id, number))?;
    Context::stored(made, "a stand-in").map(|made| made.user)
}

/// Notes that the pool has users whose names are not UUIDs, if this is one. Decoys then have such
/// names too.
pub(crate) fn note_name(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
) -> Result<(), ServiceError> {
    if is_named(user) && !is_named(&load(cx, pool, 0)?) {
        keep_all(cx, pool, true)?;
    }
    Ok(())
}

/// Whether the user's internal name is not a UUID.
pub(crate) fn is_named(user: &User) -> bool {
    Uuid::parse_str(&user.username).is_err()
}

fn keep_all(cx: &mut Context<'_, '_>, pool: &Pool, named: bool) -> Result<(), ServiceError> {
    (0..STAND_INS).try_for_each(|number| keep(cx, pool, named, number))
}

/// Stores stand-ins that are as long as most users' records.
fn keep(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    named: bool,
    number: u8,
) -> Result<(), ServiceError> {
    // Read first, so that the write may replace an earlier one.
    cx.tx.find::<StandInLogin>(&StandInLogin::key(&pool.id, number))?;
    cx.tx.find::<StandInUser>(&StandInUser::key(&pool.id, number))?;
    let sub = cx.uuid().to_string();
    let username = if named { format!("stand.in{number:02}") } else { sub.clone() };
    let salt = cx.random::<16>();
    let salt = Salt::from_be_bytes(&salt)
        .map_err(|_| ServiceError::internal("a stand-in could not be made"))?;
    let secret = StoredVerifier::that_no_password_has(&salt, &cx.random::<383>());
    let mut user = User::new(cx, pool, username.clone(), sub, UserStatusType::Confirmed);
    user.contact.set(Medium::Email.attribute(), Sensitive::from("stand.in@mail.example"));
    user.contact.set_verified(Medium::Email, true);
    user.password = Some(Password { secret, set_at: cx.now() });
    let login = Login {
        pool_id: pool.id.clone(),
        name: Sensitive::from(username.clone()),
        username,
        expires_at: None,
    };
    cx.tx.keep(&StandInLogin { login, number })?;
    cx.tx.keep(&StandInUser { user, number })
}
