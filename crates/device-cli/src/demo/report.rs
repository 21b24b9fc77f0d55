//! The demo's output: each step with its calls, their times, and the result.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use device_auth::{CallEvent, CallOutcome};
use serde::Serialize;

use super::DemoError;

/// Records the events, and prints them unless the output is JSON.
#[derive(Clone)]
pub(crate) struct Report {
    json: bool,
    story: Arc<Mutex<Story>>,
}

/// The events so far.
#[derive(Default)]
struct Story {
    /// The server's URL, once it runs.
    endpoint: Option<String>,
    steps: Vec<Step>,
}

#[derive(Default, Serialize)]
struct Step {
    title: String,
    calls: Vec<Call>,
    findings: Vec<String>,
}

#[derive(Serialize)]
struct Call {
    operation: &'static str,
    /// The flow that the call started, or the challenge that it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    outcome: String,
    milliseconds: f64,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, story: Arc::default() }
    }

    /// Records the server's URL.
    pub(crate) fn start(&self, endpoint: &str) {
        self.story().endpoint = Some(endpoint.to_owned());
        self.print(&format!(
            "device demo: a user pool of its own at {endpoint}, its database in a temporary \
             directory\n"
        ));
    }

    /// Starts a step.
    pub(crate) fn step(&self, title: &str) {
        let number = {
            let steps = &mut self.story().steps;
            steps.push(Step { title: title.to_owned(), ..Step::default() });
            steps.len()
        };
        self.print(&format!("\n {number}  {title}\n"));
    }

    /// Records a call. Every client of the demo has this observer, so no call is missed.
    pub(crate) fn call(&self, event: &CallEvent<'_>) {
        let outcome = match event.outcome {
            CallOutcome::Answered { next_step: Some(step) } => step.to_owned(),
            CallOutcome::Answered { next_step: None } if event.step.is_some() => {
                "tokens".to_owned()
            }
            CallOutcome::Refused(error) => {
                format!("refused: {}", error.code().as_str().trim_end_matches("Exception"))
            }
            CallOutcome::Failed(kind) => format!("failed: {kind:?}"),
            _ => "ok".to_owned(),
        };
        let call = Call {
            operation: event.operation.name(),
            step: event.step.map(str::to_owned),
            outcome,
            milliseconds: event.duration.as_micros() as f64 / 1000.0,
        };
        let step = call.step.as_deref().unwrap_or_default();
        self.print(&format!(
            "      {:<24}{step:<26}-> {:<26}{:>7.1} ms\n",
            call.operation, call.outcome, call.milliseconds
        ));
        if let Some(step) = self.story().steps.last_mut() {
            step.calls.push(call);
        }
    }

    /// Records the result of a step.
    pub(crate) fn finding(&self, text: impl Into<String>) {
        let text = text.into();
        self.print(&format!("    * {text}\n"));
        if let Some(step) = self.story().steps.last_mut() {
            step.findings.push(text);
        }
    }

    /// The challenges and flows of the current step's calls, in order.
    pub(crate) fn calls_of_step(&self) -> Vec<String> {
        let story = self.story();
        let calls = story.steps.last().map(|step| step.calls.as_slice()).unwrap_or_default();
        calls
            .iter()
            .map(|call| call.step.clone().unwrap_or_else(|| call.operation.to_owned()))
            .collect()
    }

    /// Completes the report.
    pub(crate) fn finish(&self, failure: Option<&DemoError>, took: Duration) -> io::Result<()> {
        let Story { endpoint, steps } = &*self.story();
        let mut out = io::stdout().lock();
        if self.json {
            let report = serde_json::json!({
                "ok": failure.is_none(), "failure": failure.map(DemoError::to_string),
                "endpoint": endpoint,
                "milliseconds": took.as_micros() as f64 / 1000.0, "steps": steps,
            });
            return writeln!(out, "{report:#}");
        }
        let calls: usize = steps.iter().map(|step| step.calls.len()).sum();
        let seconds = took.as_secs_f64();
        match failure {
            None => writeln!(
                out,
                "\nEvery step came out as described: {calls} calls in {seconds:.2} s."
            ),
            Some(_) => writeln!(out, "\nStopped after {calls} calls in {seconds:.2} s."),
        }
    }

    fn story(&self) -> MutexGuard<'_, Story> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, text: &str) {
        if !self.json {
            // If stdout is closed, nobody reads on; the exit code still shows the result.
            let _ = io::stdout().lock().write_all(text.as_bytes());
        }
    }
}
