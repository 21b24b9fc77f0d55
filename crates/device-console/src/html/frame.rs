//! The frame around every page.

use axum::response::Html;
use maud::{Markup, html};

use super::document::{asset, whole};
use super::url;
use crate::visit::Visit;

/// A page of a pool, for the navigation beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Devices,
    SignIn,
    Clients,
    Users,
    Groups,
}

impl Tab {
    const ALL: [Self; 6] =
        [Self::Overview, Self::Devices, Self::SignIn, Self::Clients, Self::Users, Self::Groups];

    fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Devices => "Devices",
            Self::SignIn => "Sign-in",
            Self::Clients => "App clients",
            Self::Users => "Users",
            Self::Groups => "Groups",
        }
    }

    fn path(self, pool_id: &str) -> String {
        match self {
            Self::Overview => url::path(&["pools", pool_id]),
            Self::Devices => url::path(&["pools", pool_id, "devices"]),
            Self::SignIn => url::path(&["pools", pool_id, "sign-in"]),
            Self::Clients => url::path(&["pools", pool_id, "clients"]),
            Self::Users => url::path(&["pools", pool_id, "users"]),
            Self::Groups => url::path(&["pools", pool_id, "groups"]),
        }
    }
}

/// Where a page stands among the others.
pub(crate) struct Place<'a> {
    /// The page's own name, its heading.
    pub(crate) title: &'a str,
    /// The id and the name of the pool that it is about.
    pub(crate) pool: Option<(&'a str, &'a str)>,
    pub(crate) tab: Option<Tab>,
    /// Pages between the tab and this one: names and addresses.
    pub(crate) above: Vec<(&'a str, String)>,
}

impl<'a> Place<'a> {
    /// A page outside of the pools.
    pub(crate) fn new(title: &'a str) -> Self {
        Self { title, pool: None, tab: None, above: Vec::new() }
    }

    /// A page of a pool.
    pub(crate) fn of_pool(title: &'a str, pool: (&'a str, &'a str), tab: Tab) -> Self {
        Self { title, pool: Some(pool), tab: Some(tab), above: Vec::new() }
    }

    /// A page below another one.
    pub(crate) fn below(mut self, name: &'a str, address: String) -> Self {
        self.above.push((name, address));
        self
    }
}

impl Visit {
    /// A whole page.
    pub(crate) fn page(&self, place: &Place<'_>, body: &Markup) -> Html<String> {
        let pool_name = place.pool.map(|(_, name)| format!(" · {name}")).unwrap_or_default();
        let title = format!("{}{pool_name} · device console", place.title);
        let inner = html! {
            (self.banner())
            div.columns.with-nav[place.pool.is_some()] {
                @if let Some((pool_id, name)) = place.pool {
                    nav.side aria-label=(format!("Pool {name}")) {
                        p.side-title { (name) }
                        ul {
                            @for tab in Tab::ALL {
                                li {
                                    a href=(tab.path(pool_id))
                                        aria-current=[(Some(tab) == place.tab).then_some("page")]
                                        { (tab.name()) }
                                }
                            }
                        }
                    }
                }
                main id="content" {
                    @if place.pool.is_some() { (crumbs(place)) }
                    h1 { (place.title) }
                    (body)
                }
            }
        };
        whole(&title, &inner)
    }

    fn banner(&self) -> Markup {
        let console = &self.console;
        html! {
            a.skip href="#content" { "Skip to the content" }
            header.banner {
                a.brand href="/console" {
                    img src=(asset("icon.svg")) alt="" width="24" height="24";
                    "device console"
                }
                nav aria-label="Console" {
                    ul {
                        li { a href="/console" { "User pools" } }
                        // Only dev mode keeps them.
                        @if !console.service.asks_for_proof() {
                            li { a href="/console/messages" { "Messages" } }
                        }
                        li { a href="/console/sessions" { "Sessions" } }
                    }
                }
                div.who {
                    @if !self.may_change() { span.badge { "Read only" } }
                    span { (self.administrator.title()) }
                    // Dev mode would sign in again at once, but to make changes as well.
                    @if console.service.asks_for_proof() || !self.may_change() {
                        form method="post" action="/console/sign-out" {
                            (self.token_field())
                            button.link type="submit" { "Sign out" }
                        }
                    }
                }
            }
        }
    }
}

fn crumbs(place: &Place<'_>) -> Markup {
    let Some((pool_id, pool_name)) = place.pool else { return html! {} };
    html! {
        nav.crumbs aria-label="Breadcrumb" {
            ol {
                li { a href="/console" { "User pools" } }
                li { a href=(url::path(&["pools", pool_id])) { (pool_name) } }
                @if let Some(tab) = place.tab.filter(|_| !place.above.is_empty()) {
                    li { a href=(tab.path(pool_id)) { (tab.name()) } }
                }
                @for (name, address) in place.above.iter().skip(1) {
                    li { a href=(address) { (name) } }
                }
            }
        }
    }
}
