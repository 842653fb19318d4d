//! A query as lists of this index: every clause is a list in the written segment and one in memory, and has one document frequency.

use crate::block::Postings;
use crate::bm25::{Formula, Stats};
use crate::list::{List, Packed, Plain};
use crate::query::{Clause, Matches, Occur, Query};
use crate::search::{Allowed, Search};
use crate::segment::Segment;
use crate::tail::Tail;
use crate::topk::TopK;
use crate::vocabulary::{beginning, near};
use crate::window::Scored;
use tamis_spec::mask::Mask;

/// An index at one moment.
pub(crate) struct View<'a> {
    /// What is written; none where nothing is.
    pub segment: Option<Segment<'a>>,
    pub tail: &'a Tail,
    pub stats: &'a Stats,
    pub formula: &'a Formula,
    /// By how much a posting's worth can have grown since the segment's bounds were written.
    pub growth: f32,
    pub positions: bool,
}

/// A query's lists in both parts of an index.
pub(crate) struct Plan<'a> {
    written: Part<'a>,
    tail: Part<'a>,
    /// Whether some document can have all that is required.
    possible: bool,
    gone: Option<&'a Mask>,
}

/// A query's lists in one part.
#[derive(Default)]
struct Part<'a> {
    /// Rarest first.
    scored: Vec<Scored<'a>>,
    /// Which of `scored` are required.
    required: Vec<usize>,
    excluded: Vec<List<'a>>,
}

/// A clause's lists and its document frequency.
struct Lists<'a> {
    written: List<'a>,
    tail: Plain,
    df: u32,
}

/// Documents that match, ascending, each with its frequency by fields' weights and lengths.
type Found = Vec<(u32, f32)>;

impl<'a> Plan<'a> {
    /// Of a query.
    pub(crate) fn of(view: &'a View<'a>, query: &Query) -> Self {
        let mut clauses: Vec<(&Clause, Lists<'a>)> =
            query.clauses.iter().map(|c| (c, view.lists(&c.matches))).collect();
        // Sums are made in this order; it depends on the documents alone.
        clauses.sort_by_key(|(_, lists)| lists.df);
        let gone = view.segment.as_ref().map(|s| s.gone).filter(|gone| gone.n > 0).map(|gone| &gone.mask);
        let mut out = Self { written: Part::default(), tail: Part::default(), possible: true, gone };
        for (clause, lists) in clauses {
            if clause.occur == Occur::MustNot {
                out.written.excluded.push(lists.written);
                out.tail.excluded.push(List::Plain(lists.tail));
                continue;
            }
            if lists.df == 0 {
                out.possible &= clause.occur != Occur::Must;
                continue;
            }
            if clause.occur == Occur::Must {
                out.written.required.push(out.written.scored.len());
                out.tail.required.push(out.tail.scored.len());
            }
            let weight = clause.weight * view.stats.idf(lists.df);
            out.written.scored.push(Scored { list: lists.written, weight });
            out.tail.scored.push(Scored { list: List::Plain(lists.tail), weight });
        }
        out
    }

    /// Offers every document that can be among the best.
    pub(crate) fn run(&self, only: Option<&Mask>, best: &mut TopK) {
        if self.possible {
            self.written.with(Allowed { only, gone: self.gone }, |search| search.run(best));
            self.tail.with(Allowed { only, gone: None }, |search| search.run(best));
        }
    }

    /// Scores of ascending documents; 0 for what does not match.
    pub(crate) fn scores(&self, docs: &[u32], out: &mut [f32]) {
        if self.possible {
            self.written.with(Allowed { only: None, gone: self.gone }, |search| search.scores(docs, out));
            self.tail.with(Allowed { only: None, gone: None }, |search| search.scores(docs, out));
        }
    }
}

impl Part<'_> {
    fn with(&self, allowed: Allowed<'_>, f: impl FnOnce(&Search<'_>)) {
        if self.scored.iter().all(|s| s.list.len() == 0) {
            return;
        }
        let required: Vec<&List<'_>> = self.required.iter().map(|i| &self.scored[*i].list).collect();
        let excluded: Vec<&List<'_>> = self.excluded.iter().collect();
        f(&Search { scored: &self.scored, required: &required, excluded: &excluded, allowed });
    }
}

impl<'a> View<'a> {
    /// How many documents have a term.
    pub(crate) fn df(&self, term: &str) -> u32 {
        self.segment.as_ref().map_or(0, |s| s.df(term)) + self.tail.df(term)
    }

    fn lists(&'a self, matches: &Matches) -> Lists<'a> {
        let weighed = |terms: Vec<(String, f32)>| self.any_of(&terms);
        match matches {
            Matches::Term(terms) if terms.len() == 1 => self.term(&terms[0]),
            Matches::Term(terms) => weighed(terms.iter().map(|t| (t.clone(), 1.0)).collect()),
            Matches::Prefix(start) => weighed(beginning(self, start).into_iter().map(|t| (t.0, 1.0)).collect()),
            Matches::Fuzzy { terms, distance } => {
                let mut all: Vec<(String, f32)> = Vec::new();
                for found in terms.iter().flat_map(|term| near(self, term, *distance)) {
                    let share = 0.5f32.powi(i32::from(found.distance));
                    match all.iter_mut().find(|known| known.0 == found.term) {
                        Some(known) => known.1 = known.1.max(share),
                        None => all.push((found.term, share)),
                    }
                }
                weighed(all)
            }
            Matches::Phrase(sequences) => self.phrase(sequences),
        }
    }

    /// One term as it lies in the index.
    fn term(&'a self, term: &str) -> Lists<'a> {
        let (mut written, mut df) = (None, 0);
        if let Some(segment) = &self.segment
            && let Some((idx, entry)) = segment.find(term)
        {
            df = segment.df_of(idx);
            written = Some(List::Packed(Packed::of(segment.sections, entry, self.formula, self.growth)));
        }
        let df = df + self.tail.df(term);
        let tail = self.tail.plain(term, self.formula);
        Lists { written: written.unwrap_or_else(|| List::Plain(Plain::default())), tail, df }
    }

    /// Any of some terms, each with how much it counts.
    fn any_of(&self, terms: &[(String, f32)]) -> Lists<'a> {
        let (mut written, mut tail) = (Found::new(), Found::new());
        for (term, share) in terms {
            for (postings, out, is_tail) in
                [(self.written(term, false), &mut written, false), (self.in_tail(term, false), &mut tail, true)]
            {
                let tfs = postings.tfs.chunks(self.formula.n_fields());
                out.extend(
                    postings.docs.iter().zip(tfs).map(|(doc, tfs)| (*doc, share * self.frequency(*doc, tfs, is_tail))),
                );
            }
        }
        self.found(joined(written), joined(tail))
    }

    /// Any of some sequences of terms, in one field.
    fn phrase(&self, sequences: &[Vec<String>]) -> Lists<'a> {
        let (mut written, mut tail) = (Found::new(), Found::new());
        for words in sequences {
            for (out, is_tail) in [(&mut written, false), (&mut tail, true)] {
                let of = |w: &String| {
                    if is_tail { self.in_tail(w, self.positions) } else { self.written(w, self.positions) }
                };
                let lists: Vec<Postings> = words.iter().map(of).collect();
                crate::phrase::each(&lists, self.formula.n_fields(), self.positions, &mut |doc, tfs| {
                    out.push((doc, self.frequency(doc, tfs, is_tail)));
                });
            }
        }
        self.found(joined(written), joined(tail))
    }

    fn frequency(&self, doc: u32, tfs: &[u32], is_tail: bool) -> f32 {
        match (&self.segment, is_tail) {
            (Some(segment), false) => self.formula.frequency(tfs, |f| segment.sections.lengths.of(f, doc)),
            _ => {
                let lengths = self.tail.lengths(doc).unwrap_or(&[]);
                self.formula.frequency(tfs, |f| lengths[f])
            }
        }
    }

    /// A term's postings in the segment.
    fn written(&self, term: &str, positions: bool) -> Postings {
        let mut out = Postings::default();
        if let Some(segment) = &self.segment
            && let Some(list) = segment.packed(term, self.formula, self.growth)
        {
            segment.postings(&list, positions, &mut out);
        }
        out
    }

    /// A term's postings in memory.
    fn in_tail(&self, term: &str, positions: bool) -> Postings {
        let mut out = Postings::default();
        self.tail.postings(term, positions, &mut out);
        out
    }

    fn found(&self, written: Found, tail: Found) -> Lists<'a> {
        let df = (written.len() + tail.len()) as u32;
        let plain = |found: Found| {
            let (docs, worths) = found.into_iter().map(|(doc, x)| (doc, self.formula.saturate(x))).unzip();
            Plain::of(docs, worths)
        };
        Lists { written: List::Plain(plain(written)), tail: plain(tail), df }
    }
}

/// Adds what a document has of each term, in the order of terms.
fn joined(mut found: Found) -> Found {
    found.sort_by_key(|f| f.0);
    found.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
    found
}
