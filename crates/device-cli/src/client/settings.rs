//! Settings of an app client that commands take and show.

use std::str::FromStr;

use clap::ValueEnum as _;
use device_wire::enums::{ExplicitAuthFlowsType, TimeUnitsType};
use device_wire::shapes::TokenValidityUnitsType;

/// A way in which an app client may sign users in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Flow {
    /// The password is proven without being sent.
    Srp,
    /// The password is sent.
    Password,
    /// The user chooses a factor.
    UserAuth,
    /// The pool's triggers ask.
    Custom,
    /// An administrator's server sends the password.
    Admin,
    /// A refresh token gives new tokens.
    Refresh,
}

/// The time that a token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(super) count: i32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Minutes,
    Hours,
    Days,
}

/// Options that create and update share.
#[derive(clap::Args)]
pub(crate) struct Settings {
    /// A way to sign in; repeat it or separate by commas for more [default at creation:
    /// srp,refresh]
    #[arg(long, value_delimiter = ',')]
    flow: Vec<Flow>,

    /// How long access tokens are valid, such as 60m
    #[arg(long, value_name = "TIME")]
    pub(super) access_token: Option<Validity>,

    /// How long id tokens are valid, such as 60m
    #[arg(long, value_name = "TIME")]
    pub(super) id_token: Option<Validity>,

    /// How long refresh tokens are valid, such as 30d
    #[arg(long, value_name = "TIME")]
    pub(super) refresh_token: Option<Validity>,
}

impl Settings {
    pub(super) fn is_empty(&self) -> bool {
        self.flow.is_empty()
            && self.access_token.is_none()
            && self.id_token.is_none()
            && self.refresh_token.is_none()
    }

    /// The given flows, if any.
    pub(super) fn flows(&self) -> Option<Vec<ExplicitAuthFlowsType>> {
        let flows = || self.flow.iter().map(|flow| flow.on_wire()).collect();
        (!self.flow.is_empty()).then(flows)
    }

    pub(super) fn flows_or_default(&self) -> Vec<ExplicitAuthFlowsType> {
        self.flows().unwrap_or_else(|| vec![Flow::Srp.on_wire(), Flow::Refresh.on_wire()])
    }

    /// The units of all three, with those of the given times.
    pub(super) fn units(
        &self,
        before: Option<TokenValidityUnitsType>,
    ) -> Option<TokenValidityUnitsType> {
        let mut units = before.clone().unwrap_or_default();
        let given = [
            (&mut units.access_token, self.access_token),
            (&mut units.id_token, self.id_token),
            (&mut units.refresh_token, self.refresh_token),
        ];
        let mut is_changed = false;
        for (unit, validity) in given {
            if let Some(validity) = validity {
                *unit = Some(validity.unit.on_wire());
                is_changed = true;
            }
        }
        if is_changed { Some(units) } else { before }
    }
}

impl Flow {
    fn on_wire(self) -> ExplicitAuthFlowsType {
        match self {
            Self::Srp => ExplicitAuthFlowsType::AllowUserSrpAuth,
            Self::Password => ExplicitAuthFlowsType::AllowUserPasswordAuth,
            Self::UserAuth => ExplicitAuthFlowsType::AllowUserAuth,
            Self::Custom => ExplicitAuthFlowsType::AllowCustomAuth,
            Self::Admin => ExplicitAuthFlowsType::AllowAdminUserPasswordAuth,
            Self::Refresh => ExplicitAuthFlowsType::AllowRefreshTokenAuth,
        }
    }
}

/// The name that commands take for a flow; the service's own for one that they do not set.
pub(super) fn flow_name(flow: &ExplicitAuthFlowsType) -> String {
    let named = Flow::value_variants().iter().find(|named| named.on_wire() == *flow);
    let value = named.and_then(clap::ValueEnum::to_possible_value);
    value.map_or_else(|| flow.as_str().to_owned(), |value| value.get_name().to_owned())
}

impl FromStr for Validity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a token's time is a number and s, m, h or d, such as 60m".to_owned();
        let letter = text.chars().next_back().ok_or_else(wrong)?;
        let unit = match letter {
            's' => Unit::Seconds,
            'm' => Unit::Minutes,
            'h' => Unit::Hours,
            'd' => Unit::Days,
            _ => return Err(wrong()),
        };
        let count = text.strip_suffix(letter).unwrap_or_default().parse().map_err(|_| wrong())?;
        Ok(Self { count, unit })
    }
}

impl Unit {
    fn on_wire(self) -> TimeUnitsType {
        match self {
            Self::Seconds => TimeUnitsType::Seconds,
            Self::Minutes => TimeUnitsType::Minutes,
            Self::Hours => TimeUnitsType::Hours,
            Self::Days => TimeUnitsType::Days,
        }
    }
}

/// A token's time, such as `60 minutes`. `default` is the unit of a time without one.
pub(super) fn time_text(count: Option<i32>, unit: Option<TimeUnitsType>, default: &str) -> String {
    let Some(count) = count else { return String::new() };
    let unit = unit.map_or_else(|| default.to_owned(), |unit| unit.as_str().to_owned());
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_time_leaves_the_units_of_others() {
        let none =
            Settings { flow: Vec::new(), access_token: None, id_token: None, refresh_token: None };
        assert_eq!(none.units(None), None);
        let given = Settings { access_token: Some("60m".parse().unwrap()), ..none };
        let before = TokenValidityUnitsType {
            refresh_token: Some(TimeUnitsType::Days),
            ..TokenValidityUnitsType::default()
        };
        let units = given.units(Some(before)).unwrap();
        assert_eq!(units.access_token, Some(TimeUnitsType::Minutes));
        assert_eq!(units.refresh_token, Some(TimeUnitsType::Days));
        assert!("60".parse::<Validity>().is_err() && "h".parse::<Validity>().is_err());
    }
}
