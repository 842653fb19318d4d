//! `Report`: what is known of a bundle after it was judged, with stable keys in JSON.

use crate::attribution::{Latency, PartCount};
use crate::bootstrap::Metric;
use crate::metrics::Bin;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// What `tamis evaluate` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The system's name.
    pub system: String,
    /// The bundle's content hash.
    pub bundle: String,
    /// What was fitted on and judged on.
    pub split: Split,
    /// Of the whole funnel, over the test decisions.
    pub metrics: Named<Metric>,
    /// The same metrics of simpler methods, over the same decisions.
    pub baselines: Named<Named<Metric>>,
    /// What each part did, in order.
    pub funnel: Vec<PartCount>,
    /// How long one decision took, from the question to the list, on one thread.
    #[serde(default)]
    pub latency: Latency,
    /// How many positives each part lost.
    pub lost: Named<u64>,
    /// What the evaluation cost.
    pub resources: Resources,
    /// The fitted stages, in order.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// How far probabilities can be taken at their word; none when no stage gives probabilities.
    #[serde(default)]
    pub calibration: Option<Calibration>,
}

/// The windows of a split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// `time`.
    pub kind: String,
    /// The window that the metrics are of: `test`, or `validate` while choices are made.
    #[serde(default)]
    pub judged: String,
    /// What sources and learned vectors saw while stages were trained.
    pub sources: Window,
    /// Stages were fitted on it.
    pub train: Window,
    /// Choices were made on it.
    pub validate: Window,
    /// Looked at once.
    pub test: Window,
}

/// One window of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Events in it.
    pub events: u64,
    /// Its first event, RFC 3339.
    pub from: String,
    /// Its last event, RFC 3339.
    pub to: String,
    /// Decisions in it.
    pub decisions: u64,
    /// Whom these decisions are for, each counted once.
    pub users: u64,
}

/// What it cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Wall time in all.
    pub seconds: f64,
    /// The most memory the process held.
    pub peak_resident_bytes: u64,
    /// Wall time in seconds of each step, in order.
    #[serde(default)]
    pub steps: Named<f64>,
}

/// A stage and how it was fitted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// As the system file names it.
    pub name: String,
    /// Its kind: `logistic`, `lambdamart`.
    pub kind: String,
    /// Share of each column in the model's decisions, in column order; adds up to 1.
    pub importance: Vec<(String, f64)>,
    /// How the fit came about.
    pub curve: Vec<CurvePoint>,
}

/// One point of a training curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Rounds done.
    pub round: u64,
    /// What was measured.
    pub metric: String,
    /// On the rows the model learns from; NaN (null in JSON) when not measured.
    #[serde(deserialize_with = "nan_when_null")]
    pub train: f64,
    /// On the rows it stops on; NaN (null in JSON) when there are none.
    #[serde(deserialize_with = "nan_when_null")]
    pub validate: f64,
}

/// Predicted beside observed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The stage whose probabilities these are.
    pub name: String,
    /// Parts of equal size, by ascending prediction.
    pub bins: Vec<Bin>,
    /// Expected calibration error over these parts.
    pub ece: f64,
    /// In nats.
    pub logloss: f64,
}

/// Values by name, in an order that is kept; an object in JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Named<T> {
    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<(String, T)> for Named<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of named values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(entry) = map.next_entry()? {
            values.push(entry);
        }
        Ok(Named(values))
    }
}

/// JSON has no NaN: it is written as null and read back here.
pub(crate) fn nan_when_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::sample;

    #[test]
    fn a_report_survives_json() {
        let report = sample::report();
        let text = serde_json::to_string_pretty(&report).expect("a report is JSON");
        let back: Report = serde_json::from_str(&text).expect("a report is read back");
        assert_eq!(serde_json::to_string_pretty(&back).expect("a report is JSON"), text);
    }

    #[test]
    fn names_keep_their_order_and_keys_are_those_that_are_documented() {
        let json = serde_json::to_value(sample::report()).expect("a report is JSON");
        let keys = |v: &serde_json::Value| v.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>().join(" "));
        let check = |at: &str, expected: &str| {
            let found = json.pointer(at).and_then(keys);
            assert_eq!(found.as_deref(), Some(expected), "{at}");
        };
        check("", "system bundle split metrics baselines funnel latency lost resources stages calibration");
        check("/split", "kind judged sources train validate test");
        check("/split/test", "events from to decisions users");
        check("/metrics", "recall@10 recall@20 recall@100 recall@200 ndcg@10 mrr@10");
        check("/metrics/ndcg@10", "value low high");
        check("/funnel/0", "name kind in out recall lost latency_us_p50 latency_us_p99");
        check("/resources", "seconds peak_resident_bytes steps");
        check("/stages/0", "name kind importance curve");
        check("/calibration", "name bins ece logloss");
    }

    #[test]
    fn what_was_not_measured_is_null_in_json() {
        let point = CurvePoint { round: 1, metric: "ndcg@10".into(), train: f64::NAN, validate: 0.5 };
        let text = serde_json::to_string(&point).expect("a point is JSON");
        assert_eq!(text, r#"{"round":1,"metric":"ndcg@10","train":null,"validate":0.5}"#);
        let back: CurvePoint = serde_json::from_str(&text).expect("a point is read back");
        assert!(back.train.is_nan() && back.validate == 0.5);
    }
}
