//! Lists that are shown page by page.

use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::url;

/// Where a page of a list starts, in its address.
#[derive(Deserialize, Serialize)]
pub(crate) struct Start {
    /// The token of the page before it; none for the first page.
    pub(crate) after: Option<String>,
}

/// The link to the next page of the list at `address`, if there is one.
pub(crate) fn next_page(address: &str, after: Option<String>) -> Markup {
    html! {
        @if after.is_some() {
            p.paging { a href=(url::with_query(address, &Start { after })) { "Next page" } }
        }
    }
}
