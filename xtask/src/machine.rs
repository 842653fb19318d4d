//! Looks at this machine: which tools are there, which package manager, and what it may do.

use crate::run::{self, Failed};
use crate::setup::{Found, Manager, Rights};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Folders in which libclang stands, with one `*` for any name.
const LIBRARY_FOLDERS: [&str; 12] = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/llvm*/lib",
    "/usr/lib/llvm/*/lib64",
    "/usr/local/llvm*/lib",
    "/opt/homebrew/opt/llvm/lib",
    "/usr/local/opt/llvm/lib",
    "/Library/Developer/CommandLineTools/usr/lib",
    "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib",
];

/// What is there, and the `PATH` to build with where it is not the one that is set.
pub(crate) fn look(asked: u8) -> (Found, Option<OsString>) {
    let own = cmake_folder().filter(|f| f.join("cmake").is_file());
    let set = cmake_version(Path::new("cmake"));
    let kept = own.as_ref().and_then(|f| cmake_version(&f.join("cmake")));
    let path = own.filter(|_| kept > set).and_then(|folder| {
        let now = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&now))).ok()
    });
    let found = Found {
        compiler: ["c++", "g++", "clang++"].iter().any(|name| on_path(name)),
        make: on_path("make"),
        cmake: kept.max(set),
        libclang: libclang(),
        python: answers("python3", &["-c", "import venv, ensurepip"]),
        asked,
    };
    (found, path)
}

/// The package manager of this machine.
pub(crate) fn manager() -> Option<Manager> {
    let known = [
        ("apt-get", Manager::Apt),
        ("dnf", Manager::Dnf),
        ("apk", Manager::Apk),
        ("pacman", Manager::Pacman),
        ("zypper", Manager::Zypper),
        ("brew", Manager::Brew),
    ];
    known.into_iter().find(|(name, _)| on_path(name)).map(|(_, manager)| manager)
}

/// What this user may do without being asked for a password.
pub(crate) fn rights() -> Rights {
    let id = Command::new("id").arg("-u").stdin(Stdio::null()).output();
    match id {
        Ok(out) if out.stdout.trim_ascii() == b"0" => Rights::Root,
        _ if answers("sudo", &["-n", "true"]) => Rights::Sudo,
        _ => Rights::None,
    }
}

/// The commands that put a Python package with a CMake into the cache.
pub(crate) fn wheel(package: &str) -> Result<[Command; 2], Failed> {
    let folder = cmake_folder().ok_or_else(|| {
        let step = "setup: neither XDG_CACHE_HOME nor HOME says where a newer CMake can be kept".to_string();
        Failed { step, code: 1 }
    })?;
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(folder.parent().expect("it ends in bin"));
    let mut fill = Command::new(folder.join("python3"));
    fill.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]);
    Ok([make, fill])
}

/// Where a CMake of our own is kept.
fn cmake_folder() -> Option<PathBuf> {
    Some(run::cache()?.join("cmake/bin"))
}

fn cmake_version(program: &Path) -> Option<(u32, u32)> {
    let out = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    version(&String::from_utf8_lossy(&out.stdout))
}

/// Major and minor number in `cmake version 3.25.1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("cmake version ")?.split(['.', '\n', '-', ' ']).map(|n| n.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Whether a program runs with these arguments and ends well.
pub(crate) fn answers(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn libclang() -> bool {
    if let Some(set) = std::env::var_os("LIBCLANG_PATH").map(PathBuf::from) {
        return set.is_file() || holds_libclang(&set);
    }
    let asked = Command::new("llvm-config").arg("--libdir").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let asked = asked.ok().map(|out| PathBuf::from(String::from_utf8_lossy(&out.stdout).trim()));
    asked.into_iter().chain(LIBRARY_FOLDERS.iter().flat_map(|f| matching(f))).any(|folder| holds_libclang(&folder))
}

/// The folders that a path with one `*` stands for.
fn matching(path: &str) -> Vec<PathBuf> {
    let Some((before, after)) = path.split_once('*') else { return vec![PathBuf::from(path)] };
    let (parent, start) = before.rsplit_once('/').unwrap_or((".", before));
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let names = entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(start));
    names.map(|e| PathBuf::from(format!("{}{after}", e.path().display()))).collect()
}

fn holds_libclang(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|e| is_libclang(&e.file_name().to_string_lossy()))
}

/// A name without a number behind it comes with the headers; `libclang.so.18` alone may not.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else { return false };
    let Some(stem) = rest.strip_suffix(".so").or_else(|| rest.strip_suffix(".dylib")) else { return false };
    stem.is_empty() || stem.strip_prefix('-').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let check = |text, expected| assert_eq!(version(text), expected, "{text}");
        check("cmake version 3.25.1\n\nCMake suite maintained by Kitware", Some((3, 25)));
        check("cmake version 4.0.0-rc1", Some((4, 0)));
        check("cmake version 3", None);
        check("", None);
    }

    #[test]
    fn libclang_is_told_from_its_relatives() {
        let check = |name, expected| assert_eq!(is_libclang(name), expected, "{name}");
        check("libclang.so", true);
        check("libclang-14.so", true);
        check("libclang.dylib", true);
        check("libclang.so.18", false);
        check("libclang-cpp.so", false);
        check("libclangAST.a", false);
    }
}
