//! The CPU's instructions, with inline assembly where the compiler chooses too costly ones.
#![allow(unsafe_code, reason = "instructions of the CPU")]

use core::arch::asm;
pub(in super::super) use core::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_alignr_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask,
    _mm512_cmpgt_epu64_mask, _mm512_load_si512, _mm512_loadu_si512, _mm512_madd52hi_epu64,
    _mm512_madd52lo_epu64, _mm512_mask_add_epi64, _mm512_mask_madd52hi_epu64,
    _mm512_mask_madd52lo_epu64, _mm512_mask_mov_epi64, _mm512_mask_sub_epi64,
    _mm512_maskz_permutexvar_epi64, _mm512_permutex2var_epi64, _mm512_permutexvar_epi64,
    _mm512_set_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_srai_epi64,
    _mm512_srli_epi64, _mm512_store_si512, _mm512_sub_epi64,
};

use super::Lanes;

/// Loads eight copies of a number in memory with one instruction.
///
/// The compiler would load a vector of numbers and use several instructions for each copy.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in super::super) fn broadcast(from: &u64) -> __m512i {
    let vector;
    // SAFETY: reads the eight bytes behind the reference
    unsafe {
        asm!(
            "vpbroadcastq {}, [{}]",
            out(zmm_reg) vector,
            in(reg) from,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    vector
}

/// Carries through eight columns. Returns the carry out of the last.
///
/// Each sum goes to `digits`, where only its low 52 bits count; the bits above are added to the
/// next column. This uses general-purpose registers, because the compiler would turn the serial
/// chain into slow vector code.
#[inline]
pub(in super::super) fn carry_through(columns: &Lanes, carry: u64, digits: &mut Lanes) -> u64 {
    let mut sum = carry;
    // SAFETY: reads the 64 bytes of `columns` and writes the 64 bytes of `digits`
    unsafe {
        asm!(
            "add {x}, [{c}]", "mov [{d}], {x}", "shr {x}, 52",
            "add {x}, [{c} + 8]", "mov [{d} + 8], {x}", "shr {x}, 52",
            "add {x}, [{c} + 16]", "mov [{d} + 16], {x}", "shr {x}, 52",
            "add {x}, [{c} + 24]", "mov [{d} + 24], {x}", "shr {x}, 52",
            "add {x}, [{c} + 32]", "mov [{d} + 32], {x}", "shr {x}, 52",
            "add {x}, [{c} + 40]", "mov [{d} + 40], {x}", "shr {x}, 52",
            "add {x}, [{c} + 48]", "mov [{d} + 48], {x}", "shr {x}, 52",
            "add {x}, [{c} + 56]", "mov [{d} + 56], {x}", "shr {x}, 52",
            x = inout(reg) sum,
            c = in(reg) columns.0.as_ptr(),
            d = in(reg) digits.0.as_mut_ptr(),
            options(nostack),
        );
    }
    sum
}
