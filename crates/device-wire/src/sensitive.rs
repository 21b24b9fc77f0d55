//! Secrets: values that are never printed and are wiped when dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::optimization_barrier;

use crate::null::present;

/// A value that `Debug` does not show and that is overwritten in memory when dropped.
///
/// It dereferences to the value inside. `==` is not constant-time: its time depends on the
/// contents. To verify a secret, compare with `subtle` or similar.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Sensitive<T: Secret>(T);

/// A type that [`Sensitive`] can hold: bytes, a `String`, or a map of them.
pub trait Secret: Default + sealed::Sealed {
    /// Overwrites every secret byte with zeros.
    fn wipe(&mut self);

    /// Decodes the value. Entries of a map that are `null` are omitted.
    ///
    /// # Errors
    /// If the input is of another type.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

mod sealed {
    use std::collections::BTreeMap;

    pub trait Sealed {}
    impl Sealed for Vec<u8> {}
    impl Sealed for String {}
    impl Sealed for BTreeMap<String, String> {}
}

impl Secret for Vec<u8> {
    fn wipe(&mut self) {
        // All of the memory, also past the end. Not byte by byte, as `zeroize` does it: that takes
        // longer than most of what is done with a secret.
        self.clear();
        self.resize(self.capacity(), 0);
        optimization_barrier(self.as_slice());
        self.clear();
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl Secret for String {
    fn wipe(&mut self) {
        std::mem::take(self).into_bytes().wipe();
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// Only the values are wiped: the names belong to the protocol and are not secret.
impl Secret for BTreeMap<String, String> {
    fn wipe(&mut self) {
        self.values_mut().for_each(Secret::wipe);
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(present)
    }
}

impl<T: Secret> Sensitive<T> {
    /// The value itself, which is then printable and no longer wiped on drop.
    #[must_use]
    pub fn into_inner(mut self) -> T {
        std::mem::take(&mut self.0)
    }
}

impl<T: Secret> Drop for Sensitive<T> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

impl<T: Secret> Deref for Sensitive<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Secret> DerefMut for Sensitive<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Secret> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Secret> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Sensitive<String> {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)>
    for Sensitive<BTreeMap<String, String>>
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]>
    for Sensitive<BTreeMap<String, String>>
{
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<T: Secret + Serialize> Serialize for Sensitive<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Secret> Deserialize<'de> for Sensitive<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_as_the_value_but_does_not_print_it() {
        let secret = Sensitive::from("correct horse");
        assert_eq!(secret.as_str(), "correct horse");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"correct horse\"");
        assert_eq!(serde_json::from_str::<Sensitive<String>>("\"correct horse\"").unwrap(), secret);
        assert_eq!(secret.into_inner(), "correct horse");
    }

    #[test]
    fn a_null_entry_of_a_map_is_absent() {
        type Named = Sensitive<BTreeMap<String, String>>;
        let named: Named = serde_json::from_str(r#"{"SALT":"ab","X":null,"Y":""}"#).unwrap();
        assert_eq!(named, Sensitive::from([("SALT", "ab"), ("Y", "")]));
        assert!(serde_json::from_str::<Named>(r#"{"SALT":7}"#).is_err());
        assert!(serde_json::from_str::<Sensitive<String>>("null").is_err());
    }

    #[test]
    fn wiping_leaves_no_value() {
        let mut text = String::from("correct horse");
        text.wipe();
        assert_eq!(text, "");

        let mut bytes = b"correct horse".to_vec();
        bytes.wipe();
        assert_eq!(bytes, b"");

        let mut named: BTreeMap<String, String> =
            Sensitive::from([("PASSWORD", "correct horse")]).into_inner();
        named.wipe();
        assert_eq!(named.values().collect::<Vec<_>>(), [""]);
    }
}
