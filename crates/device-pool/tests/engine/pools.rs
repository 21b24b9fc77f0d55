//! Pools, clients and users, managed by administrators.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, PASSWORD, World};

#[test]
fn a_pool_update_resets_omitted_settings() {
    let mut world = World::new();
    let made = world.ok(
        Operation::CreateUserPool,
        json!({
            "PoolName": "p", "UsernameAttributes": ["email"], "UserPoolTags": {"team": "a"},
            "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true},
            "Policies": {"PasswordPolicy": {"MinimumLength": 12}},
        }),
    );
    let id = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    assert_eq!(made["UserPool"]["Policies"]["PasswordPolicy"]["MinimumLength"], 12);
    world.ok(Operation::UpdateUserPool, json!({"UserPoolId": id}));
    let pool = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": id}))["UserPool"].clone();
    assert_eq!(pool["DeviceConfiguration"], Value::Null);
    assert_eq!(pool["UserPoolTags"], json!({"team": "a"}), "other operations change the tags");
    assert_eq!(pool["Policies"]["PasswordPolicy"]["MinimumLength"], 8);
    assert_eq!(pool["UsernameAttributes"], json!(["email"]));
    assert_eq!(pool["Name"], "p");
    assert_eq!(pool["CreationDate"], made["UserPool"]["CreationDate"]);
}

#[test]
fn a_pool_is_described_with_what_the_service_always_names() {
    let mut world = World::new();
    let request = json!({"PoolName": "p", "Policies": {"PasswordPolicy": {"MinimumLength": 12}}});
    let made = world.ok(Operation::CreateUserPool, request)["UserPool"].clone();
    let describe = json!({"UserPoolId": made["Id"]});
    let shown = world.ok(Operation::DescribeUserPool, describe.clone())["UserPool"].clone();
    assert_eq!(shown, made);
    for (member, value) in [
        ("LambdaConfig", json!({})),
        ("UserPoolTags", json!({})),
        ("DeletionProtection", json!("INACTIVE")),
        ("MfaConfiguration", json!("OFF")),
        ("EstimatedNumberOfUsers", json!(0)),
        ("VerificationMessageTemplate", json!({"DefaultEmailOption": "CONFIRM_WITH_CODE"})),
        ("UserAttributeUpdateSettings", json!({"AttributesRequireVerificationBeforeUpdate": []})),
        ("EmailConfiguration", json!({"EmailSendingAccount": "COGNITO_DEFAULT"})),
        (
            "AdminCreateUserConfig",
            json!({"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7}),
        ),
        (
            "Policies",
            json!({
                "PasswordPolicy": {
                    "MinimumLength": 12, "RequireUppercase": false, "RequireLowercase": false,
                    "RequireNumbers": false, "RequireSymbols": false,
                    "TemporaryPasswordValidityDays": 7,
                },
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
            }),
        ),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    // For these members absence is a setting too.
    for member in ["AccountRecoverySetting", "DeviceConfiguration", "UsernameConfiguration"] {
        assert!(shown.get(member).is_none(), "{member}");
    }
}

#[test]
fn all_users_are_counted() {
    let mut world = World::new();
    for (users, counted) in [(3, json!(3)), (1001, json!(1001))] {
        let have = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": world.pool}));
        let have = have["UserPool"]["EstimatedNumberOfUsers"].as_i64().unwrap();
        for n in have..users {
            let user = json!({"UserPoolId": world.pool, "Username": format!("user{n}")});
            world.ok(Operation::AdminCreateUser, user);
        }
        let shown = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": world.pool}));
        assert_eq!(shown["UserPool"]["EstimatedNumberOfUsers"], counted);
    }
}

#[test]
fn mfa_settings_that_contradict_themselves_are_refused() {
    let mut world = World::new();
    let on = json!({"PoolName": "p", "MfaConfiguration": "ON"});
    assert!(world.refused(Operation::CreateUserPool, on).contains("SMS configuration"));
    let id = world.pool.clone();
    for (mode, enabled, says) in [
        ("ON", false, "can't disable all MFAs"),
        ("OPTIONAL", false, "can't disable all MFAs"),
        ("OFF", true, "can't turn off MFA"),
    ] {
        let request = json!({
            "UserPoolId": id, "MfaConfiguration": mode,
            "SoftwareTokenMfaConfiguration": {"Enabled": enabled},
        });
        assert!(world.refused(Operation::SetUserPoolMfaConfig, request).contains(says), "{mode}");
    }
    world.set_mfa("ON");
    let shown = world.ok(Operation::GetUserPoolMfaConfig, json!({"UserPoolId": id}));
    assert_eq!(
        shown,
        json!({"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": {"Enabled": true}})
    );
}

#[test]
fn clients_use_only_the_flows_that_they_were_made_for() {
    let mut world = World::new();
    world.user("ada");
    for (flows, srp, password) in [
        (json!(null), true, false),
        (json!(["ALLOW_USER_SRP_AUTH"]), true, false),
        (json!(["ALLOW_USER_PASSWORD_AUTH"]), false, true),
        (json!(["USER_PASSWORD_AUTH"]), true, true),
    ] {
        world.client = world.make_client(json!({"ExplicitAuthFlows": flows}));
        for (flow, parameters, allowed) in [
            ("USER_SRP_AUTH", json!({"USERNAME": "ada", "SRP_A": "5"}), srp),
            ("USER_PASSWORD_AUTH", json!({"USERNAME": "ada", "PASSWORD": PASSWORD}), password),
        ] {
            let start =
                json!({"AuthFlow": flow, "ClientId": world.client, "AuthParameters": parameters});
            match world.call(Operation::InitiateAuth, start) {
                Ok(_) => assert!(allowed, "{flows} {flow}"),
                Err(error) => {
                    assert!(!allowed, "{flows} {flow}: {error}");
                    assert_eq!(error.message(), format!("{flow} flow not enabled for this client"));
                }
            }
        }
    }
}

#[test]
fn token_lifetimes_out_of_range_are_refused() {
    let mut world = World::new();
    for (settings, accepted) in [
        (
            json!({"AccessTokenValidity": 4, "TokenValidityUnits": {"AccessToken": "minutes"}}),
            false,
        ),
        (json!({"AccessTokenValidity": 5, "TokenValidityUnits": {"AccessToken": "minutes"}}), true),
        (json!({"AccessTokenValidity": 24}), true),
        (json!({"AccessTokenValidity": 25}), false),
        (json!({"IdTokenValidity": 2, "TokenValidityUnits": {"IdToken": "days"}}), false),
        (
            json!({"RefreshTokenValidity": 59, "TokenValidityUnits": {"RefreshToken": "minutes"}}),
            false,
        ),
        (json!({"RefreshTokenValidity": 3650}), true),
    ] {
        let mut request = settings.clone();
        request["UserPoolId"] = json!(world.pool);
        request["ClientName"] = json!("app");
        assert_eq!(
            world.call(Operation::CreateUserPoolClient, request).is_ok(),
            accepted,
            "{settings}"
        );
    }
}

#[test]
fn a_client_secret_is_asked_for_and_checked_in_every_step() {
    let mut world = World::new();
    world.user("ada");
    let made = world.ok(
        Operation::CreateUserPoolClient,
        json!({
            "UserPoolId": world.pool, "ClientName": "app", "GenerateSecret": true,
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        }),
    );
    let client = made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned();
    let secret = made["UserPoolClient"]["ClientSecret"].as_str().unwrap().to_owned();
    let start = |hash: Option<String>| {
        let parameters = json!({"USERNAME": "ADA", "PASSWORD": PASSWORD, "SECRET_HASH": hash});
        json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client,
            "AuthParameters": crate::world::without_nulls(parameters),
        })
    };
    assert_eq!(
        world.refused(Operation::InitiateAuth, start(None)),
        format!(
            "NotAuthorizedException: Client {client} is configured with secret but SECRET_HASH was \
             not received"
        )
    );
    let wrong_name = device_srp::secret_hash("ada", &client, &secret);
    assert_eq!(
        world.refused(Operation::InitiateAuth, start(Some(wrong_name))),
        format!("NotAuthorizedException: Unable to verify secret hash for client {client}")
    );
    let right = device_srp::secret_hash("ADA", &client, &secret);
    let signed_in = world.ok(Operation::InitiateAuth, start(Some(right)));
    let refresh_token = &signed_in["AuthenticationResult"]["RefreshToken"];
    let mut refresh = json!({"ClientId": client, "RefreshToken": refresh_token});
    let refused = world.refused(Operation::GetTokensFromRefreshToken, refresh.clone());
    assert!(refused.starts_with("NotAuthorizedException: Unable to verify secret"), "{refused}");
    refresh["ClientSecret"] = json!(secret);
    world.ok(Operation::GetTokensFromRefreshToken, refresh);
    let by_flow = |hash: &str| {
        json!({
            "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": client,
            "AuthParameters": {"REFRESH_TOKEN": refresh_token, "SECRET_HASH": hash},
        })
    };
    world.ok(Operation::InitiateAuth, by_flow(&device_srp::secret_hash("ada", &client, &secret)));
    assert_eq!(
        world.refused(Operation::InitiateAuth, by_flow("AAAA")),
        format!("NotAuthorizedException: SecretHash does not match for the client: {client}")
    );
}

#[test]
fn only_administrators_find_users_by_sub() {
    let mut world = World::new();
    world.user("Ada");
    let shown =
        world.ok(Operation::AdminGetUser, json!({"UserPoolId": world.pool, "Username": "aDA"}));
    assert_eq!(shown["Username"], "ada");
    let sub =
        shown["UserAttributes"].as_array().unwrap().iter().find(|a| a["Name"] == "sub").unwrap();
    for name in ["ada", "ADA"] {
        let signed_in = world.try_sign_in(Flow::Srp, name, None, None).unwrap();
        assert_eq!(crate::world::claims(&signed_in.access_token())["username"], "ada");
    }
    let by_sub = json!({"UserPoolId": world.pool, "Username": sub["Value"]});
    assert_eq!(world.ok(Operation::AdminGetUser, by_sub)["Username"], "ada");
    let refused = world.try_sign_in(Flow::Password, sub["Value"].as_str().unwrap(), None, None);
    assert_eq!(refused.unwrap_err().to_string(), "UserNotFoundException: User does not exist.");
    let again = json!({"UserPoolId": world.pool, "Username": "ADA"});
    assert!(
        world.refused(Operation::AdminCreateUser, again).starts_with("UsernameExistsException")
    );
}

#[test]
fn an_email_pool_signs_in_by_address() {
    let mut world = World::new();
    let made = world.ok(
        Operation::CreateUserPool,
        json!({
            "PoolName": "p", "UsernameAttributes": ["email"], "DeviceConfiguration": {},
            "UsernameConfiguration": {"CaseSensitive": false},
        }),
    );
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    world.client = world.make_client(json!({}));
    let no_address = json!({"UserPoolId": world.pool, "Username": "ada"});
    assert!(
        world
            .refused(Operation::AdminCreateUser, no_address)
            .starts_with("InvalidParameterException")
    );
    world.user("Ada@Example.com");
    let (device, signed_in) = world.confirmed_device("ada@example.com", None);
    let claims = crate::world::claims(&signed_in.access_token());
    assert_eq!(claims["username"], claims["sub"]);
    assert_eq!(
        world.sign_in("ADA@example.com", Some(&device), None).challenges,
        ["DEVICE_SRP_AUTH"]
    );
}

#[test]
fn a_decoy_looks_like_a_user_and_never_changes() {
    let mut world = World::new();
    world.user("ada");
    let start = |world: &World, name: &str| {
        json!({
            "AuthFlow": "USER_SRP_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": name, "SRP_A": "5"},
        })
    };
    let request = start(&world, "nobody");
    assert_eq!(
        world.refused(Operation::InitiateAuth, request),
        "UserNotFoundException: User does not exist."
    );
    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
    let request = start(&world, "nobody");
    let first = world.ok(Operation::InitiateAuth, request.clone())["ChallengeParameters"].clone();
    let second = world.ok(Operation::InitiateAuth, request)["ChallengeParameters"].clone();
    let request = start(&world, "ada");
    let known = world.ok(Operation::InitiateAuth, request)["ChallengeParameters"].clone();
    assert_eq!(first["SALT"], second["SALT"]);
    assert_ne!(first["SRP_B"], second["SRP_B"]);
    let names =
        |parameters: &Value| parameters.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first), names(&known));
    let lengths = |parameters: &Value| parameters["SECRET_BLOCK"].as_str().unwrap().len();
    assert!(
        lengths(&first).abs_diff(lengths(&known)) <= 8,
        "the blocks differ only by the length of the names"
    );
}

#[test]
fn a_decoy_is_stable_and_covers_users_without_a_password() {
    let mut world = World::new();
    world.ok(Operation::AdminCreateUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
    let mut shown = |name: &str| {
        let start = json!({
            "AuthFlow": "USER_SRP_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": name, "SRP_A": "5"},
        });
        let parameters = world.ok(Operation::InitiateAuth, start)["ChallengeParameters"].clone();
        ["SALT", "USERNAME", "USER_ID_FOR_SRP"].map(|name| parameters[name].clone())
    };
    for name in ["ada", "nobody"] {
        let first = shown(name);
        assert_eq!(first[1], name);
        assert_eq!(first, shown(name));
        assert_eq!(first, shown(&name.to_uppercase()), "{name}");
    }
}

#[test]
fn a_name_too_long_for_anyone_is_refused_and_not_kept() {
    let mut world = World::new();
    world.client = world.make_client(json!({
        "PreventUserExistenceErrors": "ENABLED", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
    }));
    let start = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": "\u{e9}".repeat(129), "PASSWORD": "x"},
    });
    assert_eq!(
        world.refused(Operation::InitiateAuth, start),
        "InvalidParameterException: 1 validation error detected: Value at 'username' failed to \
         satisfy constraint: \
         Member must have length less than or equal to 128"
    );
}

#[test]
fn names_are_case_sensitive_by_default() {
    let mut world = World::new();
    let made = world.ok(Operation::CreateUserPool, json!({"PoolName": "p"}));
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    world.client = world.make_client(json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]}));
    world.user("Ada");
    world.user("ada");
    for name in ["ADA", "aDA"] {
        let refused = world.try_sign_in(Flow::Password, name, None, None).unwrap_err();
        assert_eq!(refused.to_string(), "UserNotFoundException: User does not exist.");
    }
    for name in ["Ada", "ada"] {
        let signed_in = world.try_sign_in(Flow::Password, name, None, None).unwrap();
        assert_eq!(crate::world::claims(&signed_in.access_token())["username"], name);
    }
}

#[test]
fn mfa_by_sms_is_set_up_with_the_pool() {
    let mut world = World::new();
    let sms = json!({"SnsCallerArn": "arn:aws:iam::000000000000:role/sms", "ExternalId": "x"});
    let made = world.ok(
        Operation::CreateUserPool,
        json!({
            "PoolName": "p", "MfaConfiguration": "ON", "AutoVerifiedAttributes": ["phone_number"],
            "SmsConfiguration": sms,
        }),
    );
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    let config = world.ok(Operation::GetUserPoolMfaConfig, json!({"UserPoolId": world.pool}));
    assert_eq!(config["SmsMfaConfiguration"]["SmsConfiguration"], sms);
    world.client = world.make_client(json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}));
    world.user("ada");
    world.set_attributes("ada", &[("phone_number", "+15550001234")]);
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "SMS_MFA");
}

#[test]
fn both_operations_set_how_messages_are_sent() {
    let mut world = World::new();
    let sms = |id: &str| json!({"SnsCallerArn": "arn:aws:iam::0:role/sms", "ExternalId": id});
    let both = |world: &mut World| {
        let id = json!({"UserPoolId": world.pool});
        let pool = world.ok(Operation::DescribeUserPool, id.clone())["UserPool"].clone();
        let mfa = world.ok(Operation::GetUserPoolMfaConfig, id)["SmsMfaConfiguration"].clone();
        [pool["SmsConfiguration"].clone(), mfa["SmsConfiguration"].clone()]
    };
    for (operation, id) in [
        (Operation::SetUserPoolMfaConfig, "a"),
        (Operation::UpdateUserPool, "b"),
        (Operation::SetUserPoolMfaConfig, "c"),
    ] {
        let request = json!({
            "UserPoolId": world.pool, "MfaConfiguration": "OPTIONAL", "SmsConfiguration": sms(id),
            "SmsMfaConfiguration": {"SmsConfiguration": sms(id)},
        });
        world.ok(operation, request);
        assert_eq!(both(&mut world), [sms(id), sms(id)], "{operation}");
    }
}

#[test]
fn the_settings_of_passkeys_are_kept_and_shown() {
    let mut world = World::new();
    let passkeys = json!({"RelyingPartyId": "example.com", "UserVerification": "required"});
    let mut request = json!({"UserPoolId": world.pool, "WebAuthnConfiguration": passkeys});
    let set = world.ok(Operation::SetUserPoolMfaConfig, request.clone());
    assert_eq!(set["WebAuthnConfiguration"], passkeys);
    request.as_object_mut().unwrap().remove("WebAuthnConfiguration");
    world.ok(Operation::SetUserPoolMfaConfig, request);
    let shown = world.ok(Operation::GetUserPoolMfaConfig, json!({"UserPoolId": world.pool}));
    assert_eq!(shown, json!({"MfaConfiguration": "OFF", "WebAuthnConfiguration": passkeys}));
}

#[test]
fn a_pool_without_mfa_describes_no_factor() {
    let mut world = World::new();
    let config = world.ok(Operation::GetUserPoolMfaConfig, json!({"UserPoolId": world.pool}));
    assert_eq!(config, json!({"MfaConfiguration": "OFF"}));
    let pool = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": world.pool}));
    assert_eq!(pool["UserPool"]["UserPoolTier"], "ESSENTIALS");
    let schema = pool["UserPool"]["SchemaAttributes"].as_array().unwrap();
    let identities = schema.iter().find(|attribute| attribute["Name"] == "identities").unwrap();
    assert_eq!(identities["StringAttributeConstraints"], json!({}));
}

#[test]
fn an_unconfirmed_user_is_told_before_the_password_check() {
    let mut world = World::new();
    let request = json!({"ClientId": world.client, "Username": "new", "Password": PASSWORD});
    world.ok(Operation::SignUp, request);
    let start = |world: &World| {
        json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": "new", "PASSWORD": "Wrong-horse-7"},
        })
    };
    let request = start(&world);
    let refused = world.refused(Operation::InitiateAuth, request);
    assert_eq!(refused, "UserNotConfirmedException: User is not confirmed.");
    world.client = world.make_client(json!({
        "PreventUserExistenceErrors": "ENABLED", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
    }));
    let request = start(&world);
    let refused = world.refused(Operation::InitiateAuth, request);
    assert_eq!(refused, "NotAuthorizedException: Incorrect username or password.");
}
