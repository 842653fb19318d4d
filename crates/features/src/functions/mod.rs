//! The functions of the feature language, in the order of the manual.

mod age;
mod clip;
mod cosine;
mod count;
mod dot;
mod histogram;
mod hour;
mod last;
mod log1p;
mod matches;
mod max;
mod mean;
mod min;
mod missing;
mod month;
mod overlap;
mod rate;
mod recent;
mod seen;
mod similar;
mod since;
mod sum;
mod trend;
mod weekday;

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
    hour::KIND,
    weekday::KIND,
    month::KIND,
    age::KIND,
    log1p::KIND,
    clip::KIND,
    missing::KIND,
];
