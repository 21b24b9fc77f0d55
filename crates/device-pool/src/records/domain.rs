//! Domains of pools. A domain belongs to one pool of the whole deployment.

use device_wire::shapes::DomainDescriptionType;
use serde::{Deserialize, Serialize};

use crate::command::transaction::Entity;
use crate::store::Table;

/// A domain, as the service describes it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Domain {
    pub(crate) name: String,
    pub(crate) description: DomainDescriptionType,
}

impl Entity for Domain {
    const TABLE: Table = Table::Domain;

    fn id(&self) -> String {
        self.name.clone()
    }
}
