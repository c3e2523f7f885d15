//! Work without the interpreter: other Python threads run meanwhile, and Ctrl-C is heard.
//!
//! A single run is done where it was asked for, and looks for signals itself. A batch is done by threads of its own pool, while the thread that asked looks for
//! them. Either way the engine ends within a few events. Not here: what is computed.

use crate::errors::Failure;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use spikegrad::Interrupt;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a signal may wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// The threads of a process.
struct Pool {
    process: u32,
    threads: Arc<ThreadPool>,
}

static POOL: Mutex<Option<Pool>> = Mutex::new(None);

fn made(threads: usize) -> PyResult<Arc<ThreadPool>> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let failed = |error| PyErr::from(Failure::input("threads", format!("cannot be had: {error}")));
    pool.map(Arc::new).map_err(failed)
}

/// Lets batches use this many threads; with 0 as many as there are cores.
pub(crate) fn set_threads(threads: usize) -> PyResult<()> {
    let pool = Pool { process: std::process::id(), threads: made(threads)? };
    let old = POOL.lock().unwrap_or_else(PoisonError::into_inner).replace(pool);
    forget_foreign(old);
    Ok(())
}

/// The threads of this process: of those of the process that it was forked from only the names are left.
pub(crate) fn pool() -> PyResult<Arc<ThreadPool>> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some(pool) = pool.as_ref().filter(|pool| pool.process == process) {
        return Ok(Arc::clone(&pool.threads));
    }
    let threads = made(0)?;
    forget_foreign(pool.replace(Pool { process, threads: Arc::clone(&threads) }));
    Ok(threads)
}

/// Lets go of threads without waiting for those that are not there.
fn forget_foreign(pool: Option<Pool>) {
    if let Some(pool) = pool.filter(|pool| pool.process != std::process::id()) {
        std::mem::forget(pool.threads);
    }
}

/// Whether a signal has come that raises an exception.
fn signalled(py: Python<'_>) -> PyResult<()> {
    py.check_signals()
}

/// The exception that a signal raised.
#[derive(Clone, Default)]
struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    /// Looks for one, and says whether there is any. Python hears signals in its main thread alone.
    fn look(&self) -> bool {
        let mut raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if raised.is_none() {
            *raised = Python::attach(signalled).err();
        }
        raised.is_some()
    }

    /// What was done, unless a signal ended it.
    fn or<T>(self, done: T) -> PyResult<T> {
        let raised = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        raised.map_or(Ok(done), Err)
    }
}

/// Does `work` on this thread; a signal that raises an exception ends it, and the exception is what comes back.
pub(crate) fn alone<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    let raised = Raised::default();
    let interrupt = {
        let (raised, last) = (raised.clone(), Mutex::new(Instant::now()));
        Interrupt::polling(move || {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = last.elapsed() > PATIENCE;
            if is_due {
                *last = Instant::now();
            }
            is_due && raised.look()
        })
    };
    let done = py.detach(|| interrupt.scope(work));
    raised.or(done)
}

/// Does `work` on the pool; a signal that raises an exception ends it, and the exception is what comes back.
pub(crate) fn together<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    let pool = pool()?;
    let (raised, interrupt) = (Raised::default(), Interrupt::default());
    let done = py.detach(|| {
        let (sender, receiver) = channel();
        pool.in_place_scope(|scope| {
            let interrupt = &interrupt;
            scope.spawn(move |_| {
                // Who asked waits for it.
                let _ = sender.send(interrupt.scope(work));
            });
            loop {
                match receiver.recv_timeout(PATIENCE) {
                    Err(RecvTimeoutError::Timeout) if raised.look() => interrupt.request(),
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(done) => return Some(done),
                    // The work panicked, and so will the scope.
                    Err(RecvTimeoutError::Disconnected) => return None,
                }
            }
        })
    });
    let done = raised.or(done)?;
    done.ok_or_else(|| Failure::input("the batch", "did not come to its end").into())
}
