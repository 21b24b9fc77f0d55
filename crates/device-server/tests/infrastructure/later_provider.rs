//! Resources that Terraform's aws provider has from version 6 on, after its source.

use serde_json::{Value, json};

use crate::replay::Replay;

const MISSING: &str = "ResourceNotFoundException";

/// A request about the pool `$pool`, with these further members.
fn of_pool(mut members: Value) -> Value {
    members["UserPoolId"] = json!("$pool");
    members
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
