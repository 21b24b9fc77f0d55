//! Checks a request's body against the service's model, before the engine reads it.

mod model;

use std::fmt;

use device_pool::ServiceError;
use device_wire::{ErrorCode, Operation};
use serde_json::Value;

use model::{Kind, Model, Shape, ShapeId};

/// The maximum number of violations in an answer. Only a body made to be expensive has more.
const MAX_VIOLATIONS: usize = 50;

/// The maximum number of characters of a value in an answer.
const MAX_SHOWN: usize = 256;

/// The maximum number of members of a list or map. The model leaves many without a limit. An honest
/// request has a tenth of this; a body full of members would take a tenth of a second to check.
const MAX_MEMBERS: usize = 1000;

/// Checks the body: afterwards every value has its type and meets its constraints.
///
/// Members that are `null` are removed, because `null` means absent.
///
/// # Errors
/// `SerializationException` for a value of another JSON type, otherwise
/// `InvalidParameterException`, which lists all violations at once.
pub(crate) fn check(operation: Operation, mut body: Value) -> Result<Value, ServiceError> {
    let model = Model::embedded();
    let mut check = Check { model, violations: Vec::new() };
    check.value(model.input(operation), &mut body, &Place::ROOT)?;
    match check.violations.len() {
        0 => Ok(body),
        count => Err(ServiceError::new(
            ErrorCode::InvalidParameter,
            format!(
                "{count} validation error{} detected: {}",
                if count == 1 { "" } else { "s" },
                check.violations.join("; ")
            ),
        )),
    }
}

/// The place of a value in the body. Only a violation writes it out.
struct Place<'p> {
    outer: Option<&'p Place<'p>>,
    step: Step<'p>,
    /// Whether an enclosing shape forbids quoting the value.
    secret: bool,
}

/// A step from a value to one in it.
enum Step<'p> {
    /// To the body itself.
    Body,
    /// To a member of a structure.
    Member(&'p str),
    /// To an element of a list, the first of which is 1.
    Element(usize),
    /// To an entry of a map.
    Entry(&'p str),
}

impl<'p> Place<'p> {
    const ROOT: Self = Self { outer: None, step: Step::Body, secret: false };

    fn within(&'p self, shape: &Shape, step: Step<'p>) -> Self {
        Self { outer: Some(self), step, secret: self.secret || shape.sensitive }
    }
}

/// The path as the service writes it: `userAttributes.1.member.name`.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer.filter(|outer| outer.outer.is_some()) {
            write!(f, "{outer}.")?;
        }
        match self.step {
            Step::Body => Ok(()),
            Step::Member(name) => f.write_str(name),
            Step::Element(position) => write!(f, "{position}.member"),
            Step::Entry(name) => write!(f, "{}.member", shortened(name)),
        }
    }
}

struct Check<'m> {
    model: &'m Model,
    violations: Vec<String>,
}

impl Check<'_> {
    fn value(
        &mut self,
        id: ShapeId,
        value: &mut Value,
        place: &Place<'_>,
    ) -> Result<(), ServiceError> {
        let shape = self.model.shape(id);
        expect_type(shape, value)?;
        if members(value) > MAX_MEMBERS && !matches!(shape.kind, Kind::Structure(_)) {
            self.violation(format!(
                "Value at '{place}' failed to satisfy constraint: Member must have length less \
                 than or equal to {MAX_MEMBERS}"
            ));
            return Ok(());
        }
        for constraint in &shape.constraints {
            if !constraint.holds(value) {
                let subject = subject(shape, value, place);
                self.violation(format!(
                    "{subject} at '{place}' failed to satisfy constraint: Member must {constraint}"
                ));
            }
        }
        match (&shape.kind, value) {
            (Kind::Structure(members), Value::Object(fields)) => {
                fields.retain(|_, field| !field.is_null());
                for member in members {
                    let place = place.within(shape, Step::Member(&member.path_name));
                    match fields.get_mut(&member.name) {
                        Some(field) => self.value(member.shape, field, &place)?,
                        None if member.required => self.absent(member.shape, &place),
                        None => {}
                    }
                }
            }
            (Kind::List(element), Value::Array(items))
                if self.model.shape(*element).is_scalar() =>
            {
                self.elements(*element, items, shape, place)?;
            }
            (Kind::List(element), Value::Array(items)) => {
                for (position, item) in items.iter_mut().enumerate() {
                    let place = place.within(shape, Step::Element(position + 1));
                    self.value(*element, item, &place)?;
                }
            }
            (Kind::Map(key, element), Value::Object(entries)) => {
                entries.retain(|_, entry| !entry.is_null());
                self.entries(*key, *element, entries, shape, place)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks a list of scalars. The service reports them as one violation of the list, with all
    /// constraints of its elements.
    fn elements(
        &mut self,
        id: ShapeId,
        items: &mut [Value],
        list: &Shape,
        place: &Place<'_>,
    ) -> Result<(), ServiceError> {
        let shape = self.model.shape(id);
        let mut all_hold = true;
        for item in items.iter_mut() {
            expect_type(shape, item)?;
            all_hold &= shape.constraints.iter().all(|constraint| constraint.holds(item));
        }
        if !all_hold {
            let secret = shape.sensitive || list.sensitive || place.secret;
            let subject = if secret { "Value".to_owned() } else { quoted(&bracketed(items)) };
            self.violation(format!(
                "{subject} at '{place}' failed to satisfy constraint: Member must satisfy \
                 constraint: [{}]",
                wording(shape)
            ));
        }
        Ok(())
    }

    fn entries(
        &mut self,
        key: ShapeId,
        element: ShapeId,
        entries: &mut serde_json::Map<String, Value>,
        map: &Shape,
        place: &Place<'_>,
    ) -> Result<(), ServiceError> {
        let (key, shape) = (self.model.shape(key), self.model.shape(element));
        let fits = |name: &String| {
            let name = Value::String(name.clone());
            key.constraints.iter().all(|constraint| constraint.holds(&name))
        };
        if !entries.keys().all(fits) {
            self.violation(format!(
                "Value at '{place}' failed to satisfy constraint: Map keys must satisfy \
                 constraint: [{}]",
                wording(key)
            ));
        }
        let mut all_hold = true;
        for (name, entry) in entries.iter_mut() {
            if shape.is_scalar() {
                expect_type(shape, entry)?;
                all_hold &= shape.constraints.iter().all(|constraint| constraint.holds(entry));
            } else {
                self.value(element, entry, &place.within(map, Step::Entry(name)))?;
            }
        }
        if !all_hold {
            self.violation(format!(
                "Value at '{place}' failed to satisfy constraint: Map value must satisfy \
                 constraint: [{}]",
                wording(shape)
            ));
        }
        Ok(())
    }

    fn absent(&mut self, id: ShapeId, place: &Place<'_>) {
        let shape = self.model.shape(id);
        let subject = if shape.sensitive || place.secret { "Value" } else { "Value null" };
        self.violation(format!(
            "{subject} at '{place}' failed to satisfy constraint: Member must not be null"
        ));
    }

    fn violation(&mut self, text: String) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(text);
        }
    }
}

fn expect_type(shape: &Shape, value: &mut Value) -> Result<(), ServiceError> {
    let fits = match (&shape.kind, &*value) {
        (Kind::String | Kind::Blob, Value::String(_))
        | (Kind::Document, _)
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::List(_), Value::Array(_))
        | (Kind::Map(..) | Kind::Structure(_), Value::Object(_)) => true,
        (Kind::Integer, Value::Number(number)) => {
            number.as_i64().is_some_and(|n| i32::try_from(n).is_ok())
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => return Err(unreadable("Start of list found where not expected")),
        Value::Object(_) => {
            return Err(unreadable("Start of structure or map found where not expected"));
        }
    };
    Err(unreadable(format!("{found} can not be converted to {}", shape.kind)))
}

/// A refusal of a body that does not match the operation's input.
pub(crate) fn unreadable(message: impl Into<std::borrow::Cow<'static, str>>) -> ServiceError {
    ServiceError::new(ErrorCode::Serialization, message)
}

/// The name of a value in a violation. Sensitive values, and values that may contain one, are
/// omitted.
fn subject(shape: &Shape, value: &Value, place: &Place<'_>) -> String {
    match value {
        _ if shape.sensitive || place.secret => "Value".to_owned(),
        Value::String(text) => quoted(text),
        Value::Number(_) | Value::Bool(_) => quoted(&value.to_string()),
        Value::Array(items) if items.is_empty() => quoted("[]"),
        _ => "Value".to_owned(),
    }
}

fn members(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    }
}

fn quoted(text: &str) -> String {
    format!("Value '{}'", shortened(text))
}

fn bracketed(items: &[Value]) -> String {
    let texts: Vec<String> = items
        .iter()
        .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
        .collect();
    format!("[{}]", texts.join(", "))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn wording(shape: &Shape) -> String {
    let constraints: Vec<String> =
        shape.constraints.iter().map(|constraint| format!("Member must {constraint}")).collect();
    constraints.join(", ")
}
