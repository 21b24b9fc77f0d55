//! Seeds of the targets that take bytes as they are.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use crate::Seed;
use crate::bodies::DEVICE_KEY;
use crate::numbers::{EDGES, N, bytes};

pub(crate) fn seeds(seeds: &mut Vec<Seed>) {
    numbers(seeds);
    proofs(seeds);
    kernels(seeds);
    timestamps(seeds);
    requests(seeds);
}

fn numbers(seeds: &mut Vec<Seed>) {
    for (name, value) in &*EDGES {
        seeds.push(Seed::new("public_value", *name, bytes(value)));
        seeds.push(Seed::new("public_value", format!("{name}_hex"), format!("{value:x}")));
        seeds.push(Seed::new("codecs", format!("verifier_{name}"), bytes(value)));
    }
    let minus_one = format!("{:X}", &*N - 1u8);
    let (zeros, long) = ("0".repeat(800) + "5", "f".repeat(769));
    for (name, text) in [
        ("upper", minus_one.as_str()),
        ("odd", "abc"),
        ("even", "0abc"),
        ("zeros", "0000000000000000"),
        ("zeros_before", &zeros),
        ("minus", "-5"),
        ("prefix", "0x5"),
        ("space", " 5"),
        ("empty", ""),
        ("letter", "5g"),
        ("foreign_digits", "٥"),
        ("too_long", &long),
    ] {
        seeds.push(Seed::new("public_value", format!("text_{name}"), text));
        seeds.push(Seed::new("codecs", format!("salt_{name}"), text));
    }
    let longest = [vec![0x7f], vec![0xff; 63]].concat();
    let longest_and_padded = [vec![0], vec![0xff; 64]].concat();
    for (name, data) in [
        ("none", Vec::new()),
        ("one", vec![1]),
        ("below_the_top_bit", vec![0x7f]),
        ("top_bit", vec![0x80]),
        ("zero_before_the_top_bit", vec![0, 0x80]),
        ("zeros", vec![0; 9]),
        ("longest", longest),
        ("longest_and_padded", longest_and_padded),
        ("too_long", vec![1; 65]),
    ] {
        seeds.push(Seed::new("padding", name, data));
    }
}

fn proofs(seeds: &mut Vec<Seed>) {
    let right = STANDARD.encode([0x5a; 32]);
    for (name, text) in [
        ("right", right.clone()),
        ("unpadded", right.trim_end_matches('=').to_owned()),
        ("url_safe", URL_SAFE.encode([0xfb; 32])),
        ("short", right[4..].to_owned()),
        ("long", right.repeat(2)),
        ("stray_bits", format!("{}9=", &right[..42])),
        ("newline", format!("{right}\n")),
    ] {
        seeds.push(Seed::new("codecs", format!("proof_{name}"), text));
    }
}

/// Inputs of a formula, two operands of 384 bytes, and two exponents of 8 bytes (32 in the last
/// formulas).
fn kernels(seeds: &mut Vec<Seed>) {
    let formulas =
        [0, 1, 2, 3, 4, 5, 6, 7, 63, 64, 127, 128, 191, 192, 193, 194, 195, 224, 254, 255];
    for (i, formula) in formulas.into_iter().enumerate() {
        let operand = |at: usize| {
            let (_, value) = &EDGES[(i + at) % EDGES.len()];
            let bytes = bytes(value);
            let mut operand = [0; 384];
            let length = bytes.len().min(384);
            operand[384 - length..].copy_from_slice(&bytes[bytes.len() - length..]);
            operand
        };
        let length = if formula < 192 { 8 } else { 32 };
        let digit = if i % 2 == 0 { 0x80 } else { 0xff };
        let counted: Vec<u8> = (0..length as u8).collect();
        let input =
            [vec![formula], operand(0).into(), operand(7).into(), vec![digit; length], counted];
        seeds.push(Seed::new("kernels", format!("formula_{formula}"), input.concat()));
    }
}

fn timestamps(seeds: &mut Vec<Seed>) {
    let mut put = |name: &str, data: &[u8]| seeds.push(Seed::new("timestamp", name, data.to_vec()));
    let months = [
        "Mon Jan", "Thu Feb", "Fri Mar", "Mon Apr", "Wed May", "Sat Jun", "Mon Jul", "Thu Aug",
        "Sun Sep", "Tue Oct", "Fri Nov", "Sun Dec",
    ];
    for (i, month) in months.into_iter().enumerate() {
        let name = format!("month_{:02}", i + 1);
        put(&name, format!("{month} 1 0{}:59:00 UTC 2024", i % 10).as_bytes());
    }
    for (name, text) in [
        ("epoch", "Thu Jan 1 00:00:00 UTC 1970"),
        ("last_second", "Wed Dec 31 23:59:59 UTC 2025"),
        ("leap_day", "Thu Feb 29 12:00:00 UTC 2024"),
        ("no_leap_day", "Wed Feb 29 12:00:00 UTC 2023"),
        ("padded_day", "Thu Jan 01 00:00:00 UTC 1970"),
        ("hour_24", "Thu Jan 1 24:00:00 UTC 1970"),
        ("leap_second", "Sat Dec 31 23:59:60 UTC 2016"),
        ("wrong_weekday", "Fri Jan 1 00:00:00 UTC 1970"),
        ("other_zone", "Thu Jan 1 00:00:00 IST 1970"),
        ("other_language", "jeu janv. 1 00:00:00 UTC 1970"),
        ("year_of_five_digits", "Sat Jan 1 00:00:00 UTC 10000"),
        ("year_0", "Sat Jan 1 00:00:00 UTC 0"),
    ] {
        put(name, text.as_bytes());
    }
    for (name, seconds) in [
        ("before_epoch", -1),
        ("before_year_0", -62_167_219_201),
        ("least", i64::MIN),
        ("most", i64::MAX),
        ("century", 4_102_444_800),
    ] {
        put(&format!("moment_{name}"), &seconds.to_le_bytes());
    }
}

/// Bodies of requests, as a server receives them.
fn requests(seeds: &mut Vec<Seed>) {
    let mut put = |name: &str, text: &str| seeds.push(Seed::new("wire_requests", name, text));
    let session = "s".repeat(24);
    for (flow, parameters) in [
        ("USER_SRP_AUTH", json!({"USERNAME": "u", "SRP_A": "abc"})),
        ("USER_PASSWORD_AUTH", json!({"USERNAME": "u", "PASSWORD": "p"})),
        ("REFRESH_TOKEN_AUTH", json!({"REFRESH_TOKEN": "r", "DEVICE_KEY": DEVICE_KEY})),
        ("CUSTOM_AUTH", json!({"USERNAME": "u", "CHALLENGE_NAME": "SRP_A", "SRP_A": "2"})),
        ("USER_AUTH", json!({"USERNAME": "u", "PREFERRED_CHALLENGE": "EMAIL_OTP"})),
        ("SOMETHING_NEW", json!({})),
    ] {
        let body = json!({"AuthFlow": flow, "ClientId": "c", "AuthParameters": parameters,
            "ClientMetadata": {"a": "b"}, "Session": session,
            "UserContextData": {"IpAddress": "203.0.113.9", "EncodedData": "e"},
            "AnalyticsMetadata": {"AnalyticsEndpointId": "a"}});
        put(&format!("initiate_{flow}"), &body.to_string());
    }
    for (challenge, answers) in [
        ("SMS_MFA", json!({"SMS_MFA_CODE": "1"})),
        ("SOFTWARE_TOKEN_MFA", json!({"SOFTWARE_TOKEN_MFA_CODE": "1"})),
        ("EMAIL_OTP", json!({"EMAIL_OTP_CODE": "1"})),
        ("SELECT_MFA_TYPE", json!({"ANSWER": "SMS_MFA"})),
        ("MFA_SETUP", json!({})),
        ("NEW_PASSWORD_REQUIRED", json!({"NEW_PASSWORD": "p", "userAttributes.name": "n"})),
        ("CUSTOM_CHALLENGE", json!({"ANSWER": "a"})),
        ("SELECT_CHALLENGE", json!({"ANSWER": "PASSWORD"})),
        ("DEVICE_SRP_AUTH", json!({"DEVICE_KEY": DEVICE_KEY, "SRP_A": "a"})),
        ("DEVICE_PASSWORD_VERIFIER", json!({"TIMESTAMP": "t", "DEVICE_KEY": null})),
        ("PASSWORD_VERIFIER", json!({"DEVICE_KEY": ""})),
        ("WEB_AUTHN", json!({"CREDENTIAL": "{}"})),
    ] {
        let body = json!({"ChallengeName": challenge, "ClientId": "c", "Session": session,
            "ChallengeResponses": answers});
        put(&format!("respond_{challenge}"), &body.to_string());
    }
    for (name, body) in [
        (
            "confirm_all",
            json!({"AccessToken": "t", "DeviceKey": DEVICE_KEY, "DeviceName": "Ada’s ☃",
                "DeviceSecretVerifierConfig": {"PasswordVerifier": "AQ==", "Salt": "AQ=="}}),
        ),
        ("confirm_required", json!({"AccessToken": "t", "DeviceKey": DEVICE_KEY})),
        (
            "sign_up",
            json!({"ClientId": "c", "Username": "u", "Password": "p", "SecretHash": "h",
                "UserAttributes": [{"Name": "email", "Value": "u@example.com"},
                    {"Name": "name", "Value": Value::Null}], "ValidationData": [{"Name": "a"}]}),
        ),
    ] {
        put(name, &body.to_string());
    }
    for (name, text) in [
        ("null_members", r#"{"AuthFlow":null,"ClientId":null}"#),
        ("member_twice", r#"{"ClientId":"a","ClientId":"b","AuthFlow":"USER_AUTH"}"#),
        ("wrong_types", r#"{"AuthFlow":1,"ClientId":[]}"#),
        ("other_case", r#"{"authflow":"USER_AUTH","clientId":"c"}"#),
        ("escapes", r#"{"ClientId":"\u0000\ud83d\ude00","AuthFlow":"USER_AUTH"}"#),
        ("extra", r#"{"ClientId":"c","AuthFlow":"USER_AUTH","X":{"y":[1.5e3,true]}}"#),
        ("error_code", r#"{"code":"a","message":"b"}"#),
        ("error_type_url", r#"{"__type":"a#B:c","Message":"m"}"#),
        ("operation", "ListUsers"),
        ("operation_to_be", "InventUser"),
    ] {
        put(name, text);
    }
}
