//! A column of texts: one after the other, or, where words repeat, each word once and its number a row.

use super::{DecodeError, with_room};
use crate::wire::{Reader, put_varint};
use rustc_hash::FxHashMap;
use tamis_spec::batch::Texts;

const PLAIN: u8 = 0;
/// A dictionary of at most 256 words.
const NARROW: u8 = 1;
/// A dictionary of at most 65,536 words.
const WIDE: u8 = 2;

/// Fewer rows than this are not worth a dictionary.
const DICTIONARY_ROWS_MIN: usize = 16;

pub(crate) fn put_texts(texts: &Texts, out: &mut Vec<u8>) {
    let Some((words, codes)) = dictionary(texts) else {
        out.push(PLAIN);
        return put_plain(texts, out);
    };
    out.push(if words.len() <= 256 { NARROW } else { WIDE });
    put_varint(out, words.len() as u64);
    put_plain(&words, out);
    match words.len() <= 256 {
        true => out.extend(codes.iter().map(|c| *c as u8)),
        false => out.extend(codes.iter().flat_map(|c| c.to_le_bytes())),
    }
}

pub(crate) fn get_texts(r: &mut Reader, n: usize) -> Result<Texts, DecodeError> {
    let form = r.byte()?;
    if form == PLAIN {
        return get_plain(r, n);
    }
    if form != NARROW && form != WIDE {
        return Err(r.error("a form of texts"));
    }
    let n_words = r.count()?;
    let words = get_plain(r, n_words)?;
    let width = if form == NARROW { 1 } else { 2 };
    let codes = r.take(n.saturating_mul(width))?;
    let mut texts = Texts { ends: Vec::with_capacity(n), bytes: String::new() };
    for code in codes.chunks_exact(width) {
        let code = if width == 1 { usize::from(code[0]) } else { usize::from(u16::from_le_bytes([code[0], code[1]])) };
        if code >= n_words {
            return Err(r.error("words of the dictionary"));
        }
        let word = words.get(code);
        if texts.bytes.len() + word.len() > u32::MAX as usize {
            return Err(r.error("texts of at most 4 GiB"));
        }
        texts.push(word);
    }
    Ok(texts)
}

/// Words in order of appearance and the number of each row's; None where they would not be shorter.
fn dictionary(texts: &Texts) -> Option<(Texts, Vec<u16>)> {
    let words_max = (texts.len() / 2).min(65_536);
    if texts.len() < DICTIONARY_ROWS_MIN {
        return None;
    }
    let (mut words, mut codes) = (Texts::default(), Vec::with_capacity(texts.len()));
    let mut known: FxHashMap<&str, u16> = FxHashMap::default();
    let mut saved = 0;
    for text in texts.iter() {
        let code = match known.get(text) {
            Some(code) => {
                saved += text.len() + 1;
                *code
            }
            None if words.len() == words_max => return None,
            None => {
                let code = words.len() as u16;
                known.insert(text, code);
                words.push(text);
                code
            }
        };
        codes.push(code);
    }
    let spent = texts.len() * if words.len() <= 256 { 1 } else { 2 };
    (saved > spent).then_some((words, codes))
}

fn put_plain(texts: &Texts, out: &mut Vec<u8>) {
    let mut start = 0;
    for &end in &texts.ends {
        put_varint(out, u64::from(end - start));
        start = end;
    }
    out.extend_from_slice(&texts.bytes.as_bytes()[..start as usize]);
}

fn get_plain(r: &mut Reader, n: usize) -> Result<Texts, DecodeError> {
    let mut ends: Vec<u32> = with_room(r, n, 1)?;
    let mut end = 0u64;
    for _ in 0..n {
        end = end.saturating_add(r.varint()?);
        if end > r.left() as u64 || end > u64::from(u32::MAX) {
            return Err(r.error("texts that end within the bytes"));
        }
        ends.push(end as u32);
    }
    let bytes = std::str::from_utf8(r.take(end as usize)?).map_err(|_| r.error("UTF-8"))?;
    if !ends.iter().all(|e| bytes.is_char_boundary(*e as usize)) {
        return Err(r.error("texts that end between characters"));
    }
    Ok(Texts { ends, bytes: bytes.to_owned() })
}
