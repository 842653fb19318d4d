//! `lambdamart`: boosted trees on the gradients of NDCG (Burges 2010), fitted by LightGBM and scored by our own forest.

use crate::forest::Forest;
use crate::lightgbm::{Booster, Dataset};
use crate::model::{CurvePoint, Error, Examples, Fit, FitAsk, Fitted, Model};
use crate::stored;
use tamis_spec::kind::Kind;
use tamis_spec::matrix::ColumnSpec;
use tamis_spec::param::{Param, ParamType};

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
        let params = text_of(ask);
        let train = dataset(&ask.train, &params, None)?;
        let validate = ask.validate.as_ref().map(|v| dataset(v, &params, Some(&train))).transpose()?;
        let mut booster = Booster::new(&train, &params)?;
        if let Some(validate) = &validate {
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
            (ask.progress)(round, rounds);
            let measured = if validate.is_some() { booster.metric(1)? } else { f64::NAN };
            curve.push(CurvePoint { round, metric: "ndcg@10", train: f64::NAN, validate: measured });
            if validate.is_none() || measured > best {
                (best, best_round) = (measured, round);
            } else if round - best_round >= patience {
                break;
            }
        }
        let best_round = best_round.max(1);
        let gains = booster.gains(n_columns, best_round)?;
        let all: f64 = gains.iter().sum();
        let importance = gains.iter().map(|g| if all > 0.0 { g / all } else { 0.0 }).collect();
        let model = stored::pack(ask.train.columns, without_settings(&booster.text(best_round)?).as_bytes());
        Ok(Fitted { model, curve, importance })
    }

    fn open(&self, bytes: &[u8], columns: &[ColumnSpec]) -> Result<Box<dyn Model>, Error> {
        let text = stored::unpack(bytes, columns)?;
        let text = std::str::from_utf8(text).map_err(|e| Error::Damaged(format!("the model is not text: {e}")))?;
        let forest = Forest::read(text)?;
        if forest.n_columns() != columns.len() {
            return Err(Error::Damaged(format!("it has {} columns, {} are named", forest.n_columns(), columns.len())));
        }
        Ok(Box::new(Trees(forest)))
    }
}

/// The trees alone: the settings behind them name the number of threads, on which the trees do not depend.
fn without_settings(text: &str) -> &str {
    text.split("\nparameters:").next().unwrap_or(text)
}

fn text_of(ask: &FitAsk<'_>) -> String {
    let number = |name, default| ask.params.number(name).unwrap_or(default);
    let categories = ask.train.columns.iter().enumerate().filter(|(_, c)| c.categories.is_some());
    let categories: Vec<String> = categories.map(|(i, _)| i.to_string()).collect();
    format!(
        "objective={} metric=ndcg eval_at=10 num_leaves={} learning_rate={} min_data_in_leaf={} feature_fraction={} \
         lambdarank_truncation_level={} lambda_l2={} num_threads={} seed={} deterministic=true force_row_wise=true verbosity=-1 \
         max_bin=255 categorical_feature={}",
        ask.params.text("objective").unwrap_or("lambdarank"),
        number("leaves", 31.0),
        number("learning_rate", 0.1),
        number("rows_in_leaf", 100.0),
        number("feature_share", 0.8),
        number("truncation", 100.0),
        number("l2", 0.0),
        ask.n_threads,
        ask.seed % (1 << 31),
        categories.join(","),
    )
}

fn dataset(of: &Examples<'_>, params: &str, like: Option<&Dataset>) -> Result<Dataset, Error> {
    let mut data = Dataset::new(of.rows, of.columns.len(), params, like)?;
    data.set_floats("label", of.labels)?;
    if let Some(weights) = of.weights {
        data.set_floats("weight", weights)?;
    }
    data.set_groups(of.groups)?;
    Ok(data)
}

struct Trees(Forest);

impl Model for Trees {
    fn score(&self, rows: &[f32], out: &mut [f32]) {
        let mut wide = vec![0.0; out.len()];
        self.0.score(rows, &mut wide);
        out.iter_mut().zip(wide).for_each(|(o, w)| *o = w as f32);
    }

    fn explain(&self, row: &[f32], out: &mut [f32]) {
        let mut wide = vec![0.0; out.len()];
        self.0.contributions(row, &mut wide);
        out.iter_mut().zip(wide).for_each(|(o, w)| *o = w as f32);
    }
}
