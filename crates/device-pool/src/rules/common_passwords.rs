//! Passwords that everyone guesses first, refused if the pool asks for it.
//!
//! `common_passwords/list.txt` has the 5,000 most common ones with six characters or more, in lower
//! case and in this order, of the list that Django ships: by Royce Williams, from published
//! breaches (<https://gist.github.com/roycewilliams/226886fd01572964e1431ac8afc999ce>).

use device_wire::ErrorCode;
use device_wire::enums::{
    AdvancedSecurityModeType, CompromisedCredentialsEventActionType, EventFilterType,
};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::rules::risk;

const LIST: &str = include_str!("common_passwords/list.txt");

/// Refuses a common password if the pool's or the client's risk configuration blocks compromised
/// credentials at this event.
pub(crate) fn check(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client_id: &str,
    event: &EventFilterType,
    password: &str,
) -> Result<(), ServiceError> {
    if pool.threat_protection() != AdvancedSecurityModeType::Enforced {
        return Ok(());
    }
    let configuration = risk::configuration(cx, pool, client_id)?;
    let Some(compromised) = configuration.compromised_credentials_risk_configuration else {
        return Ok(());
    };
    // Without a filter it counts for all events.
    let counts = compromised.event_filter.is_none_or(|events| events.contains(event));
    let blocks = compromised.actions.event_action == CompromisedCredentialsEventActionType::Block;
    if counts && blocks && is_common(password) {
        return Err(ServiceError::new(
            ErrorCode::InvalidPassword,
            "Provided password cannot be used for security reasons.",
        ));
    }
    Ok(())
}

/// Whether the password, or the word that it was made of, is in the list.
fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    // What people add where a policy asks for digits and symbols.
    let word = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    let plain: String = word.chars().map(letter_for).collect();
    LIST.lines().any(|common| common == lower || common == word || common == plain)
}

/// The letter that a digit or symbol often replaces.
const fn letter_for(character: char) -> char {
    match character {
        '@' => 'a',
        '3' => 'e',
        '1' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_as_it_is_described() {
        assert_eq!(LIST.lines().count(), 5000);
        assert!(LIST.lines().all(|line| line.chars().count() >= 6 && line == line.to_lowercase()));
    }

    #[test]
    fn common_words_are_found_with_what_policies_ask_for() {
        for common in
            ["password", "12345678", "Password", "Password1!", "P@ssw0rd2026!", "Dragon-7"]
        {
            assert!(is_common(common), "{common}");
        }
        for other in ["Correct-horse-7", "correct horse battery staple", "1!", "", "Kd7!kq0-Xy"] {
            assert!(!is_common(other), "{other}");
        }
    }
}
