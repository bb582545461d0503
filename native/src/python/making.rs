//! The making of a batch's views, in as many calls as the slow path has the word in between.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::lane::{Scan, guarded};
use crate::batch::{Made, Place, Records, Work};
use crate::keys::{BulkKey, Given, KeyRing, Nonces};
use crate::view::{Begun, Means, View};

type Secrets<'py> = HashMap<i64, Bound<'py, PyBytes>>;
type Bulk<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, u64, u64);

/// Holds the keys of a batch until it is dropped, or told to forget them.
#[pyclass]
pub struct Making {
    scan: Py<Scan>,
    topics: Vec<Py<PyString>>,
    codes: Vec<Vec<u8>>,
    means: Vec<Means>,
}

#[pymethods]
impl Making {
    /// By view: its topic, a code for each event (0: it is released), the keys of each of its data subjects for each
    /// event, and the noise secrets by day.
    #[new]
    fn new(
        py: Python<'_>,
        scan: Py<Scan>,
        topics: Vec<Py<PyString>>,
        codes: Vec<Vec<u8>>,
        keys: Vec<Vec<Bound<'_, PyList>>>,
        secrets: Vec<Secrets<'_>>,
    ) -> PyResult<Self> {
        let mut means = Vec::with_capacity(keys.len());
        for (view, (columns, secrets)) in keys.iter().zip(&secrets).enumerate() {
            let rings = columns.iter().map(ring).collect::<PyResult<_>>()?;
            means.push(Means { rings, begun: begun(&scan.borrow(py), view, secrets), bulk: None });
        }
        Ok(Self { scan, topics, codes, means })
    }

    /// Makes what is released, from a view of an event on, up to the event `end`.
    ///
    /// `nonces`: fresh ones; `bulk`: by view a handle, a key, and which numbers may be its nonces. Returns the records as
    /// tuples (topic, partition, key, value), the event and the view where it stopped, how many nonces were taken, how
    /// many of each view's numbers were not, by writer and view how many records were made and how many fields were
    /// encrypted in them, and whether it stopped for want of nonces.
    fn run<'py>(
        &mut self,
        py: Python<'py>,
        place: (usize, usize),
        end: usize,
        nonces: &[u8],
        bulk: Vec<Option<Bulk<'py>>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        for (means, given) in self.means.iter_mut().zip(&bulk) {
            means.bulk = given.as_ref().and_then(bulk_key);
        }
        let scan = self.scan.borrow(py);
        let codes: Vec<_> = self.codes.iter().map(Vec::as_slice).collect();
        let records = scan.records.iter().take(end).skip(place.0);
        let data: Vec<_> = records.map(|one| one.data(py)).collect();
        let work = Work {
            writers: &scan.writers,
            events: &scan.events,
            data: &data,
            first: place.0,
            codes: &codes,
            most_bytes: scan.most_bytes,
        };
        let (mut found, mut nonces) = (Records::default(), Nonces::new(nonces));
        let means = &mut self.means;
        let from = Place { event: place.0, view: place.1 };
        let stopped = guarded(py, || work.run(from, means, &mut nonces, &mut found))?;
        let left: Vec<_> = self.means.iter_mut().map(|one| one.bulk.take().map_or(0, |bulk| bulk.left())).collect();
        let made = counts(&scan, &found, self.topics.len(), |_| 1);
        let sealed = counts(&scan, &found, self.topics.len(), |one| one.sealed);
        let outputs = outputs(py, &scan, &self.topics, &found)?;
        let short = nonces.short;
        (outputs, stopped.event, stopped.view, nonces.taken, left, made, sealed, short).into_pyobject(py)
    }

    /// Clears every key.
    fn forget(&mut self) {
        self.means.clear();
    }
}

/// What a view's noises begin with, by writer; without a secret the slow path has the word.
fn begun(scan: &Scan, number: usize, secrets: &Secrets<'_>) -> Vec<Begun> {
    let views = scan.writers.iter().map(|one| one.views.get(number).and_then(Option::as_ref));
    views.map(|view| view.map_or_else(Begun::default, |view| of_days(view, secrets))).collect()
}

fn of_days(view: &View, secrets: &Secrets<'_>) -> Begun {
    let mut begun = Begun::default();
    for (day, secret) in secrets {
        // A secret that is none is as good as missing.
        let _ = begun.add(view, *day, secret.as_bytes());
    }
    begun
}

/// Copies one data subject's keys for each event.
fn ring(column: &Bound<'_, PyList>) -> PyResult<KeyRing> {
    let held: Vec<_> = column.iter().map(Held::new).collect::<PyResult<_>>()?;
    let given: Vec<_> = held.iter().map(Held::given).collect();
    Ok(KeyRing::new(&given))
}

/// Keys as Python has them: bytes (handle, key, re-keying key, pseudonym), a tuple (handle, key, pseudonym, re-keying
/// key), or None.
enum Held<'py> {
    None,
    Raw(Bound<'py, PyBytes>),
    Parts(Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyString>, Bound<'py, PyBytes>),
}

impl<'py> Held<'py> {
    fn new(given: Bound<'py, PyAny>) -> PyResult<Self> {
        if given.is_none() {
            return Ok(Self::None);
        }
        let given = match given.cast_into::<PyBytes>() {
            Ok(raw) => return Ok(Self::Raw(raw)),
            Err(other) => other.into_inner(),
        };
        let tuple = given.cast::<PyTuple>()?;
        let (handle, key) = (tuple.get_item(0)?.cast_into()?, tuple.get_item(1)?.cast_into()?);
        Ok(Self::Parts(handle, key, tuple.get_item(2)?.cast_into()?, tuple.get_item(3)?.cast_into()?))
    }

    fn given(&self) -> Option<Given<'_>> {
        match self {
            Self::None => None,
            Self::Raw(raw) => Given::split(raw.as_bytes()),
            Self::Parts(handle, key, pseudonym, rekey) => Some(Given {
                handle: handle.as_bytes(),
                key: key.as_bytes(),
                pseudonym: pseudonym.to_str().ok()?.as_bytes(),
                rekey: rekey.as_bytes(),
            }),
        }
    }
}

fn bulk_key(given: &Bulk<'_>) -> Option<BulkKey> {
    let (handle, key, first, count) = given;
    BulkKey::new(handle.as_bytes(), key.as_bytes(), *first, *count).ok()
}

fn counts(scan: &Scan, found: &Records, views: usize, how_many: impl Fn(&Made) -> usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; views]; scan.writers.len()];
    for one in &found.made {
        let writer = scan.events.taken.get(one.event).and_then(Option::as_ref).map(|taken| taken.writer);
        let count = writer.and_then(|writer| counts.get_mut(writer)).and_then(|of| of.get_mut(one.view));
        if let Some(count) = count {
            *count += how_many(one);
        }
    }
    counts
}

fn outputs<'py>(
    py: Python<'py>,
    scan: &Scan,
    topics: &[Py<PyString>],
    found: &Records,
) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    found.made.iter().filter_map(|one| output(py, scan, topics, found, one)).collect()
}

fn output<'py>(
    py: Python<'py>,
    scan: &Scan,
    topics: &[Py<PyString>],
    found: &Records,
    one: &Made,
) -> Option<PyResult<Bound<'py, PyTuple>>> {
    let topic = topics.get(one.view)?.bind(py);
    let partition = scan.records.get(one.event)?.partition.bind(py);
    let key = one.key.clone().and_then(|range| found.keys.get(range)).map(|key| PyBytes::new(py, key));
    let value = PyBytes::new(py, found.values.get(one.value.clone())?);
    Some((topic, partition, key, value).into_pyobject(py))
}
