//! Noise: discrete Laplace noise on a whole number, a function of a secret and of everything that a release is.

use blake2::digest::consts::U64;
use zeroize::Zeroizing;

use crate::Unusual;
use crate::coarse::Kind;
use crate::keyed::Keyed;
use crate::real::Width;
use crate::sampler::{Bits, Scale, discrete_laplace};

/// The mechanism of one field: clamped from `low` to `high`, at `scale`. `place` and `how` say where and how, as the
/// draw follows from them.
#[derive(Debug, Clone)]
pub struct Noise {
    /// Lowest value.
    pub low: i64,
    /// Highest value.
    pub high: i64,
    /// How wide the noise is.
    pub scale: Scale,
    /// The number's type.
    pub kind: Number,
    /// Where noise is added.
    pub place: Vec<u8>,
    /// The mechanism as the draw knows it.
    pub how: Vec<u8>,
}

/// The type of a number that gets noise.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A whole number.
    Whole(Kind),
    /// A float (true) or double, in steps of so much.
    Real(Width, bool),
}

impl Noise {
    /// What every draw of a period begins with.
    ///
    /// # Errors
    /// For a secret that is none.
    pub fn begun(&self, secret: &[u8]) -> Result<Keyed<U64>, Unusual> {
        let mut keyed = Keyed::new(secret)?;
        keyed.put(&self.place);
        Ok(keyed)
    }

    /// The noisy number to release.
    ///
    /// # Errors
    /// Where a number gets too large for this back end.
    pub fn released(&self, begun: Keyed<U64>, value: i64, release: &[u8]) -> Result<i64, Unusual> {
        let Number::Whole(kind) = self.kind else {
            return Err(Unusual);
        };
        let noisy = self.drawn(begun, value.max(self.low).min(self.high), release)?;
        let (least, most) = kind.range();
        i64::try_from(noisy.max(least).min(most)).map_err(|_| Unusual)
    }

    /// The noisy float or double to release, and whether it is a float.
    ///
    /// # Errors
    /// As `released`, and for what is no finite number.
    pub fn released_real(&self, begun: Keyed<U64>, value: f64, release: &[u8]) -> Result<(f64, bool), Unusual> {
        let Number::Real(step, single) = self.kind else {
            return Err(Unusual);
        };
        let steps = step.nearest(value)?.max(self.low.into()).min(self.high.into());
        let noisy = self.drawn(begun, i64::try_from(steps).map_err(|_| Unusual)?, release)?;
        Ok((step.lower_bound(noisy)?, single))
    }

    fn drawn(&self, mut begun: Keyed<U64>, clamped: i64, release: &[u8]) -> Result<i128, Unusual> {
        begun.put_framed(release)?;
        begun.put(&self.how);
        begun.put_framed(clamped.to_string().as_bytes())?;
        let mut bits = Bits::new(Zeroizing::new(begun.end().into()));
        i128::from(clamped).checked_add(discrete_laplace(&mut bits, self.scale)?).ok_or(Unusual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(kind: Kind) -> Noise {
        let (scale, kind) = (Scale { wide: 10, narrow: 1 }, Number::Whole(kind));
        Noise { low: -5, high: 5, scale, kind, place: b"place".to_vec(), how: b"how".to_vec() }
    }

    fn draw(one: &Noise, value: i64, release: &[u8]) -> Option<i64> {
        one.released(one.begun(&[1; 32]).ok()?, value, release).ok()
    }

    #[test]
    fn the_same_release_draws_the_same_and_another_draws_anew() {
        let one = noise(Kind::Long);
        assert_eq!(draw(&one, 3, b"a"), draw(&one, 3, b"a"));
        assert_eq!(draw(&one, 99, b"a"), draw(&one, 5, b"a"));
        let draws: std::collections::HashSet<_> = (0_u8..50).map(|n| draw(&one, 3, &[n])).collect();
        assert!(draws.len() > 10);
    }
}
