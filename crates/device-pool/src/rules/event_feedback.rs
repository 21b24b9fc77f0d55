//! Feedback on an event of the audit trail: whether it was the user's own act.
//!
//! Users give it with the token in a message about a risky sign-in. The token is sealed, and bound
//! to the pool, the user and the event. Reading a link changes nothing, since mail scanners open
//! links.

use std::time::Duration;

use device_wire::enums::FeedbackValueType;
use device_wire::{Operation, Sensitive};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::page::Page;
use crate::crypto::seal::{self, Purpose};
use crate::error::ServiceError;
use crate::host::moment::{Moment, days};
use crate::records::audit_event::AuditEvent;
use crate::records::event_feedback::{EventFeedback, Provider};
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::audit;

/// How long a token is good.
const LIFETIME: Duration = days(7);

/// What a link in a message about a risky sign-in leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedbackLink {
    /// The link is good, and asks about this sign-in.
    Open {
        /// When the sign-in was.
        at: Moment,
        /// The address that it came from, unless it is unknown or erased.
        address: Option<String>,
    },
    /// The feedback is recorded.
    Done,
    /// The link is wrong or has expired, or the user or the event is gone.
    Invalid,
}

/// What is sealed in a token.
#[derive(Serialize, Deserialize)]
struct Contents {
    #[serde(rename = "u")]
    username: String,
    /// Tells the user from a later one of the name.
    #[serde(rename = "s")]
    sub: String,
    #[serde(rename = "i")]
    event_id: String,
    #[serde(rename = "e")]
    expires_at: Moment,
}

/// A token for feedback on this event, in the alphabet of URLs.
pub(crate) fn token(
    cx: &mut Context<'_, '_>,
    keys: &PoolKeys,
    user: &User,
    event_id: &str,
) -> Result<Sensitive<String>, ServiceError> {
    let contents = Contents {
        username: user.username.clone(),
        sub: user.sub.clone(),
        event_id: event_id.to_owned(),
        expires_at: cx.now() + LIFETIME,
    };
    let salt = cx.random();
    let sealed = keys.sealing().seal(Purpose::EventFeedback, &user.pool_id, salt, &contents)?;
    Ok(Sensitive::from(seal::to_url(&sealed)))
}

/// The URL that gives this feedback with a token.
pub(crate) fn url(
    cx: &Context<'_, '_>,
    pool_id: &str,
    value: &FeedbackValueType,
    token: &Sensitive<String>,
) -> String {
    let (base, value) = (&cx.config.public_base_url, value.as_str().to_lowercase());
    format!("{base}/{pool_id}/sign-in-feedback/{value}/{}", token.as_str())
}

/// An event on which feedback may be given.
pub(crate) struct Subject {
    pub(crate) user: User,
    pub(crate) event: AuditEvent,
    event_id: String,
}

impl Subject {
    /// The event of this id, if the user has it.
    pub(crate) fn find(
        cx: &Context<'_, '_>,
        user: User,
        event_id: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let prefix = AuditEvent::listed_prefix(&user.pool_id, &user.sub);
        let is_meant = |event: &AuditEvent| event.id_on_wire() == event_id;
        let found = Page::scan(&cx.tx, &prefix, None, 1, is_meant)?.items.pop();
        Ok(found.map(|event| Self { user, event, event_id: event_id.to_owned() }))
    }

    /// The event of a token; `None` if the token is wrong or has expired.
    pub(crate) fn of_token(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        token: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let keys = PoolKeys::load(cx, &pool.id)?;
        let contents: Option<Contents> = seal::from_url(token)
            .and_then(|sealed| keys.open(Purpose::EventFeedback, &pool.id, &sealed, cx.now()));
        let Some(contents) = contents.filter(|contents| cx.now() < contents.expires_at) else {
            return Ok(None);
        };
        let user = User::by_username(cx, &pool.id, &contents.username)?;
        match user.filter(|user| user.sub == contents.sub) {
            Some(user) => Self::find(cx, user, &contents.event_id),
            None => Ok(None),
        }
    }

    /// Whether this is the event of that id.
    pub(crate) fn is_of(&self, event_id: &str) -> bool {
        self.event_id == event_id
    }

    /// Records feedback, in place of earlier feedback on the event.
    pub(crate) fn record(
        self,
        cx: &mut Context<'_, '_>,
        value: FeedbackValueType,
        provider: Provider,
    ) -> Result<(), ServiceError> {
        let Self { user, event, event_id } = self;
        cx.notes.subject = Some(user.subject());
        cx.notes.by_link = provider == Provider::User;
        let key = EventFeedback::key(&user.pool_id, &user.sub, &event_id);
        cx.tx.find::<EventFeedback>(&key)?;
        cx.tx.put(&EventFeedback {
            pool_id: user.pool_id,
            sub: user.sub,
            event_id,
            value,
            provider,
            at: cx.now(),
            expires_at: event.expires_at,
        })
    }
}

fn of_link(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    token: &str,
) -> Result<Option<Subject>, ServiceError> {
    let Some(pool) = cx.tx.find::<Pool>(pool_id)? else { return Ok(None) };
    cx.notes.pool_id = Some(pool.id.clone());
    Subject::of_token(cx, &pool, token)
}

/// What a link leads to. Changes nothing.
pub(crate) fn read(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    token: &str,
) -> Result<FeedbackLink, ServiceError> {
    Ok(of_link(cx, pool_id, token)?.map_or(FeedbackLink::Invalid, |Subject { event, .. }| {
        FeedbackLink::Open { at: event.at, address: event.ip }
    }))
}

/// Records the feedback of a link.
pub(crate) fn follow(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    token: &str,
    value: FeedbackValueType,
) -> Result<FeedbackLink, ServiceError> {
    let Some(subject) = of_link(cx, pool_id, token)? else { return Ok(FeedbackLink::Invalid) };
    subject.record(cx, value, Provider::User)?;
    audit::conclude(cx, Operation::UpdateAuthEventFeedback, None)?;
    Ok(FeedbackLink::Done)
}
