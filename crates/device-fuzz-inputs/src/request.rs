//! HTTP requests to the server.

use serde_json::{Map, Value, json};

use crate::bodies::DEVICE_KEY;
use crate::encoding::file_name;
use crate::{Input, Seed};

/// A request as text: a line with the operation, lines with headers, an empty line, and the body.
///
/// `POOL`, `CLIENT` and `TOKEN` in the body stand for the service's pool, client and access token.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// The operation's name.
    pub operation: String,
    /// Whether it goes to a service that checks administrators' signatures: `signed ` before the
    /// operation.
    pub signed: bool,
    /// Headers in addition to the usual ones. A header of the same name replaces the usual one.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Input for Request {
    const TARGET: &'static str = "http_requests";

    fn decode(data: &[u8]) -> Option<Self> {
        let (head, body) = std::str::from_utf8(data).ok()?.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let first = lines.next()?;
        let operation = first.strip_prefix("signed ");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.to_owned()))
        };
        Some(Self {
            signed: operation.is_some(),
            operation: operation.unwrap_or(first).to_owned(),
            headers: lines.map(header).collect::<Option<_>>()?,
            body: body.to_owned(),
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut text = if self.signed { "signed ".to_owned() } else { String::new() };
        text.push_str(&self.operation);
        for (name, value) in &self.headers {
            text.push_str(&format!("\n{name}: {value}"));
        }
        text.push_str("\n\n");
        text.push_str(&self.body);
        text.into_bytes()
    }

    fn describe(&self) -> String {
        let mut description = file_name(&self.operation);
        if self.signed {
            description.push_str("-signed");
        }
        for (name, _) in &self.headers {
            description.push_str(&format!("-{}", file_name(name)));
        }
        description
    }
}

pub(crate) fn seeds(seeds: &mut Vec<Seed>) {
    let model: Value = serde_json::from_str(MODEL).unwrap();
    for (operation, about) in model["operations"].as_object().unwrap() {
        let input = about["input"].as_str().unwrap();
        for (note, depth) in [("required", 0), ("all", 3)] {
            let body = example(&model["shapes"], input, depth);
            seeds.push(request(operation, false, &[], &body, note));
        }
    }
    signatures(seeds);
    forwarded(seeds);
    filters(seeds);
    let body = json!({"MaxResults": 1});
    for (name, value, note) in [
        ("origin", "https://pages.example", ""),
        ("origin", "null", "null"),
        ("content-type", "text/plain", ""),
        ("host", "elsewhere.example", ""),
        ("x-amz-target", "ListUserPools", ""),
    ] {
        seeds.push(request("ListUserPools", false, &[(name, value)], &body, note));
    }
}

const MODEL: &str = include_str!("../../device-wire/operations.json");

fn request(
    operation: &str,
    signed: bool,
    headers: &[(&str, &str)],
    body: &Value,
    note: &str,
) -> Seed {
    let headers =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (operation, body) = (operation.to_owned(), body.to_string());
    Seed::typed(&Request { operation, signed, headers, body }, note)
}

/// Requests with signatures, all of them wrong.
fn signatures(seeds: &mut Vec<Seed>) {
    let zeros = "0".repeat(64);
    let signature = |scope: &str, headers: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/cognito-idp/{scope}, \
             SignedHeaders={headers}, Signature={zeros}"
        )
    };
    let usual = signature("aws4_request", "host;x-amz-date;x-amz-target");
    let date = ("x-amz-date", "20260101T000000Z");
    let mut put = |headers: &[(&str, &str)], note: &str| {
        seeds.push(request("ListUserPools", true, headers, &json!({"MaxResults": 1}), note));
    };
    put(&[], "");
    put(&[("authorization", &usual)], "no_date");
    put(&[("authorization", &usual), date], "");
    put(&[("authorization", &usual), ("x-amz-date", "20260101")], "odd_date");
    put(&[("authorization", &signature("aws4_request", "Host;X-Amz-Date")), date], "capitals");
    put(&[("authorization", &signature("a/b/aws4_request", "host")), date], "long_scope");
    put(&[("authorization", &signature("aws4_request", "")), date], "no_headers");
    put(&[("authorization", "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=")], "empty");
    put(&[("authorization", "Bearer x")], "bearer");
    put(&[("authorization", &usual), ("authorization", &usual), date], "");
    put(&[("authorization", &usual), date, ("x-amz-security-token", "t")], "");
    put(&[("authorization", &usual), date, ("x-amz-content-sha256", &zeros)], "");
}

/// Requests with the headers in which a proxy names the client.
fn forwarded(seeds: &mut Vec<Seed>) {
    let parameters = json!({"USERNAME": "ada", "PASSWORD": "wrong"});
    let body = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "CLIENT",
        "AuthParameters": parameters});
    let long = ["10.0.0.2"; 200].join(", ");
    for (value, note) in [
        ("203.0.113.9", "one"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.2", "chain"),
        ("2001:db8::1, [fd00::1]:80", "ipv6"),
        ("::ffff:203.0.113.9", "mapped"),
        ("203.0.113.9:1234", "port"),
        ("unknown, ,;", "noise"),
        (&long, "long"),
    ] {
        seeds.push(request("InitiateAuth", false, &[("x-forwarded-for", value)], &body, note));
    }
    let twice = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "10.0.0.3")];
    seeds.push(request("InitiateAuth", false, &twice, &body, ""));
}

/// Filters of `ListUsers`.
fn filters(seeds: &mut Vec<Seed>) {
    for (filter, note) in [
        (r#"username = "ada""#, "equals"),
        (r#"email ^= "a""#, "begins"),
        (r#""sub"="x""#, "quoted_name"),
        (r#"custom:a = "b""#, "custom"),
        ("name = 'a'", "single_quotes"),
        (r#"name = "a"#, "open"),
        (r#"name = "a\"b""#, "escape"),
        (r#"name = "a\"#, "open_escape"),
        ("", "none"),
        (r#"  status  =  "Enabled"  "#, "spaces"),
        (r#"cognito:user_status = "CONFIRMED""#, "user_status"),
        (r#"phone_number = "+15550100""#, "phone"),
    ] {
        let body = json!({"UserPoolId": "POOL", "Filter": filter});
        seeds.push(request("ListUsers", false, &[], &body, &format!("filter_{note}")));
    }
}

/// A value that meets the constraints of a shape, as far as they suggest one. It has optional
/// members down to `depth`.
fn example(shapes: &Value, name: &str, depth: usize) -> Value {
    let shape = &shapes[name];
    let least = shape["min"].as_u64().unwrap_or(1).max(1) as usize;
    match shape["type"].as_str().unwrap_or("string") {
        "structure" => {
            let required = shape["required"].as_array().unwrap();
            let members = shape["members"].as_object().unwrap().iter();
            let wanted = members.filter(|(name, _)| depth > 0 || required.contains(&json!(name)));
            let member = |(name, shape): (&String, &Value)| {
                let value = example(shapes, shape.as_str().unwrap(), depth.saturating_sub(1));
                (name.clone(), value)
            };
            Value::Object(wanted.map(member).collect::<Map<_, _>>())
        }
        "list" => {
            let member = shape["member"].as_str().unwrap_or("StringType");
            json!([example(shapes, member, depth.saturating_sub(1))])
        }
        "map" => json!({"key": "value"}),
        "integer" | "long" => json!(least),
        "boolean" => json!(true),
        "double" | "float" | "timestamp" => json!(1.5),
        _ if shape["enum"].is_array() => shape["enum"][0].clone(),
        _ => json!(text_example(name, least)),
    }
}

/// Text of a shape.
fn text_example(shape: &str, least: usize) -> String {
    let known = match shape {
        "UserPoolIdType" => "POOL",
        "ClientIdType" => "CLIENT",
        "TokenModelType" => "TOKEN",
        "UsernameType" => "ada",
        "DeviceKeyType" => DEVICE_KEY,
        "ArnType" => "arn:aws:iam::123456789012:role/r",
        "AttributeNameType" => "email",
        "SessionType" => "ssssssssssssssssssssssss",
        "ConfirmationCodeType" | "SoftwareTokenMFAUserCodeType" => "123456",
        "PasswordType" => "Correct-Horse-7",
        "RedirectUrlType" => "https://example.com/",
        _ => return "a".repeat(least),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_itself_the_same() {
        let text = b"signed ListUsers\nhost: a\nhost: b\n\n{\n\n}";
        let request = Request::decode(text).unwrap();
        assert!(request.signed && request.headers.len() == 2 && request.body == "{\n\n}");
        assert_eq!(request.encode(), text);
    }
}
