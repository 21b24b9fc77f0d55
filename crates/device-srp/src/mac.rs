//! HMAC and HKDF with SHA-256.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The first 32 bytes of HKDF's output (RFC 5869).
pub(crate) fn hkdf_block(salt: &[u8], input: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let key = hmac(salt, [input]);
    hmac(key.as_slice(), [info, &[1]])
}

/// HMAC-SHA256 of the concatenated parts.
pub(crate) fn hmac<'a>(
    key: &[u8],
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Zeroizing<[u8; 32]> {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length; the error is of a general trait"
    )]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC keys have no length limit");
    parts.into_iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use serde_json::Value;

    use super::*;

    /// The tests of a Wycheproof file.
    fn wycheproof(file: &str) -> Vec<Value> {
        let file: Value = serde_json::from_str(file).unwrap();
        let groups = file["testGroups"].as_array().unwrap();
        let tests: Vec<_> =
            groups.iter().flat_map(|group| group["tests"].as_array().unwrap()).cloned().collect();
        assert_eq!(file["numberOfTests"], tests.len());
        tests
    }

    fn bytes(hex: &Value) -> Vec<u8> {
        let digits = hex.as_str().unwrap().as_bytes();
        let byte = |pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    #[test]
    fn hmac_passes_wycheproof() {
        for test in wycheproof(include_str!("../vectors/wycheproof/hmac_sha256.json")) {
            let (key, message, tag) =
                (bytes(&test["key"]), bytes(&test["msg"]), bytes(&test["tag"]));
            let right = hmac(&key, [message.as_slice()])[..tag.len()] == tag;
            assert_eq!(right, test["result"] == "valid", "{test}");
        }
    }

    /// Checks vectors of up to one block: this crate derives no more.
    #[test]
    fn hkdf_passes_wycheproof() {
        let mut count = 0;
        for test in wycheproof(include_str!("../vectors/wycheproof/hkdf_sha256.json")) {
            let expected = bytes(&test["okm"]);
            if test["result"] == "valid" && expected.len() <= 32 {
                let [salt, input, info] = ["salt", "ikm", "info"].map(|name| bytes(&test[name]));
                assert_eq!(hkdf_block(&salt, &input, &info)[..expected.len()], expected, "{test}");
                count += 1;
            }
        }
        assert!(count > 20, "{count}");
    }
}
