//! No memory is given back with a key in it: an allocator looks at whatever is freed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use penstock_native::batch::{Events, Place, Records, Work, Writer};
use penstock_native::coarse::Kind;
use penstock_native::facts::{Facts, Field, Form};
use penstock_native::keys::{BulkKey, Given, KeyRing, Nonces};
use penstock_native::noise::{Noise, Number};
use penstock_native::remade::{Remade, Sealed, Step};
use penstock_native::sampler::Scale;
use penstock_native::scanning::Node;
use penstock_native::view::{Begun, Change, InPlace, Means, Op, Seal, View};

/// Where the keys of this test repeat themselves.
const PATTERN: [u8; 16] = [0xC3; 16];
static FREED: AtomicUsize = AtomicUsize::new(0);
static FOUND: AtomicUsize = AtomicUsize::new(0);

struct Looking;

unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A new block holds zeros, so that what is found in it when it is freed was written by its user.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        FREED.fetch_add(1, Ordering::Relaxed);
        if bytes.windows(PATTERN.len()).any(|some| some == PATTERN) {
            FOUND.fetch_add(1, Ordering::Relaxed);
        }
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Looking = Looking;

const KEY: [u8; 32] = [0xC3; 32];
const ID: Field = Field { place: 0, null: None, form: Form::Text };
const NUMBER: Field = Field { place: 1, null: None, form: Form::Whole };

/// The id again, encrypted inside of a part.
fn inside() -> Op {
    let sealed = Sealed { node: Node::Text, subject: 0, before: vec![1], middle: vec![2], after: vec![3] };
    Op::Remade(Remade { place: 0, path: Vec::new(), step: Step::Seal(sealed) })
}

fn view() -> View {
    let seal = |subject| Op::Seal(Seal { from: 0, to: 1, subject, before: vec![1], after: vec![2] });
    let noise = Noise {
        low: 0,
        high: 9,
        scale: Scale { wide: 5, narrow: 1 },
        kind: Number::Whole(Kind::Long),
        place: vec![3],
        how: vec![4],
    };
    View {
        head: vec![0],
        ops: vec![
            seal(Some(0)),
            seal(None),
            Op::ShownId,
            Op::InPlace(InPlace { field: NUMBER, branch: None, change: Change::Noisy(0) }),
            inside(),
        ],
        key: None,
        shown_by: Some(0),
        noises: vec![noise],
    }
}

/// A batch of one event, made whole; returns how many records there are.
fn batch(key: [u8; 32]) -> usize {
    let facts = Facts { id: ID, time: NUMBER, per_day: 10, subjects: vec![] };
    let writers = [Writer {
        head: vec![0],
        parts: vec![Node::Text, Node::Long],
        wanted: vec![0, 1, 2],
        facts,
        views: vec![Some(view())],
    }];
    let data: &[u8] = &[0, 2, b'a', 8];
    let mut events = Events::default();
    events.add(&writers, Some(data), &key, 0);
    let given = Given { handle: &[1; 8], key: &key, pseudonym: b"somebody", rekey: &key };
    let mut begun = Begun::default();
    begun.add(&view(), 0, &key).unwrap();
    let bulk = BulkKey::new(&[2; 8], &key, 0, 9).ok();
    let mut means = [Means { rings: vec![KeyRing::new(&[Some(given)])], begun: vec![begun], bulk }];
    let (codes, data) = ([[0].as_slice()], [Some(data)]);
    let work = Work { writers: &writers, events: &events, data: &data, first: 0, codes: &codes, most_bytes: 1000 };
    let mut records = Records::default();
    let end = work.run(Place { event: 0, view: 0 }, &mut means, &mut Nonces::new(&[5; 36]), &mut records);
    assert_eq!(end, Place { event: 1, view: 0 });
    records.made.len()
}

#[test]
fn no_freed_memory_holds_a_key() {
    // The looking itself is tested.
    drop(std::hint::black_box(KEY.to_vec()));
    assert_eq!(FOUND.swap(0, Ordering::Relaxed), 1);
    drop(std::hint::black_box(HashMap::from([(1, KEY)])));
    assert_eq!(FOUND.swap(0, Ordering::Relaxed), 1);

    let before = FREED.load(Ordering::Relaxed);
    assert_eq!(batch(KEY), 1);
    assert!(FREED.load(Ordering::Relaxed) > before + 10);
    assert_eq!(FOUND.load(Ordering::Relaxed), 0);
}
