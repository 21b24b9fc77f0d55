//! Who a sign-in is about, as it shows from outside: nobody must see whether a name has a user.

use device_srp::{Salt, Verifier};
use device_wire::CodeDeliveryDetailsType;
use zeroize::Zeroizing;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::app_client::AppClient;
use crate::records::code::CodePurpose;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::records::whose::Whose;
use crate::rules::{codes, decoy};

/// The longest name that anybody can have, in characters.
const MAX_NAME: usize = 128;

/// A user, or a decoy for one whom there is not.
pub(crate) struct Account {
    /// The internal name, or what passes for it. Failed attempts are counted under it.
    pub(crate) username: String,
    pub(crate) salt: Salt,
    /// For a decoy one that no password has.
    pub(crate) verifier: Verifier,
    pub(crate) user: Option<Box<User>>,
}

impl Account {
    /// Finds who `name` is. A client that hides its users gets a stable decoy for one that there
    /// is not; so does any client for a user without a password, who can't prove one.
    pub(crate) fn find(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        keys: &PoolKeys,
        client: &AppClient,
        name: &str,
    ) -> Result<Self, ServiceError> {
        if name.chars().count() > MAX_NAME {
            return Err(ServiceError::invalid(format!(
                "1 validation error detected: Value at 'username' failed to satisfy constraint: \
                 Member must have length less than or equal to {MAX_NAME}"
            )));
        }
        // A record is made for everyone and one is read for everyone, so that the time does not
        // tell for whom there was need of it.
        let failed = || ServiceError::internal("a decoy could not be made");
        let found = User::by_login(cx, pool, name)?;
        let mut decoy = decoy::user(cx, pool, keys, name);
        let username = found.as_ref().map_or(&decoy.username, |user| &user.username);
        let none = decoy::password(cx, keys, username)?;
        decoy.password = Some(none.clone());
        let record = Zeroizing::new(serde_json::to_vec(&decoy).map_err(|_| failed())?);
        if found.is_none() && !client.hides_users() {
            return Err(client.unknown_user());
        }
        let known = found.is_some();
        let user = match found {
            Some(user) => user,
            None => serde_json::from_slice(&record).map_err(|_| failed())?,
        };
        let (salt, verifier) = user.password.as_ref().unwrap_or(&none).secret.parse()?;
        Ok(Self {
            username: user.username.clone(),
            salt,
            verifier,
            user: known.then(|| Box::new(user)),
        })
    }

    pub(crate) fn whose<'a>(&'a self, pool: &'a Pool) -> Whose<'a> {
        Whose { pool_id: &pool.id, username: &self.username, user: self.user.as_deref() }
    }

    /// Uses up a code of the user's; returns the user, and the address that the code proves. For a
    /// decoy it goes the same way, and no code is the right one.
    pub(crate) fn redeem(
        self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        purpose: &CodePurpose,
        given: &str,
    ) -> Result<(User, Address), ServiceError> {
        match self.user {
            Some(user) => codes::redeem(cx, &user, purpose, given).map(|address| (*user, address)),
            None => {
                codes::redeem_for_name(cx, self.whose(pool), purpose, given, None)?;
                Err(codes::mismatch())
            }
        }
    }

    /// The verified address that there is, or seems to be.
    pub(crate) fn verified(&self, pool: &Pool, keys: &PoolKeys, medium: Medium) -> Option<Address> {
        match &self.user {
            Some(user) => Address::verified(user, medium),
            None => decoy::verified(pool, keys, &self.username, medium),
        }
    }

    /// Where a code is said to have gone that went nowhere, the first of `media` that would reach a
    /// user. What a user has who gets none is a better pretence than another's.
    pub(crate) fn pretended_details(
        &self,
        pool: &Pool,
        keys: &PoolKeys,
        media: &[Medium],
    ) -> CodeDeliveryDetailsType {
        let own = |medium: &Medium| Address::of(self.user.as_deref()?, *medium);
        let seeming = |medium: &Medium| decoy::verified(pool, keys, &self.username, *medium);
        let usual = || {
            let sms = !media.contains(&Medium::Email)
                || pool.verifies(Medium::Sms) && !pool.verifies(Medium::Email);
            decoy::address(keys, &self.username, if sms { Medium::Sms } else { Medium::Email })
        };
        let address = media.iter().find_map(own).or_else(|| media.iter().find_map(seeming));
        address.unwrap_or_else(usual).details()
    }
}
