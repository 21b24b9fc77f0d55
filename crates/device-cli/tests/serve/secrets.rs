//! Secrets in files and in systemd credentials.

use std::fs;

use crate::process::{Serving, command};
use crate::{path, refusal, write_private};

const SECRET: &str = "0123456789abcdef";
const SERVE: [&str; 3] = ["--listen", "127.0.0.1:0", "--in-memory"];

#[test]
fn a_secret_is_read_from_a_file_or_a_credential() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret-access-key");
    write_private(&file, &format!("{SECRET}\n"));
    for (variable, value) in [
        ("DEVICE_SECRET_ACCESS_KEY", SECRET),
        ("DEVICE_SECRET_ACCESS_KEY_FILE", path(&file)),
        ("CREDENTIALS_DIRECTORY", path(directory.path())),
    ] {
        let mut command = command(&SERVE);
        command.args(["--access-key-id", "ADMIN"]).env(variable, value);
        let greeting = Serving::start(command).greeting.clone();
        assert!(greeting.contains("access key ADMIN (as given)"), "{variable}: {greeting}");
    }
    // A store in a file outranks the data directory of a configuration file, as in a variable.
    let config = directory.path().join("device.toml");
    write_private(&config, "data = \"/nowhere/data\"\nlisten = \"127.0.0.1:0\"\n");
    let store = directory.path().join("store");
    write_private(&store, "postgres://nobody@127.0.0.1:9/device");
    let mut command = command(&["--config", path(&config), "--access-key-id", "ADMIN"]);
    command.envs([("DEVICE_STORE_FILE", path(&store)), ("DEVICE_SECRET_ACCESS_KEY", SECRET)]);
    let told = refusal(command);
    assert!(!told.contains("/nowhere/data") && told.contains("database"), "{told}");
}

#[test]
fn an_unusable_secret_says_why_and_not_what() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let good = place("good");
    write_private(&good, SECRET);
    write_private(&place("empty"), "\n");
    write_private(&place("long"), &SECRET.repeat(5000));
    let refused = |environment: &[(&str, &str)], expected: &str| {
        let mut command = command(&SERVE);
        command.args(["--access-key-id", "ADMIN"]).envs(environment.iter().copied());
        let told = refusal(command);
        assert!(told.contains(expected) && !told.contains(SECRET), "{told}");
    };
    let file = "DEVICE_SECRET_ACCESS_KEY_FILE";
    refused(&[(file, path(&place("missing")))], "missing: No such file");
    refused(&[(file, path(&place("empty")))], "empty: it is empty");
    refused(&[(file, path(&place("long")))], "more than 64 KiB");
    refused(
        &[(file, path(&good)), ("DEVICE_SECRET_ACCESS_KEY", SECRET)],
        "secret-access-key is given twice",
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A group may read it, as schedulers of containers set it up. Everyone may not.
        fs::set_permissions(&good, fs::Permissions::from_mode(0o644)).unwrap();
        refused(&[(file, path(&good))], "has mode 644");
        fs::set_permissions(&good, fs::Permissions::from_mode(0o440)).unwrap();
        let mut command = command(&SERVE);
        command.args(["--access-key-id", "ADMIN"]).env(file, &good);
        drop(Serving::start(command));
    }
}

#[test]
fn a_secret_is_no_argument() {
    for flag in ["--secret-access-key", "--hook-secret", "--lambda-secret-access-key"] {
        let told = refusal(command(&[flag, SECRET]));
        assert!(told.contains("unexpected argument"), "{told}");
    }
}
