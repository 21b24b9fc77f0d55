//! The devices of the signed-in user.

use std::sync::Arc;

use device_http::Client;
use device_proto::{Consent, Device, DeviceStatus, ListDevices, ListStep, Reply, Request};
use device_wire::Operation;
use device_wire::requests::{ForgetDeviceRequest, GetDeviceRequest, UpdateDeviceStatusRequest};

use crate::client::DeviceAuth;
use crate::error::Error;
use crate::events::Event;
use crate::session::{Active, Session, SessionOrigin};
use crate::sign_in::outcome::SessionDevice;

/// The device that the session belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CurrentDevice {
    /// Remembered, as described by the service.
    Remembered(Device),
    /// Tracked but not remembered. The service shows such devices only to administrators.
    Tracked {
        /// Its key.
        key: String,
    },
}

impl DeviceAuth {
    /// The key of this device, if the session belongs to a tracked device. Makes no call.
    #[must_use]
    pub fn current_device_key(&self) -> Option<String> {
        self.active().ok()?.session.device_key.clone()
    }

    /// Marks this device as remembered. If the pool allows it, the device replaces the second
    /// factor from then on.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/signed_in.rs"));
    /// # fn main() { with_ada_signed_in(run); }
    /// # async fn run(auth: &DeviceAuth) -> Result<(), Error> {
    /// auth.remember_device().await?;
    /// println!("Remember device succeeded");
    /// # assert_eq!(auth.fetch_devices().await?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::DeviceNotTracked`], [`Error::DevicesElsewhere`]; [`Error::SignedOut`],
    /// [`Error::SessionExpired`]; [`Error::Service`], [`Error::Transport`]; [`Error::Store`] if
    /// only the local record could not be changed.
    pub async fn remember_device(&self) -> Result<(), Error> {
        self.set_status(DeviceStatus::Remembered).await
    }

    /// Marks this device as not remembered. It stays tracked.
    ///
    /// # Errors
    /// As [`remember_device`](Self::remember_device).
    pub async fn do_not_remember_device(&self) -> Result<(), Error> {
        self.set_status(DeviceStatus::NotRemembered).await
    }

    async fn set_status(&self, status: DeviceStatus) -> Result<(), Error> {
        let active = self.trackable()?;
        let key = tracked_key(&active)?;
        let updated = self
            .authorized(|token| UpdateDeviceStatusRequest {
                device_remembered_status: Some(status.into()),
                ..UpdateDeviceStatusRequest::new(token, &key)
            })
            .await;
        match updated {
            Ok(_) => {
                self.tell(&match status {
                    DeviceStatus::Remembered => Event::DeviceRemembered { key: key.clone() },
                    DeviceStatus::NotRemembered => Event::DeviceNotRemembered { key: key.clone() },
                });
                match self.record_of(&active.session.username, &key).await? {
                    Some(mut record) if record.status != status => {
                        record.status = status;
                        Ok(self.0.store.save(&record, &active.alias).await?)
                    }
                    _ => Ok(()),
                }
            }
            Err(error) if is_unknown_device(&error) => {
                self.drop_device(&active, &key).await?;
                Err(Error::DeviceNotTracked)
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets this device and deletes its record. The service no longer tracks it, and its refresh
    /// tokens become invalid.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/signed_in.rs"));
    /// # fn main() { with_ada_signed_in(run); }
    /// # async fn run(auth: &DeviceAuth) -> Result<(), Error> {
    /// auth.forget_this_device().await?;
    /// println!("Forget device succeeded");
    /// # assert_eq!(auth.current_device_key(), None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::DeviceNotTracked`]; others as [`remember_device`](Self::remember_device).
    pub async fn forget_this_device(&self) -> Result<(), Error> {
        let active = self.trackable()?;
        self.forget(&active, &tracked_key(&active)?).await
    }

    /// Forgets the device with this key, as listed by [`fetch_devices`](Self::fetch_devices). It is
    /// no error if the service does not know the device.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/signed_in.rs"));
    /// # fn main() { with_ada_signed_in(run); }
    /// # async fn run(auth: &DeviceAuth) -> Result<(), Error> {
    /// # auth.remember_device().await?;
    /// let devices = auth.fetch_devices().await?;
    /// auth.forget_device(&devices[0].key).await?;
    /// println!("Forget device succeeded");
    /// # assert!(auth.fetch_devices().await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`remember_device`](Self::remember_device), but not [`Error::DeviceNotTracked`].
    pub async fn forget_device(&self, key: &str) -> Result<(), Error> {
        let active = self.trackable()?;
        self.forget(&active, key).await
    }

    async fn forget(&self, active: &Active, key: &str) -> Result<(), Error> {
        let forgotten = self
            .authorized(|token| ForgetDeviceRequest {
                access_token: Some(token),
                ..ForgetDeviceRequest::new(key)
            })
            .await;
        match forgotten {
            Ok(()) => {}
            Err(error) if is_unknown_device(&error) => {}
            Err(error) => return Err(error),
        }
        self.drop_device(active, key).await
    }

    /// Forgets every device that [`fetch_devices`](Self::fetch_devices) lists, this one last.
    /// Returns their number.
    ///
    /// # Errors
    /// As [`forget_device`](Self::forget_device). Devices that were forgotten before the error stay
    /// forgotten.
    pub async fn forget_all_devices(&self) -> Result<usize, Error> {
        let mut devices = self.fetch_devices().await?;
        // If this one were forgotten first, the session could not be refreshed for the rest.
        devices.sort_by_key(|device| device.is_current);
        for device in &devices {
            self.forget_device(&device.key).await?;
        }
        Ok(devices.len())
    }

    /// Lists the user's remembered devices, with this one marked. The service shows users no
    /// others.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/signed_in.rs"));
    /// # fn main() { with_ada_signed_in(run); }
    /// # async fn run(auth: &DeviceAuth) -> Result<(), Error> {
    /// # auth.remember_device().await?;
    /// for device in auth.fetch_devices().await? {
    ///     println!("Device: {device:?}");
    ///     # assert!(device.is_current);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::SignedOut`], [`Error::SessionExpired`], [`Error::DevicesElsewhere`];
    /// [`Error::Service`], [`Error::Transport`]; [`Error::Protocol`] if the list has no end.
    pub async fn fetch_devices(&self) -> Result<Vec<Device>, Error> {
        self.trackable()?;
        let session = self.session().await?;
        match self.list(&session).await {
            Err(error) => self.list(&self.renewed(&session, error).await?).await,
            devices => devices,
        }
    }

    async fn list(&self, session: &Session) -> Result<Vec<Device>, Error> {
        let (token, current) = (session.access_token.clone(), session.device_key.clone());
        fetch_all(&self.0.http, ListDevices::start(token, current)).await
    }

    /// Fetches the service's description of this device.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/signed_in.rs"));
    /// # fn main() { with_ada_signed_in(run); }
    /// # async fn run(auth: &DeviceAuth) -> Result<(), Error> {
    /// use device_auth::CurrentDevice;
    ///
    /// # let key = auth.current_device_key().unwrap();
    /// # assert_eq!(auth.fetch_current_device().await?, CurrentDevice::Tracked { key });
    /// # auth.remember_device().await?;
    /// match auth.fetch_current_device().await? {
    ///     CurrentDevice::Remembered(device) => println!("Device: {device:?}"),
    ///     CurrentDevice::Tracked { key } => println!("Device: {key}, tracked and not remembered"),
    ///     _ => {}
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::DeviceNotTracked`]; [`Error::DeviceUnknown`] if it is remembered here but the
    /// service does not list it; others as [`fetch_devices`](Self::fetch_devices).
    pub async fn fetch_current_device(&self) -> Result<CurrentDevice, Error> {
        let active = self.trackable()?;
        let key = tracked_key(&active)?;
        let found = self
            .authorized(|token| GetDeviceRequest {
                access_token: Some(token),
                ..GetDeviceRequest::new(&key)
            })
            .await;
        match found {
            Ok(response) => {
                let device = Device::from_wire(response.device, Some(&key));
                if device.is_current {
                    Ok(CurrentDevice::Remembered(device))
                } else {
                    let problem = "it tells of another device than was asked for";
                    Err(Error::Protocol(device_proto::Error::MalformedAnswer {
                        operation: Operation::GetDevice,
                        problem,
                    }))
                }
            }
            Err(error) if is_unknown_device(&error) => {
                match self.record_of(&active.session.username, &key).await? {
                    Some(record) if record.status == DeviceStatus::NotRemembered => {
                        Ok(CurrentDevice::Tracked { key })
                    }
                    _ => Err(Error::DeviceUnknown),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Confirms this device, if that failed during the sign-in.
    ///
    /// # Errors
    /// [`Error::DeviceNotTracked`] if there is no device to confirm; [`Error::SignedOut`],
    /// [`Error::SessionExpired`]; [`Error::Service`], [`Error::Transport`]; [`Error::Store`] if the
    /// device was confirmed but its record could not be saved.
    pub async fn confirm_device(&self) -> Result<SessionDevice, Error> {
        self.trackable()?;
        let session = self.session().await?;
        let active = self.active()?;
        let Some(device) = &active.unconfirmed else { return Err(Error::DeviceNotTracked) };
        let sent = self.0.http.send(&device.request(&session.access_token)).await;
        let reply = match &sent {
            Ok(body) => Reply::Answered(body),
            Err(error) => error.reply(),
        };
        let (record, consent) = match device.handle(reply) {
            Ok(confirmed) => confirmed,
            Err(error) => return Err(sent.err().map_or_else(|| error.into(), Error::from)),
        };
        // Save the record before the session says that the device is tracked: if this future is
        // dropped in between, the device can be confirmed again.
        let saved = self.0.store.save(&record, &active.alias).await;
        let is_unconfirmed = |active: &Active| {
            active
                .unconfirmed
                .as_ref()
                .is_some_and(|device| device.device_key() == record.device_key)
        };
        self.amend(is_unconfirmed, |active| {
            active.unconfirmed = None;
            active.session.device_key = Some(record.device_key.clone());
        })
        .await;
        saved?;
        let device = SessionDevice::of(&record, consent == Consent::Needed);
        if let SessionDevice::Remembered { key } = &device {
            self.tell(&Event::DeviceRemembered { key: key.clone() });
        }
        Ok(device)
    }

    /// The session, if it is of a kind that has devices.
    fn trackable(&self) -> Result<Arc<Active>, Error> {
        let active = self.active()?;
        match active.session.origin {
            SessionOrigin::SignIn => Ok(active),
            elsewhere => Err(Error::DevicesElsewhere(elsewhere)),
        }
    }

    /// Removes a device of the session's user that the service no longer knows.
    async fn drop_device(&self, active: &Active, key: &str) -> Result<(), Error> {
        let is_its = |active: &Active| active.session.device_key.as_deref() == Some(key);
        self.amend(is_its, |active| active.session.device_key = None).await;
        self.tell(&Event::DeviceForgotten { key: key.to_owned() });
        Ok(self.0.store.remove(&self.owner(&active.session.username), key).await?)
    }
}

fn tracked_key(active: &Active) -> Result<String, Error> {
    active.session.device_key.clone().ok_or(Error::DeviceNotTracked)
}

/// Fetches every page of a list.
pub(crate) async fn fetch_all(
    http: &Client,
    (mut list, mut request): (ListDevices, Request),
) -> Result<Vec<Device>, Error> {
    loop {
        let body = http.send(&request).await?;
        match list.handle(Reply::Answered(&body))? {
            ListStep::Send(next, with) => (list, request) = (next, with),
            ListStep::Done(devices) => return Ok(devices),
        }
    }
}

fn is_unknown_device(error: &Error) -> bool {
    error.as_service_error().is_some_and(device_proto::ServiceError::is_unknown_device)
}
