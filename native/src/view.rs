//! A view program as data, and the making of one event's view.

use std::collections::HashMap;

use blake2::digest::consts::U64;
use zeroize::Zeroizing;

use crate::Unusual;
use crate::coarse::{Coarse, Kind, Mask};
use crate::facts::{Field, Located, Value};
use crate::keyed::{KEY_BYTES, Keyed, length, rekeyed_event_id};
use crate::keys::{BulkKey, KeyRing, Keys, Nonces};
use crate::noise::Noise;
use crate::reading::{Cursor, write_long, write_sized};
use crate::real::{self, Width};
use crate::remade::{Remade, Sealed};
use crate::sealing::{Cipher, write_sealed};

/// What becomes of the parts of an event, in the view's order. Places are those of the positions that `scan` found.
#[derive(Debug, Clone)]
pub enum Op {
    /// From one place to another, as it lies.
    Copy(usize, usize),
    /// The same bytes in every view.
    Constant(Vec<u8>),
    /// Encrypted as it lies.
    Seal(Seal),
    /// The event id as the view shows it.
    ShownId,
    /// A value in place of another; null stays null.
    InPlace(InPlace),
    /// Made anew from inside.
    Remade(Remade),
}

/// What is encrypted, under whose key (None: the bulk key), and what its additional data holds around the handle.
#[derive(Debug, Clone)]
pub struct Seal {
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// A number among the view's data subjects.
    pub subject: Option<usize>,
    /// What stands before the handle.
    pub before: Vec<u8>,
    /// What stands between it and the event id.
    pub after: Vec<u8>,
}

/// A value in place of another. `branch` stands before it where it is one of a union.
#[derive(Debug, Clone)]
pub struct InPlace {
    /// What is read.
    pub field: Field,
    /// The byte of the branch.
    pub branch: Option<u8>,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a value.
#[derive(Debug, Clone)]
pub enum Change {
    /// The pseudonym of one of the view's data subjects.
    Pseudonym(usize),
    /// A number with noise, the so-manieth of the view.
    Noisy(usize),
    /// A masked text.
    Masked(Mask),
    /// A generalised number.
    Coarse(Coarse, Kind),
    /// A float or double that becomes the lower bound, or the middle, of its cell.
    Cell(Cell),
}

/// How a float or double is generalised.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// The cell's width.
    pub width: Width,
    /// Whether its middle stands for it, or its lower bound.
    pub centre: bool,
    /// Whether it is a float.
    pub single: bool,
}

/// What the record key is.
#[derive(Debug, Clone)]
pub enum RecordKey {
    /// The event id as the view shows it.
    ShownId,
    /// The pseudonym of one of the view's data subjects, unless the field is null.
    Pseudonym(Field, usize),
    /// The event's own value.
    Own(Field),
}

/// A view of events of one writer schema.
#[derive(Debug, Clone)]
pub struct View {
    /// What stands before every record.
    pub head: Vec<u8>,
    /// What follows.
    pub ops: Vec<Op>,
    /// The record's key, if it has one.
    pub key: Option<RecordKey>,
    /// Whose key re-keys the event id: a number among the view's data subjects.
    pub shown_by: Option<usize>,
    /// What is noised.
    pub noises: Vec<Noise>,
}

impl View {
    /// How many fields are encrypted under the key of a data subject, and how many under the bulk key.
    #[must_use]
    pub fn seals(&self) -> (usize, usize) {
        let mut found = (0, 0);
        for op in &self.ops {
            match op {
                Op::Seal(Seal { subject: Some(_), .. }) => found.0 += 1,
                Op::Seal(Seal { subject: None, .. }) => found.1 += 1,
                _ => {}
            }
        }
        found
    }
}

/// What every draw of a view's noises begins with, by the day of the event: one secret may serve many days.
#[derive(Default)]
pub struct Begun(HashMap<i64, Vec<Keyed<U64>>>);

impl Begun {
    /// Adds a day's secret.
    ///
    /// # Errors
    /// For a secret that is none.
    pub fn add(&mut self, view: &View, day: i64, secret: &[u8]) -> Result<(), Unusual> {
        if secret.len() != KEY_BYTES {
            return Err(Unusual);
        }
        let begun = view.noises.iter().map(|one| one.begun(secret)).collect::<Result<_, _>>()?;
        self.0.insert(day, begun);
        Ok(())
    }

    fn get(&self, day: i64, number: usize) -> Result<Keyed<U64>, Unusual> {
        self.0.get(&day).and_then(|of_day| of_day.get(number)).cloned().ok_or(Unusual)
    }
}

/// What the views of one agreement are made with in a batch.
pub struct Means {
    /// The keys of each of the view's data subjects.
    pub rings: Vec<KeyRing>,
    /// For its noises, by writer.
    pub begun: Vec<Begun>,
    /// For what is about nobody.
    pub bulk: Option<BulkKey>,
}

/// The event of which a view is made.
pub struct Event<'a> {
    /// Its bytes.
    pub located: Located<'a>,
    /// Its own id as text.
    pub id: &'a [u8],
    /// The day it is of.
    pub day: i64,
    /// Whose it is.
    pub writer: usize,
    /// Its number in the batch.
    pub number: usize,
}

/// The making of one view of one event.
pub struct Making<'a, 'b> {
    view: &'a View,
    event: &'a Event<'a>,
    means: &'a mut Means,
    nonces: &'a mut Nonces<'b>,
    shown: Vec<u8>,
    ciphers: Vec<Option<Cipher>>,
    sealed: usize,
}

impl<'a, 'b> Making<'a, 'b> {
    /// Begins.
    ///
    /// # Errors
    /// Where the key is missing that re-keys the event id.
    pub fn new(
        view: &'a View,
        event: &'a Event<'a>,
        means: &'a mut Means,
        nonces: &'a mut Nonces<'b>,
    ) -> Result<Self, Unusual> {
        let shown = match view.shown_by {
            Some(subject) => {
                let keys = means.rings.get(subject).and_then(|ring| ring.get(event.number)).ok_or(Unusual)?;
                rekeyed_event_id(keys.rekey()?, event.id)?.to_vec()
            }
            None => event.id.to_vec(),
        };
        let ciphers = means.rings.iter().map(|_| None).collect();
        Ok(Self { view, event, means, nonces, shown, ciphers, sealed: 0 })
    }

    /// Appends the record to `out`, and its key to `key`; says whether it has one, and how many fields are encrypted.
    ///
    /// # Errors
    /// For a missing key or secret, and for a value that does not fit.
    pub fn write(mut self, out: &mut Vec<u8>, key: &mut Vec<u8>) -> Result<(bool, usize), Unusual> {
        let view = self.view;
        out.extend_from_slice(&view.head);
        for op in &view.ops {
            self.op(op, out)?;
        }
        let keyed = view.key.as_ref().map_or(Ok(false), |how| self.key(how, key))?;
        Ok((keyed, self.sealed))
    }

    fn op(&mut self, op: &Op, out: &mut Vec<u8>) -> Result<(), Unusual> {
        match op {
            Op::Copy(from, to) => out.extend_from_slice(self.event.located.between(*from, *to)?),
            Op::Constant(value) => out.extend_from_slice(value),
            Op::Seal(seal) => self.seal(seal, out)?,
            Op::ShownId => write_sized(out, &self.shown),
            Op::InPlace(one) => {
                let value = one.field.read(&self.event.located)?;
                self.in_place(one, value, None, out)?;
            }
            Op::Remade(part) => {
                let mut cursor = Cursor::new(self.event.located.data, self.event.located.at(part.place)?);
                self.remake(&part.step, &mut cursor, &mut part.path.clone(), out)?;
            }
        }
        Ok(())
    }

    fn seal(&mut self, seal: &Seal, out: &mut Vec<u8>) -> Result<(), Unusual> {
        let value = self.event.located.between(seal.from, seal.to)?;
        let Some(subject) = seal.subject else {
            return self.seal_in_bulk(seal, value, out);
        };
        let handle = *keys(&self.means.rings, subject, self.event.number)?.handle()?;
        self.seal_for(subject, value, &bound(seal, &handle, &self.shown)?, out)
    }

    /// Appends what lies inside of a part, encrypted; `path`: the framed steps to it.
    ///
    /// # Errors
    /// As `write`.
    pub(crate) fn seal_inside(
        &mut self,
        one: &Sealed,
        value: &[u8],
        path: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Unusual> {
        let handle = keys(&self.means.rings, one.subject, self.event.number)?.handle()?;
        let (steps, shown) = (length(path)?, length(&self.shown)?);
        let bound = [&one.before, handle.as_slice(), &one.middle, &steps, path, &one.after, &shown, &self.shown];
        self.seal_for(one.subject, value, &bound.concat(), out)
    }

    fn seal_for(&mut self, subject: usize, value: &[u8], bound: &[u8], out: &mut Vec<u8>) -> Result<(), Unusual> {
        let keys = keys(&self.means.rings, subject, self.event.number)?;
        let held = self.ciphers.get_mut(subject).ok_or(Unusual)?;
        let cipher = match held {
            Some(cipher) => cipher,
            None => held.insert(keys.cipher()?),
        };
        let nonce = self.nonces.draw()?;
        self.sealed += 1;
        write_sealed(out, cipher, keys.handle()?, &nonce, value, bound)
    }

    fn seal_in_bulk(&mut self, seal: &Seal, value: &[u8], out: &mut Vec<u8>) -> Result<(), Unusual> {
        let bulk = self.means.bulk.as_mut().ok_or(Unusual)?;
        let nonce = bulk.nonce()?;
        self.sealed += 1;
        let (handle, cipher) = bulk.parts();
        write_sealed(out, cipher, handle, &nonce, value, &bound(seal, handle, &self.shown)?)
    }

    /// Appends what stands in place of a value; `path`: the framed steps to it, where it lies inside of a part.
    ///
    /// # Errors
    /// As `write`.
    pub(crate) fn in_place(
        &self,
        one: &InPlace,
        value: Option<Value<'_>>,
        path: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unusual> {
        let Some(value) = value else {
            out.extend(one.field.null);
            return Ok(());
        };
        out.extend(one.branch);
        match (&one.change, value) {
            (Change::Pseudonym(subject), _) => {
                write_sized(out, keys(&self.means.rings, *subject, self.event.number)?.pseudonym()?);
            }
            (Change::Noisy(number), value) => self.noisy(*number, value, path, out)?,
            (Change::Masked(mask), Value::Text(text)) => {
                write_sized(out, Zeroizing::new(mask.of(text)).as_bytes());
            }
            (Change::Coarse(coarse, kind), Value::Number(value)) => {
                write_long(out, coarse.of(value, *kind)?);
            }
            (Change::Cell(cell), Value::Real(value)) => {
                let number = cell.width.floor(value)?;
                let found = if cell.centre { cell.width.centre(number)? } else { cell.width.lower_bound(number)? };
                real::write(out, found, cell.single)?;
            }
            _ => return Err(Unusual),
        }
        Ok(())
    }

    fn noisy(&self, number: usize, value: Value<'_>, path: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Unusual> {
        let mut begun = self.means.begun.get(self.event.writer).ok_or(Unusual)?.get(self.event.day, number)?;
        let noise = self.view.noises.get(number).ok_or(Unusual)?;
        if let Some(path) = path {
            begun.put_framed(path)?;
        }
        match value {
            Value::Number(value) => write_long(out, noise.released(begun, value, self.event.id)?),
            Value::Real(value) => {
                let (found, single) = noise.released_real(begun, value, self.event.id)?;
                real::write(out, found, single)?;
            }
            Value::Text(_) => return Err(Unusual),
        }
        Ok(())
    }

    fn key(&self, how: &RecordKey, key: &mut Vec<u8>) -> Result<bool, Unusual> {
        match how {
            RecordKey::ShownId => key.extend_from_slice(&self.shown),
            RecordKey::Pseudonym(field, subject) => {
                if field.read(&self.event.located)?.is_none() {
                    return Ok(false);
                }
                key.extend_from_slice(keys(&self.means.rings, *subject, self.event.number)?.pseudonym()?);
            }
            RecordKey::Own(field) => match field.read(&self.event.located)? {
                Some(value) => value.write(key)?,
                None => return Ok(false),
            },
        }
        Ok(true)
    }
}

fn keys(rings: &[KeyRing], subject: usize, event: usize) -> Result<Keys<'_>, Unusual> {
    rings.get(subject).and_then(|ring| ring.get(event)).ok_or(Unusual)
}

/// The additional data of an encrypted field.
fn bound(seal: &Seal, handle: &[u8], shown: &[u8]) -> Result<Vec<u8>, Unusual> {
    let length = length(shown)?;
    Ok([seal.before.as_slice(), handle, &seal.after, &length, shown].concat())
}
