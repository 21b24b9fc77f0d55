//! The triggers before and after a sign-in.

use serde_json::{Map, Value, json};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::user_profile::UserProfile;
use crate::rules::account::Account;
use crate::rules::parties::Parties;
use crate::rules::triggers::{Event, Trigger, attributes, with_metadata};
use crate::sign_in::step::StepRequest;

/// `PreAuthentication`: the operator may refuse the sign-in before anything is proven.
pub(crate) fn before(
    cx: &mut Context<'_, '_>,
    request: &StepRequest,
    metadata: &Map<String, Value>,
) -> Result<(), ServiceError> {
    let StepRequest { pool, keys, client, .. } = request;
    if !Trigger::PreAuthentication.is_configured(pool) {
        return Ok(());
    }
    let account = Account::find(cx, pool, keys, client, request.username()?)?;
    // Attributes may be large. Without code that gets them, timing must not tell who exists.
    let runs = cx.hooks.runs(Trigger::PreAuthentication.function(pool));
    let shown = match account.user.as_deref().filter(|_| runs) {
        Some(user) => attributes(user, &UserProfile::of(cx, user)?),
        None => Map::new(),
    };
    let event = Event {
        trigger: Trigger::PreAuthentication,
        source: "PreAuthentication_Authentication",
        pool,
        client_id: &client.id,
        username: &account.username,
        request: json!({
            "userAttributes": shown,
            "validationData": metadata,
            "userNotFound": account.user.is_none(),
        }),
        response: json!({}),
    };
    event.call::<Map<String, Value>>(cx).map(drop)
}

/// `PostAuthentication`: the operator learns of the sign-in before the tokens are signed.
pub(crate) fn after(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    new_device_used: bool,
    metadata: &Map<String, Value>,
) -> Result<(), ServiceError> {
    let Parties { pool, client, user, .. } = parties;
    if !Trigger::PostAuthentication.is_configured(pool) {
        return Ok(());
    }
    let profile = UserProfile::of(cx, user)?;
    let event = Event {
        trigger: Trigger::PostAuthentication,
        source: "PostAuthentication_Authentication",
        pool,
        client_id: &client.id,
        username: &user.username,
        request: with_metadata(
            json!({
                "userAttributes": attributes(user, &profile), "newDeviceUsed": new_device_used,
            }),
            metadata,
        ),
        response: json!({}),
    };
    event.call::<Map<String, Value>>(cx).map(drop)
}
