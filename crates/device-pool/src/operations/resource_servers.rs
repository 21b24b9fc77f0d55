//! Resource servers: identifiers and scopes that app clients may be granted.

use std::collections::BTreeSet;

use device_wire::ErrorCode;
use device_wire::requests::{
    CreateResourceServerRequest, DeleteResourceServerRequest, DescribeResourceServerRequest,
    ListResourceServersRequest, UpdateResourceServerRequest,
};
use device_wire::responses::{
    CreateResourceServerResponse, DescribeResourceServerResponse, ListResourceServersResponse,
    UpdateResourceServerResponse,
};
use device_wire::shapes::{ResourceServerScopeType, ResourceServerType};

use crate::command::context::Context;
use crate::command::page::page_length;
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::records::resource::Resource;

/// The maximum number of resource servers of a pool.
const MAX_SERVERS: usize = 300;

/// The page length unless the request asks for less.
const PAGE: i32 = 50;

type ResourceServer = Resource<ResourceServerType>;

/// `CreateResourceServer`.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: CreateResourceServerRequest,
) -> Result<CreateResourceServerResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    if ResourceServer::find(cx, &pool.id, &request.identifier)?.is_some() {
        return Err(ServiceError::invalid(format!(
            "{} already exists in user pool {}.",
            request.identifier, pool.id
        )));
    }
    if !ResourceServer::is_room(&cx.tx, &pool.id, MAX_SERVERS)? {
        return Err(ServiceError::new(
            ErrorCode::LimitExceeded,
            format!("A user pool can have at most {MAX_SERVERS} resource servers."),
        ));
    }
    let server = put(cx, pool.id, request.identifier, request.name, request.scopes)?;
    Ok(CreateResourceServerResponse { resource_server: server })
}

/// Stores a server with its name and scopes. The scopes of an earlier state are replaced.
fn put(
    cx: &mut Context<'_, '_>,
    pool_id: String,
    identifier: String,
    name: String,
    scopes: Option<Vec<ResourceServerScopeType>>,
) -> Result<ResourceServerType, ServiceError> {
    let scopes = scopes.unwrap_or_default();
    let mut names = BTreeSet::new();
    if let Some(twice) = scopes.iter().find(|scope| !names.insert(&scope.scope_name)) {
        let name = &twice.scope_name;
        return Err(ServiceError::invalid(format!("The scope {name} is given twice.")));
    }
    let description = ResourceServerType {
        user_pool_id: Some(pool_id.clone()),
        identifier: Some(identifier.clone()),
        name: Some(name),
        scopes: Some(scopes),
        managed_by: None,
    };
    let server = Resource { pool_id, name: identifier, description };
    cx.tx.put(&server)?;
    Ok(server.description)
}

/// `DescribeResourceServer`.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: DescribeResourceServerRequest,
) -> Result<DescribeResourceServerResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let server = ResourceServer::load(cx, &pool.id, &request.identifier)?;
    Ok(DescribeResourceServerResponse { resource_server: server.description })
}

/// `UpdateResourceServer`. Scopes that the request omits are removed.
pub(crate) fn update(
    cx: &mut Context<'_, '_>,
    request: UpdateResourceServerRequest,
) -> Result<UpdateResourceServerResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let server = ResourceServer::load(cx, &pool.id, &request.identifier)?;
    let server = put(cx, pool.id, server.name, request.name, request.scopes)?;
    Ok(UpdateResourceServerResponse { resource_server: server })
}

/// `DeleteResourceServer`.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteResourceServerRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let server = ResourceServer::load(cx, &pool.id, &request.identifier)?;
    ResourceServer::delete(cx, &pool.id, &server.name);
    Ok(())
}

/// `ListResourceServers`, in the order of their identifiers.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListResourceServersRequest,
) -> Result<ListResourceServersResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let length = page_length(request.max_results.or(Some(PAGE)));
    let token = request.next_token.as_deref();
    let (resource_servers, next_token) = ResourceServer::list(&cx.tx, &pool.id, token, length)?;
    Ok(ListResourceServersResponse { resource_servers, next_token })
}
