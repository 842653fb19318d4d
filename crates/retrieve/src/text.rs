//! `text`: the items whose texts answer what was asked, by BM25F over weighted fields. What was known at the fit stands in an index in
//! the bundle; texts that come or change later are taken in as the log goes by.

use crate::source::{Bytes, Error, FitAsk, Memo, Opened, Source, SourceKind, SourcePlan};
use crate::texts;
use std::sync::Arc;
use tamis_index::{Builder, Field, Index, Options, Query};
use tamis_spec::actors::Actors;
use tamis_spec::decision::{Answer, Ask, Happened, Need, Scored};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};
use tamis_text::LANGUAGES;

/// The entry of the registry.
pub const KIND: Kind<dyn SourceKind> = Kind {
    name: "text",
    about: "Proposes the items whose texts answer a query, by BM25F: words, \"phrases\", +required, -excluded, prefix*, typos~.",
    example: "[[candidates]]\nkind = \"text\"\nquery = \"user.occupation_text\"\nof = [\"movie.title^2\", \"movie.plot\"]\nlanguage = \"english\"\nkeep = 300\n",
    params: &[
        Param {
            name: "query",
            ty: ParamType::Expression,
            required: true,
            about: "The text that is asked with: `request.query`, or a text of the actor that lists are for.",
        },
        Param {
            name: "of",
            ty: ParamType::Texts,
            required: true,
            about: "Text fields of the ranked actor, each with a weight if it is not 1: `movie.title^2`.",
        },
        Param {
            name: "language",
            ty: ParamType::Choice(&LANGUAGES),
            required: false,
            about: "Cuts words to their stems and leaves out those that say nothing; by default `none`.",
        },
        Param {
            name: "k1",
            ty: ParamType::Number(0.0, 10.0),
            required: false,
            about: "How soon more of the same word counts no more; by default 1.2.",
        },
        Param {
            name: "b",
            ty: ParamType::Number(0.0, 1.0),
            required: false,
            about: "How much long texts are held against their words; by default 0.75.",
        },
        Param {
            name: "phrases",
            ty: ParamType::Bool,
            required: false,
            about: "Whether places of words are kept, which phrases need; by default true.",
        },
    ],
    it: &TextKind,
};

struct TextKind;

/// Bytes of an index for each item, about: of an abstract.
const BYTES_PER_ITEM: f64 = 600.0;
/// Before the index's own bytes: the moment up to which texts are in it.
const HEADER: usize = 8;

impl SourceKind for TextKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let fields = fields(part, system)?;
        let of = part.params.text("query").unwrap_or_default().to_string();
        let at = part.params.span("query").map_or(0, |span| span.start + 1);
        let options = options(part, &fields);
        Ok(SourcePlan {
            needs: vec![Need::Text { of, at }],
            fit_key: Some(format!("{options:?}")),
            of_texts: true,
            bytes: Bytes { per_item: BYTES_PER_ITEM * fields.len() as f64, ..Bytes::default() },
            ..SourcePlan::default()
        })
    }

    fn fit(&self, part: &Part, ask: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        let refused = |reason: String| Error::Fit { part: part.name.value.clone(), reason };
        let fields = fields(part, ask.system).map_err(|d| refused(d.to_string()))?;
        let mut builder = Builder::new(&options(part, &fields)).map_err(|e| refused(e.to_string()))?;
        let item = ask.system.decision.item;
        let columns: Vec<Vec<String>> = fields.iter().map(|f| (ask.texts)(item, f.field)).collect();
        for doc in 0..columns[0].len() {
            let texts: Vec<&str> = columns.iter().map(|column| column[doc].as_str()).collect();
            if texts.iter().any(|t| !t.is_empty()) {
                builder.add(doc as u32, &texts).map_err(|e| refused(e.to_string()))?;
            }
        }
        let mut out = ask.until.to_le_bytes().to_vec();
        out.extend(builder.finish());
        Ok(out)
    }

    fn open(&self, part: &Part, fitted: &Arc<Vec<u8>>, opened: &Opened<'_>) -> Result<Box<dyn Source>, Error> {
        let damaged = |reason: String| Error::Damaged { part: part.name.value.clone(), reason };
        let fields = fields(part, opened.system).map_err(|d| damaged(d.to_string()))?;
        let from = Arc::new(Stored(fitted.clone()));
        let until = fitted.first_chunk::<HEADER>().ok_or_else(|| damaged("it is cut short; train again".into()))?;
        let index = Index::open(from.clone()).map_err(|e| damaged(format!("{e}; train again")))?;
        let fields = fields.iter().map(|f| f.field).collect();
        let known = Known { actor: opened.system.decision.item, fields, until: i64::from_le_bytes(*until) };
        Ok(Box::new(Text { from, index, known, n_told: 0, n_retold: 0 }))
    }
}

/// A field of the item and its weight.
struct Weighted {
    name: String,
    field: usize,
    weight: f32,
}

fn fields(part: &Part, system: &System) -> Result<Vec<Weighted>, Diagnostic> {
    let mut out = Vec::new();
    for path in part.params.texts("of") {
        let refused = |message: String| Diagnostic::new(path.span.clone(), message);
        let (name, weight) = path.value.split_once('^').unwrap_or((&path.value, "1"));
        let weight = weight.parse::<f32>().ok().filter(|w| *w > 0.0 && w.is_finite());
        let Some(weight) = weight else {
            return Err(refused(format!("the weight of `{name}` is a number above 0")).help("write movie.title^2"));
        };
        let (actor, field) = texts::field(name.trim(), &path.span, system)?;
        if actor != system.decision.item {
            let item = &system.actors[system.decision.item].name.value;
            return Err(refused(format!("`of` names texts of what is ranked, `{item}`, found `{name}`")));
        }
        out.push(Weighted { name: name.trim().to_string(), field, weight });
    }
    if out.is_empty() || out.len() > tamis_index::FIELDS_MAX {
        let span = part.params.span("of").unwrap_or_else(|| part.span.clone());
        let message = format!("`of` names 1 to {} text fields, found {}", tamis_index::FIELDS_MAX, out.len());
        return Err(Diagnostic::new(span, message));
    }
    Ok(out)
}

fn options(part: &Part, fields: &[Weighted]) -> Options {
    let language = part.params.text("language").unwrap_or("none");
    let field = |f: &Weighted| Field { name: f.name.clone(), weight: f.weight, language: language.into() };
    Options {
        fields: fields.iter().map(field).collect(),
        k1: part.params.number("k1").unwrap_or(1.2) as f32,
        b: part.params.number("b").unwrap_or(0.75) as f32,
        positions: part.params.bool("phrases").unwrap_or(true),
    }
}

/// The index's bytes within what was fitted.
struct Stored(Arc<Vec<u8>>);

impl AsRef<[u8]> for Stored {
    fn as_ref(&self) -> &[u8] {
        self.0.get(HEADER..).unwrap_or(&[])
    }
}

/// Whose texts are in the index, and up to which moment they were at the fit.
#[derive(Clone)]
struct Known {
    actor: usize,
    fields: Vec<usize>,
    until: i64,
}

/// An index and how far it has followed the items' texts.
struct Text {
    from: Arc<Stored>,
    index: Index,
    known: Known,
    n_told: usize,
    n_retold: usize,
}

/// The last question and how it was understood.
struct Asked {
    text: String,
    query: Query,
}

/// The text of the question; empty where nothing was asked.
fn text_of<'a>(ask: &Ask<'a>) -> &'a str {
    match ask.answers.first() {
        Some(Answer::Text(text)) => text,
        _ => "",
    }
}

impl Text {
    fn query<'m>(&self, text: &str, memo: &'m mut Memo) -> &'m Query {
        let asked = memo.kept.get_or_insert_with(|| Box::new(Asked { text: String::new(), query: Query::default() }));
        let asked = asked.downcast_mut::<Asked>().expect("a source's memo is its own");
        if asked.text != text {
            *asked = Asked { text: text.to_string(), query: self.index.parse(text) };
        }
        &asked.query
    }

    /// Takes in the texts of an item as they were known from a moment on.
    fn take(&mut self, actors: &Actors, (moment, item): (i64, u32)) {
        if moment < self.known.until {
            return;
        }
        let table = &actors.tables[self.known.actor];
        let read = |field: &usize| {
            let at = table.at(*field, item, moment.saturating_add(1));
            at.map_or("", |(field, row)| field.text(row))
        };
        let texts: Vec<&str> = self.known.fields.iter().map(read).collect();
        let done = if texts.iter().all(|t| t.is_empty()) {
            self.index.remove(item).map(drop)
        } else {
            self.index.insert(item, &texts)
        };
        done.expect("there are as many texts as fields, and what is written anew can be read");
    }
}

impl Source for Text {
    fn candidates(&self, ask: &Ask<'_>, keep: usize, memo: &mut Memo, out: &mut Vec<Scored>) {
        let text = text_of(ask);
        let query = self.query(text, memo);
        // Few are excluded: what they take of the list is asked for beside it.
        let hits = self.index.search(query, keep.saturating_add(ask.excluded.count()), None);
        let free = hits.into_iter().filter(|h| !ask.excluded.has(h.doc) && (h.doc as usize) < ask.n_items);
        out.extend(free.take(keep).map(|h| Scored { item: h.doc, score: h.score }));
    }

    fn score(&self, ask: &Ask<'_>, items: &[u32], memo: &mut Memo, out: &mut [f32]) {
        let text = text_of(ask);
        if text.is_empty() {
            out.fill(f32::NAN);
            return;
        }
        out.copy_from_slice(&self.index.scores(self.query(text, memo), items));
    }

    fn fold(&mut self, _: &Happened<'_>) {}

    fn learn(&mut self, actors: &Actors, now: i64) {
        let table = &actors.tables[self.known.actor];
        let due = |all: &[(i64, u32)], from: usize| {
            let n = all[from.min(all.len())..].partition_point(|(moment, _)| *moment < now);
            all[from.min(all.len())..][..n].to_vec()
        };
        let (told, retold) = (due(&table.told, self.n_told), due(&table.retold, self.n_retold));
        (self.n_told, self.n_retold) = (self.n_told + told.len(), self.n_retold + retold.len());
        told.into_iter().chain(retold).for_each(|one| self.take(actors, one));
    }

    fn replica(&self) -> Box<dyn Source> {
        let index = Index::open(self.from.clone()).expect("it was opened before");
        let (from, known) = (self.from.clone(), self.known.clone());
        Box::new(Self { from, index, known, n_told: 0, n_retold: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{ask_of, asked_with, named, part, system, text, with_fit};
    use tamis_spec::actors::schema_of;
    use tamis_spec::batch::Column;
    use tamis_spec::diagnostic::Spanned;
    use tamis_spec::events::Events;
    use tamis_spec::mask::Mask;
    use tamis_spec::param::ParamValue;
    use tamis_spec::system::{FieldSpec, Type};

    fn films() -> System {
        let mut system = system();
        for (name, ty) in [("title", Type::Text), ("plot", Type::Text), ("year", Type::Number)] {
            let field = FieldSpec {
                name: named(name),
                ty,
                column: name.into(),
                separator: "|".into(),
                weighted: false,
                pattern: None,
                first: None,
            };
            system.actors[1].fields.push(field);
        }
        system
    }

    fn of(fields: &[&str]) -> Part {
        let fields = fields.iter().map(|f| Spanned { value: f.to_string(), span: 3..5 }).collect();
        let query = ("query", text("request.query"));
        part("text", vec![query, ("of", ParamValue::Texts(fields)), ("language", text("english"))])
    }

    const TITLES: [&str; 4] = ["Running", "The dogs", "", "A dog runs"];
    const PLOTS: [&str; 4] = ["of cats and a dog", "", "", "to the cats"];

    fn opened(system: &System, until: i64) -> Box<dyn Source> {
        let part = of(&["movie.title^3", "movie.plot"]);
        let texts = |_: usize, field: usize| [TITLES, PLOTS][field].map(String::from).to_vec();
        let fitted =
            with_fit(&[], 2, 4, 1, |ask| KIND.it.fit(&part, &FitAsk { system, texts: &texts, until, ..*ask }).unwrap());
        KIND.it.open(&part, &Arc::new(fitted), &Opened { system, learned: &[] }).unwrap()
    }

    fn found(source: &dyn Source, query: &str, excluded: &Mask) -> (Vec<u32>, Vec<f32>) {
        let answers = [Answer::Text(query)];
        let ask = ask_of(0, 6, &answers, &[], excluded);
        let (list, scores) = asked_with(source, &ask, 9, &mut Memo::default());
        list.iter().for_each(|s| assert_eq!(scores[s.item as usize].to_bits(), s.score.to_bits()));
        (list.into_iter().map(|s| s.item).collect(), scores)
    }

    #[test]
    fn items_answer_by_words_of_their_fields_and_heavier_fields_count_more() {
        let source = opened(&films(), 0);
        let check = |query: &str, expected: &[u32]| {
            assert_eq!(found(&*source, query, &Mask::default()).0, expected, "{query}");
        };
        check("dog", &[1, 3, 0]);
        check("a running dog", &[0, 3, 1]);
        check("+cat -dog", &[]);
        check("\"dog runs\"", &[3]);
        check("the", &[]);
        check("\"", &[]);
        let (none, scores) = found(&*source, "", &Mask::default());
        assert!(none.is_empty() && scores.iter().all(|s| s.is_nan()));
        let mut excluded = Mask::default();
        excluded.insert(3);
        assert_eq!(found(&*source, "dog", &excluded).0, [1, 0]);
    }

    #[test]
    fn what_is_said_of_items_later_counts_from_its_moment_on() {
        let system = films();
        let (schema, mut actors) = (schema_of(&system), Actors::new(&system));
        let (mut batch, mut events) = (schema.batch(), Events::new(&system));
        let mut say = |kind: usize, time: i64, key: &str, title: &str| {
            batch.order.push(kind as u16);
            let rows = &mut batch.rows[kind];
            rows.time.push(time);
            rows.known.push(time);
            rows.keys.iter_mut().for_each(|k| k.push(key));
            for (field, column) in rows.fields.iter_mut().enumerate() {
                match column {
                    Column::Texts(texts) => texts.push(if field == 0 { title } else { "" }),
                    other => other.push_missing(),
                }
            }
        };
        TITLES.iter().enumerate().for_each(|(i, title)| say(1, 0, &i.to_string(), title));
        say(2, 0, "0", "");
        say(1, 10, "4", "Dogs again");
        say(1, 20, "1", "No more");
        actors.apply(&schema, &batch, &mut events);
        let mut source = opened(&system, 5);
        let mut at = |now: i64| {
            source.learn(&actors, now);
            found(&*source, "dog", &Mask::default()).0
        };
        assert_eq!(at(10), [1, 3, 0]);
        assert_eq!(at(11), [1, 4, 3, 0]);
        assert_eq!(at(21), [4, 3, 0]);
        assert_eq!(found(&*source.replica(), "dog", &Mask::default()).0, [1, 3, 0]);
    }

    #[test]
    fn wrong_fields_weights_and_bytes_are_told() {
        let system = films();
        let check = |fields: &[&str], expected: &str| {
            let found = KIND.it.plan(&of(fields), &system).err().map(|d| d.to_string()).unwrap_or_default();
            assert!(found.contains(expected), "{found}");
        };
        check(&["movie.titel"], "did you mean `title`?");
        check(&["movie.title^0"], "the weight of `movie.title` is a number above 0");
        check(&["movie.year"], "unknown text field");
        check(&[], "1 to 8 text fields, found 0");
        let part = of(&["movie.title"]);
        for bytes in [Vec::new(), vec![0; 9], vec![7; 400]] {
            let open = KIND.it.open(&part, &Arc::new(bytes), &Opened { system: &system, learned: &[] });
            assert!(open.err().expect("it is damaged").to_string().contains("train again"));
        }
    }
}
