//! Tests of NIR files: those of other tools, the mapping of nodes against their equations, round trips, refusals, and Python's `nir`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should panic")]

mod data;
mod equations;
mod files;
mod layouts;
mod linear;
mod python;
mod refusals;
mod round_trips;
mod support;
