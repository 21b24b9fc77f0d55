//! Prints `docs/operations.md`: the operations that the engine supports, and who may call them.

use device_pool::{SUPPORTED, WITHOUT_EFFECT};
use device_wire::{Auth, Operation};

fn main() {
    let names = Operation::ALL_NAMES;
    println!("# Operations\n");
    println!("<!-- Written by `cargo xtask docs`. -->\n");
    println!("The service's model has {} operations. {} of them are", names.len(), SUPPORTED.len());
    println!("answered here; the others are refused with an `UnsupportedOperationException` that");
    println!("names them.\n");
    println!("| operation | here | who may call it |\n|---|---|---|");
    for name in names {
        let operation =
            Operation::from_name(name).filter(|operation| SUPPORTED.contains(operation));
        let (here, caller) = match operation.map(Operation::auth) {
            None => ("", ""),
            Some(Auth::None) => ("yes", "anyone"),
            Some(Auth::AccessToken) => ("yes", "the holder of an access token"),
            Some(Auth::AccessTokenOrSession) => {
                ("yes", "the holder of an access token, or of a session")
            }
            Some(Auth::SigV4) => ("yes", "an administrator (Signature Version 4)"),
            Some(_) => ("yes", "see the model"),
        };
        println!("| {name} | {here} | {caller} |");
    }
    println!("\n## Stored, without effect\n");
    println!("Infrastructure tools can create, read, update and delete what these operations set,");
    println!(
        "and nothing else comes of it, but for what the table says. The server says so in its"
    );
    println!("log, once for each.\n");
    println!("| operation | why it has no effect |\n|---|---|");
    for (operation, reason) in WITHOUT_EFFECT {
        println!("| {operation} | {reason} |");
    }
    print!("{NOTES}");
}

const NOTES: &str = "
## Notes

**Threat protection.** With `UserPoolAddOns.AdvancedSecurityMode` `ENFORCED`, the actions of
`SetRiskConfiguration` are taken, and a level whose `Notify` is true sends the user an e-mail
(`BlockEmail`, `MfaEmail` or `NoActionEmail`, by what became of the sign-in; a text of the server if
the pool has none). It goes to the verified address, at most 20 times an hour, by the server's
transport or `CustomEmailSender`. `HtmlBody` is preferred to `TextBody`. The placeholders are
`{username}`, `{ip-address}`, `{login-time}`, `{device-name}`, `{event-id}`, `{feedback-token}`,
`{one-click-link-valid}`, `{one-click-link-invalid}`, and `{city}` and `{country}`, which are
unknown here. Both links lead to a page of this server, without a domain of the pool; its button
records the feedback, as `UpdateAuthEventFeedback` does with the token. Links and tokens are good
for seven days. Feedback changes the risk of later sign-ins: an address that the user confirmed is
known, and one of which the user complained is new again.

**`GetSigningCertificate`** has the certificate of the key that signs ID tokens, since there are no
SAML requests to sign. It is another one once that key is replaced, every 90 days.
";
