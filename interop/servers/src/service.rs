//! Pools and users at the server, created by signed calls over this project's transport.

use aws_credential_types::Credentials as Keys;
use device_auth::device_http::Client;
use device_auth::{Credentials, DeviceAuth};
use device_wire::enums::{ExplicitAuthFlowsType, MessageActionType, UserPoolMfaType};
use device_wire::requests::{
    AdminCreateUserRequest, AdminSetUserPasswordRequest, CreateUserPoolClientRequest,
    CreateUserPoolRequest, SetUserPoolMfaConfigRequest,
};
use device_wire::shapes::{DeviceConfigurationType, SoftwareTokenMfaConfigType};

use crate::Result;

pub(crate) const USER: &str = "ada";
pub(crate) const PASSWORD: &str = "Correct-Horse-7";

/// A server, with the keys of its administrator.
pub(crate) struct Service {
    pub(crate) http: Client,
    endpoint: String,
}

/// The settings that a step needs of its pool.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) client_secret: bool,
    pub(crate) temporary_password: bool,
    pub(crate) second_factor: Option<UserPoolMfa>,
}

/// Whether an authenticator app is optional or required.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum UserPoolMfa {
    Optional,
    On,
}

impl Service {
    pub(crate) fn at(endpoint: &str) -> Result<Self> {
        let http = Client::builder()
            .region("us-east-1")
            .endpoint_url(endpoint)
            .credentials(Keys::new("AKIDEXAMPLE", "a secret of nobody", None, None, "interop"))
            .build()?;
        Ok(Self { http, endpoint: endpoint.to_owned() })
    }

    /// An app at a new pool with one user.
    pub(crate) async fn app(&self, wanted: Wanted) -> Result<DeviceAuth> {
        let tracking = DeviceConfigurationType {
            challenge_required_on_new_device: Some(true),
            device_only_remembered_on_user_prompt: Some(false),
        };
        let pool = CreateUserPoolRequest {
            device_configuration: Some(tracking),
            ..CreateUserPoolRequest::new("interop")
        };
        let pool = self
            .http
            .call(&pool)
            .await?
            .user_pool
            .and_then(|pool| pool.id)
            .ok_or("the pool has no id")?;
        if let Some(mfa) = wanted.second_factor {
            let software_token = SoftwareTokenMfaConfigType { enabled: Some(true) };
            let config = SetUserPoolMfaConfigRequest {
                software_token_mfa_configuration: Some(software_token),
                mfa_configuration: Some(match mfa {
                    UserPoolMfa::Optional => UserPoolMfaType::Optional,
                    UserPoolMfa::On => UserPoolMfaType::On,
                }),
                ..SetUserPoolMfaConfigRequest::new(&pool)
            };
            self.http.call(&config).await?;
        }
        let user = AdminCreateUserRequest {
            message_action: Some(MessageActionType::Suppress),
            temporary_password: Some(PASSWORD.into()),
            ..AdminCreateUserRequest::new(&pool, USER)
        };
        self.http.call(&user).await?;
        if !wanted.temporary_password {
            let password = AdminSetUserPasswordRequest {
                permanent: Some(true),
                ..AdminSetUserPasswordRequest::new(&pool, USER, PASSWORD)
            };
            self.http.call(&password).await?;
        }
        let client = CreateUserPoolClientRequest {
            generate_secret: Some(wanted.client_secret),
            explicit_auth_flows: Some(vec![
                ExplicitAuthFlowsType::AllowUserSrpAuth,
                ExplicitAuthFlowsType::AllowUserPasswordAuth,
                ExplicitAuthFlowsType::AllowRefreshTokenAuth,
            ]),
            ..CreateUserPoolClientRequest::new(&pool, "app")
        };
        let client = self.http.call(&client).await?.user_pool_client.ok_or("there is no client")?;
        let id = client.client_id.ok_or("the client has no id")?;
        let mut builder = DeviceAuth::builder(pool, id.as_str()).endpoint_url(&self.endpoint);
        if wanted.client_secret {
            builder =
                builder.client_secret(client.client_secret.ok_or("the client has no secret")?);
        }
        Ok(builder.build()?)
    }
}

pub(crate) fn proven() -> Credentials {
    Credentials::srp(USER, PASSWORD)
}
