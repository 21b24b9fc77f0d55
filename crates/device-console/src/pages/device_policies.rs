//! Saving the policies that the Devices page shows.

use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use device_wire::requests::UpdateUserPoolRequest;

use super::device_setting::{self, Draft};
use super::policies::Policies;
use super::policy_trial::{self, Sent, Tried};
use super::pool::Pool;
use crate::html::url;
use crate::problem::{self, Problem};
use crate::visit::Visit;

/// `POST /console/pools/<pool>/policies`
pub(crate) async fn save(
    visit: Visit,
    Path(pool_id): Path<String>,
    Form(sent): Form<Sent<Policies>>,
) -> Result<Response, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let is_trial = sent.is_trial();
    let chosen = sent.chosen;
    let refusal = if is_trial {
        match policy_trial::run(&visit, &pool, chosen.settings()).await {
            Ok(trial) => {
                let tried = Some(Tried::Policies(trial));
                let draft = Draft { policies: chosen, tried, ..Draft::load(&visit, &pool).await? };
                return Ok(device_setting::page(&visit, &pool, &draft).into_response());
            }
            Err(error) => error,
        }
    } else {
        let tags = Some(chosen.tags(&pool));
        let request = UpdateUserPoolRequest { user_pool_tags: tags, ..pool.unchanged() };
        match visit.call(&request).await {
            Ok(_) => {
                let there = url::path(&["pools", &pool_id, "devices"]) + "?done=saved";
                return Ok(Redirect::to(&there).into_response());
            }
            Err(error) => error,
        }
    };
    let refused = Some(problem::said(&refusal));
    let draft = Draft { policies: chosen, refused, ..Draft::load(&visit, &pool).await? };
    let page = device_setting::page(&visit, &pool, &draft);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}
