//! Devices as the service lists them.

use std::collections::{BTreeMap, BTreeSet};

use device_wire::requests::{AdminListDevicesRequest, ListDevicesRequest};
use device_wire::shapes::DeviceType;
use device_wire::{Operation, Sensitive, Timestamp};

use crate::error::Error;
use crate::record::DeviceStatus;
use crate::request::{Reply, Request};

/// A device, as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Its key.
    pub key: String,
    /// The name that the user gave it.
    pub name: Option<String>,
    /// The IP address of its last use.
    pub last_ip: Option<String>,
    /// Whether it is remembered. Absent in a user's own list, which contains only remembered
    /// devices.
    pub status: Option<DeviceStatus>,
    /// When it was confirmed.
    pub created: Option<Timestamp>,
    /// When its record was last changed.
    pub last_modified: Option<Timestamp>,
    /// When it last took part in a sign-in.
    pub last_authenticated: Option<Timestamp>,
    /// All of its attributes, by the service's names.
    pub attributes: BTreeMap<String, String>,
    /// Whether it is the device that makes the request.
    pub is_current: bool,
}

impl Device {
    /// Reads the service's description. `current` is the key of the requesting device, if it has
    /// one.
    #[must_use]
    pub fn from_wire(device: DeviceType, current: Option<&str>) -> Self {
        let attributes: BTreeMap<String, String> = device
            .device_attributes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|attribute| Some((attribute.name, attribute.value?.into_inner())))
            .collect();
        let attribute =
            |name: &str| attributes.get(name).filter(|value| !value.is_empty()).cloned();
        let key = device.device_key.unwrap_or_default();
        Self {
            name: attribute("device_name"),
            last_ip: attribute("last_ip_used"),
            status: attribute("dev:device_remembered_status").and_then(|status| {
                match status.as_str() {
                    "remembered" => Some(DeviceStatus::Remembered),
                    "not_remembered" => Some(DeviceStatus::NotRemembered),
                    _ => None,
                }
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
    asks: Asks,
    current: Option<String>,
    devices: Vec<Device>,
    seen: BTreeSet<String>,
}

/// Who requests the list.
#[derive(Debug)]
enum Asks {
    /// The user of that access token.
    User(Sensitive<String>),
    /// An administrator.
    Administrator { user_pool_id: String, username: String },
}

/// What to do next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle every step")]
pub enum ListStep {
    /// Send the request and [`handle`](ListDevices::handle) the reply.
    Send(ListDevices, Request),
    /// Every device.
    Done(Vec<Device>),
}

impl ListDevices {
    /// The maximum page size of the service.
    const PAGE: i32 = 60;

    /// More pages than any user's devices need: a longer list would never end.
    const MAX_PAGES: usize = 1_000;

    /// Starts a user's own list. `current` is the key of the requesting device, if it has one.
    pub fn start(access_token: Sensitive<String>, current: Option<String>) -> (Self, Request) {
        Self::of(Asks::User(access_token), current)
    }

    /// Starts an administrator's list of any user's devices. The requests need a signature.
    pub fn of_user(
        user_pool_id: impl Into<String>,
        username: impl Into<String>,
    ) -> (Self, Request) {
        let (user_pool_id, username) = (user_pool_id.into(), username.into());
        Self::of(Asks::Administrator { user_pool_id, username }, None)
    }

    fn of(asks: Asks, current: Option<String>) -> (Self, Request) {
        let list = Self { asks, current, devices: Vec::new(), seen: BTreeSet::new() };
        let request = list.page(None);
        (list, request)
    }

    fn page(&self, pagination_token: Option<String>) -> Request {
        let limit = Some(Self::PAGE);
        match &self.asks {
            Asks::User(access_token) => Request::new(&ListDevicesRequest {
                limit,
                pagination_token,
                ..ListDevicesRequest::new(access_token.clone())
            }),
            Asks::Administrator { user_pool_id, username } => {
                Request::new(&AdminListDevicesRequest {
                    limit,
                    pagination_token,
                    ..AdminListDevicesRequest::new(user_pool_id, username.as_str())
                })
            }
        }
    }

    /// Handles a page.
    ///
    /// # Errors
    /// Any [`Error`]. A repeated page token, or a list of more than a thousand pages, is
    /// [`Error::MalformedAnswer`], since such a list never ends.
    pub fn handle(mut self, reply: Reply<'_>) -> Result<ListStep, Error> {
        let (operation, devices, token) = match &self.asks {
            Asks::User(_) => {
                let page = reply.read::<ListDevicesRequest>()?;
                (Operation::ListDevices, page.devices, page.pagination_token)
            }
            Asks::Administrator { .. } => {
                let page = reply.read::<AdminListDevicesRequest>()?;
                (Operation::AdminListDevices, page.devices, page.pagination_token)
            }
        };
        let current = self.current.as_deref();
        self.devices.extend(
            devices.unwrap_or_default().into_iter().map(|one| Device::from_wire(one, current)),
        );
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(ListStep::Done(self.devices));
        };
        if !self.seen.insert(token.clone()) {
            return Err(Error::malformed(operation, "it repeats a page"));
        }
        if self.seen.len() >= Self::MAX_PAGES {
            return Err(Error::malformed(operation, "the list has no end"));
        }
        let request = self.page(Some(token));
        Ok(ListStep::Send(self, request))
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
            r#"{"DeviceKey":"eu_1","DeviceAttributes":[{"Name":"device_name","Value":"device"},
                {"Name":"last_ip_used","Value":"192.0.2.1"},
                {"Name":"device_status","Value":"valid"},
                {"Name":"dev:device_remembered_status","Value":"not_remembered"},
                {"Name":"odd","Value":null}],
                "DeviceCreateDate":1760000000.123,"DeviceLastAuthenticatedDate":1760000001,
                "Extra":{}}"#,
        );
        assert_eq!(
            (device.name.as_deref(), device.last_ip.as_deref()),
            (Some("device"), Some("192.0.2.1"))
        );
        assert_eq!(device.status, Some(DeviceStatus::NotRemembered));
        assert_eq!(device.created.map(Timestamp::as_millis), Some(1_760_000_000_123));
        assert_eq!(device.attributes["device_status"], "valid");
        assert!(device.is_current);
    }

    #[test]
    fn the_status_is_read_from_the_services_member() {
        for (said, status) in [
            ("remembered", Some(DeviceStatus::Remembered)),
            ("not_remembered", Some(DeviceStatus::NotRemembered)),
            ("", None),
            ("unheard of", None),
        ] {
            let attribute =
                serde_json::json!({ "Name": "dev:device_remembered_status", "Value": said });
            let device = serde_json::json!({ "DeviceAttributes": [attribute] });
            assert_eq!(json(&device.to_string()).status, status, "{said:?}");
        }
    }

    #[test]
    fn a_device_without_details_is_accepted_and_not_current() {
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
        assert_eq!(
            devices.iter().map(|device| device.is_current).collect::<Vec<_>>(),
            [false, true]
        );
    }

    #[test]
    fn a_page_that_repeats_is_an_error() {
        let (list, _) = ListDevices::start("token".into(), None);
        let page = br#"{"Devices":[],"PaginationToken":"again"}"#;
        let ListStep::Send(list, _) = list.handle(Reply::Answered(page)).unwrap() else {
            panic!("one page")
        };
        assert!(matches!(list.handle(Reply::Answered(page)), Err(Error::MalformedAnswer { .. })));
    }

    #[test]
    fn a_list_without_end_is_an_error() {
        let (mut list, _) = ListDevices::start("token".into(), None);
        for page in 0..=ListDevices::MAX_PAGES {
            let body = format!(r#"{{"Devices":[],"PaginationToken":"{page}"}}"#);
            match list.handle(Reply::Answered(body.as_bytes())) {
                Ok(ListStep::Send(next, _)) => list = next,
                Ok(ListStep::Done(_)) => panic!("no end was given"),
                Err(error) => return assert!(matches!(error, Error::MalformedAnswer { .. })),
            }
        }
        panic!("it goes on and on");
    }

    #[test]
    fn an_administrator_lists_by_pool_and_user() {
        let (list, request) = ListDevices::of_user("eu-west-1_Ab12Cd34E", "ada");
        assert_eq!(request.operation(), Operation::AdminListDevices);
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            (&body["Username"], &body["UserPoolId"]),
            (&"ada".into(), &"eu-west-1_Ab12Cd34E".into())
        );
        assert_eq!((&body["Limit"], body.get("PaginationToken")), (&60.into(), None));
        let page = br#"{"Devices":[{"DeviceKey":"eu_1"}],"PaginationToken":"next"}"#;
        let ListStep::Send(list, request) = list.handle(Reply::Answered(page)).unwrap() else {
            panic!("one page")
        };
        assert_eq!(request.operation(), Operation::AdminListDevices);
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!((&body["Limit"], &body["PaginationToken"]), (&60.into(), &"next".into()));
        let ListStep::Done(devices) = list.handle(Reply::Answered(b"{}")).unwrap() else {
            panic!("more pages")
        };
        assert_eq!(devices.len(), 1);
    }
}
