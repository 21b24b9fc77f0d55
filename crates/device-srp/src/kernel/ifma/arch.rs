//! The instructions that the kernels use: the CPU's own, or a model of them.
//!
//! `--cfg device_srp_backend="model"` selects the model. It is plain Rust, so it runs on any CPU
//! and under tools that do not know AVX-512.

#[cfg(device_srp_backend = "model")]
mod model;
#[cfg(not(device_srp_backend = "model"))]
mod native;

#[cfg(device_srp_backend = "model")]
pub(super) use model::*;
#[cfg(not(device_srp_backend = "model"))]
pub(super) use native::*;

/// Eight 64-bit lanes.
pub(super) type Z = __m512i;

/// Eight lanes in memory.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Lanes(pub(super) [u64; 8]);
