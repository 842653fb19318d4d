//! The functions of the feature language, in the order of the manual.

mod age;
mod bm25;
mod bucket;
mod clip;
mod contains;
mod cosine;
mod count;
mod distance;
mod distinct;
mod dot;
mod embed;
mod histogram;
mod holiday;
mod hour;
mod last;
mod length;
mod log1p;
mod matches;
mod max;
mod mean;
mod min;
mod missing;
mod month;
mod mutual;
mod neighbours;
mod overlap;
mod pagerank;
mod rate;
mod recent;
mod scaled;
mod season;
mod seen;
mod similar;
mod since;
mod sum;
mod tfidf;
mod trend;
mod weekday;
mod words;

use crate::function::Function;
use tamis_spec::kind::Kind;

/// Every function.
pub const FUNCTIONS: &[Kind<dyn Function>] = &[
    count::KIND,
    rate::KIND,
    sum::KIND,
    mean::KIND,
    min::KIND,
    max::KIND,
    distinct::KIND,
    last::KIND,
    since::KIND,
    histogram::KIND,
    recent::KIND,
    trend::KIND,
    seen::KIND,
    dot::KIND,
    cosine::KIND,
    overlap::KIND,
    matches::KIND,
    similar::KIND,
    tfidf::KIND,
    bm25::KIND,
    embed::KIND,
    neighbours::KIND,
    mutual::KIND,
    pagerank::KIND,
    length::KIND,
    words::KIND,
    contains::KIND,
    hour::KIND,
    weekday::KIND,
    month::KIND,
    season::KIND,
    holiday::KIND,
    age::KIND,
    distance::KIND,
    log1p::KIND,
    clip::KIND,
    bucket::KIND,
    scaled::KIND,
    missing::KIND,
];
