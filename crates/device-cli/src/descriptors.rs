//! The process's limit of file descriptors.

/// Raises this process's limit to what the system allows. The usual soft limit, 1024, is reached
/// before the server's own limit of connections.
#[cfg(unix)]
pub(crate) fn raise_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of file descriptors cannot be raised");
    }
}

/// Outside of Unix there is no such limit.
#[cfg(not(unix))]
pub(crate) fn raise_limit() {}
