//! `lambdamart`: boosted trees on the gradients of NDCG (Burges 2010), fitted by LightGBM and scored by our own forest.

use crate::forest::Forest;
use crate::lightgbm::{Booster, Dataset};
use crate::model::{CurvePoint, Error, Examples, Fit, FitAsk, Fitted, Model};
use crate::stored;
use tamis_spec::kind::Kind;
use tamis_spec::matrix::ColumnSpec;
use tamis_spec::param::{Param, ParamType};

/// LightGBM adds up histograms by thread, so its trees depend on how many there are. A fixed number, on however many cores, makes
/// the same trees everywhere; on two cores it costs a sixth of the fit, above eight the fit gains little.
const TRAINER_THREADS: usize = 8;

/// Grades are whole numbers up to this one: LightGBM's gains end there.
const GRADE_MAX: f32 = 30.0;

const fn key(name: &'static str, ty: ParamType, about: &'static str) -> Param {
    Param { name, ty, required: false, about }
}

/// The kind.
pub const KIND: Kind<dyn Fit> = Kind {
    name: "lambdamart",
    about: "Boosted trees on the gradients of NDCG, stopped on the validate window.",
    example: "[[stages]]\nkind = \"lambdamart\"\nkeep = 50\nrounds = 300",
    params: &[
        key("rounds", ParamType::Integer(1, 10_000), "Trees at most; 300 by default."),
        key("leaves", ParamType::Integer(2, 1_024), "Leaves of a tree; 31 by default."),
        key("learning_rate", ParamType::Number(1e-4, 1.0), "Share of each tree that is added; 0.1 by default."),
        key("rows_in_leaf", ParamType::Integer(1, 1_000_000), "Rows that a leaf has at least; 100 by default."),
        key(
            "feature_share",
            ParamType::Number(0.01, 1.0),
            "Share of the features that each tree may look at; 0.8 by default.",
        ),
        key(
            "truncation",
            ParamType::Integer(1, 10_000),
            "Pairs count when one of them is among the best so many; 100 by default.",
        ),
        key(
            "patience",
            ParamType::Integer(1, 1_000),
            "Rounds without a better NDCG@10 before it stops; 25 by default.",
        ),
        key("l2", ParamType::Number(0.0, 1e6), "Penalty on squared leaf values; 0 by default."),
        key(
            "bags",
            ParamType::Integer(1, 100),
            "Models whose scores are averaged, each of other random choices: less chance where there is little data. 1 by default.",
        ),
        key(
            "bag_share",
            ParamType::Share,
            "Share of the decisions that each of several bags learns from; 0.8 by default.",
        ),
        key(
            "objective",
            ParamType::Choice(&["lambdarank", "binary"]),
            "lambdarank (by default), or binary: each row for itself.",
        ),
    ],
    it: &LambdaMart,
};

struct LambdaMart;

impl Fit for LambdaMart {
    fn fit(&self, ask: &FitAsk<'_>) -> Result<Fitted, Error> {
        let n_columns = ask.train.columns.len();
        if ask.train.groups.is_empty() || n_columns == 0 {
            return Err(Error::Examples("there are no rows or no columns".into()));
        }
        let bags = ask.params.number("bags").unwrap_or(1.0) as usize;
        let train = dataset(&ask.train, &text_of(ask, 0, bags), None)?;
        let validate = ask.validate.as_ref().map(|v| dataset(v, &text_of(ask, 0, bags), Some(&train))).transpose()?;
        let (mut models, mut curve, mut gains) = (Vec::new(), Vec::new(), vec![0.0; n_columns]);
        for bag in 0..bags {
            let one = boost(ask, (bag, bags), &train, validate.as_ref())?;
            gains.iter_mut().zip(&one.gains).for_each(|(sum, gain)| *sum += gain);
            models.push(one.text);
            if bag == 0 {
                curve = one.curve;
            }
        }
        let all: f64 = gains.iter().sum();
        let importance = gains.iter().map(|g| if all > 0.0 { g / all } else { 0.0 }).collect();
        Ok(Fitted { model: stored::pack(ask.train.columns, models.join(NEXT).as_bytes()), curve, importance })
    }

    fn open(&self, bytes: &[u8], columns: &[ColumnSpec]) -> Result<Box<dyn Model>, Error> {
        let text = stored::unpack(bytes, columns)?;
        let text = std::str::from_utf8(text).map_err(|e| Error::Damaged(format!("the model is not text: {e}")))?;
        let forests = text.split(NEXT).map(Forest::read).collect::<Result<Vec<_>, _>>()?;
        if let Some(other) = forests.iter().find(|f| f.n_columns() != columns.len()) {
            return Err(Error::Damaged(format!("it has {} columns, {} are named", other.n_columns(), columns.len())));
        }
        Ok(Box::new(Trees(forests)))
    }
}

/// What stands between the models of several bags.
const NEXT: &str = "\n--- next bag\n";

/// One model of those that are averaged.
struct Boosted {
    text: String,
    curve: Vec<CurvePoint>,
    gains: Vec<f64>,
}

fn boost(
    ask: &FitAsk<'_>,
    (bag, bags): (usize, usize),
    train: &Dataset,
    validate: Option<&Dataset>,
) -> Result<Boosted, Error> {
    let mut booster = Booster::new(train, &text_of(ask, bag, bags))?;
    if let Some(validate) = validate {
        booster.validate(validate)?;
    }
    let number = |name, default| ask.params.number(name).unwrap_or(default);
    let (rounds, patience) = (number("rounds", 300.0) as usize, number("patience", 25.0) as usize);
    let mut curve = Vec::new();
    let (mut best, mut best_round) = (f64::NEG_INFINITY, 0);
    for round in 1..=rounds {
        if booster.update()? {
            break;
        }
        (ask.progress)(bag * rounds + round, bags * rounds);
        let measured = if validate.is_some() { booster.metric(1)? } else { f64::NAN };
        curve.push(CurvePoint { round, metric: "ndcg@10", train: f64::NAN, validate: measured });
        if validate.is_none() || measured > best {
            (best, best_round) = (measured, round);
        } else if round - best_round >= patience {
            break;
        }
    }
    let best_round = best_round.max(1);
    let gains = booster.gains(ask.train.columns.len(), best_round)?;
    Ok(Boosted { text: without_settings(&booster.text(best_round)?).to_string(), curve, gains })
}

/// The trees alone, without the settings behind them.
fn without_settings(text: &str) -> &str {
    text.split("\nparameters:").next().unwrap_or(text)
}

fn text_of(ask: &FitAsk<'_>, bag: usize, bags: usize) -> String {
    let number = |name, default| ask.params.number(name).unwrap_or(default);
    let categories = ask.train.columns.iter().enumerate().filter(|(_, c)| c.categories.is_some());
    let categories: Vec<String> = categories.map(|(i, _)| i.to_string()).collect();
    format!(
        "objective={} metric=ndcg eval_at=10 num_leaves={} learning_rate={} min_data_in_leaf={} feature_fraction={} \
         lambdarank_truncation_level={} lambda_l2={} num_threads={TRAINER_THREADS} seed={} deterministic=true force_row_wise=true verbosity=-1 \
         max_bin=255 categorical_feature={}",
        ask.params.text("objective").unwrap_or("lambdarank"),
        number("leaves", 31.0),
        number("learning_rate", 0.1),
        number("rows_in_leaf", 100.0),
        number("feature_share", 0.8),
        number("truncation", 100.0),
        number("l2", 0.0),
        (ask.seed + bag as u64) % (1 << 31),
        categories.join(","),
    ) + &bagging(ask, bags)
}

fn bagging(ask: &FitAsk<'_>, bags: usize) -> String {
    match ask.params.number("bag_share").unwrap_or(0.8) {
        share if bags > 1 && share < 1.0 => format!(" bagging_fraction={share} bagging_freq=1 bagging_by_query=true"),
        _ => String::new(),
    }
}

fn dataset(of: &Examples<'_>, params: &str, like: Option<&Dataset>) -> Result<Dataset, Error> {
    let mut data = Dataset::new(of.rows, of.columns.len(), params, like)?;
    let binary = params.starts_with("objective=binary");
    let label = |l: &f32| if binary { f32::from(*l > 0.0) } else { l.round().clamp(0.0, GRADE_MAX) };
    data.set_floats("label", &of.labels.iter().map(label).collect::<Vec<_>>())?;
    if let Some(weights) = of.weights {
        data.set_floats("weight", weights)?;
    }
    data.set_groups(of.groups)?;
    Ok(data)
}

/// The mean of forests.
struct Trees(Vec<Forest>);

impl Trees {
    fn mean(&self, out: &mut [f32], of: impl Fn(&Forest, &mut [f64])) {
        let mut sums = vec![0.0; out.len()];
        let mut wide = vec![0.0; out.len()];
        for forest in &self.0 {
            wide.fill(0.0);
            of(forest, &mut wide);
            sums.iter_mut().zip(&wide).for_each(|(sum, one)| *sum += one);
        }
        out.iter_mut().zip(sums).for_each(|(o, sum)| *o = (sum / self.0.len() as f64) as f32);
    }
}

impl Model for Trees {
    fn score(&self, rows: &[f32], out: &mut [f32]) {
        self.mean(out, |forest, wide| forest.score(rows, wide));
    }

    fn explain(&self, row: &[f32], out: &mut [f32]) {
        self.mean(out, |forest, wide| {
            forest.contributions(row, wide);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_spec::diagnostic::Spanned;
    use tamis_spec::param::{ParamValue, Params};

    const GROUP: usize = 12;
    const WIDTH: usize = 6;

    /// Decisions with one positive each, the item whose first column is largest in two of three; the other columns say nothing.
    struct Lists {
        rows: Vec<f32>,
        labels: Vec<f32>,
        groups: Vec<u32>,
        columns: Vec<ColumnSpec>,
    }

    fn lists(n: usize, seed: u64) -> Lists {
        let mut state = seed;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u32 << 24) as f32
        };
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let group: Vec<f32> = (0..WIDTH * GROUP).map(|_| uniform()).collect();
            let best = (0..GROUP).max_by(|a, b| group[WIDTH * a].total_cmp(&group[WIDTH * b])).unwrap();
            let positive = if uniform() < 0.66 { best } else { (uniform() * GROUP as f32) as usize };
            labels.extend((0..GROUP).map(|i| f32::from(i == positive)));
            rows.extend(group);
        }
        let columns = ["says", "b", "c", "d", "e", "f"].map(|name| ColumnSpec { name: name.into(), categories: None });
        Lists { rows, labels, groups: vec![GROUP as u32; n], columns: columns.to_vec() }
    }

    impl Lists {
        fn examples(&self) -> Examples<'_> {
            Examples {
                rows: &self.rows,
                columns: &self.columns,
                labels: &self.labels,
                weights: None,
                groups: &self.groups,
            }
        }
    }

    fn params(values: &[(&'static str, f64)]) -> Params {
        let value = |v: f64| Spanned { value: ParamValue::Number(v), span: 0..0 };
        Params { values: values.iter().map(|(name, v)| (*name, value(*v))).collect() }
    }

    fn fit(train: &Lists, validate: Option<&Lists>, params: &Params, n_threads: usize, seed: u64) -> Fitted {
        let validate = validate.map(Lists::examples);
        let ask = FitAsk { train: train.examples(), validate, params, seed, n_threads, progress: &|_, _| {} };
        KIND.it.fit(&ask).unwrap()
    }

    #[test]
    fn the_same_examples_give_the_same_bytes_on_any_number_of_threads() {
        let (train, validate) = (lists(400, 1), lists(100, 2));
        let few = params(&[("rounds", 20.0), ("feature_share", 0.5)]);
        let of = |n_threads, seed| fit(&train, Some(&validate), &few, n_threads, seed).model;
        assert!(of(1, 5) == of(2, 5) && of(1, 5) == of(7, 5));
        assert!(of(1, 5) != of(1, 6), "the seed draws the columns of each tree");
    }

    #[test]
    fn it_stops_when_what_it_stops_on_gets_no_better_and_keeps_the_best_round() {
        let (train, validate) = (lists(300, 1), lists(200, 2));
        let patient = params(&[("rounds", 200.0), ("patience", 8.0), ("rows_in_leaf", 5.0)]);
        let fitted = fit(&train, Some(&validate), &patient, 2, 0);
        let best = fitted.curve.iter().max_by(|a, b| a.validate.total_cmp(&b.validate).then(b.round.cmp(&a.round)));
        let best = best.unwrap().round;
        assert!(fitted.curve.len() < 200, "noise cannot be learned for ever");
        assert_eq!(fitted.curve.len(), best + 8);
        let same = params(&[("rounds", best as f64), ("rows_in_leaf", 5.0)]);
        assert!(fitted.model == fit(&train, None, &same, 2, 0).model, "the model is that of its best round");
        assert!(fitted.importance[1..].iter().all(|i| *i < fitted.importance[0]));
        assert!((fitted.importance.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn it_ranks_what_it_has_not_seen_and_its_explanation_adds_up_to_the_score() {
        let (train, unseen) = (lists(400, 1), lists(200, 3));
        let model = fit(&train, None, &params(&[("rounds", 20.0)]), 2, 0).model;
        let model = KIND.it.open(&model, &train.columns).unwrap();
        let mut scores = vec![0.0; unseen.labels.len()];
        model.score(&unseen.rows, &mut scores);
        let first =
            |k: usize| (0..GROUP).max_by(|a, b| scores[k * GROUP + a].total_cmp(&scores[k * GROUP + b])).unwrap();
        let hits = (0..200).filter(|k| unseen.labels[k * GROUP + first(*k)] > 0.0).count();
        assert!(hits > 100, "{hits} of 200, by chance 17, by the truth about 138");
        for (row, score) in unseen.rows.chunks(WIDTH).zip(&scores).take(50) {
            let mut parts = [0.0; WIDTH];
            model.explain(row, &mut parts);
            assert!((parts.iter().sum::<f32>() - score).abs() < 1e-4, "{parts:?} {score}");
        }
    }

    #[test]
    fn other_columns_and_damaged_bytes_are_refused() {
        let train = lists(50, 1);
        let bytes = fit(&train, None, &params(&[("rounds", 3.0)]), 1, 0).model;
        let mut other = train.columns.clone();
        other[1].name = "renamed".into();
        assert!(matches!(KIND.it.open(&bytes, &other), Err(Error::Columns { .. })));
        for len in [0, 4, bytes.len() / 2] {
            assert!(KIND.it.open(&bytes[..len], &train.columns).is_err(), "{len} bytes");
        }
    }
}
