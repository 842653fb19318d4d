//! Builds an index from documents: chunks of them are analysed and turned round on all threads, then lists are joined in the order
//! of chunks. What is written depends on the documents alone.

use crate::block::{Encoded, Lengths, Postings, number, push_number};
use crate::bm25::{Formula, Stats};
use crate::error::Error;
use crate::file::{Contents, write};
use crate::options::{Options, Readers};
use hashbrown::HashTable;
use rayon::prelude::*;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// Ids are below this.
pub const DOCS_MAX: u32 = 1 << 28;
/// Documents of one chunk at most, and bytes of their texts; one document may be longer.
const CHUNK_DOCS: usize = 16_384;
const CHUNK_BYTES: usize = 32 << 20;
/// Terms that are encoded together.
const TERMS_TOGETHER: usize = 2_048;

/// Takes documents in the order of their ids and makes an index of them.
pub struct Builder {
    options: Options,
    readers: Readers,
    /// Chunks whose documents are still texts, the last one open.
    waiting: Vec<Texts>,
    turned: Vec<Chunk>,
    stats: Stats,
    alive: Vec<u64>,
    /// For each field, lengths by id.
    lengths: Vec<Vec<u32>>,
}

/// Texts of documents, one behind the other.
#[derive(Default)]
struct Texts {
    docs: Vec<u32>,
    /// [docs, fields]: where each text ends.
    ends: Vec<usize>,
    text: String,
}

/// Documents of a chunk, turned round.
struct Chunk {
    docs: Vec<u32>,
    /// [docs, fields].
    lengths: Vec<u32>,
    terms: Terms,
    /// For each term, where its postings end.
    ends: Vec<usize>,
    /// Postings: the gap of the place of the document in the chunk, a frequency a field, gaps of places.
    postings: Vec<u8>,
}

/// Words and their numbers, in the order of their coming.
#[derive(Default)]
struct Terms {
    text: String,
    ends: Vec<u32>,
    /// Half of each word's hash with its number.
    table: HashTable<(u32, u32)>,
}

impl Builder {
    /// With these options, without documents.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let n_fields = options.fields.len();
        Ok(Self {
            options: options.clone(),
            readers: Readers::of(options)?,
            waiting: Vec::new(),
            turned: Vec::new(),
            stats: Stats::none(n_fields),
            alive: Vec::new(),
            lengths: vec![Vec::new(); n_fields],
        })
    }

    /// Takes a document in. `doc`: larger than those before, below [`DOCS_MAX`]. `texts`: one a field.
    pub fn add(&mut self, doc: u32, texts: &[&str]) -> Result<(), Error> {
        check(doc, texts, self.options.fields.len())?;
        let last = self.waiting.last().and_then(|t| t.docs.last()).or(self.turned.last().and_then(|c| c.docs.last()));
        if let Some(last) = last.filter(|last| **last >= doc) {
            return Err(Error::Document {
                doc,
                what: format!("documents are added in the order of ids, and {last} was"),
            });
        }
        if self.waiting.last().is_none_or(Texts::is_full) {
            if self.waiting.len() >= rayon::current_num_threads() {
                self.turn();
            }
            self.waiting.push(Texts::default());
        }
        if let Some(open) = self.waiting.last_mut() {
            open.docs.push(doc);
            for text in texts {
                open.text.push_str(text);
                open.ends.push(open.text.len());
            }
        }
        Ok(())
    }

    /// The index's bytes: the same for the same documents and options, on any number of threads.
    pub fn finish(mut self) -> Vec<u8> {
        self.turn();
        let n_ids = self.lengths[0].len();
        let lengths = self.lengths.concat();
        let lists = Lists::of(&self.turned);
        let formula = Formula::of(&self.options, &self.stats);
        let (n_fields, positions) = (self.options.fields.len(), self.options.positions);
        let columns = Lengths { values: &lengths, n_docs: n_ids };
        let parts: Vec<Encoded> = lists
            .order
            .par_chunks(TERMS_TOGETHER)
            .map(|terms| {
                let (mut out, mut postings) = (Encoded::default(), Postings::default());
                for term in terms {
                    postings.clear();
                    lists
                        .runs(*term)
                        .iter()
                        .for_each(|run| self.turned[run.0 as usize].read(run.1, n_fields, positions, &mut postings));
                    out.push(&postings, &formula, &columns, positions);
                }
                out
            })
            .collect();
        let mut encoded = Encoded::default();
        parts.iter().for_each(|part| encoded.append(part));
        let vocabulary = vocabulary(lists.order.iter().map(|term| lists.terms.get(*term)));
        let (options, stats, alive) = (&self.options, &self.stats, &self.alive[..]);
        write(&Contents { options, stats, alive, lengths: &lengths, vocabulary: &vocabulary, encoded: &encoded })
    }

    /// Turns the chunks that wait round.
    fn turn(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let (readers, n_fields, positions) = (&self.readers, self.lengths.len(), self.options.positions);
        let turned: Vec<Chunk> =
            waiting.into_par_iter().map(|texts| turn(&texts, readers, n_fields, positions)).collect();
        for chunk in turned {
            let n_ids = chunk.docs.last().map_or(0, |doc| *doc as usize + 1);
            self.alive.resize(n_ids.div_ceil(64), 0);
            self.lengths.iter_mut().for_each(|column| column.resize(n_ids, 0));
            for (doc, lengths) in chunk.docs.iter().zip(chunk.lengths.chunks(n_fields)) {
                self.stats.add(lengths.iter().copied());
                self.alive[*doc as usize / 64] |= 1 << (doc % 64);
                self.lengths.iter_mut().zip(lengths).for_each(|(column, len)| column[*doc as usize] = *len);
            }
            self.turned.push(chunk);
        }
    }
}

/// Checks what is said of a document.
pub(crate) fn check(doc: u32, texts: &[&str], n_fields: usize) -> Result<(), Error> {
    if doc >= DOCS_MAX {
        return Err(Error::Document { doc, what: format!("ids are below {DOCS_MAX}") });
    }
    if texts.len() != n_fields {
        return Err(Error::Document {
            doc,
            what: format!("{} texts, and the index has {n_fields} fields", texts.len()),
        });
    }
    Ok(())
}

/// The dictionary of terms in order: each to its number.
pub(crate) fn vocabulary<'a>(terms: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut out = fst::raw::Builder::memory();
    for (i, term) in terms.enumerate() {
        out.insert(term, i as u64).expect("terms come in order and memory takes them");
    }
    out.into_inner().expect("memory takes them")
}

impl Texts {
    fn is_full(&self) -> bool {
        self.docs.len() >= CHUNK_DOCS || self.text.len() >= CHUNK_BYTES
    }
}

/// Analyses the documents of a chunk and turns them round.
fn turn(texts: &Texts, readers: &Readers, n_fields: usize, positions: bool) -> Chunk {
    let mut terms = Terms::default();
    let mut tokens: Vec<u32> = Vec::with_capacity(texts.text.len() / 6);
    let mut lengths = Vec::with_capacity(texts.ends.len());
    let mut from = 0;
    for (i, end) in texts.ends.iter().enumerate() {
        let before = tokens.len();
        readers.field(i % n_fields).terms(&texts.text[from..*end], &mut |term| tokens.push(terms.number(term)));
        lengths.push((tokens.len() - before) as u32);
        from = *end;
    }
    // Tokens by term: in a term's part they stay in the order of documents, fields and places.
    let mut starts = vec![0u32; terms.ends.len() + 1];
    tokens.iter().for_each(|t| starts[*t as usize + 1] += 1);
    (1..starts.len()).for_each(|i| starts[i] += starts[i - 1]);
    let mut next = starts.clone();
    let mut places = vec![(0u32, 0u32); tokens.len()];
    let mut token = tokens.iter();
    for (at, len) in lengths.iter().enumerate() {
        for (place, term) in token.by_ref().take(*len as usize).enumerate() {
            let next = &mut next[*term as usize];
            places[*next as usize] = (at as u32, place as u32);
            *next += 1;
        }
    }
    let mut postings = Vec::with_capacity(tokens.len() * 2);
    let mut ends = Vec::with_capacity(terms.ends.len());
    for ends_of in starts.windows(2) {
        turn_term(&places[ends_of[0] as usize..ends_of[1] as usize], n_fields as u32, positions, &mut postings);
        ends.push(postings.len());
    }
    Chunk { docs: texts.docs.clone(), lengths, terms, ends, postings }
}

/// Writes one term's postings. `places`: (document * fields + field, place), ascending.
fn turn_term(places: &[(u32, u32)], n_fields: u32, positions: bool, out: &mut Vec<u8>) {
    let mut before = 0;
    for of_doc in places.chunk_by(|a, b| a.0 / n_fields == b.0 / n_fields) {
        let doc = of_doc[0].0 / n_fields;
        push_number(doc - before, out);
        before = doc;
        let mut rest = of_doc;
        for field in 0..n_fields {
            let tf = rest.iter().take_while(|p| p.0 % n_fields == field).count();
            push_number(tf as u32, out);
            if positions {
                let mut before = 0;
                for (_, place) in &rest[..tf] {
                    push_number(place - before, out);
                    before = *place;
                }
            }
            rest = &rest[tf..];
        }
    }
}

impl Chunk {
    /// Appends the postings of a term.
    fn read(&self, term: u32, n_fields: usize, positions: bool, out: &mut Postings) {
        let term = term as usize;
        let mut at = if term == 0 { 0 } else { self.ends[term - 1] };
        let mut doc = 0;
        while at < self.ends[term] {
            doc += number(&self.postings, &mut at);
            out.docs.push(self.docs[doc as usize]);
            for _ in 0..n_fields {
                let tf = number(&self.postings, &mut at);
                out.tfs.push(tf);
                let mut place = 0;
                for _ in 0..if positions { tf } else { 0 } {
                    place += number(&self.postings, &mut at);
                    out.positions.push(place);
                }
            }
        }
    }
}

impl Terms {
    fn get(&self, number: u32) -> &str {
        of(&self.text, &self.ends, number)
    }

    /// A word's number, a new one where it has none.
    #[inline]
    fn number(&mut self, term: &str) -> u32 {
        let mut hasher = FxHasher::default();
        hasher.write(term.as_bytes());
        let short = (hasher.finish() >> 32) as u32;
        let Self { text, ends, table } = self;
        let same = |(known, n): &(u32, u32)| *known == short && of(text, ends, *n) == term;
        if let Some((_, number)) = table.find(spread(short), same) {
            return *number;
        }
        let number = ends.len() as u32;
        text.push_str(term);
        ends.push(text.len() as u32);
        table.insert_unique(spread(short), (short, number), |(short, _)| spread(*short));
        number
    }
}

/// A hash of which all bits differ between words, from half of one.
#[inline]
fn spread(short: u32) -> u64 {
    u64::from(short).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[inline]
fn of<'a>(text: &'a str, ends: &[u32], number: u32) -> &'a str {
    let n = number as usize;
    &text[if n == 0 { 0 } else { ends[n - 1] as usize }..ends[n] as usize]
}

/// Which chunks have a term.
struct Lists {
    terms: Terms,
    /// Numbers of terms in the order of their words.
    order: Vec<u32>,
    starts: Vec<u32>,
    /// (chunk, the term's number there), by term, in the order of chunks.
    runs: Vec<(u32, u32)>,
}

impl Lists {
    fn of(chunks: &[Chunk]) -> Self {
        let mut terms = Terms::default();
        let mut numbers = Vec::new();
        for chunk in chunks {
            (0..chunk.ends.len() as u32).for_each(|local| numbers.push(terms.number(chunk.terms.get(local))));
        }
        let n = terms.ends.len();
        let mut starts = vec![0u32; n + 1];
        numbers.iter().for_each(|t| starts[*t as usize + 1] += 1);
        (0..n).for_each(|i| starts[i + 1] += starts[i]);
        let mut next = starts.clone();
        let mut runs = vec![(0, 0); numbers.len()];
        let mut number = numbers.iter();
        for (at, chunk) in chunks.iter().enumerate() {
            for (local, term) in number.by_ref().take(chunk.ends.len()).enumerate() {
                let next = &mut next[*term as usize];
                runs[*next as usize] = (at as u32, local as u32);
                *next += 1;
            }
        }
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_unstable_by(|a, b| terms.get(*a).cmp(terms.get(*b)));
        Self { terms, order, starts, runs }
    }

    fn runs(&self, term: u32) -> &[(u32, u32)] {
        &self.runs[self.starts[term as usize] as usize..self.starts[term as usize + 1] as usize]
    }
}
