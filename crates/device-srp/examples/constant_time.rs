//! Looks for branches and addresses that depend on secrets, with valgrind's memcheck.
//!
//! Memcheck tracks undefined memory through all arithmetic and reports where a branch or an address
//! depends on it. So secrets are marked undefined, and every report is a leak. num-bigint, which
//! does not claim to be constant time, is the control: if it is not reported, the check does not
//! work.
//!
//! ```text
//! RUSTFLAGS='--cfg device_srp_taint --cfg device_srp_backend="model"' \
//!     cargo build --release -p device-srp --example constant_time
//! valgrind -q target/release/examples/constant_time
//! ```
//!
//! Valgrind does not know AVX-512, so the kernels for AVX-512 IFMA run on a model of their
//! instructions. That for AVX2 runs as it is, and needs a CPU that has it. The result holds for the
//! compiled code of this build: no branch and no address in it depends on a secret. It does not
//! show that each instruction takes the same time for all operands.

#[cfg(not(all(device_srp_taint, target_arch = "x86_64")))]
fn main() {
    eprintln!(
        "build this for x86-64 with --cfg device_srp_taint --cfg device_srp_backend=\"model\""
    );
    std::process::exit(2);
}

#[cfg(all(device_srp_taint, target_arch = "x86_64"))]
fn main() {
    use device_srp::{Identity, Salt, Verifier};
    use num_bigint::BigUint;
    use std::cell::Cell;
    use std::hint::black_box;

    assert_ne!(request(RUNNING_ON_VALGRIND, 0, 0), 0, "run this under valgrind");
    let mut leaks = 0;
    let section = |name: &str, run: &dyn Fn()| {
        let before = request(COUNT_ERRORS, 0, 0);
        run();
        let found = request(COUNT_ERRORS, 0, 0) - before;
        println!("{name}: {found} reports");
        found
    };
    device_srp::taint::kernels(
        |words| undefined(words.as_ptr().cast(), size_of_val(words)),
        |name, run| leaks += section(name, run),
    );
    leaks += section("verifier of a password", &|| {
        let password = String::from("correct horse battery staple");
        undefined(password.as_ptr(), password.len());
        let salt = Salt::from_hex("abcdef").unwrap_or_else(|_| unreachable!());
        black_box(Verifier::derive(&Identity::user("pool", "user"), &password, &salt));
    });
    let outcome = Cell::new(None);
    leaks += section("session key and proof", &|| {
        let secret = |words: &[u64]| undefined(words.as_ptr().cast(), size_of_val(words));
        outcome.set(Some(device_srp::taint::proof(secret)));
    });
    let proof_control = section("the outcome of that, which must be reported", &|| {
        if outcome.get().is_some_and(bool::from) {
            println!("a proof of zeros is right");
        }
    });
    let control = section("num-bigint, which must be reported", &|| {
        let exponent = BigUint::from_bytes_be(&[0xa5; 32]);
        let digits = exponent.to_u64_digits();
        undefined(digits.as_ptr().cast(), size_of_val(&digits[..]));
        let exponent = digits.iter().fold(BigUint::ZERO, |high, &digit| (high << 64) + digit);
        black_box(BigUint::from(3u8).modpow(&exponent, &BigUint::from_bytes_be(&[0xff; 384])));
    });
    let own_control = section("v^u with a secret u, which must be reported", &|| {
        device_srp::taint::secret_scrambler(|words| {
            undefined(words.as_ptr().cast(), size_of_val(words))
        });
    });
    if leaks > 0 || [control, proof_control, own_control].contains(&0) {
        std::process::exit(1);
    }
}

#[cfg(all(device_srp_taint, target_arch = "x86_64"))]
use client::{COUNT_ERRORS, RUNNING_ON_VALGRIND, request, undefined};

#[cfg(all(device_srp_taint, target_arch = "x86_64"))]
mod client {
    //! Valgrind's client requests, which do nothing outside of valgrind.

    pub(crate) const RUNNING_ON_VALGRIND: usize = 0x1001;
    pub(crate) const COUNT_ERRORS: usize = 0x1201;
    /// Memcheck's prefix, "MC", and the number of the request.
    const MAKE_UNDEFINED: usize = 0x4d43_0001;

    pub(crate) fn undefined(address: *const u8, length: usize) {
        request(MAKE_UNDEFINED, address as usize, length);
    }

    #[allow(unsafe_code, reason = "the rotations that valgrind recognizes")]
    pub(crate) fn request(code: usize, first: usize, second: usize) -> usize {
        let arguments = [code, first, second, 0, 0, 0];
        let mut answer = 0_usize;
        // SAFETY: four rotations that together do nothing, and an exchange of a register with
        // itself; valgrind reads the six words, and answers in rdx
        unsafe {
            std::arch::asm!(
                "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
                inout("rdi") 0_usize => _, in("rax") &arguments, inout("rdx") answer,
            );
        }
        answer
    }
}
