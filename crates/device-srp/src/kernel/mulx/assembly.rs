//! Products by rows: one limb times up to 48 others, added to as many words in memory.
//!
//! A row has two independent carry chains: `adcx` adds the high half of the previous product,
//! `adox` the word in memory. So each product costs only two additions. Squares and the reduction
//! enter a row after its first limbs.
#![allow(unsafe_code, reason = "assembly")]

use core::arch::naked_asm;

macro_rules! lines {
    ($($line:expr),* $(,)?) => { concat!($($line, "\n"),*) };
}

/// A subroutine that computes rdi[m..48] += rdx * rsi[m..48], with an entry point for each limb m.
///
/// The label of an entry point is 2 followed by m. On entry r8 (r9 if m is odd) has a word to add
/// to rdi[m], the carry and overflow flags are clear, and rbp is 0. On return r8 has the carry.
macro_rules! row {
    () => {
        row!(0 1  2 3  4 5  6 7  8 9  10 11  12 13  14 15  16 17  18 19  20 21  22 23
             24 25  26 27  28 29  30 31  32 33  34 35  36 37  38 39  40 41  42 43  44 45  46 47)
    };
    ($($even:literal $odd:literal)*) => {
        lines!(
            $(
                concat!("2", $even, ":"),
                row!("r9", $even, "r8"),
                concat!("2", $odd, ":"),
                row!("r8", $odd, "r9"),
            )*
            "adcx r8, rbp",
            "adox r8, rbp",
            "ret",
        )
    };
    ($high:literal, $m:literal, $before:literal) => {
        lines!(
            concat!("mulx ", $high, ", rax, [rsi + 8*", $m, "]"),
            concat!("adcx rax, ", $before),
            concat!("adox rax, [rdi + 8*", $m, "]"),
            concat!("mov [rdi + 8*", $m, "], rax"),
        )
    };
}

/// Adds the products of limb i with the limbs above it. `clear` is the register from which the row
/// would otherwise take a word to add.
macro_rules! triangle_row {
    ($i:literal $next:literal $clear:literal) => {
        lines!(
            concat!("mov rdx, [rsi + 8*", $i, "]"),
            concat!("xor ", $clear, ", ", $clear),
            concat!("call 2", $next, "f"),
            "mov [rdi + 384], r8",
            "add rdi, 8",
        )
    };
}
macro_rules! triangle {
    ($($i:literal $odd:literal $even:literal)*) => {
        concat!($(triangle_row!($i $odd "r9d"), triangle_row!($odd $even "r8d")),*)
    };
}

/// Doubles columns 2i and 2i + 1, and adds the square of limb i.
macro_rules! diagonal {
    ($($i:literal)*) => {
        lines!($(
            concat!("mov rdx, [rsi + 8*", $i, "]"),
            "mulx rcx, rax, rdx",
            concat!("mov r8, [rdi + 16*", $i, "]"),
            concat!("mov r9, [rdi + 16*", $i, " + 8]"),
            "adcx r8, r8",
            "adox r8, rax",
            "adcx r9, r9",
            "adox r9, rcx",
            concat!("mov [rdi + 16*", $i, "], r8"),
            concat!("mov [rdi + 16*", $i, " + 8], r9"),
        )*)
    };
}

/// t[0..96] = a[0..48] * b[0..48]. t[0..48] must be 0.
///
/// # Safety
/// The CPU must have BMI2 and ADX, and the pointers must be valid for those words.
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn multiply(t: *mut u64, a: *const u64, b: *const u64) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "mov rcx, rsi",
        "mov rsi, rdx",
        "xor ebp, ebp",
        "mov ebx, 48",
        "3:",
        "mov rdx, [rcx]",
        "xor r8d, r8d",
        "call 20f",
        "mov [rdi + 384], r8",
        "add rcx, 8",
        "add rdi, 8",
        "dec ebx",
        "jnz 3b",
        "pop rbp",
        "pop rbx",
        "ret",
        row!(),
    )
}

/// t[0..96] = a[0..48]^2. t[0..48] must be 0.
///
/// # Safety
/// The CPU must have BMI2 and ADX, and the pointers must be valid for those words.
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn square(t: *mut u64, a: *const u64) {
    naked_asm!(
        "push rbp",
        "push rdi",
        "xor ebp, ebp",
        triangle!(0 1 2  2 3 4  4 5 6  6 7 8  8 9 10  10 11 12  12 13 14  14 15 16  16 17 18
                  18 19 20  20 21 22  22 23 24  24 25 26  26 27 28  28 29 30  30 31 32  32 33 34
                  34 35 36  36 37 38  38 39 40  40 41 42  42 43 44  44 45 46),
        triangle_row!(46 47 "r9d"),
        "mov [rdi + 384], rbp",
        "pop rdi",
        "xor eax, eax",
        diagonal!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
                  30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47),
        "pop rbp",
        "ret",
        row!(),
    )
}

/// Montgomery reduction: adds to t[0..96] the multiple of n[0..48] that clears t[0..48].
///
/// Returns the carry. It does not write the zeros: t[0..48] counts as 0 afterwards, whatever it
/// holds.
///
/// Each digit of the quotient equals the limb t[i] that it clears. Because n[0] is 2^64 - 1,
/// t[i] + t[i] * n[0] is t[i] one limb higher, so that product is not computed.
///
/// # Safety
/// The CPU must have BMI2 and ADX, and the pointers must be valid for those words.
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn reduce(t: *mut u64, n: *const u64) -> u64 {
    naked_asm!(
        "push rbx",
        "push rbp",
        "xor ebp, ebp",
        "xor ebx, ebx",
        "mov ecx, 48",
        "3:",
        "mov rdx, [rdi]",
        "mov r9, rdx",
        "xor eax, eax",
        "call 21f",
        // adds the carry of the previous row
        "bt ebx, 0",
        "adc r8, [rdi + 384]",
        "mov [rdi + 384], r8",
        "setc bl",
        "add rdi, 8",
        "dec ecx",
        "jnz 3b",
        "mov eax, ebx",
        "pop rbp",
        "pop rbx",
        "ret",
        row!(),
    )
}
