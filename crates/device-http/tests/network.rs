//! The built-in HTTP stack, against a socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use device_http::{Client, ErrorKind, RetryPolicy};
use device_proto::Request;
use device_wire::requests::GetDeviceRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that reads a request, answers with these bytes, and then hangs up or waits.
async fn server(response: &'static str, hang_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            read_request(&mut connection).await;
            connection.write_all(response.as_bytes()).await.unwrap();
            if !hang_up {
                held.push(connection);
            }
        }
    });
    format!("http://{address}/")
}

async fn read_request(connection: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.ends_with(b"\"eu_1\"}") {
        let read = connection.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "a whole request");
        seen.extend_from_slice(&buffer[..read]);
    }
}

async fn call(endpoint: String) -> Result<usize, ErrorKind> {
    let client = Client::builder()
        .endpoint_url(endpoint)
        .timeout(Duration::from_millis(300))
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let result = client.send(&Request::new(&GetDeviceRequest::new("eu_1"))).await;
    result.map(|body| body.len()).map_err(|error| error.kind())
}

#[tokio::test]
async fn a_response_arrives() {
    let endpoint = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", false).await;
    assert_eq!(call(endpoint).await, Ok(2));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", false).await;
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n"
    );
    let endpoint = server(redirect.leak(), false).await;
    assert_eq!(call(endpoint).await, Err(ErrorKind::InvalidResponse));
}

#[tokio::test]
async fn a_truncated_response_is_an_error() {
    let endpoint = server("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}", true).await;
    assert_eq!(call(endpoint).await, Err(ErrorKind::Interrupted));
    let endpoint = server("", true).await;
    assert_eq!(call(endpoint).await, Err(ErrorKind::Interrupted));
}

#[tokio::test]
async fn a_silent_server_times_out() {
    assert_eq!(call(server("", false).await).await, Err(ErrorKind::Timeout));
    let begun = server("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}", false).await;
    assert_eq!(call(begun).await, Err(ErrorKind::Timeout));
}

#[tokio::test]
async fn a_closed_port_is_a_failure_to_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(call(format!("http://{address}/")).await, Err(ErrorKind::Connect));
}

/// The endpoint is a valid URI, but no host can have that name, so a retry cannot help.
#[tokio::test]
async fn an_impossible_host_is_a_configuration_error() {
    let client = Client::builder().endpoint_url("http://[::1%25lo]/").build().unwrap();
    let error = client.send(&Request::new(&GetDeviceRequest::new("eu_1"))).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Configuration, false), "{error}");
}

#[tokio::test]
async fn an_endless_response_is_cut_off() {
    let endpoint = server(
        format!("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{}", " ".repeat(5 << 20))
            .leak(),
        false,
    )
    .await;
    assert_eq!(call(endpoint).await, Err(ErrorKind::Interrupted));
}
