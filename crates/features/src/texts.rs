//! Texts as counted terms, and what is known of a whole field of them as of a moment: how many texts hold a term, how long they are.
//!
//! Statistics count the text that an actor had when it was first described, once; a later text of it counts for itself alone.

use crate::call;
use crate::names::Cx;
use rustc_hash::FxHashMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, RwLock};
use tamis_spec::MISSING;
use tamis_spec::actors::{Actors, Interner};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Expr, Node as Tree};
use tamis_spec::system::Type;
use tamis_text::{Analyser, LANGUAGES};

/// Texts whose terms are remembered; beyond them all are forgotten at once.
pub const REMEMBERED_MAX: usize = 1 << 20;

/// A field of texts, taken apart in one way.
pub struct Corpus {
    /// Equal texts, equal corpora.
    pub about: String,
    /// The actor.
    pub actor: usize,
    /// Its field.
    pub field: usize,
    analyser: Analyser,
    known: RwLock<Known>,
}

/// What was taken apart. The numbers of terms hang on the order of asking, so nothing but their equality is looked at.
#[derive(Default)]
struct Known {
    terms: Interner,
    by_text: FxHashMap<(u64, usize), Arc<Counted>>,
}

/// The terms of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Numbers of terms and how often each occurs, by number; a term that no text of the field holds has none.
    pub terms: Vec<(u32, f32)>,
    /// How many there are, repetitions included.
    pub length: f32,
    /// How often each term occurs that has no number.
    pub unknown: Vec<f32>,
}

impl Corpus {
    /// The terms of one of the field's own texts.
    pub fn of(&self, text: &str) -> Arc<Counted> {
        let mut hasher = DefaultHasher::new();
        hasher.write(text.as_bytes());
        let name = (hasher.finish(), text.len());
        if let Some(known) = self.known.read().expect("nobody panics here").by_text.get(&name) {
            return known.clone();
        }
        let mut known = self.known.write().expect("nobody panics here");
        let Known { terms, by_text } = &mut *known;
        let counted = Arc::new(count(&self.analyser, text, |term| terms.intern(term)));
        if by_text.len() == REMEMBERED_MAX {
            by_text.clear();
        }
        by_text.insert(name, counted.clone());
        counted
    }

    /// The terms of a text that is looked for; terms that the field does not hold get no number.
    pub fn asked(&self, text: &str) -> Counted {
        let known = self.known.read().expect("nobody panics here");
        count(&self.analyser, text, |term| known.terms.find(term))
    }

    /// What `of` remembers, resident bytes near enough, for so many texts of so many different terms.
    pub fn bytes(n_texts: f64, n_terms: f64) -> f64 {
        n_texts * (80.0 + 8.0 * n_terms)
    }
}

fn count(analyser: &Analyser, text: &str, mut number: impl FnMut(&str) -> u32) -> Counted {
    let (mut ids, mut unknown): (Vec<u32>, Vec<String>) = (Vec::new(), Vec::new());
    analyser.terms(text, &mut |term| match number(term) {
        MISSING => unknown.push(term.to_string()),
        id => ids.push(id),
    });
    let length = (ids.len() + unknown.len()) as f32;
    ids.sort_unstable();
    unknown.sort_unstable();
    let terms = ids.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f32)).collect();
    Counted { terms, length, unknown: unknown.chunk_by(|a, b| a == b).map(|same| same.len() as f32).collect() }
}

/// What is known of a corpus as of a moment.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// By term: how many texts hold it.
    pub n_with: Vec<u32>,
    /// Texts that are not empty.
    pub n: u32,
    /// The sum of their lengths.
    pub length: f64,
    /// Actors that were looked at, in the order in which they became known.
    next: usize,
}

impl Statistics {
    /// Takes in the texts that became known before `now`.
    pub(crate) fn advance(&mut self, of: &Corpus, actors: &Actors, now: i64) {
        let table = &actors.tables[of.actor];
        while let Some(&(known, idx)) = table.told.get(self.next).filter(|(known, _)| *known < now) {
            self.next += 1;
            // The text that came with the record which made it known.
            let text = table.at(of.field, idx, known.saturating_add(1)).map_or("", |(field, row)| field.text(row));
            let counted = of.of(text);
            if counted.length == 0.0 {
                continue;
            }
            self.n += 1;
            self.length += f64::from(counted.length);
            for (term, _) in &counted.terms {
                if self.n_with.len() <= *term as usize {
                    self.n_with.resize(*term as usize + 1, 0);
                }
                self.n_with[*term as usize] += 1;
            }
        }
    }

    /// How many texts hold a term.
    pub fn with(&self, term: u32) -> f32 {
        self.n_with.get(term as usize).copied().unwrap_or(0) as f32
    }

    pub(crate) fn bytes(&self) -> usize {
        self.n_with.capacity() * 4
    }
}

/// The corpus behind the second argument of a call, by its place among the plan's: a text field of an actor.
pub(crate) fn corpus(call: &Call, e: &Expr, cx: &mut Cx<'_>) -> Result<(usize, Arc<Corpus>), Diagnostic> {
    let language = call::word(call, "language", &LANGUAGES)?.unwrap_or("none");
    let decision = &cx.system.decision;
    let refused = || {
        Diagnostic::new(e.span.clone(), format!("`{}` takes a text field of an actor in the second place", call.name.0))
            .help(format!("for example {}.FIELD: its texts are what terms are counted over", decision.item_name))
    };
    let Tree::Path(names) = &e.node else { return Err(refused()) };
    let (Some(first), Some(second), 2) = (names.first(), names.get(1), names.len()) else { return Err(refused()) };
    let actor = match first.0.as_str() {
        name if name == decision.item_name => decision.item,
        name if name == decision.user_name => decision.user,
        _ => return Err(refused()),
    };
    let fields = &cx.system.actors[actor].fields;
    let field = fields.iter().position(|f| f.name.value == second.0 && f.ty == Type::Text).ok_or_else(refused)?;
    let about = format!("{}.{} in {language}", cx.system.actors[actor].name.value, second.0);
    if let Some(known) = cx.cells.corpora.iter().position(|c| c.about == about) {
        return Ok((known, cx.cells.corpora[known].clone()));
    }
    let analyser = Analyser::of(language).expect("it is one of those that are known");
    cx.cells.corpora.push(Arc::new(Corpus { about, actor, field, analyser, known: RwLock::default() }));
    let last = cx.cells.corpora.len() - 1;
    Ok((last, cx.cells.corpora[last].clone()))
}
