//! What an operation is: who may call it, and how a request finds its response.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Operation;

/// How a caller proves that it may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Auth {
    /// Not at all: the operation is public, and what it carries is the proof.
    None,
    /// By a member `AccessToken` of the request.
    AccessToken,
    /// By a member `AccessToken`, or by the `Session` of a sign-in under way.
    AccessTokenOrSession,
    /// By a signature of the HTTP request, AWS Signature Version 4.
    SigV4,
}

/// A request: which operation it is for, and what comes back.
pub trait Request: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The operation that the request is for.
    const OPERATION: Operation;

    /// The response; `()` where the operation answers with an empty body (see
    /// [`Operation::has_output`]).
    type Output: Serialize + DeserializeOwned + Send + Sync + 'static;
}

/// Defines the table of operations.
macro_rules! operations {
    (
        target_prefix: $prefix:literal,
        all_names: $all_names:expr,
        $($name:ident($request:ident) -> $output:ty, $auth:ident, $has_output:literal, [$($error:ident),*];)*
    ) => {
        /// An operation that this vocabulary covers.
        ///
        /// The service has more of them, see [`Operation::ALL_NAMES`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Operation {
            $(
                #[doc = concat!("`", stringify!($name), "`, called by \
                                                         [`", stringify!($request), "`](crate::", stringify!($request), ").")]
                $name,
            )*
        }

        impl Operation {
            /// Every operation here, by name.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name of every operation of the service, in order, those out of scope among them:
            /// what is not here is unknown to the service too.
            pub const ALL_NAMES: &[&str] = $all_names;

            /// The name, as in the service's documentation.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The operation of that name, if it is one of these.
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

            /// Who may call it.
            #[must_use]
            pub const fn auth(self) -> Auth {
                match self {
                    $(Self::$name => Auth::$auth,)*
                }
            }

            /// The errors that the model gives it; any operation can also answer with one of the
            /// errors common to all.
            #[must_use]
            pub const fn errors(self) -> &'static [ErrorCode] {
                match self {
                    $(Self::$name => const { &[$(ErrorCode::$error,)*] },)*
                }
            }

            /// Whether success has a body: if not, it is empty, and not even `{}`.
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

        $(
            impl Request for $request {
                const OPERATION: Operation = Operation::$name;
                type Output = $output;
            }
        )*
    };
}

pub(crate) use operations;
