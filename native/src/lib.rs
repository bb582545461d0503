//! Penstock's view programs, run for a whole batch: the compiled back end.
//!
//! The same plan that is written as Python runs here as data. What is not as usual about an event, or cannot be made,
//! is `Unusual`: the slow path, which is Python, has the word. Nothing here panics on what an event holds, and no key is
//! kept longer than a batch.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used))]

pub mod batch;
pub mod coarse;
pub mod facts;
pub mod keyed;
pub mod keys;
pub mod noise;
#[cfg(feature = "python")]
mod python;
pub mod reading;
pub mod real;
pub mod remade;
pub mod sampler;
pub mod scanning;
pub mod sealing;
pub mod view;

/// The slow path has the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unusual;
