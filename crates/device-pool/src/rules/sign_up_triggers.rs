//! The triggers before an account is made and after it is confirmed.

use std::collections::BTreeMap;

use device_wire::shapes::AttributeType;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::rules::triggers::{Event, Trigger, attributes, metadata, with_metadata};

/// What `PreSignUp` decided about a new account.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Approval {
    auto_confirm_user: Option<bool>,
    auto_verify_email: Option<bool>,
    auto_verify_phone: Option<bool>,
}

impl Approval {
    /// Whether the account needs no confirmation by a code.
    pub(crate) fn confirms(&self) -> bool {
        self.auto_confirm_user == Some(true)
    }

    /// Marks the addresses as verified that the trigger vouches for.
    pub(crate) fn verify(&self, user: &mut User, profile: &mut UserProfile) {
        for (attribute, flag, vouches) in [
            ("email", "email_verified", self.auto_verify_email),
            ("phone_number", "phone_number_verified", self.auto_verify_phone),
        ] {
            if vouches == Some(true) && profile.get(user, attribute).is_some() {
                profile.set(user, flag, "true".into());
            }
        }
    }
}

/// What a request brings for the triggers.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) validation: Option<Vec<AttributeType>>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

/// `PreSignUp`: the operator may refuse the account, confirm it, or vouch for its addresses.
pub(crate) fn before(
    cx: &mut Context<'_, '_>,
    source: &'static str,
    pool: &Pool,
    client_id: &str,
    user: &User,
    profile: &UserProfile,
    given: Given,
) -> Result<Approval, ServiceError> {
    let validation: Option<Map<String, Value>> = given.validation.map(|data| {
        let text = |value: Option<device_wire::Sensitive<String>>| json!(value.unwrap_or_default());
        data.into_iter().map(|entry| (entry.name, text(entry.value))).collect()
    });
    let mut attributes = attributes(user, profile);
    // There is no user yet who could have them.
    attributes.remove("sub");
    attributes.remove("cognito:user_status");
    let event = Event {
        trigger: Trigger::PreSignUp,
        source,
        pool,
        client_id,
        username: &user.username,
        request: with_metadata(
            json!({"userAttributes": attributes, "validationData": validation}),
            &metadata(given.metadata),
        ),
        response: json!({
            "autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false,
        }),
    };
    event.call(cx).map(Option::unwrap_or_default)
}

/// `PostConfirmation`: the operator learns that an account is confirmed or a password was reset.
pub(crate) fn after(
    cx: &mut Context<'_, '_>,
    source: &'static str,
    pool: &Pool,
    client_id: &str,
    user: &User,
    given: Option<BTreeMap<String, String>>,
) -> Result<(), ServiceError> {
    if !Trigger::PostConfirmation.is_configured(pool) {
        return Ok(());
    }
    let profile = UserProfile::of(cx, user)?;
    let event = Event {
        trigger: Trigger::PostConfirmation,
        source,
        pool,
        client_id,
        username: &user.username,
        request: with_metadata(
            json!({"userAttributes": attributes(user, &profile)}),
            &metadata(given),
        ),
        response: json!({}),
    };
    event.call::<Map<String, Value>>(cx).map(drop)
}
