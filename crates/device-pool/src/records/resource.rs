//! Parts of a pool that are stored as the service describes them: providers, scopes, appearance.

use device_wire::Sensitive;
use device_wire::shapes::{
    IdentityProviderType, LogDeliveryConfigurationType, ManagedLoginBrandingType,
    ResourceServerType, RiskConfigurationType, TermsType, UICustomizationType, UserImportJobType,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::page::{self, Page};
use crate::command::transaction::{Entity, Transaction, id_of};
use crate::error::ServiceError;
use crate::records::app_client::AppClient;
use crate::records::pool::Pool;
use crate::store::Table;

/// The name of a setting of the whole pool where each app client may have its own.
pub(crate) const ALL_CLIENTS: &str = "ALL";

/// The name of a setting that a pool has once.
pub(crate) const OF_POOL: &str = "";

/// A shape that describes one kind of resource.
pub(crate) trait Described: Serialize + DeserializeOwned {
    /// The kind, as ids and error messages name it.
    const KIND: &'static str;
}

/// Makes the table from each kind of resource to the shape that is its record.
macro_rules! kinds {
    ($($kind:literal => $shape:ty,)*) => {
        $(impl Described for $shape {
            const KIND: &'static str = $kind;
        })*
    };
}

kinds! {
    "Identity provider" => IdentityProviderType,
    "Log delivery configuration" => LogDeliveryConfigurationType,
    "Managed login branding" => ManagedLoginBrandingType,
    "Resource server" => ResourceServerType,
    "Risk configuration" => RiskConfigurationType,
    "Terms" => TermsType,
    "UI customization" => UICustomizationType,
    "User import job" => UserImportJobType,
}

/// A resource of a pool: `<pool>/<kind>/<name>`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Resource<D> {
    pub(crate) pool_id: String,
    pub(crate) name: String,
    pub(crate) description: D,
}

impl<D: Described> Entity for Resource<D> {
    const TABLE: Table = Table::Resource;

    fn id(&self) -> String {
        Self::key(&self.pool_id, &self.name)
    }
}

impl<D: Described> Resource<D> {
    pub(crate) fn key(pool_id: &str, name: &str) -> String {
        id_of([pool_id, D::KIND, name])
    }

    pub(crate) fn find(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        name: &str,
    ) -> Result<Option<Self>, ServiceError> {
        cx.tx.find(&Self::key(pool_id, name))
    }

    pub(crate) fn load(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        name: &str,
    ) -> Result<Self, ServiceError> {
        let found = Self::find(cx, pool_id, name)?;
        found.ok_or_else(|| ServiceError::not_found(format!("{} {name} does not exist.", D::KIND)))
    }

    /// The first resource that `is_meant`, in the order of their names.
    pub(crate) fn find_by(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        is_meant: impl Fn(&D) -> bool,
    ) -> Result<Option<Self>, ServiceError> {
        let is_listed = |resource: &Self| is_meant(&resource.description);
        let page = Page::scan(&cx.tx, &Self::key(pool_id, ""), None, 1, is_listed)?;
        match page.items.first() {
            // Read as a record, so that the command holds only if it does not change meanwhile.
            Some(Self { name, .. }) => Self::find(cx, pool_id, name),
            None => Ok(None),
        }
    }

    pub(crate) fn delete(cx: &mut Context<'_, '_>, pool_id: &str, name: &str) {
        cx.tx.delete::<Self>(&Self::key(pool_id, name));
    }

    /// A page of the pool's resources, and the token of the next one.
    pub(crate) fn list(
        tx: &Transaction<'_>,
        pool_id: &str,
        token: Option<&str>,
        length: usize,
    ) -> Result<(Vec<D>, Option<String>), ServiceError> {
        let after = page::position(token)?.map(|name| Self::key(pool_id, &name));
        let page: Page<Self> = Page::scan(tx, &Self::key(pool_id, ""), after, length, |_| true)?;
        let next_token = page.next_token(|last| last.name.clone());
        Ok((page.items.into_iter().map(|resource| resource.description).collect(), next_token))
    }

    /// Whether the pool has fewer than `max` resources of this kind.
    pub(crate) fn is_room(
        tx: &Transaction<'_>,
        pool_id: &str,
        max: usize,
    ) -> Result<bool, ServiceError> {
        Ok(tx.count::<Self>(&Self::key(pool_id, ""), max - 1)?.is_some())
    }
}

/// The name of a setting: that of an existing app client, or of all of them.
pub(crate) fn client_or_all(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client_id: Option<&Sensitive<String>>,
) -> Result<String, ServiceError> {
    match client_id.map(|id| id.as_str()) {
        None | Some(ALL_CLIENTS) => Ok(ALL_CLIENTS.to_owned()),
        Some(id) => Ok(AppClient::of_pool(cx, pool, id)?.id),
    }
}

/// Deletes what is set for an app client alone. Its terms are named by [`terms_name`].
pub(crate) fn delete_of_client(cx: &mut Context<'_, '_>, client: &AppClient) {
    let (pool, id) = (&client.pool_id, &client.id);
    Resource::<ManagedLoginBrandingType>::delete(cx, pool, id);
    Resource::<RiskConfigurationType>::delete(cx, pool, id);
    Resource::<UICustomizationType>::delete(cx, pool, id);
    for kind in ["terms-of-use", "privacy-policy"] {
        Resource::<TermsType>::delete(cx, pool, &terms_name(id, kind));
    }
}

/// The name under which an app client's terms of a kind are stored.
pub(crate) fn terms_name(client_id: &str, kind: &str) -> String {
    format!("{client_id} {kind}")
}
