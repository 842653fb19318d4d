//! Text to tokens.

use crate::diagnostic::{Diagnostic, Span};
use crate::time::unit_ms;

/// The smallest unit of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Duration(i64),
    Text(String),
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longer signs stand before their beginnings.
const SIGNS: [&str; 16] = ["==", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "(", ")", ",", ".", "&"];

/// Tokens with their places; the first character that begins none is an error.
pub(super) fn tokens(text: &str, offset: usize) -> Result<Vec<(Token, Span)>, Diagnostic> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (token, len) = if c.is_ascii_digit() {
            number(&text[at..], offset + at)?
        } else if c == '_' || c.is_alphabetic() {
            let len = text[at..].find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len() - at);
            let len = len + usize::from(stands_for_all(&text[at + len..]));
            (Token::Name(text[at..at + len].to_string()), len)
        } else if c == '"' || c == '\'' {
            quoted(&text[at..], c, offset + at)?
        } else if let Some(sign) = SIGNS.iter().find(|s| text[at..].starts_with(**s)) {
            (Token::Sign(sign), sign.len())
        } else {
            let span = offset + at..offset + at + c.len_utf8();
            return Err(Diagnostic::new(span, format!("`{c}` begins nothing that an expression can hold")));
        };
        out.push((token, offset + at..offset + at + len));
        at += len;
    }
    Ok(out)
}

/// Whether a star right behind a name ends it, and multiplies nothing: `given.x*` at the end, or before `,` or `)`.
fn stands_for_all(rest: &str) -> bool {
    let behind = rest.strip_prefix('*').map(str::trim_start);
    behind.is_some_and(|behind| behind.is_empty() || behind.starts_with([',', ')']))
}

fn number(text: &str, offset: usize) -> Result<(Token, usize), Diagnostic> {
    let mut len = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let exponent = text[len..].strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
    if exponent.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        let digits = text[len + 2..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - len - 2);
        len += 2 + digits;
    }
    let Ok(value) = text[..len].replace('_', "").parse::<f64>() else {
        return Err(Diagnostic::new(offset..offset + len, format!("`{}` is not a number", &text[..len])));
    };
    let unit = &text[len..len + text[len..].find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len() - len)];
    if unit.is_empty() {
        return Ok((Token::Number(value), len));
    }
    match unit_ms(unit) {
        Some(ms) => Ok((Token::Duration((value * ms as f64).round() as i64), len + unit.len())),
        None => {
            let span = offset + len..offset + len + unit.len();
            Err(Diagnostic::new(span, format!("`{unit}` is not a unit of time")).help("units: ms, s, m, h, d, w"))
        }
    }
}

fn quoted(text: &str, quote: char, offset: usize) -> Result<(Token, usize), Diagnostic> {
    match text[1..].find(quote) {
        Some(end) => Ok((Token::Text(text[1..=end].to_string()), end + 2)),
        None => Err(Diagnostic::new(offset..offset + text.len(), "a quoted text does not end")
            .help(format!("close it with {quote}"))),
    }
}
