//! What the API promises on a real socket.

use super::fixture::{Shop, liked};
use crate::Engine;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tamis_log::faulty::Faulty;

/// A server that runs until it is dropped.
struct Server {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn new(engine: Engine<Faulty>) -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let stopped = async { drop(stopped.await) };
                crate::serve(Arc::new(engine), listener, stopped).await.unwrap();
            });
        });
        Self { address: told.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// Sends a request and returns status and body.
    fn send(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: films\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        answer_of(stream)
    }

    fn json(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, text) = self.send(method, path, body.as_bytes());
        (status, serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path} answered {text}: {e}")))
    }

    fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.json("POST", path, &body.to_string())
    }
}

fn answer_of(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {text}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_some_and(|e| e.is_ok()), "the server ended well");
    }
}

fn films() -> (Shop, Server) {
    let (shop, engine) = Shop::stocked();
    (shop, Server::new(engine))
}

#[test]
fn a_list_is_asked_for_and_events_are_told() {
    let (_shop, server) = films();
    let (status, list) = server.post("/v1/rank", json!({ "user": "ann", "limit": 2 }));
    assert_eq!((status, &list["cold_start"], &list["items"][0]["item"]), (200, &json!(true), &json!("0")));
    let (status, ack) = server.post("/v1/events", liked("ann", "0"));
    assert_eq!((status, &ack["accepted"]), (200, &json!(1)));
    let (_, list) = server.post("/v1/rank", json!({ "user": "ann", "limit": 2 }));
    assert_eq!((&list["cold_start"], &list["items"][0]["item"]), (&json!(false), &json!("1")));
}

#[test]
fn events_come_as_one_object_or_as_a_list_or_one_a_line() {
    let (_shop, server) = films();
    let (one, two) = (liked("ann", "0").to_string(), liked("ann", "1").to_string());
    let check = |body: String, expected| {
        let (status, ack) = server.json("POST", "/v1/events", &body);
        assert_eq!((status, &ack["accepted"]), (200, &json!(expected)), "{body}");
    };
    check(one.clone(), 1);
    check(format!(" [{one}, {two}]"), 2);
    check(format!("{one}\n{two}\n"), 2);
    check("[]".into(), 0);
}

#[test]
fn a_body_that_cannot_be_read_is_refused_with_the_place() {
    let (_shop, server) = films();
    let check = |path: &str, body: &str, status: u16, place: &str| {
        let (found, answer) = server.json("POST", path, body);
        assert_eq!((found, &answer["error"]["where"]), (status, &json!(place)), "{body}: {answer}");
    };
    check("/v1/rank", "{\"user\": ann}", 400, "line 1, column 10");
    check("/v1/rank", "{\n \"user\": \"ann\",\n}", 400, "line 3, column 1");
    check("/v1/rank", "", 400, "line 1, column 0");
    check("/v1/rank", "{\"usr\": 1}", 422, "line 1, column 6");
    check("/v1/rank", "{\"user\": true}", 422, "line 1, column 13");
    check("/v1/rank", "{\"user\": \"ann\", \"limit\": 0}", 422, "limit");
    check("/v1/events", "{\"event\": \"rating\"}\n{\"event\"", 400, "line 2, column 8");
    check("/v1/events", "  ", 400, "");
    check("/v1/events", "{\"event\": \"ratin\"}", 400, "record 0, event");
    let (_, answer) = server.json("POST", "/v1/events", "{\"event\": \"ratin\"}");
    assert_eq!(answer["error"]["events"][0]["try"], "did you mean `rating`?");
}

#[test]
fn what_is_too_large_is_refused_with_the_limit() {
    let (_shop, server) = films();
    let large = vec![b'['; 100_000_000];
    for path in ["/v1/events", "/v1/rank"] {
        let (status, answer) = server.send("POST", path, &large);
        assert!(status == 413 && answer.contains("100000000 bytes"), "{status} {answer}");
    }
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = "POST /v1/events HTTP/1.1\r\nhost: films\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    for chunk in large[..9_000_000].chunks(1_000_000) {
        write!(stream, "{:x}\r\n", chunk.len()).unwrap();
        stream.write_all(chunk).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let (status, answer) = answer_of(stream);
    assert!(status == 413 && answer.contains("more than 8388608 bytes"), "{status} {answer}");
    let ids = |n: usize| json!({ "user": "ann", "items": (0..n).map(|i| i.to_string()).collect::<Vec<_>>() });
    let (status, answer) = server.post("/v1/rank", ids(1_000_000));
    assert!(status == 413 && answer.to_string().contains("at most 10000 keys"), "{status} {answer}");
    let (status, answer) = server.post("/v1/rank", ids(10_001));
    assert!(status == 422 && answer.to_string().contains("at most 10000"), "{status} {answer}");
    assert_eq!(server.post("/v1/rank", ids(10_000)).0, 200);
}

#[test]
fn an_address_that_is_not_there_or_takes_another_method_is_told() {
    let (_shop, server) = films();
    let (status, answer) = server.json("GET", "/v1/rnk", "");
    assert_eq!((status, &answer["error"]["found"]), (404, &json!("no `/v1/rnk`")));
    let (status, answer) = server.json("GET", "/v1/rank", "");
    assert_eq!((status, &answer["error"]["found"]), (405, &json!("GET is not for /v1/rank")));
}

#[test]
fn a_full_disk_is_507_and_a_failing_one_503() {
    let (shop, server) = films();
    shop.store.set_room(Some(0));
    assert_eq!(server.post("/v1/events", liked("ann", "0")).0, 507);
    let (status, list) = server.post("/v1/rank", json!({ "user": "ann" }));
    assert_eq!((status, &list["logged"]), (200, &json!(false)));
    shop.store.set_room(None);
    shop.store.set_fails_sync(true);
    assert_eq!(server.post("/v1/events", liked("ann", "0")).0, 503);
    shop.store.set_fails_sync(false);
    assert_eq!(server.post("/v1/events", liked("ann", "0")).0, 200);
}

#[test]
fn it_says_how_it_is_doing() {
    let (shop, server) = films();
    let (status, health) = server.json("GET", "/v1/health", "");
    let expected = json!({ "status": "ok", "system": "films", "bundle": shop.bundle().name, "events": 10,
        "actors": { "user": 4, "movie": 4 }, "uptime_s": 0.0 });
    assert_eq!((status, health), (200, expected));
    assert_eq!(server.json("GET", "/v1/ready", ""), (200, json!({ "ready": true })));
    server.post("/v1/rank", json!({ "user": 42 }));
    let (_, text) = server.send("GET", "/metrics", b"");
    assert!(text.contains("tamis_lists_total 1\n") && text.contains("tamis_events_total 14\n"), "{text}");
    let (status, page) = server.send("GET", "/", b"");
    assert!(status == 200 && page.contains("<h1>films</h1>") && !page.contains("http://"), "{page}");
}

#[cfg(unix)]
#[test]
fn it_ends_when_the_process_is_asked_to_and_does_not_wait_for_idle_connections() {
    let (_shop, engine) = Shop::stocked();
    let (tell, told) = mpsc::channel();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let served = std::thread::spawn(move || crate::serve_blocking(Arc::new(engine), any, |at| tell.send(at).unwrap()));
    let address = told.recv().unwrap();
    let silent = TcpStream::connect(address).unwrap();
    let mut idle = TcpStream::connect(address).unwrap();
    idle.write_all(b"GET /v1/ready HTTP/1.1\r\nhost: films\r\n\r\n").unwrap();
    let mut status = [0; 15];
    idle.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200 OK");
    let me = std::process::id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &me]).status().unwrap().success());
    served.join().unwrap().unwrap();
    drop((silent, idle));
}
