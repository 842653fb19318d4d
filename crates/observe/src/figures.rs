//! Sections of the report's page: each has a heading, one sentence that says what the figure shows, the figure, and the
//! same numbers as a table.

use crate::attribution::{PartCount, PartKind};
use crate::bootstrap::Metric;
use crate::chart::{Axis, Line, band, bar, diagonal, lines, stacked, whisker};
use crate::html::{bytes, count, escape, micros, percent, score, seconds, whole};
use crate::report::{Calibration, CurvePoint, Named, Report, Stage, Window};
use tamis_spec::time::parse_time_ms;

/// Columns shown of a stage's importance; the others are told as one sum.
const IMPORTANCE_ROWS_MAX: usize = 16;

/// Rows of a training curve's table.
const CURVE_ROWS_MAX: usize = 24;

/// Metrics of which less is better.
const SMALLER_IS_BETTER: [&str; 6] = ["logloss", "normalised_entropy", "ece", "rmse", "mae", "perplexity"];

/// Whether a is the better value of a metric; a NaN never is.
pub(crate) fn better(metric: &str, a: f64, b: f64) -> bool {
    let ahead = if SMALLER_IS_BETTER.contains(&metric) { a < b } else { a > b };
    ahead || (b.is_nan() && !a.is_nan())
}

/// A section of the page.
fn section(id: &str, title: &str, lede: &str, body: &str) -> String {
    format!(r#"<section aria-labelledby="{id}"><h2 id="{id}">{title}</h2><p class="lede">{lede}</p>{body}</section>"#)
}

/// A table: heads and rows are HTML; the first cell of a row is its heading.
fn table(caption: &str, heads: &[String], rows: &[Vec<String>]) -> String {
    let heads: String = heads.iter().map(|h| format!(r#"<th scope="col">{h}</th>"#)).collect();
    let row = |cells: &Vec<String>| {
        let rest: String = cells[1..].iter().map(|c| format!("<td>{c}</td>")).collect();
        format!(r#"<tr><th scope="row">{}</th>{rest}</tr>"#, cells[0])
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        r#"<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"#
    )
}

fn heads<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

fn folded(summary: &str, body: &str) -> String {
    format!("<details><summary>{summary}</summary>{body}</details>")
}

/// The funnel: sources beside each other, then every part below the one before it, as wide as what passes.
pub(crate) fn funnel(report: &Report) -> String {
    let parts = &report.funnel;
    let Some(last) = parts.last() else { return String::new() };
    let widest = parts.iter().flat_map(|p| [p.n_in, p.n_out]).fold(2.0, f64::max);
    let width = |n: f64| (n.max(0.0) + 1.0).ln() / (widest + 1.0).ln();
    let (sources, chain): (Vec<_>, Vec<_>) = parts.iter().partition(|p| p.kind == PartKind::Source);
    let cards: String = sources.iter().map(|p| source_card(p)).collect();
    let bands: String = chain.iter().map(|p| chain_row(p, width(p.n_in), width(p.n_out), report)).collect();
    let lede = format!(
        "Of {} candidates a decision, {} are shown. The item that was wanted is still among them in {} of decisions.",
        count(chain.first().map_or(last.n_in, |p| p.n_in)),
        count(last.n_out),
        percent(last.recall)
    );
    let row = |p: &PartCount| {
        let lost = if p.kind == PartKind::Source { "–".into() } else { whole(p.lost) };
        let cells = [count(p.n_in), count(p.n_out), percent(p.recall), lost];
        let times = [micros(p.latency_us_p50), micros(p.latency_us_p99)];
        [escape(&p.name), kind_word(p.kind).into()].into_iter().chain(cells).chain(times).collect()
    };
    let rows: Vec<Vec<String>> = parts.iter().map(row).collect();
    let names = ["part", "kind", "in", "out", "recall", "lost", "p50", "p99"];
    let body = format!(
        r#"<figure class="funnel" aria-label="The funnel, part by part"><p class="step">Sources propose</p><ul class="sources">{cards}</ul><p class="step">What they propose flows together and narrows</p><ol class="chain">{bands}</ol><figcaption>Widths grow with the logarithm of the number of candidates. Recall: share of decisions whose positive is still in. Times: median and 99th percentile of a decision.</figcaption></figure>{}"#,
        folded("The funnel as a table", &table("The funnel, part by part", &heads(names), &rows))
    );
    section("funnel", "The funnel", &lede, &body)
}

fn kind_word(kind: PartKind) -> &'static str {
    match kind {
        PartKind::Source => "source",
        PartKind::Merge => "merge",
        PartKind::Stage => "stage",
        PartKind::Rerank => "re-ranking",
    }
}

fn source_card(part: &PartCount) -> String {
    format!(
        r#"<li class="card"><strong>{}</strong><span class="figure">{}<small> recall</small></span>{}<span class="facts">{} proposed<br>{} · p99 {}</span></li>"#,
        escape(&part.name),
        percent(part.recall),
        bar(part.recall, "ours"),
        count(part.n_out),
        micros(part.latency_us_p50),
        micros(part.latency_us_p99)
    )
}

fn chain_row(part: &PartCount, top: f64, bottom: f64, report: &Report) -> String {
    let n = report.split.test.decisions;
    let lost = match part.lost {
        0 => r#"<span class="none">loses none</span>"#.to_owned(),
        lost if n == 0 => format!(r#"<span class="loss">− {}</span>"#, whole(lost)),
        lost => format!(r#"<span class="loss">− {} lost here</span>"#, percent(lost as f64 / n as f64)),
    };
    format!(
        r#"<li><div class="name"><strong>{}</strong><small>{}</small></div><div class="flow">{}<span>{} <i aria-label="to">→</i> {}</span></div><div class="facts"><span class="recall">{} <small>recall</small></span>{lost}<span class="time">{} · p99 {}</span></div></li>"#,
        escape(&part.name),
        kind_word(part.kind),
        band(top, bottom, kind_word(part.kind)),
        count(part.n_in),
        count(part.n_out),
        percent(part.recall),
        micros(part.latency_us_p50),
        micros(part.latency_us_p99)
    )
}

/// Metrics beside those of the baselines.
pub(crate) fn metrics(report: &Report) -> String {
    if report.metrics.0.is_empty() {
        return String::new();
    }
    let panels: String = report.metrics.0.iter().map(|(name, ours)| panel(report, name, ours)).collect();
    let n_ahead = report.metrics.0.iter().filter(|(name, ours)| ahead_of_all(report, name, ours)).count();
    let n = report.metrics.0.len();
    let lede = match report.baselines.0.len() {
        0 => "No baseline was measured.".to_owned(),
        _ if n_ahead == n => "Ahead of every baseline on every metric, with intervals that do not overlap.".to_owned(),
        _ => format!("Ahead of every baseline, with intervals that do not overlap, on {n_ahead} of {n} metrics."),
    };
    let body = format!(
        r#"<figure aria-label="Metrics beside baselines"><div class="panels">{panels}</div><figcaption>Dot: the value over all test decisions. Band: its 95 % interval (bootstrap over decisions).</figcaption></figure>{}"#,
        metrics_table(report)
    );
    section("metrics", "Beside the baselines", &lede, &body)
}

fn ahead_of_all(report: &Report, metric: &str, ours: &Metric) -> bool {
    let smaller = SMALLER_IS_BETTER.contains(&metric);
    let clear = |theirs: &Metric| if smaller { ours.high < theirs.low } else { ours.low > theirs.high };
    report.baselines.0.iter().filter_map(|(_, metrics)| metrics.get(metric)).all(clear)
}

/// One metric of the system and of all baselines, best first.
fn panel(report: &Report, metric: &str, ours: &Metric) -> String {
    let theirs = report.baselines.0.iter().filter_map(|(name, m)| Some((name.as_str(), m.get(metric)?, "theirs")));
    let mut rows: Vec<_> = std::iter::once((report.system.as_str(), ours, "ours")).chain(theirs).collect();
    rows.sort_by(|a, b| better(metric, b.1.value, a.1.value).cmp(&better(metric, a.1.value, b.1.value)));
    let axis = Axis::around(rows.iter().flat_map(|(_, m, _)| [m.value, m.low, m.high]).collect::<Vec<_>>().into_iter());
    let row = |(name, m, class): &(&str, &Metric, &str)| {
        format!(
            r#"<tr class="{class}"><th scope="row">{}</th><td class="track">{}</td><td>{}</td></tr>"#,
            escape(name),
            whisker(&axis, m.value, m.low, m.high, class),
            score(m.value)
        )
    };
    let rows: String = rows.iter().map(row).collect();
    let note = if SMALLER_IS_BETTER.contains(&metric) { " <small>less is better</small>" } else { "" };
    format!(
        r#"<div class="panel"><h3>{}{note}</h3><table><tbody>{rows}</tbody><tfoot><tr><td></td><td class="ends"><span>{}</span><span>{}</span></td><td></td></tr></tfoot></table></div>"#,
        escape(metric),
        tick(axis.low),
        tick(axis.high)
    )
}

/// The value at the end of an axis, without needless decimals.
fn tick(value: f64) -> String {
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn metrics_table(report: &Report) -> String {
    let names: Vec<&String> = report.metrics.0.iter().map(|(name, _)| name).collect();
    let heads: Vec<String> = std::iter::once("method".to_owned()).chain(names.iter().map(|n| escape(n))).collect();
    let best = |metric: &str| {
        let theirs = report.baselines.0.iter().filter_map(|(_, m)| m.get(metric));
        let all = theirs.chain(report.metrics.get(metric)).map(|m| m.value);
        all.fold(f64::NAN, |best, v| if better(metric, v, best) { v } else { best })
    };
    let bests: Vec<f64> = names.iter().map(|n| best(n)).collect();
    let row = |name: String, metrics: &Named<Metric>| {
        let cell = |(metric, best): (&&String, &f64)| match metrics.get(metric) {
            None => "–".to_owned(),
            Some(m) => {
                let value = score(m.value);
                let value = if m.value == *best { format!("<b>{value}</b>") } else { value };
                format!("{value}<small>{} – {}</small>", score(m.low), score(m.high))
            }
        };
        std::iter::once(name).chain(names.iter().zip(&bests).map(cell)).collect::<Vec<_>>()
    };
    let mut rows = vec![row(format!("<b>{}</b>", escape(&report.system)), &report.metrics)];
    rows.extend(report.baselines.0.iter().map(|(name, metrics)| row(escape(name), metrics)));
    table("Metrics with 95 % intervals; the best of each in bold", &heads, &rows)
}

/// Where positives were lost.
pub(crate) fn lost(report: &Report) -> String {
    let total = report.split.test.decisions;
    if total == 0 || report.funnel.is_empty() {
        return String::new();
    }
    let n_lost: u64 = report.lost.0.iter().map(|(_, n)| n).sum();
    let delivered = ("delivered".to_owned(), total.saturating_sub(n_lost));
    let entries: Vec<&(String, u64)> = std::iter::once(&delivered).chain(&report.lost.0).collect();
    let share = |n: u64| n as f64 / total as f64;
    let class = |i: usize| if i == 0 { "delivered".to_owned() } else { format!("loss{}", (i - 1) % 6) };
    let part = |(i, (name, n)): (usize, &&(String, u64))| {
        (share(*n), class(i), format!("{name}: {} ({})", whole(*n), percent(share(*n))))
    };
    let parts: Vec<_> = entries.iter().enumerate().map(part).collect();
    let label: Vec<&str> = parts.iter().map(|(_, _, title)| title.as_str()).collect();
    let row = |(i, (name, n)): (usize, &&(String, u64))| {
        let name = if i == 0 { "<b>delivered</b>".to_owned() } else { format!("lost by {}", escape(name)) };
        vec![format!(r#"<i class="swatch {}"></i>{name}"#, class(i)), whole(*n), percent(share(*n))]
    };
    let rows: Vec<Vec<String>> = entries.iter().enumerate().map(row).collect();
    let lede = match report.lost.0.iter().max_by_key(|(_, n)| *n).filter(|(_, n)| *n > 0) {
        None => "No positive was lost.".to_owned(),
        Some((name, n)) => format!(
            "Most are lost by <b>{}</b>: {} of {} decisions, {} of all losses.",
            escape(name),
            whole(*n),
            whole(total),
            percent(*n as f64 / n_lost as f64)
        ),
    };
    let body = format!(
        "<figure aria-label=\"Where positives were lost\">{}</figure>{}",
        stacked(&parts, &label.join("; ")),
        table("Positives by what became of them", &heads(["what became of it", "decisions", "share"]), &rows)
    );
    section("lost", "Where positives were lost", &lede, &body)
}

/// What the stages go by and how their fits came about.
pub(crate) fn stages(report: &Report) -> String {
    if report.stages.is_empty() {
        return String::new();
    }
    let body: String = report.stages.iter().map(stage).collect();
    let lede = "Which features each stage goes by, and how its fit came about.";
    section("stages", "The stages", lede, &format!(r#"<div class="stages">{body}</div>"#))
}

fn stage(stage: &Stage) -> String {
    let kind =
        if stage.kind == stage.name { String::new() } else { format!(" <small>{}</small>", escape(&stage.kind)) };
    format!(r#"<article><h3>{}{kind}</h3>{}{}</article>"#, escape(&stage.name), importance(stage), curves(stage))
}

fn importance(stage: &Stage) -> String {
    let mut columns: Vec<&(String, f64)> = stage.importance.iter().filter(|(_, s)| s.is_finite()).collect();
    columns.sort_by(|a, b| b.1.total_cmp(&a.1));
    let Some(most) = columns.first().map(|c| c.1.max(1e-12)) else { return String::new() };
    let (shown, others) = columns.split_at(columns.len().min(IMPORTANCE_ROWS_MAX));
    let row = |name: &str, share: f64, class: &str| {
        format!(
            r#"<tr><th scope="row">{name}</th><td class="track">{}</td><td>{}</td></tr>"#,
            bar(share / most, class),
            percent(share)
        )
    };
    let mut rows: String = shown.iter().map(|(name, share)| row(&escape(name), *share, "ours")).collect();
    if !others.is_empty() {
        let sum: f64 = others.iter().map(|c| c.1).sum();
        rows += &row(&format!("{} others together", others.len()), sum, "theirs");
    }
    format!(r#"<table class="bars"><caption>Feature importance</caption><tbody>{rows}</tbody></table>"#)
}

fn curves(stage: &Stage) -> String {
    let mut metrics: Vec<&str> = stage.curve.iter().map(|p| p.metric.as_str()).collect();
    let mut seen = std::collections::HashSet::new();
    metrics.retain(|m| seen.insert(*m));
    let of = |metric: &&str| stage.curve.iter().filter(|p| p.metric == **metric).cloned().collect::<Vec<_>>();
    metrics.iter().map(|metric| curve(metric, &of(metric))).collect()
}

fn curve(metric: &str, points: &[CurvePoint]) -> String {
    let train: Vec<_> = points.iter().map(|p| (p.round as f64, p.train)).collect();
    let validate: Vec<_> = points.iter().map(|p| (p.round as f64, p.validate)).collect();
    let (first, last) = (train.first().map_or(0.0, |p| p.0), train.last().map_or(1.0, |p| p.0));
    let x = Axis { low: first, high: last.max(first + 1.0), logarithmic: false };
    let (low, high) = train
        .iter()
        .chain(&validate)
        .map(|p| p.1)
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return String::new();
    }
    let pad = ((high - low) * 0.05).max(1e-9);
    let y = Axis { low: low - pad, high: high + pad, logarithmic: false };
    let pick = |best: Option<(f64, f64)>, p: &(f64, f64)| match best {
        Some(b) if !better(metric, p.1, b.1) => Some(b),
        _ => Some(*p).filter(|p| p.1.is_finite()).or(best),
    };
    let best = validate.iter().fold(None, pick);
    let note = best.map_or(String::new(), |(round, v)| format!("best {} at round {round:.0}", score(v)));
    let series = [Line { points: &train, class: "train" }, Line { points: &validate, class: "validate" }];
    let label = format!("Training curve of {metric} over {last:.0} rounds; on validate, {note}");
    let step = points.len().div_ceil(CURVE_ROWS_MAX).max(1);
    let shown = points.iter().enumerate().filter(|(i, _)| i % step == 0 || i + 1 == points.len());
    let rows: Vec<_> = shown.map(|(_, p)| vec![whole(p.round), score(p.train), score(p.validate)]).collect();
    let metric = escape(metric);
    format!(
        r#"<figure class="curve"><figcaption><span><b>{metric}</b> by round</span><span class="key"><i class="swatch line-train"></i>train <i class="swatch line-validate"></i>validate{}</span></figcaption><div class="plot"><div class="y"><span>{}</span><span>{}</span></div>{}</div><div class="x"><span>{first:.0}</span><span>{last:.0}</span></div></figure>{}"#,
        if note.is_empty() { String::new() } else { format!(", {note}") },
        score(y.high),
        score(y.low),
        lines(&x, &y, &series, &label),
        folded(
            "The curve as a table",
            &table(&format!("{metric} by round"), &heads(["round", "train", "validate"]), &rows)
        )
    )
}

/// Predicted beside observed.
pub(crate) fn calibration(calibration: &Calibration) -> String {
    let points: Vec<_> = calibration.bins.iter().map(|b| (b.mean_predicted, b.mean_observed)).collect();
    let high = points.iter().map(|p| p.0.max(p.1)).fold(0.0, f64::max).max(1e-9) * 1.05;
    let smallest = points.iter().flat_map(|p| [p.0, p.1]).filter(|v| *v > 0.0).fold(high, f64::min);
    let logarithmic = high / smallest > 50.0;
    let axis = Axis { low: if logarithmic { smallest * 0.8 } else { 0.0 }, high, logarithmic };
    let lede = format!(
        "What <b>{}</b> predicts differs from what happens by {:.2} percentage points on average (calibration error over {} parts of equal size). Log loss {}.",
        escape(&calibration.name),
        calibration.ece * 100.0,
        calibration.bins.len(),
        score(calibration.logloss)
    );
    let label = format!("Reliability curve: calibration error {}", score(calibration.ece));
    let row = |b: &crate::metrics::Bin| vec![percent(b.mean_predicted), percent(b.mean_observed), whole(b.n as u64)];
    let rows: Vec<Vec<String>> = calibration.bins.iter().map(row).collect();
    let scale = if logarithmic { "; both axes are logarithmic" } else { "" };
    let body = format!(
        r#"<div class="beside"><figure class="reliability"><div class="plot"><div class="y"><span>{}</span><span class="axis">observed</span><span>{}</span></div>{}</div><div class="x"><span>{}</span><span class="axis">predicted</span><span>{}</span></div><figcaption>On the dashed line, predictions come true as often as they say{scale}.</figcaption></figure>{}</div>"#,
        percent(axis.high),
        percent(axis.low),
        diagonal(&axis, &points, &label),
        percent(axis.low),
        percent(axis.high),
        table("Reliability, part by part", &heads(["predicted", "observed", "rows"]), &rows)
    );
    section("calibration", "Calibration", &lede, &body)
}

/// The windows of the split, by events and by the calendar.
pub(crate) fn split(report: &Report) -> String {
    let s = &report.split;
    let windows: [(&str, &Window); 4] =
        [("sources", &s.sources), ("train", &s.train), ("validate", &s.validate), ("test", &s.test)];
    let total: u64 = windows.iter().map(|(_, w)| w.events).sum();
    if total == 0 {
        return String::new();
    }
    let part = |(name, w): &(&str, &Window), share: f64| {
        (share, format!("window {name}"), format!("{name}: {} to {}", day(&w.from), day(&w.to)))
    };
    let by_events: Vec<_> = windows.iter().map(|w| part(w, w.1.events as f64 / total as f64)).collect();
    let mut bars = format!("<p class=\"step\">By events</p>{}", stacked(&by_events, "Shares of events of each window"));
    if let (Some(from), Some(to)) = (parse_time_ms(&s.sources.from), parse_time_ms(&s.test.to)) {
        let starts = windows.map(|(_, w)| parse_time_ms(&w.from).unwrap_or(from));
        let ends = [starts[1], starts[2], starts[3], to];
        let share = |i: usize| (ends[i] - starts[i]).max(0) as f64 / (to - from).max(1) as f64;
        let by_time: Vec<_> = windows.iter().enumerate().map(|(i, w)| part(w, share(i))).collect();
        bars += &format!(
            "<p class=\"step\">By the calendar</p>{}<div class=\"x ends\"><span>{}</span><span>{}</span></div>",
            stacked(&by_time, "Shares of time of each window"),
            escape(day(&s.sources.from)),
            escape(day(&s.test.to))
        );
    }
    let about = |name: &str| match name {
        "sources" => "sources and learned vectors",
        "train" => "stages are fitted",
        "validate" => "choices are made",
        _ => "looked at once",
    };
    let row = |(name, w): &(&str, &Window)| {
        vec![
            format!(r#"<i class="swatch window {name}"></i><b>{name}</b><small>{}</small>"#, about(name)),
            escape(day(&w.from)),
            escape(day(&w.to)),
            whole(w.events),
            whole(w.decisions),
            whole(w.users),
        ]
    };
    let rows: Vec<Vec<String>> = windows.iter().map(row).collect();
    let lede = format!(
        "Split by {}: judged on {} decisions for {} users that come after everything it learned from.",
        escape(&s.kind),
        whole(s.test.decisions),
        whole(s.test.users)
    );
    let body = format!(
        "<figure aria-label=\"The windows of the split\">{bars}</figure>{}",
        table("Windows", &heads(["window", "from", "to", "events", "decisions", "users"]), &rows)
    );
    section("split", "The split", &lede, &body)
}

/// The day of a moment as RFC 3339 writes it.
pub(crate) fn day(moment: &str) -> &str {
    moment.split('T').next().unwrap_or(moment)
}

/// What it cost.
pub(crate) fn resources(report: &Report) -> String {
    let r = &report.resources;
    let longest = r.steps.0.iter().map(|(_, s)| *s).fold(1e-9, f64::max);
    let row = |(name, s): &(String, f64)| {
        format!(
            r#"<tr><th scope="row">{}</th><td class="track">{}</td><td>{}</td></tr>"#,
            escape(name),
            bar(s / longest, "ours"),
            seconds(*s)
        )
    };
    let rows: String = r.steps.0.iter().map(row).collect();
    let body = if rows.is_empty() {
        String::new()
    } else {
        format!(r#"<table class="bars"><caption>Wall time of each step</caption><tbody>{rows}</tbody></table>"#)
    };
    let lede = format!("{} in all; at most {} of memory.", seconds(r.seconds), bytes(r.peak_resident_bytes));
    section("resources", "What it cost", &lede, &body)
}
