//! A proxy between the client and the server that causes a fault in one exchange.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use device_test::FakeClock;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What happens to an exchange.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// The connection breaks before the server has the request.
    DropRequest,
    /// The connection breaks before the client has the answer.
    DropAnswer,
    /// Half of the answer reaches the client.
    TruncateAnswer,
    /// The request takes longer than the session of a sign-in lasts.
    LateRequest,
    /// The answer takes longer than the session of a sign-in lasts.
    LateAnswer,
    /// The server gets the request twice, and the client gets the first answer.
    DuplicateAnsweredFirst,
    /// The server gets the request twice, and the client gets the second answer.
    DuplicateAnsweredLast,
    /// The server gets the request, and the client gets the answer to the previous one.
    StaleAnswer,
    /// The server does not get the request, and the client gets the previous answer.
    StaleInstead,
    /// The server gets the request, and the client gets a gateway's error page.
    ErrorPage,
    /// The request is held until the client gives up.
    HoldRequest,
    /// The answer is held until the client gives up.
    HoldAnswer,
}

impl Fault {
    /// Longer than a session lasts (3 minutes), and within the clock skew of a proof (5 minutes).
    const LATE: Duration = Duration::from_secs(4 * 60);
}

pub(crate) struct Proxy {
    listener: StdListener,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    clock: FakeClock,
    state: Mutex<State>,
    held: Notify,
}

#[derive(Default)]
struct State {
    plan: Option<(usize, Fault)>,
    steps: Vec<String>,
    last_answer: Vec<u8>,
}

impl Proxy {
    pub(crate) fn before(server: SocketAddr, clock: FakeClock) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let shared =
            Arc::new(Shared { server, clock, state: Mutex::default(), held: Notify::new() });
        Self { listener, shared }
    }

    /// Serves for as long as the runtime lasts.
    pub(crate) fn serve(&self) {
        let listener = TcpListener::from_std(self.listener.try_clone().unwrap()).unwrap();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                // A connection ends with an error if either side hangs up, which some faults cause.
                tokio::spawn(async move { shared.serve(connection).await.ok() });
            }
        });
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// Plans a fault for the exchange with the index `at`.
    pub(crate) fn spoil(&self, at: usize, fault: Fault) {
        self.shared.state.lock().unwrap().plan = Some((at, fault));
    }

    /// Waits until an exchange is held.
    pub(crate) async fn held(&self) {
        self.shared.held.notified().await;
    }

    /// The steps of the requests so far.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().steps.clone()
    }
}

impl Shared {
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        loop {
            let request = read(&mut client).await?;
            let (fault, stale) = self.meet(&request);
            let Some(answer) = self.exchange(&request, fault, stale).await? else { return Ok(()) };
            client.write_all(&answer).await?;
            if fault == Some(Fault::TruncateAnswer) {
                return Ok(());
            }
        }
    }

    /// Records a request. Returns the fault for it, if any, and the previous answer.
    fn meet(&self, request: &[u8]) -> (Option<Fault>, Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        let at = state.steps.len();
        state.steps.push(step(request));
        let fault = state.plan.filter(|(planned, _)| *planned == at).map(|(_, fault)| fault);
        (fault, state.last_answer.clone())
    }

    /// The answer that the client gets. `None` if the connection breaks.
    async fn exchange(
        &self,
        request: &[u8],
        fault: Option<Fault>,
        stale: Vec<u8>,
    ) -> io::Result<Option<Vec<u8>>> {
        match fault {
            Some(Fault::DropRequest) => return Ok(None),
            Some(Fault::StaleInstead) => return Ok(Some(stale)),
            Some(Fault::HoldRequest) => self.hold().await,
            Some(Fault::LateRequest) => self.clock.advance(Fault::LATE),
            _ => {}
        }
        let answer = self.forward(request).await?;
        Ok(match fault {
            Some(Fault::DropAnswer) => None,
            Some(Fault::TruncateAnswer) => Some(half(&answer)),
            Some(Fault::LateAnswer) => {
                self.clock.advance(Fault::LATE);
                Some(answer)
            }
            Some(Fault::DuplicateAnsweredFirst) => {
                self.forward(request).await?;
                Some(answer)
            }
            Some(Fault::DuplicateAnsweredLast) => Some(self.forward(request).await?),
            Some(Fault::StaleAnswer) => Some(stale),
            Some(Fault::ErrorPage) => {
                Some(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>".to_vec())
            }
            Some(Fault::HoldAnswer) => self.hold().await,
            _ => Some(answer),
        })
    }

    async fn forward(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(self.server).await?;
        server.write_all(request).await?;
        let answer = read(&mut server).await?;
        self.state.lock().unwrap().last_answer.clone_from(&answer);
        Ok(answer)
    }

    async fn hold<T>(&self) -> T {
        self.held.notify_one();
        std::future::pending().await
    }
}

/// Reads an HTTP/1.1 message with a Content-Length.
async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        if let Some(body) = body_at(&message) {
            let head = String::from_utf8_lossy(&message[..body]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.expect("a length").trim().parse().unwrap();
            if message.len() >= body + length {
                return Ok(message);
            }
        }
        if stream.read_buf(&mut message).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn body_at(message: &[u8]) -> Option<usize> {
    message.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4)
}

/// The first half of a message's body, or of its head if the body is empty.
fn half(message: &[u8]) -> Vec<u8> {
    let body = body_at(message).unwrap();
    let cut = if body < message.len() { usize::midpoint(body, message.len()) } else { body / 2 };
    message[..cut].to_vec()
}

/// The flow that a request begins, the challenge that it answers, or its operation.
fn step(request: &[u8]) -> String {
    let body = body_at(request).unwrap();
    let json: Value = serde_json::from_slice(&request[body..]).unwrap();
    let named = json["AuthFlow"].as_str().or(json["ChallengeName"].as_str());
    named.map(str::to_owned).unwrap_or_else(|| {
        let head = String::from_utf8_lossy(&request[..body]).into_owned();
        let target =
            head.lines().find(|line| line.to_lowercase().starts_with("x-amz-target:")).unwrap();
        target.rsplit('.').next().unwrap().to_owned()
    })
}
