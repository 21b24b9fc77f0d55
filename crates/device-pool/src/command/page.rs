//! Pages of a list.

/// How many a page lists: what was asked for, if that is in range, else the most there may be.
pub(crate) fn page_length(asked: Option<i32>) -> usize {
    const MAX_PAGE: usize = 60;
    asked
        .and_then(|asked| usize::try_from(asked).ok())
        .filter(|n| (1..=MAX_PAGE).contains(n))
        .unwrap_or(MAX_PAGE)
}
