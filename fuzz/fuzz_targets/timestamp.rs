//! Timestamps: what parses formats to the same text, and every moment parses again.
#![no_main]

use device_srp::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(moment) = Timestamp::parse(text)
    {
        assert_eq!(moment.to_string(), text);
    }
    if let Some(seconds) = data.first_chunk() {
        let moment = Timestamp::from_unix_seconds(i64::from_le_bytes(*seconds));
        assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
    }
});
