//! Whatever bytes come, the scan and the making of views end without a panic. `PENSTOCK_FUZZ_EVENTS` and `_SEED` say how
//! many are tried, and from where.

#![allow(clippy::unwrap_used)]

use penstock_native::batch::{Events, Place, Records, Work, Writer};
use penstock_native::coarse::{Coarse, Kind, Mask};
use penstock_native::facts::{Facts, Field, Form, Subject};
use penstock_native::keys::{BulkKey, Given, KeyRing, Nonces};
use penstock_native::noise::{Noise, Number};
use penstock_native::reading::{write_long, write_sized};
use penstock_native::real::Width;
use penstock_native::remade::{Remade, Sealed, Step};
use penstock_native::sampler::Scale;
use penstock_native::scanning::Node;
use penstock_native::view::{Begun, Cell, Change, InPlace, Means, Op, RecordKey, Seal, View};

/// Numbers that follow from a seed (splitmix64).
struct Lot(u64);

impl Lot {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draw() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        const TELLING: [u8; 8] = [0, 1, 2, 3, 0x7F, 0x80, 0x81, 0xFF];
        if self.draw().is_multiple_of(2) {
            u8::try_from(self.below(256)).unwrap()
        } else {
            *TELLING.get(self.below(TELLING.len())).unwrap()
        }
    }
}

const fn field(place: usize, null: Option<u8>, text: bool) -> Field {
    Field { place, null, form: if text { Form::Text } else { Form::Whole } }
}

const REAL: Field = Field { place: 6, null: Some(0), form: Form::Double };

const ID: Field = field(0, None, true);
const TIME: Field = field(1, None, false);
const SUBJECT: Field = field(2, Some(0), true);
const DATE: Field = field(3, Some(2), false);

/// Parts of every type: id, time, subject, date, then what is only copied or sealed.
fn parts() -> Vec<Node> {
    let array = Node::Array(Box::new(Node::Union(vec![Node::Null, Node::Boolean, Node::Float])), 1);
    let record = Node::Record(vec![Node::Double, Node::Enum(3), Node::Fixed(2), Node::Bytes]);
    vec![
        Node::Text,
        Node::Long,
        Node::Union(vec![Node::Null, Node::Text]),
        Node::Union(vec![Node::Int, Node::Null]),
        array,
        Node::Map(Box::new(record)),
        Node::Union(vec![Node::Null, Node::Double]),
        Node::Array(Box::new(item()), 2),
    ]
}

/// What lies inside of the last part: records with a map of texts, which may be null.
fn item() -> Node {
    let texts = Node::Map(Box::new(Node::Text));
    Node::Record(vec![Node::Union(vec![Node::Null, texts]), Node::Double, Node::Long, Node::Boolean])
}

/// Seals every text, makes the numbers coarse or noisy, and leaves the rest out.
fn inside() -> Op {
    let number =
        |form, change| Step::InPlace(InPlace { field: Field { place: 0, null: None, form }, branch: None, change });
    let seal = Sealed { node: Node::Text, subject: 0, before: vec![1; 9], middle: vec![2; 40], after: vec![3; 12] };
    let texts = Step::Values(Box::new(Step::Seal(seal)));
    let step = Step::Fields(vec![
        (b"fa".to_vec(), Step::Through(Box::new(texts), 2, Some(0), b"umap".to_vec())),
        (b"fb".to_vec(), number(Form::Double, Change::Cell(cell(false)))),
        (b"fc".to_vec(), number(Form::Whole, Change::Noisy(0))),
        (b"fd".to_vec(), Step::Absent(Node::Boolean)),
    ]);
    Op::Remade(Remade { place: 7, path: b"\0\0\0\x02fz".to_vec(), step: Step::Items(Box::new(step)) })
}

fn cell(centre: bool) -> Cell {
    Cell { width: Width::new(1, 100).unwrap(), centre, single: centre }
}

fn in_place(field: Field, branch: Option<u8>, change: Change) -> Op {
    Op::InPlace(InPlace { field, branch, change })
}

fn view() -> View {
    let seal = |from, to, subject| Op::Seal(Seal { from, to, subject, before: vec![1; 60], after: vec![2; 40] });
    let mask = |at_start| Change::Masked(Mask { keep: 2, at_start, stars: at_start });
    let noise = |scale| Noise {
        low: -9,
        high: i64::MAX,
        scale,
        kind: Number::Whole(Kind::Long),
        place: vec![3; 90],
        how: vec![4; 40],
    };
    View {
        head: vec![0, 0, 0, 0, 9],
        ops: vec![
            Op::ShownId,
            in_place(TIME, None, Change::Noisy(0)),
            in_place(TIME, None, Change::Noisy(1)),
            in_place(TIME, None, Change::Coarse(Coarse::Month(86_400_000), Kind::Long)),
            in_place(SUBJECT, Some(2), Change::Pseudonym(0)),
            in_place(SUBJECT, Some(2), mask(true)),
            in_place(ID, None, mask(false)),
            in_place(DATE, Some(0), Change::Coarse(Coarse::Year(1), Kind::Int)),
            in_place(DATE, Some(0), Change::Coarse(Coarse::Bucket(1 << 62), Kind::Int)),
            in_place(REAL, Some(2), Change::Cell(cell(true))),
            in_place(REAL, Some(2), Change::Cell(cell(false))),
            in_place(REAL, Some(2), Change::Noisy(2)),
            inside(),
            Op::Copy(4, 6),
            seal(0, 3, Some(0)),
            seal(4, 6, None),
        ],
        key: Some(RecordKey::Own(DATE)),
        shown_by: Some(0),
        noises: vec![
            noise(Scale { wide: 1_000_000, narrow: 3 }),
            noise(Scale { wide: u64::MAX, narrow: 1 }),
            real_noise(),
        ],
    }
}

fn real_noise() -> Noise {
    let kind = Number::Real(Width::new(3, 10).unwrap(), false);
    Noise { low: -9, high: 1 << 40, scale: Scale { wide: 75, narrow: 3 }, kind, place: vec![3; 90], how: vec![4; 40] }
}

fn writer() -> Writer {
    let subjects = vec![Subject { field: SUBJECT, required: false }];
    let facts = Facts { id: ID, time: TIME, per_day: 86_400_000, subjects };
    Writer { head: vec![0, 0, 0, 0, 1], parts: parts(), wanted: (0..=8).collect(), facts, views: vec![Some(view())] }
}

fn event(lot: &mut Lot) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, 1];
    let text: Vec<u8> = (0..lot.below(90)).map(|_| b'a').collect();
    write_sized(&mut out, &text);
    write_long(&mut out, lot.draw().cast_signed() >> lot.below(64));
    out.extend_from_slice(&[2, 4, b'y', b'z', 0]);
    write_long(&mut out, lot.draw().cast_signed() >> 40);
    out.extend_from_slice(&[6, 0, 2, 1, 4, 1, 2, 3, 4, 0]);
    out.extend_from_slice(&[2, 2, b'k', 1, 2, 3, 4, 5, 6, 7, 8, 4, 9, 9, 2, 7, 0]);
    out.push(2);
    real(lot, &mut out);
    let items = lot.below(3);
    write_long(&mut out, i64::try_from(items).unwrap());
    for _ in 0..items {
        out.extend_from_slice(&[2, 4, 2, b'k', 2, b'v', 2, b'l', 0, 0]);
        real(lot, &mut out);
        out.extend_from_slice(&[6, 1]);
    }
    if items > 0 {
        out.push(0);
    }
    out
}

/// A double with any bits, or one that is usual.
fn real(lot: &mut Lot, out: &mut Vec<u8>) {
    let bits = if lot.below(4) == 0 { lot.draw() } else { 59.437_f64.to_bits() ^ lot.draw() >> 40 };
    out.extend_from_slice(&bits.to_le_bytes());
}

fn spoil(lot: &mut Lot, out: &mut Vec<u8>) {
    for _ in 0..lot.below(4) {
        let at = lot.below(out.len() + 1);
        match lot.below(4) {
            0 => out.truncate(at),
            1 => out.insert(at, lot.byte()),
            2 if at < out.len() => drop(out.remove(at)),
            _ => {
                let byte = lot.byte();
                if let Some(one) = out.get_mut(at) {
                    *one = byte;
                }
            }
        }
    }
}

/// One batch; returns how many events were taken, and how many views made.
fn batch(writers: &[Writer], lot: &mut Lot) -> (usize, usize) {
    let events: Vec<_> = (0..100)
        .map(|_| {
            let mut one = event(lot);
            spoil(lot, &mut one);
            one
        })
        .collect();
    let data: Vec<_> = events.iter().map(|one| Some(one.as_slice())).collect();
    let mut scanned = Events::default();
    for one in &data {
        scanned.add(writers, *one, &[7; 32], 1);
    }
    let given = Given { handle: &[1; 8], key: &[2; 32], pseudonym: b"somebody", rekey: &[3; 32] };
    let mut begun = Begun::default();
    for taken in scanned.taken.iter().flatten() {
        begun.add(&view(), taken.day, &[4; 32]).unwrap();
    }
    let bulk = BulkKey::new(&[5; 8], &[6; 32], 0, 1000).ok();
    let mut means = [Means { rings: vec![KeyRing::new(&[Some(given); 100])], begun: vec![begun], bulk }];
    let codes = [[0; 100].as_slice()];
    let work = Work { writers, events: &scanned, data: &data, first: 0, codes: &codes, most_bytes: 1000 };
    let (mut records, mut event) = (Records::default(), 0);
    while event < data.len() {
        let stopped = work.run(Place { event, view: 0 }, &mut means, &mut Nonces::new(&[8; 12 * 700]), &mut records);
        event = stopped.event + 1;
    }
    (scanned.taken.iter().flatten().count(), records.made.len())
}

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|said| said.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn nothing_panics() {
    let writers = [writer()];
    let mut lot = Lot(asked("PENSTOCK_FUZZ_SEED", 1));
    let (mut taken, mut made) = (0, 0);
    for _ in 0..asked("PENSTOCK_FUZZ_EVENTS", 100_000) / 100 {
        let (some, views) = batch(&writers, &mut lot);
        taken += some;
        made += views;
    }
    // Some of it is as usual, or nothing was tried.
    assert!(taken > 1000 && made > 500, "{taken} taken, {made} made");
}
