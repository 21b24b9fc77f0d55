//! The invariants of ARCHITECTURE.md that can be checked by words: which file may use which.

use std::fs;
use std::path::Path;

use super::Package;
use crate::Result;
use crate::command::{capture, program};

/// Words that only some files may contain.
struct Rule {
    /// The words, as written in code.
    words: &'static [&'static str],
    /// The folders to which the rule applies.
    folders: &'static [&'static str],
    /// The exempt files and folders, each with a reason.
    except: &'static [(&'static str, &'static str)],
    /// The problem to report for any other file.
    problem: &'static str,
}

/// The crates without a clock and randomness of their own.
const PURE: &[&str] = &[
    "crates/device-srp/src/",
    "crates/device-wire/src/",
    "crates/device-proto/src/",
    "crates/device-pool/src/",
];

const RULES: &[Rule] = &[
    Rule {
        words: &["SystemTime::now", "Instant::now"],
        folders: PURE,
        except: &[],
        problem: "has a clock of its own",
    },
    Rule {
        words: &[
            "SystemRandom",
            "SysRng",
            "OsRng",
            "ThreadRng",
            "getrandom",
            "rand::rng",
            "rand::random",
            "RandomState",
        ],
        folders: PURE,
        except: &[(
            "crates/device-pool/src/crypto/jwt.rs",
            "aws-lc takes no other generator; a signature of PKCS #1 v1.5 does not depend on it",
        )],
        problem: "has randomness of its own",
    },
    Rule {
        words: &["StatusCode", "http::", "reqwest::"],
        folders: &[
            "crates/device-srp/src/",
            "crates/device-wire/src/",
            "crates/device-proto/src/",
            "crates/device-pool/src/",
            "crates/device-store/src/",
        ],
        except: &[],
        problem: "knows HTTP",
    },
    Rule {
        words: &["INTERNAL_SERVER_ERROR", "BAD_REQUEST", "fn status(code: &ErrorCode)"],
        folders: &["crates/device-server/src/"],
        except: &[("crates/device-server/src/answer.rs", "errors become status codes here")],
        problem: "makes an error of the service a status code",
    },
    Rule {
        words: &["num_bigint"],
        folders: &["crates/"],
        except: &[
            ("crates/device-fuzz-inputs/", "it makes inputs, none of them secret"),
            (
                "crates/device-srp/src/public_value.rs",
                "public values, behind the feature num-bigint",
            ),
        ],
        problem: "uses num-bigint, which is not constant-time",
    },
    Rule {
        words: &["unsafe_code"],
        folders: &["crates/"],
        except: &[("crates/device-srp/src/kernel/", "the kernels for particular CPUs")],
        problem: "allows unsafe code",
    },
    Rule {
        words: &["clippy::unwrap_used", "clippy::panic", "clippy::todo", "clippy::unimplemented"],
        folders: &["crates/"],
        except: &[
            (
                "crates/device-fuzz-inputs/",
                "it is not published, and fails its program by panicking",
            ),
            ("crates/device-test/src/lib.rs", "it fails its test by panicking"),
        ],
        problem: "allows panics",
    },
];

/// The files that compare what a caller guesses with a secret, and the words for doing so in
/// constant time: how often each has to be there.
const CONSTANT_TIME: &[(&str, &str, usize)] = &[
    ("crates/device-srp/src/session_key.rs", "ct_eq", 1),
    ("crates/device-pool/src/crypto/refresh_token.rs", ".ct_eq(", 1),
    ("crates/device-pool/src/crypto/totp.rs", ".ct_eq(", 1),
    ("crates/device-pool/src/records/app_client.rs", ".ct_eq(", 2),
    ("crates/device-pool/src/records/code.rs", ".ct_eq(", 1),
    ("crates/device-pool/src/records/password.rs", ".ct_eq(", 1),
    ("crates/device-pool/src/rules/device_keys.rs", ".ct_eq(", 1),
    ("crates/device-pool/src/sign_in/password.rs", ".ct_eq(", 1),
    ("crates/device-server/src/sigv4.rs", ".verify_slice(", 2),
    ("crates/device-console/src/csrf.rs", ".verify_slice(", 1),
];

/// Dependencies, and the packages that may be shipped with each. Tests may use any.
const USERS: &[(&str, &[&str])] = &[
    ("reqwest", &["device-http", "device-server", "device-cli"]),
    ("num-bigint", &["device-srp", "device-benches", "device-fuzz-inputs"]),
];

/// The places where a rule is broken.
pub(super) fn problems(root: &Path, packages: &[Package]) -> Result<Vec<String>> {
    let list =
        ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "crates/*/src/*.rs"];
    let files = capture(&mut program(root, "git", &list))?;
    let mut problems: Vec<String> = packages.iter().flat_map(dependency_problems).collect();
    for (file, word, times) in CONSTANT_TIME {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        problems.extend(comparison_problem(file, &text, word, *times));
    }
    for file in files.split_terminator('\0') {
        // A file that is deleted and not committed yet is listed too.
        if let Ok(text) = fs::read_to_string(root.join(file)) {
            problems.extend(file_problems(file, &text));
        }
    }
    Ok(problems)
}

fn dependency_problems(package: &Package) -> Vec<String> {
    let shipped = package.dependencies.iter().filter(|on| on.kind.as_deref() != Some("dev"));
    let name = package.name.as_str();
    let refused = shipped
        .filter(|on| USERS.iter().any(|(used, users)| *used == on.name && !users.contains(&name)));
    refused.map(|on| format!("{name} may not depend on {}", on.name)).collect()
}

fn file_problems(file: &str, text: &str) -> Vec<String> {
    let is_test = file.ends_with("/tests.rs") || file.contains("/tests/");
    let code = if is_test { String::new() } else { code(text) };
    let broken = RULES.iter().filter(|rule| {
        rule.folders.iter().any(|folder| file.starts_with(folder))
            && !rule.except.iter().any(|(place, _)| file.starts_with(place))
    });
    let broken = broken.filter_map(|rule| {
        let word = rule.words.iter().find(|word| code.contains(*word))?;
        Some(format!("{file} {}: it names {word}", rule.problem))
    });
    broken.collect()
}

fn comparison_problem(file: &str, text: &str, word: &str, times: usize) -> Option<String> {
    let found = code(text).matches(word).count();
    (found < times).then(|| {
        format!(
            "{file} compares secrets in constant time {found} times instead of {times}: it needs \
             {word}"
        )
    })
}

/// The lines that are compiled into the library: without comments, and without the tests, which are
/// last in a file.
fn code(text: &str) -> String {
    let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = shipped.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tests_in_the_same_file_are_left_out() {
        let text = "#[cfg(test)]\nmod tests;\nfn late() {}\n#[cfg(test)]\nmod tests {\n fn t() {}";
        assert!(code(text).contains("fn late") && !code(text).contains("fn t()"));
    }

    #[test]
    fn each_rule_is_seen_broken() {
        for (file, text) in [
            ("crates/device-proto/src/a.rs", "let now = SystemTime::now();"),
            ("crates/device-pool/src/a.rs", "use aws_lc_rs::rand::SystemRandom;"),
            ("crates/device-pool/src/a.rs", "use axum::http::StatusCode;"),
            ("crates/device-server/src/dev.rs", "StatusCode::BAD_REQUEST"),
            ("crates/device-srp/src/exponent.rs", "use num_bigint::BigUint;"),
            ("crates/device-pool/src/a.rs", "#![allow(unsafe_code, reason = \"speed\")]"),
            ("crates/device-pool/src/a.rs", "#[allow(clippy::unwrap_used)]"),
        ] {
            assert!(!file_problems(file, text).is_empty(), "{file}: {text}");
        }
    }

    #[test]
    fn a_comparison_in_variable_time_is_seen() {
        let problem = |text: &str| comparison_problem("a.rs", text, ".ct_eq(", 1);
        assert!(problem("a.ct_eq(&b)").is_none());
        assert!(problem("a == b").is_some());
    }

    #[test]
    fn comments_and_tests_may_name_anything() {
        let text =
            "//! Not SystemTime::now\nfn a() {}\n#[cfg(test)]\nmod tests { use num_bigint; }\n";
        assert!(file_problems("crates/device-srp/src/a.rs", text).is_empty());
        let tests = "use num_bigint::BigUint;";
        assert!(file_problems("crates/device-srp/src/kernel/tests.rs", tests).is_empty());
    }

    #[test]
    fn dependencies_are_held_to_their_users() {
        let package = serde_json::json!({
            "name": "device-pool", "manifest_path": "", "dependencies": [
                { "name": "reqwest", "kind": null, "req": "^0.13", "path": null },
                { "name": "num-bigint", "kind": "dev", "req": "^0.5", "path": null },
            ],
        });
        let package: Package = serde_json::from_value(package).unwrap();
        assert_eq!(dependency_problems(&package), ["device-pool may not depend on reqwest"]);
    }
}
