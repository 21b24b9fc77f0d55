//! The instructions in plain Rust.
//!
//! Nothing here branches on the content of a lane, so every branch that a checking tool reports in
//! a kernel on this model is the kernel's own.
#![allow(non_camel_case_types, reason = "the names of the intrinsics that this stands for")]
#![allow(unsafe_code, reason = "pointers, like the intrinsics that this stands for")]
#![expect(clippy::indexing_slicing, reason = "lanes of a vector")]

use core::{array, hint::black_box};

use super::Lanes;

const MASK: u64 = (1 << 52) - 1;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(in super::super) struct __m512i([u64; 8]);

fn map(f: impl FnMut(usize) -> u64) -> __m512i {
    __m512i(array::from_fn(f))
}

fn product(a: u64, b: u64) -> u128 {
    u128::from(a & MASK) * u128::from(b & MASK)
}

/// All ones if `bit` is 1, zeros if it is 0.
fn spread(bit: u64) -> u64 {
    black_box(bit.wrapping_neg())
}

fn equal(a: u64, b: u64) -> u64 {
    let x = black_box(a ^ b);
    black_box(1 ^ ((x | x.wrapping_neg()) >> 63))
}

fn greater(a: u64, b: u64) -> u64 {
    black_box((u128::from(b).wrapping_sub(u128::from(a)) >> 127) as u64)
}

fn blend(k: u8, no: __m512i, yes: __m512i) -> __m512i {
    map(|i| no.0[i] ^ ((no.0[i] ^ yes.0[i]) & spread(u64::from(k >> i & 1))))
}

fn bits(mut f: impl FnMut(usize) -> u64) -> u8 {
    (0..8).fold(0, |k, i| k | (f(i) as u8) << i)
}

pub(in super::super) fn _mm512_madd52lo_epu64(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    map(|i| a.0[i].wrapping_add(product(b.0[i], c.0[i]) as u64 & MASK))
}
pub(in super::super) fn _mm512_madd52hi_epu64(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    map(|i| a.0[i].wrapping_add((product(b.0[i], c.0[i]) >> 52) as u64))
}
pub(in super::super) fn _mm512_mask_madd52lo_epu64(
    a: __m512i,
    k: u8,
    b: __m512i,
    c: __m512i,
) -> __m512i {
    blend(k, a, _mm512_madd52lo_epu64(a, b, c))
}
pub(in super::super) fn _mm512_mask_madd52hi_epu64(
    a: __m512i,
    k: u8,
    b: __m512i,
    c: __m512i,
) -> __m512i {
    blend(k, a, _mm512_madd52hi_epu64(a, b, c))
}
pub(in super::super) fn _mm512_add_epi64(a: __m512i, b: __m512i) -> __m512i {
    map(|i| a.0[i].wrapping_add(b.0[i]))
}
pub(in super::super) fn _mm512_sub_epi64(a: __m512i, b: __m512i) -> __m512i {
    map(|i| a.0[i].wrapping_sub(b.0[i]))
}
pub(in super::super) fn _mm512_and_si512(a: __m512i, b: __m512i) -> __m512i {
    map(|i| a.0[i] & b.0[i])
}
pub(in super::super) fn _mm512_srli_epi64<const N: u32>(a: __m512i) -> __m512i {
    map(|i| a.0[i] >> N)
}
pub(in super::super) fn _mm512_srai_epi64<const N: u32>(a: __m512i) -> __m512i {
    map(|i| (a.0[i] as i64 >> N) as u64)
}
pub(in super::super) fn _mm512_setzero_si512() -> __m512i {
    __m512i([0; 8])
}
pub(in super::super) fn _mm512_set1_epi64(x: i64) -> __m512i {
    __m512i([x as u64; 8])
}
#[expect(clippy::too_many_arguments, reason = "the intrinsic that this stands for")]
pub(in super::super) fn _mm512_set_epi64(
    h: i64,
    g: i64,
    f: i64,
    e: i64,
    d: i64,
    c: i64,
    b: i64,
    a: i64,
) -> __m512i {
    __m512i([a, b, c, d, e, f, g, h].map(|x| x as u64))
}
pub(in super::super) fn _mm512_cmpeq_epi64_mask(a: __m512i, b: __m512i) -> u8 {
    bits(|i| equal(a.0[i], b.0[i]))
}
pub(in super::super) fn _mm512_cmpgt_epu64_mask(a: __m512i, b: __m512i) -> u8 {
    bits(|i| greater(a.0[i], b.0[i]))
}
pub(in super::super) fn _mm512_mask_mov_epi64(a: __m512i, k: u8, b: __m512i) -> __m512i {
    blend(k, a, b)
}
pub(in super::super) fn _mm512_mask_add_epi64(
    a: __m512i,
    k: u8,
    b: __m512i,
    c: __m512i,
) -> __m512i {
    blend(k, a, map(|i| b.0[i].wrapping_add(c.0[i])))
}
pub(in super::super) fn _mm512_mask_sub_epi64(
    a: __m512i,
    k: u8,
    b: __m512i,
    c: __m512i,
) -> __m512i {
    blend(k, a, map(|i| b.0[i].wrapping_sub(c.0[i])))
}
pub(in super::super) fn _mm512_alignr_epi64<const N: i32>(a: __m512i, b: __m512i) -> __m512i {
    map(|i| if i + (N as usize) < 8 { b.0[i + N as usize] } else { a.0[i + N as usize - 8] })
}
pub(in super::super) fn _mm512_permutexvar_epi64(d: __m512i, a: __m512i) -> __m512i {
    map(|i| (0..8).fold(0, |x, j| x | a.0[j] & spread(equal(d.0[i] & 7, j as u64))))
}
pub(in super::super) fn _mm512_maskz_permutexvar_epi64(k: u8, d: __m512i, a: __m512i) -> __m512i {
    blend(k, _mm512_setzero_si512(), _mm512_permutexvar_epi64(d, a))
}
pub(in super::super) fn _mm512_permutex2var_epi64(a: __m512i, d: __m512i, b: __m512i) -> __m512i {
    map(|i| {
        (0..16).fold(0, |x, j| {
            x | (if j < 8 { a.0[j] } else { b.0[j - 8] }) & spread(equal(d.0[i] & 15, j as u64))
        })
    })
}
/// # Safety
/// `p` must be valid for reading 64 bytes.
pub(in super::super) unsafe fn _mm512_loadu_si512(p: *const __m512i) -> __m512i {
    // SAFETY: the caller guarantees it
    unsafe { p.read_unaligned() }
}
/// # Safety
/// `p` must be aligned to 64 and valid for reading 64 bytes.
pub(in super::super) unsafe fn _mm512_load_si512(p: *const __m512i) -> __m512i {
    // SAFETY: the caller guarantees it
    unsafe { p.read() }
}
/// # Safety
/// `p` must be aligned to 64 and valid for writing 64 bytes.
pub(in super::super) unsafe fn _mm512_store_si512(p: *mut __m512i, a: __m512i) {
    // SAFETY: the caller guarantees it
    unsafe { p.write(a) }
}
pub(in super::super) fn broadcast(from: &u64) -> __m512i {
    __m512i([*from; 8])
}
pub(in super::super) fn carry_through(columns: &Lanes, carry: u64, digits: &mut Lanes) -> u64 {
    columns.0.iter().zip(&mut digits.0).fold(carry, |carry, (column, digit)| {
        *digit = column.wrapping_add(carry);
        *digit >> 52
    })
}
