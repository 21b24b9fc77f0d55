use device_pool::ServiceError;
use device_wire::ErrorCode;

use super::*;

const TOML: &str = r#"# Two pools would need ids in their parts.
[[UserPools]]
Id = "us-east-1_Local0001"
MfaConfiguration = "OPTIONAL"
SoftwareTokenMfaConfiguration = { Enabled = true }
SchemaAttributes = [
    { Name = "custom:team", AttributeDataType = "String" },
]

[[UserPools.Clients]]
ClientId = "local"
ClientSecret = "0123456789abcdefghijklmnop"

[[UserPools.Groups]]
GroupName = "staff"

[[UserPools.Users]]
Username = "ada"
Password = "Correct-Horse-7"
Attributes = { email = "ada@example.com", email_verified = true }
Groups = ["staff"]

[[UserPools.Users]]
Username = "bob"
"#;

fn error(name: &str, text: &str) -> String {
    Seed::parse(name, text).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn items_come_in_the_order_of_planting() {
    let seed = Seed::parse("seed.toml", TOML).unwrap();
    let [SeedItem::Pool(pool), SeedItem::Client(client), SeedItem::Group(group), users @ ..] =
        seed.items()
    else {
        panic!("{:?}", seed.items());
    };
    assert_eq!(pool.id, "us-east-1_Local0001");
    assert_eq!(pool.settings.pool_name, "us-east-1_Local0001");
    let schema = pool.settings.schema.as_ref().unwrap();
    assert_eq!(schema[0].name.as_deref(), Some("team"), "the service adds the prefix");
    assert!(pool.mfa.is_some() && pool.settings.mfa_configuration.is_none());
    assert_eq!((client.id.as_str(), client.settings.user_pool_id.as_str()), ("local", &*pool.id));
    assert_eq!((group.group_name.as_str(), &group.user_pool_id), ("staff", &pool.id));
    assert_eq!(users.len(), 2);
}

#[test]
fn toml_errors_name_file_line_and_field() {
    for (from, to, told) in [
        (
            "Password = \"Correct-Horse-7\"",
            "Password = 7",
            "the seed seed.toml, line 19, UserPools[0].Users[0].Password: a string is due here",
        ),
        (
            "Groups = [\"staff\"]",
            "Gruops = [\"staff\"]",
            "the seed seed.toml, line 21, UserPools[0].Users[0].Gruops: unknown field `Gruops`, \
             expected one of",
        ),
        (
            "email_verified = true",
            "email_verified = [1]",
            "the seed seed.toml, line 20, UserPools[0].Users[0].Attributes.email_verified: the \
             value of an attribute is a text",
        ),
        (
            "MfaConfiguration = \"OPTIONAL\"",
            "MfaConfigration = \"OPTIONAL\"",
            "the seed seed.toml, line 4, UserPools[0].MfaConfigration: the service has no such \
             setting",
        ),
        (
            "ClientId = \"local\"",
            "",
            "the seed seed.toml, line 10, UserPools[0].Clients[0]: the ClientId is missing",
        ),
        ("[[UserPools]]", "[[Pools]]", "the seed seed.toml, line 2, Pools: a seed has UserPools"),
        ("Id = \"us", "Id = us", "the seed seed.toml, line 3: "),
    ] {
        let told_here = error("seed.toml", &TOML.replacen(from, to, 1));
        assert!(told_here.starts_with(told), "{told_here}");
    }
}

#[test]
fn json_errors_name_file_line_and_field() {
    let text = r#"{
  "UserPools": [
    { "Id": "us-east-1_A",
      "Users": [
        { "Username": "ada" },
        { "Username": "bob", "Devices": [
            { "DeviceKey": "us-east-1_a",
              "DeviceGroupKey": "-g" } ] }
      ] }
  ]
}"#;
    let told = error("seed.json", text);
    let due = "the seed seed.json, line 7, UserPools[0].Users[1].Devices[0]: give a DevicePassword";
    assert!(told.starts_with(due), "{told}");
    let told = error("seed.json", "{\n\"UserPools\": [hunter2]}");
    assert_eq!(told, "the seed seed.json, line 2: this is no JSON (column 15)");
}

#[test]
fn no_error_quotes_a_secret() {
    for (from, to) in [
        ("Password = \"Correct-Horse-7\"", "Password = [\"hunter2-Hunter2\"]"),
        ("Password = \"Correct-Horse-7\"", "Password = { x = \"hunter2-Hunter2\" }"),
        ("Username = \"bob\"", "TotpSecret = 1234567\nUsername = \"bob\""),
        ("ClientSecret = \"0123456789abcdefghijklmnop\"", "ClientSecret = \"hunter2-Hunter2\""),
        ("Password = \"Correct-Horse-7\"", "Password = \"hunter2-Hunter2"),
    ] {
        let told = error("seed.toml", &TOML.replacen(from, to, 1));
        assert!(
            !told.is_empty() && !told.contains("hunter2") && !told.contains("1234567"),
            "{told}"
        );
    }
}

#[test]
fn descriptions_of_a_real_pool_are_a_seed() {
    let sources = [
        (
            "pool.json",
            r#"{ "UserPool": { "Id": "eu-west-1_Real00001", "Name": "real", "Status": "Enabled",
                "Arn": "arn:aws:cognito-idp:eu-west-1:1:userpool/eu-west-1_Real00001",
                "CreationDate": 1762419907.123, "LastModifiedDate": 1762419907.123,
                "EstimatedNumberOfUsers": 2, "MfaConfiguration": "OPTIONAL",
                "UsernameAttributes": ["email"], "LambdaConfig": {},
                "SchemaAttributes": [
                    { "Name": "sub", "AttributeDataType": "String", "Mutable": false,
                      "Required": true, "DeveloperOnlyAttribute": false,
                      "StringAttributeConstraints": { "MinLength": "1", "MaxLength": "2048" } },
                    { "Name": "phone_number_verified", "AttributeDataType": "Boolean" },
                    { "Name": "identities", "AttributeDataType": "String",
                      "StringAttributeConstraints": {} },
                    { "Name": "dev:custom:plan", "AttributeDataType": "String",
                      "DeveloperOnlyAttribute": true } ] } }"#,
        ),
        (
            "mfa.json",
            r#"{ "SoftwareTokenMfaConfiguration": { "Enabled": true },
                "MfaConfiguration": "OPTIONAL" }"#,
        ),
        (
            "client.json",
            r#"{ "UserPoolClient": { "UserPoolId": "eu-west-1_Real00001", "ClientName": "web",
                "ClientId": "1example2", "CreationDate": 1762419907.123,
                "LastModifiedDate": 1762419907.123, "RefreshTokenValidity": 30,
                "TokenValidityUnits": {}, "EnableTokenRevocation": true,
                "AuthSessionValidity": 3 } }"#,
        ),
        (
            "users.json",
            r#"{ "Users": [ { "Username": "5ae1c0de-0000-4000-8000-000000000001",
                "Attributes": [ { "Name": "email", "Value": "ada@example.com" },
                    { "Name": "sub", "Value": "5ae1c0de-0000-4000-8000-000000000001" } ],
                "UserCreateDate": 1762419907.123, "UserLastModifiedDate": 1762419907.123,
                "Enabled": true, "UserStatus": "CONFIRMED", "MFAOptions": [] } ],
                "PaginationToken": "x" }"#,
        ),
    ];
    let sources = sources.map(|(name, text)| Source::new(Path::new(name), text.to_owned()));
    let seed = Seed::of(sources.into()).unwrap();
    let [SeedItem::Pool(pool), SeedItem::Client(_), SeedItem::User(user)] = seed.items() else {
        panic!("{:?}", seed.items());
    };
    assert!(pool.mfa.is_some());
    assert_eq!(user.pool_id, "eu-west-1_Real00001");
    assert_eq!(user.sub.as_deref(), Some("5ae1c0de-0000-4000-8000-000000000001"));
}

#[test]
fn a_part_without_a_pool_needs_the_only_one() {
    let told = error("seed.toml", "[[Users]]\nUsername = \"ada\"\n");
    let due = "the seed seed.toml, line 1, Users[0]: give the UserPoolId";
    assert!(told.starts_with(due), "{told}");
}

#[test]
fn what_would_be_lost_is_refused_by_place() {
    let twice = |from: &str, to: &str| error("seed.toml", &TOML.replacen(from, to, 1));
    for (from, to, told) in [
        ("MfaConfiguration = \"OPTIONAL\"\n", "", "UserPools[0].SoftwareTokenMfaConfiguration: "),
        ("\"bob\"", "\"ada\"", "UserPools[0].Users[1].Username: the seed has this user twice"),
        (
            "[[UserPools.Groups]]",
            "[[UserPools.Groups]]\nGroupName = \"staff\"\n[[UserPools.Groups]]",
            "UserPools[0].Groups[1].GroupName: the seed has this group twice",
        ),
        (
            "[[UserPools.Clients]]",
            "[[UserPools.Clients]]\nClientId = \"local\"\n[[UserPools.Clients]]",
            "UserPools[0].Clients[1].ClientId: the seed has this client twice",
        ),
    ] {
        let told_here = twice(from, to);
        assert!(told_here.contains(told), "{told_here}");
    }
    let pool = ("pool.json", r#"{ "UserPool": { "Id": "eu-west-1_A" } }"#);
    let mfa = |name| (name, "{\n\"MfaConfiguration\": \"OPTIONAL\" }");
    let sources = [pool, mfa("mfa.json"), mfa("again.json")];
    let sources = sources.map(|(name, text)| Source::new(Path::new(name), text.to_owned()));
    let told = Seed::of(sources.into()).unwrap_err().to_string();
    assert!(told.starts_with("the seed again.json, line 1: an earlier file has"), "{told}");
}

#[test]
fn a_mistake_is_told_where_it_is_written() {
    let long = "x".repeat(200);
    for (from, to, told) in [
        ("\"local\"", format!("\"local\"\nClientName = \"{long}\""), "Clients[0].ClientName: 1 "),
        ("\"staff\"", format!("\"{long}\""), "UserPools[0].Groups[0].GroupName: 1 "),
        ("\"us-east-1_Local0001\"", format!("\"a_A\"\nName = \"{long}\""), "[0].Name: 1 "),
        (
            "email = \"ada@",
            "sub = \"\", email = \"ada@".to_owned(),
            "UserPools[0].Users[0].Attributes.sub: 2 ",
        ),
    ] {
        let told_here = error("seed.toml", &TOML.replacen(from, &to, 1));
        assert!(told_here.contains(told), "{told_here}");
    }
    let device = r#"{ "UserPools": [{ "Id": "eu-west-1_A", "Users": [{ "Username": "ada",
        "Devices": [{ "DeviceKey": "tablet", "DeviceGroupKey": "-g",
            "DevicePassword": "x" }] }] }] }"#;
    let told = error("seed.json", device);
    assert!(told.contains("UserPools[0].Users[0].Devices[0].DeviceKey: 1 "), "{told}");

    let sources = [
        ("pool.json", r#"{ "UserPool": { "Id": "eu-west-1_A" } }"#),
        ("mfa.json", "{ \"MfaConfiguration\": \"ON\",\n\"SoftwareTokenMfaConfiguration\": 7 }"),
    ];
    let sources = sources.map(|(name, text)| Source::new(Path::new(name), text.to_owned()));
    let told = Seed::of(sources.into()).unwrap_err().to_string();
    assert!(told.starts_with("the seed mfa.json, line "), "{told}");

    let user = r#"{ "UserPools": [{ "Id": "eu-west-1_A", "Users": [{ "Username": "ada",
        "UserAttributes": [] }] }] }"#;
    let seed = Seed::parse("seed.json", user).unwrap();
    let refused = |error| SeedError { item: 1, field: "Attributes".to_owned(), error };
    let told = seed.error(&refused(ServiceError::new(ErrorCode::InvalidParameter, "why")));
    assert_eq!(told.field, "UserPools[0].Users[0].UserAttributes");
    let told = seed.error(&refused(ServiceError::internal("the disk is full")));
    assert_eq!(told.to_string(), "the seed seed.json: the disk is full");
}
