//! The life of a device: issued, confirmed, remembered or not, and forgotten.

use super::{Answer, DAY, ListedDevice, MINUTE, Model, Refusal};

/// A device key that was issued, and the device, if it was confirmed.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// The id of the user that the key was issued to. It is nobody else's.
    pub(crate) owner: usize,
    issued: i64,
    /// Whether the sign-in that issued it had passed a second factor.
    after_mfa: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Not confirmed: the key is worth nothing yet.
    Issued,
    Confirmed(Confirmed),
    /// The key is never valid again.
    Forgotten,
}

#[derive(Clone, Debug)]
pub(super) struct Confirmed {
    pub(super) remembered: bool,
    /// When it was last present at a passed second factor.
    pub(super) last_mfa: Option<i64>,
    created: i64,
    modified: i64,
    pub(super) last_authenticated: i64,
}

impl Device {
    pub(super) fn issue(owner: usize, issued: i64, after_mfa: bool) -> Self {
        Self { owner, issued, after_mfa, state: State::Issued }
    }

    pub(super) fn confirmed(&self) -> Option<&Confirmed> {
        match &self.state {
            State::Confirmed(device) => Some(device),
            State::Issued | State::Forgotten => None,
        }
    }

    pub(super) fn confirmed_mut(&mut self) -> Option<&mut Confirmed> {
        match &mut self.state {
            State::Confirmed(device) => Some(device),
            State::Issued | State::Forgotten => None,
        }
    }

    /// Forgets a confirmed device. A key that was not confirmed stays as it is.
    pub(super) fn remove(&mut self) {
        if self.confirmed().is_some() {
            self.state = State::Forgotten;
        }
    }

    pub(super) fn forget_if_idle(&mut self, now: i64, idle: i64) {
        if self.confirmed().is_some_and(|device| now - device.last_authenticated >= idle) {
            self.state = State::Forgotten;
        }
    }

    /// Whether the key may be confirmed: within a day, in whole minutes.
    fn is_confirmable(&self, now: i64) -> bool {
        let minutes = |at: i64| at.div_euclid(MINUTE);
        matches!(self.state, State::Issued) && minutes(now) - minutes(self.issued) <= DAY / MINUTE
    }
}

impl Model {
    /// The user's device, if it was confirmed and neither forgotten nor unused for too long.
    pub(super) fn device(&self, user: usize, device: usize) -> Result<&Confirmed, Refusal> {
        let id = self.user(user)?.id;
        let owned = &self.devices[device];
        let confirmed = owned.confirmed().filter(|_| owned.owner == id);
        let is_idle = |device: &Confirmed| {
            let idle = self.policy.forget_after_idle;
            idle.is_some_and(|idle| self.now - device.last_authenticated >= idle)
        };
        confirmed.filter(|device| !is_idle(device)).ok_or(Refusal::UnknownDevice)
    }

    pub(crate) fn has_device(&self, user: usize, device: usize) -> bool {
        self.device(user, device).is_ok()
    }

    /// Whether failures of a sign-in with this device are counted on their own.
    pub(super) fn is_remembered_of(&self, device: usize, user: usize) -> bool {
        let device = &self.devices[device];
        self.users[user].as_ref().is_some_and(|user| user.id == device.owner)
            && device.confirmed().is_some_and(|device| device.remembered)
    }

    pub(super) fn confirm_device(
        &mut self,
        token: usize,
        device: usize,
    ) -> Result<Answer, Refusal> {
        let user = self.caller(token)?;
        let tracking = self.policy.tracking.ok_or(Refusal::InvalidDeviceKey)?;
        if self.has_device(user, device) {
            return Err(Refusal::DeviceExists);
        }
        let issued = &self.devices[device];
        if issued.owner != self.user(user)?.id || !issued.is_confirmable(self.now) {
            return Err(Refusal::InvalidDeviceKey);
        }
        self.make_room(user)?;
        let now = self.now;
        let issued = &mut self.devices[device];
        // The key tells its minute of issue alone.
        let passed_mfa = issued.issued.div_euclid(MINUTE) * MINUTE;
        issued.state = State::Confirmed(Confirmed {
            remembered: tracking.always,
            last_mfa: issued.after_mfa.then_some(passed_mfa),
            created: now,
            modified: now,
            last_authenticated: now,
        });
        Ok(Answer::Confirmed { asks_user: !tracking.always })
    }

    /// Makes room for one more device, if the pool limits their number.
    fn make_room(&mut self, user: usize) -> Result<(), Refusal> {
        let Some(most) = self.policy.max_devices else { return Ok(()) };
        let mut devices: Vec<usize> =
            (0..self.devices.len()).filter(|device| self.has_device(user, *device)).collect();
        if devices.len() < most {
            return Ok(());
        }
        if !self.policy.forget_oldest {
            return Err(Refusal::TooManyDevices);
        }
        devices.sort_by_key(|device| {
            self.devices[*device].confirmed().map(|device| device.last_authenticated)
        });
        for device in &devices[..devices.len() + 1 - most] {
            self.devices[*device].remove();
        }
        Ok(())
    }

    pub(super) fn set_status(
        &mut self,
        user: usize,
        device: usize,
        remembered: bool,
    ) -> Result<Answer, Refusal> {
        self.device(user, device)?;
        let now = self.now;
        if let Some(confirmed) = self.devices[device].confirmed_mut() {
            confirmed.remembered = remembered;
            confirmed.modified = now;
        }
        Ok(Answer::Done)
    }

    pub(super) fn forget_device(&mut self, user: usize, device: usize) -> Result<Answer, Refusal> {
        self.device(user, device)?;
        self.devices[device].remove();
        Ok(Answer::Done)
    }

    /// A device as its user sees it: only if it is remembered.
    pub(super) fn get_device(&self, user: usize, device: usize) -> Result<Answer, Refusal> {
        let found = self.device(user, device)?;
        if !found.remembered {
            return Err(Refusal::UnknownDevice);
        }
        Ok(Answer::Devices(vec![listed(device, found, false)]))
    }

    /// The user's devices. Users see those that are remembered; administrators see all.
    pub(super) fn list(&self, user: usize, by_administrator: bool) -> Vec<ListedDevice> {
        let all = (0..self.devices.len()).filter_map(|device| {
            let found = self.device(user, device).ok()?;
            (by_administrator || found.remembered).then(|| listed(device, found, by_administrator))
        });
        all.collect()
    }
}

fn listed(device: usize, found: &Confirmed, by_administrator: bool) -> ListedDevice {
    ListedDevice {
        device,
        remembered: by_administrator.then_some(found.remembered),
        created: found.created,
        modified: found.modified,
        last_authenticated: found.last_authenticated.div_euclid(1000),
    }
}
