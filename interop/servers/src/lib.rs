//! Compiles the examples of the repository's README: it is part of no package that is published.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
