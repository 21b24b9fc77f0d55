//! Identity providers: stored and described; no one signs in with them here.

use device_wire::enums::IdentityProviderTypeType;
use device_wire::requests::{
    CreateIdentityProviderRequest, DeleteIdentityProviderRequest, DescribeIdentityProviderRequest,
    GetIdentityProviderByIdentifierRequest, ListIdentityProvidersRequest,
    UpdateIdentityProviderRequest,
};
use device_wire::responses::{
    CreateIdentityProviderResponse, DescribeIdentityProviderResponse,
    GetIdentityProviderByIdentifierResponse, ListIdentityProvidersResponse,
    UpdateIdentityProviderResponse,
};
use device_wire::shapes::{IdentityProviderType, ProviderDescription};
use device_wire::{ErrorCode, Timestamp};

use crate::command::context::Context;
use crate::command::page::page_length;
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::records::resource::Resource;

/// The maximum number of identity providers of a pool.
const MAX_PROVIDERS: usize = 300;

/// The longest page of a list, which is also the default.
const MAX_PAGE: i32 = 50;

type Provider = Resource<IdentityProviderType>;

/// `CreateIdentityProvider`.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: CreateIdentityProviderRequest,
) -> Result<CreateIdentityProviderResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    if Provider::find(cx, &pool.id, &request.provider_name)?.is_some() {
        return Err(ServiceError::new(
            ErrorCode::DuplicateProvider,
            "A provider with this name already exists.",
        ));
    }
    if !Provider::is_room(&cx.tx, &pool.id, MAX_PROVIDERS)? {
        return Err(ServiceError::new(
            ErrorCode::LimitExceeded,
            format!("A user pool can have at most {MAX_PROVIDERS} identity providers."),
        ));
    }
    let now = Some(Timestamp::from(cx.now()));
    let description = IdentityProviderType {
        user_pool_id: Some(pool.id.clone()),
        provider_name: Some(request.provider_name.clone()),
        provider_type: Some(request.provider_type),
        provider_details: Some(request.provider_details),
        attribute_mapping: request.attribute_mapping,
        idp_identifiers: request.idp_identifiers,
        acr_mapping: request.acr_mapping,
        creation_date: now,
        last_modified_date: now,
    };
    let description = put(cx, &pool, request.provider_name, description)?;
    Ok(CreateIdentityProviderResponse { identity_provider: description })
}

/// Checks and stores a provider, with the service's defaults for its type.
fn put(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    name: String,
    mut description: IdentityProviderType,
) -> Result<IdentityProviderType, ServiceError> {
    let kind = description.provider_type.clone();
    let facts = kind.as_ref().and_then(Facts::of).ok_or_else(|| {
        ServiceError::invalid("The provider type is not one that the service knows.")
    })?;
    let details = description.provider_details.get_or_insert_default();
    for alternatives in facts.required {
        if !alternatives.iter().any(|name| details.contains_key(*name)) {
            let names = alternatives.join(" or ");
            return Err(ServiceError::invalid(format!("ProviderDetails must have {names}.")));
        }
    }
    for (name, value) in facts.defaults {
        details.entry((*name).to_owned()).or_insert_with(|| (*value).to_owned());
    }
    let mapping = description.attribute_mapping.get_or_insert_default();
    if let Some(claim) = facts.username {
        mapping.entry("username".to_owned()).or_insert_with(|| claim.to_owned());
    }
    for attribute in mapping.keys().filter(|attribute| *attribute != "username") {
        pool.check_attribute(attribute)?;
    }
    let identifiers = description.idp_identifiers.get_or_insert_default().clone();
    for identifier in &identifiers {
        let holder = by_identifier(cx, &pool.id, identifier)?;
        if holder.is_some_and(|holder| holder.name != name) {
            return Err(ServiceError::invalid(format!(
                "The identifier {identifier} belongs to another provider."
            )));
        }
    }
    let provider = Resource { pool_id: pool.id.clone(), name, description };
    cx.tx.put(&provider)?;
    Ok(provider.description)
}

fn by_identifier(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    identifier: &str,
) -> Result<Option<Provider>, ServiceError> {
    Provider::find_by(cx, pool_id, |provider| {
        let identifiers = provider.idp_identifiers.as_deref().unwrap_or_default();
        identifiers.iter().any(|known| known == identifier)
    })
}

/// `DescribeIdentityProvider`.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: DescribeIdentityProviderRequest,
) -> Result<DescribeIdentityProviderResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let provider = Provider::load(cx, &pool.id, &request.provider_name)?;
    Ok(DescribeIdentityProviderResponse { identity_provider: provider.description })
}

/// `GetIdentityProviderByIdentifier`.
pub(crate) fn by_idp_identifier(
    cx: &mut Context<'_, '_>,
    request: GetIdentityProviderByIdentifierRequest,
) -> Result<GetIdentityProviderByIdentifierResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let provider = by_identifier(cx, &pool.id, &request.idp_identifier)?;
    let provider = provider.ok_or_else(|| {
        ServiceError::not_found(format!(
            "Identity provider {} does not exist.",
            request.idp_identifier
        ))
    })?;
    Ok(GetIdentityProviderByIdentifierResponse { identity_provider: provider.description })
}

/// `UpdateIdentityProvider`. Members that the request omits stay unchanged.
pub(crate) fn update(
    cx: &mut Context<'_, '_>,
    request: UpdateIdentityProviderRequest,
) -> Result<UpdateIdentityProviderResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let Resource { name, description: old, .. } =
        Provider::load(cx, &pool.id, &request.provider_name)?;
    let description = IdentityProviderType {
        provider_details: request.provider_details.or(old.provider_details),
        attribute_mapping: request.attribute_mapping.or(old.attribute_mapping),
        idp_identifiers: request.idp_identifiers.or(old.idp_identifiers),
        acr_mapping: request.acr_mapping.or(old.acr_mapping),
        last_modified_date: Some(Timestamp::from(cx.now())),
        ..old
    };
    let description = put(cx, &pool, name, description)?;
    Ok(UpdateIdentityProviderResponse { identity_provider: description })
}

/// `DeleteIdentityProvider`.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteIdentityProviderRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let provider = Provider::load(cx, &pool.id, &request.provider_name)?;
    Provider::delete(cx, &pool.id, &provider.name);
    Ok(())
}

/// `ListIdentityProviders`, in the order of their names.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListIdentityProvidersRequest,
) -> Result<ListIdentityProvidersResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let asked = request.max_results.filter(|asked| (1..=MAX_PAGE).contains(asked));
    let length = page_length(asked.or(Some(MAX_PAGE)));
    let token = request.next_token.as_deref();
    let (providers, next_token) = Provider::list(&cx.tx, &pool.id, token, length)?;
    let describe = |provider: IdentityProviderType| ProviderDescription {
        provider_name: provider.provider_name,
        provider_type: provider.provider_type,
        last_modified_date: provider.last_modified_date,
        creation_date: provider.creation_date,
    };
    let providers = providers.into_iter().map(describe).collect();
    Ok(ListIdentityProvidersResponse { providers, next_token })
}

/// What the service documents about a type of provider.
struct Facts {
    /// The details that must be given; of each row, one.
    required: &'static [&'static [&'static str]],
    /// The details that the service fills in.
    defaults: &'static [(&'static str, &'static str)],
    /// The claim that becomes the username unless the mapping names another.
    username: Option<&'static str>,
}

impl Facts {
    fn of(kind: &IdentityProviderTypeType) -> Option<Self> {
        const OAUTH: &[&[&str]] = &[&["client_id"], &["client_secret"], &["authorize_scopes"]];
        Some(match kind {
            IdentityProviderTypeType::Google => Self {
                required: OAUTH,
                defaults: &[
                    ("attributes_url", "https://people.googleapis.com/v1/people/me?personFields="),
                    ("attributes_url_add_attributes", "true"),
                    ("authorize_url", "https://accounts.google.com/o/oauth2/v2/auth"),
                    ("oidc_issuer", "https://accounts.google.com"),
                    ("token_request_method", "POST"),
                    ("token_url", "https://www.googleapis.com/oauth2/v4/token"),
                ],
                username: Some("sub"),
            },
            IdentityProviderTypeType::Facebook => Self {
                required: OAUTH,
                defaults: &[
                    ("api_version", "v17.0"),
                    ("attributes_url", "https://graph.facebook.com/v17.0/me?fields="),
                    ("attributes_url_add_attributes", "true"),
                    ("authorize_url", "https://www.facebook.com/v17.0/dialog/oauth"),
                    ("token_request_method", "GET"),
                    ("token_url", "https://graph.facebook.com/v17.0/oauth/access_token"),
                ],
                username: Some("id"),
            },
            IdentityProviderTypeType::LoginWithAmazon => Self {
                required: OAUTH,
                defaults: &[
                    ("attributes_url", "https://api.amazon.com/user/profile"),
                    ("attributes_url_add_attributes", "false"),
                    ("authorize_url", "https://www.amazon.com/ap/oa"),
                    ("token_request_method", "POST"),
                    ("token_url", "https://api.amazon.com/auth/o2/token"),
                ],
                username: Some("user_id"),
            },
            IdentityProviderTypeType::SignInWithApple => Self {
                required: &[&["client_id"], &["team_id"], &["key_id"], &["authorize_scopes"]],
                defaults: &[
                    ("attributes_url_add_attributes", "false"),
                    ("authorize_url", "https://appleid.apple.com/auth/authorize"),
                    ("oidc_issuer", "https://appleid.apple.com"),
                    ("token_request_method", "POST"),
                    ("token_url", "https://appleid.apple.com/auth/token"),
                ],
                username: Some("sub"),
            },
            IdentityProviderTypeType::Oidc => Self {
                required: &[
                    &["client_id"],
                    &["attributes_request_method"],
                    &["oidc_issuer"],
                    &["authorize_scopes"],
                ],
                defaults: &[("attributes_url_add_attributes", "false")],
                username: Some("sub"),
            },
            IdentityProviderTypeType::Saml => Self {
                required: &[&["MetadataURL", "MetadataFile"]],
                defaults: &[],
                username: None,
            },
            _ => return None,
        })
    }
}
