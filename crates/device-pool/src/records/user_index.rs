//! The ids of index entries, by which users are found: a value, then the user's name.
//!
//! Entries of one value are in the order of the users' names, which is the order of lists.

use crate::command::transaction::id_of;

/// The longest part of a value that is in an entry, in characters. Longer values share entries with
/// others, and are compared in the user's record.
const MAX_VALUE: usize = 128;

/// What users are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexedBy {
    Email,
    PhoneNumber,
    PreferredUsername,
    UserStatus,
    /// Only those who are disabled.
    Disabled,
    Group,
}

impl IndexedBy {
    /// The attributes among them.
    pub(crate) const ATTRIBUTES: [(&str, Self); 3] = [
        ("email", Self::Email),
        ("phone_number", Self::PhoneNumber),
        ("preferred_username", Self::PreferredUsername),
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PhoneNumber => "phone",
            Self::PreferredUsername => "preferred",
            Self::UserStatus => "status",
            Self::Disabled => "disabled",
            Self::Group => "group",
        }
    }

    /// The id of a user's entry.
    pub(crate) fn entry(self, pool_id: &str, value: &str, username: &str) -> String {
        id_of([pool_id, self.name(), &shortened(value), username])
    }

    /// The prefix of the entries of this value.
    pub(crate) fn of_value(self, pool_id: &str, value: &str) -> String {
        id_of([pool_id, self.name(), &shortened(value), ""])
    }

    /// The prefix of the entries of values that start so.
    pub(crate) fn of_start(self, pool_id: &str, start: &str) -> String {
        id_of([pool_id, self.name(), &shortened(start)])
    }
}

/// The last part of an entry's id: the user's name as it stands in ids.
pub(crate) fn name_in(entry: &str) -> &str {
    entry.rsplit('/').next().unwrap_or_default()
}

fn shortened(value: &str) -> String {
    value.chars().take(MAX_VALUE).collect()
}
