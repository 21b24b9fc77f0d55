//! What infrastructure tools call: apply, plan without changes, change, plan, destroy.
//!
//! The sequences were written down from the sources of Terraform's aws provider and from the
//! handlers of CloudFormation's resource types. After each apply the tool reads the resource again;
//! if the answer lacks or changes what was configured, the next plan is not empty.

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
