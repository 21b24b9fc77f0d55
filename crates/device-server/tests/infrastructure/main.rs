//! The calls of infrastructure tools: apply, plan without changes, change, plan, destroy.
//!
//! The sequences are what Terraform's aws provider and CloudFormation's handlers are known to call;
//! they are not recordings (`wire/terraform.rs` has those). After each apply the tool reads the
//! resource again; if the answer lacks or changes what was configured, the next plan is not empty.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod cloudformation;
mod replay;
mod terraform;
