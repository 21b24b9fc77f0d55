//! Codes that are sent to users: six digits, short-lived, valid once, verifying one address.

use device_wire::{ErrorCode, Sensitive};

use crate::command::context::Context;
use crate::command::transaction::{Entity as _, id_of};
use crate::error::ServiceError;
use crate::records::address::Address;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::code::{Code, CodePurpose, Codes};
use crate::records::pool_keys::PoolKeys;
use crate::records::sent_codes::SentCodes;
use crate::records::user::User;
use crate::records::whose::Whose;

/// The recipient of a code.
#[derive(Clone, Copy)]
pub(crate) struct Recipient<'a> {
    whose: Whose<'a>,
    /// `None` if the code is not sent, since the user or address does not exist. A code is made all
    /// the same, so that later answers do not reveal that.
    address: Option<&'a Address>,
}

impl<'a> Recipient<'a> {
    pub(crate) fn user(user: &'a User, address: &'a Address) -> Self {
        Self { whose: Whose::user(user), address: Some(address) }
    }

    pub(crate) fn no_one(whose: Whose<'a>) -> Self {
        Self { whose, address: None }
    }

    /// The subject under which the destination is counted: a keyed hash.
    ///
    /// An address that this user has verified is counted apart from the same address claimed by
    /// others, who could otherwise use up its limits. A code that is not sent is counted under the
    /// name.
    fn destination(&self, cx: &mut Context<'_, '_>) -> Result<String, ServiceError> {
        let keys = PoolKeys::load(cx, self.whose.pool_id)?;
        let proven = |address: &Address| {
            self.whose.user.is_some_and(|user| {
                Address::verified(user, address.medium).as_ref() == Some(address)
            })
        };
        let (kind, text) = match self.address {
            Some(address) if proven(address) => ("proven", address.destination.as_str()),
            Some(address) => ("claimed", address.destination.as_str()),
            None => ("no one's", self.whose.username),
        };
        let hash = keys
            .lasting()
            .derive(b"counted destination", &[kind.as_bytes(), b"\0", text.as_bytes()]);
        let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        // A name never contains a space, so this collides with none.
        Ok(format!("to {hex}"))
    }
}

/// Refuses a code if too many were sent for this purpose. They are counted by name and by
/// destination.
pub(crate) fn permit(
    cx: &mut Context<'_, '_>,
    to: Recipient<'_>,
    purpose: &CodePurpose,
) -> Result<(), ServiceError> {
    let [by_name, by_destination] = sent(cx, to, purpose)?;
    by_name.permit()?;
    by_destination.permit().map(drop)
}

/// The counts that include a code for `purpose`.
fn sent(
    cx: &mut Context<'_, '_>,
    to: Recipient<'_>,
    purpose: &CodePurpose,
) -> Result<[SentCodes; 2], ServiceError> {
    let kind = purpose.counted_as();
    let destination = to.destination(cx)?;
    Ok([
        SentCodes::load(cx, to.whose, to.whose.username, &kind)?,
        SentCodes::load(cx, to.whose, &destination, &kind)?,
    ])
}

/// Creates and counts a code. The caller sends it.
pub(crate) fn issue(
    cx: &mut Context<'_, '_>,
    to: Recipient<'_>,
    purpose: CodePurpose,
) -> Result<Sensitive<String>, ServiceError> {
    let now = cx.now();
    let code = match &cx.development.code {
        Some(code) => code.clone(),
        None => Sensitive::from(cx.random_text(b"0123456789", 6)),
    };
    for count in sent(cx, to, &purpose)? {
        // A trigger that words the message may refuse, and each question occupies it.
        count.count_although_refused(cx)?;
    }
    let newest = Code {
        code: code.clone().into(),
        sent_to: to.address.cloned(),
        destination: to.destination(cx)?,
        wrong_answers: 0,
        expires_at: now + purpose.lifetime(),
    };
    let before = cx.tx.find::<Codes>(&Codes::key(to.whose, &purpose))?;
    cx.tx.put(&Codes::with(to.whose, purpose, newest, before, now))?;
    Ok(code)
}

/// Redeems a code of the user and returns the address that it verifies.
///
/// A wrong code counts towards the lockout of codes. A code whose address is no longer the user's
/// is invalid.
pub(crate) fn redeem(
    cx: &mut Context<'_, '_>,
    user: &User,
    purpose: &CodePurpose,
    given: &str,
) -> Result<Address, ServiceError> {
    let still_proves = |to: &Address| purpose.is_proven_by(user, to);
    redeem_if(cx, Whose::user(user), purpose, given, None, still_proves)?.ok_or_else(mismatch)
}

/// Like [`redeem`], for a name that may be unknown. A code that was not sent verifies no address. A
/// sign-in may present a device.
pub(crate) fn redeem_for_name(
    cx: &mut Context<'_, '_>,
    whose: Whose<'_>,
    purpose: &CodePurpose,
    given: &str,
    device_key: Option<&str>,
) -> Result<Option<Address>, ServiceError> {
    redeem_if(cx, whose, purpose, given, device_key, |_| true)
}

fn redeem_if(
    cx: &mut Context<'_, '_>,
    whose: Whose<'_>,
    purpose: &CodePurpose,
    given: &str,
    device_key: Option<&str>,
    still_proves: impl Fn(&Address) -> bool,
) -> Result<Option<Address>, ServiceError> {
    let kind = purpose.attempt();
    let subject = purpose.counted_under(whose.username);
    let by_name = Attempts::permit_under(cx, whose, kind, &subject, device_key)?;
    let id = Codes::key(whose, purpose);
    let now = cx.now();
    let good = cx.tx.find::<Codes>(&id)?.and_then(|codes| codes.good(now, still_proves));
    let Some(mut codes) = good else {
        by_name.failed(cx)?;
        return Err(ServiceError::new(
            ErrorCode::ExpiredCode,
            "Invalid code provided, please request a code again.",
        ));
    };
    // Guesses are counted by destination too: an attacker could otherwise spread them over many
    // names.
    let mut by_destination = Vec::new();
    for destination in codes.destinations() {
        let subject = purpose.counted_under(&destination);
        by_destination.push(Attempts::permit_under(cx, whose, kind, &subject, None)?);
    }
    let Some(code) = codes.find(given).cloned() else {
        codes.count_wrong_answer();
        cx.tx.record(&codes)?;
        by_name.failed(cx)?;
        return by_destination
            .into_iter()
            .try_for_each(|attempts| attempts.failed(cx))
            .and(Err(mismatch()));
    };
    // Outside of a sign-in a right code must not reset the count: an attacker who can receive codes
    // for a name could otherwise buy more guesses at it. Only time resets it.
    if kind != Attempt::SentCode {
        by_name.succeeded(cx);
        // The count stops a flood; it must not stop those who use their codes.
        for subject in [whose.username, code.destination.as_str()] {
            SentCodes::load(cx, whose, subject, &purpose.counted_as())?.forget(cx);
        }
    }
    by_destination.into_iter().for_each(|attempts| attempts.succeeded(cx));
    cx.tx.delete::<Codes>(&id);
    Ok(code.sent_to)
}

/// Whether `given` is a code that was sent and not redeemed. It may have expired.
pub(crate) fn was_sent(
    cx: &mut Context<'_, '_>,
    whose: Whose<'_>,
    purpose: &CodePurpose,
    given: &str,
) -> Result<bool, ServiceError> {
    let codes = cx.tx.find::<Codes>(&Codes::key(whose, purpose))?;
    Ok(codes.is_some_and(|codes| codes.find(given).is_some()))
}

/// The error for a wrong code.
pub(crate) fn mismatch() -> ServiceError {
    ServiceError::new(
        ErrorCode::CodeMismatch,
        "Invalid verification code provided, please try again.",
    )
}

/// Removes the codes of a deleted user, and their counts.
pub(crate) fn remove_all(cx: &mut Context<'_, '_>, user: &User) -> Result<(), ServiceError> {
    let prefix = id_of([&user.pool_id, &user.username, ""]);
    for codes in cx.tx.scan::<Codes>(&prefix, None, usize::MAX)? {
        cx.tx.delete::<Codes>(&codes.id());
    }
    for count in cx.tx.scan::<SentCodes>(&prefix, None, usize::MAX)? {
        cx.tx.delete::<SentCodes>(&count.id());
    }
    Ok(())
}
