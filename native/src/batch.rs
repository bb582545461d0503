//! A batch: events that were scanned, and the work on them in the order of events and views.

use std::ops::Range;

use crate::Unusual;
use crate::facts::{Facts, Located, Reference};
use crate::keys::Nonces;
use crate::reading::Cursor;
use crate::scanning::{Node, scan};
use crate::view::{Event, Making, Means, View};

/// How events of one writer schema are read, and their views; None where this back end has no program for one.
#[derive(Debug)]
pub struct Writer {
    /// What their records begin with.
    pub head: Vec<u8>,
    /// The parts of an event.
    pub parts: Vec<Node>,
    /// Which positions are taken.
    pub wanted: Vec<usize>,
    /// Where the facts lie.
    pub facts: Facts,
    /// By agreement.
    pub views: Vec<Option<View>>,
}

/// What is known of an event that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Which writer's it is.
    pub writer: usize,
    /// The day it is of.
    pub day: i64,
    positions: Range<usize>,
    id: Range<usize>,
}

/// Events that were scanned, in their order; None for one that the slow path has the word about.
#[derive(Debug, Default)]
pub struct Events {
    /// Each event.
    pub taken: Vec<Option<Taken>>,
    /// For each event the references of its data subjects, side by side.
    pub subjects: Vec<Option<Reference>>,
    positions: Vec<u32>,
    ids: Vec<u8>,
}

impl Events {
    /// Scans one more event. `subjects`: how many data subjects events may name.
    pub fn add(&mut self, writers: &[Writer], data: Option<&[u8]>, secret: &[u8], subjects: usize) {
        let (positions, id, known) = (self.positions.len(), self.ids.len(), self.subjects.len());
        let taken = data.and_then(|data| self.scanned(writers, data, secret).ok());
        if taken.is_none() {
            self.positions.truncate(positions);
            self.ids.truncate(id);
            self.subjects.truncate(known);
        }
        self.subjects.resize(known + subjects, None);
        self.taken.push(taken);
    }

    fn scanned(&mut self, writers: &[Writer], data: &[u8], secret: &[u8]) -> Result<Taken, Unusual> {
        let number = writers.iter().position(|one| data.starts_with(&one.head)).ok_or(Unusual)?;
        let writer = writers.get(number).ok_or(Unusual)?;
        let (from, id) = (self.positions.len(), self.ids.len());
        scan(&writer.parts, &writer.wanted, &mut Cursor::new(data, writer.head.len()), &mut self.positions)?;
        let located = Located { data, positions: self.positions.get(from..).ok_or(Unusual)? };
        let day = writer.facts.read(&located, secret, &mut self.ids, &mut self.subjects)?;
        Ok(Taken { writer: number, day, positions: from..self.positions.len(), id: id..self.ids.len() })
    }

    /// Where an event's parts lie.
    #[must_use]
    pub fn positions(&self, taken: &Taken) -> &[u32] {
        self.positions.get(taken.positions.clone()).unwrap_or_default()
    }

    /// An event's own id as text.
    #[must_use]
    pub fn id(&self, taken: &Taken) -> &[u8] {
        self.ids.get(taken.id.clone()).unwrap_or_default()
    }
}

/// A place in the work: the next event, and the next of its views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The event's number.
    pub event: usize,
    /// The view's.
    pub view: usize,
}

/// A record that was made: whose view of which event, and where its bytes lie.
#[derive(Debug)]
pub struct Made {
    /// The event's number.
    pub event: usize,
    /// The view's.
    pub view: usize,
    /// Its value.
    pub value: Range<usize>,
    /// Its key, if it has one.
    pub key: Option<Range<usize>>,
    /// How many fields are encrypted in it.
    pub sealed: usize,
}

/// What was made: records, and their bytes.
#[derive(Debug, Default)]
pub struct Records {
    /// In the order of events and views.
    pub made: Vec<Made>,
    /// Of the values.
    pub values: Vec<u8>,
    /// Of the keys.
    pub keys: Vec<u8>,
}

/// The work on a batch. `codes` says, by view, of each event whether it is released: 0.
pub struct Work<'a> {
    /// How events are read.
    pub writers: &'a [Writer],
    /// What was scanned.
    pub events: &'a Events,
    /// The records.
    pub data: &'a [Option<&'a [u8]>],
    /// The number of the first of them.
    pub first: usize,
    /// By view.
    pub codes: &'a [&'a [u8]],
    /// The most that key and value may take together.
    pub most_bytes: usize,
}

impl Work<'_> {
    /// Makes what is released, from `place` on, and returns where it stopped: behind the last record of `data`, or where
    /// the slow path has the word.
    pub fn run(&self, place: Place, means: &mut [Means], nonces: &mut Nonces<'_>, records: &mut Records) -> Place {
        let end = self.first + self.data.len();
        let mut first_view = place.view;
        for event in place.event..end {
            for (view, codes) in self.codes.iter().enumerate().skip(first_view) {
                let released = codes.get(event) == Some(&0);
                if released && self.make(Place { event, view }, means, nonces, records).is_err() {
                    return Place { event, view };
                }
            }
            first_view = 0;
        }
        Place { event: end, view: 0 }
    }

    fn make(
        &self,
        place: Place,
        means: &mut [Means],
        nonces: &mut Nonces<'_>,
        records: &mut Records,
    ) -> Result<(), Unusual> {
        let (values, keys) = (records.values.len(), records.keys.len());
        let (taken, left) = (nonces.taken, bulk_left(means, place.view));
        let made = self.written(place, means, nonces, records);
        let size = records.values.len() - values + records.keys.len() - keys;
        match made {
            Ok((keyed, sealed)) if size <= self.most_bytes => {
                let key = keyed.then_some(keys..records.keys.len());
                records.made.push(Made {
                    event: place.event,
                    view: place.view,
                    value: values..records.values.len(),
                    key,
                    sealed,
                });
                Ok(())
            }
            _ => {
                records.values.truncate(values);
                records.keys.truncate(keys);
                nonces.taken = taken;
                if let Some(bulk) = means.get_mut(place.view).and_then(|one| one.bulk.as_mut()) {
                    bulk.back_to(left);
                }
                Err(Unusual)
            }
        }
    }

    fn written(
        &self,
        place: Place,
        means: &mut [Means],
        nonces: &mut Nonces<'_>,
        records: &mut Records,
    ) -> Result<(bool, usize), Unusual> {
        let taken = self.events.taken.get(place.event).and_then(Option::as_ref).ok_or(Unusual)?;
        let writer = self.writers.get(taken.writer).ok_or(Unusual)?;
        let view = writer.views.get(place.view).and_then(Option::as_ref).ok_or(Unusual)?;
        let data = place.event.checked_sub(self.first).and_then(|at| *self.data.get(at)?).ok_or(Unusual)?;
        let located = Located { data, positions: self.events.positions(taken) };
        let event =
            Event { located, id: self.events.id(taken), day: taken.day, writer: taken.writer, number: place.event };
        let means = means.get_mut(place.view).ok_or(Unusual)?;
        Making::new(view, &event, means, nonces)?.write(&mut records.values, &mut records.keys)
    }
}

/// How many nonces the bulk key of a view has left.
fn bulk_left(means: &[Means], view: usize) -> u64 {
    means.get(view).and_then(|one| one.bulk.as_ref()).map_or(0, crate::keys::BulkKey::left)
}
