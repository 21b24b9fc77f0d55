//! PAD compared with its definition: the shortest big-endian bytes whose top bit is clear.
#![no_main]

use device_srp::Salt;
use libfuzzer_sys::fuzz_target;
use num_bigint::BigInt;

fuzz_target!(|data: &[u8]| {
    let number = BigInt::from_bytes_be(num_bigint::Sign::Plus, data);
    match Salt::from_be_bytes(data) {
        Ok(salt) => {
            assert_eq!(salt.padded(), number.to_signed_bytes_be());
            assert_eq!(Salt::from_hex(&salt.to_hex()), Ok(salt.clone()));
            assert_eq!(Salt::from_be_bytes(&salt.padded()), Ok(salt));
        }
        Err(_) => assert!(number.bits() > 512),
    }
});
