//! A form that creates something.

use maud::{Markup, html};

use crate::visit::Visit;

impl Visit {
    /// The form with these fields, if the session may change something.
    pub(crate) fn creation(&self, fields: &Markup, button: &str, cancel: &str) -> Markup {
        html! {
            @if self.may_change() {
                form.card method="post" {
                    (self.token_field())
                    (fields)
                    div.actions {
                        button type="submit" { (button) }
                        a href=(cancel) { "Cancel" }
                    }
                }
            } @else {
                p { "This session may only look." }
            }
        }
    }
}
