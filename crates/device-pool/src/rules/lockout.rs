//! Ways to lift a lockout.

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::Medium;
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

/// Removes every count of a user who is deleted.
pub(crate) fn forget(cx: &mut Context<'_, '_>, user: &User) -> Result<(), ServiceError> {
    lift_by_administrator(cx, user)?;
    let attribute = |medium: Medium| CodePurpose::Attribute(medium.attribute().to_owned());
    let purposes = [CodePurpose::SignUp, attribute(Medium::Sms), attribute(Medium::Email)];
    for purpose in purposes {
        let subject = purpose.counted_under(&user.username);
        Attempts::lift(cx, Whose::user(user), Attempt::SentCode, &subject)?;
    }
    Ok(())
}
