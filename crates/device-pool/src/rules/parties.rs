//! Pool, keys, client and user of a sign-in.

use crate::records::app_client::AppClient;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;

/// Pool, client and user of a sign-in under way.
pub(crate) struct Parties {
    pub(crate) pool: Pool,
    pub(crate) keys: PoolKeys,
    pub(crate) client: AppClient,
    pub(crate) user: User,
}
