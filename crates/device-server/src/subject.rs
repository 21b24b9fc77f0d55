//! Who and what a call is about, for the log.

use device_pool::About;

use crate::pool_budget::Category;

/// Who and what a call is about; an extension of its response.
///
/// Anything else in a call could be what a person typed by mistake, such as a password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The id of the access key that an administrator signed with, or claimed to.
    pub(crate) administrator: Option<String>,
    /// What the engine found out.
    pub(crate) about: About,
    /// What the call counts as at its pool, unless that has no limit.
    pub(crate) category: Option<Category>,
}
