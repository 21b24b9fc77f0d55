//! The devices of any user, for administrators.

use device_http::Client;
use device_proto::{Device, DeviceStatus, ListDevices, ServiceError};
use device_wire::requests::{
    AdminForgetDeviceRequest, AdminGetDeviceRequest, AdminUpdateDeviceStatusRequest,
};

use crate::devices::fetch_all;
use crate::error::Error;

/// Manages the devices of every user of a pool, with an administrator's credentials.
///
/// Cheap to clone.
///
/// ```no_run
/// use aws_credential_types::Credentials;
/// use device_auth::{DeviceAdmin, device_http};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let http = device_http::Client::builder()
///     .region("eu-west-1")
///     .credentials(Credentials::new("AKIDEXAMPLE", "secret", None, None, "example"))
///     .build()?;
/// let devices = DeviceAdmin::new(http, "eu-west-1_Ab12Cd34E");
/// for device in devices.list("ada").await? {
///     println!("{} {:?}", device.key, device.status);
///     devices.forget("ada", &device.key).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DeviceAdmin {
    http: Client,
    user_pool_id: String,
}

impl DeviceAdmin {
    /// Creates an administrator of that pool. `http` signs the calls with its credentials.
    pub fn new(http: Client, user_pool_id: impl Into<String>) -> Self {
        Self { http, user_pool_id: user_pool_id.into() }
    }

    /// Lists every device of a user, remembered or not: see [`Device::status`].
    ///
    /// # Errors
    /// [`Error::Service`], [`Error::Transport`]; [`Error::Protocol`] if the list has no end.
    pub async fn list(&self, username: &str) -> Result<Vec<Device>, Error> {
        fetch_all(&self.http, ListDevices::of_user(&self.user_pool_id, username)).await
    }

    /// Fetches one device of a user.
    ///
    /// # Errors
    /// [`Error::DeviceUnknown`] if the user has no such device; [`Error::Service`],
    /// [`Error::Transport`].
    pub async fn device(&self, username: &str, key: &str) -> Result<Device, Error> {
        let request = AdminGetDeviceRequest::new(key, &self.user_pool_id, username);
        let answer = self.http.call(&request).await.map_err(known)?;
        Ok(Device::from_wire(answer.device, None))
    }

    /// Sets whether a device of a user is remembered.
    ///
    /// # Errors
    /// As [`device`](Self::device).
    pub async fn update_status(
        &self,
        username: &str,
        key: &str,
        status: DeviceStatus,
    ) -> Result<(), Error> {
        let request = AdminUpdateDeviceStatusRequest {
            device_remembered_status: Some(status.into()),
            ..AdminUpdateDeviceStatusRequest::new(&self.user_pool_id, username, key)
        };
        self.http.call(&request).await.map_err(known)?;
        Ok(())
    }

    /// Forgets a device of a user, and ends its sessions. A device that the service does not know
    /// counts as forgotten.
    ///
    /// # Errors
    /// [`Error::Service`], [`Error::Transport`].
    pub async fn forget(&self, username: &str, key: &str) -> Result<(), Error> {
        let request = AdminForgetDeviceRequest::new(&self.user_pool_id, username, key);
        match self.http.call(&request).await.map_err(known) {
            Ok(_) | Err(Error::DeviceUnknown) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Tells an unknown device from other refusals.
fn known(error: device_http::Error) -> Error {
    match error.service().is_some_and(ServiceError::is_unknown_device) {
        true => Error::DeviceUnknown,
        false => error.into(),
    }
}
