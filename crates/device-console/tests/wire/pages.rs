//! The pages and their forms.

use axum::http::StatusCode;
use device_wire::requests::{
    AdminGetUserRequest, CreateUserPoolClientRequest, DescribeUserPoolClientRequest,
    DescribeUserPoolRequest,
};
use serde_json::json;

use crate::browser::{Browser, Site, call, confirm_device, make_pool, make_user, request};
use crate::crowd::{Content, Crowd};

#[tokio::test]
async fn a_pool_is_made_with_its_choices() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let fields = [
        ("name", "people"),
        ("sign_in_with", "username"),
        ("mfa", "optional"),
        ("remember", "always"),
        ("suppress", "on"),
    ];
    let shown = browser.submit("/console/new-pool", &fields).await;
    let path = shown.location().to_owned();
    let shown = browser.get(&path).await;
    assert!(shown.body.contains("Always, replaces MFA") && shown.body.contains("Optional"));
    assert!(browser.get("/console").await.body.contains("people"));
}

#[tokio::test]
async fn the_device_setting_is_saved_and_nothing_else_changes() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let path = format!("/console/pools/{pool}/devices");
    let before = call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool.unwrap();
    let fields = [("remember", "always"), ("suppress", "no")];
    assert_eq!(browser.submit(&path, &fields).await.location(), format!("{path}?done=saved"));
    let after = call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool.unwrap();
    let devices = after.device_configuration.clone().unwrap();
    assert_eq!(devices.device_only_remembered_on_user_prompt, Some(false));
    assert_eq!(devices.challenge_required_on_new_device, Some(false));
    let same = device_wire::shapes::UserPoolType {
        device_configuration: before.device_configuration.clone(),
        last_modified_date: before.last_modified_date,
        ..after
    };
    assert_eq!(same, before);

    browser.submit(&path, &[("remember", "no"), ("suppress", "no")]).await;
    let after = call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool.unwrap();
    assert!(after.device_configuration.is_none());
}

#[tokio::test]
async fn a_senseless_setting_is_refused_with_its_reason() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let fields = [("name", "p"), ("sign_in_with", "email"), ("mfa", "off"), ("remember", "opt-in")];
    let made = browser.submit("/console/new-pool", &fields).await;
    let path = made.location().replace("?done=pool-created", "/devices");
    let shown = browser.submit(&path, &[("remember", "always"), ("suppress", "yes")]).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("no second factor to suppress"), "{}", shown.body);
    // The form keeps the choices.
    assert!(shown.body.contains("value=\"always\" checked"), "{}", shown.body);
}

#[tokio::test]
async fn a_user_is_made_found_and_stopped() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let fields = [
        ("username", "ada"),
        ("email", "ada@example.com"),
        ("permanent", "on"),
        ("password", "Correct-Horse-7"),
    ];
    let made = browser.submit(&format!("/console/pools/{pool}/new-user"), &fields).await;
    let user = made.location().replace("?done=user-created", "");
    assert!(browser.get(&user).await.body.contains("Confirmed"));
    let users = format!("/console/pools/{pool}/users");
    for (search, found) in [
        ("by=username&match=starts&q=ad", true),
        ("by=username&match=is&q=ada", true),
        ("by=username&match=is&q=ad", false),
        ("by=email&match=starts&q=ada@", true),
        ("by=email&match=is&q=bob@example.com", false),
        ("", true),
    ] {
        let shown = browser.get(&format!("{users}?{search}")).await;
        assert_eq!(shown.body.contains("ada@example.com"), found, "{search}");
    }
    let fields = [("password", "Correct-Horse-8"), ("permanent", "on")];
    browser.submit(&format!("{user}/act/set-password"), &fields).await;
    // The audit trail names the administrator's access key.
    let shown = browser.get(&user).await;
    assert!(shown.body.contains("by administrator AKIDEXAMPLE"), "{}", shown.body);
    let shown = browser.submit(&format!("{user}/act/disable"), &[]).await;
    assert_eq!(shown.location(), format!("{user}?done=user-changed"));
    let found = call(&site, AdminGetUserRequest::new(&*pool, "ada")).await;
    assert_eq!(found.enabled, Some(false));
    browser.submit(&format!("{user}/act/delete"), &[]).await;
    assert_eq!(browser.get(&user).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_refused_password_keeps_what_was_typed() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let fields = [
        ("username", "ada"),
        ("email", "ada@example.com"),
        ("permanent", "on"),
        ("password", "short"),
    ];
    let shown = browser.submit(&format!("/console/pools/{pool}/new-user"), &fields).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("ada@example.com") && !shown.body.contains("short"));
}

#[tokio::test]
async fn an_app_client_is_made_and_changed() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let path = format!("/console/pools/{pool}/new-client");
    let fields = [
        ("name", "app"),
        ("srp", "on"),
        ("refresh", "on"),
        ("access_minutes", "30"),
        ("refresh_days", "7"),
        ("hide_users", "on"),
    ];
    let made = browser.submit(&path, &fields).await;
    let client = made.location().replace("?done=client-created", "");
    let shown = browser.get(&client).await;
    assert!(shown.body.contains("value=\"30\"") && shown.body.contains("value=\"7\""));
    let shown = browser.submit(&client, &[("name", "app"), ("access_minutes", "x")]).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    let shown = browser.submit(&format!("{client}/delete"), &[]).await;
    assert!(shown.location().ends_with("/clients?done=client-deleted"));
    assert_eq!(browser.get(&client).await.status, StatusCode::NOT_FOUND);
}

/// The form rounds lifetimes and does not show every flow.
#[tokio::test]
async fn what_a_client_form_does_not_show_exactly_stays() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let create: CreateUserPoolClientRequest = request(json!({
        "UserPoolId": pool, "ClientName": "app",
        "ExplicitAuthFlows": ["ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"],
        "AccessTokenValidity": 600, "IdTokenValidity": 2, "RefreshTokenValidity": 90,
        "TokenValidityUnits":
            {"AccessToken": "seconds", "IdToken": "hours", "RefreshToken": "minutes"},
    }));
    let before = call(&site, create).await.user_pool_client.unwrap();
    let client = before.client_id.as_ref().unwrap().as_str();
    let path = format!("/console/pools/{pool}/clients/{client}");
    let fields = [("name", "renamed"), ("access_minutes", "10"), ("refresh_days", "1")];
    assert_eq!(browser.submit(&path, &fields).await.location(), format!("{path}?done=saved"));
    let after = call(&site, DescribeUserPoolClientRequest::new(&*pool, client)).await;
    let after = after.user_pool_client.unwrap();
    assert_eq!(after.client_name.as_deref(), Some("renamed"));
    assert_eq!(after.explicit_auth_flows, before.explicit_auth_flows);
    assert_eq!(after.access_token_validity, before.access_token_validity);
    assert_eq!(after.id_token_validity, before.id_token_validity);
    assert_eq!(after.refresh_token_validity, before.refresh_token_validity);
    assert_eq!(after.token_validity_units, before.token_validity_units);
}

#[tokio::test]
async fn a_refused_password_policy_leaves_mfa_alone() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let path = format!("/console/pools/{pool}/sign-in");
    let before = call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool.unwrap();
    let short = [("mfa", "off"), ("min_length", "5"), ("temporary_days", "7"), ("risk", "off")];
    let shown = browser.submit(&path, &short).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("Nothing was changed."), "{}", shown.body);
    let after = call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool.unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_refusal_says_what_was_done_before_it() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let fields = [("username", "ada"), ("permanent", "on"), ("password", "too-weak")];
    let shown = browser.submit(&format!("/console/pools/{pool}/new-user"), &fields).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("The user was created, but without this password."));
    call(&site, AdminGetUserRequest::new(&*pool, "ada")).await;
}

#[tokio::test]
async fn sign_in_settings_are_saved() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let path = format!("/console/pools/{pool}/sign-in");
    let fields = [
        ("mfa", "required"),
        ("totp", "on"),
        ("min_length", "12"),
        ("numbers", "on"),
        ("temporary_days", "3"),
        ("risk", "audit"),
    ];
    assert_eq!(browser.submit(&path, &fields).await.location(), format!("{path}?done=saved"));
    let shown = browser.get(&path).await;
    assert!(
        shown.body.contains("value=\"required\" checked") && shown.body.contains("value=\"12\"")
    );
    assert!(shown.body.contains("value=\"audit\" checked"), "{}", shown.body);
    let off = [("mfa", "off"), ("min_length", "8"), ("temporary_days", "7"), ("risk", "off")];
    assert_eq!(browser.submit(&path, &off).await.location(), format!("{path}?done=saved"));
    let bad = [("mfa", "off"), ("min_length", "many"), ("temporary_days", "7"), ("risk", "off")];
    let shown = browser.submit(&path, &bad).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("not a number"));
}

#[tokio::test]
async fn every_list_goes_on_until_its_end() {
    let site = Site::dev();
    let mut browser = Browser::new(&site);
    browser.get("/console/sign-in").await;
    let content = Content { users: 60, waiting: 60, others: 42, is_longest: false };
    let crowd = Crowd::make(&site, content).await;
    for (path, mark, expected) in crowd.lists() {
        let (mut rows, mut pages, mut next) = (0, 0, Some(path.clone()));
        while let Some(page) = next {
            let shown = browser.get(&page).await;
            assert_eq!(shown.status, StatusCode::OK, "{page}");
            rows += shown.body.matches(mark).count();
            pages += 1;
            next = shown.link("Next page").or_else(|| shown.link("Earlier messages"));
        }
        assert!(pages > 1, "{path}");
        assert_eq!(rows, expected, "{path}");
    }
}

#[tokio::test]
async fn lists_are_filtered_by_their_address() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let (people, machines) = (make_pool(&site, "people").await, make_pool(&site, "machines").await);
    crate::browser::make_client(&site, &people).await;
    let pool = format!("/console/pools/{people}");
    browser.submit(&format!("{pool}/new-group"), &[("name", "staff"), ("precedence", "")]).await;
    for (path, holds, lacks) in [
        ("/console?q=PEOP", &*people, &*machines),
        (&format!("/console?q={}", &machines[10..]), &*machines, &*people),
        ("/console?q=nobody", "Nothing was found", &*people),
        (&format!("{pool}/clients?q=ap"), ">app<", "Nothing was found"),
        (&format!("{pool}/clients?q=x%20y"), "Nothing was found", ">app<"),
        (&format!("{pool}/groups?q=Staff"), ">staff<", "Nothing was found"),
        (&format!("{pool}/groups?q=nobody"), "Nothing was found", ">staff<"),
    ] {
        let shown = browser.get(path).await.body;
        assert!(shown.contains(holds) && !shown.contains(lacks), "{path}: {shown}");
    }
}

#[tokio::test]
async fn sign_ins_are_shown_by_outcome() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let sub = make_user(&site, &pool, "ada", json!([])).await;
    confirm_device(&site, &pool, "ada", "laptop").await;
    let path = format!("/console/pools/{pool}/users/{sub}/sign-ins");
    let passed = browser.get(&format!("{path}?only=passed")).await.body;
    assert!(passed.contains(">Passed<") && passed.contains("Sign-in<"), "{passed}");
    assert!(passed.contains("MFA not asked: it is off in the pool, or the user"), "{passed}");
    let failed = browser.get(&format!("{path}?only=failed")).await.body;
    assert!(failed.contains("No sign-in had this outcome"), "{failed}");
    // A cell for each column.
    let row = &passed[passed.find("<tbody").unwrap()..];
    let row = &row[..row.find("</tr>").unwrap()];
    let cells = row.matches("<td ").count() + row.matches("<th ").count();
    assert_eq!(cells, passed.matches("scope=\"col\"").count(), "{row}");
}

#[tokio::test]
async fn a_long_message_is_shown_on_its_own_page() {
    let site = Site::dev();
    let mut browser = Browser::new(&site);
    browser.get("/console/sign-in").await;
    let pool = make_pool(&site, "p").await;
    let path = format!("/console/pools/{pool}/new-user");
    let name = "a".repeat(128);
    let fields = [("username", &*name), ("email", "ada@example.com"), ("invite", "on")];
    browser.submit(&path, &fields).await;
    let shown = browser.get("/console/messages?to=ADA@").await;
    assert!(shown.body.contains("ada@example.com") && !shown.body.contains(&name));
    let path = format!("/console/messages/{}", shown.after("/console/messages/"));
    assert!(browser.get(&path).await.body.contains(&name));
    assert_eq!(browser.get("/console/messages/99").await.status, StatusCode::NOT_FOUND);
    let shown = browser.get("/console/messages?to=bob").await;
    assert!(shown.body.contains("Nothing was sent to that"));
}

#[tokio::test]
async fn policies_are_saved_and_wrong_ones_explained() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let (page, path) =
        (format!("/console/pools/{pool}/devices"), format!("/console/pools/{pool}/policies"));
    let token = browser.get(&page).await.field("csrf");
    let fields = [
        ("csrf", &*token),
        ("mfa_every", "30d"),
        ("max_per_user", "5"),
        ("rotate_secret", "on"),
        ("notify", "new-device"),
    ];
    assert_eq!(browser.post(&path, &fields).await.location(), format!("{page}?done=saved"));
    let saved = call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool.unwrap();
    let tags = saved.user_pool_tags.unwrap();
    let set = ["mfa-every", "max-per-user", "rotate-secret", "notify"]
        .map(|name| tags[&format!("device:{name}")].as_str());
    assert_eq!((set, tags.len()), (["30d", "5", "on", "new-device"], 4));
    let shown = browser.get(&page).await.body;
    for chosen in ["value=\"on\" selected", "value=\"new-device\" selected"] {
        assert!(shown.contains(chosen), "{shown}");
    }
    let wrong = [("csrf", &*token), ("mfa_every", "a month")];
    let shown = browser.post(&path, &wrong).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("such as 30d or 12h") && shown.body.contains("value=\"a month\""));
}

#[tokio::test]
async fn a_device_is_remembered_and_forgotten() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let sub = make_user(&site, &pool, "ada", json!([])).await;
    let key = confirm_device(&site, &pool, "ada", "Ada's laptop").await;
    let user = format!("/console/pools/{pool}/users/{sub}");
    let shown = browser.get(&user).await;
    assert!(shown.body.contains("Tracked, not remembered") && shown.body.contains("Ada's laptop"));
    let shown = browser.submit(&format!("{user}/devices/{key}/remember"), &[]).await;
    assert_eq!(shown.location(), format!("{user}?done=device-changed#devices"));
    assert!(browser.get(&user).await.body.contains(">Remembered<"));
    let shown = browser.get(&format!("{user}/devices/{key}/forget")).await;
    assert!(shown.body.contains("is never accepted again"), "{}", shown.body);
    let shown = browser.submit(&format!("{user}/devices/{key}/forget"), &[]).await;
    assert_eq!(shown.location(), format!("{user}?done=device-forgotten#devices"));
    let shown = browser.get(&user).await;
    assert!(shown.body.contains("No device is tracked"));
    let gone = browser.get(&format!("{user}/devices/{key}/forget")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_of_a_user_is_ended() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let sub = make_user(&site, &pool, "ada", json!([])).await;
    confirm_device(&site, &pool, "ada", "Ada's laptop").await;
    let user = format!("/console/pools/{pool}/users/{sub}");
    let shown = browser.get(&user).await;
    let at = shown.body.find("end-session?session=").unwrap();
    let session: String =
        shown.body[at + 20..].chars().take_while(char::is_ascii_alphanumeric).collect();
    let fields = [("session", &*session)];
    browser.submit(&format!("{user}/act/end-session?session={session}"), &fields).await;
    assert!(browser.get(&user).await.body.contains("signed in nowhere"));
}

#[tokio::test]
async fn a_group_is_made_filled_changed_and_deleted() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    make_user(&site, &pool, "ada", json!([])).await;
    let groups = format!("/console/pools/{pool}/groups");
    assert!(browser.get(&groups).await.body.contains("There is no group yet"));
    let new = format!("/console/pools/{pool}/new-group");
    let fields = [("name", "staff"), ("description", "<b>all</b>"), ("precedence", "x")];
    let shown = browser.submit(&new, &fields).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("is not a number") && shown.body.contains("value=\"staff\""));
    let fields = [("name", "staff"), ("description", "<b>all</b>"), ("precedence", "3")];
    let shown = browser.submit(&new, &fields).await;
    assert_eq!(shown.location(), format!("{groups}/staff?done=group-created"));
    let group = format!("{groups}/staff");
    let token = browser.get(&group).await.field("csrf");
    let members = format!("{group}/members");
    let shown = browser.post(&members, &[("csrf", &token), ("user", "nobody")]).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("value=\"nobody\""), "{}", shown.body);
    let shown = browser.post(&members, &[("csrf", &token), ("user", "ada")]).await;
    assert_eq!(shown.location(), format!("{group}?done=member-added"));
    let shown = browser.get(&group).await;
    assert!(shown.body.contains("remove-from-group?group=staff"), "{}", shown.body);
    assert!(!shown.body.contains("<b>all</b>"));
    let user = format!("/console/pools/{pool}/users/ada");
    assert!(browser.get(&user).await.body.contains(&group));
    browser.submit(&format!("{user}/act/remove-from-group"), &[("group", "staff")]).await;
    assert!(browser.get(&group).await.body.contains("No user is in this group"));
    let fields = [("description", ""), ("precedence", "4")];
    assert!(browser.submit(&group, &fields).await.location().ends_with("?done=group-changed"));
    assert!(browser.get(&groups).await.body.contains('4'));
    let shown = browser.submit(&format!("{group}/delete"), &[]).await;
    assert_eq!(shown.location(), format!("{groups}?done=group-deleted"));
    assert_eq!(browser.get(&group).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pools_are_listed_with_their_users_and_devices() {
    let site = Site::dev();
    let mut browser = Browser::new(&site);
    browser.get("/console/sign-in").await;
    let pool = make_pool(&site, "p").await;
    make_user(&site, &pool, "ada", json!([])).await;
    confirm_device(&site, &pool, "ada", "phone").await;
    let shown = browser.get("/console").await;
    assert!(shown.body.contains("data-label=\"Users\">1<"), "{}", shown.body);
    assert!(shown.body.contains("data-label=\"Devices\">1<"), "{}", shown.body);
}
