//! A page that asks before something is done, and says what that does.

use maud::{Markup, html};

use crate::visit::Visit;

/// What is about to be done.
pub(crate) struct Question<'a> {
    /// What it does, sentence by sentence.
    pub(crate) effects: &'a [&'a str],
    /// The text of the button.
    pub(crate) button: &'a str,
    /// Whether it cannot be undone.
    pub(crate) is_final: bool,
    /// Further fields.
    pub(crate) fields: Markup,
    /// Where it is sent to.
    pub(crate) action: &'a str,
    /// Where to go instead.
    pub(crate) cancel: &'a str,
}

impl Visit {
    /// The form of a question.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Markup {
        let Question { effects, button, is_final, fields, action, cancel } = question;
        html! {
            ul.effects { @for effect in *effects { li { (effect) } } }
            @if self.may_change() {
                form.card method="post" action=(action) {
                    (self.token_field())
                    (fields)
                    div.actions {
                        button.danger[*is_final] type="submit" { (button) }
                        a href=(cancel) { "Cancel" }
                    }
                }
            } @else {
                p { "This session may only look. " a href=(cancel) { "Back" } }
            }
        }
    }
}
