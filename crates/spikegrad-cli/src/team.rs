//! The processes that `mpirun` started, when there are several.
//!
//! Messages are MPI's. One thread makes all of its calls, and others ask it to: a library that is initialised for one thread is enough, and
//! what a communicator points to need not be shared.
//!
//! Not here: what the processes do together (`spikegrad-train`).

use crate::error::Failure;
use spikegrad_train::Team;
use std::env;
use std::sync::Arc;

/// Where the starters of processes say how many there are: Open MPI, MPICH and its relatives, Slurm.
const COUNTS: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/// How many processes were started together.
pub(crate) fn count() -> usize {
    let count = |name| env::var(name).ok()?.parse().ok();
    COUNTS.into_iter().find_map(count).unwrap_or(1)
}

/// The processes that were started together with this one, if any were.
pub(crate) fn of_this_process() -> Result<Option<Arc<dyn Team>>, Failure> {
    if count() == 1 { Ok(None) } else { connect() }
}

#[cfg(not(feature = "mpi"))]
fn connect() -> Result<Option<Arc<dyn Team>>, Failure> {
    Err(Failure::WithoutMpi { count: count() })
}

#[cfg(feature = "mpi")]
use world::connect;

#[cfg(feature = "mpi")]
mod world {
    use super::{Arc, Failure, Team};
    use mpi::Threading;
    use mpi::traits::{Communicator, Destination, Source};
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// The largest message of MPI has 2³¹ − 1 items; longer ones go in pieces.
    const LONGEST: usize = 1 << 30;

    pub(super) fn connect() -> Result<Option<Arc<dyn Team>>, Failure> {
        let (ask, asked) = channel();
        let (greet, greeting) = channel();
        // It ends with the process. Only a process that has come to its end says so to the others: where one fails, MPI is to end them all.
        std::thread::spawn(move || serve(&asked, &greet));
        match greeting.recv() {
            Ok(Some((rank, size))) => {
                Ok(Some(Arc::new(World { rank, size, ask: Mutex::new(ask) })))
            }
            _ => Err(Failure::NoMpi),
        }
    }

    /// What the thread is asked.
    #[derive(Debug)]
    enum Request {
        Send { to: usize, message: Vec<u8> },
        Receive { from: usize, answer: Sender<Vec<u8>> },
        Finish { answer: Sender<()> },
    }

    #[derive(Debug)]
    struct World {
        rank: usize,
        size: usize,
        ask: Mutex<Sender<Request>>,
    }

    impl World {
        fn ask(&self, request: Request) {
            let ask = self.ask.lock().expect("nothing panics while it is locked");
            ask.send(request).expect("the thread waits until the process ends");
        }
    }

    impl Team for World {
        fn rank(&self) -> usize {
            self.rank
        }

        fn size(&self) -> usize {
            self.size
        }

        fn send(&self, to: usize, message: &[u8]) {
            self.ask(Request::Send { to, message: message.to_vec() });
        }

        fn receive(&self, from: usize) -> Vec<u8> {
            let (answer, message) = channel();
            self.ask(Request::Receive { from, answer });
            message.recv().expect("MPI ends a process to which no message can come")
        }

        fn finish(&self) {
            let (answer, done) = channel();
            self.ask(Request::Finish { answer });
            // Nobody is left to tell if it was not.
            let _ = done.recv();
        }
    }

    fn serve(asked: &Receiver<Request>, greet: &Sender<Option<(usize, usize)>>) {
        let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else {
            let _ = greet.send(None);
            return;
        };
        let world = universe.world();
        let index = |rank: i32| usize::try_from(rank).expect("ranks and counts are not negative");
        let process = |rank: usize| {
            world.process_at_rank(i32::try_from(rank).expect("MPI counts processes in 31 bits"))
        };
        let _ = greet.send(Some((index(world.rank()), index(world.size()))));
        for request in asked {
            match request {
                Request::Send { to, message } => {
                    process(to).send(&(message.len() as u64));
                    message.chunks(LONGEST).for_each(|piece| process(to).send(piece));
                }
                Request::Receive { from, answer } => {
                    let (length, _) = process(from).receive::<u64>();
                    let mut message = Vec::new();
                    while (message.len() as u64) < length {
                        message.extend(process(from).receive_vec::<u8>().0);
                    }
                    let _ = answer.send(message);
                }
                Request::Finish { answer } => {
                    drop(universe);
                    let _ = answer.send(());
                    return;
                }
            }
        }
        // Whoever asked is gone without an end: the process is ending, and MPI is not told.
        std::mem::forget(universe);
    }
}
