//! Converts the wire's names to Rust's.

/// Converts `UserMFASettingList` to `user_mfa_setting_list`.
///
/// A word starts at each capital that follows or precedes a small letter.
pub(super) fn snake(name: &str) -> String {
    // The only plural of an acronym would otherwise become `ur_ls`.
    let letters: Vec<char> = name.replace("URLs", "Urls").chars().collect();
    let mut snake = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        let starts_word = before
            .is_some_and(|&before| before.is_lowercase() || before.is_ascii_digit())
            || before.is_some_and(|&before| before.is_uppercase())
                && after.is_some_and(|&after| after.is_lowercase());
        if letter.is_uppercase() && starts_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    // The only keyword among the members.
    if snake == "type" { "r#type".to_owned() } else { snake }
}

/// Converts `user_pool_id` to `UserPoolId`, as serde does.
pub(super) fn pascal(snake: &str) -> String {
    snake.trim_start_matches("r#").split('_').map(capitalized).collect()
}

/// The variant for a value of an enum: `SOFTWARE_TOKEN_MFA` becomes `SoftwareTokenMfa`; `V1_0` and
/// `NoRisk` stay.
pub(super) fn variant(value: &str) -> String {
    let mut variant = String::new();
    for word in value.split('_') {
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            variant.push('_');
        }
        let shouted = !word.contains(|letter: char| letter.is_lowercase());
        variant.push_str(&capitalized(&if shouted {
            word.to_lowercase()
        } else {
            word.to_owned()
        }));
    }
    // `Unknown` is the variant for values outside of the model.
    if variant == "Unknown" { "UnknownValue".to_owned() } else { variant }
}

/// The word with a capital first letter.
pub(super) fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_fields() {
        for (member, field) in [
            ("UserPoolId", "user_pool_id"),
            ("UserMFASettingList", "user_mfa_setting_list"),
            ("SMSMessage", "sms_message"),
            ("KMSKeyID", "kms_key_id"),
            ("LastIPAddress", "last_ip_address"),
            ("CallbackURLs", "callback_urls"),
            ("AllowedOAuthFlows", "allowed_o_auth_flows"),
            ("headerName", "header_name"),
            ("Type", "r#type"),
        ] {
            assert_eq!(snake(member), field);
        }
    }

    #[test]
    fn values_become_variants() {
        for (value, expected) in [
            ("SOFTWARE_TOKEN_MFA", "SoftwareTokenMfa"),
            ("phone_number", "PhoneNumber"),
            ("NoRisk", "NoRisk"),
            ("V1_0", "V1_0"),
            ("DCR", "Dcr"),
            ("UNKNOWN", "UnknownValue"),
        ] {
            assert_eq!(variant(value), expected);
        }
    }
}
