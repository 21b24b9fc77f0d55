//! Requests as a server decodes them: what decodes survives encoding and decoding again.
#![no_main]

use device_wire::requests::{
    ConfirmDeviceRequest, InitiateAuthRequest, RespondToAuthChallengeRequest, SignUpRequest,
};
use device_wire::{ErrorBody, Operation};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};

fn stable<T: Serialize + DeserializeOwned>(data: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<T>(data) {
        let encoded = serde_json::to_vec(&request).unwrap();
        let again: T = serde_json::from_slice(&encoded).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&request).unwrap());
    }
}

fuzz_target!(|data: &[u8]| {
    stable::<InitiateAuthRequest>(data);
    stable::<RespondToAuthChallengeRequest>(data);
    stable::<ConfirmDeviceRequest>(data);
    stable::<SignUpRequest>(data);
    stable::<ErrorBody>(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Operation::from_name(text);
    }
});
