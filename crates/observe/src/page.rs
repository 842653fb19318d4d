//! The report as one page that stands alone: inline style, inline SVG, no script, nothing fetched.

use crate::bootstrap::Metric;
use crate::figures::{self, better, day};
use crate::html::{escape, micros, percent, score, whole};
use crate::report::Report;

/// A page of HTML. Every name in the report is escaped; sections without numbers are left out.
pub fn page(report: &Report) -> String {
    let system = escape(&report.system);
    let sections = [
        figures::funnel(report),
        figures::metrics(report),
        figures::lost(report),
        figures::stages(report),
        report.calibration.as_ref().map_or(String::new(), figures::calibration),
        figures::split(report),
        figures::resources(report),
    ];
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{system} · evaluation</title>
<style>{}</style>
</head>
<body>
{}
<main>
{}
</main>
<footer>Measured on held-out time over the full catalogue, without sampled negatives. Intervals are 95 % percentile bootstrap intervals over decisions. Bundle <code>{}</code>.</footer>
</body>
</html>
"#,
        include_str!("page.css"),
        masthead(report),
        sections.join("\n"),
        escape(&report.bundle)
    )
}

/// How the system stands beside its best baseline.
struct Verdict {
    class: &'static str,
    mark: &'static str,
    word: &'static str,
    sentence: String,
}

fn masthead(report: &Report) -> String {
    let verdict = verdict(report);
    let test = &report.split.test;
    format!(
        r#"<header><p class="eyebrow">tamis · evaluation</p><h1>{}</h1><p class="verdict {}"><span class="badge"><i aria-hidden="true">{}</i> {}</span> {}</p><p class="meta">Judged on <b>{}</b> decisions, {} to {} · bundle <code>{}</code></p><dl class="tiles">{}</dl></header>"#,
        escape(&report.system),
        verdict.class,
        verdict.mark,
        verdict.word,
        verdict.sentence,
        whole(test.decisions),
        escape(day(&test.from)),
        escape(day(&test.to)),
        escape(&report.bundle.chars().take(12).collect::<String>()),
        tiles(report)
    )
}

/// The metric that the verdict is about: ndcg@10, else the first.
fn headline(report: &Report) -> Option<(&str, &Metric)> {
    let metrics = &report.metrics.0;
    let chosen = metrics.iter().find(|(name, _)| name == "ndcg@10").or(metrics.first())?;
    Some((&chosen.0, &chosen.1))
}

/// The baseline with the best value of a metric.
fn best_baseline<'a>(report: &'a Report, metric: &str) -> Option<(&'a str, &'a Metric)> {
    let values = report.baselines.0.iter().filter_map(|(name, m)| m.get(metric).map(|m| (name.as_str(), m)));
    values.reduce(|best, next| if better(metric, next.1.value, best.1.value) { next } else { best })
}

fn verdict(report: &Report) -> Verdict {
    let Some((name, ours)) = headline(report) else {
        return Verdict { class: "level", mark: "●", word: "No metrics", sentence: "Nothing was measured.".into() };
    };
    let name_shown = escape(name);
    let value = format!("{} (95 % interval {} – {})", score(ours.value), score(ours.low), score(ours.high));
    let Some((baseline, theirs)) = best_baseline(report, name) else {
        let sentence = format!("{name_shown} is {value}; no baseline was measured.");
        return Verdict { class: "level", mark: "●", word: "Measured", sentence };
    };
    let change = percent((ours.value / theirs.value - 1.0).abs());
    let side = if ours.value >= theirs.value { "above" } else { "below" };
    let apart = ours.low > theirs.high || ours.high < theirs.low;
    let (class, mark, word, rest) = match (apart, better(name, ours.value, theirs.value)) {
        (true, true) => ("ahead", "▲", "Ahead", "The intervals do not overlap."),
        (true, false) => ("behind", "▼", "Behind", "The intervals do not overlap: the baseline is better."),
        (false, _) => ("level", "●", "Level", "The intervals overlap: the difference may be chance."),
    };
    let beside = format!("{change} {side} the best baseline, {}", escape(baseline));
    Verdict { class, mark, word, sentence: format!("{beside}, on {name_shown}: {value}. {rest}") }
}

fn tiles(report: &Report) -> String {
    let mut tiles = Vec::new();
    if let Some((name, ours)) = headline(report) {
        tiles.push((escape(name), score(ours.value), format!("{} – {}", score(ours.low), score(ours.high))));
        if let Some((baseline, theirs)) = best_baseline(report, name) {
            let change = ours.value / theirs.value - 1.0;
            let sign = if change < 0.0 { "−" } else { "+" };
            let beside = format!("{} has {}", escape(baseline), score(theirs.value));
            tiles.push(("beside the best baseline".into(), format!("{sign}{}", percent(change.abs())), beside));
        }
    }
    if let Some(recall) = report.metrics.get("recall@10") {
        let beside = "share of decisions".to_owned();
        tiles.push(("wanted item in the first 10".into(), percent(recall.value), beside));
    }
    if report.latency.us_p99 > 0.0 {
        let beside = format!("{} at the median", micros(report.latency.us_p50));
        tiles.push(("one decision, p99".into(), micros(report.latency.us_p99), beside));
    }
    let tile = |(name, value, note): &(String, String, String)| {
        format!(r#"<div><dt>{name}</dt><dd>{value}</dd><dd class="note">{note}</dd></div>"#)
    };
    tiles.iter().map(tile).collect()
}

/// A realistic report for tests.
#[cfg(test)]
pub(crate) mod sample {
    use crate::report::Report;

    pub(crate) fn report() -> Report {
        serde_json::from_str(include_str!("../examples/report.json")).expect("the sample is a report")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Named;

    #[test]
    fn the_page_fetches_nothing_and_runs_nothing() {
        let page = page(&sample::report()).to_lowercase();
        for forbidden in
            ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe", "onload"]
        {
            assert!(!page.contains(forbidden), "{forbidden} is on the page");
        }
    }

    #[test]
    fn every_name_is_on_the_page() {
        let report = sample::report();
        let page = page(&report);
        let parts = report.funnel.iter().map(|p| &p.name);
        let baselines = report.baselines.0.iter().map(|(name, _)| name);
        let metrics = report.metrics.0.iter().map(|(name, _)| name);
        let steps = report.resources.steps.0.iter().map(|(name, _)| name);
        for name in parts.chain(baselines).chain(metrics).chain(steps) {
            assert!(page.contains(&escape(name)), "{name} is not on the page");
        }
    }

    #[test]
    fn names_are_escaped_wherever_they_stand() {
        let mut report = sample::report();
        let evil = |name: &str| format!("{name}<img onerror='x'>\"&");
        report.system = evil(&report.system);
        report.bundle = evil("b");
        report.split.kind = evil("time");
        for w in [&mut report.split.sources, &mut report.split.test] {
            w.from = evil("2000-01-01");
            w.to = evil("2000-01-02");
        }
        report.metrics.0.iter_mut().for_each(|(name, _)| *name = evil(name));
        for (name, metrics) in &mut report.baselines.0 {
            *name = evil(name);
            metrics.0.iter_mut().for_each(|(name, _)| *name = evil(name));
        }
        report.funnel.iter_mut().for_each(|p| p.name = evil(&p.name));
        report.lost.0.iter_mut().for_each(|(name, _)| *name = evil(name));
        report.resources.steps.0.iter_mut().for_each(|(name, _)| *name = evil(name));
        for stage in &mut report.stages {
            (stage.name, stage.kind) = (evil(&stage.name), evil(&stage.kind));
            stage.importance.iter_mut().for_each(|(name, _)| *name = evil(name));
            stage.curve.iter_mut().for_each(|p| p.metric = evil(&p.metric));
        }
        if let Some(c) = &mut report.calibration {
            c.name = evil(&c.name);
        }
        let page = page(&report);
        assert!(!page.contains("<img") && !page.contains("onerror='"), "a name was not escaped");
        assert!(page.matches("&lt;img onerror=&#39;x&#39;&gt;&quot;&amp;").count() > 60);
    }

    #[test]
    fn the_verdict_says_how_the_system_stands_beside_its_best_baseline() {
        let metric = |value: f64| Metric { value, low: value - 0.01, high: value + 0.01 };
        let check = |name: &str, ours: f64, theirs: &[(&str, f64)], word: &str, says: &str| {
            let entry = |v: f64| Named(vec![(name.to_owned(), metric(v))]);
            let baselines = theirs.iter().map(|(b, v)| ((*b).to_owned(), entry(*v))).collect();
            let report = Report { metrics: entry(ours), baselines, ..Report::default() };
            let v = verdict(&report);
            assert_eq!(v.word, word, "{}", v.sentence);
            assert!(v.sentence.replace('\u{a0}', " ").contains(says), "{}", v.sentence);
        };
        check("ndcg@10", 0.3, &[("popular", 0.1), ("ease", 0.2)], "Ahead", "50.0 % above the best baseline, ease");
        check("ndcg@10", 0.21, &[("ease", 0.2)], "Level", "may be chance");
        check("ndcg@10", 0.1, &[("ease", 0.2)], "Behind", "50.0 % below");
        check("logloss", 0.3, &[("base", 0.4), ("plain", 0.5)], "Ahead", "25.0 % below the best baseline, base");
        check("ndcg@10", 0.3, &[], "Measured", "no baseline");
    }

    #[test]
    fn a_report_without_numbers_is_still_a_page() {
        let page = page(&Report::default());
        assert!(page.contains("Nothing was measured") && page.contains("</html>") && !page.contains("NaN"));
    }

    #[test]
    fn a_report_of_no_decisions_shows_dashes() {
        let mut report = sample::report();
        let nothing = Metric { value: f64::NAN, low: f64::NAN, high: f64::NAN };
        report.split.test.decisions = 0;
        report.metrics.0.iter_mut().for_each(|(_, m)| *m = nothing);
        report.funnel.iter_mut().for_each(|p| (p.n_in, p.n_out, p.recall) = (f64::NAN, f64::NAN, f64::NAN));
        let page = page(&report);
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}
