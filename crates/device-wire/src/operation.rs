//! Operations: their names, who may call them, and their errors.

/// How the caller of an operation proves its right to call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Auth {
    /// No proof. The operation is public; its request has any proof that it needs.
    None,
    /// With the request's member `AccessToken`.
    AccessToken,
    /// With the request's member `AccessToken`, or with the `Session` of a running sign-in.
    AccessTokenOrSession,
    /// With a signature of the HTTP request, AWS Signature Version 4.
    SigV4,
}

/// Defines the table of operations.
macro_rules! operations {
    (
        target_prefix: $prefix:literal,
        all_names: $all_names:expr,
        $(
            $(#[$meta:meta])*
            $name:ident: $auth:ident, $has_output:literal, [$($error:ident),*];
        )*
    ) => {
        /// An operation that this crate has types for.
        ///
        /// The service has more operations: see [`Operation::ALL_NAMES`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[$meta])* $name,)*
        }

        impl Operation {
            /// Every operation that this crate has types for, sorted by name.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name of every operation of the service, sorted, with or without types here.
            ///
            /// A server answers `UnknownOperationException` to any other name.
            pub const ALL_NAMES: &[&str] = $all_names;

            /// The name, as in the service's documentation.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The operation with this name, if this crate has types for it.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The value of the `X-Amz-Target` header.
            #[must_use]
            pub const fn target(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($prefix, ".", stringify!($name)),)*
                }
            }

            /// How a caller proves its right to call the operation.
            #[must_use]
            pub const fn auth(self) -> Auth {
                match self {
                    $(Self::$name => Auth::$auth,)*
                }
            }

            /// The errors that the model lists for the operation.
            ///
            /// Any operation can also answer with one of the errors common to all, which the
            /// docs of [`ErrorCode`] mark as "of any operation".
            #[must_use]
            pub const fn errors(self) -> &'static [ErrorCode] {
                match self {
                    $(Self::$name => const { &[$(ErrorCode::$error,)*] },)*
                }
            }

            /// Whether a successful response has a body. If not, it is empty: not even `{}`.
            #[must_use]
            pub const fn has_output(self) -> bool {
                match self {
                    $(Self::$name => $has_output,)*
                }
            }
        }

        impl std::fmt::Display for Operation {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use operations;
