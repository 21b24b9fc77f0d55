//! Replies to the client's state machine.

use arbitrary::{Arbitrary, Unstructured};
use serde_json::{Value, json};

use crate::bodies::{
    DEVICE_KEY, NOISE, challenges, conversation, device_verifier, name, new_device,
    password_verifier, refusals, tokens,
};
use crate::{Input, Seed, encoding};

/// One reply of the service.
#[derive(Arbitrary, Debug, PartialEq)]
pub struct Reply {
    /// Whether its status was 200.
    pub ok: bool,
    /// Its body.
    pub body: Vec<u8>,
}

/// The replies to one sign-in, in order.
#[derive(Arbitrary, Debug, PartialEq)]
pub struct Replies(pub Vec<Reply>);

impl Input for Replies {
    const TARGET: &'static str = "client_state_machine";

    fn decode(data: &[u8]) -> Option<Self> {
        Self::arbitrary_take_rest(Unstructured::new(data)).ok()
    }

    fn encode(&self) -> Vec<u8> {
        encoding::list(&self.0, |reply| {
            [vec![u8::from(reply.ok)], encoding::bytes(&reply.body)].concat()
        })
    }

    fn describe(&self) -> String {
        let refused = |reply: &Reply| if reply.ok { "" } else { "error_" };
        conversation(self.0.iter().map(|reply| format!("{}{}", refused(reply), name(&reply.body))))
    }
}

/// A reply of status 200.
fn answer(body: &Value) -> Reply {
    Reply { ok: true, body: body.to_string().into_bytes() }
}

/// A reply of another status.
fn error(body: &Value) -> Reply {
    Reply { ok: false, ..answer(body) }
}

pub(crate) fn seeds(seeds: &mut Vec<Seed>) {
    let mut put =
        |replies: Vec<Reply>, note: &str| seeds.push(Seed::typed(&Replies(replies), note));
    let verifier = || answer(&password_verifier());
    let signed_in = || answer(&tokens(None));
    let confirmed = |asked: bool| answer(&json!({"UserConfirmationNecessary": asked}));

    put(vec![verifier(), signed_in()], "");
    put(vec![verifier(), answer(&new_device()), confirmed(true)], "on_request");
    put(vec![verifier(), answer(&new_device()), confirmed(false)], "always");
    for (refusal, note) in refusals() {
        put(vec![verifier(), answer(&new_device()), error(&refusal)], note);
        put(vec![error(&refusal)], note);
        put(vec![verifier(), error(&refusal), verifier(), signed_in()], note);
    }
    let device_asked = json!({"ChallengeName": "DEVICE_SRP_AUTH", "Session": "s".repeat(24),
        "ChallengeParameters": {"USERNAME": "user"}});
    let of_device = answer(&tokens(Some(DEVICE_KEY)));
    put(vec![verifier(), answer(&device_asked), answer(&device_verifier()), of_device], "");
    for (challenge, note) in challenges() {
        put(vec![answer(&challenge)], note);
        put(vec![verifier(), answer(&challenge)], note);
    }
    for (parameter, value, note) in odd_parameters() {
        let mut odd = password_verifier();
        odd["ChallengeParameters"][parameter] = value;
        put(vec![answer(&odd), signed_in()], note);
    }
    for (member, value, note) in odd_results() {
        let mut odd = tokens(None);
        odd["AuthenticationResult"][member] = value;
        put(vec![verifier(), answer(&odd)], note);
    }
    for (note, body) in NOISE {
        for ok in [true, false] {
            put(vec![Reply { ok, body: body.to_vec() }], note);
        }
    }
    put(Vec::new(), "");
}

fn odd_parameters() -> Vec<(&'static str, Value, &'static str)> {
    let n = format!("{:x}", &*crate::numbers::N);
    vec![
        ("SRP_B", Value::Null, "no_b"),
        ("SRP_B", json!("0"), "b_zero"),
        ("SRP_B", json!(n), "b_is_n"),
        ("SRP_B", json!("f".repeat(769)), "b_too_long"),
        ("SRP_B", json!("xyz"), "b_no_number"),
        ("SALT", json!("0abc"), "salt_even"),
        ("SALT", Value::Null, "no_salt"),
        ("SALT", json!("1".repeat(129)), "salt_too_long"),
        ("SECRET_BLOCK", json!("*"), "block_no_base64"),
        ("SECRET_BLOCK", json!("QUI"), "block_unpadded"),
        ("SECRET_BLOCK", Value::Null, "no_block"),
        ("USER_ID_FOR_SRP", json!("other"), "other_user"),
        ("USER_ID_FOR_SRP", Value::Null, "no_user_id"),
        ("USERNAME", Value::Null, "no_name"),
    ]
}

fn odd_results() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("AccessToken", json!("a"), "no_jwt"),
        ("AccessToken", json!("a.b.c"), "jwt_of_noise"),
        ("ExpiresIn", json!(3600.5), "expiry_of_halves"),
        ("ExpiresIn", json!("3600"), "expiry_of_text"),
        ("ExpiresIn", json!(i32::MAX), "expiry_far"),
        ("ExpiresIn", json!(-1), "expiry_negative"),
        ("IdToken", Value::Null, "no_id_token"),
        ("RefreshToken", Value::Null, "no_refresh_token"),
        ("Extra", json!([1, {"a": null}]), "extra_member"),
    ]
}
