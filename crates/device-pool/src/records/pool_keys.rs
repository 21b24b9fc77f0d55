//! A pool's secrets, and the rotation of its keys.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::crypto::bytes32::Bytes32;
use crate::crypto::jwt::SigningKeys;
use crate::crypto::refresh_token::RefreshToken;
use crate::crypto::seal::{Purpose, SealingKey};
use crate::error::ServiceError;
use crate::host::invocation::Invocation;
use crate::host::moment::{Moment, days};
use crate::store::Table;

const RECORD: &str = "a pool's key record";

/// Keys of a pool that are replaced. Former ones stay as long as something needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolKeyKind {
    /// The keys that sign tokens.
    Signing,
    /// The key that seals what clients carry: sessions, links, refresh tokens and device keys.
    Sealing,
}

/// A pool's secrets. Separate from the settings, so that describing a pool can never show a secret.
#[derive(Serialize, Deserialize)]
pub(crate) struct PoolKeys {
    pool_id: String,
    /// Derives what must stay the same, and sealed everything in earlier releases.
    sealing: Bytes32,
    /// The keys that seal what clients carry, oldest first. The last one is current. None in a
    /// pool of an earlier release, until its first rotation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seals: Vec<Seal>,
    pub(crate) access: SigningKeys,
    pub(crate) id: SigningKeys,
}

/// A key that seals what clients carry.
#[derive(Serialize, Deserialize)]
struct Seal {
    sealing: Bytes32,
    /// When it began to seal.
    since: Moment,
}

/// How long a sealed value may be good: the longest is a link in a message.
const SEALED_FOR: Duration = days(8);

/// How long a refresh token may be good: the most that an app client can have set.
const REFRESHED_FOR: Duration = days(3650);

impl Entity for PoolKeys {
    const TABLE: Table = Table::PoolKeys;

    fn id(&self) -> String {
        self.pool_id.clone()
    }
}

impl PoolKeys {
    pub(crate) fn generate(cx: &mut Context<'_, '_>, pool_id: &str) -> Result<Self, ServiceError> {
        Ok(Self {
            pool_id: pool_id.to_owned(),
            sealing: Bytes32::new(cx.random()),
            seals: vec![Seal { sealing: Bytes32::new(cx.random()), since: cx.now() }],
            access: SigningKeys::generate(cx.signing_keys, cx.invocation)?,
            id: SigningKeys::generate(cx.signing_keys, cx.invocation)?,
        })
    }

    /// Keys of which those that sign are generated when they are first needed: it takes long.
    pub(crate) fn without_signing_keys(cx: &mut Context<'_, '_>, pool_id: &str) -> Self {
        let now = cx.now();
        Self {
            pool_id: pool_id.to_owned(),
            sealing: Bytes32::new(cx.random()),
            seals: vec![Seal { sealing: Bytes32::new(cx.random()), since: now }],
            access: SigningKeys::later(now),
            id: SigningKeys::later(now),
        }
    }

    /// Whether the keys that sign were generated.
    pub(crate) fn can_sign(&self) -> bool {
        self.access.current.is_some() && self.id.current.is_some()
    }

    /// The pool's keys, with those that sign: generated and stored if this is the first token.
    pub(crate) fn to_sign(cx: &mut Context<'_, '_>, pool_id: &str) -> Result<Self, ServiceError> {
        let mut keys: Self = Context::stored(cx.tx.find(pool_id)?, RECORD)?;
        if !keys.can_sign() {
            keys.access = SigningKeys::generate(cx.signing_keys, cx.invocation)?;
            keys.id = SigningKeys::generate(cx.signing_keys, cx.invocation)?;
            cx.tx.put(&keys)?;
        }
        Ok(keys)
    }

    pub(crate) fn load(cx: &mut Context<'_, '_>, pool_id: &str) -> Result<Arc<Self>, ServiceError> {
        Context::stored(cx.tx.find_shared(pool_id)?, RECORD)
    }

    /// The key that derives what must stay the same as long as the pool exists, such as what
    /// stands in for unknown users. It seals the stored secrets of app clients as well.
    pub(crate) fn lasting(&self) -> SealingKey<'_> {
        SealingKey(self.sealing.get())
    }

    /// The key that seals what clients carry.
    pub(crate) fn sealing(&self) -> SealingKey<'_> {
        SealingKey(self.seals.last().map_or(&self.sealing, |seal| &seal.sealing).get())
    }

    /// The keys that may have sealed a value other than a refresh token: the current one first.
    pub(crate) fn sealing_lately(&self, now: Moment) -> impl Iterator<Item = SealingKey<'_>> {
        self.sealing_within(SEALED_FOR, now)
    }

    fn sealing_within(&self, life: Duration, now: Moment) -> impl Iterator<Item = SealingKey<'_>> {
        let starts = self.seals.iter().skip(1).map(|next| next.since);
        let former = self.seals.iter().zip(starts).rev();
        let former = former.filter(move |(_, replaced)| now < *replaced + life);
        let former = former.map(|(seal, _)| SealingKey(seal.sealing.get()));
        std::iter::once(self.sealing()).chain(former)
    }

    /// Opens what a client carried; `None` if this pool did not seal it for this purpose and
    /// client, or too long ago.
    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        client_id: &str,
        text: &str,
        now: Moment,
    ) -> Option<T> {
        let mut keys = self.sealing_lately(now);
        keys.find_map(|key| key.open(purpose, client_id, text))
    }

    /// The contents of a refresh token; `None` if this pool did not issue it.
    pub(crate) fn refresh_token(&self, text: &str, now: Moment) -> Option<RefreshToken> {
        let mut keys = self.sealing_within(REFRESHED_FOR, now);
        keys.find_map(|key| RefreshToken::decode(key, text))
    }

    /// How long the current key has been sealing.
    pub(crate) fn sealing_age(&self, now: Moment) -> Duration {
        self.seals.last().map_or(Duration::MAX, |seal| now.since(seal.since))
    }

    /// Replaces the key that seals. Former keys stay until the last refresh token of theirs has
    /// expired.
    pub(crate) fn rotate_sealing(&mut self, invocation: &mut Invocation<'_>) {
        let now = invocation.now;
        let mut new = Zeroizing::new([0; 32]);
        invocation.rng.fill_bytes(&mut *new);
        if self.seals.is_empty() {
            let sealing = Bytes32::new(*self.sealing.get());
            self.seals.push(Seal { sealing, since: Moment::from_millis(0) });
        }
        self.seals.push(Seal { sealing: Bytes32::new(*new), since: now });
        let replaced = self.seals.iter().skip(1);
        let needless = replaced.take_while(|next| next.since + REFRESHED_FOR <= now).count();
        self.seals.drain(..needless);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use uuid::Uuid;

    use super::*;

    const START: Moment = Moment::from_millis(1_700_000_000_000);

    fn rotate(keys: &mut PoolKeys, now: Moment) {
        let seed = u64::try_from(now.millis()).unwrap();
        keys.rotate_sealing(&mut Invocation::new(now, &mut StdRng::seed_from_u64(seed)));
    }

    #[test]
    fn a_former_key_opens_what_may_still_be_good() {
        // A pool of an earlier release has one key for everything.
        let text = r#"{"pool_id":"a","sealing":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
            "access":{"current":null,"since":0,"retired":[]},
            "id":{"current":null,"since":0,"retired":[]}}"#;
        let mut keys: PoolKeys = serde_json::from_str(text).unwrap();
        assert_eq!(keys.sealing().0, keys.lasting().0);
        let lasting = *keys.lasting().0;
        let seal = |keys: &PoolKeys| {
            keys.sealing().seal(Purpose::DeviceLink, "a", [1; 24], &"link").unwrap()
        };
        let token = RefreshToken { origin: Uuid::from_u128(7), generation: 3 };
        let encode = |keys: &PoolKeys| token.encode(keys.sealing());
        let mut sealed = vec![(seal(&keys), encode(&keys))];
        for day in [1, 5] {
            rotate(&mut keys, START + days(day));
            sealed.push((seal(&keys), encode(&keys)));
        }
        // The keys were replaced on the days 1 and 5; the last one was not.
        let opened = |keys: &PoolKeys, now| {
            let open = |sealed: &str| keys.open::<String>(Purpose::DeviceLink, "a", sealed, now);
            let found = sealed.iter().map(|(link, refresh)| {
                (open(link).is_some(), keys.refresh_token(refresh, now) == Some(token))
            });
            found.collect::<Vec<_>>()
        };
        assert_eq!(opened(&keys, START + days(8)), [(true, true); 3]);
        assert_eq!(opened(&keys, START + days(9)), [(false, true), (true, true), (true, true)]);
        assert_eq!(opened(&keys, START + days(13)), [(false, true), (false, true), (true, true)]);
        let late = START + days(1) + REFRESHED_FOR;
        assert_eq!(opened(&keys, late), [(false, false), (false, true), (true, true)]);
        assert_eq!(*keys.lasting().0, lasting);
        rotate(&mut keys, late);
        assert_eq!(keys.seals.len(), 3, "the first is gone");
        assert_eq!(keys.sealing_age(late + days(2)), days(2));
    }
}
