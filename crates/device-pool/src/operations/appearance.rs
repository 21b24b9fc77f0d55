//! The appearance of sign-in pages: stored and described; no such pages are served here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use device_wire::requests::{
    CreateManagedLoginBrandingRequest, DeleteManagedLoginBrandingRequest,
    DescribeManagedLoginBrandingByClientRequest, DescribeManagedLoginBrandingRequest,
    GetUICustomizationRequest, SetUICustomizationRequest, UpdateManagedLoginBrandingRequest,
};
use device_wire::responses::{
    CreateManagedLoginBrandingResponse, DescribeManagedLoginBrandingByClientResponse,
    DescribeManagedLoginBrandingResponse, GetUICustomizationResponse, SetUICustomizationResponse,
    UpdateManagedLoginBrandingResponse,
};
use device_wire::shapes::{ManagedLoginBrandingType, UICustomizationType};
use device_wire::{ErrorCode, Timestamp};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::app_client::AppClient;
use crate::records::pool::Pool;
use crate::records::resource::{ALL_CLIENTS, Resource, client_or_all};

type Customization = Resource<UICustomizationType>;
type Branding = Resource<ManagedLoginBrandingType>;

/// `SetUICustomization`. With neither CSS nor image it removes what was set.
pub(crate) fn customize(
    cx: &mut Context<'_, '_>,
    request: SetUICustomizationRequest,
) -> Result<SetUICustomizationResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let name = client_or_all(cx, &pool, request.client_id.as_ref())?;
    if pool.description.domain.is_none() && pool.description.custom_domain.is_none() {
        return Err(ServiceError::invalid(
            "There has to be an existing domain associated with this user pool",
        ));
    }
    let image_url = request.image_file.as_deref().map(image_url).transpose()?;
    let earlier = Customization::find(cx, &pool.id, &name)?;
    let now = Timestamp::from(cx.now());
    let created = earlier.and_then(|earlier| earlier.description.creation_date);
    let description = UICustomizationType {
        user_pool_id: Some(pool.id.clone()),
        client_id: Some(name.clone().into()),
        css_version: request.css.as_ref().map(|_| cx.now().millis().to_string()),
        css: request.css,
        image_url,
        creation_date: created.or(Some(now)),
        last_modified_date: Some(now),
    };
    if description.css.is_none() && description.image_url.is_none() {
        Customization::delete(cx, &pool.id, &name);
        return Ok(SetUICustomizationResponse { ui_customization: description });
    }
    let customization = Resource { pool_id: pool.id, name, description };
    cx.tx.put(&customization)?;
    Ok(SetUICustomizationResponse { ui_customization: customization.description })
}

/// A URL that is the image itself, since this server has no place to serve it from.
fn image_url(image: &str) -> Result<String, ServiceError> {
    let bytes = BASE64
        .decode(image)
        .map_err(|_| ServiceError::invalid("The image file is not encoded in base64."))?;
    let kind = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpeg",
        _ => return Err(ServiceError::invalid("The image file must be a PNG or a JPEG.")),
    };
    Ok(format!("data:image/{kind};base64,{image}"))
}

/// `GetUICustomization`: that of the client, or that of all clients, or an empty one.
pub(crate) fn customization(
    cx: &mut Context<'_, '_>,
    request: GetUICustomizationRequest,
) -> Result<GetUICustomizationResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let name = client_or_all(cx, &pool, request.client_id.as_ref())?;
    let found = match Customization::find(cx, &pool.id, &name)? {
        None => Customization::find(cx, &pool.id, ALL_CLIENTS)?,
        found => found,
    };
    let ui_customization = found.map(|found| found.description).unwrap_or_default();
    Ok(GetUICustomizationResponse { ui_customization })
}

/// `CreateManagedLoginBranding`. An app client has at most one.
pub(crate) fn create_branding(
    cx: &mut Context<'_, '_>,
    request: CreateManagedLoginBrandingRequest,
) -> Result<CreateManagedLoginBrandingResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    if Branding::find(cx, &pool.id, &client.id)?.is_some() {
        return Err(ServiceError::new(
            ErrorCode::ManagedLoginBrandingExists,
            "This app client has a managed login branding already.",
        ));
    }
    let now = Some(Timestamp::from(cx.now()));
    let description = ManagedLoginBrandingType {
        managed_login_branding_id: Some(cx.uuid().to_string()),
        user_pool_id: Some(pool.id.clone()),
        use_cognito_provided_values: Some(request.use_cognito_provided_values.unwrap_or(false)),
        settings: request.settings,
        assets: request.assets,
        creation_date: now,
        last_modified_date: now,
    };
    check_branding(&description)?;
    let branding = Resource { pool_id: pool.id, name: client.id, description };
    cx.tx.put(&branding)?;
    Ok(CreateManagedLoginBrandingResponse { managed_login_branding: Some(branding.description) })
}

fn check_branding(branding: &ManagedLoginBrandingType) -> Result<(), ServiceError> {
    let has_own = branding.settings.is_some() || branding.assets.is_some();
    if branding.use_cognito_provided_values == Some(true) && has_own {
        return Err(ServiceError::invalid(
            "Settings and Assets cannot be given beside UseCognitoProvidedValues.",
        ));
    }
    if branding.settings.as_ref().is_some_and(|settings| !settings.is_object()) {
        return Err(ServiceError::invalid("Settings must be a JSON object."));
    }
    Ok(())
}

/// `DescribeManagedLoginBranding`. There are no defaults here that could be merged in.
pub(crate) fn branding(
    cx: &mut Context<'_, '_>,
    request: DescribeManagedLoginBrandingRequest,
) -> Result<DescribeManagedLoginBrandingResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let branding = by_id(cx, &pool, &request.managed_login_branding_id)?;
    Ok(DescribeManagedLoginBrandingResponse { managed_login_branding: Some(branding.description) })
}

fn by_id(cx: &mut Context<'_, '_>, pool: &Pool, id: &str) -> Result<Branding, ServiceError> {
    let branding = Branding::find_by(cx, &pool.id, |branding| {
        branding.managed_login_branding_id.as_deref() == Some(id)
    })?;
    branding.ok_or_else(|| {
        ServiceError::not_found(format!("Managed login branding {id} does not exist."))
    })
}

/// `DescribeManagedLoginBrandingByClient`.
pub(crate) fn branding_of_client(
    cx: &mut Context<'_, '_>,
    request: DescribeManagedLoginBrandingByClientRequest,
) -> Result<DescribeManagedLoginBrandingByClientResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    let branding = Branding::load(cx, &pool.id, &client.id)?;
    Ok(DescribeManagedLoginBrandingByClientResponse {
        managed_login_branding: Some(branding.description),
    })
}

/// `UpdateManagedLoginBranding`. Settings and assets that the request omits are removed.
pub(crate) fn update_branding(
    cx: &mut Context<'_, '_>,
    request: UpdateManagedLoginBrandingRequest,
) -> Result<UpdateManagedLoginBrandingResponse, ServiceError> {
    let pool = Pool::load(cx, request.user_pool_id.as_deref().unwrap_or_default())?;
    let id = request.managed_login_branding_id.as_deref().unwrap_or_default();
    let mut branding = by_id(cx, &pool, id)?;
    branding.description = ManagedLoginBrandingType {
        use_cognito_provided_values: Some(request.use_cognito_provided_values.unwrap_or(false)),
        settings: request.settings,
        assets: request.assets,
        last_modified_date: Some(Timestamp::from(cx.now())),
        ..branding.description
    };
    check_branding(&branding.description)?;
    cx.tx.put(&branding)?;
    Ok(UpdateManagedLoginBrandingResponse { managed_login_branding: Some(branding.description) })
}

/// `DeleteManagedLoginBranding`.
pub(crate) fn delete_branding(
    cx: &mut Context<'_, '_>,
    request: DeleteManagedLoginBrandingRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let branding = by_id(cx, &pool, &request.managed_login_branding_id)?;
    Branding::delete(cx, &pool.id, &branding.name);
    Ok(())
}
