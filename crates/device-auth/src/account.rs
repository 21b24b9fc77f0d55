//! The user's own account: password, attributes, deletion.

use std::collections::BTreeMap;

use device_wire::Sensitive;
use device_wire::requests::{
    ChangePasswordRequest, DeleteUserAttributesRequest, DeleteUserRequest,
    GetUserAttributeVerificationCodeRequest, GetUserRequest, UpdateUserAttributesRequest,
    VerifyUserAttributeRequest,
};
use device_wire::shapes::{AttributeType, CodeDeliveryDetailsType};

use crate::client::DeviceAuth;
use crate::error::Error;
use crate::events::Event;

/// The signed-in user, as the service describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The internal name.
    pub username: String,
    /// The attributes by name, such as `email`. Custom attributes have the prefix `custom:`.
    pub attributes: Sensitive<BTreeMap<String, String>>,
}

/// Where the service sent a code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeDelivery {
    /// The attribute that the code verifies, such as `email`.
    pub attribute: Option<String>,
    /// The destination, masked, such as `a***@e***`.
    pub destination: Option<String>,
}

impl DeviceAuth {
    /// Fetches the signed-in user with their attributes (`GetUser`).
    ///
    /// # Errors
    /// [`Error::SignedOut`], [`Error::SessionExpired`]; [`Error::Service`], [`Error::Transport`].
    pub async fn fetch_user(&self) -> Result<User, Error> {
        let answer = self.authorized(GetUserRequest::new).await?;
        let value = |attribute: AttributeType| {
            Some((attribute.name, attribute.value.map(Sensitive::into_inner)?))
        };
        Ok(User {
            username: answer.username.into_inner(),
            attributes: answer.user_attributes.into_iter().filter_map(value).collect(),
        })
    }

    /// Sets attributes of the user, such as `("email", "ada@example.com")`
    /// (`UpdateUserAttributes`).
    ///
    /// Returns the destinations of sent codes, one for each address to verify with
    /// [`verify_user_attribute`](Self::verify_user_attribute).
    ///
    /// # Errors
    /// As [`fetch_user`](Self::fetch_user).
    pub async fn update_user_attributes(
        &self,
        attributes: &[(&str, &str)],
    ) -> Result<Vec<CodeDelivery>, Error> {
        let attribute = |&(name, value): &(&str, &str)| AttributeType {
            name: name.to_owned(),
            value: Some(value.into()),
        };
        let attributes: Vec<_> = attributes.iter().map(attribute).collect();
        let answer = self
            .authorized(|token| UpdateUserAttributesRequest::new(attributes.clone(), token))
            .await?;
        let deliveries = answer.code_delivery_details_list.unwrap_or_default();
        Ok(deliveries.into_iter().map(CodeDelivery::from).collect())
    }

    /// Deletes attributes of the user, by name (`DeleteUserAttributes`).
    ///
    /// # Errors
    /// As [`fetch_user`](Self::fetch_user).
    pub async fn delete_user_attributes(&self, names: &[&str]) -> Result<(), Error> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        self.authorized(|token| DeleteUserAttributesRequest::new(names.clone(), token)).await?;
        Ok(())
    }

    /// Sends a code that verifies the attribute `email` or `phone_number`
    /// (`GetUserAttributeVerificationCode`). Returns its destination.
    ///
    /// # Errors
    /// As [`fetch_user`](Self::fetch_user).
    pub async fn send_user_attribute_code(&self, name: &str) -> Result<CodeDelivery, Error> {
        let answer = self
            .authorized(|token| GetUserAttributeVerificationCodeRequest::new(token, name))
            .await?;
        Ok(answer.code_delivery_details.unwrap_or_default().into())
    }

    /// Verifies the attribute `email` or `phone_number` with the code that was sent to it
    /// (`VerifyUserAttribute`).
    ///
    /// # Errors
    /// As [`fetch_user`](Self::fetch_user). A wrong code is [`Error::Service`] with the code
    /// `CodeMismatchException`.
    pub async fn verify_user_attribute(&self, name: &str, code: &str) -> Result<(), Error> {
        self.authorized(|token| VerifyUserAttributeRequest::new(token, name, code)).await?;
        Ok(())
    }

    /// Changes the user's password (`ChangePassword`). The session stays.
    ///
    /// # Errors
    /// As [`fetch_user`](Self::fetch_user). A wrong previous password is [`Error::Service`] with
    /// the code `NotAuthorizedException`; a new one that violates the pool's policy, with the code
    /// `InvalidPasswordException`.
    pub async fn change_password(
        &self,
        previous: impl Into<Sensitive<String>>,
        proposed: impl Into<Sensitive<String>>,
    ) -> Result<(), Error> {
        let (previous, proposed) = (previous.into(), proposed.into());
        self.authorized(|token| ChangePasswordRequest {
            previous_password: Some(previous.clone()),
            ..ChangePasswordRequest::new(proposed.clone(), token)
        })
        .await?;
        Ok(())
    }

    /// Deletes the user permanently (`DeleteUser`).
    ///
    /// The service deletes the account with all its devices; the session and this device's record
    /// are deleted here.
    ///
    /// # Errors
    ///
    /// As [`fetch_user`](Self::fetch_user). [`Error::Store`] if the user was deleted but the local
    /// data was not.
    pub async fn delete_user(&self) -> Result<(), Error> {
        let session = self.session().await?;
        self.authorized_by(&session, DeleteUserRequest::new).await?;
        let username = session.username;
        self.take_session_of(&username);
        self.tell(&Event::UserDeleted { username: username.clone() });
        let (session, record) =
            (self.persist(&username).await, self.remove_records_of(&username).await);
        Ok(session.and(record)?)
    }
}

impl From<CodeDeliveryDetailsType> for CodeDelivery {
    fn from(details: CodeDeliveryDetailsType) -> Self {
        Self { attribute: details.attribute_name, destination: details.destination }
    }
}
