//! What a machine with only the Rust toolchain lacks for the tests, and how it comes by it.
//!
//! Everything that can live under the target folder does; only Debian packages are installed for
//! the whole machine. What is there already is used, and each installation is announced.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::command::{capture, cargo, program, run, target, works};

const NEXTEST: &str = "0.9.143";
const FUZZ: &str = "0.13.2";

/// A cargo that has a subcommand.
pub(crate) struct Subcommand {
    name: &'static str,
    /// The toolchain to run it with, where it is not the workspace's.
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

    /// Installs it if the machine has none.
    fn installed(self, root: &Path, version: &str) -> Result<Self> {
        if !works(&mut self.command(root, &["--version"])) {
            let (package, tools) = (format!("cargo-{}", self.name), tools(root));
            println!("Installing {package} {version} from crates.io into {}.", tools.display());
            let install = ["install", &package, "--locked", "--version", version, "--root"];
            run(cargo(root, &install).arg(&tools))?;
        }
        Ok(self)
    }
}

fn tools(root: &Path) -> PathBuf {
    target(root).join("tools")
}

/// Where programs are looked for: in what was installed here last, so that what the machine has
/// goes first.
fn path(root: &Path) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::env::split_paths(&path).chain([tools(root).join("bin")]))?)
}

/// The test runner.
pub(crate) fn nextest(root: &Path) -> Result<Subcommand> {
    Subcommand { name: "nextest", toolchain: None, path: path(root)? }.installed(root, NEXTEST)
}

/// The fuzzer, which only a nightly compiler can build for.
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

/// Makes sure that the workspace's toolchain has the standard library of a target.
pub(crate) fn rust_target(root: &Path, target: &str) -> Result<()> {
    let installed = capture(&mut program(root, "rustup", &["target", "list", "--installed"]))?;
    if installed.lines().any(|line| line == target) {
        return Ok(());
    }
    println!("Installing Rust's standard library for {target} by rustup.");
    run(&mut program(root, "rustup", &["target", "add", target]))
}

/// The Python of an environment that has what a folder of `interop` wants, such as the clients to
/// try the server with.
pub(crate) fn python(root: &Path, folder: &str) -> Result<PathBuf> {
    let environment = target(root).join(folder);
    let python = environment.join("bin/python");
    let requirements = format!("interop/{folder}/requirements.txt");
    let wanted = fs::read_to_string(root.join(&requirements))?;
    // A copy of the list is left when all of it was installed: a broken or older environment is
    // made again.
    let stamp = environment.join("requirements.txt");
    if fs::read_to_string(&stamp).ok().as_ref() == Some(&wanted)
        && works(&mut program(root, &python, &["-V"]))
    {
        return Ok(python);
    }
    // An interpreter alone may be there without the means to make an environment.
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

/// The folder of packages that has the JavaScript clients to try the server with, and a Node.js to
/// run them.
pub(crate) fn node(root: &Path) -> Result<PathBuf> {
    let recent = "process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)";
    if !works(&mut program(root, "node", &["-e", recent]))
        || !works(&mut program(root, "npm", &["--version"]))
    {
        debian(root, &["nodejs", "npm"])?;
    }
    let environment = target(root).join("node");
    let packages = environment.join("node_modules");
    let from = root.join("interop/node");
    let wanted = fs::read_to_string(from.join("package-lock.json"))?;
    // As with Python: left when all of it was installed.
    let stamp = environment.join("installed.json");
    if fs::read_to_string(&stamp).ok().as_ref() == Some(&wanted) && packages.is_dir() {
        return Ok(packages);
    }
    println!(
        "Installing interop/node/package-lock.json from the npm registry into {}.",
        environment.display()
    );
    fs::create_dir_all(&environment)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(from.join(file), environment.join(file))?;
    }
    // None of the packages needs a script of its own to be run.
    run(&mut program(&environment, "npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    fs::write(stamp, wanted)?;
    Ok(packages)
}

/// Makes sure that `valgrind` can be run.
pub(crate) fn valgrind(root: &Path) -> Result<()> {
    if works(&mut program(root, "valgrind", &["--version"])) {
        Ok(())
    } else {
        debian(root, &["valgrind"])
    }
}

/// Makes sure that boards with ARM processors can be emulated.
pub(crate) fn qemu(root: &Path) -> Result<()> {
    if works(&mut program(root, "qemu-system-arm", &["--version"])) {
        Ok(())
    } else {
        debian(root, &["qemu-system-arm"])
    }
}

/// The folder of PostgreSQL's programs, the latest where there are several.
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

/// Whether this user may do anything.
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
