//! A map that forgets: each entry has a time after which it says nothing, and a full map gives up
//! the entry that would have faded first. So a flood costs neither memory nor a search.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Mono;

#[derive(Debug)]
pub(super) struct Fading<K, V> {
    capacity: usize,
    entries: BTreeMap<K, (Mono, V)>,
    order: BTreeSet<(Mono, K)>,
}

impl<K: Ord + Clone, V> Fading<K, V> {
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, entries: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// The value, unless it has faded.
    pub fn get(&self, now: Mono, key: &K) -> Option<&V> {
        self.entries.get(key).filter(|(until, _)| *until > now).map(|(_, value)| value)
    }

    pub fn put(&mut self, now: Mono, key: K, value: V, until: Mono) {
        self.remove(&key);
        while self.order.first().is_some_and(|(faded, _)| *faded <= now) || self.is_full() {
            if let Some((_, oldest)) = self.order.pop_first() {
                self.entries.remove(&oldest);
            }
        }
        self.order.insert((until, key.clone()));
        self.entries.insert(key, (until, value));
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (until, value) = self.entries.remove(key)?;
        self.order.remove(&(until, key.clone()));
        Some(value)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    fn is_full(&self) -> bool {
        !self.entries.is_empty() && self.entries.len() >= self.capacity
    }
}
