//! Signs a user in with a password that never leaves the client, with both ends in one process.
//!
//! ```text
//! cargo run -p device-srp --example both_ends -- <password to enrol> <password to sign in with>
//! ```

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use device_srp::{
    ClientEphemeral, Identity, PublicValue, Salt, ServerEphemeral, Timestamp, Verifier,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [enrolled, typed] = &arguments[..] else {
        return Err("usage: both_ends <password to enrol> <password to sign in with>".into());
    };
    let rng = &mut rand::rng();
    let user = Identity::user("Ab12Cd34E", "ada");

    // The server keeps these two; the password can be guessed from them, but not read.
    let salt = Salt::random(rng);
    let verifier = Verifier::derive(&user, enrolled, &salt);

    // The client sends A; the server answers with its salt, B, and a block of its own choice.
    let client = ClientEphemeral::generate(rng);
    let a = PublicValue::from_hex(&client.public().to_hex())?;
    let server = ServerEphemeral::generate(rng, &verifier);
    let b = PublicValue::from_hex(&server.public().to_hex())?;
    let block = b"what the server wants back";

    // The client proves that it knows the password.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let timestamp = Timestamp::from_unix_seconds(now.try_into()?).to_string();
    let proof = client.session_key(&user, typed, &salt, &b)?.sign(&user, block, &timestamp);
    println!("A     {} bits\nB     {} bits", 4 * a.to_hex().len(), 4 * b.to_hex().len());
    println!("proof {}", proof.to_base64());

    // The server checks the proof.
    match server.session_key(&verifier, &a)?.verify(&user, block, &timestamp, &proof) {
        Ok(()) => println!("Signed in."),
        Err(error) => println!("Not signed in: {error}"),
    }
    Ok(())
}
