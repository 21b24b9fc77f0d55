//! Every kernel that this CPU supports, compared with the portable one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| device_srp::fuzzing::kernels_agree(data));
