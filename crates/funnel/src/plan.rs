//! A system file, checked: every name resolved, every need of the past known. Pure: no files, no network, no clock.

use crate::registry::Registries;
use tamis_features::FeaturePlan;
use tamis_rerank::rerank::RerankPlan;
use tamis_retrieve::source::SourcePlan;
use tamis_spec::decision::Need;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::kind::find;
use tamis_spec::system::System;
use tamis_spec::system::read::read;

/// Everything that follows from a system file alone.
pub struct Plan {
    /// The file.
    pub system: System,
    /// The kinds it names.
    pub registries: Registries,
    /// Features and cells.
    pub features: FeaturePlan,
    /// By `[learned]` index.
    pub learned: Vec<SourcePlan>,
    /// By `[[candidates]]` index.
    pub sources: Vec<SourcePlan>,
    /// By `[[stages]]` index: the features each model reads, as indices into the plan's.
    pub stages: Vec<Vec<usize>>,
    /// By `[rerank]` index.
    pub rerank: Vec<RerankPlan>,
}

/// Reads and checks a system file. All mistakes are returned; the plan can be used when there are none.
pub fn plan(text: &str, registries: Registries) -> (Option<Plan>, Vec<Diagnostic>) {
    let (system, mut wrong) = read(text, &registries.vocabulary());
    let Some(system) = system else { return (None, wrong) };
    let mut needs: Vec<Need> = Vec::new();
    let mut learned = Vec::new();
    for part in &system.learned {
        let kind = find(registries.learned, &part.kind).expect("the reader knows this registry's kinds alone");
        learned.push(take(kind.it.plan(part, &system), &mut wrong));
    }
    let mut sources = Vec::new();
    for part in &system.candidates {
        let kind = find(registries.sources, &part.kind).expect("the reader knows this registry's kinds alone");
        sources.push(take(kind.it.plan(part, &system), &mut wrong));
    }
    let mut rerank = Vec::new();
    for part in &system.rerank {
        let kind = find(registries.rerank, &part.kind).expect("the reader knows this registry's kinds alone");
        rerank.push(take(kind.it.plan(part, &system), &mut wrong));
    }
    for plan in learned.iter().chain(&sources) {
        needs.extend(plan.needs.iter().cloned());
        needs.extend(plan.folds.map(|event| Need::History { event }));
    }
    needs.extend(baseline_needs(&system));
    rerank.iter().for_each(|p: &RerankPlan| needs.extend(p.needs.iter().cloned()));
    let (features, more) = tamis_features::plan(&system, registries.functions, &needs);
    wrong.extend(more);
    let stages = stages(&system, &features, &mut wrong);
    wrong.sort_by_key(|d| d.span.start);
    (Some(Plan { system, registries, features, learned, sources, stages, rerank }), wrong)
}

/// What the baselines of every evaluation read: popular, recent, neighbours.
pub fn baseline_needs(system: &System) -> [Need; 3] {
    let event = system.positive();
    let within_ms = Some(30 * tamis_spec::time::DAY_MS);
    [Need::Counts { event, within_ms: None }, Need::Counts { event, within_ms }, Need::History { event }]
}

fn take<T: Default>(found: Result<T, Diagnostic>, wrong: &mut Vec<Diagnostic>) -> T {
    found.unwrap_or_else(|d| {
        wrong.push(d);
        T::default()
    })
}

/// The features that each stage reads: those it names, else all that are known when it scores.
fn stages(system: &System, features: &FeaturePlan, wrong: &mut Vec<Diagnostic>) -> Vec<Vec<usize>> {
    let mut stages = Vec::new();
    for (s, part) in system.stages.iter().enumerate() {
        let named = part.params.texts("features");
        if named.is_empty() {
            stages.push((0..features.features.len()).filter(|f| features.features[*f].after <= s).collect());
            continue;
        }
        let mut mine = Vec::new();
        for name in named {
            if let Some(begins) = name.value.strip_suffix('*') {
                let fits =
                    |f: &usize| features.features[*f].name.starts_with(begins) && features.features[*f].after <= s;
                let before = mine.len();
                mine.extend((0..features.features.len()).filter(fits));
                if mine.len() == before && !system.features.iter().any(|f| f.name.value.starts_with(begins)) {
                    let message = format!("no feature begins with `{begins}`");
                    wrong.push(Diagnostic::new(name.span.clone(), message));
                }
                continue;
            }
            match features.features.iter().position(|f| f.name == name.value) {
                Some(f) if features.features[f].after <= s => mine.push(f),
                Some(_) => wrong.push(Diagnostic::new(
                    name.span.clone(),
                    format!("`{}` reads the score of a stage that has not scored yet", name.value),
                )),
                // A feature that is declared and could not be read has its own diagnostic.
                None if system.features.iter().any(|f| f.name.value == name.value) => {}
                None => {
                    let known = system.features.iter().map(|f| f.name.value.as_str());
                    wrong.push(Diagnostic::unknown(name.span.clone(), "feature", &name.value, known));
                }
            }
        }
        stages.push(mine);
    }
    stages
}

impl Plan {
    /// A digest of all that a bundle depends on; whatever may change without training anew (constraints, re-ranking, comments, the
    /// order of keys) leaves it as it is.
    pub fn fingerprint(&self) -> String {
        let s = &self.system;
        let mut text = format!("{}\n{}\n", s.name.value, s.seed);
        let schema = tamis_spec::actors::schema_of(s);
        text.push_str(&serde_json::to_string(&schema).unwrap_or_default());
        for (actor, field) in s.actors.iter().flat_map(|a| a.fields.iter().map(move |f| (a, f))) {
            if let Some(first) = &field.first {
                text.push_str(&format!("\n{}.{} first {}", actor.name.value, field.name.value, first.written.value));
            }
        }
        for e in &s.events {
            if let tamis_spec::system::Origin::Derived { base, condition, first } = &e.origin {
                text.push_str(&format!(
                    "\n{} = {base} where {} first {first:?}",
                    e.name.value,
                    tamis_features::aggregate::text_of(condition)
                ));
            }
        }
        let condition = self.features.condition.as_ref().map(|c| c.about.as_str());
        let d = &s.decision;
        let (user, item) = (&d.user_name, &d.item_name);
        let eligible = self.features.eligible.as_ref().map(|c| c.about.as_str());
        text.push_str(&format!("\ndecision {} {:?} {user} {item} {condition:?} {eligible:?}", d.event, d.lists));
        text.push_str(&format!(" given {:?}", d.given));
        let grades = s.label.grades.iter().map(|g| format!("{} {} {}", g.name, g.grade, g.outcome.text.value));
        text.push_str(&format!("\nlabel {:?} {:?}", grades.collect::<Vec<_>>(), s.label.raters));
        text.push_str(&format!("\n{:?}\n{:?}", s.split, s.train));
        self.features.features.iter().for_each(|f| text.push_str(&format!("\n{} = {}", f.name, f.about)));
        for part in s.learned.iter().chain(&s.candidates).chain(&s.stages) {
            text.push_str(&format!("\n{} {}", part.kind, part.name.value));
            part.params.values.iter().for_each(|(name, v)| text.push_str(&format!(" {name}={}", plain(&v.value))));
        }
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }

    /// The names of `[[candidates]]` in order.
    pub fn source_names(&self) -> Vec<String> {
        self.system.candidates.iter().map(|p| p.name.value.clone()).collect()
    }
}

/// A value without its place.
fn plain(value: &tamis_spec::param::ParamValue) -> String {
    use tamis_spec::param::ParamValue as V;
    match value {
        V::Text(t) => format!("{t:?}"),
        V::Texts(t) => format!("{:?}", t.iter().map(|t| &t.value).collect::<Vec<_>>()),
        V::Number(n) => n.to_string(),
        V::Numbers(n) => format!("{n:?}"),
        V::Bool(b) => b.to_string(),
        V::DurationMs(ms) => format!("{ms}ms"),
        V::Table(t) => {
            format!(
                "{{{}}}",
                t.values.iter().map(|(n, v)| format!("{n}={}", plain(&v.value))).collect::<Vec<_>>().join(" ")
            )
        }
    }
}
