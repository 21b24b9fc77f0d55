#![allow(unsafe_code, reason = "a C library")]

use std::{ffi::c_void, mem::MaybeUninit};

use num_bigint::BigUint;

use super::Peer;
use crate::numbers::N;

/// GMP's integer: two 32-bit counts and a pointer.
#[repr(C)]
struct Integer([usize; 2]);

#[link(name = "gmp")]
unsafe extern "C" {
    #[link_name = "__gmpz_init"]
    fn init(x: *mut Integer);
    #[link_name = "__gmpz_clear"]
    fn clear(x: *mut Integer);
    #[link_name = "__gmpz_import"]
    fn import(
        x: *mut Integer,
        count: usize,
        order: i32,
        size: usize,
        endian: i32,
        nails: usize,
        from: *const c_void,
    );
    #[link_name = "__gmpz_export"]
    fn export(
        to: *mut c_void,
        count: *mut usize,
        order: i32,
        size: usize,
        endian: i32,
        nails: usize,
        x: *const Integer,
    );
    #[link_name = "__gmpz_powm_sec"]
    fn powm_sec(
        result: *mut Integer,
        base: *const Integer,
        exponent: *const Integer,
        modulus: *const Integer,
    );
}

/// `mpz_powm_sec` of the system's library.
pub(super) struct Gmp {
    n: Integer,
}

fn number(x: &BigUint) -> Integer {
    let bytes = x.to_bytes_be();
    let mut integer = MaybeUninit::uninit();
    // SAFETY: the integer is initialized first and then takes a copy of the bytes
    unsafe {
        init(integer.as_mut_ptr());
        import(integer.as_mut_ptr(), bytes.len(), 1, 1, 1, 0, bytes.as_ptr().cast());
        integer.assume_init()
    }
}

impl Gmp {
    pub(super) fn new() -> Self {
        Self { n: number(&N) }
    }
}

impl Peer for Gmp {
    fn name(&self) -> &'static str {
        "GMP mpz_powm_sec"
    }

    fn constant_time(&self) -> bool {
        true
    }

    fn power(&self, base: &BigUint, exponent: &BigUint) -> Option<BigUint> {
        let (mut base, mut exponent, mut result) =
            (number(base), number(exponent), number(&BigUint::ZERO));
        let (mut bytes, mut count) = ([0_u8; 384], 0);
        // SAFETY: initialized integers; the result is below N and so has at most 384 bytes
        unsafe {
            powm_sec(&mut result, &base, &exponent, &self.n);
            export(bytes.as_mut_ptr().cast(), &mut count, 1, 1, 1, 0, &result);
            for used in [&mut base, &mut exponent, &mut result] {
                clear(used);
            }
        }
        Some(BigUint::from_bytes_be(bytes.get(..count).unwrap_or_default()))
    }
}
