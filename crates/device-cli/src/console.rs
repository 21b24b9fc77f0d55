//! `device console`: signs an administrator in to a server's web pages.
//!
//! It asks the server for a one-time link with a signed call, and opens it in the browser. The
//! access key stays where it is.

use device_console::{SIGN_IN_LINK_PATH, SIGN_IN_LINK_TARGET, SignInLink, SignInLinkRequest};

use crate::signed_call::{CallError, Connection};

/// Options of `device console`.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    server: Connection,

    /// Sign in to a session that changes nothing
    #[arg(long)]
    read_only: bool,

    /// Print the link instead of opening a browser
    #[arg(long)]
    print: bool,
}

/// Opens the console, or prints the link.
pub(crate) fn run(options: &Options) -> Result<(), CallError> {
    let path = ask(options)?.path;
    let link = options.server.place()?.url.join(&path).map_err(CallError::call)?;
    if options.print || opener::open_browser(link.as_str()).is_err() {
        println!("{link}");
    }
    Ok(())
}

/// Asks for the link.
fn ask(options: &Options) -> Result<SignInLink, CallError> {
    let asked = SignInLinkRequest {
        read_only: options.read_only,
        nonce: format!("{:032x}", rand::random::<u128>()),
    };
    let link: SignInLink = options.server.call(SIGN_IN_LINK_PATH, SIGN_IN_LINK_TARGET, &asked)?;
    // A browser is about to open it, so it has to be the console's own page.
    if link.path.starts_with("/console/") {
        return Ok(link);
    }
    Err(options.server.refused("the answer is not that of a device server"))
}
