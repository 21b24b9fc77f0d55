//! Answers of the operator's hook.

use serde_json::{Value, json};

use crate::bodies::conversation;
use crate::{Input, Seed};

/// The hook's reaction to one event.
#[derive(Debug, PartialEq)]
pub enum HookAnswer {
    /// The hook answered, with JSON.
    Answered(Value),
    /// The hook answered with text that is not JSON, or too deep.
    Noise(String),
    /// The hook refused, for a reason.
    Refused(String),
    /// The hook could not be asked.
    Failed(String),
    /// There is no hook.
    Missing,
    /// Too many calls wait for the hook.
    Busy,
}

/// The hook's answers during one sign-in, in order.
///
/// They are lines. Each begins with a word and a space: `answer`, `refuse`, `fail`, `missing`,
/// `busy`.
#[derive(Debug, PartialEq)]
pub struct HookAnswers(pub Vec<HookAnswer>);

impl Input for HookAnswers {
    const TARGET: &'static str = "hook_answers";

    fn decode(data: &[u8]) -> Option<Self> {
        let answer = |line: &str| {
            let (word, rest) = line.split_once(' ')?;
            Some(match word {
                "answer" => match serde_json::from_str(rest) {
                    Ok(answer) => HookAnswer::Answered(answer),
                    Err(_) => HookAnswer::Noise(rest.to_owned()),
                },
                "refuse" => HookAnswer::Refused(rest.to_owned()),
                "fail" => HookAnswer::Failed(rest.to_owned()),
                "missing" => HookAnswer::Missing,
                "busy" => HookAnswer::Busy,
                _ => return None,
            })
        };
        let text = std::str::from_utf8(data).ok()?;
        text.lines().map(answer).collect::<Option<_>>().map(Self)
    }

    fn encode(&self) -> Vec<u8> {
        let line = |answer: &HookAnswer| match answer {
            HookAnswer::Answered(answer) => format!("answer {answer}\n"),
            HookAnswer::Noise(text) => format!("answer {text}\n"),
            HookAnswer::Refused(reason) => format!("refuse {reason}\n"),
            HookAnswer::Failed(reason) => format!("fail {reason}\n"),
            HookAnswer::Missing => "missing \n".to_owned(),
            HookAnswer::Busy => "busy \n".to_owned(),
        };
        self.0.iter().map(line).collect::<String>().into_bytes()
    }

    fn describe(&self) -> String {
        conversation(self.0.iter().map(|answer| {
            let name = match answer {
                HookAnswer::Answered(answer) => named(&answer["response"]),
                HookAnswer::Noise(_) => "noise",
                HookAnswer::Refused(_) => "refused",
                HookAnswer::Failed(_) => "failed",
                HookAnswer::Missing => "missing",
                HookAnswer::Busy => "busy",
            };
            name.to_owned()
        }))
    }
}

/// The decision in a response, by name.
fn named(response: &Value) -> &'static str {
    if response["failAuthentication"] == true {
        "fail"
    } else if response["issueTokens"] == true {
        "issue"
    } else if response["challengeName"] == "CUSTOM_CHALLENGE" {
        "ask"
    } else if response["challengeName"].is_string() {
        "ask_other"
    } else if response["publicChallengeParameters"].is_object() {
        "create"
    } else if response["answerCorrect"] == true {
        "right"
    } else if response["answerCorrect"] == false {
        "wrong"
    } else {
        "other"
    }
}

pub(crate) fn seeds(seeds: &mut Vec<Seed>) {
    let answer = |response: Value| HookAnswer::Answered(json!({"response": response}));
    let ask = || answer(json!({"challengeName": "CUSTOM_CHALLENGE", "issueTokens": false}));
    let create = || {
        answer(json!({"publicChallengeParameters": {"question": "colour"},
            "privateChallengeParameters": {"answer": "green"}, "challengeMetadata": "C"}))
    };
    let correct = |correct: bool| answer(json!({"answerCorrect": correct}));
    let issue = || answer(json!({"issueTokens": true}));
    let mut put = |answers: Vec<HookAnswer>, note: &str| {
        seeds.push(Seed::typed(&HookAnswers(answers), note));
    };

    put(vec![ask(), create(), correct(true), issue()], "");
    put(vec![ask(), create(), correct(false), ask(), create(), correct(true), issue()], "");
    put(vec![ask(), create(), correct(false), answer(json!({"failAuthentication": true}))], "");
    put(vec![issue()], "");
    put(vec![answer(json!({"challengeName": "SRP_A"}))], "srp");
    put(vec![answer(json!({"challengeName": "PASSWORD_VERIFIER"}))], "password");
    put(vec![answer(json!({"challengeName": "SMS_MFA"}))], "sms");
    put(vec![answer(json!({"challengeName": ""}))], "empty");
    put(vec![answer(json!({}))], "nothing");
    put(vec![answer(Value::Null)], "null");
    put(vec![HookAnswer::Answered(json!([]))], "list");
    put(vec![HookAnswer::Answered(json!({}))], "no_response");
    put(vec![answer(json!({"issueTokens": "true"}))], "flag_of_text");
    put(vec![answer(json!({"issueTokens": true, "failAuthentication": true}))], "both");
    put(vec![ask(), answer(json!({"publicChallengeParameters": {"a": 1}}))], "number");
    put(vec![ask(), answer(json!({"publicChallengeParameters": {"USERNAME": "x"}}))], "name");
    put(vec![ask(), answer(json!({"publicChallengeParameters": {}}))], "empty");
    put(vec![ask(), create(), answer(json!({"answerCorrect": "yes"}))], "text");
    put(vec![HookAnswer::Noise("{".to_owned())], "open");
    put(vec![HookAnswer::Noise("[".repeat(200))], "deep");
    for last in [
        || HookAnswer::Refused("not today".to_owned()),
        || HookAnswer::Failed("it took too long".to_owned()),
        || HookAnswer::Missing,
        || HookAnswer::Busy,
    ] {
        put(vec![last()], "");
        put(vec![ask(), last()], "");
        put(vec![ask(), create(), last()], "");
        put(vec![ask(), create(), correct(true), last()], "");
    }
}
