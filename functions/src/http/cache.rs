//! A small cache in memory: what was read from the table, and when.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shared::domain::Timestamp;

/// How many entries a cache holds; when it is full, it is cleared.
const CAPACITY: usize = 1000;

/// Values by key, with the time that they were read.
pub(crate) struct Cache<K, V>(Mutex<HashMap<K, (V, Timestamp)>>);

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// The value, and when it was read, unless `ttl` of the value has passed since. A value from the future is stale: the clock was set
    /// back.
    pub(crate) fn get(&self, key: &K, now: Timestamp, ttl: impl FnOnce(&V) -> Duration) -> Option<(V, Timestamp)> {
        let entries = self.entries();
        let (value, read_at) = entries.get(key)?;
        (now >= *read_at && now.since(*read_at) < ttl(value)).then(|| (value.clone(), *read_at))
    }

    /// The value, however old it is.
    pub(crate) fn last(&self, key: &K) -> Option<V> {
        self.entries().get(key).map(|(value, _)| value.clone())
    }

    /// Adds a value. Its age counts from before it was read.
    pub(crate) fn insert(&self, key: K, value: V, read_at: Timestamp) {
        let mut entries = self.entries();
        if entries.len() >= CAPACITY {
            entries.clear();
        }
        entries.insert(key, (value, read_at));
    }

    /// Removes all entries with another value.
    pub(crate) fn retain(&self, keep: impl Fn(&V) -> bool) {
        self.entries().retain(|_, (value, _)| keep(value));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, (V, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
