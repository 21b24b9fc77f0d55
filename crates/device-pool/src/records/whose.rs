//! Whom a count, a code or an event is about: a user, or a name that nobody has.

use crate::command::transaction::id_of;
use crate::records::user::User;

/// A user, or a name that nobody has. Unknown names are counted as users are: otherwise the limits
/// would tell who exists.
#[derive(Clone, Copy)]
pub(crate) struct Whose<'a> {
    pub(crate) pool_id: &'a str,
    /// The internal name, or the decoy's.
    pub(crate) username: &'a str,
    /// `None` for a name that nobody has.
    pub(crate) user: Option<&'a User>,
}

impl<'a> Whose<'a> {
    /// The user's.
    pub(crate) fn user(user: &'a User) -> Self {
        Self { pool_id: &user.pool_id, username: &user.username, user: Some(user) }
    }

    pub(crate) fn is_nobody(&self) -> bool {
        self.user.is_none()
    }
}

/// The id of a record in a pool. Records of unknown names stand apart, under an empty part, so that
/// they can be found and capped.
pub(crate) fn scoped_id<const N: usize>(
    pool_id: &str,
    of_nobody: bool,
    parts: [&str; N],
) -> String {
    let scope = if of_nobody { nobodys(pool_id) } else { id_of([pool_id, ""]) };
    scope + &id_of(parts)
}

/// What the ids of all records of unknown names in a pool start with.
pub(crate) fn nobodys(pool_id: &str) -> String {
    id_of([pool_id, "", ""])
}

/// Whether a flag is off, and need not be stored.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}
