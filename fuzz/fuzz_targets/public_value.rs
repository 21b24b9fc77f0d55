//! Peer values, as text and as bytes: decoding never panics and never changes the number.
#![no_main]

use device_srp::{Error, PublicValue};
use libfuzzer_sys::fuzz_target;
use num_bigint::BigUint;

fuzz_target!(|data: &[u8]| {
    let number = BigUint::from_bytes_be(data);
    let read = PublicValue::from_be_bytes(data);
    if number.bits() > 3072 {
        assert_eq!(read, Err(Error::TooLong));
    }
    if let Ok(value) = &read {
        assert_eq!(value.to_hex(), number.to_str_radix(16));
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(value) = PublicValue::from_hex(text)
    {
        let number = BigUint::parse_bytes(text.as_bytes(), 16).unwrap();
        assert_eq!(BigUint::from_bytes_be(&value.padded()), number);
        assert_eq!(PublicValue::from_hex(&value.to_hex()), Ok(value));
    }
});
