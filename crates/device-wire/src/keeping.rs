//! The update of a user pool that changes nothing.

use crate::generated::requests::UpdateUserPoolRequest;
use crate::generated::shapes::UserPoolType;

impl UpdateUserPoolRequest {
    /// The request that leaves a pool as it is described. Change what should be different.
    ///
    /// An update sets whatever it leaves out back to its default.
    #[must_use]
    pub fn keeping(id: &str, pool: UserPoolType) -> Self {
        Self {
            policies: pool.policies,
            deletion_protection: pool.deletion_protection,
            lambda_config: pool.lambda_config,
            auto_verified_attributes: pool.auto_verified_attributes,
            sms_verification_message: pool.sms_verification_message,
            email_verification_message: pool.email_verification_message,
            email_verification_subject: pool.email_verification_subject,
            verification_message_template: pool.verification_message_template,
            sms_authentication_message: pool.sms_authentication_message,
            user_attribute_update_settings: pool.user_attribute_update_settings,
            mfa_configuration: pool.mfa_configuration,
            device_configuration: pool.device_configuration,
            email_configuration: pool.email_configuration,
            sms_configuration: pool.sms_configuration,
            user_pool_tags: pool.user_pool_tags,
            admin_create_user_config: pool.admin_create_user_config,
            user_pool_add_ons: pool.user_pool_add_ons,
            dcr_configuration: pool.dcr_configuration,
            account_recovery_setting: pool.account_recovery_setting,
            pool_name: pool.name,
            user_pool_tier: pool.user_pool_tier,
            key_configuration: pool.key_configuration,
            issuer_configuration: pool.issuer_configuration,
            acr_configuration: pool.acr_configuration,
            ..Self::new(id)
        }
    }
}
