//! Who a sign-in is about, as it shows from outside: nobody must see whether a name has a user.

use std::collections::BTreeMap;

use device_srp::{Salt, Verifier};
use device_wire::{CodeDeliveryDetailsType, UserStatusType};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::code::{self, CodePurpose};
use crate::context::Context;
use crate::delivery::Address;
use crate::error::ServiceError;
use crate::message::Medium;
use crate::password::Password;
use crate::pool::{Pool, PoolKeys};
use crate::profile;
use crate::stored_verifier::StoredVerifier;
use crate::user::User;

/// The longest name that anybody can have, in characters.
const LONGEST_NAME: usize = 128;

/// A user, or a stand-in for one whom there is not.
pub(crate) struct Subject {
    /// The internal name, or what passes for it. Failed attempts are counted under it.
    pub(crate) username: String,
    pub(crate) salt: Salt,
    /// For a stand-in one that no password has.
    pub(crate) verifier: Verifier,
    pub(crate) user: Option<Box<User>>,
}

impl Subject {
    /// Finds who `name` is. A client that hides its users gets a stable stand-in for one that there is not; so does
    /// any client for a user without a password, who can't prove one.
    pub(crate) fn find(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        keys: &PoolKeys,
        client: &Client,
        name: &str,
    ) -> Result<Self, ServiceError> {
        if name.chars().count() > LONGEST_NAME {
            return Err(ServiceError::invalid(format!(
                "1 validation error detected: Value at 'username' failed to satisfy constraint: \
                 Member must have length less than or equal to {LONGEST_NAME}"
            )));
        }
        // A record is made for everyone and one is read for everyone, so that the time does not tell for whom there was
        // need of it.
        let failed = || ServiceError::internal("a stand-in could not be made");
        let (stand_in, secret) = Self::stand_in(cx, pool, keys, name)?;
        let record = Zeroizing::new(serde_json::to_vec(&stand_in).map_err(|_| failed())?);
        let found = User::by_login(cx, pool, name)?;
        if found.is_none() && !client.hides_users() {
            return Err(client.unknown_user());
        }
        let known = found.is_some();
        let user = match found {
            Some(user) => user,
            None => serde_json::from_slice(&record).map_err(|_| failed())?,
        };
        let (salt, verifier) = user.password.as_ref().map_or(&secret, |password| &password.secret).parse()?;
        Ok(Self { username: user.username.clone(), salt, verifier, user: known.then(|| Box::new(user)) })
    }

    /// Uses up a code of the user's; returns the user, and the address that the code proves. For a stand-in it goes the
    /// same way, and no code is the right one.
    pub(crate) fn redeem(
        self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        purpose: &CodePurpose,
        given: &str,
    ) -> Result<(User, Address), ServiceError> {
        match self.user {
            Some(user) => code::redeem(cx, &user, purpose, given).map(|address| (*user, address)),
            None => {
                code::redeem_for_name(cx, &pool.id, &self.username, purpose, given)?;
                Err(code::mismatch())
            }
        }
    }

    /// The same salt and user id at every attempt with the same name, as a real user would have.
    fn stand_in(
        cx: &Context<'_, '_>,
        pool: &Pool,
        keys: &PoolKeys,
        name: &str,
    ) -> Result<(User, StoredVerifier), ServiceError> {
        let folded = pool.fold(name);
        let id = Self::stand_in_id(keys, &folded).to_string();
        // Where an address signs in, it is nobody's internal name.
        let addressed =
            !pool.username_attributes().is_empty() || profile::check_no_alias(pool, &folded).is_err();
        let username = if addressed { id.clone() } else { folded };
        let part = |label: &[u8]| keys.sealing().derive(label, &[username.as_bytes()]);
        let failed = || ServiceError::internal("a stand-in could not be made");
        let salt = part(b"stand-in salt");
        let salt = Salt::from_be_bytes(salt.get(..16).ok_or_else(failed)?).map_err(|_| failed())?;
        // Twelve blocks less the top byte: below N for certain, and as unpredictable as any verifier.
        let verifier: Zeroizing<Vec<u8>> =
            Zeroizing::new((0_u8..12).flat_map(|block| *part(&[b's', block])).skip(1).collect());
        let secret = StoredVerifier::that_no_password_has(&salt, &verifier);
        let mut user = User::new(cx, pool, username, id, UserStatusType::Confirmed, BTreeMap::new());
        user.password = Some(Password { secret: secret.clone(), set_at: cx.now() });
        Ok((user, secret))
    }

    /// The id of the stand-in for `name`. Clients go on with the id where they began with an address, as with a user's: an
    /// id that was made here is known by its second half, and stays what it is.
    fn stand_in_id(keys: &PoolKeys, name: &str) -> Uuid {
        let half = |label: &[u8], message: &[u8]| {
            keys.sealing()
                .derive(label, &[message])
                .iter()
                .take(8)
                .fold(0, |half, byte| half << 8 | u64::from(*byte))
        };
        let id = |first: u64, second: u64| {
            uuid::Builder::from_random_bytes(Uuid::from_u64_pair(first, second).into_bytes()).into_uuid()
        };
        let whole = |begun: Uuid| {
            let (first, _) = begun.as_u64_pair();
            id(first, half(b"stand-in id, second half", &first.to_be_bytes()))
        };
        let fresh = whole(id(half(b"stand-in id", name.as_bytes()), 0));
        let known =
            Uuid::parse_str(name).ok().filter(|known| known.to_string() == name && whole(*known) == *known);
        known.unwrap_or(fresh)
    }

    /// Where a code is said to have gone that went nowhere. The same at every attempt with the same name.
    pub(crate) fn pretended_details(&self, pool: &Pool, name: &str) -> CodeDeliveryDetailsType {
        let email = pool.verifies(Medium::Email) || !pool.verifies(Medium::Sms);
        let (medium, destination) = match (email, profile::is_email(name), profile::is_phone(name)) {
            (_, true, _) => (Medium::Email, name.to_owned()),
            (_, _, true) => (Medium::Sms, name.to_owned()),
            (true, ..) => (Medium::Email, self.pretended_address(Medium::Email)),
            (false, ..) => (Medium::Sms, self.pretended_address(Medium::Sms)),
        };
        medium.details(&destination, medium.attribute())
    }

    /// The address that a stand-in has, whichever operation says that a code went there.
    pub(crate) fn pretended_address(&self, medium: Medium) -> String {
        let mut salt = self.salt.to_hex().into_bytes().into_iter();
        let mut pick = |alphabet: &[u8]| {
            let at = usize::from(salt.next().unwrap_or_default()) * 7
                + usize::from(salt.next().unwrap_or_default());
            alphabet.get(at % alphabet.len().max(1)).copied().map(char::from).unwrap_or_default()
        };
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
        match medium {
            Medium::Email => format!("{}@{}", pick(LETTERS), pick(LETTERS)),
            Medium::Sms => std::iter::once('+').chain((0..11).map(|_| pick(b"0123456789"))).collect(),
        }
    }
}
