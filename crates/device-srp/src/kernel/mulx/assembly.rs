//! Products of rows of eight limbs.
//!
//! Eight accumulators rotate through r8 to r15; one chain of carries adds the low halves of the
//! products, the other the high halves. A row of accumulators stays below 2^576, since 2^64 times a
//! number below 2^512, plus carries, fits.
#![allow(unsafe_code, reason = "assembly")]

use core::arch::naked_asm;

macro_rules! lines {
    ($($line:expr),* $(,)?) => { concat!($($line, "\n"),*) };
}

/// The products of rdx with rsi[2..8], as all columns end: r0 is free afterwards and takes the top.
macro_rules! tail {
    (
        $r0:literal $r1:literal $r2:literal $r3:literal
        $r4:literal $r5:literal $r6:literal $r7:literal
    ) => {
        lines!(
            "mulx rbp, rax, [rsi + 16]",
            concat!("adcx ", $r2, ", rax"),
            concat!("adox ", $r3, ", rbp"),
            "mulx rbp, rax, [rsi + 24]",
            concat!("adcx ", $r3, ", rax"),
            concat!("adox ", $r4, ", rbp"),
            "mulx rbp, rax, [rsi + 32]",
            concat!("adcx ", $r4, ", rax"),
            concat!("adox ", $r5, ", rbp"),
            "mulx rbp, rax, [rsi + 40]",
            concat!("adcx ", $r5, ", rax"),
            concat!("adox ", $r6, ", rbp"),
            "mulx rbp, rax, [rsi + 48]",
            concat!("adcx ", $r6, ", rax"),
            concat!("adox ", $r7, ", rbp"),
            "mulx rbp, rax, [rsi + 56]",
            concat!("adcx ", $r7, ", rax"),
            "mov eax, 0",
            concat!("mov ", $r0, ", 0"),
            concat!("adox ", $r0, ", rbp"),
            concat!("adcx ", $r0, ", rax"),
        )
    };
}

/// Column j: r0 to r7 += rcx[j] * rsi[0..8]; rdi[j] joins, and r0 goes there.
macro_rules! column {
    ($j:literal; $r0:literal $r1:literal $r2:literal $($r:literal)*) => {
        lines!(
            concat!("mov rdx, [rcx + 8*", $j, "]"), "xor eax, eax",
            "mulx rbp, rax, [rsi]",
            concat!("adox ", $r0, ", [rdi + 8*", $j, "]"), concat!("adcx ", $r0, ", rax"),
            concat!("adox ", $r1, ", rbp"), concat!("mov [rdi + 8*", $j, "], ", $r0),
            "mulx rbp, rax, [rsi + 8]",
            concat!("adcx ", $r1, ", rax"), concat!("adox ", $r2, ", rbp"),
            tail!($r0 $r1 $r2 $($r)*),
        )
    };
}

/// Column j where the factor is the quotient digit r0 itself, goes to rcx[j], and rsi[0] is 2^64 -
/// 1.
macro_rules! quotient_column {
    ($j:literal; $r0:literal $r1:literal $r2:literal $($r:literal)*) => {
        lines!(
            concat!("mov rdx, ", $r0), concat!("mov [rcx + 8*", $j, "], ", $r0), "xor eax, eax",
            concat!("adox ", $r1, ", rdx"),
            "mulx rbp, rax, [rsi + 8]",
            concat!("adcx ", $r1, ", rax"), concat!("adox ", $r2, ", rbp"),
            tail!($r0 $r1 $r2 $($r)*),
        )
    };
}

macro_rules! eight {
    ($column:ident) => {
        lines!(
            $column!(0; "r8" "r9" "r10" "r11" "r12" "r13" "r14" "r15"),
            $column!(1; "r9" "r10" "r11" "r12" "r13" "r14" "r15" "r8"),
            $column!(2; "r10" "r11" "r12" "r13" "r14" "r15" "r8" "r9"),
            $column!(3; "r11" "r12" "r13" "r14" "r15" "r8" "r9" "r10"),
            $column!(4; "r12" "r13" "r14" "r15" "r8" "r9" "r10" "r11"),
            $column!(5; "r13" "r14" "r15" "r8" "r9" "r10" "r11" "r12"),
            $column!(6; "r14" "r15" "r8" "r9" "r10" "r11" "r12" "r13"),
            $column!(7; "r15" "r8" "r9" "r10" "r11" "r12" "r13" "r14"),
        )
    };
}

/// Row i of a triangle, rsi[i] * rsi[i + 1..8] onto the registers given; the last takes the carry.
macro_rules! triangle_row {
    ($i:literal; $($limb:literal $low:literal $high:literal),*; $last:literal $top:literal) => {
        lines!(
            concat!("mov rdx, [rsi + 8*", $i, "]"), "xor eax, eax",
            $(
                concat!("mulx rbp, rax, [rsi + 8*", $limb, "]"),
                concat!("adcx ", $low, ", rax"), concat!("adox ", $high, ", rbp"),
            )*
            "mulx rbp, rax, [rsi + 56]", concat!("adcx ", $last, ", rax"), "mov eax, 0",
            concat!("mov ", $top, ", 0"),
            concat!("adox ", $top, ", rbp"), concat!("adcx ", $top, ", rax"),
        )
    };
}

macro_rules! save {
    () => {
        lines!("push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15")
    };
}
macro_rules! restore {
    () => {
        lines!("pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx", "ret")
    };
}
macro_rules! load_accumulators {
    ($from:literal) => {
        lines!(
            concat!("mov r8, [", $from, "]"),
            concat!("mov r9, [", $from, " + 8]"),
            concat!("mov r10, [", $from, " + 16]"),
            concat!("mov r11, [", $from, " + 24]"),
            concat!("mov r12, [", $from, " + 32]"),
            concat!("mov r13, [", $from, " + 40]"),
            concat!("mov r14, [", $from, " + 48]"),
            concat!("mov r15, [", $from, " + 56]"),
        )
    };
}
macro_rules! store_accumulators {
    ($to:literal) => {
        lines!(
            concat!("mov [", $to, "], r8"),
            concat!("mov [", $to, " + 8], r9"),
            concat!("mov [", $to, " + 16], r10"),
            concat!("mov [", $to, " + 24], r11"),
            concat!("mov [", $to, " + 32], r12"),
            concat!("mov [", $to, " + 40], r13"),
            concat!("mov [", $to, " + 48], r14"),
            concat!("mov [", $to, " + 56], r15"),
        )
    };
}

/// t[0..48] += a[0..8] * b[0..48], with t[48..56] set to the carry.
///
/// # Safety
/// The CPU has BMI2 and ADX; those words are there.
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn add_row(t: *mut u64, a: *const u64, b: *const u64) {
    naked_asm!(
        save!(),
        "mov rcx, rdx",
        "xor r8d, r8d",
        "xor r9d, r9d",
        "xor r10d, r10d",
        "xor r11d, r11d",
        "xor r12d, r12d",
        "xor r13d, r13d",
        "xor r14d, r14d",
        "xor r15d, r15d",
        "mov ebx, 6",
        "2:",
        eight!(column),
        "add rcx, 64",
        "add rdi, 64",
        "dec ebx",
        "jnz 2b",
        store_accumulators!("rdi"),
        restore!(),
    )
}

/// The products of a[0..8] with what is above each in a[0..8 n], onto t, whose column 0 is that of
/// a[0] * a[0]; the eight words after the last column are set to the carry.
///
/// # Safety
/// The CPU has BMI2 and ADX; n is at least 1; a has 8 n words and t has 8 n + 8.
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn add_triangle(t: *mut u64, a: *const u64, n: u64) {
    naked_asm!(
        save!(),
        "mov ebx, edx",
        load_accumulators!("rdi"),
        "mov [rdi], r8",
        triangle_row!(0; 1 "r9" "r10", 2 "r10" "r11", 3 "r11" "r12", 4 "r12" "r13", 5 "r13" "r14",
            6 "r14" "r15"; "r15" "r8"),
        "mov [rdi + 8], r9",
        triangle_row!(1; 2 "r11" "r12", 3 "r12" "r13", 4 "r13" "r14", 5 "r14" "r15",
            6 "r15" "r8"; "r8" "r9"),
        "mov [rdi + 16], r10",
        triangle_row!(2; 3 "r13" "r14", 4 "r14" "r15", 5 "r15" "r8", 6 "r8" "r9"; "r9" "r10"),
        "mov [rdi + 24], r11",
        triangle_row!(3; 4 "r15" "r8", 5 "r8" "r9", 6 "r9" "r10"; "r10" "r11"),
        "mov [rdi + 32], r12",
        triangle_row!(4; 5 "r9" "r10", 6 "r10" "r11"; "r11" "r12"),
        "mov [rdi + 40], r13",
        triangle_row!(5; 6 "r11" "r12"; "r12" "r13"),
        "mov [rdi + 48], r14",
        triangle_row!(6; ; "r13" "r14"),
        "mov [rdi + 56], r15",
        "xor r15d, r15d",
        "lea rcx, [rsi + 64]",
        "add rdi, 64",
        "dec ebx",
        "jz 3f",
        "2:",
        eight!(column),
        "add rcx, 64",
        "add rdi, 64",
        "dec ebx",
        "jnz 2b",
        "3:",
        store_accumulators!("rdi"),
        restore!(),
    )
}

/// Eight steps of Montgomery's reduction: t[0..48] += digits * n[0..48], where each digit clears a
/// column of t[0..8]. The digits go to m[0..8], the carry to m[8..16].
///
/// # Safety
/// The CPU has BMI2 and ADX; those words are there.
#[unsafe(naked)]
pub(super) unsafe extern "sysv64" fn add_quotient(t: *mut u64, n: *const u64, m: *mut u64) {
    naked_asm!(
        save!(),
        "mov rcx, rdx",
        load_accumulators!("rdi"),
        eight!(quotient_column),
        "mov ebx, 5",
        "2:",
        "add rsi, 64",
        "add rdi, 64",
        eight!(column),
        "dec ebx",
        "jnz 2b",
        store_accumulators!("rcx + 64"),
        restore!(),
    )
}
