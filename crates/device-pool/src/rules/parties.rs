//! The parties of a sign-in: pool, keys, client and user.

use crate::records::app_client::AppClient;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;

/// Pool, client and user of a running sign-in.
pub(crate) struct Parties {
    pub(crate) pool: Pool,
    pub(crate) keys: PoolKeys,
    pub(crate) client: AppClient,
    pub(crate) user: User,
}
