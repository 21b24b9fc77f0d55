//! `device bench`: its report, what it leaves behind, and what it refuses.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::process::{Serving, command};

/// `device bench` with these arguments and without settings from this process's environment.
fn bench(arguments: &[&str]) -> Output {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_device"));
    bench.arg("bench").args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if ["DEVICE_", "AWS_"].iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            bench.env_remove(name);
        }
    }
    bench.output().unwrap()
}

fn report(arguments: &[&str]) -> Value {
    let Output { status, stdout, stderr } = bench(arguments);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    serde_json::from_slice(&stdout).unwrap()
}

#[test]
fn a_bench_reports_every_act_of_its_own_server() {
    let report = report(&[
        "--json",
        "--clients",
        "2",
        "--users",
        "3",
        "--count",
        "5",
        "--warm-up",
        "0",
        "--overload",
        "--seconds",
        "1",
    ]);
    assert_eq!((&report["clients"], &report["users"]), (&json!(2), &json!(3)));
    let acts = report["acts"].as_array().unwrap();
    let names: Vec<_> = acts.iter().map(|act| act["act"].as_str().unwrap()).collect();
    assert_eq!(names, ["device-sign-in", "password-sign-in", "refresh", "list"]);
    for act in acts {
        assert_eq!((&act["completed"], &act["failures"]), (&json!(5), &json!({})), "{act}");
        let latency = |name: &str| act["latency_ms"][name].as_f64().unwrap();
        assert!(latency("p50") > 0.0 && latency("p99") >= latency("p50"), "{act}");
        assert!(act["per_second"].as_f64().unwrap() > 0.0, "{act}");
        if cfg!(target_os = "linux") {
            assert!(act["server"]["cpu_us"].as_f64().is_some(), "{act}");
            assert!(act["server"]["memory"]["now"].as_u64().unwrap() > 1 << 20, "{act}");
            let has_ratio = act["act"] != "list";
            assert_eq!(act["ratio"].is_number(), has_ratio, "{act}");
        }
    }
    // The sum is of two signatures and as many proofs as the sign-in has.
    if cfg!(unix) {
        let sum = |act: &Value, proofs: f64| {
            let part = |name: &str| act["unavoidable"][name].as_f64().unwrap();
            2.0 * part("rs256_us") + proofs * part("srp_us")
        };
        for (act, proofs) in acts.iter().zip([2.0, 1.0, 0.0]) {
            let told = act["unavoidable_us"].as_f64().unwrap();
            assert!(told > 0.0 && (told - sum(act, proofs)).abs() < 0.01, "{act}");
        }
    }
    let overload = &report["overload"];
    let count = |name: &str| overload[name].as_u64().unwrap();
    assert!(count("started") > 0, "{overload}");
    assert_eq!(
        count("started"),
        count("completed") + count("refused") + count("failed"),
        "{overload}"
    );
}

#[test]
fn a_bench_deletes_what_it_created_unless_told() {
    let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]));
    let endpoint = format!("http://{}", serving.address);
    let pools = || {
        let (_, pools) = serving.call("ListUserPools", &json!({ "MaxResults": 10 }));
        pools["UserPools"].as_array().unwrap().clone()
    };
    let tiny = ["--endpoint", &endpoint, "--acts", "list", "--clients", "1", "--count", "1"];
    let without_cpu = report(&[&tiny[..], &["--json", "--warm-up", "0"]].concat());
    assert!(without_cpu["acts"][0]["server"].is_null(), "{without_cpu}");
    assert_eq!(pools().len(), 0);

    let pid = serving.process.id().to_string();
    let kept = report(
        &[&tiny[..], &["--json", "--warm-up", "0", "--keep", "--users", "2", "--pid", &pid]]
            .concat(),
    );
    assert_eq!(kept["acts"][0]["server"].is_object(), cfg!(target_os = "linux"), "{kept}");
    let pool = &pools()[0];
    assert_eq!((&pool["Id"], pools().len()), (&kept["pool_id"], 1));
    let (_, users) = serving.call("ListUsers", &json!({ "UserPoolId": pool["Id"] }));
    assert_eq!(users["Users"].as_array().unwrap().len(), 2);
}

#[test]
fn a_bench_says_why_it_cannot_run() {
    let told = |arguments: &[&str]| {
        let Output { status, stderr, .. } = bench(arguments);
        assert_eq!(status.code(), Some(1));
        String::from_utf8(stderr).unwrap()
    };
    let real = told(&["--endpoint", "https://cognito-idp.eu-west-1.amazonaws.com"]);
    assert!(real.contains("--real-service"), "{real}");

    let mut signed = command(&["--listen", "127.0.0.1:0", "--in-memory"]);
    signed.env("DEVICE_ACCESS_KEY_ID", "OTHER");
    signed.env("DEVICE_SECRET_ACCESS_KEY", "another-0123456789");
    let serving = Serving::start(signed);
    let unsigned = told(&["--endpoint", &format!("http://{}", serving.address), "--data", "/none"]);
    assert!(unsigned.contains("CreateUserPool"), "{unsigned}");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let not_started = told(&["--data", file.to_str().unwrap()]);
    assert!(not_started.starts_with("device: the server did not start: "), "{not_started}");
}
