//! Counters, and how Prometheus reads them.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the latency histogram, µs; above the last there is one more bucket.
const LATENCY_US: [u64; 12] =
    [500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 5_000_000];

/// What was done since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Lists that were served.
    pub lists: AtomicU64,
    /// Of them, those for somebody without a history.
    pub cold_starts: AtomicU64,
    /// Of them, those that could not be written to the log.
    pub unlogged_lists: AtomicU64,
    /// Records that were acknowledged.
    pub events: AtomicU64,
    /// Of them, events that name an actor without a record of its own.
    pub unknown_actor_events: AtomicU64,
    /// Requests that were refused because of what they said.
    pub refused: AtomicU64,
    /// Requests that failed although they were right.
    pub failed: AtomicU64,
    /// By part of the funnel: how often it was skipped for the deadline.
    pub fallbacks: Vec<(String, AtomicU64)>,
    latency: [AtomicU64; LATENCY_US.len() + 1],
    latency_us_sum: AtomicU64,
}

impl Metrics {
    /// All zero, for these parts of the funnel.
    pub(crate) fn new(parts: &[String]) -> Self {
        let fallbacks = parts.iter().map(|p| (p.clone(), AtomicU64::new(0))).collect();
        Self { fallbacks, ..Self::default() }
    }

    /// Counts a served list that took so long.
    pub(crate) fn served(&self, latency_us: u64) {
        self.lists.fetch_add(1, Relaxed);
        let bucket = LATENCY_US.partition_point(|bound| *bound < latency_us);
        self.latency[bucket].fetch_add(1, Relaxed);
        self.latency_us_sum.fetch_add(latency_us, Relaxed);
    }

    /// All of them in the Prometheus text format.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let counters = [
            ("tamis_lists_total", "Lists that were served.", &self.lists),
            ("tamis_cold_starts_total", "Lists for somebody without a history.", &self.cold_starts),
            ("tamis_unlogged_lists_total", "Lists that could not be written to the log.", &self.unlogged_lists),
            ("tamis_events_total", "Records that were acknowledged.", &self.events),
            (
                "tamis_unknown_actor_events_total",
                "Events that name an actor without a record of its own.",
                &self.unknown_actor_events,
            ),
            ("tamis_refused_total", "Requests that were refused because of what they said.", &self.refused),
            ("tamis_failed_total", "Requests that failed although they were right.", &self.failed),
        ];
        for (name, about, counter) in counters {
            head(&mut out, name, about, "counter");
            let _ = writeln!(out, "{name} {}", counter.load(Relaxed));
        }
        head(&mut out, "tamis_fallbacks_total", "Parts of the funnel that were skipped for the deadline.", "counter");
        for (part, counter) in &self.fallbacks {
            let _ = writeln!(out, "tamis_fallbacks_total{{part=\"{}\"}} {}", escaped(part), counter.load(Relaxed));
        }
        self.latency_text(&mut out);
        out
    }

    fn latency_text(&self, out: &mut String) {
        let name = "tamis_rank_seconds";
        head(out, name, "Time to answer for a list, with writing it to the log.", "histogram");
        let mut total = 0;
        for (bucket, counter) in self.latency.iter().enumerate() {
            total += counter.load(Relaxed);
            let bound = LATENCY_US.get(bucket).map_or("+Inf".to_owned(), |us| (*us as f64 / 1e6).to_string());
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {total}");
        }
        let _ = writeln!(out, "{name}_sum {}", self.latency_us_sum.load(Relaxed) as f64 / 1e6);
        let _ = writeln!(out, "{name}_count {total}");
    }
}

fn head(out: &mut String, name: &str, about: &str, ty: &str) {
    let _ = writeln!(out, "# HELP {name} {about}\n# TYPE {name} {ty}");
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_in_its_bucket_and_in_all_above() {
        let metrics = Metrics::new(&["popular".to_owned()]);
        for us in [500, 501, 9_000_000] {
            metrics.served(us);
        }
        metrics.fallbacks[0].1.fetch_add(2, Relaxed);
        let text = metrics.text();
        for line in [
            "tamis_lists_total 3",
            "tamis_fallbacks_total{part=\"popular\"} 2",
            "tamis_rank_seconds_bucket{le=\"0.0005\"} 1",
            "tamis_rank_seconds_bucket{le=\"0.001\"} 2",
            "tamis_rank_seconds_bucket{le=\"5\"} 2",
            "tamis_rank_seconds_bucket{le=\"+Inf\"} 3",
            "tamis_rank_seconds_count 3",
            "tamis_rank_seconds_sum 9.001001",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
