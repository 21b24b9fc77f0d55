//! Request bodies, and the memory that they share.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::HttpBody;
use device_pool::ServiceError;
use device_wire::ErrorCode;
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::answer::{TOO_LARGE, TOO_SLOW};
use crate::constraint;
use crate::network::Network;

/// The maximum size of a body, in bytes. The largest body of an honest client, a pool with all its
/// message templates, is a third of that.
pub(crate) const MAX_BODY: usize = 512 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The bytes of each body that the shared memory does not count. Nearly every honest body fits, so
/// large or unfinished ones cannot block it.
const FREE_BYTES: usize = 16 * 1024;

/// One address may use this fraction of the memory.
const SHARES: usize = 4;

/// The memory that all bodies share.
pub(crate) struct BodyMemory {
    max: usize,
    used: Mutex<HashMap<Network, usize>>,
}

/// A body that has arrived completely. Dropping it releases its memory.
pub(crate) struct Body {
    bytes: Vec<u8>,
    memory: Arc<BodyMemory>,
    network: Network,
    counted: usize,
}

impl BodyMemory {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, used: Mutex::default() })
    }

    /// Receives a body from `source`.
    pub(crate) async fn receive(
        self: &Arc<Self>,
        source: axum::body::Body,
        from: Option<IpAddr>,
    ) -> Result<Body, ServiceError> {
        // If the head gives the length, nothing must be read.
        if usize::try_from(source.size_hint().lower()).is_ok_and(|length| length <= MAX_BODY) {
            let network = from.unwrap_or(Ipv4Addr::UNSPECIFIED.into()).into();
            let body = Body { bytes: Vec::new(), memory: Arc::clone(self), network, counted: 0 };
            timeout(BODY_TIMEOUT, body.fill(source)).await.unwrap_or_else(|_| {
                Err(refused(TOO_SLOW, "The body did not arrive in time.".to_owned()))
            })
        } else {
            Err(too_large())
        }
    }

    /// Reserves `more` bytes for `network`, if they are available.
    fn take(&self, network: Network, more: usize) -> bool {
        let mut used = self.used();
        let all: usize = used.values().sum();
        let own = used.get(&network).copied().unwrap_or_default();
        let fits = all + more <= self.max && own + more <= self.max / SHARES;
        if fits {
            used.insert(network, own + more);
        }
        fits
    }

    fn give_back(&self, network: Network, bytes: usize) {
        let mut used = self.used();
        match used.get_mut(&network) {
            Some(own) if *own > bytes => *own -= bytes,
            _ => drop(used.remove(&network)),
        }
    }

    fn used(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    async fn fill(mut self, mut source: axum::body::Body) -> Result<Self, ServiceError> {
        while let Some(frame) = source.frame().await {
            let frame =
                frame.map_err(|_| constraint::unreadable("The body did not arrive whole."))?;
            let Some(part) = frame.data_ref() else { continue };
            let length = self.bytes.len() + part.len();
            if length > MAX_BODY {
                return Err(too_large());
            }
            let uncounted = length.saturating_sub(FREE_BYTES) - self.counted;
            if uncounted > 0 {
                if !self.memory.take(self.network, uncounted) {
                    return Err(ServiceError::new(
                        ErrorCode::TooManyRequests,
                        "Too many large requests at once.",
                    ));
                }
                self.counted += uncounted;
            }
            self.bytes.extend_from_slice(part);
        }
        Ok(self)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if self.counted > 0 {
            self.memory.give_back(self.network, self.counted);
        }
    }
}

fn refused(code: &str, message: String) -> ServiceError {
    ServiceError::new(ErrorCode::Unknown(code.to_owned()), message)
}

fn too_large() -> ServiceError {
    refused(TOO_LARGE, format!("A request's body has at most {MAX_BODY} bytes."))
}
