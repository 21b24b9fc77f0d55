//! Which page is where.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{get, post};
use device_server::Service;

use crate::console::Console;
use crate::pages::{
    client, clients, device_policies, device_setting, group, groups, message, messages, new_client,
    new_group, new_pool, new_user, overview, pools, sessions, sign_in, sign_in_setting, user,
    user_act, user_device, user_list, users,
};
use crate::problem::Problem;
use crate::{access, assets, headers, link};

/// The console's pages of one service, all under `/console`.
pub fn routes(service: Arc<Service>) -> Router {
    let console = Arc::new(Console::new(service));
    let pages = Router::new()
        .route("/console", get(pools::show))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/sessions", get(sessions::show))
        .route("/console/sessions/{id}/end", post(sessions::end))
        .route("/console/messages", get(messages::show))
        .route("/console/messages/{message}", get(message::show))
        .route("/console/new-pool", get(new_pool::show).post(new_pool::create))
        .route("/console/pools/{pool}", get(overview::show))
        .route(
            "/console/pools/{pool}/devices",
            get(device_setting::show).post(device_setting::save),
        )
        .route("/console/pools/{pool}/policies", post(device_policies::save))
        .route(
            "/console/pools/{pool}/sign-in",
            get(sign_in_setting::show).post(sign_in_setting::save),
        )
        .route("/console/pools/{pool}/clients", get(clients::show))
        .route("/console/pools/{pool}/new-client", get(new_client::show).post(new_client::create))
        .route("/console/pools/{pool}/clients/{client}", get(client::show).post(client::save))
        .route(
            "/console/pools/{pool}/clients/{client}/delete",
            get(client::ask_delete).post(client::delete),
        )
        .route("/console/pools/{pool}/groups", get(groups::show))
        .route("/console/pools/{pool}/new-group", get(new_group::show).post(new_group::create))
        .route("/console/pools/{pool}/groups/{group}", get(group::show).post(group::save))
        .route("/console/pools/{pool}/groups/{group}/members", post(group::add))
        .route(
            "/console/pools/{pool}/groups/{group}/delete",
            get(group::ask_delete).post(group::delete),
        )
        .route("/console/pools/{pool}/users", get(users::show))
        .route("/console/pools/{pool}/new-user", get(new_user::show).post(new_user::create))
        .route("/console/pools/{pool}/users/{user}", get(user::show))
        .route("/console/pools/{pool}/users/{user}/{list}", get(user_list::show))
        .route(
            "/console/pools/{pool}/users/{user}/act/{act}",
            get(user_act::ask).post(user_act::run),
        )
        .route(
            "/console/pools/{pool}/users/{user}/devices/{device}/{act}",
            get(user_device::ask).post(user_device::run),
        )
        .route_layer(from_fn_with_state(Arc::clone(&console), access::administrators_only));
    pages
        .route("/console/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/console/sign-in/link", post(sign_in::sign_in_by_link))
        .route("/console/{*rest}", get(nothing_here).post(nothing_here))
        .route_layer(from_fn_with_state(Arc::clone(&console), access::own_pages_only))
        // A signed call, which no browser makes.
        .route(link::SIGN_IN_LINK_PATH, post(link::create))
        .route("/console/assets/{version}/{name}", get(assets::show))
        .layer(map_response(headers::protect))
        .with_state(console)
}

async fn nothing_here() -> Problem {
    Problem::nothing_here()
}
