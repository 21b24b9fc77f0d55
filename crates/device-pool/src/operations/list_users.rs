//! Users of a pool or of a group, page by page.

use device_wire::requests::{ListUsersInGroupRequest, ListUsersRequest};
use device_wire::responses::{ListUsersInGroupResponse, ListUsersResponse};
use device_wire::shapes::UserType;
use uuid::Uuid;

use crate::command::context::Context;
use crate::command::page::{self, BATCH, page_length};
use crate::command::transaction::{Entity, Transaction, id_of};
use crate::error::ServiceError;
use crate::records::group::Group;
use crate::records::login::Login;
use crate::records::pool::Pool;
use crate::records::user::{User, is_contact};
use crate::records::user_index::{self, IndexedBy};
use crate::records::user_profile::UserProfile;
use crate::store::Table;

/// The sign-in names that a call looks at among those that start as asked for. Names of other kinds
/// are among them, so the page may be short.
const MAX_LOOKED_AT: usize = 500;

/// `ListUsers`. Users are ordered by internal name, or by the value if its start is asked for.
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
    let members = |mut users: Vec<Found>| {
        users.retain(|(_, user)| user.groups.contains(&group));
        with_profiles(&cx.tx, users)
    };
    let page = if pool.is_listed {
        let prefix = IndexedBy::Group.of_value(&pool.id, &group.name);
        of_value(&cx.tx, &pool, &prefix, after, length, members)?
    } else {
        of_all(&cx.tx, &id_of([&pool.id, ""]), &pool, after, length, members)?
    };
    Ok(ListUsersInGroupResponse {
        next_token: page.next.as_deref().map(page::token),
        users: Some(page.users.iter().map(|(user, profile)| profile.describe(user)).collect()),
    })
}

/// A user at a position of a list.
type Found = (String, User);

/// A user as lists show one.
type Listed = (User, UserProfile);

/// The users on a page, and the position behind which the list goes on.
struct Users {
    users: Vec<Listed>,
    next: Option<String>,
}

impl Users {
    /// The first `length` of users with their positions, of at least one more if the list goes on.
    fn first(mut found: Vec<(String, Listed)>, length: usize) -> Self {
        let more = found.len() > length;
        found.truncate(length);
        let next = found.last().filter(|_| more).map(|(position, _)| position.clone());
        Self { users: found.into_iter().map(|(_, user)| user).collect(), next }
    }
}

/// Adds the profiles, all in one read.
fn with_profiles(
    tx: &Transaction<'_>,
    users: Vec<Found>,
) -> Result<Vec<(String, Listed)>, ServiceError> {
    let (positions, users): (Vec<String>, _) = users.into_iter().unzip();
    Ok(positions.into_iter().zip(UserProfile::of_scanned(tx, users)?).collect())
}

/// A call of `ListUsers`.
struct Search<'a, 'i, 's> {
    cx: &'a Context<'i, 's>,
    pool: &'a Pool,
    filter: Option<&'a Filter>,
    /// The position behind which the page starts.
    after: Option<String>,
    length: usize,
}

impl Search<'_, '_, '_> {
    fn run(self) -> Result<Users, ServiceError> {
        let Self { cx, pool, filter, after, length } = self;
        let tx = &cx.tx;
        let listed = |mut users: Vec<Found>| {
            let admits =
                |user: &User, profile: &_| filter.is_none_or(|it| it.admits(pool, user, profile));
            // Most filters need no profile.
            if !filter.is_some_and(Filter::needs_profile) {
                users.retain(|(_, user)| admits(user, &UserProfile::empty(user)));
            }
            let mut listed = with_profiles(tx, users)?;
            listed.retain(|(_, (user, profile))| admits(user, profile));
            Ok(listed)
        };
        let way = filter.filter(|_| pool.is_listed).map_or(Way::All, |filter| filter.way(pool));
        match way {
            Way::All => of_all(tx, &id_of([&pool.id, ""]), pool, after, length, listed),
            Way::NameStart(prefix) => of_all(tx, &prefix, pool, after, length, listed),
            Way::Value(prefix) => of_value(tx, pool, &prefix, after, length, listed),
            Way::ValueStart(prefix) => {
                of_entries(tx, pool, &prefix, within(&prefix, after)?, length, listed)
            }
            Way::Login(id) => {
                let login: Option<Login> = tx.peek(&id)?;
                let keys = login.map(|login| User::key(&pool.id, &login.username));
                let user = keys.map(|key| tx.peek::<User>(&key)).transpose()?.flatten();
                let users = user.into_iter().map(|user| (id.clone(), user)).collect();
                Ok(Users::first(listed(users)?, 1))
            }
            Way::LoginStart(prefix, kind) => {
                of_logins(tx, pool, &prefix, kind, within(&prefix, after)?, length, listed)
            }
        }
    }
}

/// A position among the ids with this prefix.
fn within(prefix: &str, position: Option<String>) -> Result<Option<String>, ServiceError> {
    match position {
        Some(position) if !position.starts_with(prefix) => {
            Err(ServiceError::invalid("Invalid pagination token"))
        }
        position => Ok(position),
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
    listed: impl Fn(Vec<Found>) -> Result<Vec<(String, Listed)>, ServiceError>,
) -> Result<Users, ServiceError> {
    let after = after.map(|name| prefix.to_owned() + &id_of([&name]));
    let Users { users, next } = of_entries(tx, pool, prefix, after, length, listed)?;
    let next = next.and_then(|_| users.last().map(|(last, _)| last.username.clone()));
    Ok(Users { users, next })
}

/// The users that have an entry with this prefix, in the order of the entries, whose ids are the
/// positions.
fn of_entries(
    tx: &Transaction<'_>,
    pool: &Pool,
    prefix: &str,
    mut after: Option<String>,
    length: usize,
    listed: impl Fn(Vec<Found>) -> Result<Vec<(String, Listed)>, ServiceError>,
) -> Result<Users, ServiceError> {
    let mut found = Vec::new();
    loop {
        let entries = tx.ids(Table::UserIndex, prefix, after.as_deref(), length + 1)?;
        let is_last = entries.len() <= length;
        after = entries.last().cloned();
        let users = tx.peek_all(entries.iter().map(|entry| key_in(pool, entry)))?;
        let users = entries.into_iter().zip(users);
        found.extend(listed(users.filter_map(|(entry, user)| Some((entry, user?))).collect())?);
        if is_last || found.len() > length {
            return Ok(Users::first(found, length));
        }
    }
}

/// Which sign-in name of a user.
#[derive(Clone, Copy)]
enum LoginKind {
    Username,
    Sub,
}

/// The users that have a sign-in name of this kind with this prefix, in the order of the names,
/// whose ids are the positions.
fn of_logins(
    tx: &Transaction<'_>,
    pool: &Pool,
    prefix: &str,
    kind: LoginKind,
    mut after: Option<String>,
    length: usize,
    listed: impl Fn(Vec<Found>) -> Result<Vec<(String, Listed)>, ServiceError>,
) -> Result<Users, ServiceError> {
    let mut found = Vec::new();
    let mut looked_at = 0;
    loop {
        let mut logins: Vec<Login> = tx.scan(prefix, after.as_deref(), BATCH)?;
        let is_last = logins.len() < BATCH;
        looked_at += logins.len();
        after = logins.last().map(Entity::id);
        // Told without reading the user: most names may be of another kind.
        logins.retain(|login| match kind {
            LoginKind::Username => pool.fold(&login.username) == *login.name,
            LoginKind::Sub => Uuid::try_parse(&login.name).is_ok(),
        });
        let ids = logins.iter().map(|login| User::key(&pool.id, &login.username));
        let users: Vec<Option<User>> = tx.peek_all(ids)?;
        let users = logins.iter().zip(users).filter_map(|(login, user)| {
            let is_meant = |user: &User| match kind {
                LoginKind::Username => true,
                LoginKind::Sub => pool.fold(&user.sub) == *login.name,
            };
            Some((login.id(), user.filter(is_meant)?))
        });
        found.extend(listed(users.collect())?);
        if is_last || found.len() > length {
            return Ok(Users::first(found, length));
        }
        if looked_at >= MAX_LOOKED_AT {
            return Ok(Users {
                users: found.into_iter().map(|(_, user)| user).collect(),
                next: after,
            });
        }
    }
}

/// The users with this prefix that `listed` admits, in the order of their names, which are the
/// positions.
fn of_all(
    tx: &Transaction<'_>,
    prefix: &str,
    pool: &Pool,
    after: Option<String>,
    length: usize,
    listed: impl Fn(Vec<Found>) -> Result<Vec<(String, Listed)>, ServiceError>,
) -> Result<Users, ServiceError> {
    let mut after = after.map(|name| User::key(&pool.id, &name));
    let mut found = Vec::new();
    // Enough for the page if all are admitted. If few are, the next batches are whole.
    let mut batch_length = length + 1;
    loop {
        let batch: Vec<User> = tx.scan(prefix, after.as_deref(), batch_length)?;
        let is_last = batch.len() < batch_length;
        batch_length = BATCH;
        after = batch.last().map(Entity::id);
        let users = batch.into_iter().map(|user| (user.username.clone(), user));
        found.extend(listed(users.collect())?);
        if is_last || found.len() > length {
            return Ok(Users::first(found, length));
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
    /// By their internal names with this prefix.
    NameStart(String),
    /// By the entries with this prefix, which are of one value.
    Value(String),
    /// By the entries with this prefix, which are of several values.
    ValueStart(String),
    /// By the sign-in name with this id.
    Login(String),
    /// By the sign-in names of this kind with this prefix.
    LoginStart(String, LoginKind),
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
            Field::Username if self.prefix && pool.stores_folded_names() => {
                Way::NameStart(User::key(&pool.id, value))
            }
            Field::Username if self.prefix => {
                Way::LoginStart(Login::key(&pool.id, value), LoginKind::Username)
            }
            Field::Sub if self.prefix => {
                Way::LoginStart(Login::key(&pool.id, value), LoginKind::Sub)
            }
            Field::Username | Field::Sub => Way::Login(Login::key(&pool.id, value)),
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
