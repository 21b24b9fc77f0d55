//! Texts of any length, in lists that are not to be of any length.

use std::borrow::Cow;

use maud::{Markup, html};

/// The longest text in a cell of a list, in characters.
const MAX_IN_CELL: usize = 60;

/// A text for the cell of a list: its start, if it is long.
pub(crate) fn in_cell(text: &str) -> Markup {
    html! { (shortened(text, MAX_IN_CELL)) }
}

/// At most `max` characters of a text, and a sign if there are more.
pub(crate) fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// The first of `items`, up to `max` bytes of markup but at least one; and how many these are.
pub(crate) fn up_to(max: usize, items: impl Iterator<Item = Markup>) -> (Markup, usize) {
    let (mut bytes, mut count) = (0, 0);
    let mut shown = String::new();
    for item in items {
        bytes += item.0.len();
        if count > 0 && bytes > max {
            break;
        }
        shown.push_str(&item.0);
        count += 1;
    }
    (maud::PreEscaped(shown), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, expected) in
            [("", ""), ("äöü", "äöü"), ("äöüß", "äöü…"), ("🦀🦀🦀🦀🦀", "🦀🦀🦀…")]
        {
            assert_eq!(shortened(text, 3), expected);
        }
    }

    #[test]
    fn items_end_at_the_limit_but_one_is_shown() {
        let items = || ["<b>", "12", "345"].iter().map(|text| html! { (text) });
        let shown = |max| {
            let (shown, count) = up_to(max, items());
            (shown.into_string(), count)
        };
        assert_eq!(shown(0), ("&lt;b&gt;".to_owned(), 1));
        assert_eq!(shown(12), ("&lt;b&gt;12".to_owned(), 2));
        assert_eq!(shown(99), ("&lt;b&gt;12345".to_owned(), 3));
    }
}
