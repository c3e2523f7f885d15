//! The limits of this machine, measured: multiply-adds, read bandwidth by working set, an exponential.
//!
//! Plain loops that the compiler vectorises, for the widest instructions that the processor has (chosen at run time, whatever
//! the build was compiled for). The baseline loop is the same with the instructions of the build. Best of several repeats: a
//! limit is what can be reached. Not here: how close the engines come (`benches/roofline.rs`).

use crate::timing::seconds_of;
use pulp::NullaryFnOnce;
use serde::Serialize;
use spikegrad::dynamics::math;
use std::hint::black_box;

/// What one core can do.
#[derive(Clone, Debug, Serialize)]
pub struct Limits {
    /// Multiplications and additions of doubles, each counted, in 10⁹ per second.
    pub gflops: f64,
    /// The same with the instructions that the build was compiled for.
    pub gflops_of_build: f64,
    /// Read bandwidth at some working sets.
    pub read: Vec<Bandwidth>,
    /// A scalar exponential of a double, in nanoseconds.
    pub exp_ns: f64,
}

/// Read bandwidth of one core.
#[derive(Clone, Debug, Serialize)]
pub struct Bandwidth {
    /// Size of what is read again and again, in bytes.
    pub bytes: usize,
    /// Where a working set of this size lies, as the system tells: a level of cache, or memory.
    pub level: String,
    /// 10⁹ bytes per second.
    pub gb_per_s: f64,
}

/// What the build and the machine are.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Model name of the processor, where the system tells.
    pub cpu: Option<String>,
    /// Threads that may run at once.
    pub cores: usize,
    /// Architecture and the vector extensions that the compiler was allowed to use everywhere.
    pub compiled_for: Vec<&'static str>,
    /// Extensions that the limits were measured with.
    pub limits_with: String,
}

/// A loop that `pulp` compiles for the widest instructions: all of it must be inlined there, as the body of a closure would
/// not be. Holds as many independent chains of multiply-adds: enough to hide their latency, few enough for the registers.
struct MultiplyAdd<const CHAINS: usize, const FUSED: bool>;

impl<const CHAINS: usize, const FUSED: bool> NullaryFnOnce for MultiplyAdd<CHAINS, FUSED> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let (a, b, rounds) = (black_box(1.0 - 1e-9), black_box(1e-9), black_box(ROUNDS));
        let mut x = [0.5_f64; CHAINS];
        for _ in 0..rounds {
            for x in &mut x {
                // `mul_add` is one instruction where there is one, and a slow function where there is none.
                *x = if FUSED { x.mul_add(a, b) } else { *x * a + b };
            }
        }
        x.iter().sum()
    }
}

/// Adds up 32 partial sums at once, over all of the data, again and again.
struct Read<'a> {
    data: &'a [f64],
    rounds: usize,
}

impl NullaryFnOnce for Read<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let mut sums = [0.0_f64; 32];
        for _ in 0..self.rounds {
            for block in black_box(self.data).as_chunks::<32>().0 {
                for (s, x) in sums.iter_mut().zip(block) {
                    *s += x;
                }
            }
        }
        sums.iter().sum()
    }
}

/// Best time of `repeats` runs, in seconds.
fn best(repeats: usize, mut run: impl FnMut()) -> f64 {
    (0..repeats).map(|_| seconds_of(&mut run)).fold(f64::INFINITY, f64::min)
}

/// Rounds of a loop of multiply-adds.
const ROUNDS: usize = 100_000;

/// 10⁹ multiplications and additions per second of a loop with `chains` chains.
fn rate(chains: u32, mut run: impl FnMut() -> f64) -> f64 {
    let time = best(20, || {
        black_box(run());
    });
    #[expect(clippy::cast_precision_loss, reason = "a round number")]
    let flops = f64::from(2 * chains) * ROUNDS as f64;
    flops / time / 1e9
}

/// 10⁹ multiplications and additions per second, with the widest instructions; the best of a few ways to write the loop.
#[must_use]
pub fn gflops() -> f64 {
    let arch = pulp::Arch::new();
    [
        rate(32, || arch.dispatch(MultiplyAdd::<32, true>)),
        rate(56, || arch.dispatch(MultiplyAdd::<56, true>)),
        rate(64, || arch.dispatch(MultiplyAdd::<64, true>)),
        rate(32, || arch.dispatch(MultiplyAdd::<32, false>)),
        rate(56, || arch.dispatch(MultiplyAdd::<56, false>)),
        rate(64, || arch.dispatch(MultiplyAdd::<64, false>)),
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

/// The same with the instructions of the build.
#[must_use]
pub fn gflops_of_build() -> f64 {
    [
        rate(32, || MultiplyAdd::<32, false>.call()),
        rate(56, || MultiplyAdd::<56, false>.call()),
        rate(64, || MultiplyAdd::<64, false>.call()),
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

/// 10⁹ bytes per second that one core reads from a working set of `bytes`.
#[must_use]
pub fn read_gb_per_s(bytes: usize) -> f64 {
    let length = (bytes / 8).next_multiple_of(32);
    let data = vec![1.0_f64; length];
    let rounds = (1 << 24_u32).max(bytes) / bytes;
    let arch = pulp::Arch::new();
    let time = best(12, || {
        black_box(arch.dispatch(Read { data: &data, rounds }));
    });
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let read = (8 * length * rounds) as f64;
    read / time / 1e9
}

/// Nanoseconds of a scalar exponential.
#[must_use]
pub fn exp_ns() -> f64 {
    let data: Vec<f64> = (0..4096).map(|k| f64::from(k) * -1e-3).collect();
    let time = best(50, || {
        black_box(black_box(&data).iter().map(|x| math::exp(*x)).sum::<f64>());
    });
    time / 4096.0 * 1e9
}

/// Sizes of the data caches of the first core in bytes, smallest level first; empty where the system does not tell.
#[must_use]
pub fn caches() -> Vec<(String, usize)> {
    let text = |index: usize, file: &str| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{file}");
        std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    let cache = |index| {
        if text(index, "type")? == "Instruction" {
            return None;
        }
        let size: usize = text(index, "size")?.strip_suffix('K')?.parse().ok()?;
        Some((format!("L{}", text(index, "level")?), 1024 * size))
    };
    (0..8).filter_map(cache).collect()
}

/// The level of cache in which `bytes` lie.
#[must_use]
pub fn level(bytes: usize) -> String {
    let caches = caches();
    if caches.is_empty() {
        return "?".into();
    }
    caches.into_iter().find(|c| bytes <= c.1).map_or("memory".into(), |c| c.0)
}

impl Limits {
    /// Measures for about two seconds.
    #[must_use]
    pub fn measure() -> Self {
        let sizes = [24 << 10, 512 << 10, 8 << 20, 256 << 20];
        let bandwidth =
            |bytes| Bandwidth { bytes, level: level(bytes), gb_per_s: read_gb_per_s(bytes) };
        Self {
            gflops: gflops(),
            gflops_of_build: gflops_of_build(),
            read: sizes.map(bandwidth).into(),
            exp_ns: exp_ns(),
        }
    }
}

impl Machine {
    /// Asks the system.
    #[must_use]
    pub fn ask() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = info
            .lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| line.split_once(':'))
            .map(|(_, name)| name.trim().to_owned());
        let mut compiled_for = vec![std::env::consts::ARCH];
        for (on, name) in [
            (cfg!(target_feature = "sse2"), "sse2"),
            (cfg!(target_feature = "avx"), "avx"),
            (cfg!(target_feature = "avx2"), "avx2"),
            (cfg!(target_feature = "fma"), "fma"),
            (cfg!(target_feature = "avx512f"), "avx512f"),
            (cfg!(target_feature = "neon"), "neon"),
        ] {
            if on {
                compiled_for.push(name);
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let limits_with = format!("{:?}", pulp::Arch::new());
        let limits_with = limits_with.split(['(', ' ']).next().unwrap_or_default().to_owned();
        Self { cpu, cores, compiled_for, limits_with }
    }
}
