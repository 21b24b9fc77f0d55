/// A user or a device: the two names that the protocol hashes in front of the password.
///
/// The protocol joins the names without a separator, so pool `a` with user `bc` hashes like pool
/// `ab` with user `c`, and a user like a device of the same two names. Random salts keep their
/// verifiers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    pub(crate) realm: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> Identity<'a> {
    /// A user, for `PASSWORD_VERIFIER`.
    ///
    /// `pool` is the user pool id, or the part of it after the first `_`, which is hashed.
    /// `user_id` is `USER_ID_FOR_SRP` of the challenge. It may differ from the name that the user
    /// typed.
    #[must_use]
    pub const fn user(pool: &'a str, user_id: &'a str) -> Self {
        Self { realm: pool_name(pool), name: user_id }
    }

    /// A remembered device, for `ConfirmDevice` and `DEVICE_PASSWORD_VERIFIER`.
    ///
    /// Both keys come from `NewDeviceMetadata`.
    #[must_use]
    pub const fn device(group_key: &'a str, device_key: &'a str) -> Self {
        Self { realm: group_key, name: device_key }
    }
}

/// The part of a pool id after its first `_`; all of it if there is no `_`.
#[expect(clippy::indexing_slicing, reason = "an index below the length")]
const fn pool_name(pool: &str) -> &str {
    let mut i = 0;
    while i < pool.len() {
        if pool.as_bytes()[i] == b'_' {
            return pool.split_at(i + 1).1;
        }
        i += 1;
    }
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_id_and_its_name_are_the_same_identity() {
        let of_name = Identity::user("Ab12Cd34E", "ada");
        assert_eq!(Identity::user("us-east-1_Ab12Cd34E", "ada"), of_name);
        assert_ne!(Identity::user("us-east-1_Ab12Cd34F", "ada"), of_name);
        assert_eq!(Identity::user("\u{e4}_\u{e4}", "ada"), Identity::user("\u{e4}", "ada"));
        assert_eq!(Identity::user("us-east-1_", "ada").realm, "");
    }
}
