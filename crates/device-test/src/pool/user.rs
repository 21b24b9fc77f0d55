//! Users.

use device_proto::Credentials;
use device_wire::Sensitive;
use device_wire::enums::{AuthFlowType, MessageActionType};
use device_wire::param;
use device_wire::requests::{
    AdminCreateUserRequest, AdminSetUserPasswordRequest, AssociateSoftwareTokenRequest,
    InitiateAuthRequest, SetUserMFAPreferenceRequest, VerifySoftwareTokenRequest,
};
use device_wire::shapes::{AttributeType, SoftwareTokenMfaSettingsType};

use super::TestPool;
use crate::PASSWORD;

/// A user, as the test knows them.
#[derive(Clone, Debug)]
pub struct TestUser {
    username: String,
    password: Sensitive<String>,
    authenticator_secret: Option<Sensitive<String>>,
}

impl TestUser {
    /// A user of a seed, whose name and password the test knows.
    #[must_use]
    pub fn of_seed(username: &str, password: &str) -> Self {
        let (username, password) = (username.to_owned(), password.into());
        Self { username, password, authenticator_secret: None }
    }

    /// The same user with an authenticator app, whose secret is in base32.
    #[must_use]
    pub fn with_authenticator(mut self, secret: &str) -> Self {
        self.authenticator_secret = Some(secret.into());
        self
    }

    /// The name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The secret of the authenticator app, in base32, if the user has one.
    #[must_use]
    pub fn authenticator_secret(&self) -> Option<&str> {
        self.authenticator_secret.as_deref().map(String::as_str)
    }

    /// Name and password, proven by SRP.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials::srp(self.username.clone(), self.password.clone())
    }
}

/// Builds a user; see [`TestPool::user`].
#[must_use = "it makes a user by create()"]
pub struct UserBuilder<'a> {
    pool: &'a TestPool,
    username: String,
    password: Sensitive<String>,
    attributes: Vec<AttributeType>,
    authenticator: bool,
}

impl TestPool {
    /// Creates a builder for a confirmed user. The password is [`PASSWORD`] unless it is set.
    pub fn user(&self, username: &str) -> UserBuilder<'_> {
        UserBuilder {
            pool: self,
            username: username.to_owned(),
            password: PASSWORD.into(),
            attributes: Vec::new(),
            authenticator: false,
        }
    }
}

impl UserBuilder<'_> {
    /// Sets the password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = password.into();
        self
    }

    /// Sets a verified e-mail address.
    pub fn email(self, address: &str) -> Self {
        self.attribute("email", address).attribute("email_verified", "true")
    }

    /// Sets a verified phone number, such as `+15550100`.
    pub fn phone_number(self, number: &str) -> Self {
        self.attribute("phone_number", number).attribute("phone_number_verified", "true")
    }

    /// Sets an attribute.
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes
            .push(AttributeType { value: Some(value.into()), ..AttributeType::new(name) });
        self
    }

    /// Gives the user an authenticator app as second factor. Its first code moves the clock by 30
    /// seconds.
    pub fn authenticator(mut self) -> Self {
        self.authenticator = true;
        self
    }

    /// Creates the user.
    ///
    /// # Panics
    /// If the service refuses.
    #[track_caller]
    pub fn create(self) -> TestUser {
        let Self { pool, username, password, attributes, authenticator } = self;
        let name = username.as_str();
        let create = AdminCreateUserRequest {
            message_action: Some(MessageActionType::Suppress),
            user_attributes: Some(attributes).filter(|attributes| !attributes.is_empty()),
            ..AdminCreateUserRequest::new(pool.id(), name)
        };
        pool.call(&create).unwrap();
        let permanent = AdminSetUserPasswordRequest {
            permanent: Some(true),
            ..AdminSetUserPasswordRequest::new(pool.id(), name, password.clone())
        };
        pool.call(&permanent).unwrap();
        let authenticator_secret = authenticator.then(|| pool.enrol(name, &password));
        TestUser { username, password, authenticator_secret }
    }
}

impl TestPool {
    /// Gives a user an authenticator app; returns its secret.
    fn enrol(&self, username: &str, password: &Sensitive<String>) -> Sensitive<String> {
        let parameters = [(param::USERNAME, username), (param::PASSWORD, password)];
        let sign_in = InitiateAuthRequest {
            auth_parameters: Some(Sensitive::from(parameters)),
            ..InitiateAuthRequest::new(AuthFlowType::UserPasswordAuth, self.client_id())
        };
        let answer = self.call(&sign_in).unwrap();
        if let Some(result) = answer.authentication_result {
            let token = result.access_token.unwrap();
            let associate = AssociateSoftwareTokenRequest {
                access_token: Some(token.clone()),
                ..AssociateSoftwareTokenRequest::default()
            };
            let secret = self.call(&associate).unwrap().secret_code.unwrap();
            let verify = VerifySoftwareTokenRequest {
                access_token: Some(token.clone()),
                ..VerifySoftwareTokenRequest::new(self.next_code(&secret))
            };
            self.call(&verify).unwrap();
            let preferred =
                SoftwareTokenMfaSettingsType { enabled: Some(true), preferred_mfa: Some(true) };
            let prefer = SetUserMFAPreferenceRequest {
                software_token_mfa_settings: Some(preferred),
                ..SetUserMFAPreferenceRequest::new(token)
            };
            self.call(&prefer).unwrap();
            return secret;
        }
        // The pool requires a second factor: the sign-in itself sets it up.
        let associate = AssociateSoftwareTokenRequest {
            session: answer.session,
            ..AssociateSoftwareTokenRequest::default()
        };
        let associated = self.call(&associate).unwrap();
        let secret = associated.secret_code.unwrap();
        let verify = VerifySoftwareTokenRequest {
            session: associated.session,
            ..VerifySoftwareTokenRequest::new(self.next_code(&secret))
        };
        self.call(&verify).unwrap();
        secret
    }
}
