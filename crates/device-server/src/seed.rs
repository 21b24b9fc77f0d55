//! Seed files: pools, clients, groups and users that a development server starts with.
//!
//! A file is TOML or JSON in the service's own words, so what the AWS CLI's `describe-` and `list-`
//! commands print of a real pool is one, too.

mod document;
mod place;

use std::fs;
use std::path::{Path, PathBuf};

use device_pool::{SeedError, SeedItem};
use serde_json::Value;

use document::{Reader, Written};
use place::Source;
pub(crate) use place::{Fault, Place, Step};

/// What seed files contain, in the order in which it is planted.
#[derive(Debug, Default)]
pub struct Seed {
    items: Vec<SeedItem>,
    places: Vec<Written>,
    sources: Vec<Source>,
}

/// Why a seed cannot be used: the file, the line and the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the seed {}: {reason}", self.place())]
#[non_exhaustive]
pub struct SeedFileError {
    /// The file.
    pub file: PathBuf,
    /// The line, if it is known.
    pub line: Option<usize>,
    /// The field, such as `UserPools[0].Users[3].Password`; empty for the whole file.
    pub field: String,
    /// What is wrong, and what is due.
    pub reason: String,
}

impl SeedFileError {
    fn place(&self) -> String {
        let mut place = self.file.display().to_string();
        if let Some(line) = self.line {
            place.push_str(&format!(", line {line}"));
        }
        if !self.field.is_empty() {
            place.push_str(&format!(", {}", self.field));
        }
        place
    }
}

impl Seed {
    /// Reads seed files. Those that belong to no pool by themselves, such as a list of users,
    /// belong to the one pool of all files.
    ///
    /// # Errors
    /// The first thing that cannot be used, with its file, line and field.
    pub fn read<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) -> Result<Self, SeedFileError> {
        let mut sources = Vec::new();
        for file in files {
            let file = file.as_ref();
            let text = fs::read_to_string(file).map_err(|error| SeedFileError {
                file: file.to_owned(),
                line: None,
                field: String::new(),
                reason: error.to_string(),
            })?;
            sources.push(Source::new(file, text));
        }
        Self::of(sources)
    }

    /// Reads the text of one seed file. The name says the format: `.json`, or else TOML.
    ///
    /// # Errors
    /// As [`Seed::read`].
    pub fn parse(name: &str, text: &str) -> Result<Self, SeedFileError> {
        Self::of(vec![Source::new(Path::new(name), text.to_owned())])
    }

    fn of(sources: Vec<Source>) -> Result<Self, SeedFileError> {
        let mut reader = Reader::default();
        for (position, source) in sources.iter().enumerate() {
            let document: Value = source.parse()?;
            reader.read(position, document).map_err(|fault| locate(&sources, fault))?;
        }
        let (items, places) =
            reader.finish().map_err(|fault| locate(&sources, fault))?.into_iter().unzip();
        Ok(Self { items, places, sources })
    }

    /// The items, in the order in which they are planted.
    #[must_use]
    pub fn items(&self) -> &[SeedItem] {
        &self.items
    }

    /// The error of planting this seed, with its place.
    #[must_use]
    pub fn error(&self, error: &SeedError) -> SeedFileError {
        let written = self.places.get(error.item).cloned().unwrap_or_default();
        if let Some(detail) = error.error.detail() {
            // A failure of the store is due to no line.
            let failed = locate(&self.sources, written.item.fault(detail));
            return SeedFileError { line: None, field: String::new(), ..failed };
        }
        let place = written.field(&error.field);
        locate(&self.sources, Fault { place, reason: error.error.message().to_owned() })
    }
}

fn locate(sources: &[Source], Fault { place, reason }: Fault) -> SeedFileError {
    match sources.get(place.source) {
        Some(source) => source.error(&place.path, reason),
        None => SeedFileError { file: PathBuf::new(), line: None, field: String::new(), reason },
    }
}

#[cfg(test)]
mod tests;
