//! Setting up a client.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use device_http::{CallEvent, Client};
use device_proto::Config;
use device_wire::Sensitive;

use crate::client::DeviceAuth;
use crate::error::Error;
use crate::store::memory::MemoryStore;
use crate::store::{DeviceStore, SessionStore};

impl DeviceAuth {
    /// Creates a builder for a client of an app client in a user pool.
    ///
    /// `user_pool_id` is such as `eu-west-1_Ab12Cd34E`; `client_id` is the app client's id.
    pub fn builder(user_pool_id: impl Into<String>, client_id: impl Into<String>) -> Builder {
        Builder {
            user_pool_id: user_pool_id.into(),
            client_id: client_id.into(),
            client_secret: None,
            region: None,
            endpoint_url: None,
            observer: None,
            device_name: None,
            client_metadata: Sensitive::default(),
            analytics_endpoint_id: None,
            store: None,
            sessions: None,
            http: None,
        }
    }
}

type Observer = Box<dyn Fn(&CallEvent<'_>) + Send + Sync>;

/// Sets up a [`DeviceAuth`].
#[must_use = "call build() to get a client"]
pub struct Builder {
    user_pool_id: String,
    client_id: String,
    client_secret: Option<Sensitive<String>>,
    region: Option<String>,
    endpoint_url: Option<String>,
    observer: Option<Observer>,
    device_name: Option<String>,
    client_metadata: Sensitive<BTreeMap<String, String>>,
    analytics_endpoint_id: Option<String>,
    store: Option<Arc<dyn DeviceStore>>,
    sessions: Option<Arc<dyn SessionStore>>,
    http: Option<Client>,
}

impl Builder {
    /// Sets the app client's secret, if it has one.
    pub fn client_secret(mut self, secret: impl Into<Sensitive<String>>) -> Self {
        self.client_secret = Some(secret.into());
        self
    }

    /// Sets the region, if it is not the one that the pool's id names.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets another endpoint than the region's: see [`device_http::Builder::endpoint_url`].
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint_url = Some(url.into());
        self
    }

    /// Sets the name of this device that users see. The service receives it when the device is new.
    pub fn device_name(mut self, name: impl Into<String>) -> Self {
        self.device_name = Some(name.into());
        self
    }

    /// Sets the `ClientMetadata` that the pool's Lambda functions receive.
    ///
    /// It accompanies every step of every sign-in and every refresh. To set it for one sign-in, use
    /// [`Credentials::with_client_metadata`](crate::Credentials::with_client_metadata); from one
    /// answer on, [`Pending::with_client_metadata`](crate::Pending::with_client_metadata).
    pub fn client_metadata<K: Into<String>, V: Into<String>>(
        mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.client_metadata
            .extend(entries.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Sets the Amazon Pinpoint endpoint that sign-ins count for.
    pub fn analytics_endpoint_id(mut self, id: impl Into<String>) -> Self {
        self.analytics_endpoint_id = Some(id.into());
        self
    }

    /// Sets where device records are kept; in memory by default.
    pub fn store(mut self, store: impl DeviceStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets where the session is kept across restarts of the app; nowhere by default.
    ///
    /// If a [`FileStore`](crate::FileStore) is given as both stores, both use one file.
    pub fn session_store(mut self, store: impl SessionStore) -> Self {
        self.sessions = Some(Arc::new(store));
        self
    }

    /// Sets a function that receives an event for each call: see
    /// [`device_http::Builder::observer`].
    pub fn observer(mut self, observer: impl Fn(&CallEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Sets the HTTP client, instead of one that the builder creates. It has its own region,
    /// endpoint and observer, so [`build`](Self::build) refuses those settings.
    pub fn http(mut self, client: Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Builds the client and restores the session from its [session store](Self::session_store), if
    /// any. Makes no call: whether the session is still valid shows at its first use.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); [`Error::Store`] if the store could not be read.
    pub async fn build_restored(self) -> Result<DeviceAuth, Error> {
        let auth = self.build()?;
        auth.restore().await?;
        Ok(auth)
    }

    /// Builds the client. No user is signed in.
    ///
    /// # Errors
    /// [`Error::Configuration`] if the pool's id does not have the form `<region>_<name>`, the app
    /// client's id is empty, the HTTP client cannot be set up, or one was given together with a
    /// region, an endpoint or an observer.
    pub fn build(self) -> Result<DeviceAuth, Error> {
        let wrong = |error: &dyn fmt::Display| Error::Configuration(error.to_string());
        let mut config = Config::new(&self.user_pool_id, &self.client_id)
            .map_err(|error| wrong(&format_args!("{:?}: {error}", self.user_pool_id)))?;
        if self.client_id.is_empty() {
            return Err(wrong(
                &"the app client's id is empty: take it from the pool's app clients",
            ));
        }
        if let Some(secret) = self.client_secret {
            config = config.with_client_secret(secret);
        }
        config = config.with_client_metadata(self.client_metadata.into_inner());
        if let Some(id) = self.analytics_endpoint_id {
            config = config.with_analytics_endpoint_id(id);
        }
        let set_here = [
            ("region", self.region.is_some()),
            ("endpoint_url", self.endpoint_url.is_some()),
            ("observer", self.observer.is_some()),
        ];
        let http = match (self.http, set_here.iter().find(|(_, is_set)| *is_set)) {
            (Some(_), Some((setting, _))) => {
                return Err(wrong(&format_args!(
                    "`{setting}` has no effect beside `http`: set it on the client that you pass"
                )));
            }
            (Some(http), None) => http,
            (None, _) => {
                let region = self.region.unwrap_or_else(|| config.region().to_owned());
                let mut http = Client::builder().region(region);
                if let Some(url) = self.endpoint_url {
                    http = http.endpoint_url(url);
                }
                if let Some(observer) = self.observer {
                    http = http.observer(observer);
                }
                http.build().map_err(|error| wrong(&error))?
            }
        };
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        Ok(DeviceAuth::new(config, http, store, self.sessions, self.device_name))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("user_pool_id", &self.user_pool_id)
            .field("client_id", &self.client_id)
            .field("region", &self.region)
            .field("device_name", &self.device_name)
            .finish_non_exhaustive()
    }
}
