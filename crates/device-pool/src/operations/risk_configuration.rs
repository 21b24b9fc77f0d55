//! Risk configuration: what a risky sign-in must do, for a pool or for one app client.

use device_wire::Timestamp;
use device_wire::requests::{DescribeRiskConfigurationRequest, SetRiskConfigurationRequest};
use device_wire::responses::{DescribeRiskConfigurationResponse, SetRiskConfigurationResponse};
use device_wire::shapes::RiskConfigurationType;
use ipnet::IpNet;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::records::resource::{Resource, client_or_all};

type RiskConfiguration = Resource<RiskConfigurationType>;

/// `SetRiskConfiguration`. With nothing to set, what was set is removed.
pub(crate) fn set(
    cx: &mut Context<'_, '_>,
    request: SetRiskConfigurationRequest,
) -> Result<SetRiskConfigurationResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let name = client_or_all(cx, &pool, request.client_id.as_ref())?;
    check_ranges(&request)?;
    let is_empty = request.compromised_credentials_risk_configuration.is_none()
        && request.account_takeover_risk_configuration.is_none()
        && request.risk_exception_configuration.is_none();
    RiskConfiguration::find(cx, &pool.id, &name)?;
    let description = RiskConfigurationType {
        user_pool_id: Some(pool.id.clone()),
        client_id: request.client_id,
        compromised_credentials_risk_configuration: request
            .compromised_credentials_risk_configuration,
        account_takeover_risk_configuration: request.account_takeover_risk_configuration,
        risk_exception_configuration: request.risk_exception_configuration,
        last_modified_date: Some(Timestamp::from(cx.now())),
    };
    if is_empty {
        RiskConfiguration::delete(cx, &pool.id, &name);
        return Ok(SetRiskConfigurationResponse { risk_configuration: description });
    }
    let configuration = Resource { pool_id: pool.id, name, description };
    cx.tx.put(&configuration)?;
    Ok(SetRiskConfigurationResponse { risk_configuration: configuration.description })
}

fn check_ranges(request: &SetRiskConfigurationRequest) -> Result<(), ServiceError> {
    let Some(exceptions) = &request.risk_exception_configuration else { return Ok(()) };
    let lists = [&exceptions.blocked_ip_range_list, &exceptions.skipped_ip_range_list];
    for range in lists.into_iter().flatten().flatten() {
        if range.parse::<IpNet>().is_err() {
            return Err(ServiceError::invalid(format!(
                "{range} is not an address range in CIDR notation."
            )));
        }
    }
    Ok(())
}

/// `DescribeRiskConfiguration`: what was set for this client, or for the pool.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: DescribeRiskConfigurationRequest,
) -> Result<DescribeRiskConfigurationResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let name = client_or_all(cx, &pool, request.client_id.as_ref())?;
    let found = RiskConfiguration::find(cx, &pool.id, &name)?;
    let risk_configuration = found.map_or_else(
        || RiskConfigurationType {
            user_pool_id: Some(pool.id),
            client_id: request.client_id,
            ..RiskConfigurationType::default()
        },
        |found| found.description,
    );
    Ok(DescribeRiskConfigurationResponse { risk_configuration })
}
