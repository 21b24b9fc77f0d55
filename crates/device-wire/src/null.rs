//! Decoding of JSON `null`, which means the same as an absent member.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Decodes a required member of a response, with `null` as its default.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Decodes an optional map, omitting the entries that are `null`.
pub(crate) fn null_entries_absent<'de, D, V>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, V>>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    Ok(Option::<BTreeMap<String, Option<V>>>::deserialize(deserializer)?.map(present))
}

/// The entries of a map that have a value.
pub(crate) fn present<V>(entries: BTreeMap<String, Option<V>>) -> BTreeMap<String, V> {
    entries.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
