//! Tables, which become cards on a narrow screen.
//!
//! A card is made by `display: block`, which takes a table's meaning from it for screen readers;
//! the roles give it back.

use maud::{Markup, html};

/// A table of these columns. Without rows, `empty` says what to do next.
pub(crate) fn table(caption: &str, columns: &[&str], rows: &[Markup], empty: &Markup) -> Markup {
    html! {
        @if rows.is_empty() {
            div.empty { (empty) }
        } @else {
            table role="table" {
                caption { (caption) }
                thead role="rowgroup" {
                    tr role="row" {
                        @for column in columns {
                            th role="columnheader" scope="col" {
                                @if column.is_empty() { span.sr { "Actions" } }
                                @else { (column) }
                            }
                        }
                    }
                }
                tbody role="rowgroup" { @for row in rows { tr role="row" { (row) } } }
            }
        }
    }
}

/// The cell that names its row.
pub(crate) fn head(column: &str, content: &Markup) -> Markup {
    html! { th role="rowheader" scope="row" data-label=(column) { (content) } }
}

pub(crate) fn cell(column: &str, content: &Markup) -> Markup {
    html! { td role="cell" data-label=(column) { (content) } }
}

/// A list of names and values.
pub(crate) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
    }
}
