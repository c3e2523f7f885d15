//! Several processes that train one run, each with a share of every batch.
//!
//! All of them hold the same run and make the same steps. A batch is cut into the chunks that one process would add up by itself
//! (`spikegrad::CHUNK` samples), and each process has some that follow each other. The sum goes from process to process, each of which adds
//! its chunks in their order: the same additions as in one process, and so the same bits, however many there are. Sums go in pieces, so that one
//! process adds while the next still receives.
//!
//! Where a sample fails, each process does the whole batch by itself, and meets the same error.
//!
//! Not here: how messages travel (the program's feature `mpi`), what is done with a share (`epoch.rs`).

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use spikegrad::CHUNK;

/// Processes that can send each other messages, which arrive whole and in the order in which they were sent.
pub trait Team: Debug + Send + Sync {
    /// Which of the processes this is, counted from 0. The first has the folder of the run, and speaks for all.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// Sends a message to another process. It may return before the message has arrived.
    fn send(&self, to: usize, message: &[u8]);

    /// Waits for the next message of another process.
    fn receive(&self, from: usize) -> Vec<u8>;

    /// Says that this process has come to its end as it should; nothing is sent after that.
    fn finish(&self) {}
}

/// What a team does together.
#[derive(Clone, Debug)]
pub(super) struct Together(Arc<dyn Team>);

/// Numbers of a sum that travel at a time.
const PIECE: usize = 1 << 15;

impl Together {
    pub(super) fn new(team: Arc<dyn Team>) -> Self {
        Self(team)
    }

    pub(super) fn is_first(&self) -> bool {
        self.0.rank() == 0
    }

    /// The samples of a batch of `count` that are this process's: whole chunks.
    pub(super) fn share(&self, count: usize) -> Range<usize> {
        let (rank, size) = (self.0.rank(), self.0.size());
        let chunks = count.div_ceil(CHUNK);
        let start = |rank: usize| (chunks * rank / size * CHUNK).min(count);
        start(rank)..start(rank + 1)
    }

    /// What the first process has, for all.
    pub(super) fn of_first<T: Serialize + DeserializeOwned>(&self, value: Option<T>) -> T {
        let team = &*self.0;
        match value {
            Some(value) => {
                let message = packed(&value);
                (1..team.size()).for_each(|rank| team.send(rank, &message));
                value
            }
            None => unpacked(&team.receive(0)),
        }
    }

    /// What each process has, in their order, for all.
    pub(super) fn gathered<T: Serialize + DeserializeOwned>(&self, own: T) -> Vec<T> {
        let team = &*self.0;
        if !self.is_first() {
            team.send(0, &packed(&own));
            return self.of_first(None);
        }
        let others = (1..team.size()).map(|rank| unpacked(&team.receive(rank)));
        self.of_first(Some(std::iter::once(own).chain(others).collect()))
    }

    /// Whether all processes say so.
    pub(super) fn all(&self, own: bool) -> bool {
        self.gathered(own).into_iter().all(|one| one)
    }

    /// The sum of the rows of all processes, in their order, for all. A process may have none, but not all.
    pub(super) fn sum(&self, rows: &[Vec<f64>]) -> Vec<f64> {
        let team = &*self.0;
        let (rank, last) = (team.rank(), team.size() - 1);
        let counts = self.gathered((rows.len(), rows.first().map_or(0, Vec::len)));
        let length = counts.iter().map(|&(_, length)| length).max().unwrap_or(0);
        // What comes first is not added to zero, which would change a negative zero.
        let is_first = counts[..rank].iter().all(|&(rows, _)| rows == 0);
        let mut sum = vec![0.0; length];
        for (k, piece) in sum.chunks_mut(PIECE).enumerate() {
            if rank > 0 {
                piece.copy_from_slice(&unpacked::<Vec<f64>>(&team.receive(rank - 1)));
            }
            for (row, of_row) in rows.iter().enumerate() {
                let pairs = piece.iter_mut().zip(&of_row[k * PIECE..]);
                match is_first && row == 0 {
                    true => pairs.for_each(|(sum, &x)| *sum = x),
                    false => pairs.for_each(|(sum, &x)| *sum += x),
                }
            }
            if rank < last {
                team.send(rank + 1, &packed(&*piece));
            }
        }
        for piece in sum.chunks_mut(PIECE) {
            if rank == last {
                let message = packed(&*piece);
                (0..last).for_each(|rank| team.send(rank, &message));
            } else {
                piece.copy_from_slice(&unpacked::<Vec<f64>>(&team.receive(last)));
            }
        }
        sum
    }
}

fn packed<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("numbers and lists of them can be written")
}

/// # Panics
///
/// If the processes are not of one program.
fn unpacked<T: DeserializeOwned>(message: &[u8]) -> T {
    postcard::from_bytes(message).expect("another process sends what this one waits for")
}
