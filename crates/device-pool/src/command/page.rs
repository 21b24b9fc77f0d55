//! Pagination of lists.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::command::transaction::{Entity, Transaction};
use crate::error::ServiceError;

/// The maximum page length.
const MAX_PAGE: usize = 60;

/// Records read at once: a full page, and one more that shows whether the list continues.
pub(crate) const BATCH: usize = MAX_PAGE + 1;

/// The page length: as requested, if in range, or the maximum.
pub(crate) fn page_length(asked: Option<i32>) -> usize {
    asked
        .and_then(|asked| usize::try_from(asked).ok())
        .filter(|n| (1..=MAX_PAGE).contains(n))
        .unwrap_or(MAX_PAGE)
}

/// What the content of every page token starts with.
const TOKEN: &str = "after:";

/// The item after which a list continues, read from the token of a page.
pub(crate) fn position(token: Option<&str>) -> Result<Option<String>, ServiceError> {
    let read = |token: &str| {
        let content = String::from_utf8(BASE64.decode(token).ok()?).ok()?;
        content.strip_prefix(TOKEN).map(str::to_owned)
    };
    let invalid = || ServiceError::invalid("Invalid pagination token");
    token.map(|token| read(token).ok_or_else(invalid)).transpose()
}

/// The token of the page after `position`.
pub(crate) fn token(position: &str) -> String {
    BASE64.encode(format!("{TOKEN}{position}"))
}

/// One page of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Whether the list continues after these items.
    more: bool,
}

impl<T> Page<T> {
    /// The first `length` items.
    pub(crate) fn first(mut items: impl Iterator<Item = T>, length: usize) -> Self {
        let page = items.by_ref().take(length).collect();
        Self { items: page, more: items.next().is_some() }
    }

    /// The token of the next page, which [`position`] reads; `None` on the last page.
    pub(crate) fn next_token(&self, position: impl FnOnce(&T) -> String) -> Option<String> {
        let last = self.items.last().filter(|_| self.more)?;
        Some(token(&position(last)))
    }
}

impl<E: Entity> Page<E> {
    /// The next `length` records that are listed, in id order, after the id `after`.
    pub(crate) fn scan(
        tx: &Transaction<'_>,
        prefix: &str,
        mut after: Option<String>,
        length: usize,
        is_listed: impl Fn(&E) -> bool,
    ) -> Result<Self, ServiceError> {
        let mut items = Vec::new();
        loop {
            let batch: Vec<E> = tx.scan(prefix, after.as_deref(), BATCH)?;
            let is_last = batch.len() < BATCH;
            after = batch.last().map(Entity::id);
            items.extend(batch.into_iter().filter(&is_listed));
            if is_last || items.len() > length {
                return Ok(Self::first(items.into_iter(), length));
            }
        }
    }
}
