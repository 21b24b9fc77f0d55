//! The first factors of `USER_AUTH`.

use device_wire::enums::AuthFactorType;

use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::pool::Pool;
use crate::records::user::User;

impl Pool {
    /// Whether a code by `medium` is a first factor.
    pub(crate) fn signs_in_by_code(&self, medium: Medium) -> bool {
        self.first_factors().contains(&match medium {
            Medium::Email => AuthFactorType::EmailOtp,
            Medium::Sms => AuthFactorType::SmsOtp,
        })
    }

    /// The first factors that the pool allows; only the password, unless the policy lists some.
    pub(crate) fn first_factors(&self) -> Vec<AuthFactorType> {
        let policies = self.description.policies.as_ref();
        policies
            .and_then(|policies| policies.sign_in_policy.as_ref())
            .and_then(|policy| policy.allowed_first_auth_factors.clone())
            .unwrap_or_else(|| vec![AuthFactorType::Password])
    }
}

impl User {
    /// The first factors that the user has and the pool allows.
    pub(crate) fn first_factors(&self, pool: &Pool) -> Vec<AuthFactorType> {
        let has = |factor: &AuthFactorType| match factor {
            AuthFactorType::Password => self.password.is_some(),
            AuthFactorType::EmailOtp => Address::verified(self, Medium::Email).is_some(),
            AuthFactorType::SmsOtp => Address::verified(self, Medium::Sms).is_some(),
            _ => false,
        };
        pool.first_factors().into_iter().filter(has).collect()
    }
}
