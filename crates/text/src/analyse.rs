//! Texts to terms: words by Unicode's rules in lower case, without those that say nothing, each cut to its stem.

use frostem::{Algorithm, Stemmer};
use rustc_hash::FxHashSet;
use unicode_segmentation::UnicodeSegmentation;

/// The languages that are known; `none` keeps every word as it is, in lower case.
pub const LANGUAGES: [&str; 16] = [
    "none",
    "english",
    "german",
    "french",
    "spanish",
    "italian",
    "portuguese",
    "dutch",
    "danish",
    "norwegian",
    "swedish",
    "finnish",
    "hungarian",
    "romanian",
    "russian",
    "turkish",
];

/// Their codes of ISO 639-1, in the same order.
const CODES: [&str; LANGUAGES.len()] =
    ["", "en", "de", "fr", "es", "it", "pt", "nl", "da", "no", "sv", "fi", "hu", "ro", "ru", "tr"];

/// A word longer than so many bytes is not a term: nobody looks for it.
pub const TERM_BYTES_MAX: usize = 64;
/// Terms beyond so many of one text are not read.
pub const TERMS_MAX: usize = 100_000;

/// Makes terms of texts.
pub struct Analyser {
    stemmer: Option<Stemmer>,
    stops: FxHashSet<&'static str>,
}

impl Analyser {
    /// For one of [`LANGUAGES`]; none for another.
    pub fn of(language: &str) -> Option<Self> {
        let code = CODES[LANGUAGES.iter().position(|l| *l == language)?];
        let stemmer = Algorithm::from_name(language).ok().map(Stemmer::new);
        let stops = if stemmer.is_some() { stop_words::get(code) } else { &[] };
        Some(Self { stemmer, stops: stops.iter().copied().collect() })
    }

    /// Tells the terms of a text in their order, at most [`TERMS_MAX`].
    pub fn terms(&self, text: &str, each: &mut dyn FnMut(&str)) {
        let mut lower = String::new();
        let mut n = 0;
        for word in text.unicode_words() {
            lower.clear();
            // Sigma at the end of a word has its own form, which matters to no stemmer here.
            word.chars().flat_map(char::to_lowercase).for_each(|c| lower.push(c));
            if lower.len() > TERM_BYTES_MAX || self.stops.contains(lower.as_str()) {
                continue;
            }
            match &self.stemmer {
                Some(stemmer) => each(&stemmer.stem(&lower)),
                None => each(&lower),
            }
            n += 1;
            if n == TERMS_MAX {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(language: &str, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        Analyser::of(language).unwrap().terms(text, &mut |t| out.push(t.to_string()));
        out
    }

    #[test]
    fn words_are_folded_and_stemmed_and_those_that_say_nothing_left_out() {
        let check =
            |language: &str, text: &str, expected: &[&str]| assert_eq!(terms(language, text), expected, "{text}");
        check("none", "The Cats' 3.14 e-mails: ÜBER all!", &["the", "cats", "3.14", "e", "mails", "über", "all"]);
        check("english", "The cats were running and run", &["cat", "run", "run"]);
        check("german", "Die Häuser der Katzen", &["haus", "katz"]);
        check("russian", "красивые дома", &["красив", "дом"]);
        check("english", "", &[]);
        check("english", "— … !!", &[]);
        assert!(Analyser::of("klingon").is_none());
    }

    #[test]
    fn every_language_has_stems_and_words_that_say_nothing() {
        for language in &LANGUAGES[1..] {
            let of = Analyser::of(language).unwrap();
            assert!(of.stemmer.is_some() && of.stops.len() > 30, "{language}");
        }
    }

    #[test]
    fn a_long_text_and_a_long_word_are_read_within_bounds() {
        let word = "x".repeat(10_000_000);
        assert_eq!(terms("english", &word), Vec::<String>::new());
        let text = "word ".repeat(2_000_000);
        assert_eq!(terms("english", &text).len(), TERMS_MAX);
    }
}
