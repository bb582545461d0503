//! Avro's bytes, read: numbers in their shortest form and what stands behind a length.

use crate::Unusual;
use crate::scanning::Node;

/// A place in an event. Every step checks that the bytes are there.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    data: &'a [u8],
    /// Where the next byte lies.
    pub at: usize,
}

impl<'a> Cursor<'a> {
    /// Stands at `at`.
    #[must_use]
    pub const fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.data.len().saturating_sub(self.at)
    }

    /// The next byte.
    ///
    /// # Errors
    /// Where there is none.
    pub fn byte(&mut self) -> Result<u8, Unusual> {
        let found = *self.data.get(self.at).ok_or(Unusual)?;
        self.at += 1;
        Ok(found)
    }

    /// The next `size` bytes.
    ///
    /// # Errors
    /// Where there are fewer.
    pub fn take(&mut self, size: usize) -> Result<&'a [u8], Unusual> {
        let end = self.at.checked_add(size).ok_or(Unusual)?;
        let found = self.data.get(self.at..end).ok_or(Unusual)?;
        self.at = end;
        Ok(found)
    }

    /// A number of at most 64 bits in its shortest form.
    ///
    /// # Errors
    /// For any other form.
    pub fn long(&mut self) -> Result<i64, Unusual> {
        let first = self.byte()?;
        let mut found = u64::from(first & 0x7F);
        if first < 0x80 {
            return Ok(unzigzag(found));
        }
        let mut shift = 7;
        loop {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(Unusual);
            }
            found |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                // A last byte that adds nothing is another form of the same number.
                return if byte == 0 { Err(Unusual) } else { Ok(unzigzag(found)) };
            }
            shift += 7;
        }
    }

    /// A number of at most 32 bits in its shortest form.
    ///
    /// # Errors
    /// For any other form.
    pub fn int(&mut self) -> Result<i64, Unusual> {
        let found = self.long()?;
        i32::try_from(found).map(i64::from).map_err(|_| Unusual)
    }

    /// A length or count.
    ///
    /// # Errors
    /// For one below 0, or in another form.
    pub fn size(&mut self) -> Result<usize, Unusual> {
        usize::try_from(self.long()?).map_err(|_| Unusual)
    }

    /// What stands behind its length.
    ///
    /// # Errors
    /// Where that is cut short.
    pub fn sized(&mut self) -> Result<&'a [u8], Unusual> {
        let size = self.size()?;
        self.take(size)
    }

    /// The bytes of a value, behind which it goes.
    ///
    /// # Errors
    /// As `Node::skip`.
    pub fn over(&mut self, node: &Node) -> Result<&'a [u8], Unusual> {
        let from = self.at;
        node.skip(self)?;
        self.data.get(from..self.at).ok_or(Unusual)
    }

    /// Text.
    ///
    /// # Errors
    /// Where that is cut short or no UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Unusual> {
        core::str::from_utf8(self.sized()?).map_err(|_| Unusual)
    }
}

const fn unzigzag(found: u64) -> i64 {
    (found >> 1).cast_signed() ^ -((found & 1).cast_signed())
}

/// Appends a number as Avro writes it.
pub fn write_long(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest > 0x7F {
        out.push(low_bits(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_bits(rest));
}

/// Appends a length.
pub fn write_size(out: &mut Vec<u8>, size: usize) {
    // No length is above 2^63: nothing in memory is as long.
    write_long(out, i64::try_from(size).unwrap_or(i64::MAX));
}

/// Appends text, or bytes, behind their length.
pub fn write_sized(out: &mut Vec<u8>, value: &[u8]) {
    write_size(out, value.len());
    out.extend_from_slice(value);
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7F).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[u8]) -> Option<i64> {
        let mut cursor = Cursor::new(data, 0);
        let found = cursor.long().ok()?;
        (cursor.at == data.len()).then_some(found)
    }

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, -1, 63, 64, -64, -65, 1 << 40, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_long(&mut out, number);
            assert_eq!(read(&out), Some(number));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let long = [0xFF; 11];
        let above = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2];
        for data in [&[0x82, 0][..], &[0x82, 0x80, 0], &long, &above, &[0x80], &[]] {
            assert_eq!(read(data), None);
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        assert!(Cursor::new(&[6, 1, 2], 0).sized().is_err());
        assert!(Cursor::new(&[1], 0).size().is_err());
        assert!(Cursor::new(&[2, 0xFF], 0).text().is_err());
    }
}
