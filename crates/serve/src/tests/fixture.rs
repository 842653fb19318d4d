//! Films, a model that adds up, and everything that an engine is opened with.

use crate::{Clock, Engine, RankRequest, RankResponse};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use tamis_funnel::bundle::{Contents, FittedStage, write};
use tamis_funnel::codebook::Codebook;
use tamis_funnel::fitted::FittedBytes;
use tamis_funnel::{Bundle, Plan, Registries, plan};
use tamis_log::faulty::Faulty;
use tamis_log::{Log, Store};
use tamis_rank::model::{Error, Fit, FitAsk, Fitted, Model};
use tamis_spec::actors::Actors;
use tamis_spec::kind::Kind;
use tamis_spec::matrix::ColumnSpec;

pub(crate) const FILE: &str = r#"
[system]
name = "films"
task = "rank"
[constraints]
latency_p99 = "20ms"
[actors.user]
[actors.movie]
fields = { title = "text", genres = "tags", country = "category", year = "number" }
[events.rating]
actors = { user = "user_id", movie = "movie_id" }
fields = { stars = "number" }
[events.liked]
where = "rating.stars >= 4"
[decision]
each = "liked"
for = "user"
item = "movie"
[features]
popularity = "log1p(count(liked, by = movie, within = 30d))"
country = "movie.country"
year = "movie.year"
[[candidates]]
kind = "popular"
event = "liked"
keep = 100
[[candidates]]
name = "lately"
kind = "popular"
event = "liked"
within = "7d"
keep = 100
[[stages]]
kind = "sum"
keep = 50
[rerank]
exclude = ["rating"]
limit = 40
"#;

/// A stage whose score is the sum of its columns.
pub(crate) const MODELS: &[Kind<dyn Fit>] = &[Kind {
    name: "sum",
    about: "Adds up.",
    example: "[[stages]]\nkind = \"sum\"\nkeep = 1\n",
    params: &[],
    it: &Sum,
}];

struct Sum;

impl Fit for Sum {
    fn fit(&self, _: &FitAsk<'_>) -> Result<Fitted, Error> {
        Ok(Fitted::default())
    }
    fn open(&self, _: &[u8], columns: &[ColumnSpec]) -> Result<Box<dyn Model>, Error> {
        Ok(Box::new(SumOf(columns.len())))
    }
}

struct SumOf(usize);

impl Model for SumOf {
    fn score(&self, rows: &[f32], out: &mut [f32]) {
        let mut added = vec![0.0; self.0];
        for (row, o) in rows.chunks(self.0).zip(out) {
            self.explain(row, &mut added);
            *o = added.iter().sum();
        }
    }
    fn explain(&self, row: &[f32], out: &mut [f32]) {
        row.iter().zip(out).for_each(|(v, o)| *o = if v.is_nan() { 0.0 } else { *v });
    }
}

/// A clock that a test moves; asked for the time it can move by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hand {
    pub(crate) ms: Arc<AtomicI64>,
    pub(crate) ms_each: Arc<AtomicI64>,
    pub(crate) nanos: Arc<AtomicU64>,
    pub(crate) nanos_each: Arc<AtomicU64>,
}

impl Clock for Hand {
    fn now_ms(&self) -> i64 {
        self.ms.fetch_add(self.ms_each.load(SeqCst), SeqCst)
    }
    fn nanos(&self) -> u64 {
        self.nanos.fetch_add(self.nanos_each.load(SeqCst), SeqCst)
    }
}

/// 2026-01-01.
pub(crate) const NOW: i64 = 1_767_225_600_000;

/// Everything that outlives an engine.
pub(crate) struct Shop {
    pub(crate) store: Faulty,
    pub(crate) clock: Hand,
    plan: fn() -> Plan,
    bundles: tempfile::TempDir,
}

pub(crate) fn plan_of() -> Plan {
    let registries = Registries { models: MODELS, ..Registries::default() };
    let (plan, wrong) = plan::plan(FILE, registries);
    assert_eq!(wrong, []);
    plan.unwrap()
}

impl Shop {
    /// A shop whose bundle is fitted on nothing, with an empty log.
    pub(crate) fn new() -> Self {
        Self::of(plan_of)
    }

    /// The same with another plan of the same shape.
    pub(crate) fn of(plan_of: fn() -> Plan) -> Self {
        let plan = plan_of();
        let mut actors = Actors::new(&plan.system);
        actors.words.intern("fr");
        let fitted = FittedBytes { learned: Vec::new(), sources: vec![Arc::default(); plan.system.candidates.len()] };
        let column = |name: &str, categories| ColumnSpec { name: name.into(), categories };
        let stage = FittedStage {
            name: "sum".into(),
            kind: "sum".into(),
            columns: vec![column("popularity", None), column("country", Some(1)), column("year", None)],
            model: vec![1],
            fit: Default::default(),
        };
        let contents = Contents {
            judged: fitted.clone(),
            shipped: fitted,
            stages: vec![stage],
            codebooks: [("country".to_owned(), Codebook { words: vec!["fr".into()] })].into(),
            known_before_ms: 0,
            judged_before_ms: 0,
        };
        let bundles = tempfile::tempdir().unwrap();
        write(bundles.path(), &plan, &actors, &contents).unwrap();
        let clock = Hand::default();
        clock.ms.store(NOW, SeqCst);
        Self { store: Faulty::default(), clock, plan: plan_of, bundles }
    }

    pub(crate) fn bundle(&self) -> Bundle {
        tamis_funnel::bundle::current(self.bundles.path(), &(self.plan)()).unwrap()
    }

    /// Opens the shop as it is in its store.
    pub(crate) fn open(&self) -> Engine<Faulty> {
        self.open_in(self.store.clone())
    }

    pub(crate) fn open_in<S: Store>(&self, store: S) -> Engine<S> {
        let (log, _) = Log::open(store).unwrap();
        Engine::open((self.plan)(), self.bundle(), log, Box::new(self.clock.clone()), &mut |_| {}).unwrap()
    }

    /// A shop with four films, the first the most liked, all of them rated by others than `ann`.
    pub(crate) fn stocked() -> (Self, Engine<Faulty>) {
        Self::new().stock()
    }

    pub(crate) fn stock(self) -> (Self, Engine<Faulty>) {
        let shop = self;
        let engine = shop.open();
        let mut records = Vec::new();
        for (i, title) in ["Alien", "Brazil", "Casablanca", "Diva"].iter().enumerate() {
            records.push(json!({ "actor": "movie", "key": i.to_string(), "title": title, "genres": ["drama"] }));
            records.extend((i..4).map(|fan| liked(&format!("fan{fan}"), &i.to_string())));
        }
        let ack = engine.events(&records).unwrap();
        assert_eq!((ack.accepted, ack.unknown_actors, ack.first, ack.end), (14, 0, 0, 14));
        (shop, engine)
    }
}

pub(crate) fn liked(user: &str, movie: &str) -> Value {
    json!({ "event": "rating", "user": user, "movie": movie, "stars": 5 })
}

pub(crate) fn asks(user: &str) -> RankRequest {
    serde_json::from_value(json!({ "user": user })).unwrap()
}

pub(crate) fn keys(list: &RankResponse) -> Vec<&str> {
    list.items.iter().map(|i| i.item.as_str()).collect()
}

/// A store that lets somebody in while it syncs.
#[derive(Clone)]
pub(crate) struct Interrupted {
    pub(crate) store: Faulty,
    pub(crate) on_sync: Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>,
}

impl Store for Interrupted {
    fn segments(&self) -> io::Result<Vec<(u64, u64)>> {
        self.store.segments()
    }
    fn read(&self, segment: u64, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.store.read(segment, offset, into)
    }
    fn append(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.store.append(segment, offset, bytes)
    }
    fn sync(&mut self, segment: u64) -> io::Result<()> {
        if let Some(interrupt) = self.on_sync.get() {
            interrupt();
        }
        self.store.sync(segment)
    }
    fn truncate(&mut self, segment: u64, len: u64) -> io::Result<()> {
        self.store.truncate(segment, len)
    }
}
