//! The exact discrete Laplace distribution, from a stream of bits that follows from a seed.
//!
//! The algorithm is that of Canonne, Kamath and Steinke (2020), with integers only.

use blake2::digest::consts::U64;
use zeroize::Zeroizing;

use crate::Unusual;
use crate::keyed::{BLOCK_BYTES, Keyed};

/// Keyed `BLAKE2b` in counter mode, bit by bit, the highest bit of each byte first.
pub struct Bits {
    seed: Zeroizing<[u8; BLOCK_BYTES]>,
    block: Zeroizing<[u8; BLOCK_BYTES]>,
    blocks: u64,
    taken: usize,
}

impl Bits {
    /// From a seed.
    #[must_use]
    pub fn new(seed: Zeroizing<[u8; BLOCK_BYTES]>) -> Self {
        Self { seed, block: Zeroizing::new([0; BLOCK_BYTES]), blocks: 0, taken: 8 * BLOCK_BYTES }
    }

    /// The next `count` bits, at most 127, as a number.
    fn take(&mut self, count: u32) -> Result<u128, Unusual> {
        let mut found = 0_u128;
        let mut wanted = usize::try_from(count).map_err(|_| Unusual)?;
        while wanted > 0 {
            if self.taken == 8 * BLOCK_BYTES {
                self.more()?;
            }
            let inside = 8 - self.taken % 8;
            let some = inside.min(wanted);
            let byte = *self.block.get(self.taken / 8).ok_or(Unusual)?;
            let bits = u128::from(byte) >> (inside - some) & ((1 << some) - 1);
            found = found << some | bits;
            self.taken += some;
            wanted -= some;
        }
        Ok(found)
    }

    /// A uniform number below `bound`.
    fn below(&mut self, bound: u128) -> Result<u128, Unusual> {
        let size = u128::BITS - bound.checked_sub(1).ok_or(Unusual)?.leading_zeros();
        loop {
            let number = self.take(size)?;
            if number < bound {
                return Ok(number);
            }
        }
    }

    fn more(&mut self) -> Result<(), Unusual> {
        let mut keyed = Keyed::<U64>::new(self.seed.as_slice())?;
        keyed.put(&self.blocks.to_be_bytes());
        self.block = Zeroizing::new(keyed.end().into());
        self.blocks = self.blocks.checked_add(1).ok_or(Unusual)?;
        self.taken = 0;
        Ok(())
    }
}

/// A scale: a fraction above 0.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Its numerator.
    pub wide: u64,
    /// Its denominator.
    pub narrow: u64,
}

/// One draw at `scale`.
///
/// # Errors
/// Where a number gets too large for this back end.
pub fn discrete_laplace(bits: &mut Bits, scale: Scale) -> Result<i128, Unusual> {
    let wide = u128::from(scale.wide);
    loop {
        let start = bits.below(wide)?;
        if !odd_tries(bits, wide, start, 1)? {
            continue;
        }
        let mut whole = 0_u128;
        while odd_tries(bits, 1, 1, 2)? {
            whole += 1;
        }
        let size = start.checked_add(wide.checked_mul(whole).ok_or(Unusual)?).ok_or(Unusual)?;
        let size = i128::try_from(size.checked_div(u128::from(scale.narrow)).ok_or(Unusual)?).map_err(|_| Unusual)?;
        let negative = bits.take(1)? == 1;
        if !(negative && size == 0) {
            return Ok(if negative { -size } else { size });
        }
    }
}

/// Says whether an odd number of tries is made: true with probability exp(-start / wide).
fn odd_tries(bits: &mut Bits, wide: u128, start: u128, first: u128) -> Result<bool, Unusual> {
    let mut tries = first;
    while bits.below(wide.checked_mul(tries).ok_or(Unusual)?)? < start {
        tries += 1;
    }
    Ok(tries % 2 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_a_function_of_the_seed() {
        let draw = |byte: u8| {
            let mut bits = Bits::new(Zeroizing::new([byte; BLOCK_BYTES]));
            (0..1000)
                .filter_map(|_| discrete_laplace(&mut bits, Scale { wide: 1000, narrow: 7 }).ok())
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let mean = draw(1).iter().sum::<i128>() / 1000;
        assert!(mean.abs() < 40);
    }

    #[test]
    fn a_bound_of_one_takes_no_bit() {
        let mut bits = Bits::new(Zeroizing::new([1; BLOCK_BYTES]));
        assert_eq!(bits.below(1).ok(), Some(0));
        assert_eq!(bits.taken, 8 * BLOCK_BYTES);
    }

    #[test]
    fn a_scale_beyond_what_is_held_is_refused() {
        let mut bits = Bits::new(Zeroizing::new([1; BLOCK_BYTES]));
        assert!(discrete_laplace(&mut bits, Scale { wide: 0, narrow: 1 }).is_err());
        assert!(discrete_laplace(&mut bits, Scale { wide: 1, narrow: 0 }).is_err());
    }
}
