//! The questions of a sign-in, on the terminal.

use device_auth::{
    Challenge, ChallengeNameType, CodePrompt, CodeSource, CustomPrompt, MfaSetupPrompt,
    NewPasswordPrompt, Pending, SelectMfaPrompt, SignInStep, SignedIn,
};

use crate::cli_error::CliError;
use crate::prompt;
use crate::session::Session;

/// The name under which an authenticator app shows its codes.
const ISSUER: &str = "device";

/// Answers until the user is signed in.
pub(super) fn answer_all(session: &Session, mut step: SignInStep) -> Result<SignedIn, CliError> {
    loop {
        let challenge = match step {
            SignInStep::Done(signed_in) => return Ok(signed_in),
            SignInStep::Challenge(challenge) => challenge,
        };
        step = match challenge {
            Challenge::Code(pending) => code(session, pending)?,
            Challenge::SelectMfa(pending) => select(session, pending)?,
            Challenge::NewPassword(pending) => new_password(session, pending)?,
            Challenge::MfaSetup(pending) => set_up(session, pending)?,
            Challenge::AuthenticatorSetup(pending) => {
                tell_rejection(&pending);
                eprintln!("Add this to your authenticator app:");
                eprintln!("{}", pending.otpauth_uri(ISSUER).as_str());
                let code = prompt::secret("The code that it shows")?;
                session.run(pending.verify(&code, Some(ISSUER)))?
            }
            Challenge::Custom(pending) => custom(session, pending)?,
            other => {
                let name = other.name();
                return Err(CliError::Failed(format!("this command has no answer to {name}")));
            }
        };
    }
}

fn tell_rejection<P>(pending: &Pending<P>) {
    if let Some(rejection) = pending.rejection() {
        eprintln!("{}", rejection.message());
    }
}

fn code(session: &Session, pending: Pending<CodePrompt>) -> Result<SignInStep, CliError> {
    tell_rejection(&pending);
    let CodePrompt { source, destination, .. } = pending.prompt();
    let question = match (source, destination) {
        (CodeSource::Authenticator, _) => "The code of your authenticator app".to_owned(),
        (_, Some(destination)) => format!("The code that was sent to {destination}"),
        (_, None) => "The code that you were sent".to_owned(),
    };
    let code = prompt::secret(&question)?;
    session.run(pending.answer(&code))
}

fn select(session: &Session, pending: Pending<SelectMfaPrompt>) -> Result<SignInStep, CliError> {
    let options = pending.prompt().options.clone();
    let chosen = choose("Which second factor", &options)?;
    session.run(pending.choose(&chosen))
}

/// Asks for one of the options, unless there is only one.
fn choose(question: &str, options: &[ChallengeNameType]) -> Result<ChallengeNameType, CliError> {
    let names: Vec<&str> = options.iter().map(ChallengeNameType::as_str).collect();
    let typed = match names.as_slice() {
        [only] => (*only).to_owned(),
        _ => prompt::line(&format!("{question} ({})", names.join(", ")))?,
    };
    let found = options.iter().find(|option| option.as_str().eq_ignore_ascii_case(&typed));
    found.cloned().ok_or_else(|| {
        CliError::usage(format!("{typed} is not offered: type one of {}", names.join(", ")))
    })
}

fn new_password(
    session: &Session,
    pending: Pending<NewPasswordPrompt>,
) -> Result<SignInStep, CliError> {
    tell_rejection(&pending);
    let required = pending.prompt().required.clone();
    let password = prompt::new_secret("A new password")?;
    let mut attributes = Vec::new();
    for name in &required {
        attributes.push((name.as_str(), prompt::line(&format!("Your {name}"))?));
    }
    let attributes: Vec<(&str, &str)> =
        attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
    session.run(pending.answer_with_attributes(password, &attributes))
}

fn set_up(session: &Session, pending: Pending<MfaSetupPrompt>) -> Result<SignInStep, CliError> {
    let options = pending.prompt().options.clone();
    match choose("Which second factor to set up", &options)? {
        ChallengeNameType::EmailOtp => {
            let address = prompt::line("Your e-mail address")?;
            session.run(pending.email(&address))
        }
        _ => session.run(pending.authenticator()),
    }
}

fn custom(session: &Session, pending: Pending<CustomPrompt>) -> Result<SignInStep, CliError> {
    tell_rejection(&pending);
    let asked = pending.prompt().parameters.get("question").cloned();
    let answer = prompt::secret(asked.as_deref().unwrap_or("The answer"))?;
    session.run(pending.answer(&answer))
}
