//! The pages of the links in a message about a risky sign-in.

use std::sync::Mutex;

use device_pool::{Message, Topic};
use device_test::PASSWORD;

use super::*;

/// A server whose pool tells users of blocked sign-ins.
struct Told {
    router: Router,
    pool: Value,
    sign_in: Value,
    sent: Arc<Mutex<Vec<Message>>>,
}

impl Told {
    async fn new() -> Self {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&sent);
        let router = router(|service| {
            service.message_observer(Arc::new(move |messages| {
                keep.lock().unwrap().extend_from_slice(messages);
            }))
        });
        let pool = json!({
            "PoolName": "people", "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"},
        });
        let pool = ok(&router, "CreateUserPool", pool).await["UserPool"]["Id"].take();
        let client = json!({
            "UserPoolId": pool, "ClientName": "app",
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
        });
        let client = ok(&router, "CreateUserPoolClient", client).await;
        let user = json!({
            "UserPoolId": pool, "Username": "ada", "MessageAction": "SUPPRESS",
            "UserAttributes": [
                {"Name": "email", "Value": "ada@example.com"},
                {"Name": "email_verified", "Value": "true"},
            ],
        });
        ok(&router, "AdminCreateUser", user).await;
        let password = json!({
            "UserPoolId": pool, "Username": "ada", "Password": PASSWORD, "Permanent": true,
        });
        ok(&router, "AdminSetUserPassword", password).await;
        let block = json!({"EventAction": "BLOCK", "Notify": true});
        let actions = json!({"LowAction": block, "MediumAction": block, "HighAction": block});
        let risk = json!({
            "UserPoolId": pool, "AccountTakeoverRiskConfiguration": {"Actions": actions},
        });
        ok(&router, "SetRiskConfiguration", risk).await;
        let sign_in = json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client["UserPoolClient"]["ClientId"],
            "AuthParameters": {"USERNAME": "ada", "PASSWORD": "Wrong-horse-7"},
        });
        Self { router, pool, sign_in, sent }
    }

    /// Blocks a sign-in, and returns the paths of the links in the message about it.
    async fn blocked(&self) -> [String; 2] {
        send(self.router.clone(), request("InitiateAuth", self.sign_in.to_string())).await;
        let mut sign_in = self.sign_in.clone();
        sign_in["AuthParameters"]["PASSWORD"] = json!(PASSWORD);
        let refused = send(self.router.clone(), request("InitiateAuth", sign_in.to_string())).await;
        assert!(refused.body.contains("security reasons"), "{}", refused.body);
        let message = self.sent.lock().unwrap().pop().unwrap();
        assert_eq!(message.topic, Topic::RiskySignIn);
        let pool = self.pool.as_str().unwrap();
        ["valid", "invalid"].map(|value| {
            let path = format!("/{pool}/sign-in-feedback/{value}/{}", message.code.as_str());
            let url = format!("http://pool.test{path}");
            assert!(message.body.contains(&url), "{}", message.body.as_str());
            path
        })
    }

    async fn page(&self, method: Method, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        send(self.router.clone(), request).await
    }

    /// The feedback on the user's latest event.
    async fn feedback(&self) -> Value {
        let request = json!({"UserPoolId": self.pool, "Username": "ada", "MaxResults": 1});
        let mut events = ok(&self.router, "AdminListUserAuthEvents", request).await;
        events["AuthEvents"][0]["EventFeedback"].take()
    }
}

#[tokio::test]
async fn only_the_button_of_a_feedback_link_records() {
    let told = Told::new().await;
    let [valid, invalid] = told.blocked().await;
    for (path, value, button) in
        [(&valid, "Valid", "It was me"), (&invalid, "Invalid", "It was not me")]
    {
        let before = told.feedback().await;
        let asked = told.page(Method::GET, path).await;
        assert_eq!(asked.status, StatusCode::OK);
        assert!(asked.body.contains(button), "{}", asked.body);
        assert_eq!(told.feedback().await, before, "reading records nothing");
        let done = told.page(Method::POST, path).await;
        assert_eq!(done.status, StatusCode::OK);
        assert!(done.body.contains("<h1>Thank you</h1>"), "{}", done.body);
        assert_eq!(told.feedback().await["FeedbackValue"], value);
        assert_eq!(told.feedback().await["Provider"], "User");
    }
}

#[tokio::test]
async fn a_feedback_link_that_is_wrong_records_nothing() {
    let told = Told::new().await;
    let [valid, _] = told.blocked().await;
    for path in [format!("{valid}x"), valid.replace("/valid/", "/maybe/")] {
        for method in [Method::GET, Method::POST] {
            let answer = told.page(method, &path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    assert_eq!(told.feedback().await, Value::Null);
}
