//! Errors on the wire.

use serde::{Deserialize, Deserializer, Serialize};

use crate::generated::error_code::ErrorCode;

impl ErrorCode {
    /// The code in a `__type` member or an `x-amzn-errortype` header.
    ///
    /// The text may have a namespace and a `#` before the code, and a `:` and a URL after it.
    #[must_use]
    pub fn from_wire(text: &str) -> Self {
        let code = text.split(':').next().unwrap_or(text);
        Self::from(code.rsplit('#').next().unwrap_or(code).trim())
    }
}

/// The JSON body of an error response.
///
/// Decoding is tolerant. A missing code is `ErrorCode::Unknown("")`, since the
/// `x-amzn-errortype` header may still have it. A missing message is empty. `Message` is read as
/// `message`, because some services of AWS write it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// The error's code.
    #[serde(rename = "__type")]
    pub code: ErrorCode,
    /// A sentence for people. [`sentence`](crate::sentence) has those that clients compare.
    pub message: String,
    /// Why a parameter is invalid. Only present with [`ErrorCode::InvalidParameter`].
    #[serde(rename = "reasonCode", skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
}

impl ErrorBody {
    /// An error with a code and a message, without a reason code.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), reason_code: None }
    }
}

impl<'de> Deserialize<'de> for ErrorBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            __type: Option<String>,
            message: Option<String>,
            #[serde(rename = "Message")]
            capital_message: Option<String>,
            #[serde(rename = "reasonCode")]
            reason_code: Option<String>,
        }

        let fields = Fields::deserialize(deserializer)?;
        Ok(Self {
            code: ErrorCode::from_wire(fields.__type.as_deref().unwrap_or_default()),
            message: fields.message.or(fields.capital_message).unwrap_or_default(),
            reason_code: fields.reason_code,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_a_code() {
        for text in [
            "NotAuthorizedException",
            "NotAuthorizedException:",
            "NotAuthorizedException:http://internal.amazon.com/coral/com.amazonaws.cognito/",
            "com.amazonaws.cognito.identity.idp.model#NotAuthorizedException",
            "com.amazonaws#NotAuthorizedException:http://internal.amazon.com/#x",
        ] {
            assert_eq!(ErrorCode::from_wire(text), ErrorCode::NotAuthorized, "{text}");
        }
        assert_eq!(
            ErrorCode::from_wire("TeapotException"),
            ErrorCode::Unknown("TeapotException".into())
        );
    }

    #[test]
    fn reads_the_message_under_either_name() {
        for (json, message) in [
            (r#"{"__type":"CodeMismatchException","message":"no"}"#, "no"),
            (r#"{"__type":"CodeMismatchException","Message":"no"}"#, "no"),
            (r#"{"__type":"CodeMismatchException","message":"no","Message":"NO"}"#, "no"),
            (r#"{"__type":"CodeMismatchException","message":null}"#, ""),
        ] {
            let body: ErrorBody = serde_json::from_str(json).unwrap();
            assert_eq!(body, ErrorBody::new(ErrorCode::CodeMismatch, message), "{json}");
        }
        let bare: ErrorBody = serde_json::from_str("{}").unwrap();
        assert_eq!(bare.code, ErrorCode::Unknown(String::new()));
    }

    #[test]
    fn writes_what_clients_read() {
        let body = ErrorBody::new(ErrorCode::NotAuthorized, "Incorrect username or password.");
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"__type":"NotAuthorizedException","message":"Incorrect username or password."}"#
        );
    }
}
