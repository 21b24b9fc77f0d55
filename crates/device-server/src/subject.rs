//! Who and what a call is about, for the log.

use device_pool::About;

/// Who and what a call is about; an extension of its response.
///
/// Anything else in a call could be what a person typed by mistake, such as a password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The id of the access key that an administrator signed with, or claimed to.
    pub(crate) administrator: Option<String>,
    /// What the engine found out.
    pub(crate) about: About,
}
