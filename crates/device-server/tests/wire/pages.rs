//! What web pages may do, and what they may not do.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use device_server::{Administrators, DevMode, Origins, ServiceBuilder};

use crate::{request, router, send};

const EXPOSED: &str = "x-amzn-requestid,x-amzn-errortype,x-amzn-errormessage,date";

#[tokio::test]
async fn a_page_of_any_origin_may_call_and_read() {
    let asked = "cache-control,content-type,x-amz-target,x-amz-user-agent,\
                 amz-sdk-invocation-id,amz-sdk-request";
    let preflight = Request::options("/")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", asked)
        .body(Body::empty())
        .unwrap();
    let answer = send(router(|service| service), preflight).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "POST");
    assert_eq!(answer.header("access-control-max-age"), "7200");
    assert_eq!(answer.header("access-control-allow-headers"), asked);
    assert_eq!(answer.body, "");

    // Pages may read refusals of every kind too: otherwise they could not tell their users.
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    for mut request in [
        request("GetUser", "{}"),
        request("Nothing", "{}"),
        get("/nowhere"),
        get("/health"),
        get("/"),
    ] {
        request.headers_mut().insert("origin", "https://app.example.com".parse().unwrap());
        let answer = send(router(|service| service), request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-expose-headers").to_ascii_lowercase(), EXPOSED);
    }
}

#[tokio::test]
async fn only_listed_origins_may_read() {
    for (origin, allowed) in
        [("https://app.example.com", "https://app.example.com"), ("https://evil.example", "")]
    {
        let only = Origins::only(["https://app.example.com"]).unwrap();
        let mut request = request("GetUser", "{}");
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let answer = send(router(|service| service.origins(only)), request).await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
}

#[tokio::test]
async fn a_foreign_page_may_not_administrate_or_read_codes() {
    let create = |origin: &str| {
        let mut request = request("CreateUserPool", r#"{"PoolName":"p"}"#);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request
    };
    let answer = send(router(|service| service), create("https://evil.example")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header("x-amzn-errortype"), "AccessDeniedException:");
    assert_eq!(
        send(router(|service| service), create("http://localhost:5173")).await.status,
        StatusCode::OK
    );
    let listed = |service: ServiceBuilder| {
        service.origins(Origins::only(["https://dev.example.com"]).unwrap())
    };
    assert_eq!(
        send(router(listed), create("https://dev.example.com")).await.status,
        StatusCode::OK
    );

    // Pages of apps may do what users may do, from any origin.
    let mut sign_in = request("GetUser", r#"{"AccessToken":"x"}"#);
    sign_in.headers_mut().insert("origin", "https://app.example.com".parse().unwrap());
    assert_eq!(
        send(router(|service| service), sign_in).await.header("x-amzn-errortype"),
        "NotAuthorizedException:"
    );

    let messages = |name: &'static str, value: &str| {
        Request::get("/dev/messages/us-east-1_p/ada")
            .header(name, value)
            .body(Body::empty())
            .unwrap()
    };
    for (name, value, status) in [
        ("origin", "https://evil.example", StatusCode::FORBIDDEN),
        ("host", "evil.example:9229", StatusCode::FORBIDDEN),
        ("origin", "http://localhost:5173", StatusCode::NOT_FOUND),
        ("host", "127.0.0.1:9229", StatusCode::NOT_FOUND),
        ("host", "pool.test", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(
            send(router(|service| service), messages(name, value)).await.status,
            status,
            "{name}: {value}"
        );
    }
}

#[tokio::test]
async fn codes_are_read_under_a_listed_name_only() {
    let messages = || {
        Request::get("/dev/messages/us-east-1_p/ada")
            .header("host", "cognito:9229")
            .body(Body::empty())
            .unwrap()
    };
    let refused = send(router(|service| service), messages()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.json()["message"].as_str().unwrap().contains("--dev-host"),
        "the refusal says what to do"
    );

    let listed = |service: ServiceBuilder| {
        service.administrators(Administrators::Anyone(DevMode::with_hosts(["Cognito"])))
    };
    // Under a listed name messages may be read, but there are none.
    assert_eq!(send(router(listed), messages()).await.status, StatusCode::NOT_FOUND);
}
