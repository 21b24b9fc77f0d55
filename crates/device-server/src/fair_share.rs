//! Places that pools share, so that a slow trigger of one delays no other.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// How many places a pool may hold for each one that is free.
///
/// So a pool alone gets three quarters of all, the next one three quarters of the rest, and so on:
/// a pool that holds none gets a place as long as one is free.
const FOR_EACH_FREE: usize = 3;

/// A limited number of places.
pub(crate) struct FairShare {
    total: usize,
    /// The places that pools hold, by pool id.
    held: Mutex<HashMap<String, usize>>,
    freed: Notify,
}

impl FairShare {
    pub(crate) fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, held: Mutex::default(), freed: Notify::new() })
    }

    /// A place for this pool; `None` if it has its share.
    pub(crate) fn try_take(self: &Arc<Self>, pool_id: &str) -> Option<Place> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.total.saturating_sub(held.values().sum());
        let own = held.get(pool_id).copied().unwrap_or_default();
        if own >= free.saturating_mul(FOR_EACH_FREE) {
            return None;
        }
        held.insert(pool_id.to_owned(), own + 1);
        Some(Place { share: Arc::clone(self), pool_id: pool_id.to_owned() })
    }

    /// A place for this pool, as soon as there is one.
    pub(crate) async fn take(self: &Arc<Self>, pool_id: &str) -> Place {
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Some(place) = self.try_take(pool_id) {
                return place;
            }
            freed.await;
        }
    }
}

/// A place, free again when this is dropped.
pub(crate) struct Place {
    share: Arc<FairShare>,
    pool_id: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.share.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.pool_id) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(held.remove(&self.pool_id)),
        }
        drop(held);
        self.share.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_leaves_places_to_others() {
        let share = FairShare::new(64);
        let all_of =
            |pool: &str| -> Vec<Place> { std::iter::from_fn(|| share.try_take(pool)).collect() };
        let (first, second) = (all_of("a"), all_of("b"));
        assert_eq!((first.len(), second.len()), (48, 12));
        assert!(share.try_take("a").is_none());
        let late = share.try_take("late");
        assert!(late.is_some());
        drop((first, second, late));
        assert_eq!(all_of("c").len(), 48, "places are given back");
    }

    #[test]
    fn the_last_place_can_be_had() {
        let share = FairShare::new(2);
        let held = [share.try_take("a"), share.try_take("a")];
        assert!(held.iter().all(Option::is_some));
        assert!(share.try_take("b").is_none());
        assert!(FairShare::new(0).try_take("a").is_none());
    }

    #[tokio::test]
    async fn a_place_is_waited_for() {
        let share = FairShare::new(1);
        let held = share.take("a").await;
        let waiting = tokio::spawn({
            let share = Arc::clone(&share);
            async move { drop(share.take("b").await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        waiting.await.unwrap();
    }
}
