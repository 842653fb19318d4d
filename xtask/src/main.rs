//! What a newcomer and CI type: `cargo xtask demo | test | lint | setup | tidy`. Every build begins by looking for what it needs.

mod machine;
mod run;
mod setup;
mod tidy;

use run::{Failed, Step};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const HELP: &str = "\
cargo xtask COMMAND

  demo [ARGS]   what a build needs, then the demo
  test          what a build needs, then every test
  lint          what a build needs, then format, clippy and the rules of the workspace
  tidy          the rules of the workspace alone
  setup         what a build needs, and nothing else
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = args.split_first().map_or(("help", &[] as &[String]), |(c, r)| (c.as_str(), r));
    let done = match command {
        "demo" => demo(rest),
        "test" => test(),
        "lint" => lint(),
        "tidy" => tidy(),
        "setup" => setup::ready().map(drop),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(Failed { step: format!("unknown command `{other}`\n\n{HELP}"), code: 2 }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("xtask: {}", failed.step);
            ExitCode::from(failed.code)
        }
    }
}

fn demo(args: &[String]) -> Result<(), Failed> {
    let machine = setup::ready()?;
    let mut demo = cargo(&machine, &["run", "--release", "-p", "tamis", "--", "demo"]);
    demo.args(args);
    run::run(Step { name: "demo", command: demo, quiet_input: false })
}

fn test() -> Result<(), Failed> {
    let machine = setup::ready()?;
    if std::env::var_os("TAMIS_DATA").is_none() && !root().join("../shared/data").is_dir() {
        println!("xtask: no $TAMIS_DATA and no ../shared/data: tests on real data say that they skip");
    }
    // Tests within documentation are among them.
    run::run(Step { name: "test", command: cargo(&machine, &["test", "--workspace"]), quiet_input: true })
}

fn lint() -> Result<(), Failed> {
    let machine = setup::ready()?;
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !machine::answers("cargo", &[command, "--version"]) {
            let mut add = Command::new("rustup");
            add.args(["component", "add", component]);
            run::run(Step { name: "setup", command: add, quiet_input: true })?;
        }
    }
    let fmt = cargo(&machine, &["fmt", "--all", "--check"]);
    run::run(Step { name: "format", command: fmt, quiet_input: true })?;
    tidy()?;
    let clippy = cargo(&machine, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    run::run(Step { name: "clippy", command: clippy, quiet_input: true })
}

fn tidy() -> Result<(), Failed> {
    let found = tidy::check(&tidy::Tree::load(&root()));
    found.iter().for_each(|v| println!("{v}"));
    let n = found.iter().filter(|v| !v.warning).count();
    if n == 0 { Ok(()) } else { Err(Failed { step: format!("tidy: {n} places break a rule"), code: 1 }) }
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace").to_path_buf()
}

fn cargo(machine: &setup::Machine, args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    if let Some(path) = &machine.path {
        command.env("PATH", path);
    }
    if let Some(target) = run::shared_target() {
        command.env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "0");
    }
    command
}
