//! The links in messages to users.

use device_wire::enums::FeedbackValueType;

use super::Engine;
use crate::error::ServiceError;
use crate::host::invocation::Invocation;
use crate::rules::device_link::{self, DeviceLink};
use crate::rules::event_feedback::{self, FeedbackLink};

impl Engine {
    /// What the link in a message about a new device leads to. Changes nothing.
    ///
    /// # Errors
    ///
    /// Storage failures.
    pub fn read_device_link(
        &self,
        pool_id: &str,
        token: &str,
        invocation: &mut Invocation<'_>,
    ) -> Result<DeviceLink, ServiceError> {
        self.decide(invocation, |cx| device_link::read(cx, pool_id, token))
            .map(|outcome| outcome.body)
    }

    /// Forgets the device of such a link, and ends its sign-ins.
    ///
    /// Those are the sign-ins that were made with it, and the one that confirmed it. If the device
    /// is gone, those that are left end.
    ///
    /// # Errors
    ///
    /// Storage failures; `TooManyRequestsException` if too many calls change the user at once.
    pub fn follow_device_link(
        &self,
        pool_id: &str,
        token: &str,
        invocation: &mut Invocation<'_>,
    ) -> Result<DeviceLink, ServiceError> {
        let mut after: Option<String> = None;
        loop {
            let decided = self.decide(invocation, |cx| {
                device_link::follow(cx, pool_id, token, after.as_deref())
            })?;
            let (link, next) = decided.body;
            if next.is_none() {
                return Ok(link);
            }
            after = next;
        }
    }

    /// What a link in a message about a risky sign-in leads to. Changes nothing.
    ///
    /// # Errors
    ///
    /// Storage failures.
    pub fn read_feedback_link(
        &self,
        pool_id: &str,
        token: &str,
        invocation: &mut Invocation<'_>,
    ) -> Result<FeedbackLink, ServiceError> {
        self.decide(invocation, |cx| event_feedback::read(cx, pool_id, token))
            .map(|outcome| outcome.body)
    }

    /// Records whether the sign-in of such a link was the user's own.
    ///
    /// # Errors
    ///
    /// Storage failures; `TooManyRequestsException` if too many calls change the event at once.
    pub fn follow_feedback_link(
        &self,
        pool_id: &str,
        token: &str,
        value: &FeedbackValueType,
        invocation: &mut Invocation<'_>,
    ) -> Result<FeedbackLink, ServiceError> {
        self.decide(invocation, |cx| event_feedback::follow(cx, pool_id, token, value.clone()))
            .map(|outcome| outcome.body)
    }
}
