//! What an administrator does with one device: remember, don't remember, forget. Each is confirmed.

use axum::extract::Path;
use axum::response::{Html, Redirect};
use device_wire::enums::DeviceRememberedStatusType;
use device_wire::requests::{
    AdminForgetDeviceRequest, AdminGetDeviceRequest, AdminUpdateDeviceStatusRequest,
};
use device_wire::shapes::DeviceType;
use maud::{Markup, html};
use serde::Deserialize;

use super::person::Person;
use super::pool::Pool;
use crate::html::confirm::Question;
use crate::html::frame::{Place, Tab};
use crate::html::table::facts;
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// A device as people see one.
pub(super) struct Device<'a> {
    pub(super) key: &'a str,
    pub(super) last_ip: Option<&'a str>,
    name: Option<&'a str>,
    is_remembered: bool,
}

impl<'a> From<&'a DeviceType> for Device<'a> {
    fn from(found: &'a DeviceType) -> Self {
        let attributes = found.device_attributes.as_deref().unwrap_or_default();
        let value = |name: &str| {
            let attribute = attributes.iter().find(|attribute| attribute.name == name)?;
            attribute.value.as_ref().map(|value| value.as_str())
        };
        Self {
            key: found.device_key.as_deref().unwrap_or_default(),
            last_ip: value("last_ip_used"),
            name: value("device_name"),
            is_remembered: value("dev:device_remembered_status") == Some("remembered"),
        }
    }
}

impl Device<'_> {
    pub(super) fn name(&self) -> &str {
        self.name.unwrap_or("Unnamed device")
    }

    pub(super) fn badge(&self) -> Markup {
        html! {
            @if self.is_remembered { span.badge.good { "Remembered" } }
            @else { span.badge { "Tracked, not remembered" } }
        }
    }

    pub(super) fn offered(&self) -> [DeviceAct; 2] {
        let other = if self.is_remembered { DeviceAct::DoNotRemember } else { DeviceAct::Remember };
        [other, DeviceAct::Forget]
    }
}

/// What can be done with a device.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DeviceAct {
    Remember,
    DoNotRemember,
    Forget,
}

impl DeviceAct {
    pub(super) fn slug(self) -> &'static str {
        match self {
            Self::Remember => "remember",
            Self::DoNotRemember => "do-not-remember",
            Self::Forget => "forget",
        }
    }

    /// The text of its link.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Remember => "Remember",
            Self::DoNotRemember => "Don't remember",
            Self::Forget => "Forget",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Remember => "Remember this device?",
            Self::DoNotRemember => "Stop remembering this device?",
            Self::Forget => "Forget this device?",
        }
    }

    fn effects(self) -> &'static [&'static str] {
        match self {
            Self::Remember => &[
                "From its next sign-in on, the device proves itself.",
                "If the pool lets a remembered device suppress MFA, no code is asked for on it.",
            ],
            Self::DoNotRemember => &[
                "The device stays tracked, with its history.",
                "It no longer suppresses MFA: its user is asked for a code again.",
                "You can remember it again later.",
            ],
            Self::Forget => &[
                "The device is no longer tracked, and its key is never accepted again.",
                "Its user is asked for a code at the next sign-in, where MFA is on.",
                "Refresh tokens that were issued to it stop working.",
                "If it signs in again, it is a new device.",
            ],
        }
    }
}

type Named = Path<(String, String, String, DeviceAct)>;

/// `GET /console/pools/<pool>/users/<user>/devices/<key>/<act>`
pub(crate) async fn ask(
    visit: Visit,
    Path((pool_id, user, key, act)): Named,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let person = Person::load(&visit, &pool_id, &user).await?;
    let request = AdminGetDeviceRequest::new(&*key, &*pool_id, &*user);
    let found = visit.call(&request).await?.device;
    let device = Device::from(&found);
    let clock = visit.clock();
    let back = url::path(&["pools", &pool_id, "users", &user]);
    let body = html! {
        (facts(&[
            ("Device", html! { (device.name()) }),
            ("Key", html! { code { (device.key) } }),
            ("Status", device.badge()),
            ("Last authenticated", clock.show(found.device_last_authenticated_date)),
            ("Last IP", html! { (device.last_ip.unwrap_or("—")) }),
        ]))
        (visit.ask(&Question {
            effects: act.effects(),
            button: match act {
                DeviceAct::Remember => "Remember the device",
                DeviceAct::DoNotRemember => "Don't remember the device",
                DeviceAct::Forget => "Forget the device",
            },
            is_final: act == DeviceAct::Forget,
            fields: html! {},
            action: &url::path(&["pools", &pool_id, "users", &user, "devices", &key, act.slug()]),
            cancel: &back,
        }))
    };
    let users = url::path(&["pools", &pool_id, "users"]);
    let place = Place::of_pool(act.title(), pool.named(), Tab::Users)
        .below("Users", users)
        .below(person.name(), back);
    Ok(visit.page(&place, &body))
}

/// `POST` to the same.
pub(crate) async fn run(
    visit: Visit,
    Path((pool_id, user, key, act)): Named,
) -> Result<Redirect, Problem> {
    let done = match act {
        DeviceAct::Forget => {
            visit.call(&AdminForgetDeviceRequest::new(&*pool_id, &*user, &*key)).await?;
            "device-forgotten"
        }
        DeviceAct::Remember | DeviceAct::DoNotRemember => {
            let status = match act {
                DeviceAct::Remember => DeviceRememberedStatusType::Remembered,
                _ => DeviceRememberedStatusType::NotRemembered,
            };
            let request = AdminUpdateDeviceStatusRequest {
                device_remembered_status: Some(status),
                ..AdminUpdateDeviceStatusRequest::new(&*pool_id, &*user, &*key)
            };
            visit.call(&request).await?;
            "device-changed"
        }
    };
    let back = url::path(&["pools", &pool_id, "users", &user]);
    Ok(Redirect::to(&format!("{back}?done={done}#devices")))
}
