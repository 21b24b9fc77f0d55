//! Compiles the examples of the repository's README and of docs/, which no published package has.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/client.md")]
struct WriteAClient;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/crypto.md")]
struct CryptoCore;
