//! Domains: stored and described; no pages are served under them here.

use device_wire::Timestamp;
use device_wire::enums::DomainStatusType;
use device_wire::requests::{
    CreateUserPoolDomainRequest, DeleteUserPoolDomainRequest, DescribeUserPoolDomainRequest,
    UpdateUserPoolDomainRequest,
};
use device_wire::responses::{
    CreateUserPoolDomainResponse, DeleteUserPoolDomainResponse, DescribeUserPoolDomainResponse,
    UpdateUserPoolDomainResponse,
};
use device_wire::shapes::DomainDescriptionType;

use crate::command::context::Context;
use crate::command::transaction::Entity as _;
use crate::error::ServiceError;
use crate::records::domain::Domain;
use crate::records::pool::Pool;

/// Words that the service keeps out of the domains that it hosts.
const RESERVED: [&str; 3] = ["amazon", "aws", "cognito"];

/// `CreateUserPoolDomain`. A pool has at most one domain of the service's and one of its own.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: CreateUserPoolDomainRequest,
) -> Result<CreateUserPoolDomainResponse, ServiceError> {
    let mut pool = Pool::load(cx, &request.user_pool_id)?;
    let is_custom = request.custom_domain_config.is_some();
    let name = request.domain;
    if !is_custom {
        if let Some(word) = RESERVED.iter().find(|word| name.contains(**word)) {
            return Err(ServiceError::invalid(format!(
                "Domain cannot contain reserved word: {word}"
            )));
        }
        if name.contains('.') {
            return Err(ServiceError::invalid(
                "A domain without CustomDomainConfig is a prefix and cannot contain dots.",
            ));
        }
    }
    if cx.tx.find::<Domain>(&name)?.is_some() {
        return Err(ServiceError::invalid("Domain already associated with another user pool."));
    }
    let held =
        if is_custom { &mut pool.description.custom_domain } else { &mut pool.description.domain };
    if held.is_some() {
        return Err(ServiceError::invalid("User pool already has a domain configured."));
    }
    *held = Some(name.clone());
    let host = host_of(&cx.config.public_base_url).to_owned();
    let domain = Domain {
        name: name.clone(),
        description: DomainDescriptionType {
            user_pool_id: Some(pool.id.clone()),
            aws_account_id: Some(cx.config.account_id.clone()),
            domain: Some(name),
            s3_bucket: None,
            // Infrastructure tools insist on a name that the domain would point to.
            cloud_front_distribution: Some(host.clone()),
            version: Some(cx.now().millis().to_string()),
            status: Some(DomainStatusType::Active),
            custom_domain_config: request.custom_domain_config,
            managed_login_version: Some(request.managed_login_version.unwrap_or(1)),
            routing: request.routing.clone(),
        },
    };
    pool.description.last_modified_date = Some(Timestamp::from(cx.now()));
    cx.tx.put(&pool)?;
    cx.tx.put(&domain)?;
    Ok(CreateUserPoolDomainResponse {
        managed_login_version: domain.description.managed_login_version,
        cloud_front_domain: is_custom.then_some(host),
        routing: request.routing,
    })
}

/// The host name in a URL.
fn host_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after_scheme.split('/').next().unwrap_or_default();
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// `DescribeUserPoolDomain`. An unknown domain is described by nothing, and so is one of a pool
/// that is not shown.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: DescribeUserPoolDomainRequest,
) -> Result<DescribeUserPoolDomainResponse, ServiceError> {
    let domain: Option<Domain> = cx.tx.find(&request.domain)?;
    let shown = domain.map(|domain| domain.description).filter(|description| {
        description.user_pool_id.as_ref().is_some_and(|pool| cx.shows_pool(pool))
    });
    let description = shown.unwrap_or_default();
    Ok(DescribeUserPoolDomainResponse { domain_description: Some(description) })
}

/// `UpdateUserPoolDomain`. Members that the request omits stay unchanged.
pub(crate) fn update(
    cx: &mut Context<'_, '_>,
    request: UpdateUserPoolDomainRequest,
) -> Result<UpdateUserPoolDomainResponse, ServiceError> {
    let (_, mut domain) = of_pool(cx, &request.user_pool_id, &request.domain)?;
    let description = &mut domain.description;
    if request.custom_domain_config.is_some() && description.custom_domain_config.is_none() {
        return Err(ServiceError::invalid("A domain prefix cannot become a custom domain."));
    }
    description.custom_domain_config =
        request.custom_domain_config.or(description.custom_domain_config.take());
    description.managed_login_version =
        request.managed_login_version.or(description.managed_login_version);
    description.routing = request.routing.or(description.routing.take());
    description.version = Some(cx.now().millis().to_string());
    cx.tx.put(&domain)?;
    let description = domain.description;
    let is_custom = description.custom_domain_config.is_some();
    Ok(UpdateUserPoolDomainResponse {
        managed_login_version: description.managed_login_version,
        cloud_front_domain: description.cloud_front_distribution.filter(|_| is_custom),
        routing: description.routing,
    })
}

/// `DeleteUserPoolDomain`.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteUserPoolDomainRequest,
) -> Result<DeleteUserPoolDomainResponse, ServiceError> {
    let (mut pool, domain) = of_pool(cx, &request.user_pool_id, &request.domain)?;
    for held in [&mut pool.description.domain, &mut pool.description.custom_domain] {
        held.take_if(|name| *name == domain.name);
    }
    cx.tx.put(&pool)?;
    cx.tx.delete::<Domain>(&domain.id());
    Ok(DeleteUserPoolDomainResponse {})
}

fn of_pool(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    name: &str,
) -> Result<(Pool, Domain), ServiceError> {
    let pool = Pool::load(cx, pool_id)?;
    let domain: Option<Domain> = cx.tx.find(name)?;
    domain
        .filter(|domain| domain.description.user_pool_id.as_ref() == Some(&pool.id))
        .map(|domain| (pool, domain))
        .ok_or_else(|| ServiceError::invalid("No such domain or user pool exists."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_has_no_port() {
        for (url, host) in [
            ("http://localhost:9229", "localhost"),
            ("https://id.example.com", "id.example.com"),
            ("https://id.example.com/pools", "id.example.com"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }
}
