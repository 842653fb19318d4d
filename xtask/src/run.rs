//! Runs steps, tells which failed, and says where CI keeps what was built.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What CI keeps between runs is thrown away when it is larger.
const CACHE_BYTES_MAX: u64 = 30 << 30;

/// A command with a name.
pub(crate) struct Step {
    /// As told when it fails.
    pub(crate) name: &'static str,
    /// What runs.
    pub(crate) command: Command,
    /// Whether it is given no input.
    pub(crate) quiet_input: bool,
}

/// A step that failed.
#[derive(Debug, PartialEq)]
pub(crate) struct Failed {
    /// Which, and how.
    pub(crate) step: String,
    /// Exit code to pass on.
    pub(crate) code: u8,
}

/// Runs a step to its end.
pub(crate) fn run(mut step: Step) -> Result<(), Failed> {
    println!("xtask: {}: {}", step.name, shown(&step.command));
    if step.quiet_input {
        step.command.stdin(Stdio::null());
    }
    let failed = |how: String, code| Err(Failed { step: format!("step `{}` failed: {how}", step.name), code });
    match step.command.status() {
        Err(e) => failed(e.to_string(), 127),
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(status.to_string(), status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1)),
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The folder for what belongs to the user and can be made again.
pub(crate) fn cache() -> Option<PathBuf> {
    cache_of(std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"))
}

fn cache_of(xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let folder = |v: Option<OsString>| v.filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = folder(xdg).or_else(|| Some(folder(home)?.join(".cache")))?;
    Some(base.join("tamis"))
}

/// In CI every run has a fresh checkout: what was built is kept outside, unless `CARGO_TARGET_DIR` says where.
pub(crate) fn shared_target() -> Option<PathBuf> {
    if std::env::var_os("CI").is_none() || std::env::var_os("CARGO_TARGET_DIR").is_some() {
        return None;
    }
    let target = cache()?.join("target");
    if size(&target) > CACHE_BYTES_MAX {
        println!("xtask: {} has grown past {} GiB and is emptied", target.display(), CACHE_BYTES_MAX >> 30);
        std::fs::remove_dir_all(&target).ok()?;
    }
    std::fs::create_dir_all(&target).ok()?;
    Some(target)
}

/// Bytes in a folder and all below.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(m) if m.is_dir() => size(&entry.path()),
        Ok(m) => m.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_named_and_passes_its_code_on() {
        let check = |script: &str, expected: Result<(), (&str, u8)>| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let found = run(Step { name: "try", command, quiet_input: true });
            assert_eq!(found, expected.map_err(|(step, code)| Failed { step: step.into(), code }));
        };
        check("exit 0", Ok(()));
        check("exit 3", Err(("step `try` failed: exit status: 3", 3)));
        check("read line || exit 4", Err(("step `try` failed: exit status: 4", 4)));
        let missing = run(Step { name: "try", command: Command::new("no-such-program-here"), quiet_input: true });
        assert_eq!(missing.unwrap_err().code, 127);
    }

    #[test]
    fn the_cache_stands_where_the_user_wants_it() {
        let check = |xdg: Option<&str>, home: Option<&str>, expected: Option<&str>| {
            assert_eq!(cache_of(xdg.map(Into::into), home.map(Into::into)), expected.map(PathBuf::from));
        };
        check(Some("/x"), Some("/h"), Some("/x/tamis"));
        check(Some(""), Some("/h"), Some("/h/.cache/tamis"));
        check(None, Some("/h"), Some("/h/.cache/tamis"));
        check(None, None, None);
    }
}
