//! The administrators' own sessions in the console.

use axum::extract::{Path, Query};
use axum::response::{Html, Redirect};
use device_server::{AdminSession, Role};
use maud::{Markup, html};

use crate::html::frame::Place;
use crate::html::list::{Start, next_page};
use crate::html::notice::After;
use crate::html::table::{cell, head, table};
use crate::html::text::shortened;
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Sessions on a page.
const PAGE: usize = 25;

/// `GET /console/sessions`
pub(crate) async fn show(
    visit: Visit,
    Query(start): Query<Start>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let sessions = visit.console.service.admin_sessions(&visit.administrator).await?;
    let shown = sessions.iter().skip(start.left_out()).take(PAGE);
    let rows: Vec<Markup> = shown.map(|session| row(&visit, session)).collect();
    let next = start.next(rows.len(), sessions.len(), None);
    let body = html! {
        (after.show())
        p {
            "Administrators who are signed in to this console. "
            "A session ends after 30 minutes without use, and after 8 hours in any case."
        }
        (table("Sessions", &["Key", "Opened", "Last used", "Ends", "From", ""], &rows, &html! {}))
        (next_page("/console/sessions", next.as_ref()))
    };
    Ok(visit.page(&Place::new("Sessions"), &body))
}

fn row(visit: &Visit, session: &AdminSession) -> Markup {
    let clock = visit.clock();
    let is_own = session.id == visit.session.id;
    let from = session.source_ip.map(|source| source.to_string()).unwrap_or_default();
    html! {
        (head("Key", &html! {
            (session.title())
            @if session.role == Role::ReadOnly { " " span.badge { "Read only" } }
            @if is_own { " " span.badge.good { "This one" } }
        }))
        (cell("Opened", &clock.show_millis(session.started)))
        (cell("Last used", &clock.show_millis(session.seen)))
        (cell("Ends", &clock.show_millis(session.expires_at())))
        (cell("From", &html! { (from) div.hint { (shortened(&session.user_agent, 100)) } }))
        (cell("", &html! {
            // A session that may only look ends none but itself.
            @if is_own || visit.may_change() {
                form method="post" action=(url::path(&["sessions", &session.id, "end"])) {
                    (visit.token_field())
                    button.small type="submit" {
                        "End" span.sr { " the session of " (session.title()) " from " (from) }
                    }
                }
            }
        }))
    }
}

/// `POST /console/sessions/<id>/end`
pub(crate) async fn end(visit: Visit, Path(id): Path<String>) -> Result<Redirect, Problem> {
    if !visit.may_change() && id != visit.session.id {
        return Err(Problem::read_only());
    }
    let (administrator, source_ip) = (&visit.administrator, visit.source_ip);
    visit.console.service.end_admin_session(administrator, id, source_ip).await?;
    Ok(Redirect::to("/console/sessions?done=session-ended"))
}
