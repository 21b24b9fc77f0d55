//! The roles that group membership gives to a user.

use device_wire::shapes::GroupType;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::group::Group;
use crate::records::user::User;

/// A user's groups and the roles that they give.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    /// The names of the groups in order of precedence.
    pub(crate) groups: Vec<String>,
    /// The roles in order of precedence, without duplicates.
    pub(crate) all: Vec<String>,
    /// The role of the group with the highest precedence; `None` if several groups share it and
    /// disagree.
    pub(crate) preferred: Option<String>,
}

impl Roles {
    pub(crate) fn of(cx: &mut Context<'_, '_>, user: &User) -> Result<Self, ServiceError> {
        let groups = groups_of(cx, user)?;
        Ok(Self::ranked(groups.into_iter().map(|group| group.description)))
    }

    /// The lowest number has the highest precedence; a group without a number comes last.
    fn ranked(groups: impl Iterator<Item = GroupType>) -> Self {
        let mut groups: Vec<GroupType> = groups.collect();
        groups
            .sort_by_key(|group| (group.precedence.unwrap_or(i32::MAX), group.group_name.clone()));
        let names = groups.iter().filter_map(|group| group.group_name.clone()).collect();
        let with_role = groups
            .into_iter()
            .filter_map(|group| Some((group.precedence.unwrap_or(i32::MAX), group.role_arn?)));
        let mut ranked: Vec<(i32, String)> = with_role.collect();
        ranked.sort();
        ranked.dedup();
        let preferred = match ranked.as_slice() {
            [(first, _), (second, _), ..] if first == second => None,
            foremost => foremost.first().map(|(_, role)| role.clone()),
        };
        let mut all: Vec<String> = Vec::new();
        for (_, role) in ranked {
            if !all.contains(&role) {
                all.push(role);
            }
        }
        Self { groups: names, all, preferred }
    }
}

/// The groups that the user is in, in the order of their names.
pub(crate) fn groups_of(cx: &mut Context<'_, '_>, user: &User) -> Result<Vec<Group>, ServiceError> {
    let mut groups = Vec::new();
    for name in user.groups.names() {
        let group = cx.tx.find::<Group>(&Group::key(&user.pool_id, name))?;
        groups.extend(group.filter(|group| user.groups.contains(group)));
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_gives_the_role_unless_several_disagree() {
        for (groups, all, preferred) in [
            (vec![], vec![], None),
            (vec![(Some(0), None)], vec![], None),
            (vec![(None, Some("a"))], vec!["a"], Some("a")),
            (vec![(Some(2), Some("a")), (Some(1), Some("b"))], vec!["b", "a"], Some("b")),
            (vec![(None, Some("a")), (Some(9), Some("b"))], vec!["b", "a"], Some("b")),
            (vec![(Some(1), Some("a")), (Some(1), Some("b"))], vec!["a", "b"], None),
            (
                vec![(Some(1), Some("a")), (Some(1), Some("a")), (Some(2), Some("a"))],
                vec!["a"],
                Some("a"),
            ),
            (vec![(Some(0), None), (Some(1), Some("a"))], vec!["a"], Some("a")),
        ] {
            let described =
                groups.iter().map(|(precedence, role): &(Option<i32>, Option<&str>)| GroupType {
                    precedence: *precedence,
                    role_arn: role.map(str::to_owned),
                    ..GroupType::default()
                });
            let due = Roles {
                groups: Vec::new(),
                all: all.iter().map(|role| (*role).to_owned()).collect(),
                preferred: preferred.map(str::to_owned),
            };
            assert_eq!(Roles::ranked(described), due, "{groups:?}");
        }
    }
}
