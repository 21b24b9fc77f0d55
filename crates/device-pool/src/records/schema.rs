//! Pool schemas: the attributes of users, and the types of their values.

use device_wire::enums::AttributeDataType;
use device_wire::shapes::{
    NumberAttributeConstraintsType, SchemaAttributeType, StringAttributeConstraintsType,
};

use crate::error::ServiceError;

/// The maximum number of custom attributes of a pool.
const MAX_CUSTOM: usize = 50;

/// The maximum length of a text attribute in characters. Its schema may set a lower one.
const MAX_TEXT: &str = "2048";

/// The standard attributes of OpenID Connect.
const STANDARD: [&str; 21] = [
    "sub",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
    "identities",
];

/// A complete schema: the standard attributes, adjusted by `given`, and the custom ones.
pub(crate) fn with_standard(
    given: Vec<SchemaAttributeType>,
) -> Result<Vec<SchemaAttributeType>, ServiceError> {
    let mut schema: Vec<SchemaAttributeType> = STANDARD.into_iter().map(standard).collect();
    let mut own = Vec::new();
    for attribute in given {
        match schema.iter_mut().find(|known| known.name == attribute.name) {
            Some(known) => adjust(known, attribute)?,
            None => own.push(attribute),
        }
    }
    extend(&mut schema, own)?;
    Ok(schema)
}

fn standard(name: &str) -> SchemaAttributeType {
    let kind = match name {
        "email_verified" | "phone_number_verified" => AttributeDataType::Boolean,
        "updated_at" => AttributeDataType::Number,
        _ => AttributeDataType::String,
    };
    let length = |least: &str, most: &str| StringAttributeConstraintsType {
        min_length: Some(least.to_owned()),
        max_length: Some(most.to_owned()),
    };
    let text = match name {
        "birthdate" => length("10", "10"),
        "sub" => length("1", MAX_TEXT),
        // The service gives no limits for this attribute, and Terraform compares them.
        "identities" => StringAttributeConstraintsType { min_length: None, max_length: None },
        _ => length("0", MAX_TEXT),
    };
    let number =
        NumberAttributeConstraintsType { min_value: Some("0".to_owned()), max_value: None };
    SchemaAttributeType {
        name: Some(name.to_owned()),
        developer_only_attribute: Some(false),
        mutable: Some(name != "sub"),
        required: Some(name == "sub"),
        string_attribute_constraints: (kind == AttributeDataType::String).then_some(text),
        number_attribute_constraints: (kind == AttributeDataType::Number).then_some(number),
        attribute_data_type: Some(kind),
    }
}

/// Adjusts a standard attribute. Everything but its type may change.
fn adjust(known: &mut SchemaAttributeType, given: SchemaAttributeType) -> Result<(), ServiceError> {
    check_constraints(&given)?;
    if given.attribute_data_type.is_some() && given.attribute_data_type != known.attribute_data_type
    {
        let name = known.name.as_deref().unwrap_or_default();
        return Err(ServiceError::invalid(format!(
            "{name}: The data type of a standard attribute is fixed."
        )));
    }
    known.required = given.required.or(known.required.take());
    known.mutable = given.mutable.or(known.mutable.take());
    known.string_attribute_constraints =
        given.string_attribute_constraints.or(known.string_attribute_constraints.take());
    known.number_attribute_constraints =
        given.number_attribute_constraints.or(known.number_attribute_constraints.take());
    Ok(())
}

/// Adds custom attributes, with the prefix `custom:`, or `dev:custom:` if only administrators may
/// write them.
pub(crate) fn extend(
    schema: &mut Vec<SchemaAttributeType>,
    own: Vec<SchemaAttributeType>,
) -> Result<(), ServiceError> {
    for mut attribute in own {
        let developer_only = *attribute.developer_only_attribute.get_or_insert(false);
        let prefix = if developer_only { "dev:custom:" } else { "custom:" };
        let name = format!("{prefix}{}", attribute.name.take().unwrap_or_default());
        if name == prefix {
            return Err(ServiceError::invalid("A custom attribute must have a name."));
        }
        if schema.iter().any(|known| known.name.as_deref() == Some(&name)) {
            return Err(ServiceError::invalid(format!(
                "{name}: Existing attribute already has name {name}."
            )));
        }
        if attribute.attribute_data_type.is_none() {
            return Err(ServiceError::invalid(
                "Invalid AttributeDataType input, consider using the provided AttributeDataType \
                 enum.",
            ));
        }
        if *attribute.required.get_or_insert(false) {
            return Err(ServiceError::invalid(
                "Required custom attributes are not supported currently.",
            ));
        }
        attribute.name = Some(name);
        check_constraints(&attribute)?;
        attribute.mutable.get_or_insert(true);
        schema.push(attribute);
    }
    if schema.len() > STANDARD.len() + MAX_CUSTOM {
        return Err(ServiceError::invalid(format!(
            "A user pool can have at most {MAX_CUSTOM} custom attributes."
        )));
    }
    Ok(())
}

/// Refuses limits that are not numbers or that no value can meet.
fn check_constraints(attribute: &SchemaAttributeType) -> Result<(), ServiceError> {
    let (least, most) = limits(attribute);
    let given = [least, most].into_iter().flatten().map(number);
    let numbers: Option<Vec<f64>> = given.collect();
    match numbers.as_deref() {
        None => Err(()),
        Some([least, most]) if least > most => Err(()),
        Some(_) => Ok(()),
    }
    .map_err(|()| {
        let name = attribute.name.as_deref().unwrap_or_default();
        ServiceError::invalid(format!("{name}: The constraints of the attribute are invalid."))
    })
}

/// The minimum and maximum: of a number its value, of a text its length.
fn limits(attribute: &SchemaAttributeType) -> (Option<&str>, Option<&str>) {
    if let Some(constraints) = &attribute.string_attribute_constraints {
        return (constraints.min_length.as_deref(), constraints.max_length.as_deref());
    }
    let constraints = attribute.number_attribute_constraints.as_ref();
    constraints
        .map_or((None, None), |limits| (limits.min_value.as_deref(), limits.max_value.as_deref()))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Refuses a value that violates the attribute's schema.
pub(crate) fn check_value(
    attribute: &SchemaAttributeType,
    value: &str,
) -> Result<(), ServiceError> {
    let measured = match &attribute.attribute_data_type {
        Some(AttributeDataType::Number) => number(value).ok_or("The attribute must be a number"),
        Some(AttributeDataType::Boolean) if !matches!(value, "true" | "false") => {
            Err("The attribute must be true or false")
        }
        Some(AttributeDataType::String) => {
            Ok(f64::from(u32::try_from(value.chars().count()).unwrap_or(u32::MAX)))
        }
        _ => return Ok(()),
    };
    let (least, most) = limits(attribute);
    let default =
        (attribute.attribute_data_type == Some(AttributeDataType::String)).then_some(MAX_TEXT);
    let fits = |measured: f64| {
        least.and_then(number).is_none_or(|least| least <= measured)
            && most.or(default).and_then(number).is_none_or(|most| measured <= most)
    };
    let refused = match measured {
        Ok(measured) if fits(measured) => return Ok(()),
        Ok(_) => "The attribute is out of the range that the schema allows",
        Err(reason) => reason,
    };
    let name = attribute.name.as_deref().unwrap_or_default();
    Err(ServiceError::invalid(format!(
        "Attributes did not conform to the schema: {name}: {refused}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(
        kind: AttributeDataType,
        least: Option<&str>,
        most: Option<&str>,
    ) -> SchemaAttributeType {
        let [least, most] = [least, most].map(|limit| limit.map(str::to_owned));
        let mut attribute =
            SchemaAttributeType { name: Some("x".to_owned()), ..SchemaAttributeType::default() };
        match kind {
            AttributeDataType::String => {
                attribute.string_attribute_constraints =
                    Some(StringAttributeConstraintsType { min_length: least, max_length: most });
            }
            _ => {
                attribute.number_attribute_constraints =
                    Some(NumberAttributeConstraintsType { min_value: least, max_value: most });
            }
        }
        attribute.attribute_data_type = Some(kind);
        attribute
    }

    #[test]
    fn values_are_checked_against_type_and_limits() {
        use AttributeDataType::{Boolean, DateTime, Number, String};
        for (kind, least, most, value, accepted) in [
            (String, Some("2"), Some("3"), "a", false),
            (String, Some("2"), Some("3"), "\u{e4}\u{e4}", true),
            (String, Some("2"), Some("3"), "abcd", false),
            (String, None, None, &*"a".repeat(2048), true),
            (String, None, None, &*"a".repeat(2049), false),
            (Number, Some("-5"), Some("10"), "-5", true),
            (Number, Some("-5"), Some("10"), "10.5", false),
            (Number, None, None, "ten", false),
            (Number, None, None, "NaN", false),
            (Boolean, None, None, "true", true),
            (Boolean, None, None, "yes", false),
            (DateTime, None, None, "2026-11-02", true),
        ] {
            let checked = check_value(&own(kind.clone(), least, most), value);
            assert_eq!(checked.is_ok(), accepted, "{kind:?} {least:?} {most:?} {value:.9}");
        }
    }

    #[test]
    fn limits_that_no_value_can_meet_are_refused() {
        for (least, most, accepted) in [
            (Some("1"), Some("1"), true),
            (Some("2"), Some("1"), false),
            (Some("few"), None, false),
            (None, Some("inf"), false),
        ] {
            let made = with_standard(vec![own(AttributeDataType::String, least, most)]);
            assert_eq!(made.is_ok(), accepted, "{least:?} {most:?}");
        }
    }
}
