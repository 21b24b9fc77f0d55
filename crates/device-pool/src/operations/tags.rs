//! Tags of pools: labels for operators, and device settings under `device:`.

use std::collections::BTreeMap;

use device_wire::requests::{ListTagsForResourceRequest, TagResourceRequest, UntagResourceRequest};
use device_wire::responses::{
    ListTagsForResourceResponse, TagResourceResponse, UntagResourceResponse,
};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::account_tags::AccountTags;
use crate::records::device_tags::DeviceTags;
use crate::records::pool::Pool;

/// The maximum number of tags of a pool.
const MAX_TAGS: usize = 50;

/// `TagResource`: adds tags; replaces those with the same key.
pub(crate) fn tag(
    cx: &mut Context<'_, '_>,
    request: TagResourceRequest,
) -> Result<TagResourceResponse, ServiceError> {
    let mut pool = named(cx, &request.resource_arn)?;
    let tags = pool.description.user_pool_tags.get_or_insert_default();
    tags.extend(request.tags);
    check(tags)?;
    cx.tx.put(&pool)?;
    Ok(TagResourceResponse {})
}

/// Refuses too many tags, reserved keys, and invalid settings.
pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    if tags.len() > MAX_TAGS {
        return Err(ServiceError::invalid(format!(
            "A user pool can have at most {MAX_TAGS} tags."
        )));
    }
    if tags.keys().any(|key| key.to_lowercase().starts_with("aws:")) {
        return Err(ServiceError::invalid("Tag keys that start with aws: are reserved."));
    }
    DeviceTags::check(tags)?;
    AccountTags::check(tags)
}

/// `UntagResource`. Removing an unknown key is no error.
pub(crate) fn untag(
    cx: &mut Context<'_, '_>,
    request: UntagResourceRequest,
) -> Result<UntagResourceResponse, ServiceError> {
    let mut pool = named(cx, &request.resource_arn)?;
    if let Some(tags) = &mut pool.description.user_pool_tags {
        tags.retain(|key, _| !request.tag_keys.contains(key));
    }
    pool.description.user_pool_tags.take_if(|tags| tags.is_empty());
    cx.tx.put(&pool)?;
    Ok(UntagResourceResponse {})
}

/// `ListTagsForResource`.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, ServiceError> {
    let pool = named(cx, &request.resource_arn)?;
    Ok(ListTagsForResourceResponse {
        tags: Some(pool.description.user_pool_tags.unwrap_or_default()),
    })
}

/// The pool with this ARN.
fn named(cx: &mut Context<'_, '_>, arn: &str) -> Result<Pool, ServiceError> {
    let (_, id) = arn
        .split_once(":userpool/")
        .ok_or_else(|| ServiceError::invalid(format!("Invalid ARN: {arn}")))?;
    let pool = Pool::load(cx, id)?;
    // The same id in another account or region denotes another pool.
    if pool.description.arn.as_deref() != Some(arn) {
        return Err(ServiceError::not_found(format!("Resource {arn} does not exist.")));
    }
    Ok(pool)
}
