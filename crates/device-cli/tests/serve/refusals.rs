//! Settings and data with which the server refuses to start, and its messages.

use std::fs;

use crate::process::{Serving, command};
use crate::{path, refusal};

const DEV: [&str; 3] = ["--listen", "127.0.0.1:0", "--dev"];
const SECRET: &str = "0123456789abcdef";

#[track_caller]
fn refused(arguments: &[&str], environment: &[(&str, &str)], expected: &[&str]) {
    let mut command = command(arguments);
    command.envs(environment.iter().copied());
    let told = refusal(command);
    for part in expected {
        assert!(told.contains(part), "{arguments:?}: {told}");
    }
}

#[test]
fn dev_mode_opens_no_production_data() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    // The first start without --dev creates the credentials.
    drop(Serving::start(command(&["--listen", "127.0.0.1:0", "--data", path(&data)])));

    let with_data = ["--listen", "127.0.0.1:0", "--data", path(&data)];
    refused(&with_data, &[("DEVICE_DEV", "1")], &["--dev-unsafe", path(&data), "access key"]);
    let key = [("DEVICE_ACCESS_KEY_ID", "A"), ("DEVICE_SECRET_ACCESS_KEY", SECRET)];
    refused(&[&DEV[..], &["--in-memory"]].concat(), &key, &["--dev-unsafe", "access key"]);
    let everywhere = ["--listen", "0.0.0.0:0", "--in-memory", "--dev"];
    refused(&everywhere, &[], &["--dev-unsafe", "0.0.0.0:0", "other machines"]);

    let unsafely = [&everywhere[..], &["--dev-unsafe"]].concat();
    assert!(Serving::start(command(&unsafely)).greeting.contains("anyone"));
    let mut with_data = command(&with_data);
    with_data.envs([("DEVICE_DEV", "1"), ("DEVICE_DEV_UNSAFE", "1")]);
    assert!(Serving::start(with_data).greeting.contains("anyone"));
}

#[test]
fn dev_mode_opens_no_data_that_had_a_given_key() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let with_data = ["--listen", "127.0.0.1:0", "--data", path(&data)];
    let dev = [&with_data[..], &["--dev"]].concat();
    // A developer's directory is one until a server without --dev uses it.
    drop(Serving::start(command(&dev)));
    drop(Serving::start(command(&dev)));
    let mut with_key = command(&with_data);
    with_key.envs([("DEVICE_ACCESS_KEY_ID", "A"), ("DEVICE_SECRET_ACCESS_KEY", SECRET)]);
    drop(Serving::start(with_key));
    refused(&dev, &[], &["--dev-unsafe", path(&data), "access key"]);

    let serving = Serving::start(command(&[&dev[..], &["--dev-unsafe"]].concat()));
    let (status, told) = serving.post("/dev/reset");
    assert_eq!(status, 403, "{told}");
}

#[test]
fn a_secret_that_can_be_guessed_is_refused() {
    let in_memory = ["--listen", "127.0.0.1:0", "--in-memory"];
    for secret in ["x", "0123456789abcde"] {
        let key = [("DEVICE_ACCESS_KEY_ID", "A"), ("DEVICE_SECRET_ACCESS_KEY", secret)];
        refused(&in_memory, &key, &["at least 16 characters"]);
    }
}

#[test]
fn a_new_secret_in_memory_needs_a_terminal() {
    refused(&["--listen", "127.0.0.1:0", "--in-memory"], &[], &["terminal", "--access-key-id"]);
}

#[cfg(unix)]
#[test]
fn data_that_others_can_read_or_replace_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let arguments = ["--listen", "127.0.0.1:0", "--data", path(&data)];
    drop(Serving::start(command(&arguments)));
    let set = |name: &str, mode: u32| {
        fs::set_permissions(data.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for (name, loose, tight) in [
        ("credentials.toml", 0o644, 0o600),
        ("device-pool.sqlite3", 0o660, 0o600),
        ("", 0o777, 0o700),
    ] {
        set(name, loose);
        refused(&arguments, &[], &[&format!("mode {loose:o}"), &format!("chmod {tight:o}")]);
        set(name, tight);
    }
    let config = directory.path().join("device.toml");
    fs::write(&config, format!("access-key-id = \"A\"\nsecret-access-key = \"{SECRET}\"\n"))
        .unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&["--config", path(&config), "--in-memory"], &[], &["mode 644", "chmod 600"]);
    drop(Serving::start(command(&arguments)));
}

#[cfg(unix)]
#[test]
fn unencrypted_secrets_to_another_machine_are_warned_of() {
    let hooks = ["--hook-url", "http://192.0.2.1/hook", "--message-webhook", "http://192.0.2.1/m"];
    let (_, log) =
        Serving::start(command(&[&DEV[..], &["--in-memory"], &hooks].concat())).end("TERM");
    for name in ["hook-url is http:// to another machine", "message-webhook is http:// to another"]
    {
        assert!(log.contains(name), "{log}");
    }
    let here =
        ["--hook-url", "http://localhost:1/hook", "--message-webhook", "https://192.0.2.1/m"];
    let (_, log) =
        Serving::start(command(&[&DEV[..], &["--in-memory"], &here].concat())).end("TERM");
    assert!(!log.contains("another machine"), "{log}");
}

#[test]
fn a_lambda_endpoint_needs_a_key_and_no_hook() {
    let endpoint = ["--lambda-endpoint", "http://127.0.0.1:1"];
    let arguments = [&DEV[..], &["--in-memory"], &endpoint].concat();
    refused(&arguments, &[], &["AWS_ACCESS_KEY_ID", "A local runtime accepts any"]);
    let both = [&arguments[..], &["--hook-url", "http://127.0.0.1:1/"]].concat();
    refused(&both, &[], &["hook-url and lambda-endpoint exclude each other"]);
    let environment = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "any")];
    let mut started = command(&arguments);
    started.envs(environment);
    drop(Serving::start(started));
}
