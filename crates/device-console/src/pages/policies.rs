//! Policies for remembered devices beyond the service's own: the pool's tags under `device:`.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;

use super::pool::Pool;
use crate::html::field;

/// The policies as the form has them; empty if a pool has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Policies {
    mfa_every: String,
    forget_after_idle: String,
    max_per_user: String,
    when_full: String,
    rotate_secret: String,
    notify: String,
    session_required: String,
}

impl Policies {
    pub(super) fn of(pool: &Pool) -> Self {
        let tags = pool.description.user_pool_tags.clone().unwrap_or_default();
        let value = |tag: &str| tags.get(tag).cloned().unwrap_or_default();
        Self {
            mfa_every: value("device:mfa-every"),
            forget_after_idle: value("device:forget-after-idle"),
            max_per_user: value("device:max-per-user"),
            when_full: value("device:when-full"),
            rotate_secret: value("device:rotate-secret"),
            notify: value("device:notify"),
            session_required: value("device:session-required"),
        }
    }

    /// The pool's tags with these; other tags stay.
    pub(super) fn tags(&self, pool: &Pool) -> BTreeMap<String, String> {
        let mut tags = pool.description.user_pool_tags.clone().unwrap_or_default();
        for (tag, value) in [
            ("device:mfa-every", &self.mfa_every),
            ("device:forget-after-idle", &self.forget_after_idle),
            ("device:max-per-user", &self.max_per_user),
            ("device:when-full", &self.when_full),
            ("device:rotate-secret", &self.rotate_secret),
            ("device:notify", &self.notify),
            ("device:session-required", &self.session_required),
        ] {
            if value.trim().is_empty() {
                tags.remove(tag);
            } else {
                tags.insert(tag.to_owned(), value.trim().to_owned());
            }
        }
        tags
    }

    /// The policies that decide whether a code is asked for, as settings to try.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        let tried = [
            ("device:mfa-every", &self.mfa_every),
            ("device:forget-after-idle", &self.forget_after_idle),
        ];
        let tried = tried.into_iter();
        tried.map(|(tag, value)| (tag.to_owned(), value.trim().to_owned())).collect()
    }

    pub(super) fn fields(&self) -> Markup {
        let text =
            |name, label, hint, value: &str| field::text(name, label, hint, "text", value, false);
        html! {
            (text("mfa_every", "Ask for MFA again after",
                "On a remembered device as well. Such as 30d or 12h; empty for never.",
                &self.mfa_every))
            (text("forget_after_idle", "Forget a device that is not used for",
                "Such as 90d; empty to keep all.", &self.forget_after_idle))
            (text("max_per_user", "Devices that a user may have",
                "1 to 1000; empty for any number.", &self.max_per_user))
            (field::select("when_full", "A device too many", &[
                ("", "is refused (as by default)"),
                ("refuse", "is refused"),
                ("forget-oldest", "takes the place of the one unused for longest"),
            ], &self.when_full))
            (field::select("rotate_secret", "At each sign-in, a device's secret", &[
                ("", "stays (as by default)"),
                ("off", "stays"),
                ("on", "is replaced if the app can, so that a copy is noticed"),
            ], &self.rotate_secret))
            (field::select("notify", "When a device is new", &[
                ("", "its user is not told"),
                ("new-device", "its user gets a message with a link that forgets it"),
            ], &self.notify))
            (text("session_required", "App clients whose devices must prove themselves within the \
                same sign-in",
                "“all”, or client ids separated by spaces; empty for none.",
                &self.session_required))
        }
    }
}
