//! A line above a page: what was done, or why it was not.

use device_pool::ServiceError;
use maud::{Markup, html};
use serde::Deserialize;

use crate::problem;

/// What was done, in the address of the page that comes after it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct After {
    pub(crate) done: Option<Done>,
}

/// What was done. The address names it; the text is here, so that no link can put words in.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Done {
    Saved,
    PoolCreated,
    ClientCreated,
    ClientDeleted,
    GroupCreated,
    GroupChanged,
    GroupDeleted,
    MemberAdded,
    UserCreated,
    UserDeleted,
    UserChanged,
    DeviceChanged,
    DeviceForgotten,
    DevicesForgotten,
    SessionEnded,
    #[serde(other)]
    Other,
}

impl Done {
    fn text(self) -> Option<&'static str> {
        Some(match self {
            Self::Saved => "Saved. It holds from the next sign-in on.",
            Self::PoolCreated => "The user pool was created.",
            Self::ClientCreated => "The app client was created.",
            Self::ClientDeleted => "The app client was deleted.",
            Self::GroupCreated => "The group was created.",
            Self::GroupChanged => "The group was changed.",
            Self::GroupDeleted => "The group was deleted.",
            Self::MemberAdded => "The user was added. New tokens name the group.",
            Self::UserCreated => "The user was created.",
            Self::UserDeleted => "The user was deleted.",
            Self::UserChanged => "The user was changed.",
            Self::DeviceChanged => "The device was changed.",
            Self::DeviceForgotten => "The device was forgotten.",
            Self::DevicesForgotten => "All of the user's devices were forgotten.",
            Self::SessionEnded => "The session was ended.",
            Self::Other => return None,
        })
    }
}

impl After {
    pub(crate) fn show(self) -> Markup {
        html! {
            @if let Some(text) = self.done.and_then(Done::text) {
                p.notice.good role="status" { (text) }
            }
        }
    }
}

/// Why something was not done.
pub(crate) fn refusal(text: &str) -> Markup {
    alert("Nothing was changed.", text)
}

fn alert(done: &str, text: &str) -> Markup {
    html! { div.notice.bad role="alert" { strong { (done) } " " (text) } }
}

/// A refusal among the calls that a form makes.
pub(crate) struct Refusal {
    /// What was done before it, if anything.
    done: Option<&'static str>,
    error: ServiceError,
}

impl Refusal {
    /// The refusal of a later call: `done` says what the earlier ones did.
    pub(crate) const fn after(done: &'static str, error: ServiceError) -> Self {
        Self { done: Some(done), error }
    }

    pub(crate) fn show(&self) -> Markup {
        let said = problem::said(&self.error);
        self.done.map_or_else(|| refusal(&said), |done| alert(done, &said))
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self { done: None, error }
    }
}
