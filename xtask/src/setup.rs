//! What a build needs beside Rust: found, or planned and installed, or told. The plan is a pure function of what was found.

use crate::machine;
use crate::run::{self, Failed, Step};
use std::ffi::OsString;
use std::process::Command;

/// LightGBM's build asks for it; several stable distributions have less.
const CMAKE_MIN: (u32, u32) = (3, 28);
/// The package manager is asked so often: for what lacks, then for what its CMake lacks.
const ASKED_MAX: u8 = 2;
/// The Python package that brings a CMake of its own.
const CMAKE_WHEEL: &str = "cmake>=3.28,<4";

/// A machine that can build.
pub(crate) struct Machine {
    /// `PATH` for what runs next, where it differs.
    pub(crate) path: Option<OsString>,
}

/// What is there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// A C++ compiler.
    pub(crate) compiler: bool,
    /// `make`.
    pub(crate) make: bool,
    /// The newest CMake, by version.
    pub(crate) cmake: Option<(u32, u32)>,
    /// libclang with what is needed to use it.
    pub(crate) libclang: bool,
    /// Python that can make virtual environments.
    pub(crate) python: bool,
    /// How often the package manager has been asked for something already.
    pub(crate) asked: u8,
}

/// Package managers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manager {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora.
    Dnf,
    /// Alpine.
    Apk,
    /// Arch.
    Pacman,
    /// openSUSE.
    Zypper,
    /// macOS.
    Brew,
}

/// How commands that change the machine are begun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rights {
    /// As they are.
    Root,
    /// With `sudo -n`.
    Sudo,
    /// Not at all.
    None,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// Everything is there.
    Ready,
    /// Run these; then look again.
    Install(Vec<Vec<String>>),
    /// Make a CMake of its own in the cache; then look again.
    Wheel,
    /// Nothing can be done here: this is for the user to read.
    Tell(String),
}

/// Finds what a build needs, installs what lacks.
pub(crate) fn ready() -> Result<Machine, Failed> {
    let mut asked = 0;
    loop {
        let (found, path) = machine::look(asked);
        match plan(&found, machine::manager(), machine::rights()) {
            Plan::Ready => {
                let (major, minor) = found.cmake.unwrap_or_default();
                println!("xtask: setup: a C++ compiler, make, CMake {major}.{minor} and libclang are there");
                return Ok(Machine { path });
            }
            Plan::Tell(what) => return Err(Failed { step: format!("setup: {what}"), code: 1 }),
            Plan::Install(commands) => {
                for words in commands {
                    let mut command = Command::new(&words[0]);
                    command.args(&words[1..]);
                    run::run(Step { name: "setup", command, quiet_input: true })?;
                }
                asked += 1;
            }
            Plan::Wheel => {
                for command in machine::wheel(CMAKE_WHEEL)? {
                    run::run(Step { name: "setup", command, quiet_input: true })?;
                }
                if machine::look(asked).0.cmake.is_none_or(|v| v < CMAKE_MIN) {
                    let step = format!("setup: {CMAKE_WHEEL} was installed and does not run");
                    return Err(Failed { step, code: 1 });
                }
            }
        }
    }
}

/// What to do about what was found.
pub(crate) fn plan(found: &Found, manager: Option<Manager>, rights: Rights) -> Plan {
    let old = found.cmake.is_some_and(|v| v < CMAKE_MIN);
    let lacks = |tool: Tool| match tool {
        Tool::Compiler => !found.compiler,
        Tool::Make => !found.make,
        Tool::Cmake => found.cmake.is_none(),
        Tool::Libclang => !found.libclang,
        Tool::Python => old && !found.python,
    };
    let lacking: Vec<Tool> = TOOLS.into_iter().filter(|t| lacks(*t)).collect();
    if lacking.is_empty() {
        return if old { Plan::Wheel } else { Plan::Ready };
    }
    let may = rights != Rights::None || manager == Some(Manager::Brew);
    match manager {
        Some(manager) if may && found.asked < ASKED_MAX => Plan::Install(install(manager, rights, &lacking)),
        _ => Plan::Tell(tell(manager, &lacking, old)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Tool {
    Compiler,
    Make,
    Cmake,
    Libclang,
    Python,
}

const TOOLS: [Tool; 5] = [Tool::Compiler, Tool::Make, Tool::Cmake, Tool::Libclang, Tool::Python];

impl Tool {
    fn about(self) -> &'static str {
        match self {
            Self::Compiler => "a C++ compiler",
            Self::Make => "make",
            Self::Cmake => "CMake 3.28 or later",
            Self::Libclang => "libclang with its headers",
            Self::Python => "Python 3 with venv (it brings a newer CMake)",
        }
    }

    fn package(self, manager: Manager) -> &'static str {
        use Manager::{Apk, Apt, Brew, Dnf, Pacman, Zypper};
        match (self, manager) {
            (Self::Compiler, Apt | Apk) => "g++",
            (Self::Compiler, Dnf | Zypper) => "gcc-c++",
            (Self::Compiler, Pacman | Brew) => "gcc",
            (Self::Make, _) => "make",
            (Self::Cmake, _) => "cmake",
            (Self::Libclang, Apt) => "libclang-dev",
            (Self::Libclang, Dnf | Zypper) => "clang-devel",
            (Self::Libclang, Apk) => "clang-dev",
            (Self::Libclang, Pacman) => "clang",
            (Self::Libclang, Brew) => "llvm",
            (Self::Python, Apt) => "python3-venv",
            (Self::Python, Pacman | Brew) => "python",
            (Self::Python, _) => "python3",
        }
    }
}

fn install(manager: Manager, rights: Rights, lacking: &[Tool]) -> Vec<Vec<String>> {
    let verbs: &[&str] = match manager {
        Manager::Apt => &[
            "env DEBIAN_FRONTEND=noninteractive apt-get update",
            "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends",
        ],
        Manager::Dnf => &["dnf install -y"],
        Manager::Apk => &["apk add --no-cache"],
        Manager::Pacman => &["pacman -Sy --noconfirm --needed"],
        Manager::Zypper => &["zypper --non-interactive install"],
        Manager::Brew => &["brew install"],
    };
    let begin = if rights == Rights::Sudo && manager != Manager::Brew { "sudo -n " } else { "" };
    let words = |verb: &&str| format!("{begin}{verb}").split(' ').map(String::from).collect::<Vec<_>>();
    let mut commands: Vec<Vec<String>> = verbs.iter().map(words).collect();
    if let Some(last) = commands.last_mut() {
        last.extend(lacking.iter().map(|t| t.package(manager).to_string()));
    }
    commands
}

fn tell(manager: Option<Manager>, lacking: &[Tool], old: bool) -> String {
    let mut text = String::from("a build needs what this machine lacks:\n");
    for tool in lacking {
        text += &format!("  - {}\n", tool.about());
    }
    if old && !lacking.contains(&Tool::Python) {
        text += &format!("  - {}\n", Tool::Cmake.about());
    }
    match manager {
        Some(manager) => {
            let commands = install(manager, Rights::Root, lacking);
            let lines = commands.iter().map(|c| format!("\n  {}", c.join(" "))).collect::<String>();
            let who = if manager == Manager::Brew { "" } else { " as root" };
            text + &format!("install it{who} with:{lines}")
        }
        None => text + "no package manager was found to install it with (apt-get, dnf, apk, pacman, zypper, brew)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Found =
        Found { compiler: true, make: true, cmake: Some((3, 31)), libclang: true, python: true, asked: 0 };
    const NONE: Found = Found { compiler: false, make: false, cmake: None, libclang: false, python: false, asked: 0 };

    /// A plan on a few lines.
    fn told(plan: Plan) -> String {
        match plan {
            Plan::Ready => "ready".into(),
            Plan::Wheel => "wheel".into(),
            Plan::Install(commands) => commands.iter().map(|c| c.join(" ")).collect::<Vec<_>>().join("; "),
            Plan::Tell(text) => format!("tell: {text}"),
        }
    }

    #[test]
    fn what_lacks_is_installed_where_that_is_allowed() {
        use Manager::{Apk, Apt, Brew, Dnf, Pacman, Zypper};
        use Rights::{Root, Sudo};
        let check = |found: Found, manager, rights, expected: &str| {
            assert_eq!(told(plan(&found, manager, rights)), expected, "{found:?} {manager:?} {rights:?}");
        };
        check(ALL, Some(Apt), Root, "ready");
        check(ALL, None, Rights::None, "ready");
        check(
            NONE,
            Some(Apt),
            Root,
            "env DEBIAN_FRONTEND=noninteractive apt-get update; \
             env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends g++ make cmake libclang-dev",
        );
        let no_libclang = Found { libclang: false, ..ALL };
        check(no_libclang, Some(Dnf), Sudo, "sudo -n dnf install -y clang-devel");
        check(no_libclang, Some(Apk), Root, "apk add --no-cache clang-dev");
        check(no_libclang, Some(Pacman), Root, "pacman -Sy --noconfirm --needed clang");
        check(no_libclang, Some(Zypper), Sudo, "sudo -n zypper --non-interactive install clang-devel");
        check(no_libclang, Some(Brew), Rights::None, "brew install llvm");
    }

    #[test]
    fn an_old_cmake_is_set_aside_for_one_that_python_brings() {
        let old = Found { cmake: Some((3, 25)), ..ALL };
        assert_eq!(plan(&old, Some(Manager::Apt), Rights::None), Plan::Wheel);
        let bare = Found { python: false, ..old };
        let expected =
            "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv";
        assert!(told(plan(&bare, Some(Manager::Apt), Rights::Sudo)).ends_with(expected));
        // A machine with nothing on it: an old CMake comes first, then what makes a newer one.
        let second = Found { asked: 1, ..bare };
        assert!(matches!(plan(&second, Some(Manager::Apt), Rights::Root), Plan::Install(_)));
        assert!(matches!(plan(&Found { asked: 2, ..bare }, Some(Manager::Apt), Rights::Root), Plan::Tell(_)));
        assert_eq!(plan(&Found { cmake: Some((4, 0)), ..ALL }, None, Rights::None), Plan::Ready);
    }

    #[test]
    fn without_the_right_to_install_the_command_is_told() {
        let found = Found { compiler: false, libclang: false, ..ALL };
        let text = told(plan(&found, Some(Manager::Dnf), Rights::None));
        assert_eq!(
            text,
            "tell: a build needs what this machine lacks:\n  - a C++ compiler\n  - libclang with its headers\n\
             install it as root with:\n  dnf install -y gcc-c++ clang-devel"
        );
        let text = told(plan(&found, None, Rights::Root));
        assert!(text.ends_with("(apt-get, dnf, apk, pacman, zypper, brew)"), "{text}");
    }
}
