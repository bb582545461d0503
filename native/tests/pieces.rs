//! What the pieces of a view cost, for people: `cargo test --release --test pieces -- --ignored --nocapture`.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use penstock_native::coarse::Kind;
use penstock_native::keyed::{rekeyed_event_id, subject_reference};
use penstock_native::noise::{Noise, Number};
use penstock_native::sampler::Scale;
use penstock_native::sealing::{Cipher, write_sealed};

const TIMES: u32 = 20_000;
const ID: &[u8] = b"payment-0000000000000000012345";

/// The best of seven tries, in nanoseconds.
fn cost<T>(work: impl Fn() -> T) -> u128 {
    let tried = (0..7).map(|_| {
        let started = Instant::now();
        (0..TIMES).for_each(|_| drop(black_box(work())));
        started.elapsed()
    });
    tried.min().unwrap_or(Duration::MAX).as_nanos() / u128::from(TIMES)
}

#[test]
#[ignore = "it tells what things cost, and fails never"]
fn what_they_cost() {
    let key = black_box([1; 32]);
    let scale = Scale { wide: 100_000, narrow: 1 };
    let noise = Noise {
        low: 0,
        high: 1_000_000,
        scale,
        kind: Number::Whole(Kind::Long),
        place: vec![1; 110],
        how: vec![2; 60],
    };
    let begun = noise.begun(&key).unwrap();
    let cipher = Cipher::new(&key);
    println!("a data subject's reference  {} ns", cost(|| subject_reference(&key, ID)));
    println!("an event id, re-keyed       {} ns", cost(|| rekeyed_event_id(&key, ID)));
    println!("a draw of noise             {} ns", cost(|| noise.released(begun.clone(), 5, ID)));
    println!("a cipher under a new key    {} ns", cost(|| Cipher::new(&key)));
    let sealed =
        || write_sealed(&mut Vec::with_capacity(200), &cipher, &[1; 8], &[2; 12], &[3; 40], &[4; 180]).unwrap();
    println!("a field of 40 bytes, sealed {} ns", cost(sealed));
}
