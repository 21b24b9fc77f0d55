//! What pages are made of.

pub(crate) mod confirm;
mod creation;
pub(crate) mod document;
pub(crate) mod field;
pub(crate) mod frame;
pub(crate) mod list;
pub(crate) mod notice;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod url;
