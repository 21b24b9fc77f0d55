//! Terraform's aws provider.

use serde_json::{Value, json};

use crate::replay::Replay;

const MISSING: &str = "ResourceNotFoundException";

/// A request about the pool `$pool`, with these further members.
fn of_pool(mut members: Value) -> Value {
    members["UserPoolId"] = json!("$pool");
    members
}

#[tokio::test]
async fn a_group_comes_and_goes_without_drift() {
    let mut terraform = Replay::new().await;
    let name = || of_pool(json!({"GroupName": "staff"}));
    let configured = of_pool(json!({
        "GroupName": "staff", "Description": "Managed", "Precedence": 42,
        "RoleArn": "arn:aws:iam::123456789012:role/staff",
    }));
    terraform.call("CreateGroup", configured.clone(), json!({})).await;
    terraform.call("GetGroup", name(), json!({"Group": configured})).await;
    let change = of_pool(json!({"GroupName": "staff", "Description": "Changed"}));
    terraform.call("UpdateGroup", change, json!({})).await;
    let expected = json!({"Group": {"Description": "Changed", "Precedence": 42}});
    terraform.call("GetGroup", name(), expected).await;
    terraform.call("ListGroups", of_pool(json!({})), json!({"Groups": [{}]})).await;
    terraform.call("DeleteGroup", name(), json!({})).await;
    terraform.refused("GetGroup", name(), MISSING).await;
}

#[tokio::test]
async fn a_resource_server_comes_and_goes_without_drift() {
    let mut terraform = Replay::new().await;
    let name = || of_pool(json!({"Identifier": "https://api.example.com"}));
    let server = |scopes: Value| {
        of_pool(json!({
            "Identifier": "https://api.example.com", "Name": "api", "Scopes": scopes,
        }))
    };
    let read = json!([{"ScopeName": "read", "ScopeDescription": "Reads"}]);
    let both = json!([
        {"ScopeName": "read", "ScopeDescription": "Reads"},
        {"ScopeName": "write", "ScopeDescription": "Writes"},
    ]);
    let described = |scopes: &Value| json!({"ResourceServer": server(scopes.clone())});
    terraform.call("CreateResourceServer", server(read.clone()), described(&read)).await;
    terraform.call("DescribeResourceServer", name(), described(&read)).await;
    terraform.call("UpdateResourceServer", server(both.clone()), json!({})).await;
    terraform.call("DescribeResourceServer", name(), described(&both)).await;
    terraform.call("DeleteResourceServer", name(), json!({})).await;
    terraform.refused("DescribeResourceServer", name(), MISSING).await;
    let all = of_pool(json!({"MaxResults": 50}));
    terraform.call("ListResourceServers", all, json!({"ResourceServers": []})).await;
}

#[tokio::test]
async fn a_domain_comes_and_goes_without_drift() {
    let mut terraform = Replay::new().await;
    let domain = || of_pool(json!({"Domain": "people-7"}));
    let describe = || json!({"Domain": "people-7"});
    let described = |version: i32| {
        json!({"DomainDescription": {
            "Domain": "people-7", "Status": "ACTIVE", "UserPoolId": "$pool",
            "AWSAccountId": "123456789012", "ManagedLoginVersion": version,
        }})
    };
    terraform.call("CreateUserPoolDomain", domain(), json!({})).await;
    terraform.call("DescribeUserPoolDomain", describe(), described(1)).await;
    let pool = json!({"UserPool": {"Domain": "people-7", "CustomDomain": null}});
    terraform.call("DescribeUserPool", of_pool(json!({})), pool.clone()).await;
    // An update of the pool must not remove the domain.
    terraform.call("UpdateUserPool", of_pool(json!({})), json!({})).await;
    terraform.call("DescribeUserPool", of_pool(json!({})), pool).await;
    let mut change = domain();
    change["ManagedLoginVersion"] = json!(2);
    terraform.call("UpdateUserPoolDomain", change, json!({"ManagedLoginVersion": 2})).await;
    terraform.call("DescribeUserPoolDomain", describe(), described(2)).await;
    terraform.refused("DeleteUserPool", of_pool(json!({})), "InvalidParameterException").await;
    terraform.call("DeleteUserPoolDomain", domain(), json!({})).await;
    let gone = json!({"DomainDescription": {"Status": null, "Domain": null}});
    terraform.call("DescribeUserPoolDomain", describe(), gone).await;
    terraform.call("DeleteUserPool", of_pool(json!({})), json!({})).await;
}

#[tokio::test]
async fn a_custom_domain_comes_and_goes_without_drift() {
    let mut terraform = Replay::new().await;
    let certificate = |n: u8| format!("arn:aws:acm:us-east-1:123456789012:certificate/{n}");
    let domain = |n: u8| {
        of_pool(json!({
            "Domain": "auth.example.com",
            "CustomDomainConfig": {"CertificateArn": certificate(n)},
        }))
    };
    let described = |n: u8| {
        json!({"DomainDescription": {
            "Status": "ACTIVE", "CloudFrontDistribution": "$distribution",
            "CustomDomainConfig": {"CertificateArn": certificate(n)},
        }})
    };
    let describe = || json!({"Domain": "auth.example.com"});
    let made = json!({"CloudFrontDomain": "$distribution"});
    terraform.call("CreateUserPoolDomain", domain(1), made).await;
    terraform.call("DescribeUserPoolDomain", describe(), described(1)).await;
    terraform.call("UpdateUserPoolDomain", domain(2), json!({})).await;
    terraform.call("DescribeUserPoolDomain", describe(), described(2)).await;
    let delete = of_pool(json!({"Domain": "auth.example.com"}));
    terraform.call("DeleteUserPoolDomain", delete, json!({})).await;
}

#[tokio::test]
async fn a_provider_comes_and_goes_without_drift() {
    let mut terraform = Replay::new().await;
    let name = || of_pool(json!({"ProviderName": "Google"}));
    let details = json!({
        "client_id": "id", "client_secret": "secret", "authorize_scopes": "email",
    });
    let create = of_pool(json!({
        "ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": details,
        "AttributeMapping": {"email": "email"},
    }));
    terraform.call("CreateIdentityProvider", create, json!({})).await;
    let described = json!({"IdentityProvider": {
        "ProviderName": "Google", "ProviderType": "Google", "UserPoolId": "$pool",
        "AttributeMapping": {"email": "email", "username": "sub"},
        "ProviderDetails": {
            "client_id": "id", "client_secret": "secret", "authorize_scopes": "email",
            "attributes_url_add_attributes": "true", "token_request_method": "POST",
            "oidc_issuer": "https://accounts.google.com",
        },
        "IdpIdentifiers": [],
    }});
    terraform.call("DescribeIdentityProvider", name(), described).await;
    let change = of_pool(json!({"ProviderName": "Google", "IdpIdentifiers": ["g"]}));
    terraform.call("UpdateIdentityProvider", change, json!({})).await;
    let changed = json!({"IdentityProvider": {
        "IdpIdentifiers": ["g"], "ProviderDetails": {"client_id": "id"},
        "AttributeMapping": {"email": "email", "username": "sub"},
    }});
    terraform.call("DescribeIdentityProvider", name(), changed).await;
    terraform.call("DeleteIdentityProvider", name(), json!({})).await;
    terraform.refused("DescribeIdentityProvider", name(), MISSING).await;
}

#[tokio::test]
async fn a_risk_configuration_comes_and_goes_without_drift() {
    let mut terraform = Replay::new().await;
    let ranges = json!({"RiskExceptionConfiguration": {
        "BlockedIPRangeList": ["10.10.10.10/32"],
    }});
    let describe = || of_pool(json!({}));
    terraform.call("SetRiskConfiguration", of_pool(ranges.clone()), json!({})).await;
    let described = json!({"RiskConfiguration": ranges});
    terraform.call("DescribeRiskConfiguration", describe(), described).await;
    let change = json!({"AccountTakeoverRiskConfiguration": {
        "Actions": {"HighAction": {"EventAction": "BLOCK", "Notify": true}},
        "NotifyConfiguration": {
            "SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/a@example.com",
            "BlockEmail": {"Subject": "Blocked", "TextBody": "Blocked", "HtmlBody": "Blocked"},
        },
    }});
    terraform.call("SetRiskConfiguration", of_pool(change.clone()), json!({})).await;
    let mut described = json!({"RiskConfiguration": change});
    described["RiskConfiguration"]["RiskExceptionConfiguration"] = Value::Null;
    terraform.call("DescribeRiskConfiguration", describe(), described).await;
    terraform.call("SetRiskConfiguration", describe(), json!({})).await;
    let gone = json!({"RiskConfiguration": {
        "UserPoolId": "$pool", "AccountTakeoverRiskConfiguration": null,
    }});
    terraform.call("DescribeRiskConfiguration", describe(), gone).await;
}

#[tokio::test]
async fn a_ui_customization_comes_and_goes_without_drift() {
    let mut terraform = Replay::new().await;
    let target = || of_pool(json!({"ClientId": "ALL"}));
    let css = |text: &str| of_pool(json!({"ClientId": "ALL", "CSS": text}));
    terraform.refused("SetUICustomization", css("a"), "InvalidParameterException").await;
    let domain = of_pool(json!({"Domain": "people-7"}));
    terraform.call("CreateUserPoolDomain", domain, json!({})).await;
    let described = |text: &str| json!({"UICustomization": {"ClientId": "ALL", "CSS": text}});
    let one = ".label-customizable {font-weight: 400;}";
    let other = ".label-customizable {font-weight: 100;}";
    terraform.call("SetUICustomization", css(one), described(one)).await;
    terraform.call("GetUICustomization", target(), described(one)).await;
    terraform.call("SetUICustomization", css(other), described(other)).await;
    terraform.call("GetUICustomization", target(), described(other)).await;
    terraform.call("SetUICustomization", target(), json!({})).await;
    let gone = json!({"UICustomization": {"CSS": null, "ImageUrl": null}});
    terraform.call("GetUICustomization", target(), gone).await;
}

#[tokio::test]
async fn log_delivery_comes_and_goes_without_drift() {
    let mut terraform = Replay::new().await;
    let logs = |level: &str| {
        json!([{
            "EventSource": "userNotification", "LogLevel": level,
            "CloudWatchLogsConfiguration": {
                "LogGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:people",
            },
        }])
    };
    for logs in [logs("ERROR"), logs("INFO"), json!([])] {
        let set = of_pool(json!({"LogConfigurations": logs}));
        let described = json!({"LogDeliveryConfiguration": set});
        terraform.call("SetLogDeliveryConfiguration", set, described.clone()).await;
        terraform.call("GetLogDeliveryConfiguration", of_pool(json!({})), described).await;
    }
}

#[tokio::test]
async fn a_branding_comes_and_goes_without_drift() {
    let mut terraform = Replay::new().await;
    let client = || of_pool(json!({"ClientId": "$client"}));
    let settings = json!({"components": {"form": {"borderRadius": 8.0}}});
    let asset = json!({
        "Category": "FORM_LOGO", "ColorMode": "LIGHT", "Extension": "PNG", "Bytes": "iVBORw0K",
    });
    let mut create = client();
    create["Settings"] = settings.clone();
    create["Assets"] = json!([asset]);
    let made = json!({"ManagedLoginBranding": {"ManagedLoginBrandingId": "$branding"}});
    terraform.call("CreateManagedLoginBranding", create.clone(), made).await;
    let exists = "ManagedLoginBrandingExistsException";
    terraform.refused("CreateManagedLoginBranding", create, exists).await;
    let by_id = |merged: bool| {
        of_pool(json!({"ManagedLoginBrandingId": "$branding", "ReturnMergedResources": merged}))
    };
    let described = json!({"ManagedLoginBranding": {
        "ManagedLoginBrandingId": "$branding", "UserPoolId": "$pool", "Settings": settings,
        "Assets": [asset], "UseCognitoProvidedValues": false,
    }});
    for merged in [false, true] {
        terraform.call("DescribeManagedLoginBranding", by_id(merged), described.clone()).await;
    }
    terraform.call("DescribeManagedLoginBrandingByClient", client(), described).await;
    let change =
        of_pool(json!({"ManagedLoginBrandingId": "$branding", "UseCognitoProvidedValues": true}));
    terraform.call("UpdateManagedLoginBranding", change, json!({})).await;
    let changed = json!({"ManagedLoginBranding": {
        "UseCognitoProvidedValues": true, "Settings": null, "Assets": null,
    }});
    terraform.call("DescribeManagedLoginBranding", by_id(false), changed).await;
    let id = || of_pool(json!({"ManagedLoginBrandingId": "$branding"}));
    terraform.call("DeleteManagedLoginBranding", id(), json!({})).await;
    terraform.refused("DescribeManagedLoginBranding", id(), MISSING).await;
}

/// The provider finds a client that another resource created, and manages its settings.
#[tokio::test]
async fn a_managed_client_is_found_and_changed_without_drift() {
    let mut terraform = Replay::new().await;
    let list = of_pool(json!({"MaxResults": 60}));
    let listed = json!({"UserPoolClients": [{"ClientId": "$client", "ClientName": "app"}]});
    terraform.call("ListUserPoolClients", list, listed).await;
    let client = || of_pool(json!({"ClientId": "$client"}));
    terraform.call("DescribeUserPoolClient", client(), json!({})).await;
    for validity in [12, 24] {
        let update = of_pool(json!({
            "ClientId": "$client", "ClientName": "app", "AccessTokenValidity": validity,
            "IdTokenValidity": 1, "RefreshTokenValidity": 30, "AuthSessionValidity": 3,
            "TokenValidityUnits": {
                "AccessToken": "hours", "IdToken": "hours", "RefreshToken": "days",
            },
            "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
            "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"],
            "AllowedOAuthFlowsUserPoolClient": true, "EnableTokenRevocation": true,
            "CallbackURLs": ["https://example.com/"], "LogoutURLs": [],
            "SupportedIdentityProviders": ["COGNITO"], "PreventUserExistenceErrors": "ENABLED",
            "EnablePropagateAdditionalUserContextData": false,
        }));
        let described = json!({"UserPoolClient": update});
        terraform.call("UpdateUserPoolClient", update, described.clone()).await;
        terraform.call("DescribeUserPoolClient", client(), described).await;
    }
}
