//! Rotation of data keys and of the master key, while servers run.

use std::sync::atomic::Ordering;

use device_pool::store::{Change, Key, StoreError, Write};

use super::data_keys::{self, SERVER, Secret, Wrapped};
use super::{MAX_ATTEMPTS, SealError, SealedStore, no_key};

impl SealedStore {
    /// Gives a pool, or the server and all pools, new data keys. Returns their number.
    ///
    /// Everything is written with them from now on. [`renew`](Self::renew) seals what is there.
    /// `commit` applies a change to this store, or to one over it, and may add writes of its own.
    ///
    /// # Errors
    /// [`StoreError::Failed`]. Keys that were made before the failure stay.
    pub fn rotate_data_keys(
        &self,
        pool: Option<&str>,
        commit: &mut dyn FnMut(Change) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let mut scopes: Vec<String> = match pool {
            Some(pool) => vec![pool.to_owned()],
            None => {
                let keys = self.data_keys()?;
                let scope = |key: &Key| Some(data_keys::parse_id(&key.id)?.0.to_owned());
                keys.iter().filter_map(scope).collect()
            }
        };
        scopes.dedup();
        let mut rotated = 0;
        for scope in scopes {
            rotated += usize::from(self.rotate_data_key(&scope, commit)?);
        }
        self.has_work.store(true, Ordering::Release);
        Ok(rotated)
    }

    fn rotate_data_key(
        &self,
        scope: &str,
        commit: &mut dyn FnMut(Change) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            self.ring.forget(scope);
            let Some(current) = self.current(scope)? else { return Ok(false) };
            let former = data_keys::place_of(scope, current.generation);
            let Some(record) = self.inner.get(&former)? else { continue };
            let master = self.master();
            // Written again only for its new version, so that no change rests on it any more.
            let kept = self.unwrap(&former, &record)?.wrapped(&former, master.current())?;
            let place = data_keys::place_of(scope, current.generation.saturating_add(1));
            let permits_plain = scope == SERVER && current.key.permits_plain;
            let made = Secret::new(permits_plain)?.wrapped(&place, master.current())?;
            let change = Change {
                expect: vec![(former.clone(), Some(record.version)), (place.clone(), None)],
                writes: vec![(former, kept), (place, made)],
            };
            match commit(change) {
                Ok(()) => {
                    self.ring.forget(scope);
                    return Ok(true);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Wraps all data keys with the first master key of the source. Returns their number.
    ///
    /// If that is the present one already, and the file is the store's own, a new key is put there
    /// first. Former keys stay in the file, since backups may need them. `commit` is as that of
    /// [`rotate_data_keys`](Self::rotate_data_keys).
    ///
    /// # Errors
    /// [`SealError`]. Data keys that were wrapped before the failure stay so.
    pub fn rotate_master_key(
        &self,
        commit: &mut dyn FnMut(Change) -> Result<(), StoreError>,
    ) -> Result<usize, SealError> {
        let mut master = self.source.read()?;
        let places = self.data_keys()?;
        let mut is_new = false;
        for place in &places {
            is_new |= self.wrapped_by(place)?.is_some_and(|id| id != master.current().id);
        }
        if !is_new {
            master = self.source.renew()?;
        }
        let master = self.set_master(master);
        let mut wrapped = 0;
        for place in places {
            while let Some(record) = self.inner.get(&place)? {
                let by = Wrapped::read(&record).ok_or_else(|| no_key(&place.id))?.master;
                if by == master.current().id {
                    break;
                }
                let write = self.unwrap(&place, &record)?.wrapped(&place, master.current())?;
                let writes: Vec<(Key, Write)> = vec![(place.clone(), write)];
                let expect = vec![(place.clone(), Some(record.version))];
                match commit(Change { expect, writes }) {
                    Ok(()) => wrapped += 1,
                    Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.ring.forget_all();
        Ok(wrapped)
    }

    /// The id of the master key that wraps a data key.
    fn wrapped_by(&self, place: &Key) -> Result<Option<String>, StoreError> {
        let record = self.inner.get(place)?;
        Ok(record.as_ref().and_then(Wrapped::read).map(|wrapped| wrapped.master))
    }
}
