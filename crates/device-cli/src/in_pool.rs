//! What every command about one pool takes.

use device_wire::Request;

use crate::output::Format;
use crate::signed_call::{CallError, Connection};

/// The pool, its server, and how to print.
#[derive(clap::Args)]
pub(crate) struct InPool {
    /// The pool's id
    #[arg(long, env = "DEVICE_POOL", value_name = "POOL ID")]
    pub(crate) pool: String,

    #[command(flatten)]
    pub(crate) server: Connection,

    #[command(flatten)]
    pub(crate) format: Format,
}

impl InPool {
    /// Makes an administrator's operation.
    pub(crate) fn call<R: Request>(&self, request: &R) -> Result<R::Output, CallError> {
        self.server.operation(request)
    }
}

/// Whether a command that removes something asks first, and whether it only shows what it would do.
#[derive(clap::Args)]
pub(crate) struct Caution {
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}
