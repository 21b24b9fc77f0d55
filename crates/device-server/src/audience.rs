//! Who reaches a listener, and from where.

/// Who reaches a listener.
#[derive(Clone, Copy)]
pub(crate) enum Audience {
    /// Users and administrators.
    Everyone,
    /// Not administrators, who have a listener of their own.
    Users,
}

/// A request by a listener that serves no administrators; an extension of the request.
#[derive(Clone, Copy)]
pub(crate) struct ForUsers;

/// A request by a socket file, which has no address; an extension of the request.
#[derive(Clone, Copy)]
pub(crate) struct LocalPeer;
