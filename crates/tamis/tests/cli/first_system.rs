//! `docs/first-system.md` as a newcomer goes through it: its file is written, and every command in it is run.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The blocks of a document: how each is marked, and what stands in it.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(mark) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            out.push((mark.to_string(), body.join("\n")));
        }
    }
    out
}

fn shell(dir: &Path, line: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_tamis"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(program.parent().unwrap().to_path_buf()).chain(std::env::split_paths(&path));
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir(dir).env("PATH", std::env::join_paths(all).unwrap());
    command.env_remove("TAMIS_DATA");
    command
}

/// A server that ends with the test.
struct Server(Child);
impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts a server on a port that is free, and says which.
fn serve(dir: &Path, line: &str) -> (Server, String) {
    let line = format!("exec {}", line.replace("127.0.0.1:8080", "127.0.0.1:0 --json"));
    let mut child = shell(dir, &line).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let said: serde_json::Value = serde_json::from_str(&first).unwrap_or_else(|e| panic!("{first}: {e}"));
    (Server(child), said["listening"].as_str().unwrap().to_string())
}

/// Goes through the document; each command with what it said.
fn gone_through(text: &str, dir: &Path, has_curl: bool) -> Vec<(String, String)> {
    let mut server: Option<(Server, String)> = None;
    let mut answers = Vec::new();
    for (mark, body) in blocks(text) {
        match mark.as_str() {
            "toml" => std::fs::write(dir.join("shop.toml"), body).unwrap(),
            "sh serve" => server = Some(serve(dir, &body)),
            "sh" | "sh after" => {
                if mark == "sh after" {
                    server = None;
                }
                for line in body.lines().filter(|l| has_curl || !l.starts_with("curl")) {
                    let address = server.as_ref().map_or("127.0.0.1:8080", |(_, address)| address);
                    let out = shell(dir, &line.replace("127.0.0.1:8080", address)).output().unwrap();
                    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
                    assert!(out.status.success(), "{line}\n{stdout}{stderr}");
                    answers.push((line.to_string(), stdout.into_owned()));
                }
            }
            other => panic!("nobody knows how to run a block of `{other}`"),
        }
    }
    answers
}

#[test]
fn every_command_of_the_first_system_does_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/first-system.md");
    let text = std::fs::read_to_string(path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let has = |program: &str| shell(dir.path(), &format!("command -v {program}")).output().unwrap().status.success();
    if !has("awk") {
        return eprintln!("skipped: there is no awk to make the events");
    }
    let has_curl = has("curl");
    if !has_curl {
        eprintln!("skipped, because there is no curl: the requests");
    }
    let answers = gone_through(&text, dir.path(), has_curl);
    assert!(answers.len() >= 8, "{answers:?}");
    let answer = |part: &str, nth: usize| {
        let mut found = answers.iter().filter(|(line, _)| line.contains(part));
        found.nth(nth).map(|(_, out)| out.as_str()).unwrap_or_default()
    };
    assert!(answer("check shop.toml --data", 0).contains("decisions"), "{answers:?}");
    let report = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(report.contains("recall@10"));
    if has_curl {
        assert!(answer("--parity", 0).contains("all are the same to the bit"), "{answers:?}");
        let items = |nth| -> Vec<String> {
            let list: serde_json::Value = serde_json::from_str(answer("/v1/rank", nth)).unwrap();
            list["items"].as_array().unwrap().iter().map(|i| i["item"].as_str().unwrap().to_string()).collect()
        };
        assert_eq!(items(0).len(), 3);
        assert!(!items(1).contains(&"p21".to_string()), "what was met is not shown again: {answers:?}");
    }
}
