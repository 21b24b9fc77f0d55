//! Writing the audit trail. No other file does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_wire::{Auth, Operation};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::command::context::Context;
use crate::command::notes::{Finding, Notes, Subject};
use crate::command::transaction::{Entity, Transaction};
use crate::error::ServiceError;
use crate::host::invocation::{About, Invocation, Retention, SignInOutcome};
use crate::host::moment::{Moment, days};
use crate::host::server_act::ServerAct;
use crate::records::audit_event::{Actor, AuditEvent, Kind, Outcome, SignIn};
use crate::records::audit_log::UnsealedEvent;
use crate::records::device::Device;
use crate::records::user::User;

/// The maximum time that a refresh is kept. Apps refresh once an hour, and a year of that is a lot.
const REFRESH_DAYS: u64 = 30;

/// How long events of unknown names are kept. An attacker can produce any number of names.
const NOBODYS_DAYS: u64 = 1;

/// Adds the event of a decided command, if it has one. Tells the host the command's subject.
///
/// The event is written whether or not the command succeeded. Our own failures leave none.
pub(crate) fn conclude(
    cx: &mut Context<'_, '_>,
    operation: Operation,
    refusal: Option<&ServiceError>,
) -> Result<(), ServiceError> {
    let notes = std::mem::take(&mut cx.notes);
    let kind = match Kind::of(operation) {
        Some(_) if notes.refreshes => Some(Kind::Refresh),
        kind => kind,
    };
    let ours = refusal.is_some_and(|error| error.detail().is_some());
    let outcome = kind.filter(|_| !ours).and_then(|kind| outcome(kind, operation, &notes, refusal));
    cx.invocation.about = About {
        pool_id: notes.pool_id.clone(),
        client_id: notes.client_id.clone(),
        sub: notes.subject.as_ref().filter(|whose| !whose.is_nobody).map(|whose| whose.sub.clone()),
        failed: outcome == Some(Outcome::Failed),
        sign_in: sign_in_outcome(kind, outcome, &notes),
        mfa: notes.mfa.filter(|_| !ours),
    };
    let Some((kind, outcome)) = kind.zip(outcome) else { return Ok(()) };
    let Some(event) = event(cx, kind, operation, outcome, notes, refusal) else { return Ok(()) };
    // Only the first attempt during a wait is noted, since anyone may make any number.
    if event.wait.is_some() && cx.tx.find::<AuditEvent>(&Entity::id(&event))?.is_some() {
        return Ok(());
    }
    record(&mut cx.tx, &event)
}

/// How a sign-in ended; `None` if it goes on.
fn sign_in_outcome(
    kind: Option<Kind>,
    outcome: Option<Outcome>,
    notes: &Notes,
) -> Option<SignInOutcome> {
    let is = |fact: &str, value: bool| {
        let situation = notes.situation.as_ref().and_then(|facts| facts.get(fact));
        situation.and_then(serde_json::Value::as_bool) == Some(value)
    };
    match (kind, outcome) {
        (Some(Kind::SignIn), Some(Outcome::Failed)) => Some(SignInOutcome::Failed),
        (Some(Kind::SignIn), Some(Outcome::Passed)) => {
            // Tokens without a second factor that was due: a device stood in.
            let by_device = is("mfa_due", true) && is("mfa_passed", false);
            Some(if by_device { SignInOutcome::PassedByDevice } else { SignInOutcome::Passed })
        }
        _ => None,
    }
}

/// Adds an event, and the note that it is not in the audit log yet.
fn record(tx: &mut Transaction<'_>, event: &AuditEvent) -> Result<(), ServiceError> {
    tx.record(&UnsealedEvent::of(event)?)?;
    tx.record(event)
}

/// The event of an act at the server itself.
pub(crate) fn of_server(
    act: ServerAct,
    about: String,
    retention: &Retention,
    invocation: &mut Invocation<'_>,
) -> AuditEvent {
    let mut id = [0; 16];
    invocation.rng.fill_bytes(&mut id);
    let kind = match act {
        ServerAct::SessionOpened | ServerAct::SessionEnded => Kind::ConsoleSession,
        ServerAct::AccessKeyAdded | ServerAct::AccessKeyRevoked | ServerAct::KeysRotated => {
            Kind::AccessKey
        }
    };
    AuditEvent {
        id: uuid::Builder::from_random_bytes(id).into_uuid().to_string(),
        pool_id: String::new(),
        sub: None,
        of_nobody: false,
        at: invocation.now,
        wait: None,
        kind,
        operation: act.name().to_owned(),
        outcome: Outcome::Passed,
        error: None,
        actor: Actor::Administrator(invocation.administrator.clone()),
        client_id: None,
        device_key: None,
        ip: invocation.source_ip.map(|ip| ip.to_string()),
        ip_salt: None,
        ip_commitment: None,
        reasons: vec![about],
        sign_in: None,
        expires_at: invocation.now + days(u64::from(retention.audit_days)),
    }
}

/// Adds the event of a device that the server forgets by itself, outside of a command.
pub(crate) fn forgotten(
    tx: &mut Transaction<'_>,
    retention: &Retention,
    user: &User,
    device: &Device,
    at: Moment,
    reason: String,
) -> Result<(), ServiceError> {
    let kind = Kind::DeviceChange;
    let subject = user.subject();
    let event = AuditEvent {
        id: id_of_forgetting(device, at).to_string(),
        expires_at: expires_at(retention, kind, Some(&subject), at),
        pool_id: subject.pool_id,
        sub: Some(subject.sub),
        of_nobody: false,
        at,
        wait: None,
        kind,
        operation: Operation::ForgetDevice.to_string(),
        outcome: Outcome::Passed,
        error: None,
        actor: Actor::Server,
        client_id: None,
        device_key: Some(device.key.clone()),
        ip: None,
        ip_salt: None,
        ip_commitment: None,
        reasons: vec![reason],
        sign_in: None,
    };
    record(tx, &event)
}

/// The id of that event. There is no randomness outside of a command, and a device is forgotten
/// only once.
fn id_of_forgetting(device: &Device, at: Moment) -> Uuid {
    let digest =
        Sha256::new().chain_update(device.id()).chain_update(at.millis().to_be_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, part)| *byte = part);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The outcome of a command; `None` if it leaves no event.
fn outcome(
    kind: Kind,
    operation: Operation,
    notes: &Notes,
    refusal: Option<&ServiceError>,
) -> Option<Outcome> {
    match (&notes.finding, refusal) {
        (Finding::Nothing, Some(_)) => None,
        (Finding::Failed, _) | (_, Some(_)) => Some(Outcome::Failed),
        (Finding::InProgress, None) => Some(Outcome::InProgress),
        (Finding::Tokens, None) => Some(Outcome::Passed),
        // A step of a sign-in that checked no proof: a choice, or a start.
        (_, None) if kind == Kind::SignIn => None,
        // A code was sent, and is expected.
        (_, None) if matches!(operation, Operation::ForgotPassword) => Some(Outcome::InProgress),
        (_, None) => Some(Outcome::Passed),
    }
}

fn event(
    cx: &mut Context<'_, '_>,
    kind: Kind,
    operation: Operation,
    outcome: Outcome,
    notes: Notes,
    refusal: Option<&ServiceError>,
) -> Option<AuditEvent> {
    let Notes {
        pool_id,
        client_id,
        subject,
        device_key,
        trail,
        situation,
        reasons,
        finding,
        by_link,
        event_id,
        ..
    } = notes;
    let pool_id = subject.as_ref().map(|whose| whose.pool_id.clone()).or(pool_id)?;
    let actor = match operation.auth() {
        _ if by_link => Actor::Link,
        Auth::SigV4 => Actor::Administrator(cx.invocation.administrator.clone()),
        Auth::AccessToken => Actor::User,
        _ => Actor::Anyone,
    };
    // Changes of a pool have no subject, and only administrators make them.
    if subject.is_none() && kind != Kind::PoolChange {
        return None;
    }
    let at = cx.now();
    let wait = match &finding {
        Finding::LockedOut(wait) => Some(wait.clone()),
        _ => None,
    };
    let (so_far, sign_in) = trail.map_or((Vec::new(), None), |trail| {
        let sign_in = SignIn {
            id: trail.event_id,
            started: trail.started,
            password: trail.password,
            mfa: trail.mfa,
            risk: trail.risk,
            situation,
        };
        (trail.reasons, Some(sign_in))
    });
    let ip = cx.invocation.source_ip.map(|ip| ip.to_string());
    Some(AuditEvent {
        id: event_id.unwrap_or_else(|| cx.uuid().to_string()),
        pool_id,
        sub: subject.as_ref().map(|whose| whose.sub.clone()),
        of_nobody: subject.as_ref().is_some_and(|whose| whose.is_nobody),
        at,
        wait,
        kind,
        operation: operation.to_string(),
        outcome,
        error: refusal.map(|error| error.code().as_str().to_owned()),
        actor,
        client_id,
        device_key,
        ip_salt: ip.is_some().then(|| STANDARD.encode(cx.random::<16>())),
        ip_commitment: None,
        ip,
        reasons: so_far.into_iter().chain(reasons).collect(),
        sign_in,
        expires_at: expires_at(&cx.config.retention, kind, subject.as_ref(), at),
    })
}

/// When an event expires. The events of an unconfirmed user expire with that user.
fn expires_at(retention: &Retention, kind: Kind, subject: Option<&Subject>, at: Moment) -> Moment {
    let kept = u64::from(retention.audit_days);
    let kept = match (kind, subject) {
        (_, Some(Subject { is_nobody: true, .. })) => kept.min(NOBODYS_DAYS),
        (Kind::Refresh, _) => kept.min(REFRESH_DAYS),
        _ => kept,
    };
    let end = at + days(kept);
    subject.and_then(|whose| whose.removed_at).map_or(end, |removed| end.min(removed))
}
