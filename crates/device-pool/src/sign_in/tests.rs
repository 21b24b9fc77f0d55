//! Tests of single steps, without the loop that decides what is due.

use device_wire::enums::{ChallengeNameType, UserStatusType};
use device_wire::responses::InitiateAuthResponse;
use device_wire::shapes::{UserPoolClientType, UserPoolType};
use device_wire::{ErrorCode, Sensitive, param};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::command::context::Context;
use crate::command::notes::Notes;
use crate::command::transaction::Transaction;
use crate::crypto::jwt::KeyRing;
use crate::error::ServiceError;
use crate::host::development::Development;
use crate::host::device_messages::DeviceMessages;
use crate::host::hooks::NoHooks;
use crate::host::invocation::{Config, Invocation, Retention};
use crate::host::moment::Moment;
use crate::host::risk::NewAddressOrFailures;
use crate::host::signing_keys::SigningKeySource;
use crate::records::app_client::AppClient;
use crate::records::login::Login;
use crate::records::pool::{MfaMethods, Pool};
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::names::AliasConflict;
use crate::rules::parties::Parties;
use crate::sign_in::progress::Progress;
use crate::sign_in::session::Stage;
use crate::sign_in::step::{Step, StepRequest};
use crate::sign_in::{new_password, password, user_auth};
use crate::store::{Change, Key, Record, Store, StoreError, Table};

const PASSWORD: &str = "Correct-horse-7";
const NOW: Moment = Moment::from_millis(1_790_000_000_000);

/// An empty store. A step finds what its own transaction wrote.
struct Empty;

impl Store for Empty {
    fn get(&self, _: &Key) -> Result<Option<Record>, StoreError> {
        Ok(None)
    }

    fn scan(
        &self,
        _: Table,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        Ok(Vec::new())
    }

    fn apply(&self, _: Change) -> Result<(), StoreError> {
        Ok(())
    }

    fn purge(&self, _: i64) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// No signing keys: no step here issues a token.
struct NoSigningKeys;

impl SigningKeySource for NoSigningKeys {
    fn generate(&self) -> Result<Vec<u8>, ServiceError> {
        Ok(Vec::new())
    }
}

/// Runs `test` on a pool with one user, `ada`, whose password is [`PASSWORD`].
fn with_user<T>(status: UserStatusType, test: impl FnOnce(&mut Context<'_, '_>) -> T) -> T {
    let mut rng = StdRng::seed_from_u64(7);
    let config = Config {
        region: "eu-test-1".to_owned(),
        account_id: "000000000000".to_owned(),
        public_base_url: "http://localhost:9229".to_owned(),
        retention: Retention::default(),
    };
    let mut cx = Context {
        tx: Transaction::new(&Empty),
        notes: Notes::default(),
        invocation: &mut Invocation::new(NOW, &mut rng),
        outbox: Vec::new(),
        warnings: Vec::new(),
        config: &config,
        key_ring: &KeyRing::default(),
        hooks: &NoHooks,
        signing_keys: &NoSigningKeys,
        risk: &NewAddressOrFailures,
        device_messages: &DeviceMessages::default(),
        development: &Development::default(),
    };
    let keys = PoolKeys::generate(&mut cx, "eu-test-1_people").unwrap();
    cx.tx.put(&keys).unwrap();
    let mut user = User::new(&cx, &pool(), "ada".into(), "sub".into(), status.clone());
    user.set_password(&mut cx, &pool(), PASSWORD, status).unwrap();
    cx.tx.put(&user).unwrap();
    Login::update(&mut cx, &pool(), None, &user, AliasConflict::Refuse).unwrap();
    test(&mut cx)
}

fn pool() -> Pool {
    Pool {
        id: "eu-test-1_people".to_owned(),
        description: UserPoolType::default(),
        mfa: MfaMethods::default(),
        names_have_case: true,
        is_listed: true,
    }
}

/// A request with these parameters and this session.
fn request(
    cx: &mut Context<'_, '_>,
    session: Option<String>,
    given: &[(&str, &str)],
) -> StepRequest {
    let description = UserPoolClientType::default();
    let client =
        AppClient { id: "app".to_owned(), pool_id: pool().id, description, secrets: Vec::new() };
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let given = Some(Sensitive::from(given.collect::<std::collections::BTreeMap<_, _>>()));
    StepRequest::new(cx, pool().into(), client.into(), session.map(Sensitive::from), given, None)
        .unwrap()
}

#[track_caller]
fn passed(step: Step) -> (Parties, Progress) {
    match step {
        Step::Passed(parties, progress) => (*parties, *progress),
        Step::Answer(_) => panic!("the step answered the client"),
    }
}

#[test]
fn a_proven_password_passes_and_decides_nothing() {
    // The loop, not the step, decides that a new password is due.
    with_user(UserStatusType::ForceChangePassword, |cx| {
        let given = [(param::USERNAME, "ada"), (param::PASSWORD, PASSWORD)];
        let request = request(cx, None, &given);
        let (parties, progress) = passed(password::sign_in_by_password(cx, request).unwrap());
        assert_eq!(parties.user.username, "ada");
        assert_eq!((progress.password_proven, progress.mfa_passed), (true, false));
        assert_eq!(progress.trail.password, Some(true));
    });
}

#[test]
fn a_wrong_password_does_not_pass() {
    with_user(UserStatusType::Confirmed, |cx| {
        let given = [(param::USERNAME, "ada"), (param::PASSWORD, "Wrong-horse-7")];
        let request = request(cx, None, &given);
        let refused = password::sign_in_by_password(cx, request).err().unwrap();
        assert_eq!(*refused.code(), ErrorCode::NotAuthorized);
    });
}

#[test]
fn an_offer_of_first_factors_answers_the_client() {
    with_user(UserStatusType::Confirmed, |cx| {
        let request = request(cx, None, &[(param::USERNAME, "ada")]);
        let Step::Answer(answer) = user_auth::start(cx, request).unwrap() else {
            panic!("nothing was proven yet");
        };
        let answer = InitiateAuthResponse::from(*answer);
        assert_eq!(answer.challenge_name, Some(ChallengeNameType::SelectChallenge));
        assert_eq!(
            answer.available_challenges,
            Some(vec![ChallengeNameType::PasswordSrp, ChallengeNameType::Password])
        );
    });
}

#[test]
fn a_new_password_passes_once_and_uses_its_session_up() {
    with_user(UserStatusType::ForceChangePassword, |cx| {
        let given = [(param::USERNAME, "ada"), (param::PASSWORD, PASSWORD)];
        let first = request(cx, None, &given);
        let (parties, progress) = passed(password::sign_in_by_password(cx, first).unwrap());
        let session =
            progress.session(cx, &parties.keys, &parties.client, Stage::NewPassword).unwrap();

        let given = [(param::USERNAME, "ada"), (param::NEW_PASSWORD, "Battery-staple-7")];
        let answer = request(cx, Some(session.clone()), &given);
        let (parties, progress) = passed(new_password::answer(cx, answer).unwrap());
        assert_eq!(parties.user.status, UserStatusType::Confirmed);
        assert!(progress.is_of(&parties.user), "the sign-in goes on under the new password");

        let again = request(cx, Some(session), &given);
        let refused = new_password::answer(cx, again).err().unwrap();
        assert!(refused.message().ends_with("session can only be used once."), "{refused}");
    });
}

#[test]
fn a_session_opens_for_its_own_stage_alone() {
    with_user(UserStatusType::Confirmed, |cx| {
        let given = [(param::USERNAME, "ada"), (param::PASSWORD, PASSWORD)];
        let first = request(cx, None, &given);
        let (parties, progress) = passed(password::sign_in_by_password(cx, first).unwrap());
        let session =
            progress.session(cx, &parties.keys, &parties.client, Stage::SelectFactor).unwrap();
        let given = [(param::USERNAME, "ada"), (param::NEW_PASSWORD, "Battery-staple-7")];
        let answer = request(cx, Some(session), &given);
        let refused = new_password::answer(cx, answer).err().unwrap();
        assert_eq!(*refused.code(), ErrorCode::NotAuthorized);
    });
}
