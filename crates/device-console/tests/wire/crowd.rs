//! A pool with any number of users, and the address of every page about it.

use device_pool::store::{Change, Key, Record, Store, Table, Write};
use device_wire::requests::{
    AddCustomAttributesRequest, AdminAddUserToGroupRequest, AdminCreateUserRequest,
    AdminSetUserPasswordRequest, CreateGroupRequest, CreateUserPoolClientRequest,
    CreateUserPoolRequest, SetUserPoolMfaConfigRequest,
};
use serde_json::{Value, json};

use crate::browser::{Browser, PASSWORD, Site, api, call, request};

/// Records that one change writes.
const BATCH: usize = 10_000;

/// What the pool is filled with.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    /// Users besides the one with the devices.
    pub(crate) users: usize,
    /// Users who are not confirmed, and changes that are not in the pool's count yet.
    pub(crate) waiting: usize,
    /// Pools, app clients, groups of the pool and of one user, and that user's devices, sessions
    /// and sign-ins: as many of each.
    pub(crate) others: usize,
    /// Whether texts are the longest that the API takes, of what costs most in a page.
    pub(crate) is_longest: bool,
}

impl Content {
    /// A text of up to `max` characters.
    fn text(self, start: &str, max: usize, filling: char) -> String {
        let more = if self.is_longest { max - start.len() } else { 0 };
        start.chars().chain(std::iter::repeat_n(filling, more)).collect()
    }

    /// A text for people. A quotation mark is six bytes in a page.
    fn said(self, start: &str, max: usize) -> String {
        self.text(start, max, '"')
    }

    /// A name in addresses, where this letter is twelve bytes.
    fn named(self, start: &str) -> String {
        self.text(start, 128, '🦀')
    }

    /// A name of letters and digits.
    fn plain(self, start: &str) -> String {
        self.text(start, 128, 'W')
    }
}

/// A filled pool.
pub(crate) struct Crowd {
    pool: String,
    client: String,
    group: String,
    /// The `sub` of the user with the devices.
    user: String,
    device: String,
    /// A further app client, which nobody signs in with.
    unused_client: String,
    content: Content,
}

impl Crowd {
    /// Fills a site in dev mode.
    pub(crate) async fn make(site: &Site, content: Content) -> Self {
        let mut pools = Vec::new();
        for n in 0..content.others {
            pools.push(make_pool(site, content, &content.plain(&format!("pool {n}"))).await);
        }
        let pool = pools.swap_remove(0);
        let mut clients = Vec::new();
        for n in 0..content.others {
            clients.push(make_client(site, &pool, &content.plain(&format!("app {n}"))).await);
        }
        let groups: Vec<String> =
            (0..content.others).map(|n| content.named(&format!("group{n:02}"))).collect();
        for name in &groups {
            let description = content.said("People who may do it.", 2048);
            let members = json!({ "UserPoolId": pool, "GroupName": name,
                "Description": description });
            call(site, request::<CreateGroupRequest>(members)).await;
        }
        let client = clients.swap_remove(0);
        let (user, device) = heavy_user(site, content, &pool, &client, &groups).await;
        invite(site, content, &pool).await;
        multiply(site, content, &pool, &client, &groups[0]).await;
        let unused_client = clients.swap_remove(0);
        let group = groups[0].clone();
        Self { pool, client, group, user, device, unused_client, content }
    }

    /// The lists of more than a page: an address, what each row has, and how many there are.
    pub(crate) fn lists(&self) -> Vec<(String, &'static str, usize)> {
        let Self { pool, user, content, .. } = self;
        let others = content.others;
        let in_pool = |path: &str| format!("/console/pools/{pool}/{path}");
        let of_user = |list: &str| in_pool(&format!("users/{user}/{list}"));
        let row = "<th role=\"rowheader\"";
        vec![
            ("/console".to_owned(), row, others),
            ("/console/sessions".to_owned(), row, content.waiting),
            ("/console/messages".to_owned(), row, others),
            ("/console?q=POOL".to_owned(), row, others),
            (in_pool("clients"), row, others),
            (in_pool("groups?q=who+may"), row, others),
            (in_pool("groups"), row, others),
            (in_pool(&format!("groups/{}", encoded(&self.group))), row, 1 + content.users),
            (in_pool("users"), row, 1 + others + content.users + content.waiting),
            (of_user("devices"), row, others),
            (of_user("sessions"), row, others),
            // And the password that was set.
            (of_user("sign-ins?only=passed"), row, others + 1),
            (of_user("groups"), row, others),
        ]
    }

    /// The attributes of the user with the devices.
    pub(crate) fn attributes(&self) -> Option<String> {
        Some(format!("/console/pools/{}/users/{}/attributes", self.pool, self.user))
    }

    /// Every page: its route, and an address.
    pub(crate) async fn pages(&self, browser: &mut Browser) -> Vec<(&'static str, String)> {
        let Self { pool, client, user, device, unused_client, .. } = self;
        let pool = format!("/console/pools/{pool}");
        let group = format!("{pool}/groups/{}", encoded(&self.group));
        let user = format!("{pool}/users/{user}");
        let users = format!("{pool}/users");
        let session = browser.get(&user).await;
        let session = session.after("end-session?session=");
        let message = browser.get("/console/messages").await.after("/console/messages/");
        let user_route = "/console/pools/{pool}/users/{user}";
        let mut pages = vec![
            ("/console", "/console".to_owned()),
            ("/console", "/console?q=pool+1".to_owned()),
            ("/console/sessions", "/console/sessions".to_owned()),
            ("/console/messages", "/console/messages".to_owned()),
            ("/console/messages", "/console/messages?to=nobody".to_owned()),
            ("/console/messages/{message}", format!("/console/messages/{message}")),
            ("/console/new-pool", "/console/new-pool".to_owned()),
            ("/console/pools/{pool}", pool.clone()),
            ("/console/pools/{pool}/devices", format!("{pool}/devices")),
            ("/console/pools/{pool}/sign-in", format!("{pool}/sign-in")),
            ("/console/pools/{pool}/clients", format!("{pool}/clients")),
            ("/console/pools/{pool}/clients", format!("{pool}/clients?q=app+1")),
            ("/console/pools/{pool}/new-client", format!("{pool}/new-client")),
            ("/console/pools/{pool}/clients/{client}", format!("{pool}/clients/{client}")),
            (
                "/console/pools/{pool}/clients/{client}/delete",
                format!("{pool}/clients/{unused_client}/delete"),
            ),
            ("/console/pools/{pool}/groups", format!("{pool}/groups")),
            ("/console/pools/{pool}/groups", format!("{pool}/groups?q=group")),
            ("/console/pools/{pool}/new-group", format!("{pool}/new-group")),
            ("/console/pools/{pool}/groups/{group}", group.clone()),
            ("/console/pools/{pool}/groups/{group}/delete", format!("{group}/delete")),
            ("/console/pools/{pool}/new-user", format!("{pool}/new-user")),
            (user_route, user.clone()),
            ("/console/pools/{pool}/users/{user}/devices/{device}/{act}", {
                format!("{user}/devices/{device}/forget")
            }),
        ];
        for search in [
            "",
            "?q=user0000001",
            "?q=user0000001&match=is",
            "?q=user",
            "?q=zzz",
            "?by=email&q=user0000001",
            "?by=email&q=user",
            "?by=email&q=user0000001%40example.com&match=is",
            "?by=phone_number&q=%2B14325551212&match=is",
            "?by=phone_number&q=%2B1",
            "?by=phone_number&q=%2B9",
            "?by=sub&q=0",
            "?by=sub&q=00000000-0000-4000-8000-000000000000&match=is",
        ] {
            pages.push(("/console/pools/{pool}/users", format!("{users}{search}")));
        }
        for list in ["devices", "sessions", "sign-ins", "groups", "attributes"] {
            let route = "/console/pools/{pool}/users/{user}/{list}";
            pages.push((route, format!("{user}/{list}")));
        }
        for outcome in ["passed", "failed"] {
            let route = "/console/pools/{pool}/users/{user}/{list}";
            pages.push((route, format!("{user}/sign-ins?only={outcome}")));
        }
        for act in [
            "confirm",
            "set-password",
            "reset-password",
            "sign-out",
            "add-to-group",
            "remove-from-group",
            "disable",
            "enable",
            "delete",
            "forget-devices",
            &format!("end-session?session={session}"),
        ] {
            let route = "/console/pools/{pool}/users/{user}/act/{act}";
            pages.push((route, format!("{user}/act/{act}")));
        }
        pages
    }
}

/// A text as a path has it.
fn encoded(text: &str) -> String {
    let pair = serde_urlencoded::to_string([("", text)]).unwrap();
    pair[1..].replace('+', "%20")
}

async fn make_pool(site: &Site, content: Content, name: &str) -> String {
    let devices = json!({ "ChallengeRequiredOnNewDevice": true,
        "DeviceOnlyRememberedOnUserPrompt": true });
    let template = json!({ "EmailSubject": content.said("Welcome", 140),
        "EmailMessage": content.said("{username} {####}", 20_000) });
    let tags = json!({ "device:notify": "new-device", "device:session-required": "all" });
    let members = json!({ "PoolName": name, "DeviceConfiguration": devices,
        "UserPoolTags": tags,
        "AdminCreateUserConfig": { "InviteMessageTemplate": template } });
    let made = call(site, request::<CreateUserPoolRequest>(members)).await;
    let pool = made.user_pool.unwrap().id.unwrap();
    let members = json!({ "UserPoolId": pool, "MfaConfiguration": "OPTIONAL",
        "SoftwareTokenMfaConfiguration": { "Enabled": true } });
    call(site, request::<SetUserPoolMfaConfigRequest>(members)).await;
    pool
}

async fn make_client(site: &Site, pool: &str, name: &str) -> String {
    let members = json!({ "UserPoolId": pool, "ClientName": name,
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] });
    let made = call(site, request::<CreateUserPoolClientRequest>(members)).await;
    made.user_pool_client.unwrap().client_id.unwrap().into_inner()
}

/// Makes the user with devices; returns the `sub` and a device's key.
async fn heavy_user(
    site: &Site,
    content: Content,
    pool: &str,
    client: &str,
    groups: &[String],
) -> (String, String) {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let names: Vec<String> = (0..if content.is_longest { 50 } else { 2 })
        .map(|n| format!("plan-of-the-day-{n:02}"))
        .collect();
    for names in names.chunks(25) {
        let attributes: Vec<Value> = names
            .iter()
            .map(|name| json!({ "Name": name, "AttributeDataType": "String", "Mutable": true }))
            .collect();
        let members = json!({ "UserPoolId": pool, "CustomAttributes": attributes });
        call(site, request::<AddCustomAttributesRequest>(members)).await;
    }
    let standard = ["name", "given_name", "family_name", "nickname", "address", "website"];
    let standard = standard.map(ToOwned::to_owned).into_iter();
    let custom = names.iter().map(|name| format!("custom:{name}"));
    let long = standard
        .chain(custom)
        .map(|name| json!({ "Name": name, "Value": content.said("Ada", 2048) }));
    let contact = [
        json!({ "Name": "email", "Value": "ada@example.com" }),
        json!({ "Name": "phone_number", "Value": "+14325551213" }),
    ];
    let attributes: Vec<Value> = long.chain(contact).collect();
    let name = content.named("ada");
    let members = json!({ "UserPoolId": pool, "Username": name, "MessageAction": "SUPPRESS",
        "UserAttributes": attributes });
    let made = call(site, request::<AdminCreateUserRequest>(members)).await.user.unwrap();
    let attributes = made.attributes.unwrap();
    let sub = attributes.into_iter().find(|attribute| attribute.name == "sub").unwrap();
    let sub = sub.value.unwrap().into_inner();
    for group in groups {
        call(site, AdminAddUserToGroupRequest::new(pool, &*name, group.as_str())).await;
    }
    let password = AdminSetUserPasswordRequest {
        permanent: Some(true),
        ..AdminSetUserPasswordRequest::new(pool, &*name, PASSWORD)
    };
    call(site, password).await;
    let mut last = String::new();
    for n in 0..content.others {
        let members = json!({ "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client,
            "AuthParameters": { "USERNAME": name, "PASSWORD": PASSWORD } });
        let result = api(site, "InitiateAuth", members).await["AuthenticationResult"].clone();
        result["NewDeviceMetadata"]["DeviceKey"].as_str().unwrap().clone_into(&mut last);
        let device = content.said(&format!("Ada's laptop {n}"), 1024);
        let members = json!({ "AccessToken": result["AccessToken"], "DeviceKey": last,
            "DeviceName": device, "DeviceSecretVerifierConfig": {
                "PasswordVerifier": STANDARD.encode([1; 384]),
                "Salt": STANDARD.encode([1; 16]) } });
        api(site, "ConfirmDevice", members).await;
    }
    (sub, last)
}

/// Sends messages to users.
async fn invite(site: &Site, content: Content, pool: &str) {
    for n in 0..content.others {
        let name = content.named(&format!("invited{n}"));
        let address = format!("invited{n}@example.com");
        let members = json!({ "UserPoolId": pool, "Username": name,
            "DesiredDeliveryMediums": ["EMAIL"],
            "UserAttributes": [{ "Name": "email", "Value": address }] });
        call(site, request::<AdminCreateUserRequest>(members)).await;
    }
}

/// Copies the records of two users, one of whom is not confirmed, past the engine.
async fn multiply(site: &Site, content: Content, pool: &str, client: &str, group: &str) {
    let name = |start: &str| content.said(start, 128);
    let attributes = json!([
        { "Name": "email", "Value": "user0000000@example.com" },
        { "Name": "phone_number", "Value": "+14325551212" },
        { "Name": "phone_number_verified", "Value": "true" },
    ]);
    let members = json!({ "UserPoolId": pool, "Username": name("user0000000"),
        "MessageAction": "SUPPRESS", "UserAttributes": attributes });
    let made = call(site, request::<AdminCreateUserRequest>(members)).await.user.unwrap();
    let sub = made.attributes.unwrap().into_iter().find(|found| found.name == "sub").unwrap();
    let add = AdminAddUserToGroupRequest::new(pool, name("user0000000"), group);
    call(site, add).await;
    copy(&*site.store, "user", &sub.value.unwrap().into_inner(), content.users);

    let members = json!({ "ClientId": client, "Username": name("news0000000"),
        "Password": PASSWORD });
    let sub = api(site, "SignUp", members).await["UserSub"].as_str().unwrap().to_owned();
    copy(&*site.store, "news", &sub, content.waiting);
    let changes = (0..content.waiting).map(|n| {
        let key = Key { table: Table::Count, id: format!("{pool}/change/{n:032x}") };
        (key, Write::Put { body: b"{\"users\":1}".to_vec(), expires_at: None })
    });
    apply(&*site.store, changes);
    let sessions = site.store.scan(Table::AdminSession, "", None, 1).unwrap();
    let sessions = sessions.iter().flat_map(|(_, record)| {
        (1..content.waiting.min(900)).map(move |n| {
            let mut session: Value = serde_json::from_slice(&record.body).unwrap();
            let id = format!("session{n:04}");
            session["id"] = id.clone().into();
            let body = session.to_string().into_bytes();
            (Key { table: Table::AdminSession, id }, Write::Put { body, expires_at: None })
        })
    });
    apply(&*site.store, sessions);
}

/// Makes `count` users of the one whose name starts with `start` and seven zeros.
fn copy(store: &dyn Store, start: &str, sub: &str, count: usize) {
    let first = format!("{start}0000000");
    let tables = [Table::User, Table::UserProfile, Table::Login, Table::UserIndex];
    let is_theirs = |(key, record): &(Key, Record)| {
        key.id.contains(&first) || String::from_utf8_lossy(&record.body).contains(&first)
    };
    let mut records = Vec::new();
    for table in tables {
        let mut after: Option<String> = None;
        loop {
            let found = store.scan(table, "", after.as_deref(), BATCH).unwrap();
            let Some((last, _)) = found.last() else { break };
            after = Some(last.id.clone());
            records.extend(found.into_iter().filter(is_theirs));
        }
    }
    let writes = (1..count).flat_map(|n| {
        let number = u32::try_from(n).unwrap().wrapping_mul(2_654_435_761);
        let other = format!("{number:08x}{}", &sub[8..]);
        let (name, sub, first) = (format!("{start}{n:07}"), sub.to_owned(), first.clone());
        records.iter().map(move |(key, record)| {
            let renamed = |text: &str| text.replace(&first, &name).replace(&sub, &other);
            let body = renamed(std::str::from_utf8(&record.body).unwrap()).into_bytes();
            let key = Key { table: key.table, id: renamed(&key.id) };
            (key, Write::Put { body, expires_at: None })
        })
    });
    apply(store, writes);
}

fn apply(store: &dyn Store, writes: impl Iterator<Item = (Key, Write)>) {
    let mut writes = writes.peekable();
    while writes.peek().is_some() {
        let writes = writes.by_ref().take(BATCH).collect();
        store.apply(Change { expect: Vec::new(), writes }).unwrap();
    }
}
