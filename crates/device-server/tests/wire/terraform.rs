//! The calls of Terraform's AWS provider for a pool, an app client, a user, and group membership.
//!
//! They were recorded from version 5.100.0. The provider plans a change if what it reads differs
//! from the configuration, so the tests compare both after every step.

use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{request, router, send};

/// A server, and the ids of the resources that the provider created there.
struct Terraform {
    router: Router,
    pool: Value,
    client: Value,
}

/// The settings that change between two runs.
struct Settings {
    length: i64,
    mfa: &'static str,
    team: &'static str,
    description: &'static str,
}

const FIRST: Settings = Settings { length: 8, mfa: "OFF", team: "a", description: "all staff" };
const SECOND: Settings =
    Settings { length: 12, mfa: "OPTIONAL", team: "b", description: "everyone" };

const FLOWS: [&str; 2] = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"];

impl Terraform {
    /// The first apply: creates every resource, and reads each one at once.
    async fn create(settings: &Settings) -> Self {
        let mut this =
            Self { router: router(|service| service), pool: Value::Null, client: Value::Null };
        let made = this
            .ok(
                "CreateUserPool",
                json!({
                    "PoolName": "people", "DeletionProtection": "INACTIVE",
                    "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true },
                    "Policies": { "PasswordPolicy": {
                        "MinimumLength": settings.length, "PasswordHistorySize": 0 } },
                    "UserPoolTags": { "team": settings.team },
                }),
            )
            .await;
        this.pool = made["UserPool"]["Id"].clone();
        this.of_pool("DescribeUserPool", json!({})).await;
        this.of_pool("GetUserPoolMfaConfig", json!({})).await;
        let attributes = json!([
            { "Name": "email", "Value": "ada@example.com" },
            { "Name": "name", "Value": settings.team },
        ]);
        let user = json!({
            "Username": "ada", "MessageAction": "SUPPRESS", "UserAttributes": attributes });
        this.of_pool("AdminCreateUser", user).await;
        let group = json!({ "GroupName": "staff", "Description": settings.description,
            "Precedence": settings.length });
        this.of_pool("CreateGroup", group).await;
        let client = json!({ "ClientName": "app", "AccessTokenValidity": settings.length,
            "ExplicitAuthFlows": FLOWS, "GenerateSecret": true });
        let made = this.of_pool("CreateUserPoolClient", client).await;
        this.client = made["UserPoolClient"]["ClientId"].clone();
        this.of_pool("AdminAddUserToGroup", member()).await;
        this
    }

    /// A later apply.
    async fn update(&self, settings: &Settings) {
        let pool = self.of_pool("DescribeUserPool", json!({})).await;
        let tags = json!({ "ResourceArn": pool["UserPool"]["Arn"],
            "Tags": { "team": settings.team } });
        self.ok("TagResource", tags).await;
        let mut mfa = json!({ "MfaConfiguration": settings.mfa });
        if settings.mfa != "OFF" {
            mfa["SoftwareTokenMfaConfiguration"] = json!({ "Enabled": true });
        }
        self.of_pool("SetUserPoolMfaConfig", mfa).await;
        // No tags, and the values that the provider read for settings that were never configured.
        let pool = json!({
            "AdminCreateUserConfig": {}, "DeletionProtection": "INACTIVE",
            "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true },
            "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" },
            "MfaConfiguration": settings.mfa,
            "Policies": {
                "PasswordPolicy": { "MinimumLength": settings.length, "PasswordHistorySize": 0,
                    "TemporaryPasswordValidityDays": 7 },
                "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD"] },
            },
            "UserPoolTier": "ESSENTIALS",
            "VerificationMessageTemplate": { "DefaultEmailOption": "CONFIRM_WITH_CODE" },
        });
        self.of_pool("UpdateUserPool", pool).await;
        let user = json!({
            "Username": "ada", "UserAttributes": [{ "Name": "name", "Value": settings.team }] });
        self.of_pool("AdminUpdateUserAttributes", user).await;
        let group = json!({ "GroupName": "staff", "Description": settings.description,
            "Precedence": settings.length });
        self.of_pool("UpdateGroup", group).await;
        let client = json!({
            "ClientId": self.client, "ClientName": "app", "AccessTokenValidity": settings.length,
            "AllowedOAuthFlows": [], "AllowedOAuthScopes": [], "AuthSessionValidity": 3,
            "CallbackURLs": [], "EnablePropagateAdditionalUserContextData": false,
            "EnableTokenRevocation": true, "ExplicitAuthFlows": FLOWS, "LogoutURLs": [],
            "ReadAttributes": [], "RefreshTokenValidity": 30, "SupportedIdentityProviders": [],
            "WriteAttributes": [],
        });
        self.of_pool("UpdateUserPoolClient", client).await;
    }

    /// The resources as a plan reads them.
    async fn read(&self) -> Value {
        let user = json!({ "Username": "ada" });
        json!({
            "pool": self.of_pool("DescribeUserPool", json!({})).await["UserPool"],
            "mfa": self.of_pool("GetUserPoolMfaConfig", json!({})).await,
            "group": self.of_pool("GetGroup", json!({ "GroupName": "staff" })).await["Group"],
            "client": self.of_pool("DescribeUserPoolClient", json!({ "ClientId": self.client }))
                .await["UserPoolClient"],
            "user": self.of_pool("AdminGetUser", user.clone()).await,
            "groups": self.of_pool("AdminListGroupsForUser", user).await["Groups"],
        })
    }

    async fn destroy(&self) {
        self.of_pool("DeleteUserPoolClient", json!({ "ClientId": self.client })).await;
        self.of_pool("AdminRemoveUserFromGroup", member()).await;
        self.of_pool("DeleteGroup", json!({ "GroupName": "staff" })).await;
        self.of_pool("AdminDeleteUser", json!({ "Username": "ada" })).await;
        self.of_pool("DeleteUserPool", json!({})).await;
    }

    async fn of_pool(&self, operation: &str, mut body: Value) -> Value {
        body["UserPoolId"] = self.pool.clone();
        self.ok(operation, body).await
    }

    async fn ok(&self, operation: &str, body: Value) -> Value {
        let answer = send(self.router.clone(), request(operation, body.to_string())).await;
        assert_eq!(answer.status, StatusCode::OK, "{operation}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }
}

fn member() -> Value {
    json!({ "Username": "ada", "GroupName": "staff" })
}

/// Compares what the provider read with the configuration.
fn assert_configured(read: &Value, settings: &Settings) {
    let pool = &read["pool"];
    assert_eq!(pool["Name"], "people");
    assert_eq!(pool["UserPoolTags"], json!({ "team": settings.team }));
    assert_eq!(pool["DeviceConfiguration"], json!({ "ChallengeRequiredOnNewDevice": true }));
    let policy = &pool["Policies"]["PasswordPolicy"];
    assert_eq!(policy["MinimumLength"], settings.length);
    assert_eq!(policy["TemporaryPasswordValidityDays"], 7);
    assert!(pool["CreationDate"].is_number() && pool["LastModifiedDate"].is_number(), "{pool}");
    let mfa = match settings.mfa {
        "OFF" => json!({ "MfaConfiguration": "OFF" }),
        mode => json!({
            "MfaConfiguration": mode, "SoftwareTokenMfaConfiguration": { "Enabled": true } }),
    };
    assert_eq!(read["mfa"], mfa);
    let client = &read["client"];
    assert_eq!(client["ClientName"], "app");
    assert_eq!(client["AccessTokenValidity"], settings.length);
    assert_eq!(client["ExplicitAuthFlows"], json!(FLOWS));
    assert!(client["ClientSecret"].is_string(), "{client}");
    let user = &read["user"];
    let attributes = user["UserAttributes"].as_array().unwrap();
    for (name, value) in [("email", "ada@example.com"), ("name", settings.team)] {
        assert!(attributes.contains(&json!({ "Name": name, "Value": value })), "{user}");
    }
    assert!(user["UserCreateDate"].is_number() && user["UserLastModifiedDate"].is_number());
    let group = &read["group"];
    assert_eq!(group["Description"], settings.description);
    assert_eq!(group["Precedence"], settings.length);
    assert_eq!(group["UserPoolId"], pool["Id"]);
    assert_eq!(read["groups"][0]["GroupName"], "staff");
}

/// The attributes of the schema sorted by name, as the provider compares them.
fn schema(read: &Value) -> Vec<String> {
    let attributes = read["pool"]["SchemaAttributes"].as_array().unwrap();
    let mut texts: Vec<String> = attributes.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn a_plan_after_an_apply_finds_nothing_to_change() {
    let terraform = Terraform::create(&FIRST).await;
    let first = terraform.read().await;
    assert_configured(&first, &FIRST);
    assert_eq!(terraform.read().await, first);
    for settings in [&SECOND, &FIRST, &SECOND] {
        terraform.update(settings).await;
        let read = terraform.read().await;
        assert_configured(&read, settings);
        assert_eq!(schema(&read), schema(&first), "the provider can't change a schema");
        terraform.update(settings).await;
        assert_eq!(terraform.read().await, read, "the same apply again changes nothing");
    }
}

#[tokio::test]
async fn what_was_destroyed_is_reported_as_not_found() {
    let terraform = Terraform::create(&FIRST).await;
    terraform.destroy().await;
    for (operation, body) in [
        ("DescribeUserPool", json!({})),
        ("GetUserPoolMfaConfig", json!({})),
        ("GetGroup", json!({ "GroupName": "staff" })),
        ("DescribeUserPoolClient", json!({ "ClientId": terraform.client })),
        ("AdminGetUser", json!({ "Username": "ada" })),
        ("AdminListGroupsForUser", json!({ "Username": "ada" })),
    ] {
        let mut body = body;
        body["UserPoolId"] = terraform.pool.clone();
        let answer = send(terraform.router.clone(), request(operation, body.to_string())).await;
        assert_eq!(answer.json()["__type"], "ResourceNotFoundException", "{operation}");
    }
}
