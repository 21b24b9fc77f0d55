//! A lost device: its owner forgets it from another device, and then it is asked for a code again.
//!
//! ```text
//! cargo run -p device-test --example lost_device
//! ```

use device_proto::DeviceOutcome;
use device_test::TestPool;
use device_wire::requests::{ForgetDeviceRequest, ListDevicesRequest};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = TestPool::new();
    let ada = pool.user("ada").authenticator().create();
    let lost = pool.device(&ada).name("Lost").create();
    let kept = pool.device(&ada).name("Kept").create();

    let tokens = pool.sign_in_on(&ada, &kept).tokens;
    let devices = pool.call(&ListDevicesRequest::new(tokens.access.clone()))?.devices;
    println!("Ada has {} devices.", devices.unwrap_or_default().len());

    let forget = ForgetDeviceRequest {
        access_token: Some(tokens.access),
        ..ForgetDeviceRequest::new(lost.device_key.as_str())
    };
    pool.call(&forget)?;

    match pool.sign_in_on(&ada, &lost).device {
        DeviceOutcome::New { .. } => println!("The lost device had to give a code."),
        other => return Err(format!("the lost device is still known: {other:?}").into()),
    }
    Ok(())
}
