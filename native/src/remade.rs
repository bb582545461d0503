//! A part that is made anew from inside: what is protected there lies in a union, an array or a map.

use crate::Unusual;
use crate::keyed::length;
use crate::reading::{Cursor, write_size};
use crate::scanning::Node;
use crate::view::{InPlace, Making};

/// What becomes of a value of the writer's type, and of what is inside it.
#[derive(Debug, Clone)]
pub enum Step {
    /// It goes on as it lies.
    Pass(Node),
    /// It is not in the view.
    Absent(Node),
    /// Fields side by side, by name.
    Fields(Vec<(Vec<u8>, Self)>),
    /// Items in one block.
    Items(Box<Self>),
    /// Values by their names, in one block.
    Values(Box<Self>),
    /// A union of one type, or of one and null: which branch, the byte of null, and the step through it.
    Through(Box<Self>, u8, Option<u8>, Vec<u8>),
    /// Encrypted as it lies.
    Seal(Sealed),
    /// A value in place of another; null stays null.
    InPlace(InPlace),
}

/// What is encrypted under the key of which of the view's data subjects; its additional data around handle and path.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Its type.
    pub node: Node,
    /// A number among the view's data subjects.
    pub subject: usize,
    /// What stands before the handle.
    pub before: Vec<u8>,
    /// What stands between it and the path.
    pub middle: Vec<u8>,
    /// What stands between that and the event id.
    pub after: Vec<u8>,
}

/// A part that is made anew: where it lies, the steps to it, framed, and what becomes of it.
#[derive(Debug, Clone)]
pub struct Remade {
    /// Where it begins.
    pub place: usize,
    /// How it is reached.
    pub path: Vec<u8>,
    /// What becomes of it.
    pub step: Step,
}

impl Making<'_, '_> {
    /// Appends what becomes of the value at the cursor, which goes behind it. `path`: the framed steps to it.
    ///
    /// # Errors
    /// As `write`.
    pub fn remake(
        &mut self,
        step: &Step,
        cursor: &mut Cursor<'_>,
        path: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unusual> {
        match step {
            Step::Pass(node) => out.extend_from_slice(cursor.over(node)?),
            Step::Absent(node) => node.skip(cursor)?,
            Step::Fields(fields) => {
                for (name, inner) in fields {
                    self.below(inner, cursor, (path, name), out)?;
                }
            }
            Step::Items(inner) => self.items(inner, cursor, path, out)?,
            Step::Values(inner) => self.values(inner, cursor, path, out)?,
            Step::Through(inner, branch, null, name) => {
                let found = cursor.byte()?;
                out.push(found);
                if found == *branch {
                    self.below(inner, cursor, (path, name), out)?;
                } else if Some(found) != *null {
                    return Err(Unusual);
                }
            }
            Step::Seal(sealed) => {
                let value = cursor.over(&sealed.node)?;
                self.seal_inside(sealed, value, path, out)?;
            }
            Step::InPlace(one) => {
                let value = one.field.read_at(cursor)?;
                self.in_place(one, value, Some(path), out)?;
            }
        }
        Ok(())
    }

    /// As `remake`, one step further.
    fn below(
        &mut self,
        step: &Step,
        cursor: &mut Cursor<'_>,
        (path, name): (&mut Vec<u8>, &[u8]),
        out: &mut Vec<u8>,
    ) -> Result<(), Unusual> {
        let before = path.len();
        path.extend_from_slice(&length(name)?);
        path.extend_from_slice(name);
        let made = self.remake(step, cursor, path, out);
        path.truncate(before);
        made
    }

    // The scan took the event: there is one block, and nothing behind it but its end.

    fn items(
        &mut self,
        inner: &Step,
        cursor: &mut Cursor<'_>,
        path: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unusual> {
        let count = cursor.size()?;
        write_size(out, count);
        for number in 0..count {
            let number = u32::try_from(number).map_err(|_| Unusual)?.to_be_bytes();
            self.below(inner, cursor, (path, &[b"i".as_slice(), &number].concat()), out)?;
        }
        end(count, cursor, out)
    }

    fn values(
        &mut self,
        inner: &Step,
        cursor: &mut Cursor<'_>,
        path: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unusual> {
        let count = cursor.size()?;
        write_size(out, count);
        for _ in 0..count {
            let name = cursor.text()?.as_bytes();
            crate::reading::write_sized(out, name);
            self.below(inner, cursor, (path, &[b"k", name].concat()), out)?;
        }
        end(count, cursor, out)
    }
}

fn end(count: usize, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Unusual> {
    if count > 0 {
        out.push(0);
        if cursor.byte()? != 0 {
            return Err(Unusual);
        }
    }
    Ok(())
}
