//! A client's devices.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{Identity, Salt, Verifier};
use device_wire::Operation as Call;
use serde_json::{Value, json};

use super::{Answered, Apps, text};
use crate::rules::{Answer, ListedDevice};

impl Apps {
    pub(super) fn key(&self, device: usize) -> &str {
        &self.devices[device].key
    }

    pub(super) fn key_if_any(&self, device: Option<usize>) -> Option<&str> {
        device.map(|device| self.key(device))
    }

    /// The number of a device key, which must be a known one.
    pub(super) fn number(&self, key: &str) -> usize {
        self.devices.iter().position(|device| device.key == key).unwrap()
    }

    /// Confirms a device with its own secret.
    pub(super) fn confirm(&mut self, token: usize, device: usize) -> Answered {
        let salt = Salt::random(&mut self.rng);
        let device = &self.devices[device];
        let identity = Identity::device(&device.group_key, &device.key);
        let verifier = Verifier::derive(&identity, &device.secret, &salt);
        let key = device.key.clone();
        let body = json!({
            "AccessToken": self.access_tokens[token], "DeviceKey": key, "DeviceName": "a device",
            "DeviceSecretVerifierConfig": {
                "Salt": STANDARD.encode(salt.padded()),
                "PasswordVerifier": STANDARD.encode(verifier.padded()),
            },
        });
        let answer = self.call(Call::ConfirmDevice, body)?;
        let asks_user = answer["UserConfirmationNecessary"].as_bool().unwrap();
        self.invariants.set_status(&key, !asks_user);
        Ok(Answer::Confirmed { asks_user })
    }

    /// An operation of a signed-in user on a device.
    pub(super) fn with_device(
        &mut self,
        call: Call,
        token: usize,
        device: usize,
    ) -> Answered<Value> {
        let body = json!({"AccessToken": self.access_tokens[token], "DeviceKey": self.key(device)});
        self.call(call, body)
    }

    pub(super) fn forgotten(&mut self, device: usize) -> Answered {
        self.invariants.forget(&self.devices[device].key);
        Ok(Answer::Done)
    }

    pub(super) fn status_set(&mut self, device: usize, remembered: bool) -> Answered {
        self.invariants.set_status(&self.devices[device].key, remembered);
        Ok(Answer::Done)
    }

    /// Devices as a list shows them.
    pub(super) fn listed(&self, devices: &Value) -> Answer {
        let mut listed: Vec<ListedDevice> =
            devices.as_array().unwrap().iter().map(|device| self.shown(device)).collect();
        listed.sort();
        Answer::Devices(listed)
    }

    fn shown(&self, device: &Value) -> ListedDevice {
        let key = text(&device["DeviceKey"]);
        self.invariants.is_there(&key);
        let attributes = device["DeviceAttributes"].as_array().unwrap();
        let attribute = |name: &str| attributes.iter().find(|found| found["Name"] == name);
        assert_eq!(attribute("device_name").unwrap()["Value"], "a device");
        let remembered = attribute("dev:device_remembered_status");
        let millis = |name: &str| (device[name].as_f64().unwrap() * 1000.0).round() as i64;
        ListedDevice {
            device: self.number(&key),
            remembered: remembered.map(|found| found["Value"] == "remembered"),
            created: millis("DeviceCreateDate"),
            modified: millis("DeviceLastModifiedDate"),
            last_authenticated: millis("DeviceLastAuthenticatedDate") / 1000,
        }
    }
}
