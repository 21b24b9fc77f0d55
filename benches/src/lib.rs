//! The work of a handshake done by this project and by other big-number libraries, so that one binary can time them in turn.
//!
//! A [`Peer`] only has to raise to a power modulo N. What else a handshake takes, a few multiplications and hashes, is done
//! the same way for every peer and costs it less than a hundredth.

mod clock;
mod peer;
mod work;

pub use clock::{cpu_microseconds, median};
pub use peer::{Peer, peers};
pub use work::{Ours, Theirs, Work, works};
