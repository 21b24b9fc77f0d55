//! Credentials: what a user signs in with.

use std::collections::BTreeMap;

use device_srp::ClientEphemeral;
use device_wire::enums::AuthFlowType;
use device_wire::shapes::UserContextDataType;
use device_wire::{Sensitive, param};
use rand_core::CryptoRng;

/// What a user signs in with: a name, and the first factor of a flow.
#[derive(Debug)]
pub struct Credentials {
    username: String,
    factor: Factor,
    client_metadata: Metadata,
    user_context: Option<UserContextDataType>,
}

#[derive(Debug)]
enum Factor {
    Srp(Sensitive<String>),
    Password(Sensitive<String>),
    Custom { password: Option<Sensitive<String>> },
    Choice(Choice),
}

#[derive(Debug)]
enum Choice {
    Ask,
    Srp(Sensitive<String>),
    Password(Sensitive<String>),
    Code(&'static str),
}

impl Credentials {
    /// Proves a password without sending it (`USER_SRP_AUTH`). Prefer this flow.
    #[must_use]
    pub fn srp(username: impl Into<String>, password: impl Into<Sensitive<String>>) -> Self {
        Self::new(username, Factor::Srp(password.into()))
    }

    /// Sends a password, protected only by TLS (`USER_PASSWORD_AUTH`). For pools that migrate their
    /// users.
    #[must_use]
    pub fn password(username: impl Into<String>, password: impl Into<Sensitive<String>>) -> Self {
        Self::new(username, Factor::Password(password.into()))
    }

    /// Answers the pool's custom challenges (`CUSTOM_AUTH`), without a password.
    #[must_use]
    pub fn custom(username: impl Into<String>) -> Self {
        Self::new(username, Factor::Custom { password: None })
    }

    /// Proves a password, then answers the pool's custom challenges (`CUSTOM_AUTH` that starts with
    /// `SRP_A`).
    #[must_use]
    pub fn custom_after_srp(
        username: impl Into<String>,
        password: impl Into<Sensitive<String>>,
    ) -> Self {
        Self::new(username, Factor::Custom { password: Some(password.into()) })
    }

    /// Lets the user choose the first factor from what the pool offers (`USER_AUTH`).
    #[must_use]
    pub fn choose(username: impl Into<String>) -> Self {
        Self::new(username, Factor::Choice(Choice::Ask))
    }

    /// Chooses a proven password (`USER_AUTH` with `PASSWORD_SRP`).
    #[must_use]
    pub fn choose_srp(username: impl Into<String>, password: impl Into<Sensitive<String>>) -> Self {
        Self::new(username, Factor::Choice(Choice::Srp(password.into())))
    }

    /// Chooses a sent password (`USER_AUTH` with `PASSWORD`).
    #[must_use]
    pub fn choose_password(
        username: impl Into<String>,
        password: impl Into<Sensitive<String>>,
    ) -> Self {
        Self::new(username, Factor::Choice(Choice::Password(password.into())))
    }

    /// Chooses a code by e-mail (`USER_AUTH` with `EMAIL_OTP`).
    #[must_use]
    pub fn choose_email_code(username: impl Into<String>) -> Self {
        Self::new(username, Factor::Choice(Choice::Code("EMAIL_OTP")))
    }

    /// Chooses a code by text message (`USER_AUTH` with `SMS_OTP`).
    #[must_use]
    pub fn choose_sms_code(username: impl Into<String>) -> Self {
        Self::new(username, Factor::Choice(Choice::Code("SMS_OTP")))
    }

    fn new(username: impl Into<String>, factor: Factor) -> Self {
        Self {
            username: username.into(),
            factor,
            client_metadata: Metadata::default(),
            user_context: None,
        }
    }

    /// Adds entries to the `ClientMetadata` that the pool's Lambda functions receive.
    ///
    /// It accompanies every step of this sign-in. An entry replaces the one of the same name in the
    /// [`Config`](crate::Config).
    #[must_use]
    pub fn with_client_metadata<K: Into<String>, V: Into<String>>(
        mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.client_metadata
            .extend(entries.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Sets the `UserContextData` for the pool's threat protection.
    ///
    /// It describes the user's device and address, and accompanies every step.
    #[must_use]
    pub fn with_user_context(mut self, context: UserContextDataType) -> Self {
        self.user_context = Some(context);
        self
    }

    /// The name, as typed by the user.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The password, if it is proven by SRP.
    fn proof_password(&self) -> Option<&Sensitive<String>> {
        match &self.factor {
            Factor::Srp(password) | Factor::Choice(Choice::Srp(password)) => Some(password),
            Factor::Custom { password } => password.as_ref(),
            Factor::Password(_) | Factor::Choice(_) => None,
        }
    }

    pub(crate) fn client_metadata(&self) -> &Metadata {
        &self.client_metadata
    }

    pub(crate) fn user_context(&self) -> Option<&UserContextDataType> {
        self.user_context.as_ref()
    }

    /// The credentials for a sign-in that starts again after choosing to prove a password.
    pub(crate) fn having_chosen_srp(self, password: Sensitive<String>) -> Self {
        Self { factor: Factor::Choice(Choice::Srp(password)), ..self }
    }

    /// The credentials for a sign-in that starts again after choosing to send a password.
    pub(crate) fn having_chosen_password(self, password: Sensitive<String>) -> Self {
        Self { factor: Factor::Choice(Choice::Password(password)), ..self }
    }

    /// The credentials for a sign-in that starts again after a temporary password was replaced.
    pub(crate) fn with_password(mut self, new: Sensitive<String>) -> Self {
        match &mut self.factor {
            Factor::Srp(password)
            | Factor::Password(password)
            | Factor::Custom { password: Some(password) }
            | Factor::Choice(Choice::Srp(password) | Choice::Password(password)) => *password = new,
            Factor::Custom { password: None } | Factor::Choice(Choice::Ask | Choice::Code(_)) => {}
        }
        self
    }

    /// The first request's flow and parameters, and the proof that it starts.
    pub(crate) fn begin(&self, rng: &mut impl CryptoRng) -> Beginning {
        let mut parameters = Parameters::default();
        let mut put =
            |name: &str, value: &str| parameters.insert(name.to_owned(), value.to_owned());
        let handshake = self.proof_password().map(|password| Handshake::new(password.clone(), rng));
        if let Some(handshake) = &handshake {
            put(param::SRP_A, &handshake.ephemeral.public().to_hex());
        }
        let flow = match &self.factor {
            Factor::Srp(_) => AuthFlowType::UserSrpAuth,
            Factor::Password(password) => {
                put(param::PASSWORD, password);
                AuthFlowType::UserPasswordAuth
            }
            Factor::Custom { password } => {
                if password.is_some() {
                    put(param::CHALLENGE_NAME, param::SRP_A);
                }
                AuthFlowType::CustomAuth
            }
            Factor::Choice(choice) => {
                match choice {
                    Choice::Ask => {}
                    Choice::Srp(_) => drop(put(param::PREFERRED_CHALLENGE, "PASSWORD_SRP")),
                    Choice::Password(password) => {
                        put(param::PREFERRED_CHALLENGE, "PASSWORD");
                        put(param::PASSWORD, password);
                    }
                    Choice::Code(kind) => drop(put(param::PREFERRED_CHALLENGE, kind)),
                }
                AuthFlowType::UserAuth
            }
        };
        Beginning { flow, parameters, handshake }
    }
}

/// The parameters of a step.
pub(crate) type Parameters = Sensitive<BTreeMap<String, String>>;

/// The `ClientMetadata`. Apps may put secrets in it, so it is treated as secret.
pub(crate) type Metadata = Sensitive<BTreeMap<String, String>>;

/// The metadata for a request; `None` if it is empty.
pub(crate) fn to_send(metadata: &Metadata) -> Option<BTreeMap<String, String>> {
    (!metadata.is_empty()).then(|| metadata.clone().into_inner())
}

/// The first request of a sign-in.
pub(crate) struct Beginning {
    pub(crate) flow: AuthFlowType,
    pub(crate) parameters: Parameters,
    pub(crate) handshake: Option<Handshake>,
}

/// A running proof: the service has A, and will send B.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) ephemeral: ClientEphemeral,
    pub(crate) password: Sensitive<String>,
}

impl Handshake {
    pub(crate) fn new(password: Sensitive<String>, rng: &mut impl CryptoRng) -> Self {
        Self { ephemeral: ClientEphemeral::generate(rng), password }
    }
}
