//! A whole document, and the pages that need no session.

use axum::response::Html;
use maud::{DOCTYPE, Markup, html};

use crate::assets::VERSION;

/// A page for browsers that are not signed in.
pub(crate) fn bare(title: &str, body: &Markup) -> Html<String> {
    let inner = html! {
        header.banner {
            a.brand href="/console" {
                img src=(asset("icon.svg")) alt="" width="24" height="24";
                "device console"
            }
        }
        div.columns { main.narrow id="content" { (body) } }
    };
    whole(&format!("{title} · device console"), &inner)
}

/// A whole document.
pub(super) fn whole(title: &str, inner: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                link rel="icon" href=(asset("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(asset("console.css"));
                script src=(asset("console.js")) defer {}
            }
            body { (inner) }
        }
    };
    Html(page.into_string())
}

/// Where an asset is.
pub(super) fn asset(name: &str) -> String {
    format!("/console/assets/{}/{name}", *VERSION)
}
