//! Administrators' signatures: those of the vendor's own signer, and those after tampering.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use device_server::{Administrators, app};
use device_test::{FakeClock, access_key, service};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

const BODY: &str = r#"{"UserPoolId":"nowhere"}"#;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// How a request is signed. The default is correct.
struct Signer {
    key_id: &'static str,
    secret: &'static str,
    session_token: Option<&'static str>,
    region: &'static str,
    service: &'static str,
    /// Seconds that the signer's clock is ahead of the server's.
    ahead: i64,
    uri: &'static str,
    extra: &'static [(&'static str, &'static str)],
    settings: fn(&mut SigningSettings),
}

impl Default for Signer {
    fn default() -> Self {
        Self {
            key_id: "AKIDEXAMPLE",
            secret: SECRET,
            session_token: None,
            region: "us-east-1",
            service: "cognito-idp",
            ahead: 0,
            uri: "http://pool.test:9229/",
            extra: &[],
            settings: |_| {},
        }
    }
}

impl Signer {
    fn sign(self) -> Request<String> {
        let mut request = Request::post(self.uri)
            .header("host", "pool.test:9229")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "AWSCognitoIdentityProviderService.DescribeUserPool")
            .body(BODY.to_owned())
            .unwrap();
        for (name, value) in self.extra {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let token = self.session_token.map(str::to_owned);
        let identity = Credentials::new(self.key_id, self.secret, token, None, "test").into();
        let mut settings = SigningSettings::default();
        (self.settings)(&mut settings);
        let seconds = u64::try_from(FakeClock::START_MILLIS / 1000 + self.ahead).unwrap();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(UNIX_EPOCH + Duration::from_secs(seconds))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        let signable = SignableRequest::new(
            "POST",
            self.uri,
            headers.into_iter(),
            SignableBody::Bytes(BODY.as_bytes()),
        )
        .unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request
    }
}

/// `Type: message` of the answer.
async fn answer(request: Request<String>) -> String {
    let administrators = Administrators::Signing(access_key());
    let router = app(service(&FakeClock::new()).administrators(administrators).build());
    let response = router.oneshot(request.map(Body::from)).await.unwrap();
    let body: Value =
        serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
    format!("{}: {}", body["__type"].as_str().unwrap(), body["message"].as_str().unwrap())
}

/// Asserts that the signature was accepted: the answer comes from the next step, the check of the
/// body.
async fn assert_accepted(request: Request<String>) {
    let answer = answer(request).await;
    assert!(
        answer
            .starts_with("InvalidParameterException: 1 validation error detected: Value 'nowhere'"),
        "{answer}"
    );
}

#[tokio::test]
async fn signatures_of_the_vendors_signer_are_accepted() {
    let cases = [
        Signer::default(),
        Signer { session_token: Some("a-session-token"), ..Signer::default() },
        Signer { ahead: 299, ..Signer::default() },
        Signer { ahead: -299, ..Signer::default() },
        Signer { extra: &[("x-twice", "a"), ("x-twice", "  b   c ")], ..Signer::default() },
        Signer {
            settings: |settings| settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256,
            ..Signer::default()
        },
        Signer { uri: "http://pool.test:9229/?b=2&a=1", ..Signer::default() },
    ];
    for signer in cases {
        assert_accepted(signer.sign()).await;
    }
}

const MISMATCH: &str = "InvalidSignatureException: The request signature we calculated does not \
                        match the signature you \
                        provided. Check your AWS Secret Access Key and signing method. Consult the \
                        service documentation \
                        for details.";
const NO_TOKEN: &str = "MissingAuthenticationTokenException: Missing Authentication Token";

#[tokio::test]
async fn a_signer_with_another_key_or_region_is_refused() {
    let cases = [
        (Signer { secret: "wrong", ..Signer::default() }, MISMATCH),
        (
            Signer { key_id: "AKIDOTHER", ..Signer::default() },
            "UnrecognizedClientException: The security token included in the request is invalid.",
        ),
        (
            Signer { region: "eu-west-1", ..Signer::default() },
            "InvalidSignatureException: Credential should be scoped to a valid region, not \
             'eu-west-1'.",
        ),
        (
            Signer { service: "s3", ..Signer::default() },
            "InvalidSignatureException: Credential should be scoped to correct service: \
             'cognito-idp'.",
        ),
        (
            Signer { ahead: -301, ..Signer::default() },
            "InvalidSignatureException: Signature expired: 20251106T090006Z is now earlier than \
             20251106T090007Z \
             (20251106T090507Z - 5 min.)",
        ),
        (
            Signer { ahead: 301, ..Signer::default() },
            "InvalidSignatureException: Signature not yet current: 20251106T091008Z is still later \
             than \
             20251106T091007Z (20251106T090507Z + 5 min.)",
        ),
        (
            Signer {
                settings: |settings| settings.excluded_headers = Some(vec!["x-amz-target".into()]),
                ..Signer::default()
            },
            "InvalidSignatureException: 'x-amz-target' must be a 'SignedHeader' in the AWS \
             Credential.",
        ),
    ];
    for (signer, expected) in cases {
        assert_eq!(answer(signer.sign()).await, expected);
    }
}

/// Changes one header of a signed request, or removes it.
fn set(
    request: &mut Request<String>,
    name: &'static str,
    change: impl FnOnce(&str) -> Option<String>,
) {
    let old = request
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    match change(&old) {
        Some(new) => request.headers_mut().insert(name, new.parse().unwrap()),
        None => request.headers_mut().remove(name),
    };
}

fn authorization(request: &mut Request<String>, from: &str, to: &str) {
    set(request, "authorization", |old| {
        assert!(old.contains(from), "{old}");
        Some(old.replace(from, to))
    });
}

type Tampering = fn(&mut Request<String>);

#[tokio::test]
async fn a_signed_request_that_was_changed_is_refused() {
    let cases: &[(Tampering, &str)] = &[
        (|r| r.body_mut().push(' '), MISMATCH),
        (
            |r| {
                set(r, "x-amz-target", |_| {
                    Some("AWSCognitoIdentityProviderService.AdminGetUser".into())
                })
            },
            MISMATCH,
        ),
        (|r| set(r, "content-type", |old| Some(format!("{old}; charset=utf-8"))), MISMATCH),
        (|r| set(r, "host", |_| Some("elsewhere.test".into())), MISMATCH),
        (|r| set(r, "host", |_| None), MISMATCH),
        (|r| set(r, "x-amz-date", |_| Some("20251106T090508Z".into())), MISMATCH),
        (|r| *r.uri_mut() = "/?a=1".parse().unwrap(), MISMATCH),
        (
            |r| authorization(r, "Signature=", "Signature=0000"),
            "IncompleteSignatureException: Signature must be 64 hexadecimal digits.",
        ),
        (
            |r| {
                set(r, "authorization", |old| {
                    Some(format!("{}{}", &old[..old.len() - 64], "0".repeat(64)))
                })
            },
            MISMATCH,
        ),
        (
            |r| authorization(r, ";x-amz-target", ""),
            "InvalidSignatureException: 'x-amz-target' must be a 'SignedHeader' in the AWS \
             Credential.",
        ),
        (
            |r| authorization(r, "host;", ""),
            "InvalidSignatureException: 'host' must be a 'SignedHeader' in the AWS Credential.",
        ),
        (
            |r| authorization(r, "x-amz-date;", ""),
            "InvalidSignatureException: 'x-amz-date' must be a 'SignedHeader' in the AWS \
             Credential.",
        ),
        (|r| authorization(r, "content-type;", ""), MISMATCH),
        (|r| authorization(r, "content-type;host", "host;content-type"), MISMATCH),
        (
            |r| authorization(r, "/20251106/", "/20251107/"),
            "InvalidSignatureException: Date in Credential scope does not match the date of the \
             request.",
        ),
        (
            |r| authorization(r, "/20251106/", "//"),
            "InvalidSignatureException: Date in Credential scope does not match the date of the \
             request.",
        ),
        (
            |r| authorization(r, "/aws4_request", "/aws5_request"),
            "InvalidSignatureException: Credential should be scoped with a valid terminator: \
             'aws4_request'.",
        ),
        (
            |r| authorization(r, "/aws4_request", "/aws4_request/more"),
            "InvalidSignatureException: Credential should be scoped with a valid terminator: \
             'aws4_request'.",
        ),
        (
            |r| authorization(r, "AKIDEXAMPLE/", "AKIDEXAMPLE"),
            "UnrecognizedClientException: The security token included in the request is invalid.",
        ),
        (
            |r| {
                authorization(
                    r,
                    "Credential=AKIDEXAMPLE/20251106/us-east-1/cognito-idp/aws4_request, ",
                    "",
                )
            },
            "IncompleteSignatureException: Authorization header requires 'Credential' parameter.",
        ),
        (
            |r| {
                authorization(
                    r,
                    "Credential=AKIDEXAMPLE/20251106/us-east-1/cognito-idp/aws4_request",
                    "Credential=x",
                )
            },
            "IncompleteSignatureException: Credential must have exactly 5 slash-delimited \
             elements.",
        ),
        (
            |r| authorization(r, "SignedHeaders=", "Signed="),
            "IncompleteSignatureException: Authorization header requires 'SignedHeaders' \
             parameter.",
        ),
        (
            |r| authorization(r, "Signature=", "Sig="),
            "IncompleteSignatureException: Authorization header requires 'Signature' parameter.",
        ),
        (
            |r| set(r, "x-amz-date", |_| None),
            "IncompleteSignatureException: Authorization header requires existence of a \
             'X-Amz-Date' header.",
        ),
        (
            |r| set(r, "x-amz-date", |_| Some("yesterday".into())),
            "IncompleteSignatureException: Date must be in ISO-8601 'basic format', such as \
             20251106T090507Z.",
        ),
        (
            |r| set(r, "x-amz-date", |_| Some("20251306T090507Z".into())),
            "IncompleteSignatureException: Date must be in ISO-8601 'basic format', such as \
             20251106T090507Z.",
        ),
        (|r| set(r, "authorization", |_| None), NO_TOKEN),
        (|r| set(r, "authorization", |_| Some("Bearer abc".into())), NO_TOKEN),
        (|r| authorization(r, "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), NO_TOKEN),
    ];
    for (tamper, expected) in cases {
        let mut request = Signer::default().sign();
        tamper(&mut request);
        assert_eq!(answer(request).await, *expected);
    }
}

/// Signs the request again, over the headers exactly as `authorization` lists them, which no signer
/// would do.
fn resign(request: &mut Request<String>) {
    let text = |name: &str| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hmac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let authorization = text("authorization");
    let (_, rest) = authorization.split_once("SignedHeaders=").unwrap();
    let (names, _) = rest.split_once(',').unwrap();
    let headers: String = names.split(';').map(|name| format!("{name}:{}\n", text(name))).collect();
    let canonical = format!("POST\n/\n\n{headers}\n{names}\n{}", hex(&Sha256::digest(BODY)));
    let scope = "20251106/us-east-1/cognito-idp/aws4_request";
    let signed = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        text("x-amz-date"),
        hex(&Sha256::digest(canonical))
    );
    let key =
        scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac(&key, part));
    set(request, "authorization", |old| {
        Some(format!("{}{}", &old[..old.len() - 64], hex(&hmac(&key, &signed))))
    });
}

/// Read literally, the signature is correct. But if the server accepted such lists, a short request
/// could make it copy a long header many times.
#[tokio::test]
async fn a_header_is_signed_once_under_its_one_name() {
    let signed = |names| {
        let mut request = Signer::default().sign();
        authorization(&mut request, "host;x-amz-date", names);
        resign(&mut request);
        request
    };
    assert_accepted(signed("host;x-amz-date")).await;
    for names in ["host;host;x-amz-date", "Host;host;x-amz-date", "x-amz-date;host"] {
        assert_eq!(answer(signed(names)).await, MISMATCH, "{names}");
    }
}

#[tokio::test]
async fn users_operations_and_dev_mode_need_no_signature() {
    let unsigned = |operation: &str| {
        Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(BODY.to_owned())
            .unwrap()
    };
    assert!(answer(unsigned("GetUser")).await.starts_with("InvalidParameterException"));
    assert_eq!(answer(unsigned("DescribeUserPool")).await, NO_TOKEN);

    for request in [
        unsigned("DescribeUserPool"),
        Signer { secret: "any", ahead: 9999, ..Signer::default() }.sign(),
    ] {
        // `service` has anyone as administrator.
        let response =
            app(service(&FakeClock::new()).build()).oneshot(request.map(Body::from)).await.unwrap();
        assert_eq!(response.headers()["x-amzn-errortype"], "InvalidParameterException:");
    }
}

/// Ways to be taken for signed that other services know, and doubled headers.
#[tokio::test]
async fn other_ways_to_sign_are_no_signature() {
    let cases: &[(Tampering, &str)] = &[
        (
            |r| {
                set(r, "authorization", |_| None);
                *r.uri_mut() = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE\
                                %2F20251106%2Fus-east-1%2Fcognito-idp%2Faws4_request\
                                &X-Amz-Date=20251106T090507Z&X-Amz-SignedHeaders=host\
                                &X-Amz-Expires=900&X-Amz-Signature=00"
                    .parse()
                    .unwrap();
            },
            NO_TOKEN,
        ),
        (
            |r| {
                r.headers_mut().insert("x-amz-content-sha256", "UNSIGNED-PAYLOAD".parse().unwrap());
                r.body_mut().push(' ');
            },
            MISMATCH,
        ),
        (
            |r| {
                let hash = Sha256::digest(BODY);
                let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                r.headers_mut().insert("x-amz-content-sha256", hash.parse().unwrap());
                r.body_mut().push(' ');
            },
            MISMATCH,
        ),
        (
            |r| {
                set(r, "authorization", |old| {
                    let (before, rest) = old.split_once("SignedHeaders=").unwrap();
                    let (_, after) = rest.split_once(',').unwrap();
                    Some(format!("{before}SignedHeaders=,{after}"))
                })
            },
            "InvalidSignatureException: 'host' must be a 'SignedHeader' in the AWS Credential.",
        ),
        (|r| authorization(r, "SignedHeaders=", "SignedHeaders=;"), MISMATCH),
        (|r| authorization(r, "x-amz-target", "x-amz-target;x-missing"), MISMATCH),
        (
            |r| {
                r.headers_mut().append("x-amz-date", "20251106T090508Z".parse().unwrap());
            },
            "IncompleteSignatureException: Date must be in ISO-8601 'basic format', such as \
             20251106T090507Z.",
        ),
        (|r| *r.uri_mut() = "/?=".parse().unwrap(), MISMATCH),
        (|r| *r.uri_mut() = "/?%61=%31".parse().unwrap(), MISMATCH),
        (
            |r| {
                let own = r.headers()["authorization"].clone();
                let forged = own.to_str().unwrap().replace("Signature=", "Signature=0000");
                r.headers_mut().insert("authorization", forged.parse().unwrap());
                r.headers_mut().append("authorization", own);
            },
            "IncompleteSignatureException: Signature must be 64 hexadecimal digits.",
        ),
    ];
    for (tamper, expected) in cases {
        let mut request = Signer::default().sign();
        tamper(&mut request);
        let answer = answer(request).await;
        assert_eq!(answer, *expected);
    }
}
