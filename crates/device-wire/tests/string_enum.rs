//! String enumerations keep what they do not know.

use device_wire::enums::ChallengeNameType;

#[test]
fn a_known_value_is_a_variant_and_others_are_kept() {
    assert_eq!(ChallengeNameType::from("SOFTWARE_TOKEN_MFA"), ChallengeNameType::SoftwareTokenMfa);
    let newer: ChallengeNameType = serde_json::from_str("\"RETINA_SCAN\"").unwrap();
    assert_eq!(newer, ChallengeNameType::Unknown("RETINA_SCAN".into()));
    assert_eq!(serde_json::to_string(&newer).unwrap(), "\"RETINA_SCAN\"");
    assert_eq!(newer.to_string(), "RETINA_SCAN");
}

#[test]
fn values_are_case_sensitive() {
    assert!(matches!(ChallengeNameType::from("sms_mfa"), ChallengeNameType::Unknown(_)));
}
