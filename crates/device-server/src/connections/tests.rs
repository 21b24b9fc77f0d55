use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::limits::Limits;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Starts a request whose body never ends.
const HALF: &[u8] = b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1234";

/// The address of a server with these limits, and its number of started requests.
async fn server(max: usize, max_per_address: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    server_behind(max, max_per_address, TrustedProxies::default()).await
}

async fn server_behind(
    max: usize,
    max_per_address: usize,
    proxies: TrustedProxies,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = Listener::tcp(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let read = move |body: Body| async move {
        count.fetch_add(1, Ordering::Relaxed);
        axum::body::to_bytes(body, 99).await.map(|_| "read").map_err(|_| "cut off")
    };
    let app = Router::new().route("/", get(|| async { "here" })).route("/body", post(read));
    let limits = Limits {
        max_connections: max,
        max_connections_per_address: max_per_address,
        ..Limits::default()
    };
    let connections = Connections::new(app, Places::of(&limits), proxies, Metrics::new());
    let (running, stopped) = watch::channel(());
    tokio::spawn(async move {
        connections.serve(listener, stopped).await;
        drop(running);
    });
    (addr, begun)
}

async fn send(addr: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// All that the server sends; nothing if it closes without an answer.
async fn read(mut stream: TcpStream) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    text
}

/// Starts `count` requests, and waits until the server has their heads.
async fn begin(addr: SocketAddr, begun: &AtomicUsize, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    let before = begun.load(Ordering::Relaxed);
    for _ in 0..count {
        streams.push(send(addr, HALF).await);
    }
    while begun.load(Ordering::Relaxed) < before + count {
        tokio::task::yield_now().await;
    }
    streams
}

// With `start_paused`, the clock of the test jumps to the next timer if nothing else is left to do.

#[tokio::test(start_paused = true)]
async fn a_head_that_is_not_finished_is_cut_off() {
    let (addr, _) = server(9, 9).await;
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\nx: "] {
        let started = Instant::now();
        assert_eq!(read(send(addr, bytes).await).await, "");
        assert!(started.elapsed() >= HEAD_TIMEOUT, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_a_new_one() {
    for (max, max_per_address) in [(2, 9), (9, 2)] {
        let (addr, _) = server(max, max_per_address).await;
        let first = send(addr, b"").await;
        let second = send(addr, b"GET / HTTP/1.1\r\nx: ").await;
        assert!(read(send(addr, REQUEST).await).await.ends_with("here"));
        assert_eq!(read(first).await, "", "the one that was idle longest");
        // Its place became free when the third one ended.
        let mut second = second;
        second.write_all(b"y\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        assert!(read(second).await.ends_with("here"));
    }
}

#[tokio::test]
async fn a_thousand_idle_connections_block_no_caller() {
    let (addr, _) = server(64, 32).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(send(addr, b"").await);
    }
    for _ in 0..5 {
        assert!(read(send(addr, REQUEST).await).await.ends_with("here"));
    }
}

#[tokio::test]
async fn an_address_gets_no_more_than_its_share() {
    let (addr, begun) = server(9, 2).await;
    let busy = begin(addr, &begun, 2).await;
    assert_eq!(read(send(addr, REQUEST).await).await, "", "closed without an answer");
    drop(busy);
    let (addr, begun) = server_behind(9, 2, TrustedProxies::new(["127.0.0.1"]).unwrap()).await;
    let _busy = begin(addr, &begun, 2).await;
    assert!(read(send(addr, REQUEST).await).await.ends_with("here"), "a proxy has many callers");
}

#[tokio::test]
async fn a_new_connection_waits_while_all_are_busy() {
    let (addr, begun) = server(1, 9).await;
    let mut busy = begin(addr, &begun, 1).await;
    let waiting = tokio::spawn(async move { read(send(addr, REQUEST).await).await });
    let mut busy = busy.pop().unwrap();
    busy.write_all(b"56789").await.unwrap();
    assert!(waiting.await.unwrap().ends_with("here"));
    assert!(read(busy).await.ends_with("read"), "a request under way is not cut off");
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused() {
    let long = [b"GET / HTTP/1.1\r\nx: ", "y".repeat(MAX_HEAD).as_bytes(), b"\r\n\r\n"].concat();
    let mut stream = send(server(1, 1).await.0, &long).await;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 431");
}

#[tokio::test]
async fn a_request_that_reads_in_two_ways_is_not_served() {
    let (addr, begun) = server(9, 9).await;
    let many = "x: y\r\n".repeat(1000);
    for head in [
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: +4\r\n",
        "content-length: 4, 5\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "content-length : 4\r\n",
        "x: a\r\n b\r\ncontent-length: 4\r\n",
        "x\0y: a\r\ncontent-length: 4\r\n",
        many.as_str(),
    ] {
        let request =
            format!("POST /body HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n1234");
        let answer = read(send(addr, request.as_bytes()).await).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{head:?}: {answer}");
    }
    for bytes in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /body HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         fffffffffffffffff\r\n1234",
    ] {
        let answer = read(send(addr, bytes.as_bytes()).await).await;
        assert!(!answer.contains("read"), "{bytes:?}: {answer}");
    }
    assert!(begun.load(Ordering::Relaxed) <= 1, "the last has a head that reads in one way");
}

#[tokio::test]
async fn of_two_lengths_the_chunks_count_and_nothing_follows() {
    let (addr, _) = server(9, 9).await;
    let request = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\
                   transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\
                   connection: close\r\n\r\n";
    let answer = read(send(addr, request.as_bytes()).await).await;
    assert!(!answer.contains("here"), "{answer}");
}
