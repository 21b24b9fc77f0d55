//! Installs what the tests need beyond the Rust toolchain.
//!
//! Everything that can be under the target folder is; only Debian packages are installed for the
//! whole machine. Existing installations are used, and each new one is announced.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::command::{capture, cargo, program, run, target, works};

const NEXTEST: &str = "0.9.143";
const FUZZ: &str = "0.13.2";
const DENY: &str = "0.20.2";
const AUDIT: &str = "0.22.2";
const SBOM: &str = "0.10.0";

/// A cargo with a subcommand.
pub(crate) struct Subcommand {
    name: &'static str,
    /// The toolchain to run it with, if not the workspace's.
    toolchain: Option<&'static str>,
    path: std::ffi::OsString,
}

impl Subcommand {
    pub(crate) fn command(&self, root: &Path, arguments: &[&str]) -> Command {
        let mut command = match self.toolchain {
            Some(toolchain) => program(root, "rustup", &["run", toolchain, "cargo"]),
            None => cargo(root, &[]),
        };
        command.arg(self.name).args(arguments).env("PATH", &self.path);
        command
    }

    /// Installs it unless the machine has it.
    fn installed(self, root: &Path, version: &str) -> Result<Self> {
        if !works(&mut self.command(root, &["--version"])) {
            let (package, tools) = (format!("cargo-{}", self.name), tools(root));
            println!("Installing {package} {version} from crates.io into {}.", tools.display());
            // Each runs for seconds, and its release build would take minutes longer.
            let install = ["install", &package, "--debug", "--locked", "--version", version];
            run(cargo(root, &install).arg("--root").arg(&tools))?;
        }
        Ok(self)
    }
}

fn tools(root: &Path) -> PathBuf {
    target(root).join("tools")
}

/// The search path for programs. Our installations come last, so that those of the machine take
/// precedence.
fn path(root: &Path) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::env::split_paths(&path).chain([tools(root).join("bin")]))?)
}

/// cargo-nextest, the test runner.
pub(crate) fn nextest(root: &Path) -> Result<Subcommand> {
    Subcommand { name: "nextest", toolchain: None, path: path(root)? }.installed(root, NEXTEST)
}

/// cargo-deny, which checks licences, sources and known vulnerabilities.
pub(crate) fn deny(root: &Path) -> Result<Subcommand> {
    Subcommand { name: "deny", toolchain: None, path: path(root)? }.installed(root, DENY)
}

/// cargo-audit, which checks lock files for known vulnerabilities.
pub(crate) fn audit(root: &Path) -> Result<Subcommand> {
    Subcommand { name: "audit", toolchain: None, path: path(root)? }.installed(root, AUDIT)
}

/// cargo-sbom, which writes bills of materials.
pub(crate) fn sbom(root: &Path) -> Result<Subcommand> {
    Subcommand { name: "sbom", toolchain: None, path: path(root)? }.installed(root, SBOM)
}

/// cargo-fuzz, which needs a nightly compiler.
pub(crate) fn fuzz(root: &Path) -> Result<Subcommand> {
    const NIGHTLY: &str = "nightly";
    if !works(&mut program(root, "rustup", &["run", NIGHTLY, "rustc", "--version"])) {
        println!("Installing the nightly toolchain by rustup.");
        run(&mut program(
            root,
            "rustup",
            &["toolchain", "install", NIGHTLY, "--profile", "minimal"],
        ))?;
    }
    Subcommand { name: "fuzz", toolchain: Some(NIGHTLY), path: path(root)? }.installed(root, FUZZ)
}

/// Ensures that the workspace's toolchain has the standard library of a target.
pub(crate) fn rust_target(root: &Path, target: &str) -> Result<()> {
    let installed = capture(&mut program(root, "rustup", &["target", "list", "--installed"]))?;
    if installed.lines().any(|line| line == target) {
        return Ok(());
    }
    println!("Installing Rust's standard library for {target} by rustup.");
    run(&mut program(root, "rustup", &["target", "add", target]))
}

/// A Python in an environment with the requirements of a folder of `interop`.
pub(crate) fn python(root: &Path, folder: &str) -> Result<PathBuf> {
    let environment = target(root).join(folder);
    let python = environment.join("bin/python");
    let requirements = format!("interop/{folder}/requirements.txt");
    let wanted = fs::read_to_string(root.join(&requirements))?;
    // A copy of the list is written after a complete installation; without it the environment is
    // made again.
    let stamp = environment.join("requirements.txt");
    if fs::read_to_string(&stamp).ok().as_ref() == Some(&wanted)
        && works(&mut program(root, &python, &["-V"]))
    {
        return Ok(python);
    }
    // Python may be installed without the modules for an environment.
    if !works(&mut program(root, "python3", &["-c", "import ensurepip, venv"])) {
        debian(root, &["python3", "python3-venv"])?;
    }
    println!("Installing {requirements} from PyPI into {}.", environment.display());
    run(program(root, "python3", &["-m", "venv", "--clear"]).arg(&environment))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(program(root, &python, &install).arg(requirements))?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// The JavaScript packages of a folder of `interop`, and a Node.js to run them.
pub(crate) fn node(root: &Path, folder: &str) -> Result<PathBuf> {
    let recent = "process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)";
    if !works(&mut program(root, "node", &["-e", recent]))
        || !works(&mut program(root, "npm", &["--version"]))
    {
        debian(root, &["nodejs", "npm"])?;
    }
    let environment = target(root).join(folder);
    let packages = environment.join("node_modules");
    let from = root.join("interop").join(folder);
    let wanted = fs::read_to_string(from.join("package-lock.json"))?;
    // As with Python: written after a complete installation.
    let stamp = environment.join("installed.json");
    if fs::read_to_string(&stamp).ok().as_ref() == Some(&wanted) && packages.is_dir() {
        return Ok(packages);
    }
    println!(
        "Installing interop/{folder}/package-lock.json from the npm registry into {}.",
        environment.display()
    );
    fs::create_dir_all(&environment)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(from.join(file), environment.join(file))?;
    }
    // No package needs an install script.
    run(&mut program(&environment, "npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    fs::write(stamp, wanted)?;
    Ok(packages)
}

/// The path of the browser.
pub(crate) fn chromium(root: &Path) -> Result<PathBuf> {
    let installed = || {
        let find = capture(&mut program(root, "sh", &["-c", "command -v chromium"]));
        find.ok().map(|path| PathBuf::from(path.trim()))
    };
    if installed().is_none() {
        debian(root, &["chromium"])?;
    }
    installed().ok_or_else(|| "Debian's package has no program chromium".into())
}

/// Ensures that `valgrind` is installed.
pub(crate) fn valgrind(root: &Path) -> Result<()> {
    if works(&mut program(root, "valgrind", &["--version"])) {
        Ok(())
    } else {
        debian(root, &["valgrind"])
    }
}

/// Ensures that QEMU for ARM boards is installed.
pub(crate) fn qemu(root: &Path) -> Result<()> {
    if works(&mut program(root, "qemu-system-arm", &["--version"])) {
        Ok(())
    } else {
        debian(root, &["qemu-system-arm"])
    }
}

/// The folder of PostgreSQL's programs; of several versions, the latest.
pub(crate) fn postgres(root: &Path) -> Result<PathBuf> {
    let installed = || -> Option<PathBuf> {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let programs = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
        let version = |programs: &PathBuf| {
            let version = programs.parent()?.file_name()?.to_str()?;
            version.parse::<u32>().ok()
        };
        programs.filter(|programs| programs.join("initdb").exists()).max_by_key(version)
    };
    if installed().is_none() {
        debian(root, &["postgresql"])?;
    }
    installed().ok_or_else(|| "Debian's package has no initdb in /usr/lib/postgresql".into())
}

/// Ensures that Patroni and etcd are installed, with what a test needs of Linux's tools.
pub(crate) fn patroni(root: &Path) -> Result<()> {
    let is_here = |name, argument| works(&mut program(root, name, &[argument]));
    if is_here("patroni", "--version") && is_here("etcd", "--version") && is_here("ip", "-V") {
        return Ok(());
    }
    println!("Debian's etcd-server starts a service of its own, which is not used.");
    debian(root, &["patroni", "etcd-server", "iproute2", "procps"])
}

/// Whether this user is root.
pub(crate) fn by_root(root: &Path) -> Result<bool> {
    Ok(capture(&mut program(root, "id", &["-u"]))?.trim() == "0")
}

/// Installs Debian packages.
fn debian(root: &Path, packages: &[&str]) -> Result<()> {
    println!("Installing {} from Debian.", packages.join(", "));
    let by_root = by_root(root)?;
    let apt = |arguments: &[&str]| {
        let mut command = program(root, if by_root { "apt-get" } else { "sudo" }, &[]);
        if !by_root {
            command.arg("apt-get");
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run(&mut apt(&["update", "--quiet"]))?;
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    run(apt(&install).args(packages))
}
