//! Importing users from a CSV file.

use device_wire::requests::GetCSVHeaderRequest;
use device_wire::responses::GetCSVHeaderResponse;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::pool::Pool;

/// `GetCSVHeader`: the columns of an import file. There is none for a password.
pub(crate) fn header(
    cx: &mut Context<'_, '_>,
    request: GetCSVHeaderRequest,
) -> Result<GetCSVHeaderResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let header = columns(&pool);
    Ok(GetCSVHeaderResponse { user_pool_id: Some(pool.id), csv_header: Some(header) })
}

/// The attributes of the pool's users, and two columns that are no attributes.
fn columns(pool: &Pool) -> Vec<String> {
    let attributes = pool.description.schema_attributes.iter().flatten();
    attributes
        .filter_map(|attribute| attribute.name.clone())
        .filter(|name| !["sub", "identities"].contains(&name.as_str()))
        .chain(["cognito:mfa_enabled".to_owned(), "cognito:username".to_owned()])
        .collect()
}
