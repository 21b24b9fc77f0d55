//! What the device settings of a form would have asked of recent sign-ins.

use std::collections::BTreeMap;

use device_pool::ServiceError;
use device_server::{PolicyTrial, PolicyTrialRequest};
use maud::{Markup, html};
use serde::Deserialize;

use super::pool::Pool;
use crate::html::table::{cell, head, table};
use crate::visit::Visit;

/// How many days back.
const DAYS: u32 = 30;

/// A form that is saved or tried.
#[derive(Deserialize)]
pub(crate) struct Sent<T> {
    #[serde(flatten)]
    pub(super) chosen: T,
    /// Present if the button of [`button`] was pressed.
    #[serde(rename = "try", default)]
    asked: Option<String>,
}

impl<T> Sent<T> {
    pub(super) fn is_trial(&self) -> bool {
        self.asked.is_some()
    }
}

/// A form that was tried, with the result.
pub(super) enum Tried {
    Setting(PolicyTrial),
    Policies(PolicyTrial),
}

/// The button that asks what a form would change.
pub(super) fn button() -> Markup {
    html! { button.quiet type="submit" name="try" value="yes" { "What would change?" } }
}

/// Tries the settings; changes nothing.
pub(super) async fn run(
    visit: &Visit,
    pool: &Pool,
    settings: BTreeMap<String, String>,
) -> Result<PolicyTrial, ServiceError> {
    let request = PolicyTrialRequest { pool_id: pool.id.clone(), settings, days: DAYS };
    visit.console.service.administer(&visit.administrator, request).await
}

/// The result, for the place below its form.
pub(super) fn show(visit: &Visit, trial: &PolicyTrial) -> Markup {
    let PolicyTrial { sign_ins, users, asked, would_be_asked, .. } = trial;
    let reasons: Vec<Markup> = trial
        .reasons
        .iter()
        .map(|told| {
            html! {
                (head("Reason", &html! { (told.reason) }))
                (cell("Was", &html! { (told.was) }))
                (cell("Would be", &html! { (told.would_be) }))
            }
        })
        .collect();
    let clock = visit.clock();
    let examples: Vec<Markup> = trial
        .examples
        .iter()
        .map(|example| {
            html! {
                (head("When", &clock.show_millis(example.at)))
                (cell("User", &html! { code { (example.sub) } }))
                (cell("Was", &html! { (example.was) }))
                (cell("Would be", &html! { (example.would_be) }))
            }
        })
        .collect();
    html! {
        section #trial role="status" {
            h2 { "What would change" }
            p { "Nothing was changed. In the last " (DAYS) " days, " strong { (sign_ins) }
                " sign-ins of " strong { (users) } " users are known. " strong { (asked) }
                " were asked for a code; with these values, " strong { (would_be_asked) }
                " would be: " (trial.newly_asked) " newly, and "
                (trial.no_longer_asked) " no longer." }
            @for told in &trial.not_judged {
                p.hint { (told.sign_ins) " are not judged. " (told.reason) "." }
            }
            @if !trial.is_complete {
                p.hint { "Not all sign-ins were read: " (trial.events) " events is the most. "
                    "These users are a random sample." }
            }
            @if !reasons.is_empty() {
                (table("Why a code was asked for", &["Reason", "Was", "Would be"], &reasons,
                    &html! {}))
            }
            @if !examples.is_empty() {
                (table("The latest that would change", &["When", "User", "Was", "Would be"],
                    &examples, &html! {}))
            }
        }
    }
}
