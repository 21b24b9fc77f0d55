//! Ways to lift a lockout.

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::code::CodePurpose;
use crate::records::user::User;
use crate::records::whose::Whose;

/// Password recovery lifts the lockout of the password. Software tokens stay locked: they must
/// withstand an attacker who reads the user's mail.
pub(crate) fn lift_by_recovery(cx: &mut Context<'_, '_>, user: &User) -> Result<(), ServiceError> {
    for kind in [Attempt::Password, Attempt::PasswordChange] {
        Attempts::lift(cx, Whose::user(user), kind, &user.username)?;
    }
    Ok(())
}

/// Setting or resetting a password as administrator lifts every lockout.
pub(crate) fn lift_by_administrator(
    cx: &mut Context<'_, '_>,
    user: &User,
) -> Result<(), ServiceError> {
    let whose = Whose::user(user);
    for kind in Attempt::ALL {
        Attempts::lift(cx, whose, kind, &user.username)?;
    }
    let reset = CodePurpose::ForgotPassword.counted_under(&user.username);
    Attempts::lift(cx, whose, Attempt::SentCode, &reset)
}
