//! Moments and spans: milliseconds since 1970-01-01 UTC as `i64`, the one unit of time in all rooms.

use std::fmt::Write;

/// Milliseconds of a span such as `"30d"`, `"1h30m"`, `"250ms"`; units ms, s, m, h, d, w. None if it is not one.
pub fn parse_duration_ms(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut total: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit_end = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |e| digits + e);
        let amount: f64 = rest[..digits].parse().ok()?;
        let ms = amount * unit_ms(&rest[digits..unit_end])? as f64;
        if !ms.is_finite() || ms > 1e15 {
            return None;
        }
        total = total.checked_add(ms.round() as i64)?;
        rest = rest[unit_end..].trim_start();
    }
    Some(total)
}

/// Milliseconds of a unit: ms, s, m, h, d, w.
pub fn unit_ms(unit: &str) -> Option<i64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        "w" => 7 * DAY_MS,
        _ => return None,
    })
}

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// A span as a person writes it: the largest units first, none that is zero.
pub fn format_duration(ms: i64) -> String {
    let mut out = String::new();
    let mut rest = ms.unsigned_abs();
    if ms < 0 {
        out.push('-');
    }
    for (unit, size) in [("d", DAY_MS as u64), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= size {
            let _ = write!(out, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    if out.is_empty() { "0s".into() } else { out }
}

/// RFC 3339 in UTC, to the second: `2000-12-29T23:43:34Z`.
pub fn format_time(ms: i64) -> String {
    let (y, mo, d) = civil(ms.div_euclid(DAY_MS));
    let s = ms.rem_euclid(DAY_MS) / 1000;
    format!("{y:04}-{mo:02}-{d:02}T{:02}:{:02}:{:02}Z", s / 3600, s / 60 % 60, s % 60)
}

/// Milliseconds of an RFC 3339 moment, or of a date alone (midnight UTC), or of `YYYY-MM-DD hh:mm:ss` (UTC).
pub fn parse_time_ms(text: &str) -> Option<i64> {
    let t = text.trim();
    if !t.is_ascii() || t.len() < 10 {
        return None;
    }
    let part = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = t.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let bytes = t.as_bytes();
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (y, mo, d) = (part(0..4)?, part(5..7)?, part(8..10)?);
    if !(1..=12).contains(&mo) || d < 1 || d > days_of_month(y, mo) {
        return None;
    }
    let midnight = days_from_civil(y, mo, d) * DAY_MS;
    if t.len() == 10 {
        return Some(midnight);
    }
    if !matches!(bytes[10], b'T' | b't' | b' ') || bytes.get(13) != Some(&b':') {
        return None;
    }
    let (h, mi) = (part(11..13)?, part(14..16)?);
    let (mut s, mut ms, mut at) = (0, 0, 16);
    if bytes.get(16) == Some(&b':') {
        s = part(17..19)?;
        at = 19;
        if bytes.get(19) == Some(&b'.') {
            let end = t[20..].find(|c: char| !c.is_ascii_digit()).map_or(t.len(), |e| 20 + e);
            ms = format!("0.{}", &t[20..end]).parse::<f64>().ok().map(|f| (f * 1000.0) as i64)?;
            at = end;
        }
    }
    if h > 23 || mi > 59 || s > 60 {
        return None;
    }
    let offset_ms = match &t[at..] {
        "" | "Z" | "z" => 0,
        zone if zone.len() == 6 && matches!(bytes[at], b'+' | b'-') && bytes[at + 3] == b':' => {
            let minutes = part(at + 1..at + 3)? * 60 + part(at + 4..at + 6)?;
            if bytes[at] == b'-' { -minutes * 60_000 } else { minutes * 60_000 }
        }
        _ => return None,
    };
    Some(midnight + ((h * 60 + mi) * 60 + s) * 1000 + ms - offset_ms)
}

/// (year, month 1–12, day 1–31) of a day counted from 1970-01-01. Proleptic Gregorian calendar (Hinnant, "chrono-compatible
/// low-level date algorithms").
pub fn civil(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// The day counted from 1970-01-01 of a date: the inverse of [`civil`].
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        let check = |text, ms| assert_eq!(parse_duration_ms(text), ms, "{text}");
        check("30d", Some(30 * DAY_MS));
        check("1h30m", Some(5_400_000));
        check("250ms", Some(250));
        check("1.5s", Some(1_500));
        check("", None);
        check("30", None);
        check("d", None);
        check("3 parsecs", None);
        assert_eq!(format_duration(5_400_250), "1h30m250ms");
    }

    #[test]
    fn moments_are_read_and_written() {
        let check = |text, expected| assert_eq!(parse_time_ms(text), expected, "{text}");
        check("1970-01-01", Some(0));
        check("2000-12-29T23:43:34Z", Some(978_133_414_000));
        check("2000-12-30T01:43:34+02:00", Some(978_133_414_000));
        check("2000-12-29 23:43:34.250", Some(978_133_414_250));
        check("2001-02-29", None);
        check("2001-13-01", None);
        check("2001-01-01T25:00:00Z", None);
        check("ééééé", None);
        assert_eq!(format_time(978_133_414_999), "2000-12-29T23:43:34Z");
        assert_eq!(format_time(-1), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for day in (-800_000..800_000).step_by(97) {
            let (y, m, d) = civil(day);
            assert_eq!(days_from_civil(y, m, d), day);
        }
    }
}
