//! The kinds that a system file can name: those that come with tamis, or an application's own slices.

use tamis_features::Function;
use tamis_rank::model::Fit;
use tamis_rerank::rerank::RerankKind;
use tamis_retrieve::learned::LearnedKind;
use tamis_retrieve::source::SourceKind;
use tamis_spec::kind::Kind;
use tamis_spec::system::read::{PartKind, Vocabulary};

/// One slice for each sort of kind.
#[derive(Clone, Copy)]
pub struct Registries {
    /// Functions of the feature language.
    pub functions: &'static [Kind<dyn Function>],
    /// `[learned.*]`.
    pub learned: &'static [Kind<dyn LearnedKind>],
    /// `[[candidates]]`.
    pub sources: &'static [Kind<dyn SourceKind>],
    /// `[[stages]]`.
    pub models: &'static [Kind<dyn Fit>],
    /// `[rerank]`, in the order in which they are applied.
    pub rerank: &'static [Kind<dyn RerankKind>],
}

impl Default for Registries {
    fn default() -> Self {
        Self {
            functions: tamis_features::FUNCTIONS,
            learned: tamis_retrieve::LEARNED,
            sources: tamis_retrieve::SOURCES,
            models: tamis_rank::KINDS,
            rerank: tamis_rerank::KINDS,
        }
    }
}

impl Registries {
    /// What the reader of system files needs to know of them.
    pub fn vocabulary(&self) -> Vocabulary {
        Vocabulary {
            learned: parts(self.learned),
            candidates: parts(self.sources),
            stages: parts(self.models),
            rerank: parts(self.rerank),
        }
    }
}

fn parts<T: ?Sized>(kinds: &[Kind<T>]) -> Vec<PartKind> {
    kinds.iter().map(|k| PartKind { name: k.name, about: k.about, example: k.example, params: k.params }).collect()
}
