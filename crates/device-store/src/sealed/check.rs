//! Whether all records of a store are as they were written.

use device_pool::store::{Key, StoreError, Table};

use super::{Defect, SealedStore};
use crate::entry::Entries;

/// The number of records that are read at a time.
const PAGE: usize = 500;

impl SealedStore {
    /// Whether the records in `store` are sealed. They are from a sealed store's first start.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub fn has_sealed(store: &dyn Entries) -> Result<bool, StoreError> {
        Ok(!store.entries(Table::DataKey, "", None, 1)?.is_empty())
    }

    /// The records that are not as they were written.
    ///
    /// [`examine`](Self::examine) says what is not noticed.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if a data key cannot be read.
    pub fn defects(&self) -> Result<Vec<(Key, Defect)>, StoreError> {
        let mut defects = Vec::new();
        for table in Table::ALL {
            let mut after: Option<String> = None;
            loop {
                let page = self.inner.entries(table, "", after.as_deref(), PAGE)?;
                let Some(last) = page.last() else { break };
                after = Some(last.key.id.clone());
                for entry in page {
                    if let Err(defect) = self.examine(&entry)? {
                        defects.push((entry.key, defect));
                    }
                }
            }
        }
        Ok(defects)
    }
}
