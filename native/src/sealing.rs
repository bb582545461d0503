//! The encrypted field: version, key handle, nonce, AES-256-GCM of the padded value.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};

use crate::Unusual;
use crate::keyed::KEY_BYTES;
use crate::reading::write_size;

/// The form's version.
pub const VERSION: u8 = 1;
/// A handle's size.
pub const HANDLE_BYTES: usize = 8;
/// A nonce's size.
pub const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const SMALL: [usize; 3] = [16, 32, 64];

/// A cipher under one key. Its round keys are cleared when it is dropped.
pub struct Cipher(Aes256Gcm);

impl Cipher {
    /// Under a key.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Encrypts what lies in `out` from `from` on, in its place, and appends the tag.
    ///
    /// # Errors
    /// For more bytes than AES-GCM takes.
    pub fn seal(&self, out: &mut Vec<u8>, from: usize, nonce: &[u8; NONCE_BYTES], bound: &[u8]) -> Result<(), Unusual> {
        let value = out.get_mut(from..).ok_or(Unusual)?;
        let tag = self.0.encrypt_inout_detached(&Nonce::from(*nonce), bound, value.into()).map_err(|_| Unusual)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Decrypts a ciphertext with its tag.
    ///
    /// # Errors
    /// Where it does not open.
    pub fn open(&self, sealed: &[u8], nonce: &[u8; NONCE_BYTES], bound: &[u8]) -> Result<Vec<u8>, Unusual> {
        let size = sealed.len().checked_sub(TAG_BYTES).ok_or(Unusual)?;
        let (value, tag) = sealed.split_at_checked(size).ok_or(Unusual)?;
        let tag: [u8; TAG_BYTES] = tag.try_into().map_err(|_| Unusual)?;
        let mut opened = value.to_vec();
        let nonce = Nonce::from(*nonce);
        self.0
            .decrypt_inout_detached(&nonce, bound, opened.as_mut_slice().into(), &Tag::from(tag))
            .map_err(|_| Unusual)?;
        Ok(opened)
    }
}

/// Appends an encrypted field behind its length: `value`, padded and sealed, bound to `bound`.
///
/// # Errors
/// As `Cipher::seal`.
pub fn write_sealed(
    out: &mut Vec<u8>,
    cipher: &Cipher,
    handle: &[u8; HANDLE_BYTES],
    nonce: &[u8; NONCE_BYTES],
    value: &[u8],
    bound: &[u8],
) -> Result<(), Unusual> {
    let size = padded_size(value.len()).ok_or(Unusual)?;
    write_size(out, 1 + HANDLE_BYTES + NONCE_BYTES + size + TAG_BYTES);
    out.push(VERSION);
    out.extend_from_slice(handle);
    out.extend_from_slice(nonce);
    let from = out.len();
    out.extend_from_slice(value);
    out.push(0x80);
    out.resize(from + size, 0);
    cipher.seal(out, from, nonce, bound)
}

/// The padded size of a value of `size` bytes: 16, 32, 64, then Padmé's; None beyond 2^40.
fn padded_size(size: usize) -> Option<usize> {
    let least = size.checked_add(1).filter(|least| *least < 1 << 40)?;
    if let Some(small) = SMALL.into_iter().find(|small| least <= *small) {
        return Some(small);
    }
    let exponent = least.ilog2();
    let grain = (1_usize << (exponent - (exponent.ilog2() + 1))) - 1;
    Some((least + grain) & !grain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_in_its_place_only() {
        let cipher = Cipher::new(&[7; KEY_BYTES]);
        let mut out = b"head".to_vec();
        assert!(write_sealed(&mut out, &cipher, &[1; 8], &[2; 12], b"value", b"place").is_ok());
        let sealed = &out[4 + 1 + 1 + 8 + 12..];
        assert_eq!(cipher.open(sealed, &[2; 12], b"place").unwrap(), b"value\x80\0\0\0\0\0\0\0\0\0\0");
        assert!(cipher.open(sealed, &[2; 12], b"other").is_err());
        assert!(cipher.open(b"short", &[2; 12], b"place").is_err());
    }

    #[test]
    fn sizes_are_padmes() {
        let sizes = [0, 15, 16, 31, 32, 63, 64, 71, 72, 1000, 100_000].map(padded_size);
        let wanted = [16, 16, 32, 32, 64, 64, 72, 72, 80, 1024, 100_352].map(Some);
        assert_eq!(sizes, wanted);
    }
}
