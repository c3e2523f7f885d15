//! The wish that a computation should end, which the engine looks for while it works.
//!
//! A wish holds in a scope: whatever this thread simulates or differentiates in it, in real or in dual numbers, asks for it every few events. So no function has an
//! argument for it. Not here: what an engine answers (each has an error for it), how a wish comes to other threads (who starts them enters the scope there).

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static CURRENT: RefCell<Interrupt> = RefCell::default();
}

/// A wish to end, which another thread may have: what is computed in its [scope](Self::scope) then fails within a few events, with the error that it was interrupted.
///
/// # Examples
/// ```
/// use spikegrad_network::Interrupt;
/// let interrupt = Interrupt::default();
/// let of_another_thread = interrupt.clone();
/// of_another_thread.request();
/// assert!(interrupt.scope(|| Interrupt::current().is_requested()));
/// assert!(!Interrupt::current().is_requested());
/// ```
#[derive(Clone, Default)]
pub struct Interrupt {
    is_requested: Arc<AtomicBool>,
    poll: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requested = self.is_requested.load(Ordering::Relaxed);
        f.debug_struct("Interrupt").field("is_requested", &requested).finish_non_exhaustive()
    }
}

impl Interrupt {
    /// One that also asks `poll`, on the thread that computes, for a wish that nobody else would tell of. It is asked every few microseconds.
    pub fn polling(poll: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { poll: Some(Arc::new(poll)), ..Self::default() }
    }

    /// Asks for the end.
    pub fn request(&self) {
        self.is_requested.store(true, Ordering::Relaxed);
    }

    /// Does not ask for it any more.
    pub fn withdraw(&self) {
        self.is_requested.store(false, Ordering::Relaxed);
    }

    /// Whether the end is asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.is_requested.load(Ordering::Relaxed) || self.poll.as_ref().is_some_and(|poll| poll())
    }

    /// Does `work`, which this wish may end.
    pub fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        /// Puts the wish of the scope around back, whichever way this one is left.
        struct Outer(Interrupt);
        impl Drop for Outer {
            fn drop(&mut self) {
                CURRENT.set(std::mem::take(&mut self.0));
            }
        }
        let _outer = Outer(CURRENT.replace(self.clone()));
        work()
    }

    /// That of the innermost scope on this thread; one that nobody asks for outside of any.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.with_borrow(Self::clone)
    }
}

/// Looks for a wish now and then.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch(u32);

impl Watch {
    /// How many steps are made between two looks: so few that the steps of a large network, milliseconds each, keep nobody waiting.
    const STEPS: u32 = 16;

    /// Counts a step, and says whether the work should end; the first step looks.
    #[inline]
    pub fn is_interrupted(&mut self) -> bool {
        let is_due = self.0.is_multiple_of(Self::STEPS);
        self.0 = self.0.wrapping_add(1);
        is_due && CURRENT.with_borrow(Interrupt::is_requested)
    }
}
