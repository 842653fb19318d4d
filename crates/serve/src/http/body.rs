//! Bodies of requests: bytes up to a limit, then JSON with the place of a mistake.

use super::BODY_SECONDS_MAX;
use crate::error::{Refusal, Refused};
use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::header;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::pin::Pin;
use std::time::Duration;

/// A body that is too large is read and thrown away up to here, so that whoever sends it without waiting gets the answer.
const DISCARD_BYTES_MAX: usize = 128 << 20;

/// How large a body may be.
pub(super) struct Limit {
    /// What it is read for.
    pub(super) asked: &'static str,
    pub(super) bytes: usize,
    /// What to say when it is larger.
    pub(super) help: String,
}

/// Reads a body. No more than the limit is ever kept.
pub(super) async fn read(request: Request, limit: &Limit) -> Result<Vec<u8>, Refused> {
    let too_large =
        |n: &str| Refused::new(Refusal::TooLarge, limit.asked, format!("{n} bytes")).help(limit.help.clone());
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared: Option<u64> = declared.and_then(|v| v.to_str().ok()?.parse().ok());
    let is_over = declared.is_some_and(|n| n > limit.bytes as u64);
    if let Some(n) = declared.filter(|_| is_over && request.headers().contains_key(header::EXPECT)) {
        return Err(too_large(&n.to_string()));
    }
    let taken = tokio::time::timeout(Duration::from_secs(BODY_SECONDS_MAX), take(request, limit.bytes)).await;
    let broken = |found: String| Refused::new(Refusal::Wrong, limit.asked, found);
    match taken {
        Err(_) => {
            let found = format!("it had not arrived after {BODY_SECONDS_MAX} s");
            Err(Refused::new(Refusal::TooSlow, limit.asked, found).help("send less at a time"))
        }
        Ok(Err(e)) => Err(broken(format!("it broke off: {e}"))),
        Ok(Ok(None)) => {
            Err(too_large(&declared.map_or_else(|| format!("more than {}", limit.bytes), |n| n.to_string())))
        }
        Ok(Ok(Some(bytes))) => Ok(bytes),
    }
}

/// The bytes of a body; none when there are more than `most`.
async fn take(request: Request, most: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut body = request.into_body();
    let (mut bytes, mut n_met) = (Vec::new(), 0usize);
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame?.into_data() else { continue };
        n_met += data.len();
        if n_met > most {
            bytes = Vec::new();
            if n_met > DISCARD_BYTES_MAX {
                break;
            }
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    Ok((n_met <= most).then_some(bytes))
}

/// A body that is one thing.
pub(super) fn one<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|e| wrong(&e, "read the request"))
}

/// A body that is one record, a list of records, or records one after the other, as one a line.
pub(super) fn many(bytes: &[u8]) -> Result<Vec<Value>, Refused> {
    let found = match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
        None => return Err(Refused::new(Refusal::Wrong, "read the events", "an empty body").help("send at least one")),
        Some(b'[') => serde_json::from_slice(bytes),
        Some(_) => serde_json::Deserializer::from_slice(bytes).into_iter().collect(),
    };
    found.map_err(|e| wrong(&e, "read the events"))
}

fn wrong(e: &serde_json::Error, asked: &'static str) -> Refused {
    let text = e.to_string();
    let place = format!("line {}, column {}", e.line(), e.column());
    let found = text.strip_suffix(&format!(" at line {} column {}", e.line(), e.column())).unwrap_or(&text);
    let (refusal, help) = match e.is_data() {
        true => (Refusal::Unanswerable, "see the manual for what a request may say"),
        false => (Refusal::Wrong, "send JSON"),
    };
    Refused::new(refusal, asked, found).at(place).help(help)
}
