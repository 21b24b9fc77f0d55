//! Verifying an export of an audit log, without the server.
//!
//! Two trees are computed: one of the hashes that the export lists, one of its events. The root of
//! the first must be the signed one, and then each event must have the listed hash. So an altered
//! event is found by its number.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::crypto::head::{Head, LogKey};
use crate::crypto::tree::{Hash, Tree};
use crate::host::moment::{Moment, minutes};
use crate::records::audit_log::{Seal, canonical, content_of};
use crate::rules::audit_export::FORMAT;

/// How much the clocks of servers may differ that remove what has expired.
const SKEW: std::time::Duration = minutes(5);

/// What an export proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditVerdict {
    /// The pool.
    pub pool_id: String,
    /// The key that signed the head, as text.
    pub public_key: String,
    /// The number of events in the log.
    pub size: u64,
    /// The root of the tree over them, in base64.
    pub root: String,
    /// When the head was signed, in milliseconds since the epoch.
    pub at: i64,
    /// The events that are there, unaltered.
    pub events: u64,
    /// How many of them lack the address of a user who was deleted.
    pub erased: u64,
    /// The events removed when their time had come, or with their pool.
    pub removed: u64,
    /// The kept heads that the log continues.
    pub kept_heads: usize,
}

/// What is wrong with an export.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditAlteration {
    /// The first event that was altered or is missing, if it can be told.
    pub event: Option<u64>,
    /// What is wrong, as a sentence.
    pub message: String,
}

impl fmt::Display for AuditAlteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AuditAlteration {}

fn altered<T>(event: Option<u64>, message: impl Into<String>) -> Result<T, AuditAlteration> {
    Err(AuditAlteration { event, message: message.into() })
}

/// A line of an export.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    log: Option<LogLine>,
    from: Option<u64>,
    leaves: Option<Vec<Hash>>,
    index: Option<u64>,
    expires_at: Option<Moment>,
    event: Option<Value>,
    content: Option<Hash>,
}

/// The first line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogLine {
    format: u32,
    pool_id: String,
    public_key: String,
    head: String,
    removed: Tree,
}

/// Verifies an export line by line.
pub struct AuditVerifier {
    trusted_key: Option<String>,
    kept: Vec<String>,
    log: Option<Verified>,
}

impl AuditVerifier {
    /// A verifier. With `trusted_key`, only its signature counts; otherwise that of the key in the
    /// export, which [`AuditVerdict::public_key`] tells. The log must continue every head of
    /// `kept`, which are signed heads of earlier exports.
    #[must_use]
    pub fn new(trusted_key: Option<String>, kept: Vec<String>) -> Self {
        Self { trusted_key, kept, log: None }
    }

    /// Reads the next line.
    ///
    /// # Errors
    /// The first alteration that this line shows.
    pub fn line(&mut self, text: &str) -> Result<(), AuditAlteration> {
        let place = self.log.as_ref().map(|log| log.events.size);
        let unreadable = || AuditAlteration {
            event: place,
            message: match place {
                None => "The first line is not that of an export.".to_owned(),
                Some(place) => {
                    format!("The line of event {place} was altered: it is not that of an export.")
                }
            },
        };
        let value: Value = serde_json::from_str(text).map_err(|_| unreadable())?;
        // One text for each value, so that nothing can be written beside it.
        if canonical(&value) != text {
            return Err(unreadable());
        }
        let line: Line = serde_json::from_value(value).map_err(|_| unreadable())?;
        let Some(log) = &mut self.log else {
            let Line { log: Some(first), from: None, leaves: None, index: None, .. } = line else {
                return Err(unreadable());
            };
            self.log = Some(Verified::begin(first, self.trusted_key.as_deref(), &self.kept)?);
            return Ok(());
        };
        match line {
            Line {
                from: Some(from),
                leaves: Some(leaves),
                log: None,
                index: None,
                expires_at: None,
                event: None,
                content: None,
            } => log.list(from, leaves),
            Line {
                index: Some(index),
                expires_at: Some(expires_at),
                event,
                content,
                log: None,
                from: None,
                leaves: None,
            } if event.is_some() != content.is_some() => {
                log.event(index, expires_at, event, content)
            }
            _ => Err(unreadable()),
        }
    }

    /// Ends the export; returns what it proves, and its signed head, which is worth keeping.
    ///
    /// # Errors
    /// The first alteration, if there is one.
    pub fn finish(self) -> Result<(AuditVerdict, String), AuditAlteration> {
        match self.log {
            Some(log) => log.finish(),
            None => altered(None, "The file is empty."),
        }
    }
}

/// The state of a verification behind the first line.
struct Verified {
    /// The signed head.
    note: String,
    head: Head,
    verdict: AuditVerdict,
    /// The tree of the listed hashes.
    listed: Tree,
    /// The tree of the events.
    events: Tree,
    /// Listed hashes whose events are still to come.
    expected: VecDeque<Hash>,
    /// The first event that does not have its listed hash.
    first_difference: Option<u64>,
    /// The first event that is missing before its time.
    first_missing: Option<u64>,
    /// The kept heads to come, the smallest last.
    kept: Vec<Head>,
}

impl Verified {
    fn begin(
        line: LogLine,
        trusted_key: Option<&str>,
        kept: &[String],
    ) -> Result<Self, AuditAlteration> {
        let LogLine { format, pool_id, public_key, head: note, removed } = line;
        if format != FORMAT {
            return altered(None, format!("The format {format} is not known to this release."));
        }
        if trusted_key.is_some_and(|trusted| trusted != public_key) {
            return altered(None, format!("The log is of another key: {public_key}."));
        }
        let Some(key) = LogKey::from_text(&public_key) else {
            return altered(None, "The public key in the first line does not read.");
        };
        let Some(head) = Head::open(&note, &key) else {
            return altered(None, "The head in the first line is not signed by the log's key.");
        };
        if !head.origin.ends_with(&format!("/{pool_id}")) {
            return altered(None, format!("The head is not that of a log of the pool {pool_id}."));
        }
        if !removed.is_one() || removed.size > head.size {
            return altered(None, "The range of removed events in the first line was altered.");
        }
        let mut heads = Vec::new();
        for kept in kept {
            let Some(kept) = Head::open(kept, &key) else {
                return altered(None, "A kept head is not signed by the log's key.");
            };
            if kept.size > head.size {
                let (kept, now) = (kept.size, head.size);
                return altered(
                    Some(now),
                    format!("Event {now} is missing: a kept head counts {kept} events."),
                );
            }
            if kept.size < removed.size {
                return altered(
                    None,
                    format!(
                        "A kept head of {} events cannot be compared: the export starts at event \
                         {}, behind what has expired.",
                        kept.size, removed.size
                    ),
                );
            }
            heads.push(kept);
        }
        heads.sort_by_key(|head| std::cmp::Reverse(head.size));
        let verdict = AuditVerdict {
            pool_id,
            public_key,
            size: head.size,
            root: head.root.to_text(),
            at: head.at.millis(),
            events: 0,
            erased: 0,
            removed: removed.size,
            kept_heads: heads.len(),
        };
        let mut begun = Self {
            note,
            head,
            verdict,
            listed: removed.clone(),
            events: removed,
            expected: VecDeque::new(),
            first_difference: None,
            first_missing: None,
            kept: heads,
        };
        begun.compare_kept()?;
        Ok(begun)
    }

    /// Compares the heads that were kept of the log when it had as many events as now.
    fn compare_kept(&mut self) -> Result<(), AuditAlteration> {
        while let Some(kept) = self.kept.pop_if(|kept| kept.size == self.listed.size) {
            if kept.root != self.listed.root() {
                return altered(
                    None,
                    format!(
                        "The log was rewritten: its first {} events are not those of a kept head.",
                        kept.size
                    ),
                );
            }
        }
        Ok(())
    }

    /// The alteration that was found before this one, or else this one.
    fn first<T>(&self, event: u64, message: String) -> Result<T, AuditAlteration> {
        match self.first_difference {
            Some(earlier) if earlier < event => altered(Some(earlier), was_altered(earlier)),
            _ => altered(Some(event), message),
        }
    }

    fn list(&mut self, from: u64, leaves: Vec<Hash>) -> Result<(), AuditAlteration> {
        let place = self.events.size;
        if from != self.listed.size || !self.expected.is_empty() {
            return self.first(place, format!("Event {place} is missing."));
        }
        for leaf in leaves {
            self.listed.push(leaf);
            self.expected.push_back(leaf);
            self.compare_kept()?;
        }
        Ok(())
    }

    fn event(
        &mut self,
        index: u64,
        expires_at: Moment,
        event: Option<Value>,
        content: Option<Hash>,
    ) -> Result<(), AuditAlteration> {
        let place = self.events.size;
        if index < place {
            let message = format!("Event {index} is there again, in the place of event {place}.");
            return self.first(place, message);
        }
        if index > place {
            let message = format!("Event {place} is missing: event {index} is in its place.");
            return self.first(place, message);
        }
        let Some(listed) = self.expected.pop_front() else {
            let message = format!("Event {place} was added: the list of hashes ends before it.");
            return self.first(place, message);
        };
        let ends_pool = event.as_ref().is_some_and(|event| {
            let is = |name, value| event.get(name).and_then(Value::as_str) == Some(value);
            is("operation", "DeleteUserPool") && is("outcome", "passed")
        });
        match &event {
            None => {
                self.verdict.removed += 1;
                if expires_at > self.head.at + SKEW {
                    self.first_missing.get_or_insert(index);
                }
            }
            Some(event) => {
                self.verdict.events += 1;
                self.verdict.erased += u64::from(event.get("ip_commitment").is_some());
            }
        }
        let content = event.map(content_of).or(content);
        let leaf = content.map(|content| Seal { content, expires_at }.leaf());
        if leaf != Some(listed) {
            self.first_difference.get_or_insert(index);
        } else if ends_pool {
            // With a pool, the events of its users go.
            self.first_missing = None;
        }
        self.events.push(leaf.unwrap_or(listed));
        Ok(())
    }

    fn finish(self) -> Result<(AuditVerdict, String), AuditAlteration> {
        let size = self.head.size;
        let there = self.events.size;
        if there < size {
            let message = format!(
                "Event {there} is missing: the file ends before it, and the head counts {size} \
                 events."
            );
            return self.first(there, message);
        }
        if there > size || !self.expected.is_empty() {
            let message = format!("Event {size} was added: the head counts {size} events.");
            return self.first(size, message);
        }
        let is_listed = self.listed.root() == self.head.root;
        let is_there = self.events.root() == self.head.root;
        match (self.first_difference, is_listed, is_there) {
            (None, true, _) => {}
            (Some(event), false, true) => {
                let message = format!(
                    "The hash that the file lists for event {event} was altered; the events are \
                     unaltered."
                );
                return altered(Some(event), message);
            }
            (Some(event), _, _) => return altered(Some(event), was_altered(event)),
            (None, false, _) => {
                return altered(
                    None,
                    "The events do not have the signed root: one was altered together with its \
                     hash, or the range of removed events was.",
                );
            }
        }
        if let Some(event) = self.first_missing {
            let message = format!("Event {event} is missing, and its time had not come.");
            return altered(Some(event), message);
        }
        Ok((self.verdict, self.note))
    }
}

fn was_altered(event: u64) -> String {
    format!("Event {event} was altered: it does not have its hash.")
}
