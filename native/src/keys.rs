//! A batch's keys: copied once, cleared when the batch is done.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Unusual;
use crate::keyed::KEY_BYTES;
use crate::sealing::{Cipher, HANDLE_BYTES, NONCE_BYTES};

const KEY_AT: usize = HANDLE_BYTES;
const REKEY_AT: usize = KEY_AT + KEY_BYTES;
const PSEUDONYM_AT: usize = REKEY_AT + KEY_BYTES;

/// What one view may use of a data subject, as it is handed over.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// By which a recipient asks for the key.
    pub handle: &'a [u8],
    /// The AES-256 key.
    pub key: &'a [u8],
    /// Of the linkage domain.
    pub pseudonym: &'a [u8],
    /// Re-keys event ids.
    pub rekey: &'a [u8],
}

impl<'a> Given<'a> {
    /// Splits handle, key, re-keying key and pseudonym, which lie side by side.
    #[must_use]
    pub fn split(raw: &'a [u8]) -> Option<Self> {
        let (handle, rest) = raw.split_at_checked(HANDLE_BYTES)?;
        let (key, rest) = rest.split_at_checked(KEY_BYTES)?;
        let (rekey, pseudonym) = rest.split_at_checked(KEY_BYTES)?;
        Some(Given { handle, key, pseudonym, rekey })
    }

    fn fits(&self) -> bool {
        self.handle.len() == HANDLE_BYTES && self.key.len() == KEY_BYTES && self.rekey.len() == KEY_BYTES
    }

    fn size(&self) -> usize {
        PSEUDONYM_AT + self.pseudonym.len()
    }
}

/// One data subject's keys for each event of a batch; None where the event names nobody.
pub struct KeyRing {
    raw: Zeroizing<Vec<u8>>,
    places: Vec<Option<(usize, usize)>>,
}

impl ZeroizeOnDrop for KeyRing {}

impl KeyRing {
    /// Copies the keys into one piece of memory that never moves, so that nothing is left behind. What has not the
    /// sizes of keys is none.
    #[must_use]
    pub fn new(given: &[Option<Given<'_>>]) -> Self {
        let size = given.iter().flatten().filter(|one| one.fits()).map(Given::size).sum();
        let mut raw = Zeroizing::new(Vec::with_capacity(size));
        let fitting = given.iter().map(|one| one.as_ref().filter(|one| one.fits()));
        let places = fitting.map(|one| one.map(|one| append(&mut raw, one))).collect();
        Self { raw, places }
    }

    /// The keys for an event.
    #[must_use]
    pub fn get(&self, event: usize) -> Option<Keys<'_>> {
        let (from, to) = (*self.places.get(event)?)?;
        Some(Keys(self.raw.get(from..to)?))
    }

    /// Clears every key.
    pub fn forget(&mut self) {
        self.raw.zeroize();
        self.places.clear();
    }
}

fn append(raw: &mut Vec<u8>, one: &Given<'_>) -> (usize, usize) {
    let from = raw.len();
    for part in [one.handle, one.key, one.rekey, one.pseudonym] {
        raw.extend_from_slice(part);
    }
    (from, raw.len())
}

/// One data subject's keys for one event.
#[derive(Clone, Copy)]
pub struct Keys<'a>(&'a [u8]);

impl<'a> Keys<'a> {
    /// By which a recipient asks for the key.
    ///
    /// # Errors
    /// None, for what a `KeyRing` holds.
    pub fn handle(&self) -> Result<&'a [u8; HANDLE_BYTES], Unusual> {
        self.0.first_chunk().ok_or(Unusual)
    }

    /// A cipher under the AES-256 key.
    ///
    /// # Errors
    /// As `handle`.
    pub fn cipher(&self) -> Result<Cipher, Unusual> {
        let key = self.0.get(KEY_AT..).and_then(<[u8]>::first_chunk).ok_or(Unusual)?;
        Ok(Cipher::new(key))
    }

    /// Re-keys event ids.
    ///
    /// # Errors
    /// As `handle`.
    pub fn rekey(&self) -> Result<&'a [u8], Unusual> {
        self.0.get(REKEY_AT..PSEUDONYM_AT).ok_or(Unusual)
    }

    /// Of the linkage domain.
    ///
    /// # Errors
    /// As `handle`.
    pub fn pseudonym(&self) -> Result<&'a [u8], Unusual> {
        self.0.get(PSEUDONYM_AT..).ok_or(Unusual)
    }
}

/// The key of fields about nobody, with as many of its nonces as were set aside for the work at hand.
pub struct BulkKey {
    handle: [u8; HANDLE_BYTES],
    cipher: Cipher,
    next: u64,
    end: u64,
}

impl BulkKey {
    /// Takes nonces from `first` on, `count` of them.
    ///
    /// # Errors
    /// For what has not the sizes of a key, and for numbers beyond 64 bits.
    pub fn new(handle: &[u8], key: &[u8], first: u64, count: u64) -> Result<Self, Unusual> {
        let key = key.try_into().map_err(|_| Unusual)?;
        let handle = handle.try_into().map_err(|_| Unusual)?;
        Ok(Self { handle, cipher: Cipher::new(key), next: first, end: first.checked_add(count).ok_or(Unusual)? })
    }

    /// The handle and the cipher, which stay the same.
    #[must_use]
    pub const fn parts(&self) -> (&[u8; HANDLE_BYTES], &Cipher) {
        (&self.handle, &self.cipher)
    }

    /// The next nonce.
    ///
    /// # Errors
    /// When all are taken.
    pub fn nonce(&mut self) -> Result<[u8; NONCE_BYTES], Unusual> {
        if self.next >= self.end {
            return Err(Unusual);
        }
        let mut nonce = [0; NONCE_BYTES];
        let (_, low) = nonce.split_at_mut(NONCE_BYTES - 8);
        low.copy_from_slice(&self.next.to_be_bytes());
        self.next += 1;
        Ok(nonce)
    }

    /// Takes back what a record took that is not released: whoever makes it instead takes the same.
    pub fn back_to(&mut self, left: u64) {
        self.next = self.end.saturating_sub(left);
    }

    /// How many nonces were not taken.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.end - self.next
    }
}

/// Fresh nonces, in the order in which they are to be taken.
pub struct Nonces<'a> {
    raw: &'a [u8],
    /// How many were taken.
    pub taken: usize,
    /// Whether there were too few.
    pub short: bool,
}

impl<'a> Nonces<'a> {
    /// From as many bytes as there are.
    #[must_use]
    pub const fn new(raw: &'a [u8]) -> Self {
        Self { raw, taken: 0, short: false }
    }

    /// The next nonce.
    ///
    /// # Errors
    /// When all are taken.
    pub fn draw(&mut self) -> Result<[u8; NONCE_BYTES], Unusual> {
        let Some(nonce) = self.raw.get(self.taken * NONCE_BYTES..).and_then(<[u8]>::first_chunk) else {
            self.short = true;
            return Err(Unusual);
        };
        self.taken += 1;
        Ok(*nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(key: &[u8]) -> Given<'_> {
        Given { handle: &[1; 8], key, pseudonym: b"somebody", rekey: &[3; 32] }
    }

    #[test]
    fn keys_come_back_and_are_cleared() {
        let mut ring = KeyRing::new(&[Some(given(&[2; 32])), None, Some(given(b"short"))]);
        let held = ring.get(0).unwrap();
        assert_eq!(held.handle().ok(), Some(&[1; 8]));
        assert_eq!(held.rekey().ok(), Some(&[3; 32][..]));
        assert_eq!(held.pseudonym().ok(), Some(&b"somebody"[..]));
        assert!(ring.get(1).is_none() && ring.get(2).is_none() && ring.get(3).is_none());
        ring.forget();
        assert!(ring.get(0).is_none());
        assert!(ring.raw.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn keys_that_lie_side_by_side_are_split() {
        let raw = [[1; 8].as_slice(), &[2; 32], &[3; 32], b"somebody"].concat();
        let split = Given::split(&raw).unwrap();
        assert_eq!((split.handle, split.key, split.rekey), (&[1; 8][..], &[2; 32][..], &[3; 32][..]));
        assert_eq!(split.pseudonym, b"somebody");
        assert!(Given::split(&raw[..71]).is_none());
    }

    #[test]
    fn whatever_holds_a_key_clears_it_when_dropped() {
        fn cleared<T: ZeroizeOnDrop>() {}
        cleared::<KeyRing>();
        cleared::<aes_gcm::Aes256Gcm>();
        cleared::<blake2::Blake2bMac<blake2::digest::consts::U64>>();
    }

    #[test]
    fn no_nonce_comes_twice_and_none_from_nowhere() {
        let mut bulk = BulkKey::new(&[0; 8], &[0; 32], 255, 2).ok().unwrap();
        assert_eq!(bulk.nonce().ok(), Some([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255]));
        assert_eq!(bulk.nonce().ok(), Some([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]));
        assert!(bulk.nonce().is_err());
        let mut nonces = Nonces::new(&[9; 30]);
        assert!(nonces.draw().is_ok() && nonces.draw().is_ok() && nonces.draw().is_err());
        assert_eq!(nonces.taken, 2);
    }
}
