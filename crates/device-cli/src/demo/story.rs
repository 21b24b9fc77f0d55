//! The steps of the demo, and their expected outcomes.

use device_auth::{
    Challenge, CodeSource, Credentials, CurrentDevice, Device, DeviceAuth, DeviceStatus,
    SignInStep, SignedIn,
};
use device_wire::requests::AdminGetDeviceRequest;

use super::scene::{Scene, USERNAME};

/// Runs all steps, or up to the first with an unexpected outcome.
pub(crate) async fn tell(scene: &Scene) -> Result<(), String> {
    let report = &scene.report;

    report.step("Ada signs in on a new device: password by SRP, then the code of her app");
    let app = scene.app().map_err(text)?;
    let signed_in = with_code(&app, scene, 1).await?;
    let key = signed_in.device_key().ok_or("the device was not confirmed")?.to_owned();
    must(signed_in.should_ask_to_remember(), "in an opt-in pool the user has to be asked")?;
    must(signed_in.warnings.is_empty(), "signing in gave a warning")?;
    let way = ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "SOFTWARE_TOKEN_MFA", "ConfirmDevice"];
    must(report.calls_of_step() == way, "these are not the calls of a sign-in on a new device")?;
    report.finding(
        "a code was asked for; the device is confirmed, and Ada may be asked to remember it",
    );

    report.step("The device is tracked, and not remembered");
    let current = app.fetch_current_device().await.map_err(text)?;
    must(
        current == CurrentDevice::Tracked { key: key.clone() },
        "the device should be tracked only",
    )?;
    must(
        app.fetch_devices().await.map_err(text)?.is_empty(),
        "a user's list has remembered devices only",
    )?;
    let seen = as_administrator(scene, &key).await?;
    must(
        seen.status == Some(DeviceStatus::NotRemembered),
        "an administrator should see it as not remembered",
    )?;
    report.finding(
        "users are shown remembered devices only, so Ada's list is empty; an \
                    administrator sees it as not remembered",
    );

    report.step("Ada has it remembered");
    app.remember_device().await.map_err(text)?;
    let seen = as_administrator(scene, &key).await?;
    must(seen.status == Some(DeviceStatus::Remembered), "it should be remembered now")?;
    report.finding("remembered");

    report.step("The app starts anew, and Ada signs in again: password and device proof, no code");
    let app = scene.app().map_err(text)?;
    let signed_in = match app.sign_in(credentials(scene)).await.map_err(text)? {
        SignInStep::Done(signed_in) => signed_in,
        SignInStep::Challenge(challenge) => {
            return Err(format!("{} was asked for", challenge.name()));
        }
    };
    must(signed_in.device_key() == Some(key.as_str()), "it should be the same device")?;
    let way = ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"];
    must(
        report.calls_of_step() == way,
        "these are not the calls of a sign-in on a remembered device",
    )?;
    report.finding("no code was asked for: the device proved its secret");

    report.step("Ada lists her devices");
    let devices = app.fetch_devices().await.map_err(text)?;
    let [device] = devices.as_slice() else {
        return Err(format!("{} devices are listed", devices.len()));
    };
    must(device.key == key && device.is_current, "the listed device should be this one")?;
    must(
        device.created.is_some() && device.last_authenticated.is_some(),
        "the device should have its dates",
    )?;
    for device in &devices {
        report.finding(describe(device));
    }

    report.step("She looks at this one");
    match app.fetch_current_device().await.map_err(text)? {
        CurrentDevice::Remembered(device) if device.key == key => report.finding(describe(&device)),
        other => return Err(format!("the current device is {other:?}")),
    }

    report.step("She forgets it");
    app.forget_this_device().await.map_err(text)?;
    must(app.fetch_devices().await.map_err(text)?.is_empty(), "the list should be empty again")?;
    report.finding("no device is left, neither there nor here");

    report.step("The next sign-in asks for a code again");
    let app = scene.app().map_err(text)?;
    let signed_in = with_code(&app, scene, 2).await?;
    must(signed_in.device_key().is_some_and(|new| new != key), "it should be a new device")?;
    report.finding("a code was asked for; the service sees a new device");
    Ok(())
}

/// Signs in when a code is required.
async fn with_code(app: &DeviceAuth, scene: &Scene, steps: u64) -> Result<SignedIn, String> {
    let step = app.sign_in(credentials(scene)).await.map_err(text)?;
    let SignInStep::Challenge(Challenge::Code(code)) = step else {
        return Err("no code was asked for".to_owned());
    };
    must(
        code.prompt().source == CodeSource::Authenticator,
        "it should be the authenticator's code",
    )?;
    match code.answer(&scene.code(steps)).await.map_err(text)? {
        SignInStep::Done(signed_in) => Ok(signed_in),
        SignInStep::Challenge(challenge) => {
            Err(format!("{} was asked for after the code", challenge.name()))
        }
    }
}

async fn as_administrator(scene: &Scene, key: &str) -> Result<Device, String> {
    let request = AdminGetDeviceRequest::new(key, &*scene.pool_id, USERNAME);
    let shown = scene.admin.call(&request).await.map_err(text)?;
    Ok(Device::from_wire(shown.device, None))
}

fn credentials(scene: &Scene) -> Credentials {
    Credentials::srp(USERNAME, scene.password.as_str())
}

/// Describes a device in one line.
fn describe(device: &Device) -> String {
    let date = |at: Option<device_auth::Timestamp>| {
        let seconds = at.map(|at| at.as_millis().div_euclid(1000));
        seconds.map_or("never".to_owned(), |seconds| {
            device_srp::Timestamp::from_unix_seconds(seconds).to_string()
        })
    };
    format!(
        "{}{}: since {}, last used {} from {}",
        device.name.as_deref().unwrap_or(&device.key),
        if device.is_current { " (this one)" } else { "" },
        date(device.created),
        date(device.last_authenticated),
        device.last_ip.as_deref().unwrap_or("an unknown address"),
    )
}

fn must(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn text(error: impl std::error::Error) -> String {
    error.to_string()
}
