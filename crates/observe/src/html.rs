//! Text of a page: escaping, and numbers as a person reads them, which do not break between number and unit.

/// Text that can stand in an element or in a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A whole number with thousands apart: `54,123`.
pub(crate) fn whole(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A mean count: whole from 10 on, one decimal below; a dash when there is none.
pub(crate) fn count(n: f64) -> String {
    match n {
        n if !n.is_finite() => "–".into(),
        n if n < 10.0 && n.fract().abs() > 0.05 => format!("{n:.1}"),
        n => whole(n.round().max(0.0) as u64),
    }
}

/// A metric to four decimals; a dash when there is none.
pub(crate) fn score(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "–".into() }
}

/// A share in percent, with as many decimals as it is small: `87.6 %`, `0.42 %`.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        p if !p.is_finite() => "–".into(),
        p if p >= 99.95 || p == 0.0 => format!("{p:.0}\u{a0}%"),
        p if p < 1.0 => format!("{p:.2}\u{a0}%"),
        p => format!("{p:.1}\u{a0}%"),
    }
}

/// Microseconds in the unit that fits: `340 µs`, `1.2 ms`, `3.4 s`.
pub(crate) fn micros(us: f64) -> String {
    match us {
        us if us < 10.0 => format!("{us:.1}\u{a0}µs"),
        us if us < 999.5 => format!("{us:.0}\u{a0}µs"),
        us if us < 99_950.0 => format!("{:.1}\u{a0}ms", us / 1e3),
        us if us < 999_500.0 => format!("{:.0}\u{a0}ms", us / 1e3),
        us => format!("{:.1}\u{a0}s", us / 1e6),
    }
}

/// Seconds in the unit that fits: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn seconds(s: f64) -> String {
    let whole_s = s.round() as u64;
    match s {
        s if s < 9.95 => format!("{s:.1}\u{a0}s"),
        s if s < 119.5 => format!("{whole_s}\u{a0}s"),
        s if s < 7170.0 => format!("{}\u{a0}min {}\u{a0}s", whole_s / 60, whole_s % 60),
        s => format!("{}\u{a0}h {}\u{a0}min", (s / 60.0).round() as u64 / 60, (s / 60.0).round() as u64 % 60),
    }
}

/// Bytes in the unit that fits, by powers of 1000: `640 MB`, `1.9 GB`.
pub(crate) fn bytes(n: u64) -> String {
    match n as f64 {
        n if n < 1e6 => format!("{:.0}\u{a0}kB", n / 1e3),
        n if n < 999.5e6 => format!("{:.0}\u{a0}MB", n / 1e6),
        n => format!("{:.1}\u{a0}GB", n / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element_or_attribute() {
        assert_eq!(escape(r#"<b title="x" id='y'>&"#), "&lt;b title=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
        assert_eq!(escape("Käse 中"), "Käse 中");
    }

    #[test]
    fn numbers_are_written_as_a_person_reads_them() {
        let check = |found: String, expected: &str| assert_eq!(found.replace('\u{a0}', " "), expected);
        check(whole(7), "7");
        check(whole(54_123), "54,123");
        check(whole(1_000_000), "1,000,000");
        check(count(3.25), "3.2");
        check(count(1104.6), "1,105");
        check(count(f64::NAN), "–");
        check(score(0.086786), "0.0868");
        check(percent(0.8761), "87.6 %");
        check(percent(0.0042), "0.42 %");
        check(percent(1.0), "100 %");
        check(percent(0.0), "0 %");
        check(micros(4.25), "4.2 µs");
        check(micros(340.2), "340 µs");
        check(micros(1240.0), "1.2 ms");
        check(micros(3_400_000.0), "3.4 s");
        check(seconds(0.42), "0.4 s");
        check(seconds(200.0), "3 min 20 s");
        check(seconds(7500.0), "2 h 5 min");
        check(bytes(640_400_000), "640 MB");
        check(bytes(1_900_000_000), "1.9 GB");
    }
}
