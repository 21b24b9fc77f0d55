//! Expiring parts of a pool.

use std::time::Duration;

use device_proto::DeviceRecord;
use device_wire::enums::TimeUnitsType;
use device_wire::requests::{AdminForgetDeviceRequest, DescribeUserPoolClientRequest};
use device_wire::shapes::{TokenValidityUnitsType, UserPoolClientType};

use super::TestPool;

/// What [`TestPool::expire`] ends.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Expire<'a> {
    /// All access and id tokens.
    Tokens,
    /// All refresh tokens, and the sign-ins that they belong to.
    RefreshTokens,
    /// All running sign-ins: every `Session` and `SECRET_BLOCK`.
    Sessions,
    /// One device: the service no longer knows it.
    Device(&'a DeviceRecord),
}

impl TestPool {
    /// Ends something: moves the clock to its expiry, or forgets the device.
    ///
    /// Everything else that expires by then has expired too.
    ///
    /// # Panics
    /// If the service refuses.
    #[track_caller]
    pub fn expire(&self, what: Expire<'_>) {
        match what {
            Expire::Tokens => self.clock().advance(tokens(&self.client())),
            Expire::RefreshTokens => self.clock().advance(refresh_tokens(&self.client())),
            Expire::Sessions => self.clock().advance(sessions(&self.client())),
            Expire::Device(device) => {
                let forget = AdminForgetDeviceRequest::new(
                    self.id(),
                    device.owner.username.as_str(),
                    device.device_key.as_str(),
                );
                self.call(&forget).unwrap();
            }
        }
    }

    fn client(&self) -> UserPoolClientType {
        let describe = DescribeUserPoolClientRequest::new(self.id(), self.client_id());
        self.call(&describe).unwrap().user_pool_client.unwrap()
    }
}

fn tokens(client: &UserPoolClientType) -> Duration {
    let units = client.token_validity_units.clone().unwrap_or_default();
    let access = lifetime(client.access_token_validity, units.access_token, TimeUnitsType::Hours);
    let id = lifetime(client.id_token_validity, units.id_token, TimeUnitsType::Hours);
    access.unwrap_or(HOUR).max(id.unwrap_or(HOUR)) + INSTANT
}

fn refresh_tokens(client: &UserPoolClientType) -> Duration {
    let TokenValidityUnitsType { refresh_token: unit, .. } =
        client.token_validity_units.clone().unwrap_or_default();
    let refresh = lifetime(client.refresh_token_validity, unit, TimeUnitsType::Days);
    refresh.unwrap_or(30 * 24 * HOUR) + INSTANT
}

fn sessions(client: &UserPoolClientType) -> Duration {
    let minutes = lifetime(client.auth_session_validity, None, TimeUnitsType::Minutes);
    minutes.unwrap_or(Duration::from_secs(3 * 60)) + INSTANT
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Beyond the end, since what ends at a time may still be valid at that time.
const INSTANT: Duration = Duration::from_secs(1);

/// The lifetime of something; zero if the client does not set it, or sets 0.
fn lifetime(
    number: Option<i32>,
    unit: Option<TimeUnitsType>,
    default_unit: TimeUnitsType,
) -> Option<Duration> {
    let number = u32::try_from(number?).ok().filter(|&number| number > 0)?;
    let unit = match unit.unwrap_or(default_unit) {
        TimeUnitsType::Seconds => Duration::from_secs(1),
        TimeUnitsType::Minutes => Duration::from_secs(60),
        TimeUnitsType::Days => 24 * HOUR,
        _ => HOUR,
    };
    Some(unit * number)
}
