//! What was fitted, ready to be asked: learned vectors, sources, models.

use crate::codebook::Codes;
use crate::plan::Plan;
use std::sync::Arc;
use tamis_rank::model::Model;
use tamis_rerank::rerank::Rerank;
use tamis_retrieve::learned::Learned;
use tamis_retrieve::source::{Error, Opened, Source};
use tamis_spec::kind::find;

/// Everything of a funnel that does not change as events come.
pub struct Fitted {
    /// By `[learned]` index.
    pub learned: Vec<Arc<dyn Learned>>,
    /// By `[[candidates]]` index, with nothing folded: [`crate::Past`] holds replicas that fold.
    pub sources: Vec<Box<dyn Source>>,
    /// By `[[stages]]` index; fewer while they are being fitted.
    pub models: Vec<Box<dyn Model>>,
    /// By feature: how its words become codes; none for numbers, and while stages are being fitted.
    pub codes: Vec<Option<Codes>>,
    /// By `[rerank]` index.
    pub rerank: Vec<Box<dyn Rerank>>,
}

/// The bytes that fitting learned vectors and sources gave, by index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FittedBytes {
    /// By `[learned]` index.
    pub learned: Vec<Arc<Vec<u8>>>,
    /// By `[[candidates]]` index; empty for those that only fold.
    pub sources: Vec<Arc<Vec<u8>>>,
}

impl Fitted {
    /// Opens learned vectors and sources; without models.
    pub fn open(plan: &Plan, bytes: &FittedBytes) -> Result<Self, Error> {
        let r = &plan.registries;
        let mut learned = Vec::new();
        for (part, bytes) in plan.system.learned.iter().zip(&bytes.learned) {
            let kind = find(r.learned, &part.kind).expect("a planned part's kind is in the registry");
            learned.push(kind.it.open(part, bytes)?);
        }
        let opened = Opened { system: &plan.system, learned: &learned };
        let mut sources = Vec::new();
        for (part, bytes) in plan.system.candidates.iter().zip(&bytes.sources) {
            let kind = find(r.sources, &part.kind).expect("a planned part's kind is in the registry");
            sources.push(kind.it.open(part, bytes, &opened)?);
        }
        let rerank = plan.system.rerank.iter().map(|part| {
            let kind = find(r.rerank, &part.kind).expect("a planned part's kind is in the registry");
            kind.it.open(part, &plan.system)
        });
        let codes = plan.features.features.iter().map(|_| None).collect();
        Ok(Self { rerank: rerank.collect(), learned, sources, models: Vec::new(), codes })
    }
}
