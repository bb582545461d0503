//! A program as Python hands it over: tuples that begin with a word.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::batch::Writer;
use crate::coarse::{Coarse, Kind, Mask};
use crate::facts::{Facts, Field, Form, Subject};
use crate::noise::{Noise, Number};
use crate::real::Width;
use crate::remade::{Remade, Sealed, Step};
use crate::sampler::Scale;
use crate::scanning::{Node, small};
use crate::view::{Cell, Change, InPlace, Op, RecordKey, Seal, View};

type Any<'py> = Bound<'py, PyAny>;
type Place = (usize, Option<u8>, String);

/// Deeper types are not taken: the scan goes as deep as they do.
const MOST_DEEP: usize = 64;

fn bad(what: &str) -> PyErr {
    PyValueError::new_err(format!("no such thing in a program: {what}"))
}

/// Reads a tuple's word, and the tuple.
fn word<'py>(given: &Any<'py>) -> PyResult<(String, Bound<'py, PyTuple>)> {
    let tuple = given.cast::<PyTuple>()?.clone();
    Ok((tuple.get_item(0)?.extract()?, tuple))
}

fn each<'py, T>(given: &Any<'py>, load: impl Fn(&Any<'py>) -> PyResult<T>) -> PyResult<Vec<T>> {
    given.try_iter()?.map(|one| load(&one?)).collect()
}

fn maybe<'py, T>(given: &Any<'py>, load: impl Fn(&Any<'py>) -> PyResult<T>) -> PyResult<Option<T>> {
    if given.is_none() { Ok(None) } else { load(given).map(Some) }
}

/// Loads (head, parts, wanted positions, facts, views).
pub fn writer(given: &Any<'_>) -> PyResult<Writer> {
    let (head, parts, wanted, given_facts, views): (Vec<u8>, Any<'_>, Vec<usize>, Any<'_>, Any<'_>) =
        given.extract()?;
    Ok(Writer {
        head,
        parts: each(&parts, |one| node(one, 0))?,
        wanted,
        facts: facts(&given_facts)?,
        views: each(&views, |one| maybe(one, view))?,
    })
}

fn node(given: &Any<'_>, depth: usize) -> PyResult<Node> {
    if depth > MOST_DEEP {
        return Err(bad("a type that is nested so deep"));
    }
    let (kind, tuple) = word(given)?;
    let inner = |at: usize| node(&tuple.get_item(at)?, depth + 1);
    let number = |at: usize| tuple.get_item(at)?.extract::<usize>();
    let inners = || each(&tuple.get_item(1)?, |one| node(one, depth + 1));
    Ok(match kind.as_str() {
        "null" => Node::Null,
        "boolean" => Node::Boolean,
        "int" => Node::Int,
        "long" => Node::Long,
        "float" => Node::Float,
        "double" => Node::Double,
        "bytes" => Node::Bytes,
        "string" => Node::Text,
        "fixed" => Node::Fixed(number(1)?),
        "enum" => Node::Enum(number(1)?),
        "union" => Node::Union(few(inners()?)?),
        "array" => Node::Array(Box::new(inner(1)?), at_least_one(number(2)?)?),
        "map" => Node::Map(Box::new(inner(1)?)),
        "record" => Node::Record(inners()?),
        _ => return Err(bad("a type")),
    })
}

fn few(branches: Vec<Node>) -> PyResult<Vec<Node>> {
    if small(branches.len()) { Ok(branches) } else { Err(bad("a union of so many branches")) }
}

/// Items that take no bytes could be any number of items.
fn at_least_one(least: usize) -> PyResult<usize> {
    if least > 0 { Ok(least) } else { Err(bad("an array of items that take no bytes")) }
}

fn field(given: Place) -> PyResult<Field> {
    let (place, null, word) = given;
    let form = match word.as_str() {
        "text" => Form::Text,
        "whole" => Form::Whole,
        "float" => Form::Float,
        "double" => Form::Double,
        _ => return Err(bad("a way to read a value")),
    };
    Ok(Field { place, null, form })
}

fn width(given: (u64, u64)) -> PyResult<Width> {
    Width::new(given.0, given.1).map_err(|_| bad("a width"))
}

fn facts(given: &Any<'_>) -> PyResult<Facts> {
    let (id, time, per_day, subjects): (Place, Place, i64, Vec<(Place, bool)>) = given.extract()?;
    let subjects = subjects.into_iter().map(|(at, required)| Ok(Subject { field: field(at)?, required }));
    let subjects = subjects.collect::<PyResult<_>>()?;
    Ok(Facts { id: field(id)?, time: field(time)?, per_day, subjects })
}

/// Loads (head, operations, record key, who re-keys the event id, noises).
fn view(given: &Any<'_>) -> PyResult<View> {
    let (head, ops, key, shown_by, noises): (Vec<u8>, Any<'_>, Any<'_>, Option<usize>, Any<'_>) = given.extract()?;
    Ok(View { head, ops: each(&ops, op)?, key: maybe(&key, record_key)?, shown_by, noises: each(&noises, noise)? })
}

fn op(given: &Any<'_>) -> PyResult<Op> {
    let (kind, tuple) = word(given)?;
    Ok(match kind.as_str() {
        "copy" => {
            let (_, from, to): (String, usize, usize) = tuple.extract()?;
            Op::Copy(from, to)
        }
        "constant" => {
            let (_, value): (String, Vec<u8>) = tuple.extract()?;
            Op::Constant(value)
        }
        "seal" => {
            let (_, from, to, subject, before, after) = tuple.extract::<(String, _, _, _, _, _)>()?;
            Op::Seal(Seal { from, to, subject, before, after })
        }
        "shown_id" => Op::ShownId,
        "in_place" => Op::InPlace(in_place(&tuple)?),
        "remade" => {
            let (_, place, path, inner): (String, usize, Vec<u8>, Any<'_>) = tuple.extract()?;
            Op::Remade(Remade { place, path, step: step(&inner, 0)? })
        }
        _ => return Err(bad("an operation")),
    })
}

fn in_place(given: &Bound<'_, PyTuple>) -> PyResult<InPlace> {
    let (_, at, branch, how): (String, Place, Option<u8>, Any<'_>) = given.extract()?;
    Ok(InPlace { field: field(at)?, branch, change: change(&how)? })
}

fn step(given: &Any<'_>, depth: usize) -> PyResult<Step> {
    if depth > MOST_DEEP {
        return Err(bad("a type that is nested so deep"));
    }
    let (kind, tuple) = word(given)?;
    let item = |at: usize| tuple.get_item(at);
    let inner = || step(&item(1)?, depth + 1).map(Box::new);
    Ok(match kind.as_str() {
        "pass" => Step::Pass(node(&item(1)?, depth)?),
        "absent" => Step::Absent(node(&item(1)?, depth)?),
        "fields" => Step::Fields(each(&item(1)?, |one| {
            let (name, inner): (Vec<u8>, Any<'_>) = one.extract()?;
            Ok((name, step(&inner, depth + 1)?))
        })?),
        "items" => Step::Items(inner()?),
        "values" => Step::Values(inner()?),
        "through" => Step::Through(inner()?, item(2)?.extract()?, item(3)?.extract()?, item(4)?.extract()?),
        "seal" => Step::Seal(Sealed {
            node: node(&item(1)?, depth)?,
            subject: item(2)?.extract()?,
            before: item(3)?.extract()?,
            middle: item(4)?.extract()?,
            after: item(5)?.extract()?,
        }),
        "in_place" => Step::InPlace(in_place(&tuple)?),
        _ => return Err(bad("a step")),
    })
}

fn change(given: &Any<'_>) -> PyResult<Change> {
    let (word, tuple) = word(given)?;
    Ok(match word.as_str() {
        "pseudonym" => Change::Pseudonym(tuple.get_item(1)?.extract()?),
        "noisy" => Change::Noisy(tuple.get_item(1)?.extract()?),
        "mask" => {
            let (_, keep, at_start, stars): (String, usize, bool, bool) = tuple.extract()?;
            Change::Masked(Mask { keep, at_start, stars })
        }
        "cell" => {
            let (_, of, centre, single): (String, (u64, u64), bool, bool) = tuple.extract()?;
            Change::Cell(Cell { width: width(of)?, centre, single })
        }
        _ => {
            let (_, number, of): (String, i128, String) = tuple.extract()?;
            Change::Coarse(coarse(&word, number)?, kind(&of)?)
        }
    })
}

fn coarse(word: &str, number: i128) -> PyResult<Coarse> {
    if !(1..=1 << 63).contains(&number) {
        return Err(bad("a width"));
    }
    match word {
        "month" => Ok(Coarse::Month(number)),
        "year" => Ok(Coarse::Year(number)),
        "bucket" => Ok(Coarse::Bucket(number)),
        _ => Err(bad("a change")),
    }
}

fn kind(word: &str) -> PyResult<Kind> {
    match word {
        "int" => Ok(Kind::Int),
        "long" => Ok(Kind::Long),
        _ => Err(bad("an integer's type")),
    }
}

fn noise(given: &Any<'_>) -> PyResult<Noise> {
    type Given = (i64, i64, (u64, u64), String, (u64, u64), Vec<u8>, Vec<u8>);
    let (low, high, (wide, narrow), of, step, place, how): Given = given.extract()?;
    let number = match of.as_str() {
        "float" | "double" => Number::Real(width(step)?, of == "float"),
        _ => Number::Whole(kind(&of)?),
    };
    Ok(Noise { low, high, scale: Scale { wide, narrow }, kind: number, place, how })
}

fn record_key(given: &Any<'_>) -> PyResult<RecordKey> {
    let (kind, tuple) = word(given)?;
    Ok(match kind.as_str() {
        "shown_id" => RecordKey::ShownId,
        "pseudonym" => {
            let (_, at, subject): (String, Place, usize) = tuple.extract()?;
            RecordKey::Pseudonym(field(at)?, subject)
        }
        "own" => RecordKey::Own(field(tuple.get_item(1)?.extract()?)?),
        _ => return Err(bad("a record key")),
    })
}
