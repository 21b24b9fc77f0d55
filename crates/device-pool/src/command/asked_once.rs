//! Hooks that are asked once for an operation, however often it is decided.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::host::hooks::{HookError, Hooks};

/// Remembers what the hooks answered, by the question and how often it was asked.
///
/// A command that others interfered with is decided again from its start and asks the same
/// questions; the operator's code must not act on each twice.
pub(crate) struct AskedOnce<'h> {
    hooks: &'h dyn Hooks,
    known: Mutex<Known>,
}

type Answer = Result<Value, HookError>;

#[derive(Default)]
struct Known {
    answers: BTreeMap<(Question, usize), Answer>,
    /// How often each question was asked in the decision under way.
    asked: BTreeMap<Question, usize>,
}

/// What of an event tells it from others of the same operation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    source: String,
    function: Option<String>,
    /// The addresses in an event about a message: the text for one does not fit another.
    addresses: Option<[String; 2]>,
}

impl Question {
    fn of(function: Option<&str>, event: &Value) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("").to_owned();
        let source = text(event.get("triggerSource"));
        let attribute =
            |name| text(event.pointer("/request/userAttributes").and_then(|all| all.get(name)));
        let addresses =
            source.starts_with("CustomMessage_").then(|| ["email", "phone_number"].map(attribute));
        Self { source, function: function.map(str::to_owned), addresses }
    }
}

impl<'h> AskedOnce<'h> {
    pub(crate) fn new(hooks: &'h dyn Hooks) -> Self {
        Self { hooks, known: Mutex::default() }
    }

    /// Begins another decision of the same operation.
    pub(crate) fn decide_again(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).asked.clear();
    }
}

impl Hooks for AskedOnce<'_> {
    fn call(&self, function: Option<&str>, event: &Value) -> Answer {
        let question = Question::of(function, event);
        let key = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = known.asked.entry(question.clone()).or_default();
            let key = (question, *asked);
            *asked += 1;
            if let Some(answer) = known.answers.get(&key) {
                return answer.clone();
            }
            key
        };
        // Unlocked, since a hook may take seconds.
        let answer = self.hooks.call(function, event);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.answers.insert(key, answer.clone());
        answer
    }

    fn runs(&self, function: Option<&str>) -> bool {
        self.hooks.runs(function)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;

    struct Counting(AtomicUsize);

    impl Hooks for Counting {
        fn call(&self, _: Option<&str>, _: &Value) -> Answer {
            Ok(json!(self.0.fetch_add(1, Ordering::Relaxed)))
        }
    }

    #[test]
    fn a_second_decision_gets_the_answers_of_the_first() {
        let hooks = Counting(AtomicUsize::new(0));
        let once = AskedOnce::new(&hooks);
        let ask = |source: &str| once.call(None, &json!({ "triggerSource": source })).unwrap();
        let first = ["a", "b", "a"].map(ask);
        assert_eq!(first, [json!(0), json!(1), json!(2)]);
        once.decide_again();
        assert_eq!(["a", "b", "a"].map(ask), first);
        assert_eq!(ask("a"), json!(3), "a question that was not asked before");
    }

    #[test]
    fn another_function_or_address_is_another_question() {
        let hooks = Counting(AtomicUsize::new(0));
        let once = AskedOnce::new(&hooks);
        let ask = |function, source: &str, email: &str| {
            let request = json!({"userAttributes": {"email": email}});
            let event = json!({"triggerSource": source, "request": request});
            once.call(Some(function), &event).unwrap()
        };
        let message = "CustomMessage_UpdateUserAttribute";
        assert_eq!(ask("f", message, "ada@example.com"), json!(0));
        once.decide_again();
        assert_eq!(ask("f", message, "ada@example.org"), json!(1), "another address");
        assert_eq!(ask("g", message, "ada@example.com"), json!(2), "another function");
        assert_eq!(ask("f", message, "ada@example.com"), json!(0));
        assert_eq!(ask("f", "PreSignUp_SignUp", "ada@example.com"), json!(3));
        once.decide_again();
        assert_eq!(ask("f", "PreSignUp_SignUp", "ada@example.org"), json!(3));
    }
}
