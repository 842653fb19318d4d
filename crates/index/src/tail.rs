//! Documents that came after an index was written, in memory: postings in the order of ids, without a trace of what was replaced.

use crate::block::Postings;
use crate::bm25::Formula;
use crate::list::Plain;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::Bound;

/// A document's terms, made by the fields' analysers.
pub(crate) struct Document {
    /// Terms in each field.
    pub lengths: Vec<u32>,
    /// Each term once, in order, with its places: field << 32 | place, ascending.
    pub terms: Vec<(String, Vec<u64>)>,
}

/// The documents in memory.
#[derive(Default)]
pub(crate) struct Tail {
    n_fields: usize,
    /// Terms in order, with their lists; a list without documents is one that was.
    vocabulary: BTreeMap<String, u32>,
    lists: Vec<TermList>,
    /// Where each document lies.
    slots: BTreeMap<u32, u32>,
    docs: Vec<Slot>,
    /// Slots of documents that are no more.
    free: Vec<u32>,
    bytes: usize,
}

/// A term's postings.
#[derive(Default)]
struct TermList {
    docs: Vec<u32>,
    slots: Vec<u32>,
    /// [n, fields].
    tfs: Vec<u32>,
}

/// A document.
#[derive(Default)]
struct Slot {
    lengths: Vec<u32>,
    /// Lists in which it stands, ascending, and from where to where its places there lie.
    terms: Vec<(u32, u32, u32)>,
    places: Vec<u64>,
}

impl Tail {
    /// Without documents.
    pub(crate) fn of(n_fields: usize) -> Self {
        Self { n_fields, ..Self::default() }
    }

    /// How many documents it has.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The lengths of a document that is here.
    pub(crate) fn lengths(&self, doc: u32) -> Option<&[u32]> {
        self.slots.get(&doc).map(|slot| &self.docs[*slot as usize].lengths[..])
    }

    /// Ids and lengths, ascending.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.slots.iter().map(|(doc, slot)| (*doc, &self.docs[*slot as usize].lengths[..]))
    }

    /// Takes a document in that is not here.
    pub(crate) fn insert(&mut self, doc: u32, document: Document) {
        let slot_idx = self.free.pop().unwrap_or_else(|| {
            self.docs.push(Slot::default());
            self.docs.len() as u32 - 1
        });
        let mut slot = Slot { lengths: document.lengths, ..Slot::default() };
        for (term, places) in document.terms {
            let n_lists = self.lists.len() as u32;
            let list_idx = *self.vocabulary.entry(term).or_insert(n_lists);
            if list_idx == n_lists {
                self.lists.push(TermList::default());
            }
            let list = &mut self.lists[list_idx as usize];
            let at = list.docs.partition_point(|d| *d < doc);
            list.docs.insert(at, doc);
            list.slots.insert(at, slot_idx);
            let mut tfs = vec![0; self.n_fields];
            places.iter().for_each(|p| tfs[(p >> 32) as usize] += 1);
            list.tfs.splice(at * self.n_fields..at * self.n_fields, tfs);
            let from = slot.places.len() as u32;
            slot.places.extend(places);
            slot.terms.push((list_idx, from, slot.places.len() as u32));
        }
        slot.terms.sort_unstable();
        self.bytes += slot.bytes(self.n_fields);
        self.slots.insert(doc, slot_idx);
        self.docs[slot_idx as usize] = slot;
    }

    /// Leaves a document out; its lengths where it was here.
    pub(crate) fn remove(&mut self, doc: u32) -> Option<Vec<u32>> {
        let slot_idx = self.slots.remove(&doc)?;
        self.free.push(slot_idx);
        let slot = std::mem::take(&mut self.docs[slot_idx as usize]);
        self.bytes -= slot.bytes(self.n_fields);
        for (list, ..) in &slot.terms {
            let list = &mut self.lists[*list as usize];
            let at = list.docs.partition_point(|d| *d < doc);
            list.docs.remove(at);
            list.slots.remove(at);
            list.tfs.drain(at * self.n_fields..(at + 1) * self.n_fields);
        }
        Some(slot.lengths)
    }

    /// Documents that have a term.
    pub(crate) fn df(&self, term: &str) -> u32 {
        self.list(term).map_or(0, |list| list.docs.len() as u32)
    }

    /// Terms from `from` on, in order, with how many documents have each; 0 where those that had it are no more.
    pub(crate) fn terms(&self, from: &str) -> impl Iterator<Item = (&str, u32)> {
        let range = self.vocabulary.range::<str, _>((Bound::Included(from), Bound::Unbounded));
        range.map(|(term, list)| (&term[..], self.lists[*list as usize].docs.len() as u32))
    }

    /// A term's postings as a search reads them.
    pub(crate) fn plain(&self, term: &str, formula: &Formula) -> Plain {
        let Some(list) = self.list(term) else { return Plain::default() };
        let worth = |(slot, tfs): (&u32, &[u32])| {
            let lengths = &self.docs[*slot as usize].lengths;
            formula.saturated(tfs, |f| lengths[f])
        };
        let worths = list.slots.iter().zip(list.tfs.chunks(self.n_fields)).map(worth).collect();
        Plain::of(list.docs.clone(), worths)
    }

    /// Appends a term's postings to `out`, with places where they are asked for.
    pub(crate) fn postings(&self, term: &str, positions: bool, out: &mut Postings) {
        let Some(idx) = self.vocabulary.get(term) else { return };
        let list = &self.lists[*idx as usize];
        out.docs.extend_from_slice(&list.docs);
        out.tfs.extend_from_slice(&list.tfs);
        if positions {
            for slot in &list.slots {
                out.positions.extend(self.docs[*slot as usize].places_of(*idx).iter().map(|p| *p as u32));
            }
        }
    }

    fn list(&self, term: &str) -> Option<&TermList> {
        self.vocabulary.get(term).map(|idx| &self.lists[*idx as usize])
    }
}

impl Slot {
    /// Where a term stands in it.
    fn places_of(&self, list: u32) -> &[u64] {
        let Ok(at) = self.terms.binary_search_by_key(&list, |t| t.0) else { return &[] };
        let (_, from, to) = self.terms[at];
        &self.places[from as usize..to as usize]
    }

    fn bytes(&self, n_fields: usize) -> usize {
        self.terms.len() * (12 + 8 + 4 * n_fields) + self.places.len() * 8 + 128
    }
}

/// Groups a document's terms. `tokens`: terms with field << 32 | place, places ascending in each field.
pub(crate) fn document(lengths: Vec<u32>, tokens: Vec<(String, u64)>) -> Document {
    let mut by_term: FxHashMap<String, Vec<u64>> = FxHashMap::default();
    for (term, place) in tokens {
        by_term.entry(term).or_default().push(place);
    }
    let mut terms: Vec<_> = by_term.into_iter().collect();
    terms.sort_unstable();
    Document { lengths, terms }
}
