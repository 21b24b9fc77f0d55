//! Users of a pool or of a group, page by page.

use std::collections::BTreeSet;

use device_wire::requests::{ListUsersInGroupRequest, ListUsersRequest};
use device_wire::responses::{ListUsersInGroupResponse, ListUsersResponse};
use device_wire::shapes::UserType;

use crate::command::context::Context;
use crate::command::page::{self, BATCH, page_length};
use crate::command::transaction::{Transaction, id_of};
use crate::error::ServiceError;
use crate::records::group::Group;
use crate::records::login::Login;
use crate::records::pool::Pool;
use crate::records::user::{User, is_contact};
use crate::records::user_index::{self, IndexedBy};
use crate::records::user_profile::UserProfile;
use crate::store::Table;

/// Users with a value that starts as asked for, up to which they are found by it and sorted.
const MAX_SORTED: usize = 2000;

/// If there are more, the users that a call looks at in the order of the list. Of a million, the
/// page is then short where few of them match.
const MAX_LOOKED_AT: usize = 1000;

/// `ListUsers`. Users are ordered by internal name.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListUsersRequest,
) -> Result<ListUsersResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let filter = request.filter.as_deref().filter(|text| !text.trim().is_empty());
    let filter = filter.map(|text| Filter::parse(text, &pool)).transpose()?;
    if let Some(names) = &request.attributes_to_get {
        for name in names.iter().filter(|name| *name != "sub") {
            pool.check_attribute(name).map_err(|_| {
                ServiceError::invalid("One or more requested attributes do not exist.")
            })?;
        }
    }
    let after = page::position(request.pagination_token.as_deref())?;
    let length = page_length(request.limit);
    let search = Search { cx, pool: &pool, filter: filter.as_ref(), after, length };
    let page = search.run()?;
    let describe =
        |(user, profile): &_| describe(user, profile, request.attributes_to_get.as_deref());
    Ok(ListUsersResponse {
        pagination_token: page.next.as_deref().map(page::token),
        users: Some(page.users.iter().map(describe).collect()),
    })
}

/// `ListUsersInGroup`, in the order of `ListUsers`.
pub(crate) fn list_in_group(
    cx: &mut Context<'_, '_>,
    request: ListUsersInGroupRequest,
) -> Result<ListUsersInGroupResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let group = Group::load(cx, &pool, &request.group_name)?;
    let after = page::position(request.next_token.as_deref())?;
    let length = page_length(request.limit);
    let is_member = |mut user: User| {
        if !user.groups.contains(&group) {
            return Ok(None);
        }
        let profile = UserProfile::of_scanned(&cx.tx, &mut user)?;
        Ok(Some((user, profile)))
    };
    let page = if pool.is_listed {
        let prefix = IndexedBy::Group.of_value(&pool.id, &group.name);
        of_value(&cx.tx, &pool, &prefix, after, length, is_member)?
    } else {
        of_all(&cx.tx, &pool, after, length, None, is_member)?
    };
    Ok(ListUsersInGroupResponse {
        next_token: page.next.as_deref().map(page::token),
        users: Some(page.users.iter().map(|(user, profile)| profile.describe(user)).collect()),
    })
}

/// The users on a page, and the name behind which the list goes on.
struct Users {
    users: Vec<(User, UserProfile)>,
    next: Option<String>,
}

impl Users {
    /// The first `length`, of at least one more if the list goes on.
    fn first(mut users: Vec<(User, UserProfile)>, length: usize) -> Self {
        let more = users.len() > length;
        users.truncate(length);
        let next = users.last().filter(|_| more).map(|(last, _)| last.username.clone());
        Self { users, next }
    }
}

/// A call of `ListUsers`.
struct Search<'a, 'i, 's> {
    cx: &'a Context<'i, 's>,
    pool: &'a Pool,
    filter: Option<&'a Filter>,
    /// The name behind which the page starts.
    after: Option<String>,
    length: usize,
}

impl Search<'_, '_, '_> {
    fn run(self) -> Result<Users, ServiceError> {
        let Self { cx, pool, filter, after, length } = self;
        let tx = &cx.tx;
        let listed = |mut user: User| {
            // Most filters need no profile.
            let admits =
                |user: &User, profile: &_| filter.is_none_or(|it| it.admits(pool, user, profile));
            if !filter.is_some_and(Filter::needs_profile)
                && !admits(&user, &UserProfile::empty(&user))
            {
                return Ok(None);
            }
            let profile = UserProfile::of_scanned(tx, &mut user)?;
            Ok(admits(&user, &profile).then_some((user, profile)))
        };
        let way = filter.filter(|_| pool.is_listed).map_or(Way::All, |filter| filter.way(pool));
        let few = match way {
            Way::All => return of_all(tx, pool, after, length, None, listed),
            Way::Value(prefix) => return of_value(tx, pool, &prefix, after, length, listed),
            Way::Name(id) => {
                let login: Option<Login> = tx.peek(&id)?;
                login.into_iter().map(|login| User::key(&pool.id, &login.username)).collect()
            }
            Way::NameStart(prefix) => {
                let logins: Vec<Login> = tx.scan(&prefix, None, MAX_SORTED + 1)?;
                logins.iter().map(|login| User::key(&pool.id, &login.username)).collect()
            }
            Way::ValueStart(prefix) => {
                let entries = tx.ids(Table::UserIndex, &prefix, None, MAX_SORTED + 1)?;
                entries.iter().map(|entry| key_in(pool, entry)).collect::<Vec<_>>()
            }
        };
        if few.len() > MAX_SORTED {
            return of_all(tx, pool, after, length, Some(MAX_LOOKED_AT), listed);
        }
        let keys: BTreeSet<String> = few.into_iter().collect();
        let after = after.map(|name| User::key(&pool.id, &name));
        let keys = keys.iter().filter(|key| after.as_ref().is_none_or(|after| *key > after));
        let mut users = Vec::new();
        for key in keys {
            users.extend(tx.peek::<User>(key)?.map(listed).transpose()?.flatten());
            if users.len() > length {
                break;
            }
        }
        Ok(Users::first(users, length))
    }
}

/// The key of the user whose entry this is.
fn key_in(pool: &Pool, entry: &str) -> String {
    id_of([&pool.id, ""]) + user_index::name_in(entry)
}

/// The users that have an entry of one value, in the order of their names.
fn of_value(
    tx: &Transaction<'_>,
    pool: &Pool,
    prefix: &str,
    after: Option<String>,
    length: usize,
    listed: impl Fn(User) -> Result<Option<(User, UserProfile)>, ServiceError>,
) -> Result<Users, ServiceError> {
    let mut after = after.map(|name| prefix.to_owned() + &id_of([&name]));
    let mut users = Vec::new();
    loop {
        let entries = tx.ids(Table::UserIndex, prefix, after.as_deref(), length + 1)?;
        for entry in &entries {
            let user = tx.peek::<User>(&key_in(pool, entry))?;
            users.extend(user.map(&listed).transpose()?.flatten());
        }
        if entries.len() <= length || users.len() > length {
            return Ok(Users::first(users, length));
        }
        after = entries.last().cloned();
    }
}

/// The users that `listed` admits, of all users in the order of their names. It looks at `most` of
/// them, if given; then the page may be short, and its token goes on behind the last one.
fn of_all(
    tx: &Transaction<'_>,
    pool: &Pool,
    after: Option<String>,
    length: usize,
    most: Option<usize>,
    listed: impl Fn(User) -> Result<Option<(User, UserProfile)>, ServiceError>,
) -> Result<Users, ServiceError> {
    let prefix = id_of([&pool.id, ""]);
    let mut after = after.map(|name| User::key(&pool.id, &name));
    let mut users = Vec::new();
    let mut looked_at = 0;
    loop {
        let batch: Vec<User> = tx.scan(&prefix, after.as_deref(), BATCH)?;
        let is_last = batch.len() < BATCH;
        looked_at += batch.len();
        let last = batch.last().map(|user| user.username.clone());
        after = last.as_ref().map(|name| User::key(&pool.id, name));
        for user in batch {
            users.extend(listed(user)?);
            // The page is full, and goes on: the others' profiles need not be read.
            if users.len() > length {
                break;
            }
        }
        if is_last || users.len() > length {
            return Ok(Users::first(users, length));
        }
        if most.is_some_and(|most| looked_at >= most) {
            return Ok(Users { users, next: last });
        }
    }
}

/// The user with the named attributes, or with all if no names are given.
fn describe(user: &User, profile: &UserProfile, attributes: Option<&[String]>) -> UserType {
    let mut described = profile.describe(user);
    if let (Some(names), Some(list)) = (attributes, &mut described.attributes) {
        list.retain(|attribute| names.contains(&attribute.name));
    }
    described
}

/// How the users that a filter admits are found.
enum Way {
    /// Among all users.
    All,
    /// By the entries with this prefix, which are of one value.
    Value(String),
    /// By the entries with this prefix, which are of several values.
    ValueStart(String),
    /// By the sign-in name with this id.
    Name(String),
    /// By the sign-in names with this prefix.
    NameStart(String),
}

/// A filter: `name = "value"` or `name ^= "value"`.
#[derive(Debug, PartialEq)]
struct Filter {
    field: Field,
    prefix: bool,
    value: String,
}

/// The field that a filter compares.
#[derive(Debug, PartialEq)]
enum Field {
    Username,
    Sub,
    /// `cognito:user_status`.
    Status,
    /// `status`: `Enabled` or `Disabled`.
    Enabled,
    Attribute(&'static str),
}

impl Field {
    fn parse(name: &str) -> Option<Self> {
        const ATTRIBUTES: [&str; 6] =
            ["email", "phone_number", "name", "given_name", "family_name", "preferred_username"];
        match name {
            "username" => Some(Self::Username),
            "sub" => Some(Self::Sub),
            "cognito:user_status" => Some(Self::Status),
            "status" => Some(Self::Enabled),
            _ => ATTRIBUTES.into_iter().find(|known| *known == name).map(Self::Attribute),
        }
    }

    /// A value in the form that is compared: only usernames and `status` are case-sensitive.
    fn folded(&self, pool: &Pool, value: &str) -> String {
        match self {
            Self::Username => pool.fold(value),
            Self::Enabled => value.to_owned(),
            Self::Sub | Self::Status | Self::Attribute(_) => value.to_lowercase(),
        }
    }

    fn of<'a>(&self, user: &'a User, profile: &'a UserProfile) -> Option<&'a str> {
        match self {
            Self::Username => Some(&user.username),
            Self::Sub => Some(&user.sub),
            Self::Status => Some(user.status.as_str()),
            Self::Enabled => Some(if user.enabled { "Enabled" } else { "Disabled" }),
            Self::Attribute(name) => profile.get(user, name),
        }
    }
}

impl Filter {
    fn parse(text: &str, pool: &Pool) -> Result<Self, ServiceError> {
        let malformed = || ServiceError::invalid("Error while parsing filter.");
        let text = text.trim();
        let (name, value) = text.split_once('=').ok_or_else(malformed)?;
        let (name, prefix) = match name.strip_suffix('^') {
            Some(name) => (name, true),
            None => (name, false),
        };
        // The name may be quoted; the value must be.
        let name = name.trim();
        let name = quoted(name).unwrap_or_else(|| Some(name.to_owned())).ok_or_else(malformed)?;
        let value = quoted(value.trim()).flatten().ok_or_else(malformed)?;
        let field = Field::parse(&name).ok_or_else(malformed)?;
        let value = field.folded(pool, &value);
        Ok(Self { field, prefix, value })
    }

    fn way(&self, pool: &Pool) -> Way {
        let value = &*self.value;
        let by = |by: IndexedBy| {
            if self.prefix {
                Way::ValueStart(by.of_start(&pool.id, value))
            } else {
                Way::Value(by.of_value(&pool.id, value))
            }
        };
        match self.field {
            Field::Username | Field::Sub if value.is_empty() => Way::All,
            Field::Username | Field::Sub if self.prefix => {
                Way::NameStart(Login::key(&pool.id, value))
            }
            Field::Username | Field::Sub => Way::Name(Login::key(&pool.id, value)),
            Field::Status => by(IndexedBy::UserStatus),
            // Nearly all users are enabled.
            Field::Enabled if "Enabled".starts_with(value) => Way::All,
            Field::Enabled => Way::Value(IndexedBy::Disabled.of_value(&pool.id, "")),
            Field::Attribute(name) => {
                // No entry has an empty value.
                let known = IndexedBy::ATTRIBUTES.iter().find(|(known, _)| *known == name);
                known
                    .filter(|_| !value.is_empty())
                    .map_or(Way::All, |(_, attribute)| by(*attribute))
            }
        }
    }

    fn needs_profile(&self) -> bool {
        matches!(self.field, Field::Attribute(name) if !is_contact(name))
    }

    fn admits(&self, pool: &Pool, user: &User, profile: &UserProfile) -> bool {
        let Some(has) = self.field.of(user, profile) else { return false };
        let has = self.field.folded(pool, has);
        if self.prefix { has.starts_with(&self.value) } else { has == self.value }
    }
}

/// The quoted text, with `\"` and `\\` unescaped. `None` if there are no quotes at all,
/// `Some(None)` if they are unbalanced.
fn quoted(text: &str) -> Option<Option<String>> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Some(characters.as_str().is_empty().then_some(value)),
            '\\' => match characters.next() {
                Some(escaped) => value.push(escaped),
                None => return Some(None),
            },
            other => value.push(other),
        }
    }
    Some(None)
}
