//! Doubles, exactly: a double counts as the binary fraction it is, a width or step as the decimal that is written.
//!
//! Everything is whole numbers until the one division that gives the result, which is rounded as IEEE 754 rounds (to
//! nearest, ties to even). What gets too large for 128 bits is `Unusual`, never approximated.

use crate::Unusual;

/// Numerator and denominator beyond this are not taken: what is made of them fits 128 bits then.
pub const MOST: u64 = 1 << 53;
const FRACTION_BITS: u32 = 52;
const EXPONENT_BIAS: i32 = 1075;
/// More bits than a double has, and one for the rounding.
const QUOTIENT_BITS: u32 = 55;

/// A width or step: a fraction above 0, each side of it at most `MOST`.
#[derive(Debug, Clone, Copy)]
pub struct Width {
    wide: i128,
    narrow: i128,
}

impl Width {
    /// From numerator and denominator.
    ///
    /// # Errors
    /// For one that is 0 or beyond `MOST`.
    pub fn new(wide: u64, narrow: u64) -> Result<Self, Unusual> {
        let fits = |one| (1..=MOST).contains(&one);
        if fits(wide) && fits(narrow) { Ok(Self { wide: wide.into(), narrow: narrow.into() }) } else { Err(Unusual) }
    }

    /// The number of the whole width at or below a value.
    ///
    /// # Errors
    /// For what is no finite number, or too large.
    pub fn floor(self, value: f64) -> Result<i128, Unusual> {
        let (above, below) = self.times(value)?;
        Ok(above.div_euclid(below))
    }

    /// The number of the nearest whole width, the even one of two that are as near.
    ///
    /// # Errors
    /// As `floor`.
    pub fn nearest(self, value: f64) -> Result<i128, Unusual> {
        let (above, below) = self.times(value)?;
        let (whole, rest) = (above.div_euclid(below), above.rem_euclid(below));
        let other = below - rest;
        let up = rest > other || (rest == other && whole.rem_euclid(2) == 1);
        Ok(whole + i128::from(up))
    }

    /// So many widths as a double.
    ///
    /// # Errors
    /// For too many.
    pub fn lower_bound(self, count: i128) -> Result<f64, Unusual> {
        quotient(count.checked_mul(self.wide).ok_or(Unusual)?, self.narrow)
    }

    /// The middle of one, behind so many.
    ///
    /// # Errors
    /// As `lower_bound`.
    pub fn centre(self, count: i128) -> Result<f64, Unusual> {
        let halves = count.checked_mul(2).and_then(|twice| twice.checked_add(1)).ok_or(Unusual)?;
        quotient(halves.checked_mul(self.wide).ok_or(Unusual)?, 2 * self.narrow)
    }

    /// A value divided by the width, as a fraction whose denominator is above 0.
    fn times(self, value: f64) -> Result<(i128, i128), Unusual> {
        let (number, exponent) = taken_apart(value)?;
        let above = number.checked_mul(self.narrow).ok_or(Unusual)?;
        let shift = i128::checked_pow(2, exponent.unsigned_abs());
        if exponent >= 0 {
            return Ok((above.checked_mul(shift.ok_or(Unusual)?).ok_or(Unusual)?, self.wide));
        }
        // A denominator beyond 127 bits, above a numerator of at most 106: whichever it is, it rounds the same.
        let below = shift.and_then(|shift| shift.checked_mul(self.wide));
        Ok(below.map_or((above.signum(), 1 << 100), |below| (above, below)))
    }
}

/// An odd number (or 0) and the power of two that it is multiplied with.
fn taken_apart(value: f64) -> Result<(i128, i32), Unusual> {
    if !value.is_finite() {
        return Err(Unusual);
    }
    let bits = value.to_bits();
    let (exponent, fraction) = (bits >> FRACTION_BITS & 0x7FF, bits & ((1 << FRACTION_BITS) - 1));
    let whole = if exponent == 0 { fraction } else { fraction | 1 << FRACTION_BITS };
    if whole == 0 {
        return Ok((0, 0));
    }
    let zeros = whole.trailing_zeros();
    let power = i32::try_from(exponent.max(1)).map_err(|_| Unusual)? - EXPONENT_BIAS;
    let odd = i128::from(whole >> zeros);
    Ok((if value.is_sign_negative() { -odd } else { odd }, power + zeros.cast_signed()))
}

/// A quotient, rounded once. `below` is above 0 and at most twice `MOST`.
fn quotient(above: i128, below: i128) -> Result<f64, Unusual> {
    let (size, by) = (above.unsigned_abs(), below.unsigned_abs());
    if size == 0 {
        return Ok(0.0);
    }
    if size >> 126 > 0 {
        return Err(Unusual);
    }
    // Scaled so that the quotient has 55 or 56 bits; whatever is left over then only says that there is some.
    let shift = QUOTIENT_BITS.cast_signed() + bits(by).cast_signed() - bits(size).cast_signed();
    let (size, by) = if shift >= 0 { (size << shift, by) } else { (size, by << -shift) };
    let whole = size.checked_div(by).ok_or(Unusual)?;
    let sticky = u128::from(whole * by != size);
    let rounded = rounded(u64::try_from(whole | sticky).map_err(|_| Unusual)?);
    let power = u64::try_from(1023 - shift).map_err(|_| Unusual)?;
    let found = rounded * f64::from_bits(power << FRACTION_BITS);
    Ok(if above < 0 { -found } else { found })
}

const fn bits(number: u128) -> u32 {
    u128::BITS - number.leading_zeros()
}

#[allow(clippy::cast_precision_loss)] // rounding to nearest, ties to even, is what is wanted
const fn rounded(number: u64) -> f64 {
    number as f64
}

/// Appends a double as Avro writes it, or a float, which is rounded.
///
/// # Errors
/// For a float that is too large.
pub fn write(out: &mut Vec<u8>, value: f64, single: bool) -> Result<(), Unusual> {
    if !single {
        out.extend_from_slice(&value.to_le_bytes());
        return Ok(());
    }
    #[allow(clippy::cast_possible_truncation)] // as above
    let short = value as f32;
    if short.is_infinite() {
        return Err(Unusual);
    }
    out.extend_from_slice(&short.to_le_bytes());
    Ok(())
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // exact is what they are to be
mod tests {
    use super::*;

    #[test]
    fn a_double_lies_in_its_cell_exactly() {
        let tenth = Width::new(1, 10).unwrap();
        assert_eq!(tenth.floor(0.3).ok(), Some(2)); // 0.3 is a little less than three tenths
        assert_eq!(tenth.floor(-0.0).ok(), Some(0));
        assert_eq!(tenth.floor(-5e-324).ok(), Some(-1));
        assert_eq!(tenth.floor(5e-324).ok(), Some(0));
        assert_eq!(tenth.lower_bound(3).ok(), Some(0.3));
        assert_eq!(tenth.centre(-1).ok(), Some(-0.05));
        assert!(tenth.floor(f64::NAN).is_err() && tenth.floor(f64::INFINITY).is_err());
        assert!(tenth.floor(1e300).is_err());
    }

    #[test]
    fn ties_go_to_the_even_step() {
        let step = Width::new(1, 2).unwrap();
        let steps = [0.25, 0.75, -0.25, -0.75, 1.3].map(|one| step.nearest(one).unwrap());
        assert_eq!(steps, [0, 2, 0, -2, 3]);
    }

    #[test]
    fn a_quotient_is_rounded_once() {
        for (above, below) in [(1, 3), (2, 7), (-1, 10), (1 << 52, 3), (355, 113)] {
            #[allow(clippy::cast_precision_loss)] // both sides are exact doubles: the division is rounded once
            let wanted = above as f64 / below as f64;
            assert_eq!(quotient(above, below).ok(), Some(wanted));
        }
        assert_eq!(quotient((1 << 53) + 1, 1).ok(), Some(9_007_199_254_740_992.0));
        assert_eq!(quotient((1 << 53) + 3, 1).ok(), Some(9_007_199_254_740_996.0));
        assert_eq!(quotient((1 << 100) + 1, 1).ok(), Some(f64::from_bits((1023 + 100) << 52)));
        assert!(quotient(1 << 126, 1).is_err());
    }

    #[test]
    fn a_float_is_rounded_and_one_too_large_is_refused() {
        let mut out = Vec::new();
        assert!(write(&mut out, 0.1, true).is_ok() && write(&mut out, 0.1, false).is_ok());
        assert_eq!(out, [0.1_f32.to_le_bytes().as_slice(), &0.1_f64.to_le_bytes()].concat());
        assert!(write(&mut out, 1e39, true).is_err());
    }

    #[test]
    fn a_width_beyond_what_is_held_is_refused() {
        assert!(Width::new(0, 1).is_err() && Width::new(1, 0).is_err() && Width::new(MOST + 1, 1).is_err());
    }
}
