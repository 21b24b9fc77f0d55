//! Products of rows with seven limbs, added to columns.
//!
//! Each function multiplies `7 * chunks` rows of x by seven limbs y, which are 32 bytes apart. The
//! product of row j with limb i belongs to column i + j. So the columns move through seven
//! registers: each row begins with a new column and ends with one that is complete. A step takes 7
//! multiplications, 7 additions and 2 loads, so that multiplications bound it.
#![allow(unsafe_code, reason = "assembly")]

use core::arch::naked_asm;

use super::limbs::Lanes;

macro_rules! lines {
    ($($line:expr),* $(,)?) => { concat!($($line, "\n"),*) };
}

/// Multiplies row `$j` by the limbs in ymm7 to ymm13, and adds the products to columns.
///
/// The columns are in seven registers. The last one is `new`, or from memory.
macro_rules! row {
    ($column:ident $j:literal: $first:literal $($rest:literal)*) => {
        lines!(
            concat!("vmovdqa ymm14, [rsi + 32*", $j, "]"),
            row!(@add $first "ymm7"),
            row!(@rest $column $j: $($rest)*),
            concat!("vmovdqa [rdi + 32*", $j, "], ", $first),
        )
    };
    (@add $column:literal $limb:literal) => {
        lines!(
            concat!("vpmuludq ymm15, ymm14, ", $limb),
            concat!("vpaddq ", $column, ", ", $column, ", ymm15"),
        )
    };
    (
        @rest $column:ident $j:literal:
        $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal
    ) => {
        lines!(
            row!(@add $a "ymm8"), row!(@add $b "ymm9"), row!(@add $c "ymm10"),
            row!(@add $d "ymm11"), row!(@add $e "ymm12"), row!(@$column $j $f),
        )
    };
    (@new $j:literal $last:literal) => { concat!("vpmuludq ", $last, ", ymm14, ymm13\n") };
    (@old $j:literal $last:literal) => {
        lines!(
            "vpmuludq ymm15, ymm14, ymm13",
            concat!("vpaddq ", $last, ", ymm15, [rdi + 32*", $j, " + 192]"),
        )
    };
}

/// Multiplies seven rows by seven limbs.
macro_rules! chunk {
    ($column:ident) => {
        lines!(
            row!($column 0: "ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6"),
            row!($column 1: "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm0"),
            row!($column 2: "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm0" "ymm1"),
            row!($column 3: "ymm3" "ymm4" "ymm5" "ymm6" "ymm0" "ymm1" "ymm2"),
            row!($column 4: "ymm4" "ymm5" "ymm6" "ymm0" "ymm1" "ymm2" "ymm3"),
            row!($column 5: "ymm5" "ymm6" "ymm0" "ymm1" "ymm2" "ymm3" "ymm4"),
            row!($column 6: "ymm6" "ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5"),
            "add rsi, 7*32",
            "add rdi, 7*32",
        )
    };
}

/// Multiplies row `$j` by the limb of its own number and twice by lower ones.
macro_rules! triangle_row {
    (
        $column:ident $j:literal $last:literal:
        $own:literal $limb:literal $($before:literal $other:literal)*
    ) => {
        lines!(
            concat!("vmovdqa ymm14, [rsi + 32*", $j, "]"),
            triangle_row!(@$column $j $last),
            row!(@add $own $limb),
            "vpaddq ymm14, ymm14, ymm14",
            $(row!(@add $before $other),)*
            concat!("vmovdqa [rdi + 32*", $j, "], ymm", $j),
        )
    };
    (@new $j:literal $last:literal) => { concat!("vpxor ", $last, ", ", $last, ", ", $last) };
    (@old $j:literal $last:literal) => {
        concat!("vmovdqa ", $last, ", [rdi + 32*", $j, " + 192]")
    };
}

/// Multiplies seven rows by the limbs of no higher number, and doubles the limbs.
macro_rules! triangle {
    ($column:ident) => {
        lines!(
            triangle_row!($column 0 "ymm6": "ymm0" "ymm7"),
            triangle_row!($column 1 "ymm0": "ymm2" "ymm8" "ymm1" "ymm7"),
            triangle_row!($column 2 "ymm1": "ymm4" "ymm9" "ymm2" "ymm7" "ymm3" "ymm8"),
            triangle_row!($column 3 "ymm2": "ymm6" "ymm10" "ymm3" "ymm7" "ymm4" "ymm8"
                          "ymm5" "ymm9"),
            triangle_row!($column 4 "ymm3": "ymm1" "ymm11" "ymm4" "ymm7" "ymm5" "ymm8"
                          "ymm6" "ymm9" "ymm0" "ymm10"),
            triangle_row!($column 5 "ymm4": "ymm3" "ymm12" "ymm5" "ymm7" "ymm6" "ymm8"
                          "ymm0" "ymm9" "ymm1" "ymm10" "ymm2" "ymm11"),
            triangle_row!($column 6 "ymm5": "ymm5" "ymm13" "ymm6" "ymm7" "ymm0" "ymm8"
                          "ymm1" "ymm9" "ymm2" "ymm10" "ymm3" "ymm11" "ymm4" "ymm12"),
            "vpaddq ymm7, ymm7, ymm7",
            "vpaddq ymm8, ymm8, ymm8",
            "vpaddq ymm9, ymm9, ymm9",
            "vpaddq ymm10, ymm10, ymm10",
            "vpaddq ymm11, ymm11, ymm11",
            "vpaddq ymm12, ymm12, ymm12",
            "vpaddq ymm13, ymm13, ymm13",
            "add rsi, 7*32",
            "add rdi, 7*32",
        )
    };
}

/// Loads the limbs, and the first six columns unless they are `new`.
macro_rules! begin {
    ($column:ident) => {
        lines!(
            "vpbroadcastd ymm7, [rdx]",
            "vpbroadcastd ymm8, [rdx + 32]",
            "vpbroadcastd ymm9, [rdx + 64]",
            "vpbroadcastd ymm10, [rdx + 96]",
            "vpbroadcastd ymm11, [rdx + 128]",
            "vpbroadcastd ymm12, [rdx + 160]",
            "vpbroadcastd ymm13, [rdx + 192]",
            begin!(@$column "0"), begin!(@$column "1"), begin!(@$column "2"),
            begin!(@$column "3"), begin!(@$column "4"), begin!(@$column "5"),
        )
    };
    (@new $i:literal) => { concat!("vpxor ymm", $i, ", ymm", $i, ", ymm", $i) };
    (@old $i:literal) => { concat!("vmovdqa ymm", $i, ", [rdi + 32*", $i, "]") };
}

/// Stores the last six columns.
macro_rules! end {
    () => {
        lines!(
            "vmovdqa [rdi], ymm0",
            "vmovdqa [rdi + 32], ymm1",
            "vmovdqa [rdi + 64], ymm2",
            "vmovdqa [rdi + 96], ymm3",
            "vmovdqa [rdi + 128], ymm4",
            "vmovdqa [rdi + 160], ymm5",
            "vzeroupper",
            "ret",
        )
    };
}

/// t = x y.
///
/// # Safety
/// The CPU must have AVX2. There must be a chunk, and memory for `7 * chunks + 6` rows of t,
/// `7 * chunks` of x, and seven limbs in steps of 32 bytes. t and x must be aligned to 32 bytes,
/// and t must overlap neither x nor y.
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn start(
    t: *mut Lanes,
    x: *const Lanes,
    y: *const u32,
    chunks: u64,
) {
    naked_asm!(begin!(new), "2:", chunk!(new), "dec rcx", "jnz 2b", end!())
}

/// t += x y, where the last seven rows of t are new.
///
/// # Safety
/// As for [`start`].
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn extend(
    t: *mut Lanes,
    x: *const Lanes,
    y: *const u32,
    chunks: u64,
) {
    naked_asm!(
        begin!(old),
        "dec rcx",
        "jz 3f",
        "2:",
        chunk!(old),
        "dec rcx",
        "jnz 2b",
        "3:",
        chunk!(new),
        end!(),
    )
}

/// t += x y.
///
/// # Safety
/// As for [`start`].
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn add(
    t: *mut Lanes,
    x: *const Lanes,
    y: *const u32,
    chunks: u64,
) {
    naked_asm!(begin!(old), "2:", chunk!(old), "dec rcx", "jnz 2b", end!())
}

/// t = the part of a square that [`extend_square`] adds.
///
/// # Safety
/// As for [`start`].
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn start_square(
    t: *mut Lanes,
    x: *const Lanes,
    y: *const u32,
    chunks: u64,
) {
    naked_asm!(
        begin!(new),
        triangle!(new),
        "dec rcx",
        "jz 3f",
        "2:",
        chunk!(new),
        "dec rcx",
        "jnz 2b",
        "3:",
        end!(),
    )
}

/// Adds a part of a square, where the last seven rows of t are new.
///
/// That part is the products of seven limbs with the rows of the same numbers, and twice those with
/// the rows above.
///
/// # Safety
/// As for [`start`].
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn extend_square(
    t: *mut Lanes,
    x: *const Lanes,
    y: *const u32,
    chunks: u64,
) {
    naked_asm!(
        begin!(old),
        "dec rcx",
        "jz 4f",
        triangle!(old),
        "dec rcx",
        "jz 3f",
        "2:",
        chunk!(old),
        "dec rcx",
        "jnz 2b",
        "3:",
        chunk!(new),
        end!(),
        "4:",
        triangle!(new),
        end!(),
    )
}
