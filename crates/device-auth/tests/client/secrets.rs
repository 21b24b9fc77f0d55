//! Formats every public type of the client's crates, and none shows a secret.
//!
//! All secrets contain "hush", except the device's secret: it is random, and searched for itself.

use std::any::type_name;
use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::time::SystemTime;

use device_auth::{
    SessionOrigin, SessionStore as _, SignInOptions, Tokens, UserContextDataType, Warning,
};
use device_http::{CallOutcome, ErrorKind};
use device_proto::{
    Asked, Config, DeviceOutcome, ListDevices, ListStep, MalformedPoolId, Refresh, RefreshStep,
    RememberChoice, Repeat, Reply, Request, SecondFactor, ServiceError, SignIn, Step, ThisDevice,
};
use device_wire::ErrorCode;
use serde_json::{Value, json};

use super::files::{owner, record};
use super::*;

/// Exports that are not types: traits, aliases, functions, modules.
const NO_TYPES: [&str; 6] =
    ["BoxFuture", "DeviceStore", "HttpClient", "SessionStore", "device_http", "is_expired"];

/// The formatted text so far, and the names of the types that were formatted.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<(BTreeSet<String>, String)>>);

impl Shown {
    fn debug<T: Debug>(&self, value: &T) {
        let mut shown = self.0.lock().unwrap();
        let name = type_name::<T>().split(['<', ' ']).next().unwrap();
        let (module, name) = (name.split("::").next().unwrap(), name.rsplit("::").next().unwrap());
        shown.0.insert(format!("{module}::{name}"));
        shown.1 += &format!("{value:?} {value:#?}\n");
    }

    fn both<T: Debug + Display>(&self, value: &T) {
        self.debug(value);
        self.0.lock().unwrap().1 += &format!("{value} {value:#}\n");
    }
}

/// The names that a crate's root exports, each with the crate that defines it.
fn exported(source: &str, name: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for list in source.split("pub use ").skip(1) {
        let list = list.split(';').next().unwrap();
        let from = list.split("::").next().unwrap();
        let from = if from.starts_with("device_") { from } else { name };
        let names = list.rsplit("::").next().unwrap().trim_matches(['{', '}']);
        all.extend(
            names
                .split(',')
                .map(str::trim)
                .filter(|one| !one.is_empty())
                .map(|one| format!("{from}::{one}")),
        );
    }
    all
}

#[tokio::test]
async fn no_public_type_shows_a_secret() {
    let shown = Shown::default();
    let mut secrets = vec!["hush".to_owned(), PASSWORD.to_owned(), CODE.to_owned()];
    of_proto(&shown, &mut secrets);
    of_http(&shown).await;
    of_auth(&shown, &mut secrets).await;

    let (types, text) = shown.0.lock().unwrap().clone();
    let mut due = exported(include_str!("../../../device-proto/src/lib.rs"), "device_proto");
    due.extend(exported(include_str!("../../../device-http/src/lib.rs"), "device_http"));
    due.extend(exported(include_str!("../../src/lib.rs"), "device_auth"));
    due.retain(|name| {
        let (from, one) = name.split_once("::").unwrap_or(("", name));
        // device-wire tests its own types. Types behind a feature are there only with it.
        let absent = (!cfg!(feature = "admin") && one == "DeviceAdmin")
            || (!cfg!(feature = "keyring") && one == "KeychainStore");
        from != "device_wire" && !NO_TYPES.contains(&one) && !absent
    });
    let missing: Vec<_> = due.difference(&types).collect();
    assert!(missing.is_empty() && due.len() > 50, "not formatted, of {}: {missing:?}", due.len());
    for secret in secrets {
        // A list of the secret's bytes would reveal it too.
        let bytes = format!("{:?}", secret.as_bytes());
        let bytes = bytes.trim_matches(['[', ']']);
        let found = text.lines().find(|line| line.contains(&secret) || line.contains(bytes));
        assert!(found.is_none(), "{secret} in {found:?}");
    }
}

/// The next step of a sign-in that the service answered with this.
fn answered(answer: &Value) -> Result<Step, device_proto::Error> {
    let config = Config::new(POOL, CLIENT).unwrap().with_client_secret("clienthush");
    let rng = &mut StdRng::seed_from_u64(1);
    let this = ThisDevice::from(Some(record(USER, "eu_1")));
    let (sign_in, _) =
        SignIn::start(&config, Credentials::password(USER, "passwordhush"), this, rng);
    handle(sign_in, answer)
}

fn handle(sign_in: SignIn, answer: &Value) -> Result<Step, device_proto::Error> {
    let answer = serde_json::to_vec(answer).unwrap();
    sign_in.handle(Reply::Answered(&answer), SystemTime::now(), &mut StdRng::seed_from_u64(2))
}

fn granted() -> Value {
    let tokens = json!({
        "AccessToken": "accesshush", "IdToken": "idhush", "RefreshToken": "refreshhush",
        "NewDeviceMetadata": {"DeviceKey": "eu_2", "DeviceGroupKey": "-g"}});
    json!({ "AuthenticationResult": tokens })
}

fn of_proto(shown: &Shown, secrets: &mut Vec<String>) {
    let config = Config::new(POOL, CLIENT).unwrap().with_client_secret("clienthush");
    shown.debug(&config);
    let context =
        UserContextDataType { ip_address: Some("hush".into()), encoded_data: Some("hush".into()) };
    let credentials =
        Credentials::srp(USER, "passwordhush").with_client_metadata([("captcha", "metahush")]);
    shown.debug(&credentials.with_user_context(context));
    shown.debug(&config.clone().with_client_metadata([("captcha", "metahush")]));
    shown.both(&MalformedPoolId);
    shown.both(&ServiceError::new(ErrorCode::NotAuthorized, "no"));
    let mut record = record(USER, "eu_1");
    record.password = "hush".into();
    shown.debug(&record.owner);
    shown.both(&record.status);
    shown.debug(&record);
    shown.debug(&ThisDevice::from(Some(record)));
    shown.debug(&(RememberChoice::Ask));
    shown.debug(&SecondFactor::Always);
    shown.debug(&Repeat::Always);
    shown.debug(&Reply::Answered(b"{\"AccessToken\":\"accesshush\"}"));
    let tokens = Tokens::new("accesshush");
    shown.debug(&tokens);
    shown.debug(&tokens.claims());

    let (list, request) = ListDevices::start("accesshush".into(), None);
    shown.debug(&list);
    shown.debug::<Request>(&request);
    let list = list.handle(Reply::Answered(br#"{"Devices":[{"DeviceKey":"eu_1"}]}"#)).unwrap();
    shown.debug(&list);
    let ListStep::Done(devices) = list else { panic!("more pages") };
    shown.debug(&devices[0]);
    let (refresh, request) = Refresh::start(&config, USER, "refreshhush".into(), None);
    shown.debug(&refresh);
    shown.debug(&request);
    let answer = granted().to_string();
    let step: RefreshStep = refresh.handle(Reply::Answered(answer.as_bytes())).unwrap();
    shown.debug(&step);

    of_challenges(shown);
    let named = json!({"ChallengeName": "SMS_MFA", "Session": "sessionhush",
        "ChallengeParameters": {"USERNAME": "bob"}});
    let Ok(Step::Find(lookup)) = answered(&named) else { panic!("no lookup") };
    shown.debug(&lookup);
    of_offer(shown);
    shown.both(&answered(&json!({"Session": "sessionhush"})).unwrap_err());
    for confirmed in [Some(json!({"UserConfirmationNecessary": true})), None] {
        let Ok(step) = answered(&granted()) else { panic!("refused") };
        shown.debug(&step);
        let Step::Send(sign_in, request) = step else { panic!("nothing to confirm") };
        shown.debug(&sign_in);
        shown.debug(&request);
        let done = match confirmed {
            Some(answer) => handle(sign_in, &answer),
            None => sign_in.handle(Reply::Lost, SystemTime::now(), &mut StdRng::seed_from_u64(3)),
        };
        let Ok(Step::Done(outcome)) = done else { panic!("not done") };
        shown.debug(&*outcome);
        shown.debug(&outcome.device);
        match outcome.device {
            DeviceOutcome::New { record, prompt } => {
                shown.debug(&prompt);
                secrets.push(record.password.as_str().to_owned());
            }
            DeviceOutcome::Unconfirmed { device, .. } => {
                shown.debug(&device);
                let (record, consent) = device.handle(Reply::Answered(b"{}")).unwrap();
                shown.debug(&consent);
                secrets.push(record.password.as_str().to_owned());
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A device proof that offers a new secret.
fn of_offer(shown: &Shown) {
    let asked = json!({
        "ChallengeName": "DEVICE_SRP_AUTH", "Session": "sessionhush",
        "ChallengeParameters": {"ROTATE_DEVICE_SECRET": "on"},
    });
    let Ok(Step::Reread(device)) = answered(&asked) else { panic!("no proof begun") };
    shown.debug(&device);
    let Step::Send(sign_in, _) = device.read(None) else { panic!("no proof begun") };
    let verifier = json!({
        "ChallengeName": "DEVICE_PASSWORD_VERIFIER", "Session": "sessionhush",
        "ChallengeParameters": {
            "SALT": "5a17", "SRP_B": "02", "SECRET_BLOCK": "aHVzaA==", "ROTATE_DEVICE_SECRET": "on",
        },
    });
    let Ok(Step::Keep(offer)) = handle(sign_in, &verifier) else { panic!("no offer") };
    shown.debug(&offer);
    let Step::Send(sign_in, _) = offer.saved() else { panic!("no proof sent") };
    shown.debug(&sign_in);
    let another = json!({
        "ChallengeName": "SMS_MFA", "Session": "sessionhush",
        "ChallengeParameters": {"DEVICE_SECRET_ROTATED": "true"},
    });
    let Ok(step) = handle(sign_in, &another) else { panic!("refused") };
    assert!(matches!(step, Step::Replaced { .. }), "{step:?}");
    shown.debug(&step);
}

fn of_challenges(shown: &Shown) {
    fn prompt<P: Debug>(shown: &Shown, asked: &Asked<P>) {
        shown.debug(asked);
        shown.debug(asked.prompt());
    }
    let parameters = [
        ("SOFTWARE_TOKEN_MFA", json!({})),
        ("SELECT_MFA_TYPE", json!({"MFAS_CAN_CHOOSE": "[\"SMS_MFA\"]"})),
        ("SELECT_CHALLENGE", json!({})),
        ("NEW_PASSWORD_REQUIRED", json!({"userAttributes": "{\"email\":\"addresshush\"}"})),
        ("MFA_SETUP", json!({"MFAS_CAN_SETUP": "[\"SOFTWARE_TOKEN_MFA\"]"})),
        ("CUSTOM_CHALLENGE", json!({"question": "questionhush"})),
    ];
    for (name, parameters) in parameters {
        let answer = json!({
            "ChallengeName": name, "Session": "sessionhush", "ChallengeParameters": parameters,
            "AvailableChallenges": ["SMS_OTP"]});
        let step = answered(&answer).unwrap();
        shown.debug(&step);
        let Step::Ask(challenge) = step else { panic!("{name} is not asked") };
        shown.debug(&challenge);
        match challenge {
            device_proto::Challenge::Code(asked) => {
                prompt(shown, &asked);
                shown.debug(&asked.prompt().source);
                shown.debug(&asked.answer("codehush").1);
            }
            device_proto::Challenge::SelectMfa(asked) => prompt(shown, &asked),
            device_proto::Challenge::SelectFactor(asked) => prompt(shown, &asked),
            device_proto::Challenge::NewPassword(asked) => {
                prompt(shown, &asked);
                shown.debug(&asked.answer("newhush").1);
            }
            device_proto::Challenge::MfaSetup(asked) => {
                prompt(shown, &asked);
                let (sign_in, _) = asked.authenticator();
                let secret = json!({"SecretCode": "secrethush", "Session": "sessionhush"});
                let step = handle(sign_in, &secret).unwrap();
                let Step::Ask(device_proto::Challenge::AuthenticatorSetup(asked)) = step else {
                    panic!("no authenticator")
                };
                prompt(shown, &asked);
            }
            device_proto::Challenge::Custom(asked) => prompt(shown, &asked),
            other => panic!("{other:?}"),
        }
    }
}

/// An HTTP stack that formats the requests and responses that pass through it.
struct Showing(Shared, Shown);

impl HttpClient for Showing {
    fn send<'a>(
        &'a self,
        request: HttpRequest<'a>,
    ) -> BoxFuture<'a, Result<HttpResponse, SendError>> {
        self.1.debug(&request);
        Box::pin(async move {
            let response = self.0.send(request).await?;
            self.1.debug(&response);
            Ok(response)
        })
    }
}

async fn of_http(shown: &Shown) {
    let service = Shared::new(Devices::Off, Mfa::Off);
    service.with(|service| {
        for fault in [Fault::Refuse(ErrorCode::InternalError, "later"), Fault::Lose] {
            service.fault("USER_PASSWORD_AUTH", fault);
        }
    });
    let seen = shown.clone();
    let builder = Client::builder()
        .endpoint_url("http://pool.test")
        .http_client(Showing(service, shown.clone()))
        .retry(RetryPolicy::never())
        .observer(move |call| {
            seen.0.lock().unwrap().0.insert("device_http::CallEvent".to_owned());
            seen.0.lock().unwrap().1 += &format!("{call:?}\n");
            seen.debug::<CallOutcome<'_>>(&call.outcome);
        });
    shown.debug(&builder);
    let client = builder.build().unwrap();
    shown.debug(&client);
    shown.debug(&RetryPolicy::default());
    shown.both(&SendError::interrupted("broken"));
    shown.debug(&ErrorKind::Connect);
    let config = Config::new(POOL, CLIENT).unwrap();
    for _ in 0..3 {
        let credentials = Credentials::password(USER, PASSWORD);
        let (_, request) = SignIn::start(&config, credentials, None, &mut StdRng::seed_from_u64(4));
        shown.debug(&request);
        match client.send(&request).await {
            Ok(body) => shown.debug(&body),
            Err(error) => shown.both(&error),
        }
    }
}

async fn of_auth(shown: &Shown, secrets: &mut Vec<String>) {
    let service = Shared::new(Devices::OptIn, Mfa::Asked);
    let store = MemoryStore::new();
    shown.debug(&SignInOptions::default());
    let http = Client::builder()
        .endpoint_url("http://pool.test")
        .http_client(service.clone())
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let builder = DeviceAuth::builder(POOL, CLIENT)
        .client_secret("clienthush")
        .client_metadata([("captcha", "metahush")])
        .http(http.clone())
        .store(store.clone())
        .session_store(store.clone());
    shown.debug(&builder);
    // The fake service knows no client secrets.
    let builder = DeviceAuth::builder(POOL, CLIENT).http(http.clone());
    let auth = builder.store(store.clone()).session_store(store.clone()).build().unwrap();
    let mut events = auth.events();
    shown.debug(&events);
    for _ in 0..2 {
        let step = auth.sign_in(Credentials::srp(USER, PASSWORD)).await.unwrap();
        shown.debug(&step);
        let SignInStep::Challenge(challenge) = step else { panic!("no code") };
        shown.debug(&challenge);
        let Challenge::Code(pending) = challenge else { panic!("{challenge:?}") };
        shown.debug(&pending);
        let SignInStep::Done(signed_in) = pending.answer(CODE).await.unwrap() else {
            panic!("more")
        };
        shown.debug(&signed_in);
        shown.debug(&signed_in.session);
        shown.debug(&signed_in.device);
        secrets.push(signed_in.session.access_token.as_str().to_owned());
    }
    let record = found(&store, &owner(USER)).await.unwrap();
    secrets.push(record.password.as_str().to_owned());
    let kept = store.load_session(CLIENT).await.unwrap().unwrap();
    secrets.extend(kept.tokens.refresh.iter().map(|token| token.as_str().to_owned()));
    shown.debug(&kept);
    shown.debug(&auth);
    shown.debug(&auth.fetch_current_device().await.unwrap());
    let user =
        json!({"Username": USER, "UserAttributes": [{"Name": "email", "Value": "addresshush"}]});
    let sent =
        json!({"CodeDeliveryDetailsList": [{"Destination": "a***", "AttributeName": "email"}]});
    for (step, answer) in [("GetUser", user), ("UpdateUserAttributes", sent)] {
        service.with(|service| service.fault(step, Fault::Answer(answer)));
    }
    shown.debug(&auth.fetch_user().await.unwrap());
    shown.debug(&auth.update_user_attributes(&[("email", "addresshush")]).await.unwrap()[0]);
    shown.debug(&events.next().await.unwrap());
    shown.both(&SessionOrigin::Federated);
    shown.debug(&store);
    shown.debug(&device_auth::FileStore::open("devices.json"));
    shown.debug(&device_auth::Turn::held("hush"));
    let broken = device_auth::StoreError::new("full").caused_by("no space");
    shown.both(&broken);
    shown.both(&Warning::RecordNotSaved(broken));
    for error in [
        auth.use_session(Tokens::new("opaquehush"), SessionOrigin::HostedUi).await.unwrap_err(),
        auth.sign_in(Credentials::password(USER, "wronghush")).await.unwrap_err(),
    ] {
        shown.both(&error);
    }
    #[cfg(feature = "admin")]
    shown.debug(&device_auth::DeviceAdmin::new(http, POOL));
    #[cfg(feature = "keyring")]
    shown.debug(&device_auth::KeychainStore::within(
        keyring_core::mock::Store::new().unwrap(),
        "app",
    ));
}
