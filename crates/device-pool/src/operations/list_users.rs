//! Users of a pool or of a group, page by page.

use device_wire::requests::{ListUsersInGroupRequest, ListUsersRequest};
use device_wire::responses::{ListUsersInGroupResponse, ListUsersResponse};
use device_wire::shapes::UserType;

use crate::command::context::Context;
use crate::command::page::{self, Page, page_length};
use crate::command::transaction::id_of;
use crate::error::ServiceError;
use crate::records::group::Group;
use crate::records::pool::Pool;
use crate::records::user::{User, is_contact};
use crate::records::user_profile::UserProfile;

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
    let after = after.map(|name| User::key(&pool.id, &name));
    let length = page_length(request.limit);
    let page = Page::scan_for(&cx.tx, &id_of([&pool.id, ""]), after, length, |mut user: User| {
        let listed = |user: &User, profile: &UserProfile| {
            filter.as_ref().is_none_or(|filter| filter.admits(&pool, user, profile))
        };
        // Most filters need no profile.
        if !filter.as_ref().is_some_and(Filter::needs_profile)
            && !listed(&user, &UserProfile::empty(&user))
        {
            return Ok(None);
        }
        let profile = UserProfile::of_scanned(&cx.tx, &mut user)?;
        Ok(listed(&user, &profile).then_some((user, profile)))
    })?;
    let describe =
        |(user, profile): &_| describe(user, profile, request.attributes_to_get.as_deref());
    Ok(ListUsersResponse {
        pagination_token: page.next_token(|(last, _)| last.username.clone()),
        users: Some(page.items.iter().map(describe).collect()),
    })
}

/// `ListUsersInGroup`, in the order of `ListUsers`. It reads the pool's users to find the members.
pub(crate) fn list_in_group(
    cx: &mut Context<'_, '_>,
    request: ListUsersInGroupRequest,
) -> Result<ListUsersInGroupResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let group = Group::load(cx, &pool, &request.group_name)?;
    let after = page::position(request.next_token.as_deref())?;
    let after = after.map(|name| User::key(&pool.id, &name));
    let length = page_length(request.limit);
    let page = Page::scan_for(&cx.tx, &id_of([&pool.id, ""]), after, length, |mut user: User| {
        if !user.groups.contains(&group) {
            return Ok(None);
        }
        let profile = UserProfile::of_scanned(&cx.tx, &mut user)?;
        Ok(Some((user, profile)))
    })?;
    Ok(ListUsersInGroupResponse {
        next_token: page.next_token(|(last, _)| last.username.clone()),
        users: Some(page.items.iter().map(|(user, profile)| profile.describe(user)).collect()),
    })
}

/// The user with the named attributes, or with all if no names are given.
fn describe(user: &User, profile: &UserProfile, attributes: Option<&[String]>) -> UserType {
    let mut described = profile.describe(user);
    if let (Some(names), Some(list)) = (attributes, &mut described.attributes) {
        list.retain(|attribute| names.contains(&attribute.name));
    }
    described
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
