//! Derivations: keyed hashes (`BLAKE2b`) over parts that each stand behind their length.

use blake2::Blake2bMac;
use blake2::digest::array::ArraySize;
use blake2::digest::consts::{U16, U64};
use blake2::digest::typenum::{IsLessOrEqual, True};
use blake2::digest::{FixedOutput, KeyInit, Update};

use crate::Unusual;

/// A secret's size.
pub const KEY_BYTES: usize = 32;
/// A keyed reference's size.
pub const REFERENCE_BYTES: usize = 16;
/// The size of the stream's blocks, and of the seed that they follow from.
pub const BLOCK_BYTES: usize = 64;

const EVENT_ID: &[u8] = b"\x00\x00\x00\x13penstock event id 1";
const SUBJECT: &[u8] = b"\x00\x00\x00\x12penstock subject 1";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A keyed hash that some parts were put into; it is cleared when dropped, as its secret asks for.
#[derive(Clone)]
pub struct Keyed<Size: ArraySize>(Blake2bMac<Size>)
where
    Size: IsLessOrEqual<U64, Output = True>;

impl<Size: ArraySize> Keyed<Size>
where
    Size: IsLessOrEqual<U64, Output = True>,
{
    /// Under a secret.
    ///
    /// # Errors
    /// For a secret longer than 64 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, Unusual> {
        Blake2bMac::new_from_slice(secret).map(Self).map_err(|_| Unusual)
    }

    /// Puts bytes in.
    pub fn put(&mut self, bytes: &[u8]) {
        Update::update(&mut self.0, bytes);
    }

    /// Puts a part in, behind its length.
    ///
    /// # Errors
    /// For a part that is longer than a length says.
    pub fn put_framed(&mut self, part: &[u8]) -> Result<(), Unusual> {
        self.put(&length(part)?);
        self.put(part);
        Ok(())
    }

    /// What it comes to.
    #[must_use]
    pub fn end(self) -> blake2::digest::array::Array<u8, Size> {
        self.0.finalize_fixed()
    }
}

/// A part's length as it stands before it: four bytes, big-endian.
///
/// # Errors
/// For a part that is longer.
pub fn length(part: &[u8]) -> Result<[u8; 4], Unusual> {
    u32::try_from(part.len()).map(u32::to_be_bytes).map_err(|_| Unusual)
}

/// The keyed reference of the data subject that an identifier names.
///
/// # Errors
/// For a secret that is none.
pub fn subject_reference(secret: &[u8], identifier: &[u8]) -> Result<[u8; REFERENCE_BYTES], Unusual> {
    bound(secret, SUBJECT, identifier)
}

/// An event id for one linkage domain: 26 characters.
///
/// # Errors
/// For a secret that is none.
pub fn rekeyed_event_id(rekey: &[u8], event_id: &[u8]) -> Result<[u8; 26], Unusual> {
    bound(rekey, EVENT_ID, event_id).map(base32)
}

fn bound(secret: &[u8], label: &[u8], part: &[u8]) -> Result<[u8; REFERENCE_BYTES], Unusual> {
    let mut keyed = Keyed::<U16>::new(secret)?;
    keyed.put(label);
    keyed.put_framed(part)?;
    Ok(keyed.end().into())
}

/// Sixteen bytes in base 32, lower case and without padding.
fn base32(raw: [u8; REFERENCE_BYTES]) -> [u8; 26] {
    let number = u128::from_be_bytes(raw);
    let mut place = 128_u32;
    [(); 26].map(|()| {
        let five = if place >= 5 { number >> (place - 5) } else { number << (5 - place) };
        place = place.saturating_sub(5);
        let index = usize::try_from(five & 31).unwrap_or(0);
        ALPHABET.get(index).copied().unwrap_or(b'a')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_32_is_that_of_rfc_4648() {
        assert_eq!(&base32([0; 16]), b"aaaaaaaaaaaaaaaaaaaaaaaaaa");
        assert_eq!(&base32([0xFF; 16]), b"77777777777777777777777774");
        assert_eq!(&base32(*b"0123456789abcdef"), b"gaytemzugu3doobzmfrggzdfmy");
    }

    #[test]
    fn what_differs_in_secret_or_part_differs() {
        let one = subject_reference(&[1; 32], b"a").ok();
        assert_ne!(one, subject_reference(&[2; 32], b"a").ok());
        assert_ne!(one, subject_reference(&[1; 32], b"b").ok());
    }
}
