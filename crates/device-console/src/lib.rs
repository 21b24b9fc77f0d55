//! The administrators' web pages of a user pool, as a router beside the API.
//!
//! Pages are rendered here and work without JavaScript. They make the same calls as everyone,
//! through [`Service::call`](device_server::Service::call), so they can do nothing that an
//! administrator with an SDK could not. What an administrator may do is checked there, too.
//!
//! [`routes`] is everything; [`device_server::Server::pages`] serves it.
//!
//! This crate deliberately knows no storage and no rules: what a device is, and who may sign in, is
//! `device-pool`'s.

mod access;
mod assets;
mod attempts;
mod chart;
mod clock;
mod console;
mod csrf;
mod form;
mod headers;
mod html;
mod link;
mod pages;
mod problem;
mod router;
mod seal;
mod session;
mod visit;

pub use link::{SIGN_IN_LINK_PATH, SIGN_IN_LINK_TARGET, SignInLink, SignInLinkRequest};
pub use router::routes;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
