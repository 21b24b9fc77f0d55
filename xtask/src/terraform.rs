//! The real Terraform against `device serve`: apply, plan, change, plan, destroy.
//!
//! A plan after an apply must be empty. `--record` writes the provider's calls to the file that the
//! tests of device-server replay.

#[path = "../../crates/device-server/tests/infrastructure/names.rs"]
mod names;
mod recorder;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Result;
use crate::command::{cargo, program, run, target, works};
use recorder::Recorder;

/// The directory that `terraform providers mirror` wrote, if the provider is not to be downloaded.
const MIRROR: &str = "TERRAFORM_MIRROR";

/// Where the tests of device-server find the calls.
const RECORDED: &str = "crates/device-server/tests/infrastructure/terraform.jsonl";

/// The step, Terraform's command, and whether the configuration is the changed one.
const STEPS: [(&str, &[&str], bool); 5] = [
    ("apply", &["apply", "-auto-approve"], false),
    ("plan", PLAN, false),
    ("change", &["apply", "-auto-approve"], true),
    ("plan again", PLAN, true),
    ("destroy", &["destroy", "-auto-approve"], true),
];

/// Fails if anything would change.
const PLAN: &[&str] = &["plan", "-detailed-exitcode"];

/// Runs all steps; with `record`, writes the calls.
pub(crate) fn run_all(root: &Path, record: bool) -> Result<()> {
    if !works(Command::new("terraform").arg("version")) {
        return Err("terraform is not here: install it (1.5 or later), and put it on the PATH. \
                    The calls that it made are replayed by `cargo xtask test` without it"
            .into());
    }
    run(&mut cargo(root, &["build", "--package", "device-cli"]))?;
    let server = Server::start(root)?;
    let recorder = Recorder::start(&server.address)?;
    let terraform = Terraform::prepare(root, recorder.endpoint())?;
    for (step, arguments, is_changed) in STEPS {
        recorder.step(step);
        let changed = format!("changed={is_changed}");
        let mut command = terraform.command(arguments);
        // One call after the other, so that each answer is to the call before.
        command.args(["-input=false", "-no-color", "-parallelism=1", "-var", &changed]);
        run(command.args(["-var", &format!("endpoint={}", recorder.endpoint())])).map_err(
            |error| format!("{step}: {error}. After an apply, exit code 2 of a plan is drift"),
        )?;
    }
    let calls = recorder.calls()?;
    println!("{} calls", calls.lines().count());
    if record {
        fs::write(root.join(RECORDED), calls)?;
    }
    Ok(())
}

/// A folder with the configuration, in which Terraform keeps its state.
struct Terraform {
    folder: PathBuf,
}

impl Terraform {
    fn prepare(root: &Path, endpoint: &str) -> Result<Self> {
        let folder = target(root).join("terraform");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fs::copy(root.join("interop/terraform/main.tf"), folder.join("main.tf"))?;
        let mirror = std::env::var(MIRROR).ok();
        let settings = mirror.map_or_else(String::new, |path| {
            format!("provider_installation {{\n  filesystem_mirror {{ path = {path:?} }}\n}}\n")
        });
        fs::write(folder.join("settings.tfrc"), settings)?;
        let this = Self { folder };
        let mut init = this.command(&["init", "-input=false", "-no-color"]);
        run(init.env("TF_VAR_endpoint", endpoint)).map_err(|error| {
            format!(
                "{error}. Without a network, set {MIRROR} to a folder that `terraform providers \
                 mirror` wrote"
            )
        })?;
        Ok(this)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&self.folder, "terraform", arguments);
        command
            .env("TF_CLI_CONFIG_FILE", self.folder.join("settings.tfrc"))
            .env("CHECKPOINT_DISABLE", "1")
            // The settings of the person who runs this must not take effect.
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command
    }
}

/// `device serve --dev` on a free port, ended when it is dropped.
struct Server {
    process: Child,
    /// Host and port.
    address: String,
}

impl Server {
    fn start(root: &Path) -> Result<Self> {
        let options = ["serve", "--dev", "--in-memory", "--listen", "127.0.0.1:0"];
        let mut command = program(root, target(root).join("debug/device"), &options);
        let mut process = command
            .args(["--public-url", "http://pool.test"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().ok_or("the server has no output")?;
        let mut server = Self { process, address: String::new() };
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some((_, address)) =
                line.split_once("listening on ").and_then(|(_, url)| url.split_once("//"))
            {
                server.address = address.to_owned();
            }
            if line == "ready" {
                return Ok(server);
            }
        }
        Err("the server ended before it was ready".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
