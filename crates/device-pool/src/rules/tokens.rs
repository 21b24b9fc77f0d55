//! Tokens: issued when a sign-in completes, and signed again at a refresh.

use std::collections::BTreeSet;

use device_wire::Sensitive;
use device_wire::shapes::AuthenticationResultType;
use serde_json::{Map, Value, json};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::grant::{Grant, UserGrant};
use crate::records::method::Method;
use crate::records::pool_keys::PoolKeys;
use crate::records::user_profile::UserProfile;
use crate::rules::parties::Parties;
use crate::rules::roles::Roles;
use crate::rules::token_trigger::{Occasion, Overrides, SCOPE};

/// Issues the tokens of a completed sign-in.
pub(crate) fn issue(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    device_key: Option<&str>,
    methods: BTreeSet<Method>,
    event_id: &str,
    occasion: Occasion,
) -> Result<AuthenticationResultType, ServiceError> {
    let Parties { pool, keys, client, user } = parties;
    let origin = cx.uuid();
    let now = cx.now();
    let grant = Grant {
        origin,
        pool_id: pool.id.clone(),
        client_id: client.id.clone(),
        username: user.username.clone(),
        device_key: device_key.map(str::to_owned),
        generation: 0,
        rotated: None,
        event_id: event_id.to_owned(),
        issued: now,
        expires: now + client.refresh_token_life(),
        revoked: false,
        holder: Some((user.sub.clone(), user.sign_outs)),
        methods,
        client_created: client.description.creation_date,
    };
    cx.tx.put(&grant)?;
    cx.tx.put(&UserGrant {
        pool_id: pool.id.clone(),
        username: user.username.clone(),
        origin,
        ip: cx.invocation.source_ip.map(|ip| ip.to_string()),
        expires_at: grant.expires,
    })?;
    let mut result = sign(cx, parties, &grant, occasion)?;
    result.refresh_token = Some(grant.refresh_token(keys));
    Ok(result)
}

/// New access and id tokens for a grant.
pub(crate) fn sign(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    grant: &Grant,
    occasion: Occasion,
) -> Result<AuthenticationResultType, ServiceError> {
    let now = cx.now();
    let Parties { pool, keys, client, user } = parties;
    let roles = Roles::of(cx, user)?;
    let overrides = Overrides::ask(cx, pool, &client.id, user, &roles, occasion)?;
    let roles = overrides.roles(roles);
    let profile = UserProfile::of(cx, user)?;
    let mut common = Map::new();
    let mut claim = |name: &str, value: Value| common.insert(name.to_owned(), value);
    claim("sub", json!(user.sub));
    claim("iss", json!(issuer(cx, &grant.pool_id)));
    claim("origin_jti", json!(grant.origin));
    claim("event_id", json!(grant.event_id));
    claim("auth_time", json!(grant.issued.unix_seconds()));
    claim("iat", json!(now.unix_seconds()));
    if !grant.methods.is_empty() {
        claim("amr", json!(grant.methods));
    }

    let mut access = common.clone();
    let mut claim = |name: &str, value: Value| access.insert(name.to_owned(), value);
    if let Some(device_key) = &grant.device_key {
        claim("device_key", json!(device_key));
    }
    claim("client_id", json!(client.id));
    claim("token_use", json!("access"));
    claim("scope", json!(SCOPE));
    claim("exp", json!((now + client.access_token_life()).unix_seconds()));
    claim("jti", json!(cx.uuid()));
    claim("username", json!(user.username));
    if !roles.groups.is_empty() {
        claim("cognito:groups", json!(roles.groups));
    }

    let shown = profile.all(user).into_iter().filter(|(name, _)| client.may_read(name));
    let attributes = shown.map(|(name, value)| {
        let value = match name {
            "email_verified" | "phone_number_verified" => json!(value.as_str() == "true"),
            _ => json!(value.as_str()),
        };
        (name.to_owned(), value)
    });
    // The service's claims come last, so that no attribute can replace one.
    let mut id: Map<String, Value> = attributes.chain(common).collect();
    let mut claim = |name: &str, value: Value| id.insert(name.to_owned(), value);
    claim("aud", json!(client.id));
    claim("cognito:username", json!(user.username));
    if !roles.groups.is_empty() {
        claim("cognito:groups", json!(roles.groups));
    }
    if !roles.all.is_empty() {
        claim("cognito:roles", json!(roles.all));
    }
    if let Some(preferred) = roles.preferred {
        claim("cognito:preferred_role", json!(preferred));
    }
    claim("token_use", json!("id"));
    claim("exp", json!((now + client.id_token_life()).unix_seconds()));
    claim("jti", json!(cx.uuid()));

    let generated;
    let keys = if keys.can_sign() {
        keys
    } else {
        generated = PoolKeys::to_sign(cx, &pool.id)?;
        &generated
    };
    overrides.change_access(&mut access);
    overrides.change_id(&mut id);
    Ok(AuthenticationResultType {
        access_token: Some(Sensitive::from(cx.key_ring.sign(keys.access.signing()?, &access)?)),
        id_token: Some(Sensitive::from(cx.key_ring.sign(keys.id.signing()?, &id)?)),
        token_type: Some("Bearer".to_owned()),
        expires_in: i32::try_from(client.access_token_life().as_secs()).ok(),
        ..AuthenticationResultType::default()
    })
}

/// The issuer of a pool's tokens.
pub(crate) fn issuer(cx: &Context<'_, '_>, pool_id: &str) -> String {
    format!("{}/{pool_id}", cx.config.public_base_url)
}
