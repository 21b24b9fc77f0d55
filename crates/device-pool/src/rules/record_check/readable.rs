//! Whether a record reads as its type, and lies under its own id.

use device_wire::shapes::{
    IdentityProviderType, LogDeliveryConfigurationType, ManagedLoginBrandingType,
    ResourceServerType, RiskConfigurationType, TermsType, UICustomizationType, UserImportJobType,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::command::beside::Counts;
use crate::command::transaction::{Entity, part_of};
use crate::records::app_client::{AppClient, PoolClient};
use crate::records::attempts::Attempts;
use crate::records::audit_event::AuditEvent;
use crate::records::audit_log::{AuditLog, AuditTile, UnsealedEvent};
use crate::records::code::Codes;
use crate::records::deleted_pool::DeletedPool;
use crate::records::deleted_user::DeletedUser;
use crate::records::device::{Device, ForgottenDevice};
use crate::records::domain::Domain;
use crate::records::event_feedback::EventFeedback;
use crate::records::first_factor::FirstFactor;
use crate::records::grant::{Grant, UserGrant};
use crate::records::group::Group;
use crate::records::import_file::ImportFile;
use crate::records::login::Login;
use crate::records::password_history::PasswordHistory;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::resource::{Described, Resource};
use crate::records::sent_codes::SentCodes;
use crate::records::spent::Spent;
use crate::records::stand_in::{StandInLogin, StandInUser};
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::records::user_token::UserToken;
use crate::rules::sign_in_hours::StoredHour;
use crate::store::{Key, Table};

/// Checks a record alone.
pub(super) fn check(
    key: &Key,
    body: &[u8],
    is_hosts: &dyn Fn(&Key, &[u8]) -> bool,
) -> Result<(), String> {
    match key.table {
        Table::Pool => entity::<Pool>(key, body),
        Table::DeletedPool => entity::<DeletedPool>(key, body),
        Table::PoolKeys => entity::<PoolKeys>(key, body),
        Table::Client => entity::<AppClient>(key, body),
        Table::PoolClient => entity::<PoolClient>(key, body),
        Table::User => entity::<User>(key, body),
        Table::UserProfile => entity::<UserProfile>(key, body),
        Table::UserToken => entity::<UserToken>(key, body),
        Table::PasswordHistory => entity::<PasswordHistory>(key, body),
        Table::StandIn if part_of(&key.id, 1) == "login" => reads::<StandInLogin>(body),
        Table::StandIn => reads::<StandInUser>(body),
        Table::Login => entity::<Login>(key, body),
        Table::Group => entity::<Group>(key, body),
        Table::Resource => resource(key, body),
        Table::Domain => entity::<Domain>(key, body),
        Table::Device => entity::<Device>(key, body),
        Table::ForgottenDevice => entity::<ForgottenDevice>(key, body),
        Table::Grant => entity::<Grant>(key, body),
        Table::UserGrant => entity::<UserGrant>(key, body),
        Table::FirstFactor => entity::<FirstFactor>(key, body),
        Table::Code => entity::<Codes>(key, body),
        Table::SentCodes => entity::<SentCodes>(key, body),
        Table::Attempts => entity::<Attempts>(key, body),
        Table::AuditEvent => entity::<AuditEvent>(key, body),
        Table::UnsealedEvent => entity::<UnsealedEvent>(key, body),
        Table::AuditLog => entity::<AuditLog>(key, body),
        Table::AuditTile => entity::<AuditTile>(key, body),
        Table::EventFeedback => entity::<EventFeedback>(key, body),
        Table::DeletedUser => entity::<DeletedUser>(key, body),
        Table::Count if part_of(&key.id, 1) == "hour" => entity::<StoredHour>(key, body),
        Table::Count => reads::<Counts>(body),
        Table::UserIndex | Table::AuthEvent => reads::<Map<String, Value>>(body),
        // The host has sessions of its own that were used.
        Table::Spent if reads::<Spent>(body).is_ok() => entity::<Spent>(key, body),
        // A sealing store's own, which it checks when it opens records.
        Table::DataKey => reads::<Map<String, Value>>(body),
        Table::Spent | Table::AdminSession | Table::AccessKey => {
            is_hosts(key, body).then_some(()).ok_or_else(|| UNREADABLE.to_owned())
        }
    }
}

const UNREADABLE: &str = "it does not read as what it should be";

fn resource(key: &Key, body: &[u8]) -> Result<(), String> {
    fn of<D: Described>(key: &Key, body: &[u8]) -> Option<Result<(), String>> {
        (part_of(&key.id, 1) == D::KIND).then(|| entity::<Resource<D>>(key, body))
    }
    of::<IdentityProviderType>(key, body)
        .or_else(|| of::<LogDeliveryConfigurationType>(key, body))
        .or_else(|| of::<ManagedLoginBrandingType>(key, body))
        .or_else(|| of::<ResourceServerType>(key, body))
        .or_else(|| of::<RiskConfigurationType>(key, body))
        .or_else(|| of::<TermsType>(key, body))
        .or_else(|| of::<UICustomizationType>(key, body))
        .or_else(|| of::<UserImportJobType>(key, body))
        .or_else(|| of::<ImportFile>(key, body))
        .unwrap_or_else(|| Err("its kind is unknown".to_owned()))
}

/// Reads a record and compares its id with that of what it holds.
fn entity<E: Entity>(key: &Key, body: &[u8]) -> Result<(), String> {
    let entity: E = parsed(body)?;
    if entity.id() == key.id {
        return Ok(());
    }
    Err("it is the record of another id".to_owned())
}

fn reads<T: DeserializeOwned>(body: &[u8]) -> Result<(), String> {
    parsed::<T>(body).map(|_| ())
}

/// The parser's own message may quote a secret.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body)
        .map_err(|error| format!("{UNREADABLE} (column {})", error.column()))
}
