//! A lane's programs, and a batch that they scanned.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::load;
use crate::batch::{Events, Taken, Writer};
use crate::facts::Located;

/// How events of some writer schemas are read, and what views are made of them.
#[pyclass(frozen)]
pub struct Lane {
    writers: Arc<Vec<Writer>>,
    subjects: usize,
    most_bytes: usize,
}

#[pymethods]
impl Lane {
    /// `subjects`: how many data subjects an event may name; `most_bytes`: the most that a record may take.
    #[new]
    fn new(writers: Vec<Bound<'_, PyAny>>, subjects: usize, most_bytes: usize) -> PyResult<Self> {
        let writers = writers.iter().map(load::writer).collect::<PyResult<_>>()?;
        Ok(Self { writers: Arc::new(writers), subjects, most_bytes })
    }

    /// Scans records, which are tuples (partition, offset, value).
    fn scan(&self, py: Python<'_>, batch: &Bound<'_, PyList>, secret: &[u8]) -> PyResult<Scan> {
        let records = batch.iter().map(|one| Record::new(&one)).collect::<PyResult<Vec<_>>>()?;
        let data: Vec<_> = records.iter().map(|one| one.data(py)).collect();
        let mut events = Events::default();
        guarded(py, || data.iter().for_each(|one| events.add(&self.writers, *one, secret, self.subjects)))?;
        let (writers, subjects, most_bytes) = (Arc::clone(&self.writers), self.subjects, self.most_bytes);
        Ok(Scan { writers, records, events, subjects, most_bytes })
    }
}

/// Works without the interpreter's lock. A panic, which there should be none, becomes an error like any other: whoever
/// called does the batch again, and puts the record aside that is to blame.
pub fn guarded<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    py.detach(|| catch_unwind(AssertUnwindSafe(work)))
        .map_err(|_| PyRuntimeError::new_err("the compiled back end failed"))
}

/// A record: what of it is needed.
pub struct Record {
    /// Its partition, as Python has it.
    pub partition: Py<PyAny>,
    value: Option<Py<PyBytes>>,
}

impl Record {
    fn new(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        let tuple = given.cast::<PyTuple>()?;
        let value = tuple.get_item(2)?.cast_into::<PyBytes>().ok().map(Bound::unbind);
        Ok(Self { partition: tuple.get_item(0)?.unbind(), value })
    }

    /// Its value.
    pub fn data<'a>(&'a self, py: Python<'a>) -> Option<&'a [u8]> {
        self.value.as_ref().map(|one| one.as_bytes(py))
    }
}

/// A batch that was scanned.
#[pyclass(frozen)]
pub struct Scan {
    /// How events are read.
    pub writers: Arc<Vec<Writer>>,
    /// The records.
    pub records: Vec<Record>,
    /// What was found.
    pub events: Events,
    subjects: usize,
    /// The most that a record may take.
    pub most_bytes: usize,
}

impl Scan {
    fn taken(&self, event: usize) -> PyResult<&Taken> {
        let found = self.events.taken.get(event).and_then(Option::as_ref);
        found.ok_or_else(|| PyIndexError::new_err("this event was not taken"))
    }
}

#[pymethods]
impl Scan {
    /// For each event the number of its writer from 1 on; 0 where the slow path has the word.
    fn writers(&self) -> Vec<usize> {
        self.events.taken.iter().map(|one| one.as_ref().map_or(0, |taken| taken.writer + 1)).collect()
    }

    /// For each event its day, 0 where it was not taken.
    fn days(&self) -> Vec<i64> {
        self.events.taken.iter().map(|one| one.as_ref().map_or(0, |taken| taken.day)).collect()
    }

    /// For each event the reference of its so-manieth data subject.
    fn subjects<'py>(&self, py: Python<'py>, number: usize) -> Vec<Option<Bound<'py, PyBytes>>> {
        let column = self.events.subjects.iter().skip(number).step_by(self.subjects.max(1));
        column.map(|one| one.as_ref().map(|found| PyBytes::new(py, found))).collect()
    }

    /// The id of an event that was taken.
    fn event_id(&self, event: usize) -> PyResult<String> {
        Ok(String::from_utf8_lossy(self.events.id(self.taken(event)?)).into_owned())
    }

    /// Where the parts of an event lie that was taken.
    fn positions<'py>(&self, py: Python<'py>, event: usize) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.events.positions(self.taken(event)?))
    }

    /// Tells events apart by what lies between pairs of places, given by writer: one event for each that differs, and
    /// for each event the number of its like (0 where it was not taken).
    fn alike(&self, py: Python<'_>, read: Vec<Vec<(usize, usize)>>) -> (Vec<usize>, Vec<usize>) {
        let mut known: HashMap<(usize, Vec<u8>), usize> = HashMap::new();
        let mut first = Vec::new();
        let numbers = self.records.iter().zip(&self.events.taken).enumerate().map(|(number, (record, taken))| {
            let Some((taken, bytes)) =
                taken.as_ref().and_then(|taken| Some((taken, self.read(py, record, taken, &read)?)))
            else {
                return 0;
            };
            *known.entry((taken.writer, bytes)).or_insert_with(|| {
                first.push(number);
                first.len() - 1
            })
        });
        let numbers = numbers.collect();
        (first, numbers)
    }
}

impl Scan {
    fn read(&self, py: Python<'_>, record: &Record, taken: &Taken, read: &[Vec<(usize, usize)>]) -> Option<Vec<u8>> {
        let located = Located { data: record.data(py)?, positions: self.events.positions(taken) };
        let mut found = Vec::new();
        for (from, to) in read.get(taken.writer)? {
            found.extend_from_slice(located.between(*from, *to).ok()?);
        }
        Some(found)
    }
}
