//! Stands between the client and the server, and spoils one exchange.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use device_testkit::FakeClock;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What happens to an exchange.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// The connection breaks before the server has heard of the request.
    DropRequest,
    /// The connection breaks before the client has heard of the answer.
    DropAnswer,
    /// Half of the answer comes through.
    TruncateAnswer,
    /// The request takes longer than the session of a sign-in lasts.
    LateRequest,
    /// The answer does.
    LateAnswer,
    /// The server hears the request twice, the client the first answer.
    DuplicateAnsweredFirst,
    /// The same, and the client hears the second.
    DuplicateAnsweredLast,
    /// The server does it, and the client hears the answer to the request before.
    StaleAnswer,
    /// The same without the server's having heard of it.
    StaleInstead,
    /// The server does it, and the client hears of a gateway's trouble.
    ErrorPage,
    /// The request stays on its way until the client gives up.
    HoldRequest,
    /// The answer does.
    HoldAnswer,
}

impl Fault {
    /// Sessions last three minutes, and five is how far the clock of a proof may be off.
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
                // A connection ends by either side's hanging up, and that is all there is to say of
                // it.
                tokio::spawn(async move { shared.serve(connection).await.ok() });
            }
        });
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// Spoils the exchange after so many others.
    pub(crate) fn spoil(&self, at: usize, fault: Fault) {
        self.shared.state.lock().unwrap().plan = Some((at, fault));
    }

    /// Waits until an exchange is held up.
    pub(crate) async fn held(&self) {
        self.shared.held.notified().await;
    }

    /// What was asked for so far.
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

    /// Takes note of a request, and says what happens to it, and what the last one was answered
    /// with.
    fn meet(&self, request: &[u8]) -> (Option<Fault>, Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        let at = state.steps.len();
        state.steps.push(step(request));
        let fault = state.plan.filter(|(planned, _)| *planned == at).map(|(_, fault)| fault);
        (fault, state.last_answer.clone())
    }

    /// What the client hears; nothing where the connection breaks.
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

/// Reads a message of HTTP/1.1 that says how long it is.
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

/// The first half of a message's body; of its head if there is none.
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
