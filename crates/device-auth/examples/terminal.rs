//! A terminal app that signs a user in and shows the user's devices.
//!
//! It asks whether to remember the device, if the pool leaves that to users. It stays signed in
//! across restarts.
//!
//! ```text
//! cargo run --example terminal -- <user pool id> <app client id> [<file for devices and session>]
//! ```
//!
//! With `AWS_ENDPOINT_URL=http://127.0.0.1:9229` it talks to a local `device serve`.

use std::error::Error;
use std::io::{self, BufRead, Write};

use device_auth::{
    Challenge, Credentials, CurrentDevice, DeviceAuth, FileStore, Session, SignInStep, SignedIn,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pool), Some(client)) = (arguments.next(), arguments.next()) else {
        return Err("usage: terminal <user pool id> <app client id> [<file>]".into());
    };
    let store = FileStore::open(arguments.next().unwrap_or_else(|| "terminal.json".to_owned()));
    let auth = DeviceAuth::builder(pool, client)
        .device_name("Terminal")
        .store(store.clone())
        .session_store(store)
        .build_restored()
        .await?;
    run(&auth, &mut Terminal { input: io::stdin().lock(), output: io::stdout() }).await
}

/// The questions and answers. Input is visible: a real program hides passwords.
struct Terminal<I, O> {
    input: I,
    output: O,
}

impl<I: BufRead, O: Write> Terminal<I, O> {
    fn say(&mut self, text: &str) -> Result<()> {
        Ok(writeln!(self.output, "{text}")?)
    }

    fn ask(&mut self, question: &str) -> Result<String> {
        write!(self.output, "{question} ")?;
        self.output.flush()?;
        let mut line = String::new();
        match self.input.read_line(&mut line)? {
            0 => Err("no more input".into()),
            _ => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}

/// The app.
async fn run<I: BufRead, O: Write>(auth: &DeviceAuth, terminal: &mut Terminal<I, O>) -> Result<()> {
    let session = match auth.session().await {
        Ok(session) => session,
        Err(device_auth::Error::SignedOut | device_auth::Error::SessionExpired) => {
            sign_in(auth, terminal).await?
        }
        Err(error) => return Err(error.into()),
    };
    terminal.say(&format!("Signed in as {}.", session.username))?;
    loop {
        list(auth, terminal).await?;
        let command =
            terminal.ask("remember, do not remember, forget, forget all, sign out, quit?")?;
        let done = match command.as_str() {
            "remember" => auth.remember_device().await,
            "do not remember" => auth.do_not_remember_device().await,
            "forget" => auth.forget_this_device().await,
            "forget all" => auth.forget_all_devices().await.map(drop),
            "sign out" => return Ok(auth.sign_out().await?),
            "quit" => return Ok(()),
            _ => continue,
        };
        if let Err(error) = done {
            terminal.say(&error.to_string())?;
        }
    }
}

async fn sign_in<I: BufRead, O: Write>(
    auth: &DeviceAuth,
    terminal: &mut Terminal<I, O>,
) -> Result<Session> {
    let name = terminal.ask("Name:")?;
    let password = terminal.ask("Password:")?;
    let mut step = auth.sign_in(Credentials::srp(name, password)).await?;
    let signed_in: SignedIn = loop {
        step = match step {
            SignInStep::Done(signed_in) => break signed_in,
            SignInStep::Challenge(Challenge::Code(code)) => {
                if let Some(rejection) = code.rejection() {
                    terminal.say(rejection.message())?;
                }
                let question = match &code.prompt().destination {
                    Some(destination) => format!("The code that was sent to {destination}:"),
                    None => "The code of your authenticator app:".to_owned(),
                };
                let answer = terminal.ask(&question)?;
                code.answer(&answer).await?
            }
            SignInStep::Challenge(Challenge::NewPassword(pending)) => {
                let password = terminal.ask("A new password:")?;
                pending.answer(password).await?
            }
            SignInStep::Challenge(Challenge::MfaSetup(pending)) => pending.authenticator().await?,
            SignInStep::Challenge(Challenge::AuthenticatorSetup(pending)) => {
                terminal
                    .say(&format!("For your app: {}", pending.otpauth_uri("Terminal").as_str()))?;
                let code = terminal.ask("The code that it shows:")?;
                pending.verify(&code, Some("Terminal")).await?
            }
            SignInStep::Challenge(other) => {
                return Err(format!("this app has no answer to {}", other.name()).into());
            }
        };
    };
    for warning in &signed_in.warnings {
        terminal.say(&format!("{warning:?}"))?;
    }
    if signed_in.should_ask_to_remember() && terminal.ask("Remember this device? [y/N]")? == "y" {
        auth.remember_device().await?;
    }
    Ok(signed_in.session)
}

async fn list<I: BufRead, O: Write>(
    auth: &DeviceAuth,
    terminal: &mut Terminal<I, O>,
) -> Result<()> {
    terminal.say(match auth.fetch_current_device().await {
        Ok(CurrentDevice::Remembered(_)) => "This device is remembered.",
        Ok(_) => "This device is known, and not remembered.",
        Err(device_auth::Error::DeviceNotTracked | device_auth::Error::DeviceUnknown) => {
            "This device is not known."
        }
        Err(error) => return Err(error.into()),
    })?;
    for device in auth.fetch_devices().await? {
        terminal.say(&format!(
            "- {}{}, last used from {}",
            device.name.as_deref().unwrap_or(&device.key),
            if device.is_current { " (this one)" } else { "" },
            device.last_ip.as_deref().unwrap_or("an unknown address"),
        ))?;
    }
    Ok(())
}
