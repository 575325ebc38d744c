//! Threads that stop together, and buffers that are used again.
//!
//! Fresh memory costs more than copying: page faults dominate. A fixed number of buffers also is what bounds the memory:
//! whoever needs one waits until one is given back.

use crate::observe::Observer;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::lane::lock;

/// How often a waiting thread looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// Ends a group of threads at the first error, or when the observer asks for it.
pub(crate) struct Stop<'a, E> {
    observer: &'a dyn Observer,
    stopped: AtomicBool,
    error: Mutex<Option<E>>,
}

impl<'a, E> Stop<'a, E> {
    pub(crate) fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, stopped: AtomicBool::new(false), error: Mutex::new(None) }
    }

    /// Keeps the first error and stops everybody.
    pub(crate) fn fail(&self, error: E) {
        lock(&self.error).get_or_insert(error);
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Does the work of one thread. Its error stops everybody, and so does its panic, which the thread still ends with:
    /// the others would wait for what it had.
    pub(crate) fn run(&self, work: impl FnOnce() -> Result<(), E>) {
        struct OnPanic<'a>(&'a AtomicBool);
        impl Drop for OnPanic<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.store(true, Ordering::SeqCst);
                }
            }
        }
        let _on_panic = OnPanic(&self.stopped);
        if let Err(error) = work() {
            self.fail(error);
        }
    }

    /// Whether to stop. Once it is so it stays so, whatever the observer says then: work that was left half done must
    /// not be taken for the whole.
    pub(crate) fn is_stopped(&self) -> bool {
        if self.observer.cancelled() {
            self.stopped.store(true, Ordering::SeqCst);
        }
        self.stopped.load(Ordering::SeqCst)
    }

    /// The first error; `interrupted` if there was none but the observer asked to stop.
    pub(crate) fn into_result(self, interrupted: E) -> Result<(), E> {
        let stopped = self.is_stopped();
        match self.error.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(error) => Err(error),
            None if stopped => Err(interrupted),
            None => Ok(()),
        }
    }

    /// The next thing from a channel; `None` when it is closed or everybody stops.
    pub(crate) fn receive<T>(&self, from: &Receiver<T>) -> Option<T> {
        while !self.is_stopped() {
            match from.recv_timeout(LOOK) {
                Ok(thing) => return Some(thing),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }

    /// Puts a thing into a channel; `false` when it is closed or everybody stops.
    pub(crate) fn send<T>(&self, to: &Sender<T>, mut thing: T) -> bool {
        while !self.is_stopped() {
            match to.send_timeout(thing, LOOK) {
                Ok(()) => return true,
                Err(crossbeam_channel::SendTimeoutError::Timeout(back)) => thing = back,
                Err(crossbeam_channel::SendTimeoutError::Disconnected(_)) => return false,
            }
        }
        false
    }
}

/// A fixed number of buffers.
#[derive(Debug)]
pub(crate) struct Buffers<B> {
    give: Sender<B>,
    take: Receiver<B>,
}

impl<B> Buffers<B> {
    pub(crate) fn new(count: usize, make: impl Fn() -> B) -> Self {
        let (give, take) = bounded(count);
        for _ in 0..count {
            // The channel holds exactly that many.
            let _ = give.send(make());
        }
        Self { give, take }
    }

    /// A buffer as it was given back, waiting for one if need be; `None` when everybody stops.
    pub(crate) fn take<E>(&self, stop: &Stop<'_, E>) -> Option<B> {
        stop.receive(&self.take)
    }

    /// A buffer if there is one.
    pub(crate) fn try_take(&self) -> Option<B> {
        self.take.try_recv().ok()
    }

    pub(crate) fn give_back(&self, buffer: B) {
        // Full only if it got back more than it gave out.
        let _ = self.give.try_send(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Event;

    /// Says once that it wants to stop, and never again.
    #[derive(Default)]
    struct Fickle(AtomicBool);

    impl Observer for Fickle {
        fn event(&self, _: Event<'_>) {}
        fn cancelled(&self) -> bool {
            !self.0.swap(true, Ordering::SeqCst)
        }
    }

    #[test]
    fn who_wanted_to_stop_once_has_stopped() {
        let fickle = Fickle::default();
        let stop = Stop::new(&fickle);
        assert!(stop.is_stopped() && stop.is_stopped());
        assert_eq!(stop.into_result("interrupted"), Err("interrupted"));
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panics() {
        let fickle = Fickle(AtomicBool::new(true));
        let stop = Stop::<()>::new(&fickle);
        let buffers = Buffers::new(0, Vec::<u8>::new);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            std::thread::scope(|scope| {
                scope.spawn(|| stop.run(|| panic!("a fault of our own")));
                assert!(buffers.take(&stop).is_none());
            });
        }));
        assert!(panicked.is_err());
    }
}
