//! Checks the known answers of device-srp (`vectors/srp.json`) on a 32-bit Cortex-M4.
//!
//! `cargo xtask cortex-m4` builds this and runs it in QEMU. `VECTORS` names the file to embed.

#![no_std]
#![no_main]

extern crate alloc;

#[path = "../../crates/device-srp/tests/vectors/known_answers.rs"]
mod known_answers;

use cortex_m as _; // provides the critical section
use cortex_m_rt::entry;
use embedded_alloc::LlffHeap;
use semihosting::{println, process::ExitCode};

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

#[entry]
fn main() -> ! {
    // SAFETY: called once, before the first allocation
    #[allow(unsafe_code, reason = "the heap needs memory")]
    unsafe {
        embedded_alloc::init!(HEAP, 2 << 20);
    }
    let vectors = serde_json::from_str(include_str!(env!("VECTORS"))).unwrap();
    known_answers::padding(&vectors);
    known_answers::secret_hash_of_a_signed_claim(&vectors);
    known_answers::published_scramblers_hash_the_values_as_sent(&vectors);
    known_answers::published_verifiers(&vectors);
    known_answers::published_claims(&vectors);
    known_answers::derived_edge_cases_in_both_roles(&vectors);
    println!("all known answers are right");
    ExitCode::SUCCESS.exit_process()
}
