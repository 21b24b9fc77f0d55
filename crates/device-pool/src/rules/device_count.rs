//! How many devices a pool has, by their status.

use device_wire::enums::DeviceRememberedStatusType;
use serde::Deserialize;

use crate::command::transaction::id_of;
use crate::error::ServiceError;
use crate::store::{Store, Table};

/// The maximum number of devices that are counted. As many as `DescribeUserPool` counts users.
const MAX_COUNTED: usize = 1000;

/// The devices of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceCount {
    /// Those that are remembered.
    pub remembered: usize,
    /// Those that are tracked and not remembered.
    pub not_remembered: usize,
    /// Whether there are more than were counted.
    pub has_more: bool,
}

/// The part of a device's record that is counted.
#[derive(Deserialize)]
struct Status {
    remembered: DeviceRememberedStatusType,
}

/// Counts the devices of a pool.
pub(crate) fn count(store: &dyn Store, pool_id: &str) -> Result<DeviceCount, ServiceError> {
    let devices = store.scan(Table::Device, &id_of([pool_id, ""]), None, MAX_COUNTED + 1)?;
    let mut count = DeviceCount { has_more: devices.len() > MAX_COUNTED, ..DeviceCount::default() };
    for (_, record) in devices.iter().take(MAX_COUNTED) {
        let status: Result<Status, _> = serde_json::from_slice(&record.body);
        match status.map(|status| status.remembered) {
            Ok(DeviceRememberedStatusType::Remembered) => count.remembered += 1,
            Ok(_) => count.not_remembered += 1,
            Err(_) => return Err(ServiceError::internal("a device's record does not read")),
        }
    }
    Ok(count)
}
