//! Messages to users, from the operation that causes one to its arrival.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use device_server::{Administrators, Smtp, Transport, Transports, Webhook, app};
use device_test::{FakeClock, access_key, service};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tower::ServiceExt;

fn router(email: Transport) -> Router {
    app(service(&FakeClock::new()).transports(mails(email)).build())
}

fn mails(email: Transport) -> Transports {
    Transports { email, ..Transports::default() }
}

async fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (head.status, serde_json::from_slice(&body).unwrap())
}

async fn call(router: &Router, operation: &str, body: Value) -> Value {
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(Body::from(body.to_string()))
        .unwrap();
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    assert_eq!(head.status, StatusCode::OK, "{operation}: {body}");
    body
}

/// Ada signs up with an address. Returns pool and client.
async fn sign_up(router: &Router) -> (String, String) {
    let pool = json!({ "PoolName": "people", "AutoVerifiedAttributes": ["email"] });
    let pool =
        call(router, "CreateUserPool", pool).await["UserPool"]["Id"].as_str().unwrap().to_owned();
    let client = json!({ "UserPoolId": pool, "ClientName": "app" });
    let client = call(router, "CreateUserPoolClient", client).await;
    let client = client["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned();
    let request = json!({
        "ClientId": client, "Username": "ada", "Password": "Correct-Horse-7",
        "UserAttributes": [{ "Name": "email", "Value": "ada@example.com" }],
    });
    call(router, "SignUp", request).await;
    (pool, client)
}

#[tokio::test]
async fn a_developer_confirms_with_the_code_read_back() {
    let router = router(Transport::Nowhere);
    let (pool, client) = sign_up(&router).await;
    let (status, message) = get(&router, &format!("/dev/messages/{pool}/ada")).await;
    assert_eq!((status, &message["topic"]), (StatusCode::OK, &json!("SignUp")));
    assert_eq!(get(&router, &format!("/dev/messages/{pool}/ada@example.com")).await.1, message);
    let confirm =
        json!({ "ClientId": client, "Username": "ada", "ConfirmationCode": message["code"] });
    call(&router, "ConfirmSignUp", confirm).await;
    assert_eq!(get(&router, &format!("/dev/messages/{pool}/bob")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(get(&router, "/dev/messages/eu-test-1_other/ada").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_messages_are_shown_if_administrators_sign() {
    let administrators = Administrators::Signing(access_key());
    let router = app(service(&FakeClock::new()).administrators(administrators).build());
    let (status, body) = get(&router, "/dev/messages/pool/ada").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body["message"].as_str().unwrap().contains("need --dev"), "{body}");
}

/// The last message to Ada as it was sent: without what a developer is told besides.
async fn last_message(router: &Router, pool: &str) -> Value {
    let (_, mut message) = get(router, &format!("/dev/messages/{pool}/ada")).await;
    let fields = message.as_object_mut().unwrap();
    assert!(fields.remove("id").is_some() && fields.remove("time").is_some());
    message
}

/// Reads one HTTP request and answers it; returns its body.
async fn one_request(listener: TcpListener) -> Value {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn a_web_hook_gets_the_message_as_json() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/messages", listener.local_addr().unwrap());
    let router = router(Transport::Webhook(Webhook::new(&url).unwrap()));
    let received = tokio::spawn(one_request(listener));
    let (pool, _) = sign_up(&router).await;
    let message = received.await.unwrap();
    assert_eq!(message, last_message(&router, &pool).await);
    assert_eq!(message["destination"], "ada@example.com");
    assert_eq!(message["medium"], "EMAIL");
}

/// A mail server that accepts one mail. Returns the mail with its envelope.
async fn one_mail(listener: TcpListener) -> String {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.test\r\n").await.unwrap();
    let (mut mail, mut in_data) = (String::new(), false);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        mail += &line;
        let reply = match line.trim_end() {
            "." => "250 taken\r\n",
            _ if in_data => continue,
            "DATA" => "354 go on\r\n",
            "QUIT" | "" => return mail,
            _ => "250 mail.test\r\n",
        };
        in_data = line.trim_end() == "DATA";
        stream.write_all(reply.as_bytes()).await.unwrap();
        if reply.starts_with("250 taken") {
            return mail;
        }
    }
}

#[tokio::test]
async fn a_mail_server_gets_the_message_as_a_mail() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let router =
        router(Transport::Smtp(Smtp::new(&url, "Example <no-reply@example.com>").unwrap()));
    let received = tokio::spawn(one_mail(listener));
    let (pool, _) = sign_up(&router).await;
    let mail = received.await.unwrap();
    let code = get(&router, &format!("/dev/messages/{pool}/ada")).await.1["code"].clone();
    for part in [
        "MAIL FROM:<no-reply@example.com>",
        "RCPT TO:<ada@example.com>",
        "Subject: Your verification code",
        "Content-Type: text/html; charset=utf-8",
        &format!("Your confirmation code is {}", code.as_str().unwrap()),
    ] {
        assert!(mail.contains(part), "{part} in {mail}");
    }
}

/// A mail server that refuses all mail, and counts the attempts.
async fn unwilling(listener: TcpListener, connections: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::Relaxed);
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 mail.test\r\n").await.unwrap();
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            let reply = if line.starts_with("RCPT") {
                "550 no such mailbox\r\n"
            } else {
                "250 mail.test\r\n"
            };
            if stream.write_all(reply.as_bytes()).await.is_err() {
                break;
            }
            line.clear();
        }
    }
}

#[tokio::test]
async fn a_refused_mail_is_not_sent_again_and_undoes_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let server = tokio::spawn(unwilling(listener, Arc::clone(&connections)));
    let email = Transport::Smtp(Smtp::new(&url, "no-reply@example.com").unwrap());
    let service = service(&FakeClock::new()).transports(mails(email)).build();
    let router = app(Arc::clone(&service));
    let (pool, _) = sign_up(&router).await;
    service.finish_messages().await;
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    let user = json!({ "UserPoolId": pool, "Username": "ada" });
    assert_eq!(call(&router, "AdminGetUser", user).await["UserStatus"], "UNCONFIRMED");
    server.abort();
}

#[tokio::test]
async fn a_file_gets_a_line_of_json_for_each_message() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messages");
    let email = Transport::File(path.clone());
    let service = service(&FakeClock::new()).transports(mails(email)).build();
    let router = app(Arc::clone(&service));
    let (pool, _) = sign_up(&router).await;
    service.finish_messages().await;
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [last_message(&router, &pool).await]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn an_unusable_transport_is_refused_without_its_secrets() {
    for (url, from) in [
        ("http://user:pa55word@example.com", "a@example.com"),
        ("pa55word", "a@example.com"),
        ("smtps://user:pa55word@example.com", "nobody"),
    ] {
        let error = Smtp::new(url, from).unwrap_err().to_string();
        assert!(!error.contains("pa55word"), "{error}");
    }
    for url in ["ftp://example.com", "example.com", ""] {
        Webhook::new(url).unwrap_err();
    }
    let hidden = format!("{:?}", Webhook::new("https://example.com/pa55word").unwrap())
        + &format!(
            "{:?}",
            Smtp::new("smtps://user:pa55word@example.com", "a@example.com").unwrap()
        );
    assert!(!hidden.contains("pa55word"), "{hidden}");
}
