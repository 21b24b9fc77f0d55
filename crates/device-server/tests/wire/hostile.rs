//! Bodies that no SDK sends: each is refused or ignored, and none is our own failure.

use serde_json::{Value, json};

use crate::{call, refused, request};

#[tokio::test]
async fn json_that_other_parsers_read_differently_is_refused() {
    let utf_16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: [(&str, &[u8]); 18] = [
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("UTF-16", &utf_16),
        ("UTF-16 with a byte order mark", b"\xff\xfe{\0}\0"),
        ("a lone high surrogate", br#"{"AccessToken":"\ud800"}"#),
        ("a lone low surrogate", br#"{"AccessToken":"\udc00x"}"#),
        ("surrogates in the wrong order", br#"{"AccessToken":"\udc00\ud800"}"#),
        ("a surrogate in UTF-8", b"{\"AccessToken\":\"\xed\xa0\x80\"}"),
        ("an overlong slash in UTF-8", b"{\"AccessToken\":\"\xc0\xaf\"}"),
        ("NUL within a string", b"{\"AccessToken\":\"a\0b\"}"),
        ("NUL behind the object", b"{}\0"),
        ("a second value", b"{}{}"),
        ("not a number", br#"{"Limit":NaN}"#),
        ("infinity", br#"{"Limit":-Infinity}"#),
        ("a number beyond a double", br#"{"Limit":1e999}"#),
        ("a leading zero", br#"{"Limit":010}"#),
        ("a comment", b"{/**/}"),
        ("a trailing comma", br#"{"AccessToken":"x",}"#),
        ("single quotes", b"{'AccessToken':'x'}"),
    ];
    for (what, body) in bodies {
        let (code, message) = refused(request("ListDevices", body.to_vec())).await;
        assert_eq!(code, "SerializationException", "{what}");
        assert!(message.starts_with("The body is not JSON: line 1, column "), "{what}: {message}");
    }
}

#[tokio::test]
async fn depth_is_limited_before_the_stack_is() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |depth: usize| {
            let inner = if open == "[" { "" } else { "1" };
            let value = open.repeat(depth) + inner + &close.repeat(depth);
            format!(r#"{{"AccessToken":"x","Unknown":{value}}}"#)
        };
        // Members that the model does not know are ignored, at any depth that is read.
        let (code, _) = refused(request("GetUser", nested(120))).await;
        assert_eq!(code, "NotAuthorizedException");
        for depth in [130, 50_000] {
            let (code, _) = refused(request("GetUser", nested(depth))).await;
            assert_eq!(code, "SerializationException", "{depth} of {open}");
        }
    }
}

#[tokio::test]
async fn numbers_at_the_edges_are_refused_or_out_of_range() {
    for number in ["1e1", "1.0", "0.1e2", "2147483648", "-2147483649", "18446744073709551616"] {
        let body = format!(r#"{{"AccessToken":"x","Limit":{number}}}"#);
        let (code, message) = refused(request("ListDevices", body)).await;
        assert_eq!(code, "SerializationException", "{number}: {message}");
    }
    for number in ["-0", "-1", "61", "2147483647"] {
        let body = format!(r#"{{"AccessToken":"x","Limit":{number}}}"#);
        let (code, _) = refused(request("ListDevices", body)).await;
        assert!(
            ["SerializationException", "InvalidParameterException", "NotAuthorizedException"]
                .contains(&code.as_str()),
            "{number}: {code}"
        );
    }
}

#[tokio::test]
async fn odd_names_are_no_failure_of_the_server() {
    let pool = json!({"PoolName": "people"}).to_string();
    let created = call("CreateUserPool", pool).await;
    assert_eq!(created.status, 200);
    for name in
        ["\0", "a\0b", "\u{1b}[31m", "a\r\nb", "\u{2028}", "\u{202e}eve", "\u{feff}a", "/", "~0"]
    {
        for body in [
            json!({"ClientId": "x", "Username": name, "Password": "Correct-horse-7"}),
            json!({"ClientId": name, "Username": "x", "Password": name}),
            json!({"ClientId": "x", "AuthFlow": name, "AuthParameters": {name: name}}),
            json!({"UserPoolId": name, "Username": name}),
            json!({name: {name: [name]}}),
        ] {
            for operation in ["SignUp", "InitiateAuth", "AdminGetUser", "ForgotPassword"] {
                let answer = call(operation, body.to_string()).await;
                assert_eq!(answer.status, 400, "{operation} {body}: {}", answer.body);
                let told = answer.json();
                assert!(told["__type"].is_string() && told["message"] != Value::Null);
            }
        }
    }
}
