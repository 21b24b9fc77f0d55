//! The file of an import job, until the job has ended.

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

use crate::records::resource::Described;

/// The CSV file of an import job, under the job's id.
#[derive(Serialize, Deserialize)]
pub(crate) struct ImportFile {
    pub(crate) csv: Sensitive<String>,
}

impl Described for ImportFile {
    const KIND: &'static str = "User import file";
}
