//! What a `by` is read from: an actor or category, a pair of them, or tags, of which each word is a key.

use super::space::Pairing;
use crate::eval::{At, Ids, Sets};
use tamis_spec::MISSING;

/// Words of a set that are keys; those behind them are not looked at.
pub const SET_KEYS_MAX: usize = 1_024;

/// One part of a key.
pub enum KeyPart {
    /// One index a row.
    One(Box<dyn Ids>),
    /// Any number of words a row.
    Set(Box<dyn Sets>),
}

/// Whether rows have any number of keys.
pub fn is_set(parts: &[KeyPart]) -> bool {
    parts.iter().any(|p| matches!(p, KeyPart::Set(_)))
}

/// The keys of all rows. Without a set, one for each row, `MISSING` for none, and `ends` is empty; with one, those of a row after
/// those of the row before, and `ends` says where they end. `pairing` makes one key of two parts.
pub(crate) fn keys_of(
    parts: &[KeyPart],
    at: &At<'_>,
    pairing: &mut impl Pairing,
    keys: &mut Vec<u32>,
    ends: &mut Vec<u32>,
) {
    ends.clear();
    match parts {
        [KeyPart::One(first)] => {
            keys.resize(at.n, MISSING);
            first.ids(at, keys);
        }
        [KeyPart::One(first), KeyPart::One(second)] => {
            keys.resize(at.n, MISSING);
            first.ids(at, keys);
            at.scratch.ids(at.n, |b| {
                second.ids(at, b);
                pairing.pairs(keys, b);
            });
        }
        [KeyPart::Set(set)] => of_sets(set.as_ref(), at, |_, word| word, keys, ends),
        [KeyPart::Set(set), KeyPart::One(other)] => at.scratch.ids(at.n, |b| {
            other.ids(at, b);
            of_sets(set.as_ref(), at, |row, word| pairing.pair(word, b[row]), keys, ends);
        }),
        [KeyPart::One(other), KeyPart::Set(set)] => at.scratch.ids(at.n, |b| {
            other.ids(at, b);
            of_sets(set.as_ref(), at, |row, word| pairing.pair(b[row], word), keys, ends);
        }),
        _ => unreachable!("the plan lets one or two parts through, of which one is a set"),
    }
}

fn of_sets(
    set: &dyn Sets,
    at: &At<'_>,
    mut key: impl FnMut(usize, u32) -> u32,
    keys: &mut Vec<u32>,
    ends: &mut Vec<u32>,
) {
    keys.clear();
    for row in 0..at.n {
        at.scratch.set(|buffer| {
            let words = set.set(at, row, buffer).ids;
            let found = words.iter().take(SET_KEYS_MAX).map(|word| key(row, *word)).filter(|k| *k != MISSING);
            keys.extend(found);
        });
        ends.push(keys.len() as u32);
    }
}
