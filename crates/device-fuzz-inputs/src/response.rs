//! HTTP responses to the client.

use serde_json::{Value, json};

use crate::bodies::{
    DEVICE_KEY, NOISE, challenges, conversation, name, new_device, refusals, tokens,
};
use crate::{Input, Seed, encoding};

/// One response.
#[derive(Debug, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The header `x-amzn-errortype`; empty for none.
    pub error_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The responses to a client, in order.
///
/// NUL separates them. Each is a line with the status, a line with the error type, and the body.
#[derive(Debug, PartialEq)]
pub struct Responses(pub Vec<Response>);

impl Input for Responses {
    const TARGET: &'static str = "http_responses";

    fn decode(data: &[u8]) -> Option<Self> {
        let response = |part: &[u8]| {
            let mut lines = part.splitn(3, |byte| *byte == b'\n');
            let mut line = || std::str::from_utf8(lines.next()?).ok();
            let (status, error_type) = (line()?.parse().ok()?, line()?.to_owned());
            Some(Response { status, error_type, body: lines.next()?.to_vec() })
        };
        data.split(|byte| *byte == 0).map(response).collect::<Option<_>>().map(Self)
    }

    fn encode(&self) -> Vec<u8> {
        let response = |response: &Response| {
            let head = format!("{}\n{}\n", response.status, response.error_type);
            [head.as_bytes(), &response.body].concat()
        };
        self.0.iter().map(response).collect::<Vec<_>>().join(&0)
    }

    fn describe(&self) -> String {
        let one = |response: &Response| {
            let kind = match encoding::file_name(&response.error_type) {
                kind if kind.is_empty() => String::new(),
                kind => format!("{kind}_"),
            };
            format!("{}_{kind}{}", response.status, name(&response.body))
        };
        conversation(self.0.iter().map(one))
    }
}

fn response(status: u16, error_type: &str, body: &[u8]) -> Response {
    Response { status, error_type: error_type.to_owned(), body: body.to_vec() }
}

fn ok(body: &Value) -> Response {
    response(200, "", body.to_string().as_bytes())
}

pub(crate) fn seeds(seeds: &mut Vec<Seed>) {
    let mut put =
        |responses: Vec<Response>, note: &str| seeds.push(Seed::typed(&Responses(responses), note));
    let signed_in = || ok(&tokens(Some(DEVICE_KEY)));
    let nothing = || ok(&json!({}));
    let device = json!({"DeviceKey": DEVICE_KEY, "DeviceCreateDate": 1_762_419_907.123,
        "DeviceLastModifiedDate": null, "DeviceLastAuthenticatedDate": 1_762_419_907,
        "DeviceAttributes": [{"Name": "device_name", "Value": "laptop"},
            {"Name": "last_ip_used"}]});
    let page = |token: Value| ok(&json!({"Devices": [device], "PaginationToken": token}));

    for (challenge, note) in challenges() {
        put(vec![ok(&challenge), signed_in(), nothing(), ok(&json!({"Devices": []}))], note);
    }
    for (refusal, note) in refusals() {
        let code = refusal["__type"].as_str().unwrap();
        put(vec![response(400, code, refusal.to_string().as_bytes()), signed_in()], note);
    }
    put(vec![signed_in(), nothing(), page(json!("t")), page(json!("t"))], "same_page_again");
    put(vec![signed_in(), nothing(), page(Value::Null), ok(&json!({"Device": device}))], "");
    put(
        vec![
            ok(&new_device()),
            ok(&json!({"UserConfirmationNecessary": true})),
            nothing(),
            page(Value::Null),
        ],
        "",
    );
    for status in [201, 204, 302, 404, 413, 429, 500, 502, 503] {
        put(vec![response(status, "", b"<html>"), response(status, "", b"{}")], "");
    }
    put(vec![response(400, "CodeMismatchException:http://a/b", b"")], "");
    for (note, body) in NOISE {
        put(vec![response(200, "", body)], note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_read_themselves_the_same() {
        let text = b"200\n\n{\n}\x00400\nA\n\xff";
        let responses = Responses::decode(text).unwrap();
        assert_eq!(responses.0[1], response(400, "A", b"\xff"));
        assert_eq!(responses.encode(), text);
    }
}
