//! Log delivery: stored and described; this server writes its own log instead.

use std::collections::BTreeSet;

use device_wire::requests::{
    GetLogDeliveryConfigurationRequest, SetLogDeliveryConfigurationRequest,
};
use device_wire::responses::{
    GetLogDeliveryConfigurationResponse, SetLogDeliveryConfigurationResponse,
};
use device_wire::shapes::LogDeliveryConfigurationType;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::records::resource::{OF_POOL, Resource};

type LogDelivery = Resource<LogDeliveryConfigurationType>;

/// `SetLogDeliveryConfiguration`. An empty list removes what was set.
pub(crate) fn set(
    cx: &mut Context<'_, '_>,
    request: SetLogDeliveryConfigurationRequest,
) -> Result<SetLogDeliveryConfigurationResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut sources = BTreeSet::new();
    for log in &request.log_configurations {
        if !sources.insert(log.event_source.as_str()) {
            return Err(ServiceError::invalid("Each event source can be configured once."));
        }
        let destinations = [
            log.cloud_watch_logs_configuration.is_some(),
            log.s3_configuration.is_some(),
            log.firehose_configuration.is_some(),
        ];
        if destinations.into_iter().filter(|is_set| *is_set).count() != 1 {
            return Err(ServiceError::invalid("Each event source needs exactly one destination."));
        }
    }
    LogDelivery::find(cx, &pool.id, OF_POOL)?;
    let configuration = Resource {
        pool_id: pool.id.clone(),
        name: OF_POOL.to_owned(),
        description: LogDeliveryConfigurationType {
            user_pool_id: pool.id,
            log_configurations: request.log_configurations,
        },
    };
    cx.tx.put(&configuration)?;
    Ok(SetLogDeliveryConfigurationResponse {
        log_delivery_configuration: Some(configuration.description),
    })
}

/// `GetLogDeliveryConfiguration`.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: GetLogDeliveryConfigurationRequest,
) -> Result<GetLogDeliveryConfigurationResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let configuration = LogDelivery::find(cx, &pool.id, OF_POOL)?;
    let description = configuration.map_or_else(
        || LogDeliveryConfigurationType { user_pool_id: pool.id, log_configurations: Vec::new() },
        |configuration| configuration.description,
    );
    Ok(GetLogDeliveryConfigurationResponse { log_delivery_configuration: Some(description) })
}
