//! Static encoders: a vector for every token, and for a text the mean of those of its tokens, scaled to length 1.
//!
//! A directory holds one safetensors file with one matrix [n_tokens, dimensions] of f32 or f16, and `tokenizer.json` as the crate
//! `tokenizers` reads it; either may be packed (`.zst`, `.gz`).

use safetensors::{Dtype, SafeTensors};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tamis_spec::encode::Encode;
use tokenizers::Tokenizer;

/// A file of an encoder is at most so long when it is unpacked.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a text beyond these are not read.
pub const TEXT_BYTES_MAX: usize = 1 << 16;

const LETTERS: &[u8; 8] = b"static01";

/// What is wrong with a directory or with stored bytes.
#[derive(Debug)]
pub struct Error {
    /// The file or folder.
    pub path: PathBuf,
    /// What was found and what to try.
    pub reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the encoder {} cannot be used: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for Error {}

/// Reads a directory into the bytes that [`StaticEncoder::open`] takes.
pub fn read_dir(dir: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |path: &Path, reason: String| Error { path: path.to_path_buf(), reason };
    let entries = std::fs::read_dir(dir).map_err(|e| wrong(dir, e.to_string()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    files.sort();
    let plain = |path: &Path| {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_string();
        name.trim_end_matches(".zst").trim_end_matches(".gz").to_string()
    };
    let weights = files.iter().find(|f| plain(f).ends_with(".safetensors"));
    let weights = weights.ok_or_else(|| wrong(dir, "it holds no .safetensors file".into()))?;
    let tokenizer = files.iter().find(|f| plain(f) == "tokenizer.json");
    let tokenizer = tokenizer.ok_or_else(|| wrong(dir, "it holds no tokenizer.json".into()))?;
    let bytes = unpacked(weights)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| wrong(weights, e.to_string()))?;
    let found: Vec<_> = tensors.iter().filter(|(_, t)| t.shape().len() == 2).collect();
    let [(_, matrix)] = &found[..] else {
        return Err(wrong(weights, format!("one matrix of token vectors is wanted, it holds {}", found.len())));
    };
    let width = match matrix.dtype() {
        Dtype::F16 => 2,
        Dtype::F32 => 4,
        other => return Err(wrong(weights, format!("its matrix is {other:?}, F16 and F32 are read"))),
    };
    let json = unpacked(tokenizer)?;
    Tokenizer::from_bytes(&json).map_err(|e| wrong(tokenizer, e.to_string()))?;
    let mut out = LETTERS.to_vec();
    for n in [matrix.shape()[0], matrix.shape()[1], width] {
        out.extend_from_slice(&(n as u64).to_le_bytes());
    }
    out.extend_from_slice(matrix.data());
    out.extend_from_slice(&json);
    Ok(out)
}

fn unpacked(path: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |e: std::io::Error| Error { path: path.to_path_buf(), reason: e.to_string() };
    let file = File::open(path).map_err(wrong)?;
    let input: Box<dyn Read> = match path.extension().and_then(|e| e.to_str()) {
        Some("zst") => Box::new(zstd::Decoder::new(file).map_err(wrong)?),
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };
    let mut bytes = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("it is longer than {FILE_BYTES_MAX} bytes");
        return Err(Error { path: path.to_path_buf(), reason });
    }
    Ok(bytes)
}

/// Texts to vectors.
pub struct StaticEncoder {
    tokenizer: Tokenizer,
    bytes: Arc<Vec<u8>>,
    n_tokens: usize,
    dimensions: usize,
    /// Bytes of a value.
    width: usize,
}

const HEADER: usize = 32;

impl StaticEncoder {
    /// Opens what [`read_dir`] made.
    pub fn open(bytes: &Arc<Vec<u8>>) -> Result<Self, Error> {
        let damaged = |reason: &str| Error { path: PathBuf::from("in the bundle"), reason: reason.into() };
        if bytes.len() < HEADER || &bytes[..8] != LETTERS {
            return Err(damaged("its bytes are not those of an encoder; train again"));
        }
        let count = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(eight) as usize
        };
        let (n_tokens, dimensions, width) = (count(8), count(16), count(24));
        let end = n_tokens.checked_mul(dimensions).and_then(|n| n.checked_mul(width));
        let end = end.and_then(|n| n.checked_add(HEADER)).filter(|_| width == 2 || width == 4);
        let json = end.and_then(|end| bytes.get(end..)).ok_or_else(|| damaged("it is cut short; train again"))?;
        let tokenizer = Tokenizer::from_bytes(json).map_err(|e| damaged(&e.to_string()))?;
        Ok(Self { tokenizer, bytes: bytes.clone(), n_tokens, dimensions, width })
    }
}

impl Encode for StaticEncoder {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn encode(&self, text: &str, out: &mut Vec<f32>) {
        out.clear();
        let mut end = text.len().min(TEXT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let Ok(tokens) = self.tokenizer.encode_fast(&text[..end], false) else { return };
        let known = tokens.get_ids().iter().map(|id| *id as usize).filter(|id| *id < self.n_tokens);
        let mut n = 0u32;
        out.resize(self.dimensions, 0.0);
        for id in known {
            let size = self.width * self.dimensions;
            let row = self.bytes[HEADER + id * size..][..size].chunks_exact(self.width);
            out.iter_mut().zip(row).for_each(|(o, v)| *o += value(v));
            n += 1;
        }
        let norm = out.iter().map(|v| v * v).sum::<f32>().sqrt();
        if n == 0 || norm == 0.0 {
            out.clear();
        } else {
            out.iter_mut().for_each(|v| *v /= norm);
        }
    }
}

/// A little-endian value of two or four bytes.
fn value(bytes: &[u8]) -> f32 {
    match *bytes {
        [a, b] => half(u16::from_le_bytes([a, b])),
        [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
        _ => f32::NAN,
    }
}

/// IEEE 754 binary16 to binary32.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (u32::from(bits >> 15) << 31, u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    match exponent {
        0 => f32::from_bits(sign | 0x3380_0000) * fraction as f32,
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        e => f32::from_bits(sign | (e + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_as_they_are_written() {
        let check = |bits: u16, expected: f32| assert_eq!(half(bits).to_bits(), expected.to_bits(), "{bits:04x}");
        check(0x3c00, 1.0);
        check(0xc000, -2.0);
        check(0x0001, 5.960_464_5e-8);
        check(0x83ff, -6.097_555e-5);
        check(0x7bff, 65_504.0);
        check(0x3555, 0.333_251_95);
        check(0x0000, 0.0);
        assert!(half(0x7e00).is_nan());
    }

    /// Three words with a vector each.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "red": 1, "blue": 2}, "unk_token": "[UNK]"}
        });
        std::fs::write(dir.path().join("tokenizer.json"), json.to_string()).unwrap();
        // 0 0, 1 0, 0 1 in halves.
        let data: Vec<u8> = [0u16, 0, 0x3c00, 0, 0, 0x3c00].iter().flat_map(|h| h.to_le_bytes()).collect();
        let view = safetensors::tensor::TensorView::new(Dtype::F16, vec![3, 2], &data).unwrap();
        let bytes = safetensors::serialize([("weight", view)], None).unwrap();
        std::fs::write(dir.path().join("model.safetensors"), bytes).unwrap();
        dir
    }

    #[test]
    fn a_text_is_the_mean_of_its_tokens_at_length_one() {
        let bytes = Arc::new(read_dir(folder().path()).unwrap());
        let encoder = StaticEncoder::open(&bytes).unwrap();
        let check = |text: &str, expected: &[f32]| {
            let mut out = vec![9.0];
            encoder.encode(text, &mut out);
            assert_eq!(out, expected, "{text}");
        };
        let s = 0.5f32.sqrt();
        check("Red", &[1.0, 0.0]);
        check("red blue", &[s, s]);
        check("blue green blue", &[0.0, 1.0]);
        check("green", &[]);
        check("", &[]);
        check(&"blue ".repeat(2_000_000), &[0.0, 1.0]);
    }

    #[test]
    fn what_is_no_encoder_is_told() {
        let check = |break_it: &dyn Fn(&Path), told: &str| {
            let dir = folder();
            break_it(dir.path());
            let found = read_dir(dir.path()).unwrap_err().to_string();
            assert!(found.contains(told), "{found}");
        };
        let remove = |name: &'static str| move |dir: &Path| std::fs::remove_file(dir.join(name)).unwrap();
        check(&remove("tokenizer.json"), "it holds no tokenizer.json");
        check(&remove("model.safetensors"), "it holds no .safetensors file");
        check(&|dir| std::fs::write(dir.join("model.safetensors"), b"nothing").unwrap(), "model.safetensors");
        check(&|dir| std::fs::write(dir.join("tokenizer.json"), b"{}").unwrap(), "tokenizer.json");
        let mut bytes = read_dir(folder().path()).unwrap();
        bytes.truncate(30);
        assert!(StaticEncoder::open(&Arc::new(bytes)).is_err());
    }
}
