//! Golden transcripts: commands with all that they print, as `transcripts/*.txt` has them.
//!
//! A line that starts with `$` is a command; what follows is its output, stdout before stderr, and
//! its exit code if that is not 0. Ids and times are replaced by names such as `<pool-1>`, which
//! commands may use. `DEVICE_RENEW_TRANSCRIPTS=1` writes the files anew: read the difference.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;

use crate::path;
use crate::process::{Serving, command};

/// What differs from run to run, with its name. A longer pattern goes before one that it contains.
const VARYING: &[(&str, &str)] = &[
    ("device", r"us-east-1_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("uuid", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    ("pool", r"us-east-1_[0-9A-Za-z]{9}\b"),
    ("access-key", r"\bDEVICE[A-Z2-7]{14}\b"),
    ("secret", r"[0-9A-Za-z_-]{40,}"),
    ("client", r"\b[0-9a-z]{26}\b"),
    ("millis", r"\b1[0-9]{12}\b"),
    ("seconds", r"\b1[0-9]{9}(\.[0-9]+)?\b"),
    ("time", r"\b20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} UTC"),
    ("date", r"\b20[0-9]{2}-[0-9]{2}-[0-9]{2}\b"),
    ("salt", r"[0-9A-Za-z+/]{22}=="),
    ("port", r"127\.0\.0\.1:[0-9]+"),
];

/// Names of which each occurrence is another moment, so that they are not numbered.
const UNNUMBERED: [&str; 6] = ["millis", "seconds", "time", "date", "salt", "port"];

/// A place for commands: a server, and a directory with what they read and write.
struct Stage {
    serving: Serving,
    directory: tempfile::TempDir,
    /// The names of what differs.
    names: BTreeMap<String, String>,
    patterns: Vec<(&'static str, Regex)>,
}

impl Stage {
    fn set(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut serve = command(&["--listen", "127.0.0.1:0"]);
        serve.args(arguments).current_dir(directory.path());
        let patterns =
            VARYING.iter().map(|(name, pattern)| (*name, Regex::new(pattern).unwrap())).collect();
        let serving = Serving::start(serve);
        Self { serving, directory, names: BTreeMap::new(), patterns }
    }

    /// Runs a command of a transcript; returns what it printed.
    fn run(&mut self, line: &str) -> String {
        let mut line = line.to_owned();
        for (value, name) in &self.names {
            line = line.replace(&format!("<{name}>"), value);
        }
        let (answers, line) = match line.split_once(" | ") {
            Some((printf, line)) => (words(printf)[1].replace("\\n", "\n"), line.to_owned()),
            None => (String::new(), line),
        };
        let words = words(&line);
        let mut words = words.iter().map(String::as_str).peekable();
        let mut device = Command::new(env!("CARGO_BIN_EXE_device"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["DEVICE_", "AWS_", "XDG_"].iter().any(|prefix| text.starts_with(prefix)) {
                device.env_remove(&name);
            }
        }
        let url = format!("http://{}", self.serving.address);
        device.env("DEVICE_URL", url).env("HOME", self.directory.path());
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            if value.is_empty() {
                device.env_remove(name);
            } else {
                device.env(name, value.replace("SERVER", &self.serving.address));
            }
            words.next();
        }
        assert_eq!(words.next(), Some("device"), "{line}");
        device.args(words).current_dir(self.directory.path());
        let mut process = device
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended by now.
        let _ = process.stdin.take().unwrap().write_all(answers.as_bytes());
        let output = process.wait_with_output().unwrap();
        let mut told = String::from_utf8(output.stdout).unwrap();
        told.push_str(&String::from_utf8(output.stderr).unwrap());
        let told = self.normalized(&told);
        match output.status.code() {
            Some(0) => told,
            code => format!("{told}[exit code {}]\n", code.unwrap()),
        }
    }

    /// The text with names for what differs.
    fn normalized(&mut self, text: &str) -> String {
        let mut text = text.replace(path(self.directory.path()), "<directory>");
        for (name, pattern) in &self.patterns {
            let names = &mut self.names;
            let replace = |found: &regex::Captures<'_>| {
                if UNNUMBERED.contains(name) {
                    return format!("<{name}>");
                }
                let start = format!("{name}-");
                let number = 1 + names.values().filter(|known| known.starts_with(&start)).count();
                let known = names.entry(found[0].to_owned());
                format!("<{}>", known.or_insert_with(|| format!("{name}-{number}")))
            };
            text = pattern.replace_all(&text, replace).into_owned();
        }
        text
    }
}

/// The words of a command line, in which single quotes keep spaces.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted, mut is_word) = (vec![], String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (is_quoted, is_word) = (!is_quoted, true),
            ' ' if !is_quoted => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            c => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

fn transcript(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/serve/transcripts/{name}.txt"))
}

/// Plays a transcript's commands at a server with these arguments, and compares all that they say.
#[track_caller]
fn play(name: &str, arguments: &[&str]) {
    let expected = fs::read_to_string(transcript(name)).unwrap();
    let mut stage = Stage::set(arguments);
    let mut played = String::new();
    for line in expected.lines() {
        let is_comment = line.starts_with('#');
        if !is_comment && !line.starts_with("$ ") {
            continue;
        }
        if !played.is_empty() {
            played.push('\n');
        }
        played.push_str(&format!("{line}\n"));
        if let Some(line) = line.strip_prefix("$ ") {
            played.push_str(&stage.run(line));
        }
    }
    if std::env::var_os("DEVICE_RENEW_TRANSCRIPTS").is_some() {
        fs::write(transcript(name), &played).unwrap();
    }
    assert_eq!(played, expected, "{name}: to accept it, set DEVICE_RENEW_TRANSCRIPTS=1");
}

/// At a server in dev mode, with the pool of `transcripts/seed.toml`.
#[track_caller]
fn play_dev(name: &str) {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve/transcripts/seed.toml");
    play(name, &["--dev", "--in-memory", "--code", "123456", "--seed", path(&seed)]);
}

#[test]
fn pools_are_created_shown_set_and_deleted() {
    play_dev("pools");
}

#[test]
fn clients_are_created_changed_and_deleted() {
    play_dev("clients");
}

#[test]
fn users_are_created_found_changed_and_deleted() {
    play_dev("users");
}

#[test]
fn groups_have_members() {
    play_dev("groups");
}

#[test]
fn a_user_signs_in_and_this_machine_is_remembered() {
    play_dev("sign_in");
}

#[test]
fn administrators_list_and_forget_devices() {
    play_dev("devices");
}

#[test]
fn events_say_why_mfa_was_asked_or_skipped() {
    play_dev("events");
}

#[test]
fn a_key_is_found_as_aws_tools_find_it() {
    play("keys", &["--data", "device-data"]);
}

#[test]
fn a_configuration_is_checked_without_a_start() {
    play_dev("checks");
}

#[test]
fn every_command_has_a_man_page_and_completions() {
    let directory = tempfile::tempdir().unwrap();
    let device = |arguments: &[&str]| {
        let mut device = Command::new(env!("CARGO_BIN_EXE_device"));
        let output = device.args(arguments).current_dir(directory.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    device(&["man", "pages"]);
    let page = fs::read_to_string(directory.path().join("pages/device-devices-forget.1")).unwrap();
    assert!(page.contains("\\-\\-idle"), "{page}");
    assert!(device(&["man"]).contains("device\\-pool(1)"));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(device(&["completions", shell]).contains("do-not-remember"), "{shell}");
    }
}
