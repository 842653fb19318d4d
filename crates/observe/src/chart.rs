//! Charts as inline SVG. Horizontal places are percentages and shapes stretch, so that a chart fits any width while its
//! text, which is HTML or unscaled, keeps its size.

use crate::html::escape;

/// Where values lie on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    /// Value at the start.
    pub(crate) low: f64,
    /// Value at the end.
    pub(crate) high: f64,
    /// Whether equal ratios, not equal differences, are equally far apart.
    pub(crate) logarithmic: bool,
}

impl Axis {
    /// An axis for these values: from 0, or from just below them when they all lie in its upper quarter.
    pub(crate) fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let finite = values.filter(|v| v.is_finite());
        let high = finite.clone().fold(f64::NEG_INFINITY, f64::max);
        let low = finite.fold(f64::INFINITY, f64::min);
        if low > high {
            return Self { low: 0.0, high: 1.0, logarithmic: false };
        }
        let zero = low >= 0.0 && low < high * 0.75;
        let pad = if high > low { (high - low) * 0.06 } else { high.abs().max(1e-9) * 0.5 };
        Self { low: if zero { 0.0 } else { low - pad }, high: high + pad, logarithmic: false }
    }

    /// Place of a value in percent of the axis, within 0 and 100.
    pub(crate) fn percent(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if share.is_finite() { (share * 100.0).clamp(0.0, 100.0) } else { 0.0 }
    }
}

/// A dot with its interval on an axis; `class` colours it.
pub(crate) fn whisker(axis: &Axis, value: f64, low: f64, high: f64, class: &str) -> String {
    let (x, a, b) = (axis.percent(value), axis.percent(low), axis.percent(high));
    format!(
        r#"<svg class="whisker {class}" aria-hidden="true"><line class="rail" x1="0" x2="100%" y1="50%" y2="50%"/><rect class="span" x="{a:.2}%" width="{:.2}%" y="15%" height="70%" rx="2"/><circle cx="{x:.2}%" cy="50%" r="3"/></svg>"#,
        b - a
    )
}

/// A bar of a share of the width.
pub(crate) fn bar(share: f64, class: &str) -> String {
    let width = if share.is_finite() { (share * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    format!(
        r#"<svg class="bar {class}" aria-hidden="true"><rect class="rail" width="100%" height="100%" rx="2"/><rect class="fill" width="{width:.2}%" height="100%" rx="2"/></svg>"#
    )
}

/// One band of a funnel: `top` and `bottom` are shares of the width.
pub(crate) fn band(top: f64, bottom: f64, class: &str) -> String {
    let side = |share: f64| 50.0 - 50.0 * share.clamp(0.02, 1.0);
    let (a, b) = (side(top), side(bottom));
    format!(
        r#"<svg class="band {class}" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><polygon points="{a:.2},0 {:.2},0 {:.2},100 {b:.2},100"/></svg>"#,
        100.0 - a,
        100.0 - b
    )
}

/// Shares of a whole beside each other: (share, class, title). Shares that are not seen are left out.
pub(crate) fn stacked(parts: &[(f64, String, String)], label: &str) -> String {
    let mut x = 0.0;
    let mut rects = String::new();
    for (share, class, title) in parts.iter().filter(|(share, ..)| *share > 0.0) {
        let width = share * 100.0;
        rects += &format!(
            r#"<rect class="{class}" x="{x:.3}%" width="{width:.3}%" height="100%"><title>{}</title></rect>"#,
            escape(title)
        );
        x += width;
    }
    format!(r#"<svg class="stacked" role="img" aria-label="{}">{rects}</svg>"#, escape(label))
}

/// One line of a line chart; NaN points are left out.
pub(crate) struct Line<'a> {
    pub(crate) points: &'a [(f64, f64)],
    pub(crate) class: &'a str,
}

/// Lines over common axes.
pub(crate) fn lines(x: &Axis, y: &Axis, lines: &[Line<'_>], label: &str) -> String {
    let path = |line: &Line<'_>| {
        let seen = line.points.iter().filter(|(_, v)| v.is_finite());
        let points: Vec<String> =
            seen.map(|(at, v)| format!("{:.2},{:.2}", x.percent(*at), 100.0 - y.percent(*v))).collect();
        match points.as_slice() {
            [] => String::new(),
            [one] => format!(r#"<polyline class="{} dot" points="{one} {one}"/>"#, line.class),
            _ => format!(r#"<polyline class="{}" points="{}"/>"#, line.class, points.join(" ")),
        }
    };
    let paths: String = lines.iter().map(path).collect();
    format!(
        r#"<svg class="lines" role="img" aria-label="{}" viewBox="0 0 100 100" preserveAspectRatio="none"><path class="grid" d="M0 0H100M0 50H100M0 100H100"/>{paths}</svg>"#,
        escape(label)
    )
}

/// Points against the diagonal, both axes alike.
pub(crate) fn diagonal(axis: &Axis, points: &[(f64, f64)], label: &str) -> String {
    let place = |p: &(f64, f64)| (axis.percent(p.0), 100.0 - axis.percent(p.1));
    let curve: Vec<String> = points.iter().map(place).map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
    let dots: String =
        points.iter().map(place).map(|(x, y)| format!(r#"<circle cx="{x:.2}%" cy="{y:.2}%" r="4"/>"#)).collect();
    format!(
        r#"<svg class="diagonal" role="img" aria-label="{}"><svg viewBox="0 0 100 100" preserveAspectRatio="none"><path class="ideal" d="M0 100L100 0"/><polyline points="{}"/></svg>{dots}</svg>"#,
        escape(label),
        curve.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_starts_at_zero_unless_all_values_are_far_from_it() {
        let check = |values: &[f64], low: f64, high: f64| {
            let axis = Axis::around(values.iter().copied());
            assert!((axis.low - low).abs() < 1e-9 && (axis.high - high).abs() < 1e-9, "{values:?}: {axis:?}");
        };
        check(&[0.02, 0.12], 0.0, 0.126);
        check(&[0.5, 1.0], 0.0, 1.03);
        check(&[0.2, 0.25], 0.197, 0.253);
        check(&[-1.0, 1.0], -1.12, 1.12);
        check(&[f64::NAN], 0.0, 1.0);
        check(&[2.0], 1.0, 3.0);
    }

    #[test]
    fn places_stay_on_the_chart() {
        let axis = Axis { low: 0.001, high: 1.0, logarithmic: true };
        let check = |value, expected: f64| assert!((axis.percent(value) - expected).abs() < 1e-9, "{value}");
        check(0.001, 0.0);
        check(0.1, 200.0 / 3.0);
        check(0.0, 0.0);
        check(5.0, 100.0);
        check(f64::NAN, 0.0);
        assert!(!bar(f64::NAN, "x").contains("NaN"));
    }

    #[test]
    fn a_whisker_is_drawn_in_percent_of_its_axis() {
        let axis = Axis { low: 0.0, high: 0.2, logarithmic: false };
        let svg = whisker(&axis, 0.1, 0.05, 0.15, "ours");
        assert!(svg.contains(r#"x="25.00%" width="50.00%""#) && svg.contains(r#"cx="50.00%""#), "{svg}");
    }

    #[test]
    fn a_band_narrows_from_what_came_in_to_what_went_out() {
        let svg = band(1.0, 0.5, "stage");
        assert!(svg.contains(r#"points="0.00,0 100.00,0 75.00,100 25.00,100""#), "{svg}");
    }

    #[test]
    fn stacked_parts_follow_each_other_and_their_titles_are_escaped() {
        let part = |share, title: &str| (share, "c0".to_owned(), title.to_owned());
        let svg = stacked(&[part(0.25, "a<b"), part(0.0, "none"), part(0.75, "c")], "all");
        assert!(svg.contains(r#"x="25.000%" width="75.000%""#) && svg.contains("a&lt;b"), "{svg}");
        assert!(!svg.contains("none"));
    }

    #[test]
    fn a_line_leaves_out_what_was_not_measured() {
        let axis = Axis { low: 0.0, high: 1.0, logarithmic: false };
        let points = [(0.0, 0.0), (0.5, f64::NAN), (1.0, 1.0)];
        let svg = lines(&axis, &axis, &[Line { points: &points, class: "a" }], "x");
        assert!(svg.contains(r#"points="0.00,100.00 100.00,0.00""#), "{svg}");
    }
}
