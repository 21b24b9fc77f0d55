//! aws-lc's exponentiation.

use std::ptr::null_mut;

use aws_lc_sys::{
    BIGNUM, BN_CTX_free, BN_CTX_new, BN_bin2bn, BN_bn2bin, BN_free, BN_mod_exp, BN_new,
    BN_num_bytes,
};
use num_bigint::BigUint;

/// base^exponent modulo an odd number, for a base below it.
pub(crate) fn power(base: &BigUint, exponent: &BigUint, modulus: &BigUint) -> BigUint {
    // SAFETY: every number is allocated here, checked, and freed once; the buffer has the length of
    // the result
    unsafe {
        let [base, exponent, modulus] = [base, exponent, modulus].map(number);
        let (result, context) = (BN_new(), BN_CTX_new());
        assert_eq!(BN_mod_exp(result, base, exponent, modulus, context), 1);
        let mut bytes = vec![0; BN_num_bytes(result) as usize];
        BN_bn2bin(result, bytes.as_mut_ptr());
        for number in [base, exponent, modulus, result] {
            BN_free(number);
        }
        BN_CTX_free(context);
        BigUint::from_bytes_be(&bytes)
    }
}

fn number(x: &BigUint) -> *mut BIGNUM {
    let bytes = x.to_bytes_be();
    // SAFETY: reads the bytes and allocates a number
    let number = unsafe { BN_bin2bn(bytes.as_ptr(), bytes.len(), null_mut()) };
    assert!(!number.is_null());
    number
}
