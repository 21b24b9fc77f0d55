//! Setting a password: policy, history, verifier.

use device_srp::Identity;
use device_wire::ErrorCode;
use device_wire::enums::UserStatusType;
use device_wire::shapes::PasswordPolicyType;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::account_tags::AccountTags;
use crate::records::password::{self, Password};
use crate::records::password_history::PasswordHistory;
use crate::records::pool::Pool;
use crate::records::user::User;

impl User {
    /// Sets a password after checking it against the pool's policy.
    pub(crate) fn set_password(
        &mut self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        password: &str,
        status: UserStatusType,
    ) -> Result<(), ServiceError> {
        let policy = pool.password_policy();
        password::check_policy(&policy, password)?;
        let username = self.username.clone();
        let identity = Identity::user(pool.srp_name(), &username);
        self.remember_password(cx, &policy, &identity, password)?;
        self.password = Some(Password::new(cx, &identity, password));
        self.status = status;
        self.modified = cx.now();
        Ok(())
    }

    /// As [`Self::set_password`], for a user with sessions, which the pool's tags may end.
    pub(crate) fn replace_password(
        &mut self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        password: &str,
        status: UserStatusType,
    ) -> Result<(), ServiceError> {
        self.set_password(cx, pool, password, status)?;
        if AccountTags::of(pool).sign_out_at_new_password {
            self.sign_out_everywhere(cx.now());
        }
        Ok(())
    }

    /// Moves the current password to the history, if the pool keeps one. Refuses a new password
    /// that is in it.
    fn remember_password(
        &mut self,
        cx: &mut Context<'_, '_>,
        policy: &PasswordPolicyType,
        identity: &Identity<'_>,
        new: &str,
    ) -> Result<(), ServiceError> {
        let size = usize::try_from(policy.password_history_size.unwrap_or(0)).unwrap_or(0);
        let mut history = PasswordHistory::of(cx, self)?;
        history.passwords.splice(0..0, self.password.take());
        history.passwords.truncate(size);
        for earlier in &history.passwords {
            if earlier.is(identity, new)? {
                return Err(ServiceError::new(
                    ErrorCode::PasswordHistoryPolicyViolation,
                    "Password has previously been used",
                ));
            }
        }
        history.put(cx)
    }
}
