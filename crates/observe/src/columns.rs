//! What a column of training rows holds: how much is missing, how it is spread, how it goes with the label; and a page of pictures.

use crate::html::{escape, percent, whole};
use serde::Serialize;

/// Bars of a small histogram.
pub const BARS: usize = 24;

/// Features of a system, by window.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Columns {
    /// The system.
    pub system: String,
    /// Names and rows of the windows, in the order of [`Column::windows`].
    pub windows: Vec<(String, u64)>,
    /// In the order of the file.
    pub features: Vec<Column>,
}

/// One feature.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether its values are words; then only `missing`, `distinct` and the counts of the commonest are told.
    pub is_words: bool,
    /// By window.
    pub windows: Vec<Spread>,
    /// The words of the bars, commonest first; empty for numbers.
    pub words: Vec<String>,
    /// The ends of the bars, the same in every window: one more than bars; empty for words.
    pub edges: Vec<f32>,
}

/// Values of a feature in one window. Numbers are null where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Share of rows without a value.
    pub missing: f64,
    /// Different values.
    pub distinct: u64,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Smallest, 5 %, 25 %, 50 %, 75 %, 95 %, largest.
    pub quantiles: Option<[f32; 7]>,
    /// Pearson's correlation with the label, over rows that have a value.
    pub correlation: Option<f64>,
    /// Rows in each bar.
    pub bars: Vec<u64>,
}

/// The shares whose quantiles are told; 0 and 1 are the ends.
pub const SHARES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];

/// The rows of a window: values, NaN is missing, and labels.
pub type Rows<'a> = (Vec<f32>, &'a [f32]);

/// Describes numbers.
pub fn numbers(name: &str, windows: &[Rows<'_>]) -> Column {
    let mut sorted: Vec<Vec<f32>> = Vec::new();
    for (values, _) in windows {
        let mut known: Vec<f32> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        known.sort_unstable_by(f32::total_cmp);
        sorted.push(known);
    }
    let edges = edges(&sorted);
    let spread = |((values, labels), known): (&Rows<'_>, &Vec<f32>)| Spread {
        missing: (values.len() - known.len()) as f64 / values.len().max(1) as f64,
        distinct: known.chunk_by(|a, b| a == b).count() as u64,
        mean: (!known.is_empty()).then(|| known.iter().map(|v| f64::from(*v)).sum::<f64>() / known.len() as f64),
        quantiles: (!known.is_empty()).then(|| SHARES.map(|q| known[((known.len() - 1) as f64 * q).round() as usize])),
        correlation: correlation(values, labels),
        bars: bars(known, &edges),
    };
    let windows = windows.iter().zip(&sorted).map(spread).collect();
    Column { name: name.into(), is_words: false, windows, words: Vec::new(), edges }
}

/// Describes words, each value the number of one; `word`: what it is.
pub fn words(name: &str, windows: &[Rows<'_>], word: &dyn Fn(u32) -> String) -> Column {
    let counted = |values: &[f32]| {
        let mut ids: Vec<u32> = values.iter().filter(|v| !v.is_nan()).map(|v| *v as u32).collect();
        ids.sort_unstable();
        ids.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect::<Vec<_>>()
    };
    let counts: Vec<Vec<(u32, u64)>> = windows.iter().map(|(values, _)| counted(values)).collect();
    let mut commonest = counts.first().cloned().unwrap_or_default();
    commonest.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    commonest.truncate(BARS);
    let spread = |((values, _), counts): (&Rows<'_>, &Vec<(u32, u64)>)| {
        let known: u64 = counts.iter().map(|c| c.1).sum();
        let of = |id: u32| counts.binary_search_by_key(&id, |c| c.0).map_or(0, |at| counts[at].1);
        Spread {
            missing: (values.len() as u64 - known) as f64 / values.len().max(1) as f64,
            distinct: counts.len() as u64,
            bars: commonest.iter().map(|(id, _)| of(*id)).collect(),
            ..Spread::default()
        }
    };
    Column {
        name: name.into(),
        is_words: true,
        windows: windows.iter().zip(&counts).map(spread).collect(),
        words: commonest.iter().map(|(id, _)| word(*id)).collect(),
        edges: Vec::new(),
    }
}

/// Ends of bars of one width over what all windows hold, without the outermost hundredths.
fn edges(sorted: &[Vec<f32>]) -> Vec<f32> {
    let at =
        |q: f64| sorted.iter().filter(|s| !s.is_empty()).map(move |s| s[((s.len() - 1) as f64 * q).round() as usize]);
    let (low, high) = (at(0.01).fold(f32::INFINITY, f32::min), at(0.99).fold(f32::NEG_INFINITY, f32::max));
    match (low.is_finite() && high.is_finite(), low < high) {
        (false, _) => Vec::new(),
        (true, false) => vec![low, low],
        (true, true) => (0..=BARS).map(|i| low + (high - low) * i as f32 / BARS as f32).collect(),
    }
}

/// How many of the values, ascending, each bar has; those beyond the ends are in the outermost.
fn bars(known: &[f32], edges: &[f32]) -> Vec<u64> {
    let n = edges.len().saturating_sub(1);
    let below = |i: usize| {
        if i == 0 {
            0
        } else if i == n {
            known.len()
        } else {
            known.partition_point(|v| *v < edges[i])
        }
    };
    (0..n).map(|i| (below(i + 1) - below(i)) as u64).collect()
}

/// Pearson's correlation of values and labels; none where either does not vary.
fn correlation(values: &[f32], labels: &[f32]) -> Option<f64> {
    let pairs =
        || values.iter().zip(labels).filter(|(v, _)| v.is_finite()).map(|(v, l)| (f64::from(*v), f64::from(*l)));
    let n = pairs().count() as f64;
    let (x, y) = (pairs().map(|p| p.0).sum::<f64>() / n, pairs().map(|p| p.1).sum::<f64>() / n);
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in pairs() {
        (xy, xx, yy) = (xy + (a - x) * (b - y), xx + (a - x).powi(2), yy + (b - y).powi(2));
    }
    let r = xy / (xx * yy).sqrt();
    r.is_finite().then_some(r)
}

/// One page: a row for each feature with a small histogram for each window. It stands alone, as the report does.
pub fn page(of: &Columns) -> String {
    let heads: String =
        of.windows.iter().map(|(name, n)| format!("<th>{} · {} rows</th>", escape(name), whole(*n))).collect();
    let rows: String = of.features.iter().map(row).collect();
    let system = escape(&of.system);
    format!(
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{system} · features</title><style>{}
.bars{{height:44px;width:168px;display:block}} .bars rect{{fill:var(--accent,#3b6ea5)}} td{{vertical-align:top}} td small{{display:block;opacity:.75}}</style></head>
<body><header><p class="eyebrow">tamis · features</p><h1>{system}</h1></header>
<main><section><table><thead><tr><th>feature</th>{heads}</tr></thead><tbody>
{rows}</tbody></table></section></main>
<footer>Bars span what lies between the first and the last hundredth, the same in every window; what lies beyond is in the outermost.
Words have a bar for each of the commonest. r is the correlation with the label.</footer></body></html>
"#,
        include_str!("page.css"),
    )
}

fn row(of: &Column) -> String {
    let cell = |spread: &Spread| {
        let quantiles = spread.quantiles.map_or(String::new(), |q| {
            format!("<small>{} · <b>{}</b> · {}</small>", short(q[1]), short(q[3]), short(q[5]))
        });
        let r = spread.correlation.map_or(String::new(), |r| format!(" · r {r:+.3}"));
        let (missing, distinct) = (percent(spread.missing), whole(spread.distinct));
        format!(
            "<td>{}{quantiles}<small>missing {missing} · {distinct} different{r}</small></td>",
            picture(&spread.bars, of)
        )
    };
    let cells: String = of.windows.iter().map(cell).collect();
    format!("<tr><th scope=\"row\"><code>{}</code></th>{cells}</tr>\n", escape(&of.name))
}

/// Bars as SVG, each with its span and count for whoever points at it.
fn picture(bars: &[u64], of: &Column) -> String {
    let most = bars.iter().copied().max().unwrap_or(0).max(1) as f64;
    let bar = |(i, n): (usize, &u64)| {
        let (height, x) = (40.0 * *n as f64 / most, i * 7);
        let name = match (of.words.get(i), of.edges.get(i), of.edges.get(i + 1)) {
            (Some(word), _, _) => escape(word),
            (None, Some(a), Some(b)) => format!("{} to {}", short(*a), short(*b)),
            _ => String::new(),
        };
        let y = 42.0 - height;
        format!("<rect x=\"{x}\" y=\"{y:.1}\" width=\"6\" height=\"{height:.1}\"><title>{name}: {n}</title></rect>")
    };
    let all: String = bars.iter().enumerate().map(bar).collect();
    format!("<svg class=\"bars\" viewBox=\"0 0 168 44\" role=\"img\">{all}</svg>")
}

/// A number as short as it can be read.
fn short(v: f32) -> String {
    match v.abs() {
        a if a == 0.0 || (0.01..100_000.0).contains(&a) => {
            let text = format!("{v:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => format!("{v:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_described_by_window_over_the_same_bars() {
        let n = f32::NAN;
        let train: Vec<f32> = (0..100).map(|i| i as f32).chain([n; 25]).collect();
        let labels: Vec<f32> = (0..125).map(|i| f32::from(i >= 50)).collect();
        let column = numbers("x", &[(train, &labels), (vec![50.0, 50.0, n, n], &[1.0, 0.0, 1.0, 1.0])]);
        let (a, b) = (&column.windows[0], &column.windows[1]);
        assert_eq!((a.missing, a.distinct, a.mean), (0.2, 100, Some(49.5)));
        assert_eq!(a.quantiles, Some([0.0, 5.0, 25.0, 50.0, 74.0, 94.0, 99.0]));
        // Of 0..99 and whether it is 50 or more: covariance 12.5, variances 833.25 and 0.25.
        assert!((a.correlation.unwrap() - 12.5 / (833.25f64.sqrt() * 0.5)).abs() < 1e-9);
        assert_eq!((b.missing, b.distinct, b.correlation), (0.5, 1, None));
        assert_eq!((column.edges.len(), a.bars.iter().sum::<u64>(), b.bars.iter().sum::<u64>()), (BARS + 1, 100, 2));
        let none = numbers("y", &[(vec![n, n], &[0.0, 1.0])]);
        assert_eq!((none.windows[0].missing, none.windows[0].quantiles, none.edges.len()), (1.0, None, 0));
    }

    #[test]
    fn words_have_a_bar_for_each_of_the_commonest() {
        let train = vec![3.0, 3.0, 5.0, f32::NAN];
        let column = words("w", &[(train, &[0.0; 4]), (vec![5.0, 7.0], &[0.0; 2])], &|id| format!("w{id}"));
        assert_eq!(column.words, ["w3", "w5"]);
        assert_eq!((column.windows[0].bars.clone(), column.windows[1].bars.clone()), (vec![2, 1], vec![0, 1]));
        assert_eq!((column.windows[0].missing, column.windows[1].distinct), (0.25, 2));
    }

    #[test]
    fn a_page_has_a_picture_for_each_window_and_lets_no_name_out_of_its_place() {
        let column = numbers("<b>", &[(vec![1.0, 2.0], &[0.0, 1.0]), (vec![1.0], &[0.0])]);
        let windows = vec![("train".to_string(), 2), ("test".to_string(), 1)];
        let page = page(&Columns { system: "<i>".into(), windows, features: vec![column] });
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(!page.contains("<b>\"") && !page.contains("<i>") && page.contains("&lt;b&gt;"));
    }
}
