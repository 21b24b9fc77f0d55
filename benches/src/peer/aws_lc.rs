#![allow(unsafe_code, reason = "a C library")]

use aws_lc_sys::{
    BIGNUM, BN_CTX, BN_CTX_new, BN_MONT_CTX, BN_MONT_CTX_new_for_modulus, BN_bin2bn, BN_bn2bin,
    BN_free, BN_mod_exp_mont_consttime, BN_new, BN_num_bytes,
};
use num_bigint::BigUint;

use super::Peer;
use crate::numbers::N;

/// `BN_mod_exp_mont_consttime`, with a stored Montgomery context.
pub(super) struct AwsLc {
    n: *mut BIGNUM,
    context: *mut BN_CTX,
    montgomery: *mut BN_MONT_CTX,
}

fn number(x: &BigUint) -> *mut BIGNUM {
    let bytes = x.to_bytes_be();
    // SAFETY: reads the bytes and allocates a number
    unsafe { BN_bin2bn(bytes.as_ptr(), bytes.len() as _, std::ptr::null_mut()) }
}

impl AwsLc {
    pub(super) fn new() -> Self {
        let n = number(&N);
        // SAFETY: the contexts live as long as the process
        unsafe {
            let context = BN_CTX_new();
            Self { n, context, montgomery: BN_MONT_CTX_new_for_modulus(n, context) }
        }
    }
}

impl Peer for AwsLc {
    fn name(&self) -> &'static str {
        "aws-lc BN_mod_exp_mont_consttime"
    }

    fn constant_time(&self) -> bool {
        true
    }

    fn power(&self, base: &BigUint, exponent: &BigUint) -> Option<BigUint> {
        let (base, exponent) = (number(base), number(exponent));
        // SAFETY: numbers and contexts were made above; the result has at most 384 bytes
        unsafe {
            let result = BN_new();
            BN_mod_exp_mont_consttime(
                result,
                base,
                exponent,
                self.n,
                self.context,
                self.montgomery,
            );
            let mut bytes = vec![0; BN_num_bytes(result) as usize];
            BN_bn2bin(result, bytes.as_mut_ptr());
            for used in [result, base, exponent] {
                BN_free(used);
            }
            Some(BigUint::from_bytes_be(&bytes))
        }
    }
}
