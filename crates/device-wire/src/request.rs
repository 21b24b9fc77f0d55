//! Requests: their operations, and the types of their responses.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::generated::operation::Operation;

/// A request of an [`Operation`], with the type of its response.
///
/// ```
/// use device_wire::requests::GetUserRequest;
/// use device_wire::{Operation, Request};
///
/// assert_eq!(GetUserRequest::OPERATION, Operation::GetUser);
/// ```
pub trait Request: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The operation.
    const OPERATION: Operation;

    /// The response; `()` if the operation answers with an empty body (see
    /// [`Operation::has_output`]).
    type Output: Serialize + DeserializeOwned + Send + Sync + 'static;
}
