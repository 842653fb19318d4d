//! Moments as files write them: epoch seconds or milliseconds, RFC 3339, or a pattern as in strftime.

use tamis_spec::time::{DAY_MS, days_from_civil, parse_time_ms};

/// Numbers below this are seconds, others milliseconds: it is the year 5138 in seconds and 1973 in milliseconds.
const SECONDS_BELOW: f64 = 1e11;

/// Milliseconds of a number.
pub(crate) fn of_number(n: f64) -> Option<i64> {
    let ms = if n.abs() < SECONDS_BELOW { n * 1000.0 } else { n };
    (ms.is_finite() && ms.abs() < 9e15).then_some(ms.round() as i64)
}

/// Milliseconds of a text.
pub(crate) fn of_text(text: &str, pattern: Option<&str>) -> Option<i64> {
    match pattern {
        Some(pattern) => of_pattern(text, pattern),
        None => match text.parse::<f64>() {
            Ok(n) => of_number(n),
            Err(_) => parse_time_ms(text),
        },
    }
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// %Y %y %m %d %e %b %B %H %I %M %S %f %p %z %F %T %%; anything else stands for itself. UTC without %z.
fn of_pattern(text: &str, pattern: &str) -> Option<i64> {
    let expanded = pattern.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S");
    let mut rest = text.trim();
    let (mut year, mut month, mut day) = (1970i64, 1i64, 1i64);
    let (mut hour, mut minute, mut second, mut ms, mut offset) = (0i64, 0i64, 0i64, 0i64, 0i64);
    let mut afternoon = None;
    let mut signs = expanded.chars();
    while let Some(c) = signs.next() {
        if c != '%' {
            rest = if c.is_whitespace() { rest.trim_start() } else { rest.strip_prefix(c)? };
            continue;
        }
        match signs.next()? {
            'Y' => year = digits(&mut rest, 4)?,
            'y' => {
                let y = digits(&mut rest, 2)?;
                year = if y < 69 { 2000 + y } else { 1900 + y };
            }
            'm' => month = digits(&mut rest, 2)?,
            'd' | 'e' => {
                rest = rest.trim_start();
                day = digits(&mut rest, 2)?;
            }
            'b' | 'B' => month = month_name(&mut rest)?,
            'H' | 'I' => hour = digits(&mut rest, 2)?,
            'M' => minute = digits(&mut rest, 2)?,
            'S' => second = digits(&mut rest, 2)?,
            'f' => {
                let len = rest.bytes().take_while(u8::is_ascii_digit).count();
                ms = (format!("0.{}", rest.get(..len)?).parse::<f64>().ok()? * 1000.0) as i64;
                rest = &rest[len..];
            }
            'p' => {
                let word = rest.get(..2)?.to_ascii_lowercase();
                afternoon = Some(match word.as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                rest = &rest[2..];
            }
            'z' => offset = zone(&mut rest)?,
            '%' => rest = rest.strip_prefix('%')?,
            _ => return None,
        }
    }
    if let Some(afternoon) = afternoon {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    let ms = days_from_civil(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    (rest.is_empty() && in_range).then_some(ms - offset)
}

fn digits(rest: &mut &str, at_most: usize) -> Option<i64> {
    let len = rest.bytes().take(at_most).take_while(u8::is_ascii_digit).count();
    let value = rest.get(..len).filter(|d| !d.is_empty())?.parse().ok()?;
    *rest = &rest[len..];
    Some(value)
}

fn month_name(rest: &mut &str) -> Option<i64> {
    let start = rest.get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|m| *m == start)? as i64 + 1;
    let len = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    *rest = &rest[len..];
    Some(month)
}

/// `Z`, `+0200`, `-05:30`: milliseconds east of UTC.
fn zone(rest: &mut &str) -> Option<i64> {
    if let Some(after) = rest.strip_prefix('Z') {
        *rest = after;
        return Some(0);
    }
    let sign = if rest.starts_with('-') { -1 } else { 1 };
    *rest = rest.strip_prefix(['+', '-'])?;
    let hours = digits(rest, 2)?;
    *rest = rest.strip_prefix(':').unwrap_or(rest);
    let minutes = digits(rest, 2)?;
    Some(sign * (hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::of_text;

    #[test]
    fn moments_are_read_in_every_form() {
        let ms = Some(978_300_760_000);
        let check =
            |text: &str, pattern: Option<&str>, expected| assert_eq!(of_text(text, pattern), expected, "{text}");
        check("978300760", None, ms);
        check("978300760000", None, ms);
        check("978300760.5", None, Some(978_300_760_500));
        check("2000-12-31T22:12:40Z", None, ms);
        check("31/12/2000 22:12:40", Some("%d/%m/%Y %H:%M:%S"), ms);
        check("31/Dec/2000:22:12:40 +0000", Some("%d/%b/%Y:%H:%M:%S %z"), ms);
        check("12/31/00 10:12:40 PM", Some("%m/%d/%y %I:%M:%S %p"), ms);
        check("2000-12-31 22:12:40", Some("%F %T"), ms);
        check("31.12.2000", Some("%d/%m/%Y"), None);
        check("2000-12-31 22:12:40 x", Some("%F %T"), None);
        check("yesterday", None, None);
    }
}
