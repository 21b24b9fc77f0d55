//! Requests and replies, without a transport.

use std::borrow::Cow;
use std::fmt;

use device_wire::{ErrorBody, ErrorCode, Operation};
use zeroize::Zeroizing;

use crate::error::{Error, ServiceError};

/// A request to send by `POST /`.
///
/// Set the header `X-Amz-Target` to [`target`](Self::target) and `Content-Type` to
/// [`CONTENT_TYPE`](Self::CONTENT_TYPE), and send the [`body`](Self::body). The body contains
/// secrets and is wiped when dropped.
pub struct Request {
    operation: Operation,
    step: Option<Cow<'static, str>>,
    repeat: Repeat,
    body: Zeroizing<Vec<u8>>,
}

/// Whether a request may be repeated. Treat variants that you do not know as
/// [`IfUnsent`](Self::IfUnsent).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeat {
    /// Always, if there was no answer: sending it twice has the same effect as sending it once.
    Always,
    /// Only if it certainly never reached the service. It contains a proof or code that is valid
    /// once, or creates something.
    IfUnsent,
}

impl Request {
    /// The content type of every request.
    pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

    /// Serializes a request of `device-wire`.
    #[must_use]
    pub fn new<C: device_wire::Request>(call: &C) -> Self {
        // Large enough for any request of a sign-in: a growing buffer leaves copies of secrets.
        let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
        #[expect(
            clippy::expect_used,
            reason = "the generated types are structures of strings, numbers, lists and \
                                                maps by string, which JSON can always write"
        )]
        serde_json::to_writer(&mut *body, call).expect("a request is always JSON");
        Self { operation: C::OPERATION, step: None, repeat: repeat_of(C::OPERATION), body }
    }

    pub(crate) fn at_step(mut self, step: impl Into<Cow<'static, str>>) -> Self {
        self.step = Some(step.into());
        self
    }

    pub(crate) fn repeatable(mut self) -> Self {
        self.repeat = Repeat::Always;
        self
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The flow that an `InitiateAuth` starts, or the challenge that a `RespondToAuthChallenge`
    /// answers.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        self.step.as_deref()
    }

    /// The challenge in the body of a response to this request, if it has one.
    ///
    /// Only responses to `InitiateAuth` and `RespondToAuthChallenge` have challenges.
    #[must_use]
    pub fn next_step(&self, body: &[u8]) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Challenge {
            #[serde(rename = "ChallengeName")]
            name: Option<String>,
        }
        match self.operation {
            Operation::InitiateAuth | Operation::RespondToAuthChallenge => {
                serde_json::from_slice::<Challenge>(body).ok()?.name
            }
            _ => None,
        }
    }

    /// The value of the `X-Amz-Target` header.
    #[must_use]
    pub fn target(&self) -> &'static str {
        self.operation.target()
    }

    /// The JSON to send. Never log it.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether it may be repeated.
    #[must_use]
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, step, repeat, body: _ } = self;
        f.debug_struct("Request")
            .field("operation", operation)
            .field("step", step)
            .field("repeat", repeat)
            .finish_non_exhaustive()
    }
}

/// Whether an operation may be repeated: if it reads, sets or deletes what it names. The others
/// prove, create or count something.
fn repeat_of(operation: Operation) -> Repeat {
    use Operation as O;
    match operation {
        O::GetDevice | O::ListDevices | O::UpdateDeviceStatus | O::ForgetDevice => Repeat::Always,
        O::AdminGetDevice
        | O::AdminListDevices
        | O::AdminUpdateDeviceStatus
        | O::AdminForgetDevice => Repeat::Always,
        // A rotated refresh token stays valid for a grace period, which exists for lost answers.
        O::GetTokensFromRefreshToken | O::RevokeToken | O::GlobalSignOut => Repeat::Always,
        O::GetUser | O::AdminGetUser | O::ListUsers => Repeat::Always,
        O::DescribeUserPool
        | O::DescribeUserPoolClient
        | O::ListUserPools
        | O::ListUserPoolClients => Repeat::Always,
        O::GetUserPoolMfaConfig => Repeat::Always,
        _ => Repeat::IfUnsent,
    }
}

/// The result of sending a [`Request`].
#[expect(clippy::exhaustive_enums, reason = "a request is answered, refused, or neither")]
pub enum Reply<'a> {
    /// The service executed it; this is the body of its response.
    Answered(&'a [u8]),
    /// The service refused.
    Refused(ServiceError),
    /// The service did not answer. The connection failed or timed out, or something else answered,
    /// such as a proxy.
    Lost,
}

impl<'a> Reply<'a> {
    /// Reads an HTTP response of any status but 200: its body and its `x-amzn-errortype` header.
    ///
    /// Returns [`Reply::Refused`] if the service's error code is in either; otherwise
    /// [`Reply::Lost`], since something else sent the response. For status 200 use
    /// [`Reply::Answered`].
    #[must_use]
    pub fn from_error(body: &'a [u8], error_type: Option<&str>) -> Self {
        let mut error = serde_json::from_slice(body)
            .unwrap_or_else(|_| ErrorBody::new(ErrorCode::from_wire(""), ""));
        if let (ErrorCode::Unknown(code), Some(header)) = (&error.code, error_type)
            && code.is_empty()
        {
            error.code = ErrorCode::from_wire(header);
        }
        match &error.code {
            ErrorCode::Unknown(code) if code.is_empty() => Self::Lost,
            _ => Self::Refused(error.into()),
        }
    }

    /// Decodes the response to the request.
    ///
    /// # Errors
    /// [`Error::Service`] if the service refused, [`Error::NoAnswer`] if it did not answer, and
    /// [`Error::MalformedAnswer`] if the answer is not the JSON of that response.
    pub fn read<C: device_wire::Request>(self) -> Result<C::Output, Error> {
        match self {
            // An operation without an output answers with an empty body. If a proxy adds something,
            // ignore it.
            Self::Answered(_) if !C::OPERATION.has_output() => decode::<C>(b"null"),
            Self::Answered(body) => decode::<C>(body),
            Self::Refused(error) => Err(error.into()),
            Self::Lost => Err(Error::NoAnswer(C::OPERATION)),
        }
    }
}

/// Shows no part of an answer, since it can contain tokens.
impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(_) => f.write_str("Answered(..)"),
            Self::Refused(error) => f.debug_tuple("Refused").field(error).finish(),
            Self::Lost => f.write_str("Lost"),
        }
    }
}

/// Parses a body. The parser's error is dropped, since it can quote the body.
fn decode<C: device_wire::Request>(body: &[u8]) -> Result<C::Output, Error> {
    serde_json::from_slice(body)
        .map_err(|_| Error::malformed(C::OPERATION, "it is not the JSON of that response"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use device_wire::requests::{ForgetDeviceRequest, GetDeviceRequest, InitiateAuthRequest};

    #[test]
    fn an_error_is_read_from_the_body_or_the_header() {
        let body = br#"{"__type":"NotAuthorizedException","message":"no"}"#;
        let code = |reply| match reply {
            Reply::Refused(error) => error.code().clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(code(Reply::from_error(body, None)), ErrorCode::NotAuthorized);
        assert_eq!(
            code(Reply::from_error(b"", Some("CodeMismatchException:"))),
            ErrorCode::CodeMismatch
        );
        assert_eq!(
            code(Reply::from_error(body, Some("CodeMismatchException:"))),
            ErrorCode::NotAuthorized
        );
    }

    #[test]
    fn an_answer_of_something_else_is_lost() {
        for body in ["<html>bad gateway</html>", "", "{}", "null", "[]"] {
            assert!(matches!(Reply::from_error(body.as_bytes(), None), Reply::Lost), "{body}");
        }
    }

    #[test]
    fn a_body_is_read_only_if_the_operation_has_one() {
        assert!(Reply::Answered(b"").read::<ForgetDeviceRequest>().is_ok());
        assert!(Reply::Answered(b"{\"Device\":null}").read::<GetDeviceRequest>().is_ok());
        for body in ["", "[]", "null", "{\"Session\":1}", "{\"Session\":"] {
            let error = Reply::Answered(body.as_bytes()).read::<InitiateAuthRequest>().unwrap_err();
            assert!(matches!(error, Error::MalformedAnswer { .. }), "{body}");
        }
    }
}
