//! The API over HTTP: routes, statuses and limits. Whatever takes time runs on threads that may block.
//!
//! An error is `{"error": {"asked", "found", "where", "try"}}`, with `events` for each record that is wrong: 400 what cannot be read, 404
//! and 405, 408 what arrives too slowly, 413 what is too large, 422 what cannot be answered, 503 when the log cannot be written or too
//! much is asked at once, 507 when there is no room for the log.

mod body;

use crate::answer::{ITEMS_MAX, RankRequest};
use crate::engine::{Engine, Health};
use crate::error::{Refusal, Refused};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tamis_log::Store;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Bytes of a request for a list.
pub const RANK_BYTES_MAX: usize = 1 << 20;
/// Bytes of a batch of events.
pub const EVENTS_BYTES_MAX: usize = 8 << 20;
/// Requests that are read or answered at once; one more is told to come back.
pub const REQUESTS_MAX: usize = 256;
/// A request must have arrived after so long.
pub const BODY_SECONDS_MAX: u64 = 30;

struct App<S> {
    engine: Arc<Engine<S>>,
    places: Arc<Semaphore>,
    page: String,
}

/// Serves until `shutdown` resolves, then answers what was begun.
pub async fn serve<S: Store + Send + 'static>(
    engine: Arc<Engine<S>>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // An answer is written at once and must not wait for more to send.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router(engine)).with_graceful_shutdown(shutdown).await
}

/// The same on a runtime of its own, until SIGINT or SIGTERM. `on_listening` is told the address, whose port was chosen if it was 0.
pub fn serve_blocking<S: Store + Send + 'static>(
    engine: Arc<Engine<S>>,
    address: SocketAddr,
    on_listening: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        let stop = stopped()?;
        on_listening(listener.local_addr()?);
        serve(engine, listener, stop).await
    })
}

/// Resolves when the process is asked to end.
#[cfg(unix)]
fn stopped() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(std::future::poll_fn(move |cx| match (interrupt.poll_recv(cx), terminate.poll_recv(cx)) {
        (std::task::Poll::Pending, std::task::Poll::Pending) => std::task::Poll::Pending,
        _ => std::task::Poll::Ready(()),
    }))
}

#[cfg(not(unix))]
fn stopped() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

fn router<S: Store + Send + 'static>(engine: Arc<Engine<S>>) -> Router {
    let name = escaped(&engine.plan().system.name.value);
    let page = include_str!("page.html").replace("{{system}}", &name);
    let app = Arc::new(App { engine, places: Arc::new(Semaphore::new(REQUESTS_MAX)), page });
    Router::new()
        .route("/", get(page_of::<S>))
        .route("/v1/rank", post(rank::<S>))
        .route("/v1/events", post(events::<S>))
        .route("/v1/health", get(health::<S>))
        .route("/v1/ready", get(ready::<S>))
        .route("/metrics", get(metrics::<S>))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(app)
}

type Shared<S> = State<Arc<App<S>>>;

async fn rank<S: Store + Send + 'static>(State(app): Shared<S>, request: Request) -> Result<Response, Refused> {
    let limit = body::Limit {
        asked: "read the request for a list",
        bytes: RANK_BYTES_MAX,
        help: format!("a request has at most {RANK_BYTES_MAX} bytes, and `items` at most {ITEMS_MAX} keys"),
    };
    answer(app, request, limit, |engine, bytes| {
        let request: RankRequest = body::one(bytes).inspect_err(|_| engine.count_refused())?;
        engine.rank(&request)
    })
    .await
}

async fn events<S: Store + Send + 'static>(State(app): Shared<S>, request: Request) -> Result<Response, Refused> {
    let limit = body::Limit {
        asked: "read the events",
        bytes: EVENTS_BYTES_MAX,
        help: format!("send at most {EVENTS_BYTES_MAX} bytes at a time"),
    };
    answer(app, request, limit, |engine, bytes| {
        let records = body::many(bytes).inspect_err(|_| engine.count_refused())?;
        engine.events(&records)
    })
    .await
}

/// Reads a request's body and lets `work` answer it on a thread that may block.
async fn answer<S: Store + Send + 'static, T: Serialize + 'static>(
    app: Arc<App<S>>,
    request: Request,
    limit: body::Limit,
    work: impl FnOnce(&Engine<S>, &[u8]) -> Result<T, Refused> + Send + 'static,
) -> Result<Response, Refused> {
    let place = app.places.clone().try_acquire_owned().map_err(|_| {
        app.engine.count_failed();
        Refused::new(Refusal::Busy, "answer", format!("{REQUESTS_MAX} requests are being answered")).help("try again")
    })?;
    let bytes = body::read(request, &limit).await.inspect_err(|_| app.engine.count_refused())?;
    on_a_thread(app, move |engine| {
        // The place is held by the work and not by the connection: whoever hangs up leaves nothing behind that is not counted.
        let _place = place;
        work(engine, &bytes)
    })
    .await
}

/// Answers on a thread that may block.
async fn on_a_thread<S: Store + Send + 'static, T: Serialize + 'static>(
    app: Arc<App<S>>,
    work: impl FnOnce(&Engine<S>) -> Result<T, Refused> + Send + 'static,
) -> Result<Response, Refused> {
    let engine = app.engine.clone();
    let worked = tokio::task::spawn_blocking(move || work(&engine).map(|answer| Json(answer).into_response()));
    worked.await.unwrap_or_else(|_| {
        app.engine.count_failed();
        Err(Refused::new(Refusal::Broken, "answer", "the program failed")
            .help("report this with what it wrote to its terminal"))
    })
}

async fn health<S: Store + Send + 'static>(State(app): Shared<S>) -> Result<Response, Refused> {
    #[derive(Serialize)]
    struct Answer {
        status: &'static str,
        #[serde(flatten)]
        health: Health,
    }
    on_a_thread(app, |engine| Ok(Answer { status: "ok", health: engine.health() })).await
}

async fn ready<S: Store + Send + 'static>(State(app): Shared<S>) -> Response {
    let (status, ready) = match app.engine.is_ready() {
        true => (StatusCode::OK, true),
        false => (StatusCode::SERVICE_UNAVAILABLE, false),
    };
    (status, Json(json!({ "ready": ready }))).into_response()
}

async fn metrics<S: Store + Send + 'static>(State(app): Shared<S>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.engine.metrics().text()).into_response()
}

async fn page_of<S: Store + Send + 'static>(State(app): Shared<S>) -> Response {
    Html(app.page.clone()).into_response()
}

async fn no_such_path(request: Request) -> Refused {
    let found = format!("no `{}`", crate::event::short(request.uri().path()));
    Refused::new(Refusal::NoSuchPath, "find the address", found)
        .help("/, /v1/rank, /v1/events, /v1/health, /v1/ready, /metrics")
}

async fn no_such_method(request: Request) -> Refused {
    let found = format!("{} is not for {}", request.method(), request.uri().path());
    Refused::new(Refusal::NoSuchMethod, "use the address", found)
        .help("POST /v1/rank and /v1/events, GET everything else")
}

/// Text as HTML shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Refusal {
    /// Its status.
    fn status(self) -> StatusCode {
        match self {
            Self::Wrong => StatusCode::BAD_REQUEST,
            Self::Unanswerable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut error = json!({ "asked": self.asked, "found": self.found, "where": self.place, "try": self.help });
        if !self.each.is_empty() {
            error["events"] = json!(self.each);
        }
        (self.refusal.status(), Json(json!({ "error": error }))).into_response()
    }
}
