//! Terms of use and privacy policies: stored and described; no page here links to them.

use device_wire::requests::{
    CreateTermsRequest, DeleteTermsRequest, DescribeTermsByClientRequest, DescribeTermsRequest,
    ListTermsRequest, UpdateTermsRequest,
};
use device_wire::responses::{
    CreateTermsResponse, DescribeTermsByClientResponse, DescribeTermsResponse, ListTermsResponse,
    UpdateTermsResponse,
};
use device_wire::shapes::{TermsDescriptionType, TermsType};
use device_wire::{ErrorCode, Timestamp};

use crate::command::context::Context;
use crate::command::page::page_length;
use crate::error::ServiceError;
use crate::records::app_client::AppClient;
use crate::records::pool::Pool;
use crate::records::resource::{Resource, terms_name};

type Terms = Resource<TermsType>;

/// `CreateTerms`. An app client has at most one of each kind.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: CreateTermsRequest,
) -> Result<CreateTermsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    let name = free_name(cx, &pool, &client.id, &request.terms_name)?;
    let now = Timestamp::from(cx.now());
    let description = TermsType {
        terms_id: cx.uuid().to_string(),
        user_pool_id: pool.id.clone(),
        client_id: client.id.into(),
        terms_name: request.terms_name,
        terms_source: request.terms_source,
        enforcement: request.enforcement,
        links: request.links.unwrap_or_default(),
        creation_date: now,
        last_modified_date: now,
    };
    let terms = Resource { pool_id: pool.id, name, description };
    cx.tx.put(&terms)?;
    Ok(CreateTermsResponse { terms: Some(terms.description) })
}

/// The name under which a client's terms are stored, unless there are any already.
fn free_name(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client_id: &str,
    kind: &str,
) -> Result<String, ServiceError> {
    let name = terms_name(client_id, kind);
    if Terms::find(cx, &pool.id, &name)?.is_some() {
        return Err(ServiceError::new(
            ErrorCode::TermsExists,
            format!("This app client has a {kind} already."),
        ));
    }
    Ok(name)
}

/// `DescribeTerms`.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: DescribeTermsRequest,
) -> Result<DescribeTermsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let terms = by_id(cx, &pool, &request.terms_id)?;
    Ok(DescribeTermsResponse { terms: Some(terms.description) })
}

fn by_id(cx: &mut Context<'_, '_>, pool: &Pool, id: &str) -> Result<Terms, ServiceError> {
    let terms = Terms::find_by(cx, &pool.id, |terms| terms.terms_id == id)?;
    terms.ok_or_else(|| ServiceError::not_found(format!("Terms {id} does not exist.")))
}

/// `DescribeTermsByClient`.
pub(crate) fn describe_by_client(
    cx: &mut Context<'_, '_>,
    request: DescribeTermsByClientRequest,
) -> Result<DescribeTermsByClientResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    let terms = Terms::load(cx, &pool.id, &terms_name(&client.id, &request.terms_name))?;
    Ok(DescribeTermsByClientResponse { terms: Some(terms.description) })
}

/// `UpdateTerms`. Members that the request omits stay unchanged.
pub(crate) fn update(
    cx: &mut Context<'_, '_>,
    request: UpdateTermsRequest,
) -> Result<UpdateTermsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut terms = by_id(cx, &pool, &request.terms_id)?;
    if let Some(kind) = request.terms_name.filter(|kind| *kind != terms.description.terms_name) {
        let name = free_name(cx, &pool, &terms.description.client_id, &kind)?;
        Terms::delete(cx, &pool.id, &std::mem::replace(&mut terms.name, name));
        terms.description.terms_name = kind;
    }
    let description = &mut terms.description;
    if let Some(source) = request.terms_source {
        description.terms_source = source;
    }
    if let Some(enforcement) = request.enforcement {
        description.enforcement = enforcement;
    }
    if let Some(links) = request.links {
        description.links = links;
    }
    description.last_modified_date = Timestamp::from(cx.now());
    cx.tx.put(&terms)?;
    Ok(UpdateTermsResponse { terms: Some(terms.description) })
}

/// `DeleteTerms`.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteTermsRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let terms = by_id(cx, &pool, &request.terms_id)?;
    Terms::delete(cx, &pool.id, &terms.name);
    Ok(())
}

/// `ListTerms`.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListTermsRequest,
) -> Result<ListTermsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let length = page_length(request.max_results);
    let token = request.next_token.as_deref();
    let (terms, next_token) = Terms::list(&cx.tx, &pool.id, token, length)?;
    let describe = |terms: TermsType| TermsDescriptionType {
        terms_id: terms.terms_id,
        terms_name: terms.terms_name,
        enforcement: terms.enforcement,
        creation_date: terms.creation_date,
        last_modified_date: terms.last_modified_date,
    };
    Ok(ListTermsResponse { terms: terms.into_iter().map(describe).collect(), next_token })
}
