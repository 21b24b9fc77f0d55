//! The calls of infrastructure tools: apply, plan without changes, change, plan, destroy.
//!
//! `recorded` replays what Terraform's aws provider called, with every kind of resource that
//! version 5.100.0 has. The other sequences are written by hand: those of `later_provider` after
//! the source of its version 6, and those of `cloudformation` and `stack` after the schemas of the
//! resource types, since CloudFormation's handlers run nowhere but at the service.
//!
//! After each apply a tool reads the resource again; if the answer lacks or changes what was
//! configured, the next plan is not empty.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod cloudformation;
mod later_provider;
mod names;
mod recorded;
mod replay;
mod stack;
