//! AWS Signature Version 4, for administrators' operations.

use std::error::Error as StdError;
use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use crate::error::{Error, ErrorKind};

/// The service's name in signatures.
const SERVICE: &str = "cognito-idp";

pub(crate) struct Signer {
    credentials: SharedCredentialsProvider,
    region: String,
}

impl Signer {
    pub(crate) fn new(credentials: SharedCredentialsProvider, region: String) -> Self {
        Self { credentials, region }
    }

    /// Signs the request with all headers that it has, and adds the signature's headers.
    pub(crate) async fn sign(
        &self,
        request: &mut http::Request<&[u8]>,
        now: SystemTime,
    ) -> Result<(), Error> {
        let identity = self.credentials.provide_credentials().await.map_err(failed)?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(failed)?
            .into();
        let uri = request.uri().to_string();
        let headers: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let signable = SignableRequest::new(
            request.method().as_str(),
            &uri,
            headers.into_iter(),
            SignableBody::Bytes(request.body()),
        )
        .map_err(failed)?;
        let (instructions, _) = sign(signable, &parameters).map_err(failed)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

fn failed(error: impl StdError + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Credentials, error)
}
