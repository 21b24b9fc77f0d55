#![allow(unsafe_code, reason = "a C library")]

use num_bigint::BigUint;
use openssl_sys::{BIGNUM, BN_CTX, BN_CTX_new, BN_bin2bn, BN_bn2bin, BN_free, BN_new, BN_num_bits};

use super::Peer;
use crate::numbers::N;

#[expect(non_camel_case_types, reason = "the library's name")]
enum BN_MONT_CTX {}

unsafe extern "C" {
    fn BN_MONT_CTX_new() -> *mut BN_MONT_CTX;
    fn BN_MONT_CTX_set(
        montgomery: *mut BN_MONT_CTX,
        modulus: *const BIGNUM,
        context: *mut BN_CTX,
    ) -> i32;
    fn BN_mod_exp_mont_consttime(
        result: *mut BIGNUM,
        base: *const BIGNUM,
        exponent: *const BIGNUM,
        modulus: *const BIGNUM,
        context: *mut BN_CTX,
        montgomery: *mut BN_MONT_CTX,
    ) -> i32;
}

/// `BN_mod_exp_mont_consttime` of the system's library, with a stored Montgomery context.
pub(super) struct OpenSsl {
    n: *mut BIGNUM,
    context: *mut BN_CTX,
    montgomery: *mut BN_MONT_CTX,
}

fn number(x: &BigUint) -> *mut BIGNUM {
    let bytes = x.to_bytes_be();
    // SAFETY: reads the bytes and allocates a number
    unsafe { BN_bin2bn(bytes.as_ptr(), bytes.len() as _, std::ptr::null_mut()) }
}

impl OpenSsl {
    pub(super) fn new() -> Self {
        let n = number(&N);
        // SAFETY: the contexts live as long as the process
        unsafe {
            let (context, montgomery) = (BN_CTX_new(), BN_MONT_CTX_new());
            BN_MONT_CTX_set(montgomery, n, context);
            Self { n, context, montgomery }
        }
    }
}

impl Peer for OpenSsl {
    fn name(&self) -> &'static str {
        "OpenSSL BN_mod_exp_mont_consttime"
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
            let mut bytes = vec![0; (BN_num_bits(result) as usize).div_ceil(8)];
            BN_bn2bin(result, bytes.as_mut_ptr());
            for used in [result, base, exponent] {
                BN_free(used);
            }
            Some(BigUint::from_bytes_be(&bytes))
        }
    }
}
