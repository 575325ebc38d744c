//! Work that must be done in order, by whichever thread happens to be free.
//!
//! Threads hand in numbered items as they become ready. Whoever finds the lane free does all that is in turn; the others
//! leave their item and go on. So no thread waits, and none exists just to put things in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Takes items in the order of their numbers, counted from 0 without gaps.
#[derive(Debug)]
pub(crate) struct Lane<T, C> {
    pending: Mutex<BTreeMap<u64, T>>,
    next: AtomicU64,
    consumer: Mutex<C>,
}

impl<T, C> Lane<T, C> {
    pub(crate) fn new(consumer: C) -> Self {
        Self { pending: Mutex::default(), next: AtomicU64::new(0), consumer: Mutex::new(consumer) }
    }

    /// Hands in item `number`. `consume` is called for each item whose turn has come, by one thread at a time.
    pub(crate) fn submit<E>(
        &self,
        number: u64,
        item: T,
        mut consume: impl FnMut(&mut C, T) -> Result<(), E>,
    ) -> Result<(), E> {
        lock(&self.pending).insert(number, item);
        // Whoever holds the lane looks again after letting go, so an item handed in meanwhile is not left behind.
        while self.is_ready() {
            let mut consumer = match self.consumer.try_lock() {
                Ok(consumer) => consumer,
                Err(TryLockError::WouldBlock) => return Ok(()),
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            };
            while let Some(item) = self.take_ready() {
                consume(&mut consumer, item)?;
                self.next.fetch_add(1, Ordering::SeqCst);
            }
        }
        Ok(())
    }

    /// The consumer, once all items are in.
    pub(crate) fn into_consumer(self) -> C {
        self.consumer.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ready(&self) -> bool {
        lock(&self.pending).contains_key(&self.next.load(Ordering::SeqCst))
    }

    fn take_ready(&self) -> Option<T> {
        lock(&self.pending).remove(&self.next.load(Ordering::SeqCst))
    }
}

/// Locks; a panic elsewhere ends the whole operation, so what it left is not looked at again.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_in_order_from_many_threads() {
        let lane = Lane::new(Vec::new());
        let counter = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    loop {
                        let number = counter.fetch_add(1, Ordering::SeqCst);
                        if number >= 20_000 {
                            break;
                        }
                        let done: Result<(), ()> = lane.submit(number, number, |out, item| {
                            out.push(item);
                            Ok(())
                        });
                        assert_eq!(done, Ok(()));
                    }
                });
            }
        });
        assert_eq!(lane.into_consumer(), (0..20_000).collect::<Vec<_>>());
    }
}
