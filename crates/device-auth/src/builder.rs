//! Setting up a client.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use device_http::{CallEvent, Client};
use device_proto::Config;
use device_wire::Sensitive;

use crate::{DeviceAuth, DeviceStore, Error, MemoryStore, SessionStore};

/// Sets up a [`DeviceAuth`].
#[must_use = "a client comes of build()"]
pub struct Builder {
    user_pool_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Sensitive<String>>,
    region: Option<String>,
    endpoint_url: Option<String>,
    device_name: Option<String>,
    client_metadata: Sensitive<BTreeMap<String, String>>,
    analytics_endpoint_id: Option<String>,
    store: Option<Arc<dyn DeviceStore>>,
    sessions: Option<Arc<dyn SessionStore>>,
    http: device_http::Builder,
    client: Option<Client>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            user_pool_id: None,
            client_id: None,
            client_secret: None,
            region: None,
            endpoint_url: None,
            device_name: None,
            client_metadata: Sensitive::default(),
            analytics_endpoint_id: None,
            store: None,
            sessions: None,
            http: Client::builder(),
            client: None,
        }
    }

    /// The user pool, `<region>_<name>`. Required.
    pub fn user_pool_id(mut self, id: impl Into<String>) -> Self {
        self.user_pool_id = Some(id.into());
        self
    }

    /// The app client. Required.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// The app client's secret, if it has one.
    pub fn client_secret(mut self, secret: impl Into<Sensitive<String>>) -> Self {
        self.client_secret = Some(secret.into());
        self
    }

    /// The region, if not the one that the pool's id names.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Another endpoint than the region's: see [`device_http::Builder::endpoint_url`].
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint_url = Some(url.into());
        self
    }

    /// What people call this device; given to the service when the device is new.
    pub fn device_name(mut self, name: impl Into<String>) -> Self {
        self.device_name = Some(name.into());
        self
    }

    /// What to tell the pool's Lambda functions with every step of every sign-in and with every
    /// refresh (`ClientMetadata`). For one sign-in:
    /// [`Credentials::with_client_metadata`](crate::Credentials::with_client_metadata); from one
    /// answer on: [`Pending::with_client_metadata`](crate::Pending::with_client_metadata).
    pub fn client_metadata<K: Into<String>, V: Into<String>>(
        mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.client_metadata
            .extend(entries.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// The Amazon Pinpoint endpoint that sign-ins count for.
    pub fn analytics_endpoint_id(mut self, id: impl Into<String>) -> Self {
        self.analytics_endpoint_id = Some(id.into());
        self
    }

    /// Where device records are kept; in memory unless said otherwise.
    pub fn store(mut self, store: impl DeviceStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Where the session is kept, for the next start of the app; nowhere unless said otherwise. A
    /// [`FileStore`](crate::FileStore) may be given as both stores: it is one file then.
    pub fn session_store(mut self, store: impl SessionStore) -> Self {
        self.sessions = Some(Arc::new(store));
        self
    }

    /// Whom to tell of each call: see [`device_http::Builder::observer`].
    pub fn observer(mut self, observer: impl Fn(&CallEvent<'_>) + Send + Sync + 'static) -> Self {
        self.http = self.http.observer(observer);
        self
    }

    /// A transport that was set up by itself, in place of the region, endpoint and observer given
    /// here.
    pub fn http(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// The client with the session that its [session store](Self::session_store) has, if it has
    /// one. No call is made: whether the session still counts shows at its first use.
    ///
    /// # Errors
    /// As [`build`](Self::build); [`Error::Store`] if the store could not be read.
    pub async fn build_restored(self) -> Result<DeviceAuth, Error> {
        let auth = self.build()?;
        auth.restore().await?;
        Ok(auth)
    }

    /// The client, with nobody signed in.
    ///
    /// # Errors
    /// [`Error::Configuration`] if the pool or the client is missing, the pool's id is not one, or
    /// the transport cannot be set up.
    pub fn build(self) -> Result<DeviceAuth, Error> {
        let missing = |what: &str| Error::Configuration(format!("{what} is missing"));
        let user_pool_id = self.user_pool_id.ok_or_else(|| missing("user_pool_id"))?;
        let client_id = self.client_id.ok_or_else(|| missing("client_id"))?;
        let mut config = Config::new(user_pool_id, client_id)
            .map_err(|error| Error::Configuration(error.to_string()))?;
        if let Some(secret) = self.client_secret {
            config = config.with_client_secret(secret);
        }
        config = config.with_client_metadata(self.client_metadata.into_inner());
        if let Some(id) = self.analytics_endpoint_id {
            config = config.with_analytics_endpoint_id(id);
        }
        let http = match self.client {
            Some(client) => client,
            None => {
                let region = self.region.unwrap_or_else(|| config.region().to_owned());
                let mut http = self.http.region(region);
                if let Some(url) = self.endpoint_url {
                    http = http.endpoint_url(url);
                }
                http.build().map_err(|error| Error::Configuration(error.to_string()))?
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
