//! Devices: confirmed, listed, remembered and forgotten, by users and administrators.

use device_wire::enums::DeviceRememberedStatusType;
use device_wire::requests::{
    AdminForgetDeviceRequest, AdminGetDeviceRequest, AdminListDevicesRequest,
    AdminUpdateDeviceStatusRequest, ConfirmDeviceRequest, ForgetDeviceRequest, GetDeviceRequest,
    ListDevicesRequest, UpdateDeviceStatusRequest,
};
use device_wire::responses::{
    AdminGetDeviceResponse, AdminListDevicesResponse, AdminUpdateDeviceStatusResponse,
    ConfirmDeviceResponse, GetDeviceResponse, ListDevicesResponse, UpdateDeviceStatusResponse,
};
use device_wire::{ErrorCode, Sensitive};

use crate::command::context::Context;
use crate::command::page::{self, Page, page_length};
use crate::error::ServiceError;
use crate::records::device::{self, Confirmation, Device, ForgottenDevice};
use crate::records::device_tags::DeviceTags;
use crate::records::pool::{DevicePolicy, Pool, Remember};
use crate::records::user::User;
use crate::rules::caller::Caller;
use crate::rules::device_keys::{self, IssuedAfter};
use crate::rules::{device_limits, device_notices};

/// `ConfirmDevice`.
pub(crate) fn confirm(
    cx: &mut Context<'_, '_>,
    request: ConfirmDeviceRequest,
) -> Result<ConfirmDeviceResponse, ServiceError> {
    let invalid_key = || ServiceError::invalid("Invalid device key given.");
    let Caller { pool, keys, user, claims, .. } = Caller::authenticate(cx, &request.access_token)?;
    let config = request.device_secret_verifier_config.unwrap_or_default();
    let secret = device_keys::offered_secret(config.salt, config.password_verifier)?;
    let DevicePolicy::On { remember, .. } = pool.device_policy() else { return Err(invalid_key()) };
    let key = request.device_key.as_str();
    cx.notes.device_key = Some(key.to_owned());
    let issued = device_keys::issued(cx, &keys, &user, key);
    if Device::find(cx, &pool, &user, key)?.is_some() {
        return Err(ServiceError::new(
            ErrorCode::DeviceKeyExists,
            "Device already exists with this key.",
        ));
    }
    let (after, issued_at) = issued.ok_or_else(invalid_key)?;
    let id = Device::id_of(&pool.id, &user.username, key);
    // A device that is unused for too long is as good as forgotten.
    let was_forgotten = cx.tx.find::<ForgottenDevice>(&id)?.is_some();
    let is_idle = cx.tx.find::<Device>(&id)?.is_some_and(|device| device.is_of(&user));
    if was_forgotten || is_idle {
        return Err(invalid_key());
    }
    let remembered = match remember {
        Remember::Always => DeviceRememberedStatusType::Remembered,
        Remember::OptIn => DeviceRememberedStatusType::NotRemembered,
    };
    device_limits::make_room(cx, &pool, &user)?;
    let last_mfa = (after == IssuedAfter::SecondFactor).then_some(issued_at);
    let confirmation = Confirmation { name: request.device_name, secret, remembered, last_mfa };
    let device = Device::confirm(cx, &user, key, confirmation);
    cx.tx.put(&device)?;
    if DeviceTags::of(&pool).notify_new_device {
        device_notices::new_device(cx, &pool, &keys, &user, &device, claims.origin_jti)?;
    }
    Ok(ConfirmDeviceResponse { user_confirmation_necessary: Some(remember == Remember::OptIn) })
}

/// `UpdateDeviceStatus`.
pub(crate) fn update_status(
    cx: &mut Context<'_, '_>,
    request: UpdateDeviceStatusRequest,
) -> Result<UpdateDeviceStatusResponse, ServiceError> {
    let Caller { pool, user, .. } = Caller::authenticate(cx, &request.access_token)?;
    set_status(cx, &pool, &user, &request.device_key, request.device_remembered_status)?;
    Ok(UpdateDeviceStatusResponse {})
}

/// `AdminUpdateDeviceStatus`.
pub(crate) fn admin_update_status(
    cx: &mut Context<'_, '_>,
    request: AdminUpdateDeviceStatusRequest,
) -> Result<AdminUpdateDeviceStatusResponse, ServiceError> {
    let (pool, user) = user_of(cx, &request.user_pool_id, &request.username)?;
    set_status(cx, &pool, &user, &request.device_key, request.device_remembered_status)?;
    Ok(AdminUpdateDeviceStatusResponse {})
}

fn set_status(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    key: &str,
    status: Option<DeviceRememberedStatusType>,
) -> Result<(), ServiceError> {
    let mut device = load(cx, pool, user, key)?;
    let status = status.ok_or_else(|| {
        ServiceError::invalid("Missing required parameter DeviceRememberedStatus")
    })?;
    cx.notes.reason(format!("The device is {}", status.as_str()));
    device.set_remembered(cx, status);
    cx.tx.put(&device)
}

/// The device that a command changes.
fn load(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    key: &str,
) -> Result<Device, ServiceError> {
    let device = Device::load(cx, pool, user, key)?;
    cx.notes.device_key = Some(device.key.clone());
    Ok(device)
}

/// `GetDevice`. Users see only their remembered devices.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: GetDeviceRequest,
) -> Result<GetDeviceResponse, ServiceError> {
    let Caller { pool, user, .. } =
        Caller::authenticate(cx, token(request.access_token.as_ref())?)?;
    let device = Device::load(cx, &pool, &user, &request.device_key)?;
    if !device.is_remembered() {
        return Err(device::does_not_exist());
    }
    Ok(GetDeviceResponse { device: device.describe() })
}

/// `AdminGetDevice`.
pub(crate) fn admin_describe(
    cx: &mut Context<'_, '_>,
    request: AdminGetDeviceRequest,
) -> Result<AdminGetDeviceResponse, ServiceError> {
    let (pool, user) = user_of(cx, &request.user_pool_id, &request.username)?;
    let device = Device::load(cx, &pool, &user, &request.device_key)?;
    Ok(AdminGetDeviceResponse { device: device.describe_for_admin(cx) })
}

/// `ListDevices`: the remembered devices.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListDevicesRequest,
) -> Result<ListDevicesResponse, ServiceError> {
    let Caller { pool, user, .. } = Caller::authenticate(cx, &request.access_token)?;
    let token = request.pagination_token.as_deref();
    let page = page(cx, &pool, &user, request.limit, token, Device::is_remembered)?;
    Ok(ListDevicesResponse {
        pagination_token: page.next_token(|last| last.key.clone()),
        devices: Some(page.items.iter().map(Device::describe).collect()),
    })
}

/// `AdminListDevices`: all devices.
pub(crate) fn admin_list(
    cx: &mut Context<'_, '_>,
    request: AdminListDevicesRequest,
) -> Result<AdminListDevicesResponse, ServiceError> {
    let (pool, user) = user_of(cx, &request.user_pool_id, &request.username)?;
    let token = request.pagination_token.as_deref();
    let page = page(cx, &pool, &user, request.limit, token, |_| true)?;
    let describe = |device: &Device| device.describe_for_admin(cx);
    Ok(AdminListDevicesResponse {
        pagination_token: page.next_token(|last| last.key.clone()),
        devices: Some(page.items.iter().map(describe).collect()),
    })
}

/// The page of `token` among those of the user's devices that are listed.
fn page(
    cx: &Context<'_, '_>,
    pool: &Pool,
    user: &User,
    length: Option<i32>,
    token: Option<&str>,
    is_listed: impl Fn(&Device) -> bool,
) -> Result<Page<Device>, ServiceError> {
    let prefix = Device::prefix_of(&user.pool_id, &user.username);
    let after =
        page::position(token)?.map(|key| Device::id_of(&user.pool_id, &user.username, &key));
    let (tags, now) = (DeviceTags::of(pool), cx.now());
    let is_listed = |device: &Device| device.is_there(&tags, user, now) && is_listed(device);
    Page::scan(&cx.tx, &prefix, after, page_length(length), is_listed)
}

/// `ForgetDevice`.
pub(crate) fn forget(
    cx: &mut Context<'_, '_>,
    request: ForgetDeviceRequest,
) -> Result<(), ServiceError> {
    let Caller { pool, user, .. } =
        Caller::authenticate(cx, token(request.access_token.as_ref())?)?;
    load(cx, &pool, &user, &request.device_key)?.forget(cx)
}

/// `AdminForgetDevice`.
pub(crate) fn admin_forget(
    cx: &mut Context<'_, '_>,
    request: AdminForgetDeviceRequest,
) -> Result<(), ServiceError> {
    let (pool, user) = user_of(cx, &request.user_pool_id, &request.username)?;
    load(cx, &pool, &user, &request.device_key)?.forget(cx)
}

fn token(token: Option<&Sensitive<String>>) -> Result<&str, ServiceError> {
    token
        .map(|token| token.as_str())
        .ok_or_else(|| ServiceError::invalid("Missing required parameter AccessToken"))
}

fn user_of(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    username: &str,
) -> Result<(Pool, User), ServiceError> {
    let pool = Pool::load(cx, pool_id)?;
    let user = User::for_admin(cx, &pool, username)?;
    Ok((pool, user))
}
