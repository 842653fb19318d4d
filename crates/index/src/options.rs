//! What an index is made of: its fields, how they are weighed and read, and the constants of BM25.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use tamis_text::Analyser;

/// Fields of one index at most.
pub const FIELDS_MAX: usize = 8;

/// How an index reads and weighs its documents. It is written into the index's bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The fields of a document, in the order in which texts are given; 1 to [`FIELDS_MAX`].
    pub fields: Vec<Field>,
    /// How soon a term's frequency saturates; 0 or more.
    pub k1: f32,
    /// How much a field's length counts, 0 to 1.
    pub b: f32,
    /// Whether places of terms are kept. Without them a phrase is all of its words, anywhere in a field.
    pub positions: bool,
}

/// A named text of each document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// How much a term in it counts; above 0.
    pub weight: f32,
    /// One of [`tamis_text::LANGUAGES`].
    pub language: String,
}

impl Options {
    /// One field, k1 = 1.2, b = 0.75, without positions.
    pub fn one(language: &str) -> Self {
        let field = Field { name: "text".into(), weight: 1.0, language: language.into() };
        Self { fields: vec![field], k1: 1.2, b: 0.75, positions: false }
    }
}

/// The analysers of an index's fields, each language once.
pub(crate) struct Readers {
    /// For each field, which of `analysers`.
    of_field: Vec<usize>,
    analysers: Vec<Analyser>,
    /// Splits and folds words, and keeps them whole: for prefixes.
    plain: Analyser,
}

impl Readers {
    /// Checks options and finds their analysers.
    pub(crate) fn of(options: &Options) -> Result<Self, Error> {
        let wrong = |what: String| Err(Error::Options { what });
        let n = options.fields.len();
        if n == 0 || n > FIELDS_MAX {
            return wrong(format!("an index has 1 to {FIELDS_MAX} fields, and these are {n}"));
        }
        if !(options.k1 >= 0.0 && options.k1.is_finite()) {
            return wrong(format!("k1 is 0 or more, and this is {}", options.k1));
        }
        if !(0.0..=1.0).contains(&options.b) {
            return wrong(format!("b is 0 to 1, and this is {}", options.b));
        }
        let (mut of_field, mut analysers, mut languages) = (Vec::new(), Vec::new(), Vec::<&str>::new());
        for field in &options.fields {
            if !(field.weight > 0.0 && field.weight.is_finite()) {
                return wrong(format!("the weight of `{}` is above 0, and this is {}", field.name, field.weight));
            }
            let at = match languages.iter().position(|l| *l == field.language) {
                Some(at) => at,
                None => {
                    let Some(analyser) = Analyser::of(&field.language) else {
                        return wrong(format!("`{}` names the unknown language `{}`", field.name, field.language));
                    };
                    languages.push(&field.language);
                    analysers.push(analyser);
                    analysers.len() - 1
                }
            };
            of_field.push(at);
        }
        let plain = Analyser::of("none").expect("`none` is a language of the list");
        Ok(Self { of_field, analysers, plain })
    }

    /// The analyser of a field.
    pub(crate) fn field(&self, field: usize) -> &Analyser {
        &self.analysers[self.of_field[field]]
    }

    /// Each different analyser.
    pub(crate) fn each(&self) -> &[Analyser] {
        &self.analysers
    }

    /// The words of a text in lower case, neither stemmed nor left out.
    pub(crate) fn words(&self, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        self.plain.terms(text, &mut |t| out.push(t.to_owned()));
        out
    }
}
