//! Whether a pool remembers devices, and whether a remembered one replaces a code.

use std::collections::BTreeMap;

use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use device_server::DeviceCount;
use device_wire::enums::UserPoolMfaType;
use device_wire::requests::UpdateUserPoolRequest;
use device_wire::shapes::DeviceConfigurationType;
use maud::html;
use serde::Deserialize;

use super::policies::Policies;
use super::policy_trial::{self, Sent, Tried};
use super::pool::{Pool, mfa_in_words};
use crate::html::field::{Choice, choices};
use crate::html::frame::{Place, Tab};
use crate::html::notice::{After, refusal};
use crate::html::url;
use crate::problem::{self, Problem};
use crate::visit::Visit;

const ALWAYS: &str = "always";
const OPT_IN: &str = "opt-in";
const NO: &str = "no";
const YES: &str = "yes";

/// The setting as the form has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Setting {
    /// `always`, `opt-in` or `no`.
    remember: String,
    /// `yes` or `no`.
    suppress: String,
}

impl Setting {
    pub(super) fn of(pool: &Pool) -> Self {
        let (remember, suppress) = match &pool.description.device_configuration {
            None => (NO, false),
            Some(devices) => (
                match devices.device_only_remembered_on_user_prompt {
                    Some(true) => OPT_IN,
                    _ => ALWAYS,
                },
                devices.challenge_required_on_new_device == Some(true),
            ),
        };
        Self::new(remember, suppress)
    }

    pub(super) fn new(remember: &str, suppress: bool) -> Self {
        Self { remember: remember.to_owned(), suppress: if suppress { YES } else { NO }.to_owned() }
    }

    pub(super) fn in_words(&self) -> &'static str {
        match (self.remember.as_str(), self.suppress.as_str()) {
            (ALWAYS, YES) => "Always, replaces MFA",
            (ALWAYS, _) => "Always",
            (OPT_IN, YES) => "User opt-in, replaces MFA",
            (OPT_IN, _) => "User opt-in",
            _ => "No",
        }
    }

    /// As the API has it; `None` if devices are not remembered.
    pub(super) fn configuration(&self) -> Option<DeviceConfigurationType> {
        (self.remember != NO).then(|| DeviceConfigurationType {
            device_only_remembered_on_user_prompt: Some(self.remember == OPT_IN),
            challenge_required_on_new_device: Some(self.suppress == YES),
        })
    }

    /// The choices as settings to try.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        let suppress = if self.suppress == YES { "on" } else { "off" };
        let chosen = [("remember", &*self.remember), ("suppress-mfa", suppress)].into_iter();
        chosen.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Why the two choices do not go together in a pool with or without MFA, if they do not.
    pub(super) fn contradiction(&self, has_mfa: bool) -> Option<&'static str> {
        match (self.remember.as_str(), self.suppress.as_str()) {
            (ALWAYS | OPT_IN, YES) if !has_mfa => Some(
                "MFA is off in this pool, so there is no second factor to suppress. Turn MFA on \
                 under Sign-in first, or choose No below.",
            ),
            (NO, YES) => Some(
                "Only a remembered device can suppress the second factor. Choose Always or User \
                 opt-in, or choose No below.",
            ),
            (ALWAYS | OPT_IN | NO, YES | NO) => None,
            _ => Some("Choose one of the answers to each question."),
        }
    }
}

/// `GET /console/pools/<pool>/devices`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let draft = Draft { after, ..Draft::load(&visit, &pool).await? };
    Ok(page(&visit, &pool, &draft))
}

/// `POST /console/pools/<pool>/devices`
pub(crate) async fn save(
    visit: Visit,
    Path(pool_id): Path<String>,
    Form(sent): Form<Sent<Setting>>,
) -> Result<Response, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let is_trial = sent.is_trial();
    let chosen = sent.chosen;
    let refused = match chosen.contradiction(has_mfa(&pool)) {
        Some(contradiction) => contradiction.to_owned(),
        None if is_trial => match policy_trial::run(&visit, &pool, chosen.settings()).await {
            Ok(trial) => {
                let tried = Some(Tried::Setting(trial));
                let draft = Draft { setting: chosen, tried, ..Draft::load(&visit, &pool).await? };
                return Ok(page(&visit, &pool, &draft).into_response());
            }
            Err(error) => problem::said(&error),
        },
        None => {
            let request = UpdateUserPoolRequest {
                device_configuration: chosen.configuration(),
                ..pool.unchanged()
            };
            match visit.call(&request).await {
                Ok(_) => {
                    let location = url::path(&["pools", &pool_id, "devices"]) + "?done=saved";
                    return Ok(Redirect::to(&location).into_response());
                }
                Err(error) => problem::said(&error),
            }
        }
    };
    let draft =
        Draft { setting: chosen, refused: Some(refused), ..Draft::load(&visit, &pool).await? };
    let page = page(&visit, &pool, &draft);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

fn has_mfa(pool: &Pool) -> bool {
    let mode = pool.description.mfa_configuration.as_ref();
    mode.is_some_and(|mode| *mode != UserPoolMfaType::Off)
}

/// What the page's forms hold, and what came of the last one.
pub(super) struct Draft {
    pub(super) devices: DeviceCount,
    pub(super) setting: Setting,
    pub(super) policies: Policies,
    pub(super) after: After,
    pub(super) refused: Option<String>,
    /// What one of the forms would change, if it was asked.
    pub(super) tried: Option<Tried>,
}

impl Draft {
    /// As the pool is now.
    pub(super) async fn load(visit: &Visit, pool: &Pool) -> Result<Self, Problem> {
        Ok(Self {
            devices: visit.count_devices(&pool.id).await?,
            setting: Setting::of(pool),
            policies: Policies::of(pool),
            after: After::default(),
            refused: None,
            tried: None,
        })
    }
}

pub(super) fn page(visit: &Visit, pool: &Pool, draft: &Draft) -> Html<String> {
    let Draft { devices, setting: chosen, policies, after, refused, tried } = draft;
    let saved = Setting::of(pool);
    let has_mfa = has_mfa(pool);
    let suppressed = saved.suppress == YES && saved.remember != NO && has_mfa;
    let remembered = counted(devices.remembered, "remembered device", devices.has_more);
    let tracked =
        counted(devices.remembered + devices.not_remembered, "tracked device", devices.has_more);
    let asked_again = (suppressed && devices.remembered > 0)
        .then(|| format!("{remembered} will be asked for a code again."));
    let their = match devices.remembered + devices.not_remembered {
        0 => None,
        1 if !devices.has_more => Some("its"),
        _ => Some("their"),
    };
    let stay = |value: &str| {
        let their = their.filter(|_| saved.remember != value);
        their.map(|their| format!("{tracked} will keep {their} status."))
    };
    let remember = [
        Choice {
            value: ALWAYS,
            label: "Always",
            hint: "Every device used by your application's users is remembered.",
            effect: stay(ALWAYS),
        },
        Choice {
            value: OPT_IN,
            label: "User opt-in",
            hint: "A user's device is only remembered if that user opts to remember it. Your app \
                   asks, and calls UpdateDeviceStatus.",
            effect: stay(OPT_IN),
        },
        Choice {
            value: NO,
            label: "No",
            hint: "Devices are not remembered (“Don't remember” in newer consoles). Those that \
                   are tracked are kept, and count again if you turn this on again.",
            effect: asked_again.clone(),
        },
    ];
    let suppress = [
        Choice {
            value: YES,
            label: "Yes",
            hint: "A remembered device is the second factor: no code is asked for on it. Risk \
                   settings that would ask for MFA are ignored for it under “Always”.",
            effect: (!has_mfa).then(|| "MFA is off in this pool.".to_owned()),
        },
        Choice {
            value: NO,
            label: "No",
            hint: "A code is asked for on every device. The device still proves itself.",
            effect: asked_again,
        },
    ];
    // A read-only session may try settings without saving them.
    let may_change = visit.may_change();
    let body = html! {
        (after.show())
        @if let Some(refused) = refused { (refusal(refused)) }
        p.state { "Now: " strong { (saved.in_words()) } ". MFA: "
            strong { (mfa_in_words(pool.description.mfa_configuration.as_ref())) }
            "." }
        form.card method="post" {
            (visit.token_field())
            (choices("remember", "Do you want to remember your users' devices?", &remember,
                &chosen.remember, false))
            (choices("suppress", "Do you want to use a remembered device to suppress the second \
                factor during multi-factor authentication (MFA)?", &suppress, &chosen.suppress,
                false))
            div.actions {
                @if may_change { button type="submit" { "Save changes" } }
                (policy_trial::button())
            }
        }
        @if let Some(Tried::Setting(trial)) = tried { (policy_trial::show(visit, trial)) }
        h2 { "Policies" }
        p { "Beyond the service's own settings. They are tags of the pool, so infrastructure "
            "tools can set them as well." }
        form.card method="post" action=(url::path(&["pools", &pool.id, "policies"])) {
            (visit.token_field())
            (policies.fields())
            div.actions {
                @if may_change { button type="submit" { "Save policies" } }
                (policy_trial::button())
            }
        }
        @if let Some(Tried::Policies(trial)) = tried { (policy_trial::show(visit, trial)) }
        h2 { "What the words mean" }
        dl.terms {
            dt { "Tracked" }
            dd { "The device was confirmed after a sign-in. It has a key and a secret of its own, "
                 "and the service notes when and from where it was last used." }
            dt { "Remembered" }
            dd { "A tracked device that proves itself at each sign-in and, if you say so above, "
                 "is the second factor." }
            dt { "Not remembered" }
            dd { "A tracked device whose user did not opt in, such as a borrowed one." }
            dt { "Forgotten" }
            dd { "No longer tracked. Its key is never accepted again." }
        }
    };
    visit.page(&Place::of_pool("Devices", pool.named(), Tab::Devices), &body)
}

/// `412 remembered devices`
fn counted(count: usize, what: &str, has_more: bool) -> String {
    let more = if has_more { "more than " } else { "" };
    let plural = if count == 1 { "" } else { "s" };
    format!("{more}{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suppression_needs_mfa_and_remembered_devices() {
        for (remember, suppress, has_mfa, fits) in [
            (ALWAYS, true, true, true),
            (OPT_IN, true, true, true),
            (ALWAYS, false, false, true),
            (NO, false, true, true),
            (ALWAYS, true, false, false),
            (OPT_IN, true, false, false),
            (NO, true, true, false),
            ("sometimes", false, true, false),
        ] {
            let found = Setting::new(remember, suppress).contradiction(has_mfa);
            assert_eq!(found.is_none(), fits, "{remember} {suppress} {has_mfa}");
        }
    }
}
