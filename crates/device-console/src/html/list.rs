//! Lists that are shown page by page.

use device_pool::ServiceError;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::{field, url};

/// The API's pages that a search reads. Beyond, the next page of ours goes on.
const MAX_READ: usize = 5;

/// What a list is searched for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sought {
    q: String,
}

impl Sought {
    /// Whether one of these texts contains it, in any case.
    pub(crate) fn is_in(&self, texts: &[&str]) -> bool {
        let sought = self.q.trim().to_lowercase();
        texts.iter().any(|text| text.to_lowercase().contains(&sought))
    }

    /// How many items to read at once for a page of `length`: one more shows whether the list goes
    /// on, and a search reads as many as the API gives.
    pub(crate) fn read_at_once(&self, length: usize) -> i32 {
        const MAX: i32 = 60;
        let is_all = self.q.trim().is_empty();
        i32::try_from(length).map_or(MAX, |length| if is_all { MAX.min(length + 1) } else { MAX })
    }

    /// The form that searches.
    pub(crate) fn form(&self, label: &str) -> Markup {
        html! {
            form.search method="get" {
                (field::text("q", label, "", "search", &self.q, false))
                button type="submit" { "Search" }
            }
        }
    }

    /// The list at `address` with only what is sought.
    pub(crate) fn address(&self, address: &str) -> String {
        let sought = self.q.trim();
        url::with_query(address, &(!sought.is_empty()).then_some([("q", sought)]))
    }

    /// What an empty list says: that nothing was found, or else `otherwise`.
    pub(crate) fn none(&self, address: &str, otherwise: Markup) -> Markup {
        if self.q.trim().is_empty() {
            return otherwise;
        }
        html! { p { "Nothing was found. " a href=(address) { "Show all" } } }
    }
}

/// Reads a list of the API on until there are `length` items that are wanted.
pub(crate) async fn search<T, A>(
    start: Start,
    length: usize,
    is_wanted: impl Fn(&T) -> bool,
    read: impl Fn(Option<String>) -> A,
) -> Result<(Vec<T>, Option<Start>), ServiceError>
where
    A: Future<Output = Result<(Vec<T>, Option<String>), ServiceError>>,
{
    let (mut after, mut left_out) = (start.after.clone(), start.left_out());
    let mut found = Vec::new();
    for _ in 0..MAX_READ {
        let (items, next) = read(after.clone()).await?;
        for (place, item) in items.into_iter().enumerate().skip(left_out) {
            if !is_wanted(&item) {
                continue;
            }
            if found.len() == length {
                return Ok((found, Some(Start { after, from: Some(place) })));
            }
            found.push(item);
        }
        left_out = 0;
        after = next;
        if after.is_none() {
            break;
        }
    }
    Ok((found, after.map(Start::after)))
}

/// Where a page of a list starts, in its address.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Start {
    /// The token of the page before it; none for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// How many items are left out behind that: the API's pages may be longer than ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<usize>,
}

impl Start {
    /// The page behind the one that gave this token.
    pub(crate) fn after(token: String) -> Self {
        Self { after: Some(token), from: None }
    }

    /// How many items are left out.
    pub(crate) fn left_out(&self) -> usize {
        self.from.unwrap_or_default()
    }

    /// The page behind `shown` of the `count` items that this one had to choose from; or else the
    /// one behind `token`.
    pub(crate) fn next(self, shown: usize, count: usize, token: Option<String>) -> Option<Self> {
        let from = self.left_out().saturating_add(shown);
        if from < count { Some(Self { from: Some(from), ..self }) } else { token.map(Self::after) }
    }
}

/// The link to the next page of the list at `address`, if there is one.
pub(crate) fn next_page(address: &str, next: Option<&Start>) -> Markup {
    html! {
        @if let Some(next) = next {
            p.paging { a href=(url::with_query(address, next)) { "Next page" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Pages of three numbers.
    async fn read(after: Option<String>) -> Result<(Vec<u32>, Option<String>), ServiceError> {
        let first: u32 = after.map_or(0, |after| after.parse().unwrap());
        let next = (first < 27).then(|| (first + 3).to_string());
        Ok(((first..first + 3).collect(), next))
    }

    fn found(start: Start, is_wanted: impl Fn(&u32) -> bool) -> (Vec<u32>, Option<Start>) {
        let search = pin!(search(start, 2, is_wanted, read));
        match search.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(found) => found.unwrap(),
            Poll::Pending => panic!("nothing waits"),
        }
    }

    #[test]
    fn a_search_goes_on_where_it_was_full() {
        let (mut all, mut start, mut pages) = (Vec::new(), Some(Start::default()), 0);
        while let Some(from) = start {
            let (numbers, next) = found(from, |number| number % 2 == 0);
            all.extend(numbers);
            (start, pages) = (next, pages + 1);
        }
        assert_eq!(all, (0..30).step_by(2).collect::<Vec<u32>>());
        assert_eq!(pages, 8);
    }

    #[test]
    fn a_search_reads_some_pages_and_goes_on() {
        let (none, next) = found(Start::default(), |number| *number == 29);
        assert!(none.is_empty());
        let next = next.unwrap();
        assert_eq!(next.after.as_deref(), Some("15"));
        let (last, next) = found(next, |number| *number == 29);
        assert_eq!((last, next.is_none()), (vec![29], true));
    }
}
