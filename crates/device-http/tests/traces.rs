//! Traces of a call contain no secret, at the highest verbosity and from every dependency.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io;
use std::sync::{Arc, Mutex};

use device_http::{Client, RetryPolicy};
use device_proto::Request;
use device_wire::enums::AuthFlowType;
use device_wire::requests::InitiateAuthRequest;
use device_wire::{Sensitive, param};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server that answers the first request with a session and a token, and refuses the second.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let answers = [
            (
                "200 OK",
                r#"{"Session":"sessionhush","AuthenticationResult":{"AccessToken":"tokenhush"}}"#,
            ),
            ("400 Bad Request", r#"{"__type":"NotAuthorizedException","message":"no"}"#),
        ];
        for (status, body) in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\"client\"}") {
                assert_ne!(connection.read_buf(&mut request).await.unwrap(), 0);
            }
            let head = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\nx-amzn-requestid: request-1\r\n"
            );
            let length = body.len();
            let answer = format!("{head}content-length: {length}\r\n\r\n{body}");
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn a_trace_shows_the_call_but_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let client =
        Client::builder().endpoint_url(server().await).retry(RetryPolicy::never()).build().unwrap();
    let request = Request::new(&InitiateAuthRequest {
        auth_parameters: Some(Sensitive::from([
            (param::PASSWORD, "passwordhush"),
            (param::USERNAME, "adahush"),
        ])),
        ..InitiateAuthRequest::new(AuthFlowType::UserPasswordAuth, "client")
    });
    client.send(&request).await.unwrap();
    client.send(&request).await.unwrap_err();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for told in ["InitiateAuth", "answered", "failed", "NotAuthorizedException", "request-1"] {
        assert!(log.contains(told), "{told} in {log}");
    }
    assert!(!log.contains("hush"), "{log}");
}
