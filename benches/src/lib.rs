//! The work of a handshake done by this project and by other big-number libraries, so that one
//! binary can time them in turn.
//!
//! A [`Peer`] that can raise to a power modulo N does the rest the same way as every other: a few
//! multiplications and hashes, which cost it less than a hundredth. One that speaks the protocol
//! does it in its own way.

mod clock;
mod numbers;
mod peer;
mod work;

pub use clock::measure;
pub use numbers::Numbers;
pub use peer::{Peer, peers};
pub use work::{Floor, Ours, Theirs, Work, works};
