//! The subject of a count, a code or an event: a user or an unknown name.

use crate::command::transaction::id_of;
use crate::records::user::User;

/// A user or an unknown name. Unknown names are counted as users are; otherwise the limits would
/// reveal who exists.
#[derive(Clone, Copy)]
pub(crate) struct Whose<'a> {
    pub(crate) pool_id: &'a str,
    /// The internal name, or a decoy's internal name.
    pub(crate) username: &'a str,
    /// `None` for an unknown name.
    pub(crate) user: Option<&'a User>,
}

impl<'a> Whose<'a> {
    /// The subject for a known user.
    pub(crate) fn user(user: &'a User) -> Self {
        Self { pool_id: &user.pool_id, username: &user.username, user: Some(user) }
    }

    pub(crate) fn is_nobody(&self) -> bool {
        self.user.is_none()
    }
}

/// The id of a record in a pool. Records of unknown names have an empty first part, so that they
/// can be found and limited.
pub(crate) fn scoped_id<const N: usize>(
    pool_id: &str,
    of_nobody: bool,
    parts: [&str; N],
) -> String {
    let scope = if of_nobody { nobodys(pool_id) } else { id_of([pool_id, ""]) };
    scope + &id_of(parts)
}

/// The prefix of the ids of all records of unknown names in a pool.
pub(crate) fn nobodys(pool_id: &str) -> String {
    id_of([pool_id, "", ""])
}

/// Whether a flag is false and so need not be stored.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}
