//! The handlers of CloudFormation's resource types, which CDK and SAM use too.
//!
//! They run at the service alone, so the calls are derived from the schemas of the types, not
//! recorded.

use serde_json::{Value, json};

use crate::replay::Replay;

const MISSING: &str = "ResourceNotFoundException";

/// A request about the pool `$pool`, with these further members.
fn of_pool(mut members: Value) -> Value {
    members["UserPoolId"] = json!("$pool");
    members
}

#[tokio::test]
async fn a_group_is_created_read_listed_and_deleted() {
    let mut handlers = Replay::new().await;
    let name = || of_pool(json!({"GroupName": "staff"}));
    handlers.call("CreateGroup", name(), json!({"Group": {"GroupName": "staff"}})).await;
    handlers.refused("CreateGroup", name(), "GroupExistsException").await;
    handlers.call("GetGroup", name(), json!({"Group": {"Description": null}})).await;
    let listed = json!({"Groups": [{"GroupName": "staff"}]});
    handlers.call("ListGroups", of_pool(json!({})), listed).await;
    handlers.call("DeleteGroup", name(), json!({})).await;
    handlers.refused("DeleteGroup", name(), MISSING).await;
}

#[tokio::test]
async fn a_resource_server_without_scopes_is_described() {
    let mut handlers = Replay::new().await;
    let server = of_pool(json!({"Identifier": "api", "Name": "api"}));
    handlers.call("CreateResourceServer", server.clone(), json!({})).await;
    handlers.refused("CreateResourceServer", server, "InvalidParameterException").await;
    let name = || of_pool(json!({"Identifier": "api"}));
    let described = json!({"ResourceServer": {"Name": "api", "Scopes": []}});
    handlers.call("DescribeResourceServer", name(), described).await;
    handlers.call("DeleteResourceServer", name(), json!({})).await;
    handlers.refused("DeleteResourceServer", name(), MISSING).await;
}

/// The handlers of attachments describe first, and fail if something is attached already.
#[tokio::test]
async fn attachments_are_set_for_all_clients_or_one() {
    for client in ["ALL", "$client"] {
        let mut handlers = Replay::new().await;
        let target = || of_pool(json!({"ClientId": client}));
        let empty = json!({"RiskConfiguration": {"RiskExceptionConfiguration": null}});
        handlers.call("DescribeRiskConfiguration", target(), empty).await;
        let mut set = target();
        set["CompromisedCredentialsRiskConfiguration"] =
            json!({"EventFilter": ["SIGN_IN"], "Actions": {"EventAction": "BLOCK"}});
        let described = json!({"RiskConfiguration": set});
        handlers.call("SetRiskConfiguration", set, described.clone()).await;
        handlers.call("DescribeRiskConfiguration", target(), described).await;

        let domain = of_pool(json!({"Domain": "people-7"}));
        handlers.call("CreateUserPoolDomain", domain, json!({})).await;
        let mut set = target();
        set["CSS"] = json!(".banner-customizable {}");
        let described = json!({"UICustomization": set});
        handlers.call("SetUICustomization", set, described.clone()).await;
        handlers.call("GetUICustomization", target(), described).await;
    }
}

/// CDK reads the distribution in a custom resource, and fails if there is none.
#[tokio::test]
async fn a_domain_names_its_distribution() {
    let mut handlers = Replay::new().await;
    let domain = of_pool(json!({"Domain": "people-7"}));
    handlers.call("CreateUserPoolDomain", domain, json!({})).await;
    let described = json!({"DomainDescription": {"CloudFrontDistribution": "pool.test"}});
    handlers.call("DescribeUserPoolDomain", json!({"Domain": "people-7"}), described).await;
}

#[tokio::test]
async fn a_provider_is_listed_and_found_by_identifier() {
    let mut handlers = Replay::new().await;
    let create = of_pool(json!({
        "ProviderName": "corp", "ProviderType": "OIDC", "IdpIdentifiers": ["corp.example.com"],
        "ProviderDetails": {
            "client_id": "id", "attributes_request_method": "GET", "authorize_scopes": "openid",
            "oidc_issuer": "https://corp.example.com",
        },
    }));
    handlers.call("CreateIdentityProvider", create.clone(), json!({})).await;
    handlers.refused("CreateIdentityProvider", create, "DuplicateProviderException").await;
    let listed = json!({"Providers": [{"ProviderName": "corp", "ProviderType": "OIDC"}]});
    handlers.call("ListIdentityProviders", of_pool(json!({"MaxResults": 60})), listed).await;
    let by_identifier = of_pool(json!({"IdpIdentifier": "corp.example.com"}));
    let found = json!({"IdentityProvider": {"ProviderName": "corp"}});
    handlers.call("GetIdentityProviderByIdentifier", by_identifier, found).await;
    let other = of_pool(json!({"IdpIdentifier": "other.example.com"}));
    handlers.refused("GetIdentityProviderByIdentifier", other, MISSING).await;
}

#[tokio::test]
async fn terms_are_found_by_id_and_by_client() {
    let mut handlers = Replay::new().await;
    let links = json!({"cognito:default": "https://example.com/terms"});
    let terms = of_pool(json!({
        "ClientId": "$client", "TermsName": "terms-of-use", "TermsSource": "LINK",
        "Enforcement": "NONE", "Links": links,
    }));
    let made = json!({"Terms": {"TermsId": "$terms", "Links": links}});
    handlers.call("CreateTerms", terms.clone(), made.clone()).await;
    handlers.refused("CreateTerms", terms, "TermsExistsException").await;
    let by_id = || of_pool(json!({"TermsId": "$terms"}));
    let by_client = |name: &str| of_pool(json!({"ClientId": "$client", "TermsName": name}));
    handlers.call("DescribeTerms", by_id(), made.clone()).await;
    handlers.call("DescribeTermsByClient", by_client("terms-of-use"), made.clone()).await;
    let rename = of_pool(json!({"TermsId": "$terms", "TermsName": "privacy-policy"}));
    handlers.call("UpdateTerms", rename, json!({})).await;
    handlers.call("DescribeTermsByClient", by_client("privacy-policy"), made).await;
    handlers.refused("DescribeTermsByClient", by_client("terms-of-use"), MISSING).await;
    let listed = json!({"Terms": [{"TermsId": "$terms"}]});
    handlers.call("ListTerms", of_pool(json!({})), listed).await;
    let client = of_pool(json!({"ClientId": "$client"}));
    handlers.call("DeleteUserPoolClient", client, json!({})).await;
    handlers.refused("DescribeTerms", by_id(), MISSING).await;
}
