//! `encoder`: vectors of texts by a static encoder that the user brings.

use crate::learned::{Learned, LearnedKind};
use crate::source::{Bytes, Error, FitAsk, SourcePlan};
use crate::stored::{self, Stored};
use crate::texts::{self, Reads};
use std::sync::Arc;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::encode::Encode;
use tamis_spec::kind::Kind;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System};
use tamis_spec::vectors::Vectors;
use tamis_text::remembering::REMEMBERED_BYTES_MAX;
use tamis_text::{Remembering, StaticEncoder, encoder};

const LETTERS: &[u8; 8] = b"encoder1";

/// The entry of the registry.
pub const KIND: Kind<dyn LearnedKind> = Kind {
    name: "encoder",
    about: "Vectors of texts by a static encoder: a folder with a safetensors file of token vectors and a tokenizer.json. A text is the mean of its tokens; it goes into the bundle.",
    example: "[learned.meaning]\nkind = \"encoder\"\nfrom = \"encoders/wordllama_256\"\nof = [\"movie.title\"]\n",
    params: &[
        Param {
            name: "from",
            ty: ParamType::Text,
            required: true,
            about: "The folder, beside the system file or in the data directory.",
        },
        Param {
            name: "of",
            ty: ParamType::Texts,
            required: false,
            about: "Text fields of the ranked actor, which then has their vector as `movie.NAME`; any text has one by `embed(TEXT, NAME)`.",
        },
        Param {
            name: "lowercase",
            ty: ParamType::Bool,
            required: false,
            about: "Whether texts are read in lower case, for encoders that were made so and whose tokenizer does not do it; by default false.",
        },
        texts::ASKS,
    ],
    it: &EncoderKind,
};

struct EncoderKind;

fn lowercase(part: &Part) -> bool {
    part.params.bool("lowercase").unwrap_or(false)
}

/// An encoder that may want texts in lower case.
struct Cased<E> {
    of: E,
    lowercase: bool,
}

impl<E: Encode> Encode for Cased<E> {
    fn dimensions(&self) -> usize {
        self.of.dimensions()
    }

    fn encode(&self, text: &str, out: &mut Vec<f32>) {
        if self.lowercase { self.of.encode(&text.to_lowercase(), out) } else { self.of.encode(text, out) }
    }
}

impl LearnedKind for EncoderKind {
    fn plan(&self, part: &Part, system: &System) -> Result<SourcePlan, Diagnostic> {
        let fields = texts::fields(part, system)?;
        let from = part.params.text("from").unwrap_or_default();
        Ok(SourcePlan {
            fit_key: Some(format!("from={from} of={fields:?} lowercase={}", lowercase(part))),
            bytes: Bytes { constant: REMEMBERED_BYTES_MAX as f64, ..Bytes::default() },
            of_texts: true,
            needs: texts::asks(part),
            ..SourcePlan::default()
        })
    }

    fn dimensions(&self, _: &Part) -> usize {
        // Known once the folder is read.
        0
    }

    fn fit(&self, part: &Part, ask: &FitAsk<'_>) -> Result<Vec<u8>, Error> {
        let refused = |reason: String| Error::Fit { part: part.name.value.clone(), reason };
        let from = part.params.text("from").unwrap_or_default();
        let dir = (ask.folder)(from).ok_or_else(|| {
            refused(format!("there is no folder `{from}` beside the system file or in the data directory"))
        })?;
        let read = Arc::new(encoder::read_dir(&dir).map_err(|e| refused(e.to_string()))?);
        let encoder = StaticEncoder::open(&read).map_err(|e| refused(e.to_string()))?;
        let encoder = Cased { of: encoder, lowercase: lowercase(part) };
        let fields = texts::fields(part, ask.system).map_err(|d| refused(d.to_string()))?;
        let items = texts::items(&fields, ask, &encoder);
        // The vectors come first, so that they stand aligned.
        let mut bytes = stored::begin(LETTERS, &[items.dimensions as u32], items.values.len());
        stored::append(&mut bytes, &items.values);
        let n = bytes.len() as u64;
        bytes.extend_from_slice(&read);
        bytes.extend_from_slice(&n.to_le_bytes());
        Ok(bytes)
    }

    fn open(&self, part: &Part, fitted: &Arc<Vec<u8>>) -> Result<Arc<dyn Learned>, Error> {
        let damaged = |reason: String| Error::Damaged { part: part.name.value.clone(), reason };
        let (rest, end) = fitted.split_last_chunk::<8>().ok_or_else(|| damaged("it is cut short".into()))?;
        let at = u64::from_le_bytes(*end) as usize;
        let (Some(vectors), Some(read)) = (rest.get(..at), rest.get(at..)) else {
            return Err(damaged("it is cut short; train again".into()));
        };
        let stored = Stored::read(LETTERS, &part.name.value, &Arc::new(vectors.to_vec()))?;
        let dimensions = stored.ids.first().map_or(0, |d| *d as usize);
        let encoder = StaticEncoder::open(&Arc::new(read.to_vec())).map_err(|e| damaged(e.to_string()))?;
        let encoder = Cased { of: encoder, lowercase: lowercase(part) };
        let items = Vectors { values: stored.values().to_vec(), dimensions };
        Ok(Arc::new(Reads { encoder: Remembering::new(encoder), items }))
    }
}
