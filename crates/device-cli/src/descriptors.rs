//! File descriptors: how many the process may have.

/// Raises this process's limit to what the system allows. The usual soft limit, 1024, is used up by
/// connections before the server's own limit of them is reached.
#[cfg(unix)]
pub(crate) fn raise_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of file descriptors cannot be raised");
    }
}

/// Elsewhere than on Unix there is no such limit.
#[cfg(not(unix))]
pub(crate) fn raise_limit() {}
