//! Devices as the service lists them.

use std::collections::{BTreeMap, BTreeSet};

use device_wire::{DeviceType, ListDevicesRequest, Operation, Sensitive, Timestamp};

use crate::{DeviceStatus, Error, Reply, Request};

/// A device, as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Its key.
    pub key: String,
    /// The name that a person gave to it.
    pub name: Option<String>,
    /// The address that it was last used from.
    pub last_ip: Option<String>,
    /// Whether it is remembered. A user's own list has no others, and does not say so of each; an administrator's does.
    pub status: Option<DeviceStatus>,
    /// When it was confirmed.
    pub created: Option<Timestamp>,
    /// When its record was last changed.
    pub last_modified: Option<Timestamp>,
    /// When it last took part in a sign-in.
    pub last_authenticated: Option<Timestamp>,
    /// Everything that the service says of it, by the service's own names.
    pub attributes: BTreeMap<String, String>,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

impl Device {
    /// Reads the service's description; `current` is the key of the device that asks, if it has one.
    #[must_use]
    pub fn from_wire(device: DeviceType, current: Option<&str>) -> Self {
        let attributes: BTreeMap<String, String> = device
            .device_attributes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|attribute| Some((attribute.name, attribute.value?.into_inner())))
            .collect();
        let attribute = |name: &str| attributes.get(name).filter(|value| !value.is_empty()).cloned();
        let key = device.device_key.unwrap_or_default();
        Self {
            name: attribute("device_name"),
            last_ip: attribute("last_ip_used"),
            status: attribute("dev:device_remembered_status").and_then(|status| match status.as_str() {
                "remembered" => Some(DeviceStatus::Remembered),
                "not_remembered" => Some(DeviceStatus::NotRemembered),
                _ => None,
            }),
            created: device.device_create_date,
            last_modified: device.device_last_modified_date,
            last_authenticated: device.device_last_authenticated_date,
            is_current: current == Some(key.as_str()),
            key,
            attributes,
        }
    }
}

/// A list of devices that waits for its next page.
#[derive(Debug)]
#[must_use = "a list goes on with the reply to its request"]
pub struct ListDevices {
    access_token: Sensitive<String>,
    current: Option<String>,
    devices: Vec<Device>,
    seen: BTreeSet<String>,
}

/// What to do next.
#[derive(Debug)]
pub enum ListStep {
    /// Send the request and [`handle`](ListDevices::handle) the reply.
    Send(ListDevices, Request),
    /// Every device.
    Done(Vec<Device>),
}

impl ListDevices {
    /// The most that the service puts on a page.
    const PAGE: i32 = 60;

    /// Begins with the first page; `current` is the key of the device that asks, if it has one.
    pub fn start(access_token: Sensitive<String>, current: Option<String>) -> (Self, Request) {
        let list = Self { access_token, current, devices: Vec::new(), seen: BTreeSet::new() };
        let request = list.page(None);
        (list, request)
    }

    fn page(&self, token: Option<String>) -> Request {
        Request::new(&ListDevicesRequest {
            limit: Some(Self::PAGE),
            pagination_token: token,
            ..ListDevicesRequest::new(self.access_token.clone())
        })
    }

    /// Takes a page.
    ///
    /// # Errors
    /// Any [`Error`]; a page token that came before is [`Error::MalformedAnswer`], since it would go round for ever.
    pub fn handle(mut self, reply: Reply<'_>) -> Result<ListStep, Error> {
        let response = reply.read::<ListDevicesRequest>()?;
        for device in response.devices.unwrap_or_default() {
            self.devices.push(Device::from_wire(device, self.current.as_deref()));
        }
        match response.pagination_token.filter(|token| !token.is_empty()) {
            None => Ok(ListStep::Done(self.devices)),
            Some(token) if self.seen.insert(token.clone()) => {
                let request = self.page(Some(token));
                Ok(ListStep::Send(self, request))
            }
            Some(_) => Err(Error::malformed(Operation::ListDevices, "it repeats a page")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Device {
        Device::from_wire(serde_json::from_str(text).unwrap(), Some("eu_1"))
    }

    #[test]
    fn a_device_is_read_with_its_attributes_and_dates() {
        let device = json(
            r#"{"DeviceKey":"eu_1","DeviceAttributes":[{"Name":"device_name","Value":"laptop"},
                {"Name":"last_ip_used","Value":"192.0.2.1"},{"Name":"device_status","Value":"valid"},
                {"Name":"dev:device_remembered_status","Value":"not_remembered"},{"Name":"odd","Value":null}],
                "DeviceCreateDate":1760000000.123,"DeviceLastAuthenticatedDate":1760000001,"Extra":{}}"#,
        );
        assert_eq!((device.name.as_deref(), device.last_ip.as_deref()), (Some("laptop"), Some("192.0.2.1")));
        assert_eq!(device.status, Some(DeviceStatus::NotRemembered));
        assert_eq!(device.created.map(Timestamp::as_millis), Some(1_760_000_000_123));
        assert_eq!(device.attributes["device_status"], "valid");
        assert!(device.is_current);
    }

    #[test]
    fn a_bare_device_is_no_error_and_not_the_current_one() {
        let device = json(r#"{"DeviceKey":null,"DeviceAttributes":null,"DeviceCreateDate":null}"#);
        assert_eq!((device.key.as_str(), device.is_current), ("", false));
    }

    #[test]
    fn pages_are_followed_to_the_end() {
        let (list, _) = ListDevices::start("token".into(), Some("eu_2".into()));
        let page = br#"{"Devices":[{"DeviceKey":"eu_1"}],"PaginationToken":"next"}"#;
        let ListStep::Send(list, request) = list.handle(Reply::Answered(page)).unwrap() else {
            panic!("one page")
        };
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!((&body["PaginationToken"], &body["Limit"]), (&"next".into(), &60.into()));
        let last = br#"{"Devices":[{"DeviceKey":"eu_2"}],"PaginationToken":null}"#;
        let ListStep::Done(devices) = list.handle(Reply::Answered(last)).unwrap() else {
            panic!("more pages")
        };
        assert_eq!(devices.iter().map(|device| device.is_current).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_page_that_repeats_is_an_error() {
        let (list, _) = ListDevices::start("token".into(), None);
        let page = br#"{"Devices":[],"PaginationToken":"again"}"#;
        let ListStep::Send(list, _) = list.handle(Reply::Answered(page)).unwrap() else { panic!("one page") };
        assert!(matches!(list.handle(Reply::Answered(page)), Err(Error::MalformedAnswer { .. })));
    }
}
