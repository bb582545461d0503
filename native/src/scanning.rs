//! The scan: where the parts of an event lie. It takes nothing that the codec would not give back unchanged.

use std::collections::HashSet;

use crate::Unusual;
use crate::reading::Cursor;

/// So many numbers fit one byte as a zig-zag integer.
const SMALL_CHOICES: usize = 64;

/// A type of the writer's schema, as much of it as skipping a value asks for.
#[derive(Debug, Clone)]
pub enum Node {
    /// No bytes.
    Null,
    /// One byte, 0 or 1.
    Boolean,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// Four bytes.
    Float,
    /// Eight bytes.
    Double,
    /// Bytes behind their length.
    Bytes,
    /// UTF-8 behind its length.
    Text,
    /// So many bytes.
    Fixed(usize),
    /// One of so many symbols.
    Enum(usize),
    /// One of these.
    Union(Vec<Self>),
    /// Items in one block; each takes so many bytes at least.
    Array(Box<Self>, usize),
    /// Values by their names, in one block.
    Map(Box<Self>),
    /// Fields side by side.
    Record(Vec<Self>),
}

impl Node {
    /// Goes behind a value.
    ///
    /// # Errors
    /// For what is no value of the type, or in an unusual form.
    pub fn skip(&self, cursor: &mut Cursor<'_>) -> Result<(), Unusual> {
        match self {
            Self::Null => Ok(()),
            Self::Boolean => boolean(cursor),
            Self::Int => cursor.int().map(drop),
            Self::Long => cursor.long().map(drop),
            Self::Float => float(cursor),
            Self::Double => cursor.take(8).map(drop),
            Self::Bytes => cursor.sized().map(drop),
            Self::Text => cursor.text().map(drop),
            Self::Fixed(size) => cursor.take(*size).map(drop),
            Self::Enum(count) => choice(cursor, *count),
            Self::Union(branches) => union(branches, cursor),
            Self::Array(items, least) => array(items, *least, cursor),
            Self::Map(values) => map(values, cursor),
            Self::Record(fields) => fields.iter().try_for_each(|one| one.skip(cursor)),
        }
    }
}

/// Finds where parts begin: the positions `wanted`, in order, appended to `found`; the last may be the end.
///
/// # Errors
/// For what is no event of the schema, or in an unusual form.
pub fn scan(parts: &[Node], wanted: &[usize], cursor: &mut Cursor<'_>, found: &mut Vec<u32>) -> Result<(), Unusual> {
    let mut next = wanted.iter().copied().peekable();
    for (number, part) in parts.iter().enumerate() {
        if next.next_if_eq(&number).is_some() {
            found.push(place(cursor)?);
        }
        part.skip(cursor)?;
    }
    if cursor.left() > 0 {
        return Err(Unusual);
    }
    if next.next_if_eq(&parts.len()).is_some() {
        found.push(place(cursor)?);
    }
    Ok(())
}

fn place(cursor: &Cursor<'_>) -> Result<u32, Unusual> {
    u32::try_from(cursor.at).map_err(|_| Unusual)
}

fn choice(cursor: &mut Cursor<'_>, count: usize) -> Result<(), Unusual> {
    if cursor.size()? < count { Ok(()) } else { Err(Unusual) }
}

fn boolean(cursor: &mut Cursor<'_>) -> Result<(), Unusual> {
    if cursor.byte()? > 1 { Err(Unusual) } else { Ok(()) }
}

/// Reading and writing a float that is a signalling NaN may change its bits.
fn float(cursor: &mut Cursor<'_>) -> Result<(), Unusual> {
    let bits = cursor.take(4)?.iter().rev().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    let signalling = bits & 0x7FC0_0000 == 0x7F80_0000 && bits & 0x003F_FFFF != 0;
    if signalling { Err(Unusual) } else { Ok(()) }
}

fn union(branches: &[Node], cursor: &mut Cursor<'_>) -> Result<(), Unusual> {
    branches.get(cursor.size()?).ok_or(Unusual)?.skip(cursor)
}

fn array(items: &Node, least: usize, cursor: &mut Cursor<'_>) -> Result<(), Unusual> {
    let count = block(cursor, least)?;
    for _ in 0..count {
        items.skip(cursor)?;
    }
    end(cursor, count)
}

fn map(values: &Node, cursor: &mut Cursor<'_>) -> Result<(), Unusual> {
    let count = block(cursor, 1)?;
    let mut names = HashSet::new();
    for _ in 0..count {
        if !names.insert(cursor.text()?) {
            return Err(Unusual);
        }
        values.skip(cursor)?;
    }
    end(cursor, count)
}

/// The number of items in a block, which cannot be more than the bytes allow.
fn block(cursor: &mut Cursor<'_>, least: usize) -> Result<usize, Unusual> {
    let count = cursor.size()?;
    let fits = count.checked_mul(least.max(1)).is_some_and(|bytes| bytes <= cursor.left());
    if fits { Ok(count) } else { Err(Unusual) }
}

/// Another block, or a size, is for the slow path.
fn end(cursor: &mut Cursor<'_>, count: usize) -> Result<(), Unusual> {
    if count > 0 && cursor.byte()? != 0 { Err(Unusual) } else { Ok(()) }
}

/// Says whether a union or enum of so many choices is one that `Node` takes.
#[must_use]
pub const fn small(choices: usize) -> bool {
    choices <= SMALL_CHOICES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(node: &Node, data: &[u8]) -> bool {
        let mut found = Vec::new();
        scan(std::slice::from_ref(node), &[0, 1], &mut Cursor::new(data, 0), &mut found).is_ok()
    }

    #[test]
    fn usual_forms_are_taken_and_unusual_ones_are_not() {
        let array = Node::Array(Box::new(Node::Int), 1);
        assert!(takes(&array, &[4, 2, 4, 0]));
        assert!(takes(&array, &[0]));
        for data in [&[3, 4, 2, 4, 0][..], &[2, 2, 2, 4, 0], &[0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 2], &[4, 2]] {
            assert!(!takes(&array, data));
        }
    }

    #[test]
    fn a_name_comes_once() {
        let map = Node::Map(Box::new(Node::Int));
        assert!(takes(&map, &[4, 2, b'a', 2, 2, b'b', 2, 0]));
        assert!(!takes(&map, &[4, 2, b'a', 2, 2, b'a', 2, 0]));
    }

    #[test]
    fn a_signalling_nan_is_not_taken() {
        assert!(takes(&Node::Float, &[0, 0, 0x80, 0x7F]));
        assert!(takes(&Node::Float, &[1, 0, 0xC0, 0x7F]));
        assert!(!takes(&Node::Float, &[1, 0, 0x80, 0x7F]));
    }

    #[test]
    fn what_is_left_over_or_short_is_not_taken() {
        let node = Node::Record(vec![Node::Fixed(2), Node::Union(vec![Node::Null, Node::Boolean])]);
        assert!(takes(&node, &[9, 9, 2, 1]));
        for data in [&[9, 9, 2, 2][..], &[9, 9, 4], &[9, 9, 2, 1, 0], &[9], &[]] {
            assert!(!takes(&node, data));
        }
    }
}
