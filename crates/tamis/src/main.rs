//! The command line: `tamis check | train | evaluate | serve | rank | demo`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    tamis::cli::run(tamis::cli::Cli::parse())
}
