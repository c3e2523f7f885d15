//! Work without the interpreter: other Python threads run meanwhile, and Ctrl-C is heard.
//!
//! A single run is done where it was asked for. A batch is done by threads of its own pool, while the thread that asked looks for signals; these reach the batch
//! between two of its samples. Not here: what is computed.

use crate::errors::Failure;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use spikegrad::Interrupt;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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

/// Does `work` on the pool; where a signal raises an exception, `interrupt` is asked for, and the exception is what comes back.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    interrupt: &Interrupt,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    let pool = pool()?;
    interrupt.withdraw();
    py.detach(|| {
        let (sender, receiver) = channel();
        pool.in_place_scope(|scope| {
            scope.spawn(move |_| {
                // Who asked waits for it.
                let _ = sender.send(work());
            });
            let mut raised = None;
            loop {
                match (receiver.recv_timeout(PATIENCE), raised.take()) {
                    (Ok(_), Some(raised)) => return Err(raised),
                    (Ok(done), None) => return Ok(done),
                    (Err(RecvTimeoutError::Timeout), None) => {
                        if let Err(error) = Python::attach(signalled) {
                            interrupt.request();
                            raised = Some(error);
                        }
                    }
                    (Err(RecvTimeoutError::Timeout), before) => raised = before,
                    // The work panicked, and so will the scope.
                    (Err(RecvTimeoutError::Disconnected), _) => {
                        return Err(Failure::input("the batch", "did not come to its end").into());
                    }
                }
            }
        })
    })
}
