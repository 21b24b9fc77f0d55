//! Listeners: TLS, HTTP/2, socket files, and one for administrators.

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, Version};
use axum::routing::get;
use device_server::{Listener, Server, Tls};
use device_test::{FakeClock, service};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate for `localhost` and its key, in two files.
struct Certificate {
    directory: tempfile::TempDir,
    pem: String,
}

impl Certificate {
    fn new() -> Self {
        let certificate = Self { directory: tempfile::tempdir().unwrap(), pem: String::new() };
        certificate.renewed()
    }

    /// Another certificate in the same files.
    fn renewed(mut self) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        self.pem = made.cert.pem();
        fs::write(self.certificate(), &self.pem).unwrap();
        fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
        self
    }

    fn certificate(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }

    fn tls(&self) -> Tls {
        Tls::open(self.certificate(), self.key()).unwrap()
    }
}

/// A connection to a server that shows the certificate `pem`, with this protocol.
async fn connect(
    addr: SocketAddr,
    pem: &str,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(addr).await?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// A running server, stopped when this is dropped.
struct Running(Option<oneshot::Sender<()>>);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

fn run(server: Server) -> Running {
    let (stop, stopped) = oneshot::channel();
    let service = service(&FakeClock::new()).build();
    tokio::spawn(server.serve(service, async {
        let _ = stopped.await;
    }));
    Running(Some(stop))
}

async fn tls_server(certificate: &Certificate) -> (SocketAddr, Running, Tls) {
    let tls = certificate.tls();
    let listener = Listener::tcp(([127, 0, 0, 1], 0).into()).await.unwrap().tls(tls.clone());
    let addr = listener.local_addr().unwrap();
    assert_eq!(listener.endpoint(), format!("https://{addr}"));
    (addr, run(Server::new(listener)), tls)
}

fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n")
}

fn call(operation: &str, body: &Value, more: &str) -> String {
    let body = body.to_string();
    let more = format!(
        "content-type: application/x-amz-json-1.1\r\n\
         x-amz-target: AWSCognitoIdentityProviderService.{operation}\r\ncontent-length: {}\r\n\
         {more}",
        body.len()
    );
    head("POST", "/", &more) + &body
}

/// Sends a request and reads until the head and body of the answer are there.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    loop {
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).await.unwrap();
        assert_ne!(length, 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                return text;
            }
        }
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_and_connections_stay() {
    let certificate = Certificate::new();
    let (addr, _running, tls) = tls_server(&certificate).await;
    let first = certificate.pem.clone();
    let mut open = connect(addr, &first, "http/1.1").await.unwrap();
    assert!(exchange(&mut open, &head("GET", "/livez", "")).await.starts_with("HTTP/1.1 200"));

    let certificate = certificate.renewed();
    tls.reload().unwrap();
    assert!(connect(addr, &first, "http/1.1").await.is_err(), "the former one is not shown");
    let mut new = connect(addr, &certificate.pem, "http/1.1").await.unwrap();
    assert!(exchange(&mut new, &head("GET", "/livez", "")).await.starts_with("HTTP/1.1 200"));
    assert!(exchange(&mut open, &head("GET", "/livez", "")).await.starts_with("HTTP/1.1 200"));

    // A file that cannot be used changes nothing.
    fs::write(certificate.certificate(), "half a file").unwrap();
    let problem = tls.reload().unwrap_err().to_string();
    assert!(problem.contains("cert.pem") && problem.contains("BEGIN CERTIFICATE"), "{problem}");
    connect(addr, &certificate.pem, "http/1.1").await.unwrap();
}

#[test]
fn unusable_certificates_are_named_and_never_quoted() {
    let (one, other) = (Certificate::new(), Certificate::new());
    let missing = one.directory.path().join("missing");
    let empty = one.directory.path().join("empty");
    fs::write(&empty, "hunter2").unwrap();
    for (certificate, key, expected) in [
        (&missing, &one.key(), "missing cannot be used: there is no such file"),
        (&one.certificate(), &missing, "missing cannot be used: there is no such file"),
        (&empty, &one.key(), "empty cannot be used: it has no section \"BEGIN CERTIFICATE\""),
        (&one.certificate(), &empty, "empty cannot be used: it has no section \"BEGIN PRIVATE"),
        (&one.certificate(), &other.key(), "is not the key of the certificate in"),
    ] {
        let problem = Tls::open(certificate, key).unwrap_err().to_string();
        assert!(problem.contains(expected) && !problem.contains("hunter2"), "{problem}");
    }
}

#[tokio::test(start_paused = true)]
async fn changed_files_are_noticed() {
    let certificate = Certificate::new();
    let (addr, _running, _) = tls_server(&certificate).await;
    let certificate = certificate.renewed();
    // Files of the same length within one tick of the file system's clock would look alike.
    fs::write(certificate.certificate(), certificate.pem.clone() + "\n").unwrap();
    while connect(addr, &certificate.pem, "http/1.1").await.is_err() {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_not_finished_is_cut_off() {
    let certificate = Certificate::new();
    let (addr, _running, _) = tls_server(&certificate).await;
    let started = tokio::time::Instant::now();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    assert_eq!(stream.read(&mut [0; 9]).await.unwrap_or(0), 0);
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn clear_text_to_a_tls_listener_is_not_answered() {
    let certificate = Certificate::new();
    let (addr, _running, _) = tls_server(&certificate).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(head("GET", "/livez", "").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn http2_carries_many_calls_on_a_connection() {
    let certificate = Certificate::new();
    let (addr, _running, _) = tls_server(&certificate).await;
    let stream = connect(addr, &certificate.pem, "h2").await.unwrap();
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let calls = (0..20).map(|n| {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let request = Request::post("https://localhost/")
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", "AWSCognitoIdentityProviderService.CreateUserPool")
                .body(Body::from(json!({ "PoolName": format!("p{n}") }).to_string()))
                .unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let pool: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(pool["UserPool"]["Name"], format!("p{n}"));
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }

    let mut sender = sender;
    let request = Request::get("https://localhost/livez").header("host", "elsewhere");
    let refused = sender.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "two hosts");
}

/// What starts an HTTP/2 connection, with a client's empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// The next frame: its type and its payload.
async fn frame(stream: &mut TlsStream<TcpStream>) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], payload))
}

#[tokio::test]
async fn requests_of_an_http2_connection_are_limited() {
    let certificate = Certificate::new();
    let (addr, _running, _) = tls_server(&certificate).await;
    let mut stream = connect(addr, &certificate.pem, "h2").await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    let (kind, settings) = frame(&mut stream).await.unwrap();
    assert_eq!(kind, 4);
    let setting = |wanted: u8| {
        let found = settings.chunks(6).find(|setting| setting[..2] == [0, wanted]).unwrap();
        u32::from_be_bytes(found[2..].try_into().unwrap())
    };
    let (max_streams, window, max_head) = (setting(3), setting(4), setting(6));
    assert_eq!((max_streams, window, max_head), (32, 64 * 1024, 16 * 1024));
}

#[tokio::test]
async fn a_flood_of_resets_closes_an_http2_connection() {
    let certificate = Certificate::new();
    let (addr, _running, _) = tls_server(&certificate).await;
    let mut stream = connect(addr, &certificate.pem, "h2").await.unwrap();
    let mut flood = PREFACE.to_vec();
    for stream in (1_u32..2000).step_by(2) {
        // GET, https, /, localhost; then taken back.
        let request = b"\x82\x87\x84\x41\x09localhost";
        flood.extend([0, 0, u8::try_from(request.len()).unwrap(), 1, 5]);
        flood.extend(stream.to_be_bytes());
        flood.extend(request);
        flood.extend([0, 0, 4, 3, 0]);
        flood.extend(stream.to_be_bytes());
        flood.extend(8_u32.to_be_bytes());
    }
    // The server may close before it has read all.
    let _ = stream.write_all(&flood).await;
    let _ = stream.flush().await;
    let mut reason = None;
    while let Some((kind, payload)) = frame(&mut stream).await {
        if kind == 7 {
            reason = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
    }
    assert_eq!(reason, Some(11), "ENHANCE_YOUR_CALM");
}

#[tokio::test(start_paused = true)]
async fn an_idle_http2_connection_is_closed() {
    let certificate = Certificate::new();
    let (addr, _running, _) = tls_server(&certificate).await;
    let stream = connect(addr, &certificate.pem, "h2").await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let ended = tokio::spawn(connection);
    let request = Request::get("https://localhost/livez").body(Body::empty()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    drop(answer);
    let started = tokio::time::Instant::now();
    let _ = ended.await.unwrap();
    assert!((60..62).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_that_reads_no_answer_is_closed() {
    let certificate = Certificate::new();
    let (addr, _running, _) = tls_server(&certificate).await;
    let mut stream = connect(addr, &certificate.pem, "h2").await.unwrap();
    let mut start = PREFACE[..24].to_vec();
    // Settings: answers have a window of 0.
    start.extend(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00");
    // GET, https, /livez, localhost.
    let request = b"\x82\x87\x44\x06/livez\x41\x09localhost";
    start.extend([0, 0, u8::try_from(request.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    start.extend(request);
    stream.write_all(&start).await.unwrap();
    stream.flush().await.unwrap();
    let started = tokio::time::Instant::now();
    let mut is_answered = false;
    while let Some((kind, payload)) = frame(&mut stream).await {
        is_answered |= kind == 1;
        assert!(kind != 0 || payload.is_empty(), "data beyond the window");
        if kind == 6 {
            // A ping: the client is there.
            let answer = [b"\x00\x00\x08\x06\x01\x00\x00\x00\x00", &payload[..]].concat();
            stream.write_all(&answer).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
    assert!(is_answered);
    assert!((60..62).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_socket_file_serves_and_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("device.sock");
    // One that a killed server left behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = Listener::file(&path, 0o600).unwrap();
    assert_eq!(listener.endpoint(), format!("unix:{}", path.display()));
    assert_eq!((mode(&path), listener.local_addr()), (0o600, None));
    let in_use = Listener::file(&path, 0o600).unwrap_err().to_string();
    assert!(in_use.contains("device.sock") && in_use.contains("in use"), "{in_use}");

    let (stop, stopped) = oneshot::channel::<()>();
    let service = service(&FakeClock::new()).build();
    let served = tokio::spawn(Server::new(listener).serve(service, async {
        let _ = stopped.await;
    }));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let answer = exchange(&mut stream, &head("GET", "/livez", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(stop);
    served.await.unwrap();
    assert!(!path.exists());

    fs::write(&path, "data").unwrap();
    let no_socket = Listener::file(&path, 0o600).unwrap_err().to_string();
    assert!(no_socket.contains("no socket"), "{no_socket}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "data");
}

#[tokio::test]
async fn administrators_are_served_on_their_listener_alone() {
    let main = Listener::tcp(([127, 0, 0, 1], 0).into()).await.unwrap();
    let admin = Listener::tcp(([127, 0, 0, 1], 0).into()).await.unwrap();
    let metrics = Listener::tcp(([127, 0, 0, 1], 0).into()).await.unwrap();
    let [main_at, admin_at, metrics_at] =
        [&main, &admin, &metrics].map(|listener| listener.local_addr().unwrap());
    let pages = Router::new().route("/console", get(|| async { "the console" }));
    let server = Server::new(main).admin_listener(admin).metrics_listener(metrics).pages(pages);
    let _running = run(server);
    let send = async |addr, request: &str| {
        exchange(&mut TcpStream::connect(addr).await.unwrap(), request).await
    };

    let create = call("CreateUserPool", &json!({ "PoolName": "p" }), "");
    let refused = send(main_at, &create).await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    assert!(refused.contains("CreateUserPool is an administrator's operation"), "{refused}");
    let created = send(admin_at, &create).await;
    assert!(created.starts_with("HTTP/1.1 200"), "{created}");
    for path in [
        "/console",
        "/console/pools",
        "/access-keys",
        "/administration",
        "/metrics",
        "/dev/messages",
        "/dev/clock",
    ] {
        for method in ["GET", "POST"] {
            let refused = send(main_at, &head(method, path, "content-length: 0\r\n")).await;
            assert!(refused.starts_with("HTTP/1.1 403"), "{method} {path}: {refused}");
            assert!(refused.contains("--admin-listen"), "{method} {path}: {refused}");
        }
    }
    assert!(send(admin_at, &head("GET", "/console", "")).await.ends_with("the console"));
    // Users' operations are served on both.
    let sign_in = call("InitiateAuth", &json!({ "ClientId": "x", "AuthFlow": "USER_AUTH" }), "");
    for addr in [main_at, admin_at] {
        let refused = send(addr, &sign_in).await;
        assert!(refused.contains("ResourceNotFoundException"), "{refused}");
    }

    assert!(send(metrics_at, &head("GET", "/metrics", "")).await.contains("device_sign_ins_total"));
    for path in ["/livez", "/readyz"] {
        assert!(send(metrics_at, &head("GET", path, "")).await.starts_with("HTTP/1.1 200"));
    }
    let refused = send(metrics_at, &create).await;
    assert!(refused.starts_with("HTTP/1.1 404"), "{refused}");
}
