//! The inputs of the fuzz targets: their types, and seeds to start from.
//!
//! The name of a typed target's seed says what it decodes to; see [`Input::describe`].

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a seed that cannot be made is a mistake here, and fails the program that writes it"
)]

mod arithmetic;
mod bodies;
mod encoding;
mod files;
mod hook;
mod numbers;
mod reply;
mod request;
mod response;
mod sealed;
mod texts;

pub use arithmetic::{ClientKey, ServerKey, SignedMessage};
pub use hook::{HookAnswer, HookAnswers};
pub use reply::{Replies, Reply};
pub use request::Request;
pub use response::{Response, Responses};
pub use sealed::{EDITS, KINDS, SealedValue};

use std::collections::BTreeSet;

/// The input of a typed target.
pub trait Input: Sized {
    /// The target that reads this type.
    const TARGET: &'static str;

    /// Decodes the fuzzer's data, as the target does.
    fn decode(data: &[u8]) -> Option<Self>;

    /// The bytes that decode to this.
    fn encode(&self) -> Vec<u8>;

    /// The description, in characters of a file name. It contains no dot.
    fn describe(&self) -> String;
}

/// A file of `fuzz/seeds`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// The name of the file.
    pub name: String,
    /// The contents of the file.
    pub bytes: Vec<u8>,
}

impl Seed {
    fn new(target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { target, name: name.into(), bytes: bytes.into() }
    }

    /// A seed of a typed target. The note distinguishes seeds that have the same description.
    fn typed<T: Input>(input: &T, note: &str) -> Self {
        let dot = if note.is_empty() { "" } else { "." };
        Self::new(T::TARGET, format!("{}{dot}{note}", input.describe()), input.encode())
    }
}

/// All seeds, the same at every call.
///
/// # Panics
/// If two have the same name.
#[must_use]
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    arithmetic::seeds(&mut seeds);
    texts::seeds(&mut seeds);
    sealed::seeds(&mut seeds);
    reply::seeds(&mut seeds);
    request::seeds(&mut seeds);
    response::seeds(&mut seeds);
    hook::seeds(&mut seeds);
    files::seeds(&mut seeds);
    let mut names = BTreeSet::new();
    let twice: Vec<_> = seeds
        .iter()
        .map(|seed| (seed.target, &seed.name))
        .filter(|name| !names.insert(*name))
        .collect();
    assert!(twice.is_empty(), "two seeds of one name: {twice:#?}");
    seeds
}

/// What the name of a typed seed should begin with, up to a dot; `None` if it does not decode.
///
/// The outer `None` means that the target takes bytes as they are.
#[must_use]
pub fn description(target: &str, data: &[u8]) -> Option<Option<String>> {
    fn of<T: Input>(data: &[u8]) -> Option<String> {
        T::decode(data).map(|input| input.describe())
    }
    Some(match target {
        SealedValue::TARGET => of::<SealedValue>(data),
        ServerKey::TARGET => of::<ServerKey>(data),
        ClientKey::TARGET => of::<ClientKey>(data),
        SignedMessage::TARGET => of::<SignedMessage>(data),
        Replies::TARGET => of::<Replies>(data),
        Request::TARGET => of::<Request>(data),
        Responses::TARGET => of::<Responses>(data),
        HookAnswers::TARGET => of::<HookAnswers>(data),
        _ => return None,
    })
}
