//! Places in seed files: from a path of fields to a line.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::SeedFileError;

/// A step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Field(String),
    Position(usize),
}

impl Step {
    /// A field, or the position that a number is.
    pub(super) fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Field(text.to_owned()), Self::Position)
    }
}

/// A place in one of the files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(super) source: usize,
    pub(super) path: Vec<Step>,
}

impl Place {
    pub(super) fn field(&self, name: &str) -> Self {
        self.with(Step::Field(name.to_owned()))
    }

    pub(super) fn position(&self, position: usize) -> Self {
        self.with(Step::Position(position))
    }

    /// The place that this one is in.
    pub(super) fn parent(&self) -> Self {
        let mut place = self.clone();
        place.path.pop();
        place
    }

    fn with(&self, step: Step) -> Self {
        let mut place = self.clone();
        place.path.push(step);
        place
    }

    pub(super) fn fault(self, reason: impl fmt::Display) -> Fault {
        Fault { place: self, reason: reason.to_string() }
    }
}

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(super) place: Place,
    pub(super) reason: String,
}

/// A file. Its `Debug` leaves out the text, which has secrets.
pub(super) struct Source {
    file: PathBuf,
    text: String,
    is_json: bool,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Source {
    pub(super) fn new(file: &Path, text: String) -> Self {
        let is_json = file.extension().is_some_and(|extension| extension == "json");
        Self { file: file.to_owned(), text, is_json }
    }

    pub(super) fn parse(&self) -> Result<Value, SeedFileError> {
        let failed = |line, reason| SeedFileError {
            file: self.file.clone(),
            line: Some(line),
            field: String::new(),
            reason,
        };
        // `message` leaves out the line with the mistake, which may contain a password.
        if self.is_json {
            serde_json::from_str(&self.text).map_err(|error| {
                failed(error.line(), format!("this is no JSON (column {})", error.column()))
            })
        } else {
            toml::from_str(&self.text).map_err(|error: toml::de::Error| {
                let start = error.span().map_or(0, |span| span.start);
                failed(self.line(start), error.message().to_owned())
            })
        }
    }

    /// The error about what is at `path`, or would be there.
    pub(super) fn error(&self, path: &[Step], reason: String) -> SeedFileError {
        let offset = if self.is_json { self.json_offset(path) } else { self.toml_offset(path) };
        SeedFileError {
            file: self.file.clone(),
            line: offset.map(|offset| self.line(offset)),
            field: written(path),
            reason,
        }
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    /// Where the value at `path` begins, or the last one on the way to it.
    fn json_offset(&self, path: &[Step]) -> Option<usize> {
        let start = self.text.as_ptr() as usize;
        let mut value: &RawValue = serde_json::from_str(&self.text).ok()?;
        let mut offset = Some((value.get().as_ptr() as usize).checked_sub(start)?);
        for step in path {
            let inner: Option<&RawValue> = match step {
                Step::Field(name) => {
                    serde_json::from_str::<HashMap<String, &RawValue>>(value.get())
                        .ok()
                        .and_then(|fields| fields.get(name).copied())
                }
                Step::Position(position) => serde_json::from_str::<Vec<&RawValue>>(value.get())
                    .ok()
                    .and_then(|items| items.get(*position).copied()),
            };
            let Some(inner) = inner else { break };
            value = inner;
            offset = (value.get().as_ptr() as usize).checked_sub(start);
        }
        offset
    }

    /// As [`Self::json_offset`].
    fn toml_offset(&self, path: &[Step]) -> Option<usize> {
        let root = DeTable::parse(&self.text).ok()?;
        let mut offset = root.span().start;
        let mut value = DeValue::Table(root.into_inner());
        for step in path {
            let inner = match (value, step) {
                (DeValue::Table(table), Step::Field(name)) => table
                    .into_iter()
                    .find(|(key, _)| key.get_ref() == name.as_str())
                    .map(|(_, v)| v),
                (DeValue::Array(items), Step::Position(position)) => {
                    items.into_iter().nth(*position)
                }
                _ => None,
            };
            let Some(inner) = inner else { break };
            offset = inner.span().start;
            value = inner.into_inner();
        }
        Some(offset)
    }
}

/// A path as errors show it: `UserPools[0].Users[3].Password`.
fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => text.push_str(&format!(".{name}")),
            Step::Position(position) => text.push_str(&format!("[{position}]")),
        }
    }
    text
}
