//! Masks and generalisations: a value becomes coarser and keeps its type.

use crate::Unusual;

/// An integer's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
}

impl Kind {
    /// The lowest and highest number that the type holds.
    #[must_use]
    pub const fn range(self) -> (i128, i128) {
        match self {
            Self::Int => (i32::MIN as i128, i32::MAX as i128),
            Self::Long => (i64::MIN as i128, i64::MAX as i128),
        }
    }
}

/// How a text is masked: `keep` characters stay, at the start or the end; stars may stand for the others.
#[derive(Debug, Clone, Copy)]
pub struct Mask {
    /// So many characters stay.
    pub keep: usize,
    /// Where they stand.
    pub at_start: bool,
    /// Whether stars stand for the others.
    pub stars: bool,
}

impl Mask {
    /// What is left of a text.
    #[must_use]
    pub fn of(&self, text: &str) -> String {
        let hidden = text.chars().count().saturating_sub(self.keep);
        let stars = "*".repeat(if self.stars { hidden } else { 0 });
        if self.at_start {
            text.chars().take(self.keep).collect::<String>() + &stars
        } else {
            stars + &text.chars().skip(hidden).collect::<String>()
        }
    }
}

/// How a number is generalised.
#[derive(Debug, Clone, Copy)]
pub enum Coarse {
    /// To the first of its month, where a day has so many units.
    Month(i128),
    /// To the first of its year.
    Year(i128),
    /// To the lower bound of its bucket of this width.
    Bucket(i128),
}

impl Coarse {
    /// The coarser number: what is below the type's range becomes its lowest.
    ///
    /// # Errors
    /// For a width below 1.
    pub fn of(self, value: i64, kind: Kind) -> Result<i64, Unusual> {
        let value = i128::from(value);
        let bound = match self {
            Self::Month(per_day) => first_day(floor(value, per_day)?, true)?.checked_mul(per_day).ok_or(Unusual)?,
            Self::Year(per_day) => first_day(floor(value, per_day)?, false)?.checked_mul(per_day).ok_or(Unusual)?,
            Self::Bucket(width) => floor(value, width)?.checked_mul(width).ok_or(Unusual)?,
        };
        let (least, most) = kind.range();
        let bound = bound.max(least);
        if bound > most {
            return Err(Unusual);
        }
        i64::try_from(bound).map_err(|_| Unusual)
    }
}

fn floor(value: i128, width: i128) -> Result<i128, Unusual> {
    if width < 1 { Err(Unusual) } else { Ok(value.div_euclid(width)) }
}

/// The day number of the first day of the month, or year, that holds day number `days` (proleptic Gregorian).
fn first_day(days: i128, of_month: bool) -> Result<i128, Unusual> {
    if days.abs() > 1 << 64 {
        return Err(Unusual);
    }
    let (year, month) = year_and_month(days);
    Ok(day_number(year, if of_month { month } else { 1 }))
}

/// Days are counted since 0000-03-01, in eras of 400 years: February with its leap day then ends a year.
const fn year_and_month(days: i128) -> (i128, i128) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let year = era * 400 + year_of_era;
    if month >= 10 { (year + 1, month - 9) } else { (year, month + 3) }
}

const fn day_number(year: i128, month: i128) -> i128 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let month_of_year = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_of_year + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_count_characters() {
        let mask = |keep, at_start, stars| Mask { keep, at_start, stars }.of("äbcd");
        assert_eq!(mask(1, true, false), "ä");
        assert_eq!(mask(1, false, true), "***d");
        assert_eq!(mask(0, false, false), "");
        assert_eq!(mask(9, true, true), "äbcd");
    }

    #[test]
    fn days_become_the_first_of_their_period() {
        assert_eq!(Coarse::Month(1).of(19_782, Kind::Int).ok(), Some(19_754)); // 2024-02-29
        assert_eq!(Coarse::Year(1).of(-1, Kind::Int).ok(), Some(-365));
        assert_eq!(Coarse::Year(86_400_000).of(i64::MIN, Kind::Long).ok(), Some(i64::MIN));
    }

    #[test]
    fn buckets_begin_below() {
        assert_eq!(Coarse::Bucket(100).of(-1, Kind::Long).ok(), Some(-100));
        assert_eq!(Coarse::Bucket(100).of(i64::from(i32::MIN), Kind::Int).ok(), Some(i64::from(i32::MIN)));
        assert!(Coarse::Bucket(0).of(1, Kind::Int).is_err());
    }
}
