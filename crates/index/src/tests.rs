//! What an index promises, against the definition worked out document by document.

use crate::query::{CLAUSES_MAX, COSTLY_MAX, QUERY_BYTES_MAX};
use crate::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tamis_spec::mask::Mask;
use tamis_text::Analyser;

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    /// A word; some are much commoner than others.
    fn word(&mut self) -> String {
        const WORDS: [&str; 24] = [
            "shoe", "shoes", "red", "reds", "blue", "boot", "boots", "leather", "lether", "running", "run", "the",
            "of", "zebra", "größe", "日本", "naïve", "shoo", "shop", "shot", "e-mail", "x", "sandal", "sandals",
        ];
        let n = 1 + self.below(WORDS.len());
        WORDS[self.below(n)].into()
    }

    fn text(&mut self, n: usize) -> String {
        (0..self.below(n + 1)).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn query(&mut self) -> String {
        let piece = |dice: &mut Self| {
            let sign = ["", "", "", "", "+", "-"][dice.below(6)];
            let word = dice.word();
            let piece = match dice.below(8) {
                0 => format!("\"{} {}\"", word, dice.word()),
                1 => format!("{}*", word.chars().take(1 + dice.below(4)).collect::<String>()),
                2 => format!("{word}~{}", 1 + dice.below(2)),
                _ => word,
            };
            format!("{sign}{piece}")
        };
        (0..1 + self.below(9)).map(|_| piece(self)).collect::<Vec<_>>().join(" ")
    }
}

fn options(languages: &[&str], positions: bool) -> Options {
    let field = |(i, language): (usize, &&str)| Field {
        name: format!("field {i}"),
        weight: 1.0 + i as f32 * 0.5,
        language: (*language).into(),
    };
    Options { fields: languages.iter().enumerate().map(field).collect(), k1: 1.2, b: 0.75, positions }
}

type Texts = BTreeMap<u32, Vec<String>>;

fn built(options: &Options, docs: &Texts) -> Vec<u8> {
    let mut builder = Builder::new(options).unwrap();
    for (doc, texts) in docs {
        builder.add(*doc, &texts.iter().map(|t| &t[..]).collect::<Vec<_>>()).unwrap();
    }
    builder.finish()
}

fn opened(bytes: Vec<u8>) -> Index {
    Index::open(Arc::new(bytes)).unwrap()
}

/// The scores of all documents, by definition.
struct Reference {
    options: Options,
    /// For each document, the terms of each field.
    docs: BTreeMap<u32, Vec<Vec<String>>>,
}

impl Reference {
    fn of(options: &Options, docs: &Texts) -> Self {
        let terms = |(field, text): (&Field, &String)| {
            let mut out = Vec::new();
            Analyser::of(&field.language).unwrap().terms(text, &mut |t| out.push(t.to_owned()));
            out
        };
        let docs =
            docs.iter().map(|(doc, texts)| (*doc, options.fields.iter().zip(texts).map(terms).collect())).collect();
        Self { options: options.clone(), docs }
    }

    /// Edits between two words, by definition.
    fn edits(a: &str, b: &str) -> usize {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let mut d = vec![vec![usize::MAX; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                let mut least = if i == 0 { j } else { i + j };
                if i > 0 {
                    least = least.min(d[i - 1][j] + 1);
                }
                if j > 0 {
                    least = least.min(d[i][j - 1] + 1);
                }
                if i > 0 && j > 0 {
                    least = least.min(d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]));
                }
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(d[i - 2][j - 2] + 1);
                }
                d[i][j] = least;
            }
        }
        d[a.len()][b.len()]
    }

    /// How often a clause matches in the terms of a field.
    fn frequency(&self, matches: &Matches, terms: &[String]) -> f64 {
        let each = |share: &dyn Fn(&String) -> f64| terms.iter().map(share).sum();
        match matches {
            Matches::Term(of) => each(&|t| f64::from(u8::from(of.contains(t)))),
            Matches::Prefix(start) => each(&|t| f64::from(u8::from(t.starts_with(start)))),
            Matches::Fuzzy { terms: of, distance } => each(&|t| {
                let edits = of.iter().map(|w| Self::edits(w, t)).min().unwrap();
                if edits <= usize::from(*distance) { 0.5f64.powi(edits as i32) } else { 0.0 }
            }),
            Matches::Phrase(sequences) => {
                let count = |words: &Vec<String>| {
                    if self.options.positions {
                        return terms.windows(words.len()).filter(|w| *w == &words[..]).count();
                    }
                    words.iter().map(|w| terms.iter().filter(|t| *t == w).count()).min().unwrap()
                };
                sequences.iter().map(count).sum::<usize>() as f64
            }
        }
    }

    fn scores(&self, query: &Query) -> BTreeMap<u32, f64> {
        let n = self.docs.len() as f64;
        let average = |f: usize| self.docs.values().map(|d| d[f].len() as f64).sum::<f64>() / n;
        let averages: Vec<f64> = (0..self.options.fields.len()).map(average).collect();
        let (k1, b) = (f64::from(self.options.k1), f64::from(self.options.b));
        let x = |matches: &Matches, doc: &Vec<Vec<String>>| -> f64 {
            let fields = self.options.fields.iter().zip(doc).zip(&averages);
            fields
                .map(|((field, terms), average)| {
                    let tf = self.frequency(matches, terms);
                    if tf == 0.0 {
                        0.0
                    } else {
                        f64::from(field.weight) * tf / (1.0 - b + b * terms.len() as f64 / average)
                    }
                })
                .sum()
        };
        let mut total: BTreeMap<u32, Option<f64>> = self.docs.keys().map(|doc| (*doc, Some(0.0))).collect();
        for clause in &query.clauses {
            let xs: BTreeMap<u32, f64> =
                self.docs.iter().map(|(doc, terms)| (*doc, x(&clause.matches, terms))).collect();
            let df = xs.values().filter(|x| **x > 0.0).count() as f64;
            let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
            for (doc, x) in xs {
                let score = total.get_mut(&doc).unwrap();
                match clause.occur {
                    Occur::MustNot if x > 0.0 => *score = None,
                    Occur::Must if x == 0.0 => *score = None,
                    Occur::MustNot => {}
                    _ => {
                        *score =
                            score.map(|s| s + if x > 0.0 { f64::from(clause.weight) * idf * x / (k1 + x) } else { 0.0 })
                    }
                }
            }
        }
        total.into_iter().map(|(doc, score)| (doc, score.unwrap_or(0.0))).collect()
    }
}

/// Compares everything an index answers to a query with the definition.
fn check(index: &Index, reference: &Reference, query: &str, dice: &mut Dice) {
    let parsed = index.parse(query);
    let expected = reference.scores(&parsed);
    let docs: Vec<u32> = expected.keys().copied().collect();
    let scores = index.scores(&parsed, &docs);
    for (doc, score) in docs.iter().zip(&scores) {
        let by_definition = expected[doc];
        let far = (f64::from(*score) - by_definition).abs() > 1e-5 * by_definition;
        assert!(!far, "{query} ({parsed}): document {doc} has {score}, and by definition {by_definition}");
    }
    let mut mask = Mask::default();
    docs.iter().filter(|_| dice.below(3) == 0).for_each(|doc| assert!(mask.insert(*doc)));
    for only in [None, Some(&mask)] {
        let mut best: Vec<Hit> =
            docs.iter().zip(&scores).map(|(doc, score)| Hit { doc: *doc, score: *score }).collect();
        best.retain(|hit| hit.score > 0.0 && only.is_none_or(|mask| mask.has(hit.doc)));
        best.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.doc.cmp(&b.doc)));
        for k in [1, 3, 10, 100, 10_000] {
            let found = index.search(&parsed, k, only);
            assert_eq!(found, best[..k.min(best.len())], "{query} ({parsed}), {k} best, filtered: {}", only.is_some());
        }
    }
}

fn documents(dice: &mut Dice, n: usize, spread: usize, n_fields: usize) -> Texts {
    (0..n).map(|_| (dice.below(spread) as u32, (0..n_fields).map(|_| dice.text(12)).collect())).collect()
}

#[test]
fn every_kind_of_query_scores_as_defined_and_finds_the_best() {
    for (seed, languages, positions, n, spread) in [
        (1, &["none"][..], false, 40, 60),
        (2, &["none"], true, 900, 1_000),
        (3, &["none", "none"], true, 900, 40_000),
        (4, &["english", "none"], true, 500, 9_000),
        (5, &["english", "german", "none"], false, 300, 300),
        (6, &["none", "english", "none", "none", "none"], true, 300, 300),
    ] {
        let mut dice = Dice(seed);
        let options = options(languages, positions);
        let docs = documents(&mut dice, n, spread, languages.len());
        let reference = Reference::of(&options, &docs);
        let index = opened(built(&options, &docs));
        for _ in 0..60 {
            let query = dice.query();
            check(&index, &reference, &query, &mut dice);
        }
    }
}

#[test]
fn an_index_grown_by_changes_is_the_one_built_from_what_is_left() {
    for (seed, languages, positions) in
        [(1, &["none"][..], true), (2, &["english", "none"], true), (3, &["none", "none"], false)]
    {
        let mut dice = Dice(seed);
        let options = options(languages, positions);
        let mut docs = documents(&mut dice, 300, 600, languages.len());
        let mut index = opened(built(&options, &docs));
        for round in 0..6 {
            for _ in 0..80 {
                let doc = dice.below(700) as u32;
                if dice.below(3) == 0 {
                    assert_eq!(index.remove(doc).unwrap(), docs.remove(&doc).is_some());
                } else {
                    // Longer and longer texts: bounds that were written must follow the means.
                    let texts: Vec<String> = languages.iter().map(|_| dice.text(12 + round * 20)).collect();
                    index.insert(doc, &texts.iter().map(|t| &t[..]).collect::<Vec<_>>()).unwrap();
                    docs.insert(doc, texts);
                }
            }
            assert_eq!(index.len(), docs.len());
            let at_once = opened(built(&options, &docs));
            let reference = Reference::of(&options, &docs);
            for _ in 0..40 {
                let query = dice.query();
                check(&index, &reference, &query, &mut dice);
                let (a, b) = (index.parse(&query), at_once.parse(&query));
                assert_eq!(index.search(&a, 20, None), at_once.search(&b, 20, None), "{query}");
            }
            for word in ["shoe", "red", "run", "zebra", "größe", "unknown"] {
                assert_eq!(index.df(word), at_once.df(word), "{word}");
                assert_eq!(index.correct(word, 2), at_once.correct(word, 2), "{word}");
            }
            if round % 2 == 1 {
                index.merge().unwrap();
                assert!(index.written() == at_once.written(), "the bytes are those of an index that is built at once");
            }
        }
    }
}

#[test]
fn an_index_that_starts_empty_becomes_the_one_built_at_once() {
    let options = options(&["english", "none"], true);
    let docs = documents(&mut Dice(7), 200, 400, 2);
    let mut index = Index::empty(&options).unwrap();
    assert!(index.is_empty() && index.search(&index.parse("red"), 10, None).is_empty());
    let mut order: Vec<_> = docs.iter().collect();
    order.reverse();
    for (doc, texts) in order {
        index.insert(*doc, &[&texts[0], &texts[1]]).unwrap();
        assert!(index.has(*doc));
    }
    index.merge().unwrap();
    assert!(index.written() == built(&options, &docs));
    for doc in docs.keys() {
        index.remove(*doc).unwrap();
    }
    assert_eq!((index.len(), index.df("red")), (0, 0));
    assert!(index.search(&index.parse("red* \"red shoe\" blu~2"), 10, None).is_empty());
    index.merge().unwrap();
    assert!(index.written() == Index::empty(&options).unwrap().written());
}

#[test]
fn many_changes_are_written_by_themselves() {
    let mut index = Index::empty(&Options::one("none")).unwrap();
    for doc in 0..CHANGES_MAX as u32 {
        index.insert(doc, &["red shoe"]).unwrap();
    }
    assert_eq!(index.len(), CHANGES_MAX);
    let mut docs = Texts::new();
    (0..CHANGES_MAX as u32).for_each(|doc| drop(docs.insert(doc, vec!["red shoe".into()])));
    assert!(index.written() == built(&Options::one("none"), &docs));
}

#[test]
fn the_same_documents_make_the_same_bytes_on_any_number_of_threads() {
    let mut dice = Dice(11);
    let docs: Texts = (0..40_000).map(|doc| (doc, vec![dice.text(6), dice.text(3)])).collect();
    let options = options(&["none", "english"], true);
    let with =
        |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(|| built(&options, &docs));
    let one = with(1);
    assert!(one == with(2) && one == with(5));
    let index = opened(one);
    let reference = Reference::of(&options, &docs);
    for query in ["red zebra", "+leather -shoe", "\"red shoe\" sand*"] {
        check(&index, &reference, query, &mut dice);
    }
}

#[test]
fn equal_scores_are_in_the_order_of_ids() {
    let docs: Texts = (0..10_000).map(|doc| (doc * 3, vec!["red shoe".into()])).collect();
    let index = opened(built(&Options::one("none"), &docs));
    for query in ["red", "red shoe", "+red", "red shoe blue", "re*"] {
        let found: Vec<u32> = index.search(&index.parse(query), 5, None).iter().map(|hit| hit.doc).collect();
        assert_eq!(found, [0, 3, 6, 9, 12], "{query}");
    }
    assert_eq!(index.search(&index.parse("red"), 0, None), []);
    assert_eq!(index.search(&index.parse("red"), usize::MAX, None).len(), 10_000);
}

#[test]
fn many_threads_may_search_one_index() {
    fn shared<T: Send + Sync>() {}
    shared::<Index>();
    shared::<Completions>();
}

#[test]
fn damaged_bytes_are_refused_and_say_what_was_found() {
    let options = options(&["english", "none"], true);
    let bytes = built(&options, &documents(&mut Dice(5), 60, 90, 2));
    let refused = |bytes: Vec<u8>| Index::open(Arc::new(bytes)).map(|_| ()).unwrap_err().to_string();
    for end in (0..bytes.len()).step_by(7) {
        refused(bytes[..end].to_vec());
    }
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        // Between the sections, bytes say nothing.
        if let Ok(index) = Index::open(Arc::new(bytes)) {
            assert_eq!(index.len(), opened(index.written().to_vec()).len());
        }
    }
    let check = |at: usize, value: u8, expected: &str| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        let found = refused(bytes);
        assert!(found.contains(expected), "{found}");
    };
    check(0, b'x', "begin with");
    check(8, 9, "version 9, and this program reads version 1");
    check(30, 99, "the table of 10 sections has the checksum");
    check(bytes.len() - 9, 99, "the checksum of `places` is");
    assert!(refused(Vec::new()).contains("0 bytes"));
    let longer = [&bytes[..], &[0; 8]].concat();
    assert!(refused(longer).contains("were written"));
}

#[test]
fn bytes_are_read_from_wherever_they_lie() {
    let docs = documents(&mut Dice(5), 60, 90, 1);
    let bytes = built(&Options::one("none"), &docs);
    struct Within(Vec<u8>, usize);
    impl AsRef<[u8]> for Within {
        fn as_ref(&self) -> &[u8] {
            &self.0[self.1..]
        }
    }
    let whole = opened(bytes.clone());
    for at in 0..9 {
        let index = Index::open(Arc::new(Within([&vec![7; at], &bytes[..]].concat(), at))).unwrap();
        assert_eq!(index.search(&index.parse("red shoe"), 10, None), whole.search(&whole.parse("red shoe"), 10, None));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    std::fs::write(&path, &bytes).unwrap();
    assert!(Index::map(&path).unwrap().written() == bytes);
    let missing = Index::map(&dir.path().join("none")).map(|_| ()).unwrap_err().to_string();
    assert!(missing.contains("none: "), "{missing}");
}

#[test]
fn a_query_says_how_it_was_understood() {
    let index = Index::empty(&options(&["english", "none"], true)).unwrap();
    let check = |text: &str, expected: &str, ignored: &[&str]| {
        let query = index.parse(text);
        assert_eq!(query.to_string(), expected, "{text}");
        assert_eq!(query.ignored, ignored, "{text}");
    };
    check("red Shoes", "red shoe|shoes", &[]);
    check(
        "+red -\"running shoe\" boo* lether~ lether~2",
        "+red -\"run shoe\"|\"running shoe\" boo* lether~1 lether~2",
        &[],
    );
    check("red red red", "red^3", &[]);
    check("\"red shoe", "\"red shoe\"", &[]);
    check("„red shoe“ «zebra»", "\"red shoe\" zebra", &[]);
    check("-e-mail", "-\"e mail\"", &[]);
    check("+ - -- ++ \"\" * ~ 🎉 —", "", &["+", "-", "-", "+", "*", "~", "🎉", "—"]);
    check("مرحبا بالعالم", "مرحبا بالعالم", &[]);
    check("the", "the", &[]);
    let english = Index::empty(&Options::one("english")).unwrap();
    assert_eq!(english.parse("the of \"and the\"").ignored, ["the", "of", "and the"]);
}

#[test]
fn hostile_texts_are_queries_within_bounds() {
    let index = opened(built(&options(&["english"], true), &documents(&mut Dice(5), 60, 90, 1)));
    let mut dice = Dice(3);
    let mut texts: Vec<String> = vec![
        "\"".repeat(1 << 20),
        "+-".repeat(1 << 19),
        "red ".repeat(1 << 18),
        (0..1 << 17).map(|i| format!("word{i}* ")).collect(),
        format!("red {}", (0..1 << 17).map(|i| format!("word{i}—")).collect::<String>()),
        "x~2 ".repeat(1 << 18),
        "é".repeat(1 << 19),
        "\u{202e}\u{0}\u{feff}red\u{200b}".repeat(1 << 15),
        format!("\"{}\"", "red shoe ".repeat(1 << 17)),
        "z".repeat(1 << 20) + "~2",
    ];
    let signs: Vec<char> = "\"+-*~ 2aé日🎉\u{301}\u{202e}\n".chars().collect();
    texts.extend((0..300).map(|n| (0..n).map(|_| signs[dice.below(signs.len())]).collect::<String>()));
    for text in texts {
        let query = index.parse(&text);
        let costly = query.clauses.iter().filter(|c| !matches!(c.matches, Matches::Term(_))).count();
        assert!(query.clauses.len() <= CLAUSES_MAX && costly <= COSTLY_MAX);
        assert!(text.len() <= QUERY_BYTES_MAX || query.cut);
        index.search(&query, 10, None);
        assert_eq!(index.scores(&query, &[5, 3, u32::MAX]).len(), 3);
    }
}

#[test]
fn a_document_of_ten_megabytes_is_read_within_bounds() {
    let long = "red shoe zebra ".repeat(700_000);
    let docs: Texts = [(3, vec![long.clone()]), (4, vec!["red".into()]), (9, vec![String::new()])].into();
    let options = options(&["none"], true);
    let mut index = opened(built(&options, &docs));
    check(&index, &Reference::of(&options, &docs), "red \"red shoe\" zeb*", &mut Dice(1));
    index.remove(3).unwrap();
    index.insert(3, &[&long]).unwrap();
    check(&index, &Reference::of(&options, &docs), "red \"red shoe\" zeb*", &mut Dice(1));
    index.merge().unwrap();
    assert!(index.written() == built(&options, &docs));
}

#[test]
fn what_is_no_document_is_refused() {
    let mut builder = Builder::new(&Options::one("none")).unwrap();
    builder.add(5, &["red"]).unwrap();
    let check = |result: Result<(), Error>, expected: &str| assert_eq!(result.unwrap_err().to_string(), expected);
    check(builder.add(5, &["red"]), "document 5 of a text index: documents are added in the order of ids, and 5 was");
    check(builder.add(6, &[]), "document 6 of a text index: 0 texts, and the index has 1 fields");
    check(builder.add(DOCS_MAX, &["red"]), "document 268435456 of a text index: ids are below 268435456");
    let mut index = opened(builder.finish());
    check(index.insert(u32::MAX, &["red"]), "document 4294967295 of a text index: ids are below 268435456");
    let wrong = |change: fn(&mut Options)| {
        let mut options = Options::one("none");
        change(&mut options);
        Builder::new(&options).map(|_| ()).unwrap_err().to_string()
    };
    assert!(wrong(|o| o.k1 = -1.0).ends_with("k1 is 0 or more, and this is -1"));
    assert!(wrong(|o| o.b = f32::NAN).ends_with("b is 0 to 1, and this is NaN"));
    assert!(wrong(|o| o.fields.clear()).ends_with("an index has 1 to 8 fields, and these are 0"));
    assert!(wrong(|o| o.fields[0].language = "klingon".into()).ends_with("names the unknown language `klingon`"));
    assert!(wrong(|o| o.fields[0].weight = 0.0).ends_with("the weight of `text` is above 0, and this is 0"));
}

#[test]
fn a_word_is_corrected_to_the_nearest_and_then_the_commonest_term() {
    let texts = ["shoe shoe", "shoe", "shop", "shot", "leather", "boots", "boots", "robots"];
    let docs: Texts = texts.iter().enumerate().map(|(i, t)| (i as u32, vec![t.to_string()])).collect();
    let index = opened(built(&Options::one("none"), &docs));
    let check = |word: &str, distance: u8, expected: Option<(&str, u8, u32)>| {
        let found = index.correct(word, distance);
        assert_eq!(found, expected.map(|(t, distance, df)| Correction { term: t.into(), distance, df }), "{word}");
    };
    check("shoe", 2, Some(("shoe", 0, 2)));
    check("shoo", 1, Some(("shoe", 1, 2)));
    check("hsoe", 1, Some(("shoe", 1, 2)));
    check("laether", 1, Some(("leather", 1, 1)));
    check("lether", 1, Some(("leather", 1, 1)));
    check("bots", 2, Some(("boots", 1, 2)));
    check("zebra", 2, None);
}

#[test]
fn completions_are_those_of_a_list_sorted_by_weight() {
    let mut dice = Dice(9);
    let mut expected: BTreeMap<String, f32> = BTreeMap::new();
    let entry = |dice: &mut Dice| format!("{} {}", dice.word(), dice.text(3));
    for _ in 0..300 {
        expected.insert(entry(&mut dice), dice.below(40) as f32);
    }
    let mut completions = Completions::of(expected.clone().into_iter().collect());
    for step in 0..12_000 {
        let text = if step % 3 == 0 { format!("{} {step}", dice.word()) } else { entry(&mut dice) };
        if dice.below(4) == 0 {
            assert_eq!(completions.remove(&text), expected.remove(&text).is_some());
        } else {
            let weight = dice.below(40) as f32 - 10.0;
            completions.set(&text, weight);
            expected.insert(text.clone(), weight);
        }
        if step % 200 > 0 {
            continue;
        }
        let prefixes: BTreeSet<String> =
            ["", "s", "re", "red ", "größ", "日", "nothing"].into_iter().map(String::from).collect();
        for prefix in prefixes {
            let mut sorted: Vec<Completion> = expected
                .iter()
                .filter(|(text, _)| text.starts_with(&prefix))
                .map(|(text, weight)| Completion { text: text.clone(), weight: *weight })
                .collect();
            sorted.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.text.cmp(&b.text)));
            sorted.truncate(10);
            assert_eq!(completions.suggest(&prefix, 10), sorted, "{prefix}");
        }
        assert_eq!(completions.weight(&text), expected.get(&text).copied());
    }
    assert!(Completions::default().suggest("", 10).is_empty());
}
