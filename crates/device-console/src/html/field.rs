//! Fields of forms, each with its label and what it does.

use maud::{Markup, html};

/// One of several choices.
pub(crate) struct Choice<'a> {
    pub(crate) value: &'a str,
    pub(crate) label: &'a str,
    pub(crate) hint: &'a str,
    /// What would change, if it is known.
    pub(crate) effect: Option<String>,
}

/// Choices of which one is taken.
pub(crate) fn choices(
    name: &str,
    question: &str,
    choices: &[Choice<'_>],
    chosen: &str,
    is_fixed: bool,
) -> Markup {
    html! {
        fieldset disabled[is_fixed] {
            legend { (question) }
            @for Choice { value, label, hint, effect } in choices {
                @let id = format!("{name}-{value}");
                div.choice {
                    input type="radio" id=(id) name=(name) value=(value)
                        checked[*value == chosen] aria-describedby=(format!("{id}-hint"));
                    div {
                        label for=(id) { (label) }
                        p.hint id=(format!("{id}-hint")) {
                            (hint)
                            @if let Some(effect) = effect { " " strong.effect { (effect) } }
                        }
                    }
                }
            }
        }
    }
}

/// Something that is on or off.
pub(crate) fn switch(name: &str, label: &str, hint: &str, is_on: bool, is_fixed: bool) -> Markup {
    html! {
        div.choice {
            input type="checkbox" id=(name) name=(name) value="on" checked[is_on]
                disabled[is_fixed] aria-describedby=(format!("{name}-hint"));
            div {
                label for=(name) { (label) }
                p.hint id=(format!("{name}-hint")) { (hint) }
            }
        }
    }
}

/// A line of text. `kind` is the input's type.
pub(crate) fn text(
    name: &str,
    label: &str,
    hint: &str,
    kind: &str,
    value: &str,
    is_fixed: bool,
) -> Markup {
    let hint_id = format!("{name}-hint");
    html! {
        div.field {
            label for=(name) { (label) }
            @if !hint.is_empty() { p.hint id=(hint_id) { (hint) } }
            input type=(kind) id=(name) name=(name) value=(value) readonly[is_fixed]
                aria-describedby=[(!hint.is_empty()).then_some(&hint_id)]
                // With `off`, the back button would not bring back what was typed.
                autocomplete=[(kind == "password").then_some("new-password")]
                spellcheck="false";
        }
    }
}

/// One of several words: values and labels.
pub(crate) fn select(name: &str, label: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @for (value, text) in options {
                    option value=(value) selected[*value == chosen] { (text) }
                }
            }
        }
    }
}
