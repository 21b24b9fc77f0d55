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
}
