//! The work of a handshake, by this project and by other libraries, in one binary.
//!
//! For a [`Peer`] that only has exponentiation modulo N, num-bigint does the few other
//! multiplications, which cost less than a hundredth. A peer that implements the protocol does all
//! of it.

mod chart;
mod clock;
mod numbers;
mod peer;
mod table;
mod work;

pub use chart::chart;
pub use clock::measure;
pub use numbers::Numbers;
pub use peer::{Peer, peers};
pub use table::table;
pub use work::{Floor, Ours, Theirs, Work, works};
