//! Migrating a user of another directory at the start of a sign-in with a password.

use device_wire::enums::{AuthFlowType, ChallengeNameType};
use device_wire::param;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::app_client::AuthFlow;
use crate::rules::migration::{Occasion, migrate};
use crate::sign_in::step::StepRequest;

/// Creates the user that the sign-in names, if the pool has none and its trigger knows one.
///
/// Only flows that bring the password itself can do this.
pub(crate) fn before(
    cx: &mut Context<'_, '_>,
    flow: &AuthFlowType,
    request: &StepRequest,
) -> Result<(), ServiceError> {
    let StepRequest { pool, keys, client, given, metadata: validation, .. } = request;
    let prefers_password =
        || given.get(param::PREFERRED_CHALLENGE) == Some(ChallengeNameType::Password.as_str());
    let needed = match flow {
        AuthFlowType::UserPasswordAuth => AuthFlow::UserPassword,
        AuthFlowType::AdminNoSrpAuth | AuthFlowType::AdminUserPasswordAuth => {
            AuthFlow::AdminPassword
        }
        AuthFlowType::UserAuth if prefers_password() => AuthFlow::UserChoice,
        _ => return Ok(()),
    };
    let Some(password) = given.get(param::PASSWORD) else { return Ok(()) };
    client.permit(needed)?;
    let occasion = Occasion::SignIn { password, validation };
    migrate(cx, pool, keys, client, request.username()?, &occasion)
}
