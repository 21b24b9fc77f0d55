//! Refreshing a session: exchanging a refresh token for new tokens.

use device_wire::enums::AuthFlowType;
use device_wire::requests::{GetTokensFromRefreshTokenRequest, InitiateAuthRequest};
use device_wire::shapes::AuthenticationResultType;
use device_wire::{ErrorCode, Operation, Sensitive, param};

use crate::config::Config;
use crate::error::Error;
use crate::request::{Reply, Request};
use crate::tokens::Tokens;

/// A refresh that waits for its reply.
///
/// It starts with `GetTokensFromRefreshToken`, and falls back to the flow `REFRESH_TOKEN_AUTH` if
/// the service does not know that operation.
#[derive(Debug)]
#[must_use = "a refresh goes on with the reply to its request"]
pub struct Refresh {
    config: Config,
    username: String,
    refresh_token: Sensitive<String>,
    device_key: Option<String>,
    path: Path,
}

#[derive(Debug)]
enum Path {
    Operation,
    Flow,
}

/// What to do next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle every step")]
pub enum RefreshStep {
    /// Send the request and [`handle`](Refresh::handle) the reply.
    Send(Refresh, Request),
    /// The new tokens. The refresh token is new if the service rotates it; otherwise it is the one
    /// that was used.
    Done(Tokens),
}

impl Refresh {
    /// Starts a refresh.
    ///
    /// `username` is the user's internal name. `device_key` is the key of the session's device: if
    /// a pool tracks devices, a refresh token is valid only together with its device key.
    pub fn start(
        config: &Config,
        username: impl Into<String>,
        refresh_token: Sensitive<String>,
        device_key: Option<String>,
    ) -> (Self, Request) {
        let request = Request::new(&GetTokensFromRefreshTokenRequest {
            client_secret: config.client_secret().cloned(),
            device_key: device_key.clone(),
            client_metadata: config.metadata_to_send(),
            ..GetTokensFromRefreshTokenRequest::new(refresh_token.clone(), config.client_id())
        });
        let config = config.clone();
        (
            Self {
                config,
                username: username.into(),
                refresh_token,
                device_key,
                path: Path::Operation,
            },
            request,
        )
    }

    /// Handles the reply to the request.
    ///
    /// # Errors
    ///
    /// Any [`Error`]. [`is_expired`] says whether the refresh token is invalid.
    pub fn handle(self, reply: Reply<'_>) -> Result<RefreshStep, Error> {
        match self.path {
            Path::Operation => match reply.read::<GetTokensFromRefreshTokenRequest>() {
                Ok(response) => {
                    self.done(Operation::GetTokensFromRefreshToken, response.authentication_result)
                }
                Err(Error::Service(error))
                    if matches!(
                        error.code(),
                        ErrorCode::UnknownOperation | ErrorCode::UnsupportedOperation
                    ) =>
                {
                    let request = self.flow_request();
                    Ok(RefreshStep::Send(Self { path: Path::Flow, ..self }, request))
                }
                Err(error) => Err(error),
            },
            Path::Flow => {
                let response = reply.read::<InitiateAuthRequest>()?;
                self.done(Operation::InitiateAuth, response.authentication_result)
            }
        }
    }

    fn flow_request(&self) -> Request {
        let mut parameters = Sensitive::from([(param::REFRESH_TOKEN, self.refresh_token.as_str())]);
        if let Some(hash) = self.config.secret_hash(&self.username) {
            parameters.insert(param::SECRET_HASH.to_owned(), hash);
        }
        if let Some(key) = &self.device_key {
            parameters.insert(param::DEVICE_KEY.to_owned(), key.clone());
        }
        let flow = AuthFlowType::RefreshTokenAuth;
        Request::new(&InitiateAuthRequest {
            auth_parameters: Some(parameters),
            client_metadata: self.config.metadata_to_send(),
            analytics_metadata: self.config.analytics(),
            ..InitiateAuthRequest::new(flow.clone(), self.config.client_id())
        })
        .at_step(flow.to_string())
        .repeatable()
    }

    fn done(
        self,
        operation: Operation,
        result: Option<AuthenticationResultType>,
    ) -> Result<RefreshStep, Error> {
        let result = result.ok_or(Error::malformed(operation, "it grants no tokens"))?;
        let mut tokens = Tokens::from_wire(operation, result)?;
        tokens.refresh.get_or_insert(self.refresh_token);
        Ok(RefreshStep::Done(tokens))
    }
}

/// Whether a refresh failed permanently, so that only a new sign-in helps.
///
/// The refresh token was revoked, expired or used up, or its user or device was deleted. A wrong
/// client secret or a disabled user does not invalidate the token, since both can be corrected.
#[must_use]
pub fn is_expired(error: &Error) -> bool {
    error.as_service_error().is_some_and(|error| {
        error.is_unknown_device()
            || error.is_refused_refresh_token()
            || matches!(error.code(), ErrorCode::RefreshTokenReuse | ErrorCode::UserNotFound)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ServiceError;

    const TOKENS: &[u8] = br#"{"AuthenticationResult":{"AccessToken":"new","ExpiresIn":300}}"#;

    fn start(secret: Option<&str>) -> (Refresh, Request) {
        let mut config = Config::new("eu-west-1_Ab12Cd34E", "client").unwrap();
        if let Some(secret) = secret {
            config = config.with_client_secret(secret);
        }
        Refresh::start(&config, "ada", "old".into(), Some("eu_1".into()))
    }

    fn body(request: &Request) -> serde_json::Value {
        serde_json::from_slice(request.body()).unwrap()
    }

    fn refused(code: ErrorCode) -> Reply<'static> {
        refused_with(code, "")
    }

    fn refused_with(code: ErrorCode, message: &str) -> Reply<'static> {
        Reply::Refused(ServiceError::new(code, message))
    }

    #[test]
    fn the_device_is_presented_and_unrotated_tokens_stay() {
        let (refresh, request) = start(Some("secret"));
        assert_eq!(body(&request)["DeviceKey"], "eu_1");
        assert_eq!(body(&request)["ClientSecret"], "secret");
        let RefreshStep::Done(tokens) = refresh.handle(Reply::Answered(TOKENS)).unwrap() else {
            panic!("more")
        };
        assert_eq!((tokens.access.as_str(), tokens.refresh.unwrap().as_str()), ("new", "old"));

        let rotated = br#"{"AuthenticationResult":{"AccessToken":"new","RefreshToken":"newer"}}"#;
        let RefreshStep::Done(tokens) = start(None).0.handle(Reply::Answered(rotated)).unwrap()
        else {
            panic!("more")
        };
        assert_eq!(tokens.refresh.unwrap().as_str(), "newer");
    }

    #[test]
    fn a_service_without_the_operation_is_asked_by_the_flow() {
        for code in [ErrorCode::UnknownOperation, ErrorCode::UnsupportedOperation] {
            let (refresh, _) = start(Some("secret"));
            let RefreshStep::Send(refresh, request) = refresh.handle(refused(code)).unwrap() else {
                panic!("done")
            };
            let parameters = &body(&request)["AuthParameters"];
            assert_eq!(
                (&parameters["REFRESH_TOKEN"], &parameters["DEVICE_KEY"]),
                (&"old".into(), &"eu_1".into())
            );
            assert_eq!(
                parameters["SECRET_HASH"],
                device_srp::secret_hash("ada", "client", "secret")
            );
            assert!(matches!(refresh.handle(Reply::Answered(TOKENS)), Ok(RefreshStep::Done(_))));
        }
        let (refresh, _) = start(None);
        let RefreshStep::Send(refresh, _) =
            refresh.handle(refused(ErrorCode::UnknownOperation)).unwrap()
        else {
            panic!("done")
        };
        assert!(refresh.handle(refused(ErrorCode::UnknownOperation)).is_err(), "it is asked once");
    }

    #[test]
    fn an_expired_session_differs_from_a_failed_call() {
        for (code, message, expired) in [
            (ErrorCode::NotAuthorized, "Invalid Refresh Token.", true),
            (ErrorCode::NotAuthorized, "Invalid Refresh Token", true),
            (ErrorCode::NotAuthorized, "Refresh Token has expired", true),
            (ErrorCode::NotAuthorized, "Refresh Token has been revoked", true),
            (ErrorCode::NotAuthorized, "Unable to verify secret for client client", false),
            (ErrorCode::NotAuthorized, "User is disabled.", false),
            (ErrorCode::RefreshTokenReuse, "Refresh token has been invalidated by rotation.", true),
            (ErrorCode::UserNotFound, "User does not exist.", true),
            (ErrorCode::ResourceNotFound, "Device does not exist.", true),
            (ErrorCode::ResourceNotFound, "User pool client client does not exist.", false),
            (ErrorCode::TooManyRequests, "Rate exceeded", false),
            (ErrorCode::InternalError, "Something went wrong", false),
        ] {
            let error = start(None).0.handle(refused_with(code, message)).unwrap_err();
            assert_eq!(is_expired(&error), expired, "{message}");
        }
        assert!(!is_expired(&start(None).0.handle(Reply::Lost).unwrap_err()));
        assert!(!is_expired(&start(None).0.handle(Reply::Answered(b"{}")).unwrap_err()));
    }
}
