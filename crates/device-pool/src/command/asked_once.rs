//! Hooks that are asked once for an operation, however often it is decided.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::host::hooks::{HookError, Hooks};

/// Remembers what the hooks answered, by the trigger source and how often it was asked.
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
    answers: BTreeMap<(String, usize), Answer>,
    /// How often each trigger source was asked in the decision under way.
    asked: BTreeMap<String, usize>,
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
        let source = event.get("triggerSource").and_then(Value::as_str).unwrap_or_default();
        let key = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = known.asked.entry(source.to_owned()).or_default();
            let key = (source.to_owned(), *asked);
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

    fn runs_custom_authentication(&self, function: Option<&str>) -> bool {
        self.hooks.runs_custom_authentication(function)
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
}
