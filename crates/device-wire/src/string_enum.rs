//! The one definition behind every enumeration of strings.

/// Defines an enum whose values are strings on the wire, open to values that the model does not
/// know.
macro_rules! string_enum {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
            /// A value that the model does not name. Made by decoding or `From<&str>`, which never
            /// put a known value here.
            Unknown(String),
        }

        impl $name {
            /// The text on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    _ => Self::Unknown(text.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self::from(<String as serde::Deserialize>::deserialize(deserializer)?.as_str()))
            }
        }
    };
}

pub(crate) use string_enum;

#[cfg(test)]
mod tests {
    use crate::ChallengeNameType;

    #[test]
    fn a_known_value_is_its_variant_and_any_other_is_kept() {
        assert_eq!(
            ChallengeNameType::from("SOFTWARE_TOKEN_MFA"),
            ChallengeNameType::SoftwareTokenMfa
        );
        let newer: ChallengeNameType = serde_json::from_str("\"RETINA_SCAN\"").unwrap();
        assert_eq!(newer, ChallengeNameType::Unknown("RETINA_SCAN".into()));
        assert_eq!(serde_json::to_string(&newer).unwrap(), "\"RETINA_SCAN\"");
        assert_eq!(newer.to_string(), "RETINA_SCAN");
    }

    #[test]
    fn values_are_compared_with_case() {
        assert!(matches!(ChallengeNameType::from("sms_mfa"), ChallengeNameType::Unknown(_)));
    }
}
