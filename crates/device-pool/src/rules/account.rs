//! Accounts: a user or a decoy, which a caller must not be able to tell apart.

use device_srp::{Salt, Verifier};
use device_wire::ErrorCode;
use device_wire::shapes::CodeDeliveryDetailsType;

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
use crate::rules::stand_ins::{self, Found};
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
    #[expect(dead_code, reason = "it is dropped when a user would be, which takes time")]
    stand_in: Option<Box<User>>,
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
        let (account, subject) = Self::look_up(cx, pool, keys, name)?;
        if account.user.is_none() && !client.hides_users() {
            return Err(client.unknown_user());
        }
        cx.notes.subject = Some(subject);
        Ok(account)
    }

    /// Finds the account for `name`, a decoy for every unknown one.
    pub(crate) fn look_up(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        keys: &PoolKeys,
        name: &str,
    ) -> Result<(Self, Subject), ServiceError> {
        if name.chars().count() > MAX_NAME {
            return Err(ServiceError::invalid(format!(
                "1 validation error detected: Value at 'username' failed to satisfy constraint: \
                 Member must have length less than or equal to {MAX_NAME}"
            )));
        }
        // Always derive the decoy, and take the same steps with either, so that timing does not
        // tell which was needed.
        let Found { user, is_stand_in } = stand_ins::find(cx, pool, name)?;
        let decoy = decoy::of_name(pool, keys, name, stand_ins::is_named(&user));
        let (username, sub) =
            if is_stand_in { (&decoy.username, &decoy.sub) } else { (&user.username, &user.sub) };
        let (username, sub) = (username.clone(), sub.clone());
        let subject = Subject { sub, is_nobody: is_stand_in, ..user.subject() };
        let (user, stand_in) = if is_stand_in { (None, Some(user)) } else { (Some(user), None) };
        let none = decoy::password(cx, keys, &username)?;
        let password = user.as_ref().and_then(|user| user.password.as_ref()).unwrap_or(&none);
        let (salt, verifier) = password.secret.parse()?;
        Ok((Self { username, salt, verifier, user, stand_in }, subject))
    }

    pub(crate) fn whose<'a>(&'a self, pool: &'a Pool) -> Whose<'a> {
        Whose { pool_id: &pool.id, username: &self.username, user: self.user.as_deref() }
    }

    /// Redeems a code; returns the user and the address that the code verifies.
    pub(crate) fn redeem(
        self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        client: &AppClient,
        purpose: &CodePurpose,
        given: &str,
    ) -> Result<(User, Address), ServiceError> {
        let Some(user) = &self.user else {
            return Err(self.refuse(cx, pool, client, purpose, given));
        };
        match codes::redeem(cx, user, purpose, given) {
            Ok(address) => Ok((*user.clone(), address)),
            Err(refusal) => Err(self.hidden(cx, pool, client, purpose, given, refusal)?),
        }
    }

    /// Counts and refuses a code that cannot be right.
    pub(crate) fn refuse(
        &self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        client: &AppClient,
        purpose: &CodePurpose,
        given: &str,
    ) -> ServiceError {
        let refused = codes::redeem_for_name(cx, self.whose(pool), purpose, given, None);
        let refusal = refused.err().unwrap_or_else(codes::mismatch);
        self.hidden(cx, pool, client, purpose, given, refusal).unwrap_or_else(|error| error)
    }

    /// Hides from a client that hides its users whether another code was sent than the given one.
    fn hidden(
        &self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        client: &AppClient,
        purpose: &CodePurpose,
        given: &str,
        refusal: ServiceError,
    ) -> Result<ServiceError, ServiceError> {
        let tells = client.hides_users() && *refusal.code() == ErrorCode::ExpiredCode;
        let sent = codes::was_sent(cx, self.whose(pool), purpose, given)?;
        Ok(if tells && !sent { codes::mismatch() } else { refusal })
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
            let medium = if sms { Medium::Sms } else { Medium::Email };
            decoy::address(pool, keys, &self.username, medium)
        };
        let address = media.iter().find_map(own).or_else(|| media.iter().find_map(seeming));
        address.unwrap_or_else(usual).details()
    }
}
