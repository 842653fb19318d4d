//! `tfidf`: how alike two texts are in the words that few others have.

use crate::call;
use crate::eval::{At, Ids, Numbers, TextOf, with_ids};
use crate::function::{Eval, Function, Node, Per, Ty};
use crate::names::{Cx, Scope};
use crate::texts::{Corpus, Counted, Statistics, corpus};
use std::sync::Arc;
use tamis_spec::MISSING;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "tfidf",
    about: "Cosine of two texts by their words, each weighted with (1 + ln tf) · (1 + ln((1 + N) / (1 + n))), n of the N texts of the second's field as of the moment having it; language = \"english\" cuts words to their stems. Missing when either has no words.",
    example: "tfidf(user.favourite, movie.title, language = \"english\")",
    params: &[],
    it: &TfIdf,
};

struct TfIdf;
impl Function for TfIdf {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        pair(call, cx, cosine)
    }
}

/// Of a query, a text and what is known of all texts.
type Score = fn(&Counted, &Counted, &Statistics) -> f32;

/// A number made of a text and one of a corpus.
struct OfTexts {
    query: Query,
    /// Whether the query is the same for all rows.
    is_still: bool,
    text: Box<dyn TextOf>,
    corpus: (usize, Arc<Corpus>),
    score: Score,
}

/// What is looked for: a text, or a word.
enum Query {
    Text(Box<dyn TextOf>),
    Word(Box<dyn Ids>),
}

/// Reads a function of a text or category and of an actor's text.
pub(super) fn pair(call: &Call, cx: &mut Cx<'_>, score: Score) -> Result<Node, Diagnostic> {
    call::shape(call, 2, &["language"], false)?;
    if cx.scope != Scope::Decision {
        let message = format!("`{}` reads the moment of a decision and cannot stand in an aggregate", call.name.0);
        return Err(Diagnostic::new(call.name.1.clone(), message));
    }
    let (query, text) = (cx.quoted(&call.args[0])?, cx.node(&call.args[1])?);
    let corpus = corpus(call, &call.args[1], cx)?;
    let per = query.per.max(text.per);
    let is_still = query.per == Per::Decision;
    let query = match (query.ty, query.eval) {
        (_, Eval::Texts(of)) => Query::Text(of),
        (Ty::Category, Eval::Ids(of)) => Query::Word(of),
        (ty, _) => return Err(call::wrong(&call.name.0, call.args[0].span.clone(), "a text or a category", ty.name())),
    };
    let Eval::Texts(text) = text.eval else { unreachable!("a corpus is of texts") };
    Ok(Node::number(per, OfTexts { query, is_still, text, corpus, score }))
}

impl Query {
    fn counted(&self, at: &At<'_>, row: usize, of: &Corpus) -> Counted {
        match self {
            Self::Text(text) => of.asked(text.text(at, row)),
            Self::Word(ids) => {
                let id = with_ids(ids.as_ref(), at, |slot| slot.get(row));
                if id == MISSING { Counted::default() } else { of.asked(at.actors.words.name(id)) }
            }
        }
    }
}

impl Numbers for OfTexts {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        let (place, corpus) = &self.corpus;
        let Some(known) = at.state.map(|s| s.statistics(*place)) else { return out.fill(f32::NAN) };
        // All texts come first: what is looked for is known by the numbers of their terms.
        let texts: Vec<Arc<Counted>> = (0..out.len()).map(|row| corpus.of(self.text.text(at, row))).collect();
        let mut query = Counted::default();
        for (row, (o, text)) in out.iter_mut().zip(&texts).enumerate() {
            if row == 0 || !self.is_still {
                query = self.query.counted(at, row, corpus);
            }
            let is_empty = text.length == 0.0 || query.length == 0.0;
            *o = if is_empty { f32::NAN } else { (self.score)(&query, text, known) };
        }
    }
}

/// Cosine of the two by weight; terms that the corpus does not hold count in the query's length.
fn cosine(query: &Counted, text: &Counted, known: &Statistics) -> f32 {
    let weight = |times: f32, with: f32| (1.0 + times.ln()) * (1.0 + ((1.0 + known.n as f32) / (1.0 + with)).ln());
    let of = |(term, times): &(u32, f32)| weight(*times, known.with(*term));
    let square = |counted: &Counted| {
        let own: f32 = counted.terms.iter().map(|t| of(t) * of(t)).sum();
        counted.unknown.iter().fold(own, |sum, times| sum + weight(*times, 0.0) * weight(*times, 0.0))
    };
    let shared = |term: &(u32, f32)| {
        let at = text.terms.binary_search_by_key(&term.0, |(t, _)| *t).ok()?;
        Some(of(term) * of(&text.terms[at]))
    };
    let dot: f32 = query.terms.iter().filter_map(shared).sum();
    dot / (square(query) * square(text)).sqrt()
}
