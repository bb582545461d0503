//! What deciding needs of an event: its id, its day, its data subjects.

use crate::Unusual;
use crate::keyed::{REFERENCE_BYTES, subject_reference};
use crate::reading::Cursor;

/// An event's bytes, and where its parts lie in them.
#[derive(Clone, Copy)]
pub struct Located<'a> {
    /// The whole record.
    pub data: &'a [u8],
    /// As `scan` found them.
    pub positions: &'a [u32],
}

impl<'a> Located<'a> {
    /// Where the part at a place in the positions begins.
    ///
    /// # Errors
    /// Where there is no such place.
    pub fn at(&self, place: usize) -> Result<usize, Unusual> {
        let at = *self.positions.get(place).ok_or(Unusual)?;
        usize::try_from(at).map_err(|_| Unusual)
    }

    /// The bytes from one place to another.
    ///
    /// # Errors
    /// Where there are none.
    pub fn between(&self, from: usize, to: usize) -> Result<&'a [u8], Unusual> {
        self.data.get(self.at(from)?..self.at(to)?).ok_or(Unusual)
    }
}

/// A value that is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Number(i64),
    /// A float or double.
    Real(f64),
}

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As text.
    Text,
    /// As a whole number.
    Whole,
    /// As a float.
    Float,
    /// As a double.
    Double,
}

impl Value<'_> {
    /// Appends the value as text.
    ///
    /// # Errors
    /// For a float or double: Python knows how it is written.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Unusual> {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Real(_) => return Err(Unusual),
        }
        Ok(())
    }
}

/// A field that is one part: where it lies, which branch is null, how it is read.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// In the positions.
    pub place: usize,
    /// The byte that says null; None where the field is no union.
    pub null: Option<u8>,
    /// How it is read.
    pub form: Form,
}

impl Field {
    /// The field's value; None for null.
    ///
    /// # Errors
    /// For what is no such value.
    pub fn read<'a>(&self, event: &Located<'a>) -> Result<Option<Value<'a>>, Unusual> {
        self.read_at(&mut Cursor::new(event.data, event.at(self.place)?))
    }

    /// As `read`, wherever it lies.
    ///
    /// # Errors
    /// As `read`.
    pub fn read_at<'a>(&self, cursor: &mut Cursor<'a>) -> Result<Option<Value<'a>>, Unusual> {
        if let Some(null) = self.null
            && cursor.byte()? == null
        {
            return Ok(None);
        }
        Ok(Some(match self.form {
            Form::Text => Value::Text(cursor.text()?),
            Form::Whole => Value::Number(cursor.long()?),
            Form::Float => {
                let bytes = cursor.take(4)?.first_chunk().ok_or(Unusual)?;
                Value::Real(f32::from_le_bytes(*bytes).into())
            }
            Form::Double => {
                let bytes = cursor.take(8)?.first_chunk().ok_or(Unusual)?;
                Value::Real(f64::from_le_bytes(*bytes))
            }
        }))
    }

    fn given<'a>(&self, event: &Located<'a>) -> Result<Option<Value<'a>>, Unusual> {
        Ok(self.read(event)?.filter(|value| *value != Value::Text("")))
    }
}

/// A data subject's field. Without the one that an event is about it is not as usual.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The field that names it.
    pub field: Field,
    /// Whether an event is unusual without it.
    pub required: bool,
}

/// A data subject's keyed reference.
pub type Reference = [u8; REFERENCE_BYTES];

/// Where the facts of an event lie.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The event id.
    pub id: Field,
    /// The event time.
    pub time: Field,
    /// How many units of it a day has.
    pub per_day: i64,
    /// Its data subjects.
    pub subjects: Vec<Subject>,
}

impl Facts {
    /// The day of an event, by its number since 1970; appends its id as text, and its subjects' references.
    ///
    /// # Errors
    /// For an event without its id, its time, or the subject that it is about.
    pub fn read(
        &self,
        event: &Located<'_>,
        secret: &[u8],
        id: &mut Vec<u8>,
        subjects: &mut Vec<Option<Reference>>,
    ) -> Result<i64, Unusual> {
        self.id.given(event)?.ok_or(Unusual)?.write(id)?;
        let Some(Value::Number(instant)) = self.time.read(event)? else {
            return Err(Unusual);
        };
        for subject in &self.subjects {
            subjects.push(reference(subject, event, secret)?);
        }
        if self.per_day < 1 { Err(Unusual) } else { Ok(instant.div_euclid(self.per_day)) }
    }
}

fn reference(subject: &Subject, event: &Located<'_>, secret: &[u8]) -> Result<Option<Reference>, Unusual> {
    match subject.field.given(event)? {
        Some(Value::Text(text)) => subject_reference(secret, text.as_bytes()).map(Some),
        Some(number) => {
            let mut text = Vec::new();
            number.write(&mut text)?;
            subject_reference(secret, &text).map(Some)
        }
        None if subject.required => Err(Unusual),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Field = Field { place: 0, null: None, form: Form::Text };
    const TIME: Field = Field { place: 1, null: Some(0), form: Form::Whole };

    fn day(data: &[u8], positions: &[u32]) -> Option<(i64, Vec<u8>)> {
        let subject = Subject { field: ID, required: true };
        let facts = Facts { id: ID, time: TIME, per_day: 10, subjects: vec![subject] };
        let (mut id, mut subjects) = (Vec::new(), Vec::new());
        let found = facts.read(&Located { data, positions }, &[1; 32], &mut id, &mut subjects).ok()?;
        assert_eq!(subjects, [subject_reference(&[1; 32], &id).ok()]);
        Some((found, id))
    }

    #[test]
    fn facts_are_read_where_they_lie() {
        assert_eq!(day(&[2, b'a', 2, 1], &[0, 2]), Some((-1, b"a".to_vec())));
    }

    #[test]
    fn an_event_without_its_facts_is_unusual() {
        assert_eq!(day(&[0, 2, 1], &[0, 1]), None);
        assert_eq!(day(&[2, b'a', 0], &[0, 2]), None);
        assert_eq!(day(&[2, b'a'], &[0, 9]), None);
        assert_eq!(day(&[2, b'a'], &[0]), None);
    }
}
