//! `docs/operations.md` says of every operation of the service whether it is here; this holds it to
//! the code.
//!
//! `WRITE_DOCS=1 cargo test -p device-pool --test operations_page` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;

use device_pool::SUPPORTED;
use device_wire::{Auth, Operation};

fn page() -> String {
    let names = Operation::ALL_NAMES;
    let mut page = format!(
        "# Operations\n\n\
         <!-- Written by `WRITE_DOCS=1 cargo test -p device-pool --test operations_page`, which \
         also checks it. -->\n\n\
         The service's model has {} operations. {} of them are answered here; the others are \
         refused with an\n\
         `UnsupportedOperationException` that names them.\n\n\
         | operation | here | who may call it |\n|---|---|---|\n",
        names.len(),
        SUPPORTED.len(),
    );
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
        writeln!(page, "| {name} | {here} | {caller} |").unwrap();
    }
    page
}

#[test]
fn the_page_says_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/operations.md is not what the code says; write it with WRITE_DOCS=1"
    );
}
