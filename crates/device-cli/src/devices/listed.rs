//! Devices as commands list them.

use device_wire::requests::{AdminListDevicesRequest, ListDevicesRequest};
use device_wire::shapes::DeviceType;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{Owner, Whose};
use crate::cli_error::CliError;
use crate::in_pool::InPool;
use crate::output::{Format, text, time};
use crate::people;
use crate::signed_call::{CallError, Connection, all_pages};
use crate::time_argument::Age;

/// A device, and the user whose it is if that is not the signed-in one.
#[derive(Serialize)]
pub(super) struct Listed {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) user: String,
    #[serde(flatten)]
    pub(super) device: DeviceType,
}

impl Listed {
    pub(super) fn key(&self) -> String {
        text(self.device.device_key.as_ref())
    }

    fn attribute(&self, name: &str) -> String {
        people::attribute(self.device.device_attributes.as_deref().unwrap_or_default(), name)
    }

    /// Whether it has not signed in since then, in seconds since the epoch.
    fn is_idle_since(&self, then: i64) -> bool {
        let DeviceType { device_last_authenticated_date: last, device_create_date: made, .. } =
            &self.device;
        (*last).or(*made).is_some_and(|last| last.as_seconds() <= then)
    }

    /// As a user's own list has only remembered devices, it does not say that they are.
    fn status(&self) -> String {
        match self.attribute("dev:device_remembered_status") {
            status if status.is_empty() => "remembered".to_owned(),
            status => status.replace('_', " "),
        }
    }

    pub(super) fn print_all(
        devices: &[Self],
        with_users: bool,
        format: Format,
    ) -> Result<(), CliError> {
        const COLUMNS: [&str; 5] = ["DEVICE", "NAME", "STATUS", "LAST SIGN-IN", "LAST ADDRESS"];
        let row = |listed: &Self| {
            [
                listed.key(),
                listed.attribute("device_name"),
                listed.status(),
                time(listed.device.device_last_authenticated_date),
                listed.attribute("last_ip_used"),
            ]
        };
        if !with_users {
            return format.list(devices, COLUMNS, row);
        }
        let [device, name, status, last, address] = COLUMNS;
        format.list(devices, ["USER", device, name, status, last, address], |listed| {
            let [device, name, status, last, address] = row(listed);
            [listed.user.clone(), device, name, status, last, address]
        })
    }

    pub(super) fn print(&self, format: Format) -> Result<(), CliError> {
        let fields = [
            ("device", self.key()),
            ("user", self.user.clone()),
            ("name", self.attribute("device_name")),
            ("status", self.status()),
            ("created", time(self.device.device_create_date)),
            ("last sign-in", time(self.device.device_last_authenticated_date)),
            ("last address", self.attribute("last_ip_used")),
        ];
        format.one(self, &fields)
    }
}

/// The devices of one user.
pub(super) fn of_one(whose: &Whose, idle: Option<Age>) -> Result<Vec<Listed>, CliError> {
    let (user, devices) = match whose.owner()? {
        Owner::Of { pool, user } => (user.to_owned(), of_user(&whose.server, pool, user)?),
        Owner::Own(session) => {
            let (server, token) = (session.connection(), session.access_token()?);
            let devices = all_pages(|pagination_token| {
                let request = ListDevicesRequest {
                    pagination_token,
                    ..ListDevicesRequest::new(token.clone())
                };
                let page = server.public_operation(&request)?;
                Ok((page.devices, page.pagination_token))
            })?;
            (String::new(), devices)
        }
    };
    Ok(idle_ones(user, devices, idle).collect())
}

fn of_user(server: &Connection, pool: &str, user: &str) -> Result<Vec<DeviceType>, CallError> {
    all_pages(|pagination_token| {
        let request = AdminListDevicesRequest {
            pagination_token,
            ..AdminListDevicesRequest::new(pool, user)
        };
        let page = server.operation(&request)?;
        Ok((page.devices, page.pagination_token))
    })
}

/// The devices of all users of a pool: a call for each user.
pub(super) fn of_all_users(whose: &Whose, idle: Option<Age>) -> Result<Vec<Listed>, CliError> {
    let (pool, server, format) = (whose.pool()?.to_owned(), whose.server.clone(), whose.format);
    let at = InPool { pool, server, format };
    let users = people::users(&at, None)?;
    let bar = progress("users", users.len())?;
    let mut all = Vec::new();
    for user in users {
        let name = user.username.map(|name| name.to_string()).unwrap_or_default();
        match of_user(&at.server, &at.pool, &name) {
            Ok(devices) => all.extend(idle_ones(name, devices, idle)),
            // Deleted since the list was made.
            Err(CallError::Refused { code: Some(code), .. }) if code == "UserNotFoundException" => {
            }
            Err(error) => return Err(error.into()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(all)
}

fn idle_ones(
    user: String,
    devices: Vec<DeviceType>,
    idle: Option<Age>,
) -> impl Iterator<Item = Listed> {
    let then = idle.map(Age::ago);
    devices
        .into_iter()
        .map(move |device| Listed { user: user.clone(), device })
        .filter(move |listed| then.is_none_or(|then| listed.is_idle_since(then)))
}

/// A progress bar on stderr, drawn if that is a terminal.
pub(super) fn progress(what: &str, length: usize) -> Result<ProgressBar, CliError> {
    let style = ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}} {what} {{eta}}"));
    let style = style.map_err(CliError::other)?;
    Ok(ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX)).with_style(style))
}

#[cfg(test)]
mod tests {
    use device_wire::Timestamp;

    use super::*;

    #[test]
    fn a_device_that_never_signed_in_again_is_idle_too() {
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        for (last, made, is_idle) in [
            (None, at(1000), true),
            (None, at(1001), false),
            (at(1001), at(1), false),
            (at(1000), at(1), true),
            (None, None, false),
        ] {
            let device = DeviceType {
                device_last_authenticated_date: last,
                device_create_date: made,
                ..DeviceType::default()
            };
            let listed = Listed { user: String::new(), device };
            assert_eq!(listed.is_idle_since(1000), is_idle, "{last:?} {made:?}");
        }
    }
}
