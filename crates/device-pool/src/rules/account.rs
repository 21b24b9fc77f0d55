//! Accounts: a user or a decoy, which a caller must not be able to tell apart.

use device_srp::{Salt, Verifier};
use device_wire::shapes::CodeDeliveryDetailsType;
use zeroize::Zeroizing;

use crate::command::context::Context;
use crate::command::notes::Subject;
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

/// The maximum length of a name, in characters.
const MAX_NAME: usize = 128;

/// A user, or a decoy for an unknown one.
pub(crate) struct Account {
    /// The internal name, real or derived. Failed attempts are counted under it.
    pub(crate) username: String,
    pub(crate) salt: Salt,
    /// The verifier; a decoy's matches no password.
    pub(crate) verifier: Verifier,
    pub(crate) user: Option<Box<User>>,
}

impl Account {
    /// Finds the account for `name`.
    ///
    /// If the client hides users, an unknown name yields a decoy. A user without a password yields
    /// a decoy verifier for every client, since no password could be proven.
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
        // Always derive the decoy and always read a record, so that timing does not tell which was
        // needed.
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
        cx.notes.subject = Some(Subject { is_nobody: !known, ..user.subject() });
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

    /// Redeems a code; returns the user and the address that the code verifies. A decoy takes the
    /// same path, but no code is right.
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

    /// The verified address, real or a decoy's.
    pub(crate) fn verified(&self, pool: &Pool, keys: &PoolKeys, medium: Medium) -> Option<Address> {
        match &self.user {
            Some(user) => Address::verified(user, medium),
            None => decoy::verified(pool, keys, &self.username, medium),
        }
    }

    /// The destination to report for a code that was not sent: the first of `media` that a user
    /// has.
    ///
    /// A user's own address is a better pretence than a decoy's.
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
