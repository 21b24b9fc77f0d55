//! A proxy between a tool and a server, which notes the calls.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use super::names::Names;
use crate::Result;

/// A proxy that listens until the process ends.
pub(crate) struct Recorder {
    endpoint: String,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    step: String,
    calls: Vec<Call>,
}

struct Call {
    step: String,
    operation: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Recorder {
    /// Listens on a free port, and passes everything on to `server`, a host and port.
    pub(crate) fn start(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let notes = Arc::new(Mutex::new(Notes::default()));
        let (server, kept) = (server.to_owned(), Arc::clone(&notes));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, notes) = (server.clone(), Arc::clone(&kept));
                thread::spawn(move || {
                    if let Err(error) = pass_on(client, &server, &notes) {
                        eprintln!("the recording proxy: {error}");
                    }
                });
            }
        });
        Ok(Self { endpoint, notes })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Says to which step the next calls belong.
    pub(crate) fn step(&self, name: &str) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).step = name.to_owned();
    }

    /// The calls, each a line of JSON, without what is different each time.
    pub(crate) fn calls(&self) -> Result<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = Names::default();
        let mut lines = String::new();
        for Call { step, operation, request, answer } in &notes.calls {
            let request: Value = serde_json::from_slice(request)?;
            let answer: Value =
                if answer.is_empty() { json!({}) } else { serde_json::from_slice(answer)? };
            names.learn(operation, &answer);
            let line = json!({
                "step": step, "operation": operation, "request": names.hide(&request),
                "answer": names.hide(&answer),
            });
            lines += &format!("{line}\n");
        }
        Ok(lines)
    }
}

/// Passes one request on, and the answer back; then the connection ends.
fn pass_on(client: TcpStream, server: &str, notes: &Mutex<Notes>) -> Result<()> {
    let mut reader = BufReader::new(&client);
    let mut head = String::new();
    let (mut operation, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            // A connection that was opened in advance.
            return Ok(());
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => operation = value.trim().rsplit('.').next().map(str::to_owned),
            "content-length" => length = value.trim().parse()?,
            "connection" => continue,
            _ => {}
        }
        if line.trim().is_empty() {
            head += "connection: close\r\n\r\n";
            break;
        }
        head += &line;
    }
    let mut request = vec![0; length];
    reader.read_exact(&mut request)?;
    let mut server = TcpStream::connect(server)?;
    server.write_all(head.as_bytes())?;
    server.write_all(&request)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    if let Some(operation) = operation {
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let body = end.and_then(|end| answer.get(end + 4..)).unwrap_or_default().to_vec();
        let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
        let step = notes.step.clone();
        notes.calls.push(Call { step, operation, request, answer: body });
    }
    (&client).write_all(&answer)?;
    Ok(())
}
