/// Who proves knowledge of a password: the pair of names that the protocol hashes in front of it.
///
/// The names are concatenated without a separator, so a pool `a` with user `bc` hashes like pool
/// `ab` with user `c`; that is Cognito's construction, and the salt keeps such verifiers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    pub(crate) realm: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> Identity<'a> {
    /// A user, for `PASSWORD_VERIFIER`.
    ///
    /// `pool_name` is the user pool id after its first `_`; `user_id` is `USER_ID_FOR_SRP` of the
    /// challenge, which is not always the name that the user typed.
    #[must_use]
    pub const fn user(pool_name: &'a str, user_id: &'a str) -> Self {
        Self { realm: pool_name, name: user_id }
    }

    /// A remembered device, for `ConfirmDevice` and `DEVICE_PASSWORD_VERIFIER`.
    ///
    /// Both keys come from `NewDeviceMetadata`.
    #[must_use]
    pub const fn device(group_key: &'a str, device_key: &'a str) -> Self {
        Self { realm: group_key, name: device_key }
    }
}
