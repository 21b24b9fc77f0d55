//! The parties of a sign-in: pool, keys, client and user.

use std::sync::Arc;

use crate::records::app_client::AppClient;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;

/// Pool, client and user of a running sign-in.
pub(crate) struct Parties {
    pub(crate) pool: Arc<Pool>,
    pub(crate) keys: Arc<PoolKeys>,
    pub(crate) client: Arc<AppClient>,
    pub(crate) user: User,
}
