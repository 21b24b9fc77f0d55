//! Verifying an export of an audit log, without the server.
//!
//! The end of each page signs all lines before it, so whatever was altered is found. Which event
//! was altered is found with two trees: one of the hashes that the export lists, one of its events.
//! The root of the first must be the signed one, and then each event must have the listed hash.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::crypto::head::{Head, LogKey, PageEnd};
use crate::crypto::tree::{Hash, LineDigest, Tree};
use crate::host::moment::{Moment, minutes};
use crate::records::audit_log::{Seal, WithPool, content_of};
use crate::rules::audit_export::{EventLine, FORMAT, Line, LogLine};

/// How much the clocks of servers that remove expired events may differ.
const SKEW: std::time::Duration = minutes(5);

/// What an export proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditVerdict {
    /// The pool.
    pub pool_id: String,
    /// The key that signed the export, as text.
    pub public_key: String,
    /// Whether the key is the trusted one, or signed a kept head. Otherwise only the file says that
    /// the key is the log's.
    pub key_is_confirmed: bool,
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
    /// The kept heads from before what was removed at the beginning, which cannot be compared.
    pub uncompared_heads: usize,
}

/// What is wrong with an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditAlteration {
    /// The first event that was altered or is missing, if it is known.
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
        let line = Line::read(text);
        let Some(log) = &mut self.log else {
            let Some(Line::Log { log: first }) = line else {
                return altered(None, "The first line is not that of an export.");
            };
            let mut begun = Verified::begin(first, self.trusted_key.as_deref(), &self.kept)?;
            begun.lines.line(text);
            self.log = Some(begun);
            return Ok(());
        };
        match line {
            _ if log.is_complete => {
                let size = log.events.size;
                return log.first(size, format!("Event {size} was added after the last line."));
            }
            Some(Line::Page { page }) => return log.end_page(&page),
            Some(Line::Leaves { from, leaves }) => log.list(from, leaves)?,
            Some(Line::Event(event)) => log.event(event)?,
            Some(Line::Log { .. }) | None => {
                let place = log.events.size;
                let message =
                    format!("The line of event {place} was altered: it is not that of an export.");
                return log.first(place, message);
            }
        }
        log.lines.line(text);
        Ok(())
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

/// The state of a verification after the first line.
struct Verified {
    key: LogKey,
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
    /// The events of this page that are not there, unless the pool was deleted, with their times.
    absent: Vec<(u64, WithPool, Moment)>,
    /// The first event that is missing before its time.
    first_missing: Option<u64>,
    /// The first that is missing before its time unless the pool was deleted.
    first_gone: Option<u64>,
    /// Whether the log has the deletion of its pool.
    pool_is_deleted: bool,
    /// The kept heads to come, the smallest last.
    kept: Vec<Head>,
    /// The size of the first kept head that has another root.
    other_root: Option<u64>,
    /// The digest of the lines up to here.
    lines: LineDigest,
    /// The number of the first event of this page.
    page_start: u64,
    /// The events of the first page whose lines are not the signed ones.
    altered_page: Option<Range<u64>>,
    /// Whether the last page has ended.
    is_complete: bool,
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
        if !removed.is_well_formed() || removed.size > head.size {
            return altered(None, "The range of removed events in the first line was altered.");
        }
        let mut heads = Vec::new();
        let mut uncompared = 0;
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
                uncompared += 1;
                continue;
            }
            heads.push(kept);
        }
        heads.sort_by_key(|head| std::cmp::Reverse(head.size));
        let verdict = AuditVerdict {
            pool_id,
            public_key,
            key_is_confirmed: trusted_key.is_some() || !kept.is_empty(),
            size: head.size,
            root: head.root.to_text(),
            at: head.at.millis(),
            events: 0,
            erased: 0,
            removed: removed.size,
            kept_heads: heads.len(),
            uncompared_heads: uncompared,
        };
        let mut begun = Self {
            key,
            note,
            head,
            verdict,
            listed: removed.clone(),
            page_start: removed.size,
            expected: VecDeque::new(),
            first_difference: None,
            absent: Vec::new(),
            first_missing: None,
            first_gone: None,
            pool_is_deleted: false,
            kept: heads,
            other_root: None,
            lines: LineDigest::default(),
            altered_page: None,
            is_complete: false,
            events: removed,
        };
        begun.compare_kept();
        Ok(begun)
    }

    /// Compares the heads that were kept of the log when it had as many events as now.
    fn compare_kept(&mut self) {
        while let Some(kept) = self.kept.pop_if(|kept| kept.size == self.listed.size) {
            if kept.root != self.listed.root() {
                self.other_root.get_or_insert(kept.size);
            }
        }
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
            self.compare_kept();
        }
        Ok(())
    }

    fn event(&mut self, line: EventLine) -> Result<(), AuditAlteration> {
        let EventLine { index, expires_at, with_pool, event, content } = line;
        let place = self.events.size;
        if event.is_some() == content.is_some() {
            let message =
                format!("The line of event {place} was altered: it is not that of an export.");
            return self.first(place, message);
        }
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
        match &event {
            None => {
                self.verdict.removed += 1;
                self.absent.push((index, with_pool, expires_at));
            }
            Some(event) => {
                self.verdict.events += 1;
                self.verdict.erased += u64::from(event.get("ip_commitment").is_some());
            }
        }
        let content = event.map(content_of).or(content);
        let leaf = content.map(|content| Seal { content, expires_at, with_pool }.leaf());
        if leaf == Some(listed) {
            self.pool_is_deleted |= with_pool == WithPool::Deletes;
        } else {
            self.first_difference.get_or_insert(index);
        }
        self.events.push(leaf.unwrap_or(listed));
        Ok(())
    }

    fn end_page(&mut self, note: &str) -> Result<(), AuditAlteration> {
        let place = self.events.size;
        if !self.expected.is_empty() {
            return self.first(place, format!("Event {place} is missing: a page ends before it."));
        }
        let end = PageEnd::open(note, &self.key);
        let Some(end) = end.filter(|end| end.size == self.head.size) else {
            let pages = self.page_start..place;
            let message = format!("The signature of {} was altered.", lines_of(&pages));
            return match self.first_difference {
                Some(event) => altered(Some(event), was_altered(event)),
                None => altered(None, message),
            };
        };
        if end.next != place {
            return self.first(place, format!("Event {place} is missing: a page ends before it."));
        }
        let lines = std::mem::replace(&mut self.lines, LineDigest::after(end.digest));
        if lines.end() != end.digest {
            self.altered_page.get_or_insert(self.page_start..place);
        }
        for (event, with_pool, expires_at) in self.absent.drain(..) {
            // The clocks of servers differ, and events are read after the page's time was taken.
            if expires_at > end.at + SKEW {
                let first = match with_pool {
                    WithPool::Goes => &mut self.first_gone,
                    WithPool::Stays | WithPool::Deletes => &mut self.first_missing,
                };
                first.get_or_insert(event);
            }
        }
        self.page_start = place;
        self.is_complete = place == end.size;
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
        if let Some(kept) = self.other_root {
            return altered(
                None,
                format!(
                    "The log was rewritten: its first {kept} events are not those of a kept head."
                ),
            );
        }
        let gone = self.first_gone.filter(|_| !self.pool_is_deleted);
        if let Some(event) = self.first_missing.into_iter().chain(gone).min() {
            let message = format!("Event {event} is missing, and its time had not come.");
            return altered(Some(event), message);
        }
        if let Some(page) = &self.altered_page {
            let message = format!(
                "Something in {} was altered: they are not as they were signed. The events that \
                 are there are unaltered, but one may have been left out.",
                lines_of(page)
            );
            return altered(None, message);
        }
        if !self.is_complete {
            return altered(None, "The last line is missing: it signs the lines before it.");
        }
        Ok((self.verdict, self.note))
    }
}

/// The lines of a page, for people.
fn lines_of(page: &Range<u64>) -> String {
    match page.end.checked_sub(1) {
        Some(last) if last > page.start => {
            format!("the lines of events {} to {last}", page.start)
        }
        Some(last) if last == page.start => format!("the lines of event {last}"),
        _ => "the first lines".to_owned(),
    }
}

fn was_altered(event: u64) -> String {
    format!("Event {event} was altered: it does not have its hash.")
}
