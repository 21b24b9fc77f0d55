//! Cryptography over bytes: sealed state, tokens, verifiers and one-time passwords.

pub(crate) mod bytes32;
pub(crate) mod certificate;
pub(crate) mod head;
pub(crate) mod jwt;
pub(crate) mod refresh_token;
pub(crate) mod seal;
pub(crate) mod secret;
pub(crate) mod stored_verifier;
pub(crate) mod totp;
pub(crate) mod tree;
