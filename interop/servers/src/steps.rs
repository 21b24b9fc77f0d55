//! The steps of a user.

use std::time::{SystemTime, UNIX_EPOCH};

use device_auth::{
    Challenge, Credentials, DeviceAuth, Error, ErrorCode, SessionDevice, SignInStep, SignedIn,
};
use device_test::totp_code;
use device_wire::requests::{
    AssociateSoftwareTokenRequest, SetUserMFAPreferenceRequest, VerifySoftwareTokenRequest,
};
use device_wire::shapes::SoftwareTokenMfaSettingsType;

use crate::Result;
use crate::service::{PASSWORD, Service, USER, UserPoolMfa, Wanted, proven};

/// Runs every step and returns the result of each.
pub(crate) async fn all(service: &Service) -> Vec<(&'static str, Result)> {
    vec![
        ("a password is proven", proof(service).await),
        ("a wrong password is refused", wrong_password(service).await),
        ("an unknown user is refused", unknown_user(service).await),
        ("a password is sent", sent_password(service).await),
        ("an app client has a secret", client_secret(service).await),
        ("a temporary password is replaced", new_password(service).await),
        ("an authenticator app is set up on the way", setup(service).await),
        ("a wrong code is asked for again", code(service).await),
        ("a session is refreshed", refresh(service).await),
        ("a user signs out", sign_out(service).await),
        ("a user signs out everywhere", global_sign_out(service).await),
        ("a user is deleted", delete(service).await),
        ("a device is confirmed", device(service).await),
        ("a device call in vain leaves the session", in_vain(service).await),
    ]
}

async fn proof(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    let signed_in = sign_in(&app).await?;
    ensure(signed_in.session.username == USER, "another user is signed in")?;
    ensure(signed_in.warnings.is_empty(), "there are warnings")
}

async fn wrong_password(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    refused(app.sign_in(Credentials::srp(USER, "Wrong-Horse-7")).await, &[ErrorCode::NotAuthorized])
}

async fn unknown_user(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    let codes = [ErrorCode::NotAuthorized, ErrorCode::UserNotFound];
    refused(app.sign_in(Credentials::srp("nobody", PASSWORD)).await, &codes)
}

async fn sent_password(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    refused(
        app.sign_in(Credentials::password(USER, "Wrong-Horse-7")).await,
        &[ErrorCode::NotAuthorized],
    )?;
    done(app.sign_in(Credentials::password(USER, PASSWORD)).await?).map(drop)
}

async fn client_secret(service: &Service) -> Result {
    let app = service.app(Wanted { client_secret: true, ..Wanted::default() }).await?;
    sign_in(&app).await.map(drop)
}

async fn new_password(service: &Service) -> Result {
    let app = service.app(Wanted { temporary_password: true, ..Wanted::default() }).await?;
    match app.sign_in(proven()).await? {
        SignInStep::Challenge(Challenge::NewPassword(asked)) => {
            done(asked.answer("Other-Horse-8").await?)?
        }
        _ => return Err("no new password is asked for".into()),
    };
    done(app.sign_in(Credentials::srp(USER, "Other-Horse-8")).await?).map(drop)
}

async fn setup(service: &Service) -> Result {
    let app =
        service.app(Wanted { second_factor: Some(UserPoolMfa::On), ..Wanted::default() }).await?;
    let asked = match app.sign_in(proven()).await? {
        SignInStep::Challenge(Challenge::MfaSetup(asked)) => asked,
        _ => return Err("no set-up is asked for".into()),
    };
    let asked = match asked.authenticator().await? {
        SignInStep::Challenge(Challenge::AuthenticatorSetup(asked)) => asked,
        _ => return Err("no secret is given".into()),
    };
    let code = totp(asked.prompt().secret_code.as_str())?;
    done(asked.verify(&code, Some("authenticator")).await?).map(drop)
}

async fn code(service: &Service) -> Result {
    let app = service
        .app(Wanted { second_factor: Some(UserPoolMfa::Optional), ..Wanted::default() })
        .await?;
    let token = sign_in(&app).await?.session.access_token;
    let associate = AssociateSoftwareTokenRequest {
        access_token: Some(token.clone()),
        ..AssociateSoftwareTokenRequest::default()
    };
    let secret = service.http.call(&associate).await?.secret_code.ok_or("there is no secret")?;
    let verify = VerifySoftwareTokenRequest {
        access_token: Some(token.clone()),
        ..VerifySoftwareTokenRequest::new(totp(secret.as_str())?)
    };
    service.http.call(&verify).await?;
    let preferred = SetUserMFAPreferenceRequest {
        software_token_mfa_settings: Some(SoftwareTokenMfaSettingsType {
            enabled: Some(true),
            preferred_mfa: Some(true),
        }),
        ..SetUserMFAPreferenceRequest::new(token)
    };
    service.http.call(&preferred).await?;

    let asked = match app.sign_in(proven()).await? {
        SignInStep::Challenge(Challenge::Code(asked)) => asked,
        _ => return Err("no code is asked for".into()),
    };
    let asked = match asked.answer("000000").await? {
        SignInStep::Challenge(Challenge::Code(asked)) if asked.rejection().is_some() => asked,
        _ => return Err("a wrong code is as good as any".into()),
    };
    done(asked.answer(&totp(secret.as_str())?).await?).map(drop)
}

async fn refresh(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    let signed_in = sign_in(&app).await?;
    let refreshed = app.refresh().await?;
    ensure(refreshed.username == signed_in.session.username, "another user is signed in")
}

async fn sign_out(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    sign_in(&app).await?;
    app.sign_out().await?;
    ensure(matches!(app.session().await, Err(Error::SignedOut)), "there is a session still")
}

async fn global_sign_out(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    sign_in(&app).await?;
    Ok(app.global_sign_out().await?)
}

async fn delete(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    sign_in(&app).await?;
    app.delete_user().await?;
    refused(app.sign_in(proven()).await, &[ErrorCode::NotAuthorized, ErrorCode::UserNotFound])
}

async fn device(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    let signed_in = sign_in(&app).await?;
    ensure(signed_in.device != SessionDevice::Untracked, "it tracks no devices")
}

async fn in_vain(service: &Service) -> Result {
    let app = service.app(Wanted::default()).await?;
    sign_in(&app).await?;
    ensure(
        matches!(app.remember_device().await, Err(Error::DeviceNotTracked)),
        "a device is remembered",
    )?;
    match app.fetch_devices().await {
        Err(Error::Service(_) | Error::Transport(_)) => {}
        other => return Err(format!("devices are listed: {other:?}").into()),
    }
    Ok(app.session().await.map(drop)?)
}

async fn sign_in(app: &DeviceAuth) -> Result<SignedIn> {
    done(app.sign_in(proven()).await?)
}

fn done(step: SignInStep) -> Result<SignedIn> {
    match step {
        SignInStep::Done(signed_in) => Ok(signed_in),
        SignInStep::Challenge(asked) => Err(format!("{} is asked for", asked.name()).into()),
    }
}

fn refused(step: std::result::Result<SignInStep, Error>, codes: &[ErrorCode]) -> Result {
    match step {
        Err(Error::Service(error)) if codes.contains(error.code()) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err("it goes well".into()),
    }
}

fn ensure(holds: bool, otherwise: &str) -> Result {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// The current code of the authenticator app.
fn totp(secret: &str) -> Result<String> {
    if !secret.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')) {
        return Err("the secret is no base32".into());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    Ok(totp_code(secret, now.try_into()?))
}
