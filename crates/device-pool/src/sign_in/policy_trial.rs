//! What other device settings would have asked of the sign-ins of the last days.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use device_wire::shapes::DeviceConfigurationType;

use crate::command::transaction::{Entity, Transaction, id_of};
use crate::error::ServiceError;
use crate::host::moment::{Moment, days};
use crate::records::audit_event::{AuditEvent, Kind, Outcome};
use crate::records::device_tags::{DeviceTags, how_often};
use crate::records::pool::Pool;
use crate::sign_in::next::{Facts, Next, Reason};
use crate::sign_in::replay::{Decision, NotJudged, RecordedSignIn, Settings, Verdict, replay};
use crate::store::Store;

/// The most events that one trial reads.
const MOST_EVENTS: usize = 50_000;

/// The number of events read at once.
const BATCH: usize = 500;

/// The most days back.
const MOST_DAYS: u32 = 3650;

/// The most examples.
const EXAMPLES: usize = 10;

/// Settings to try on recorded sign-ins, in place of a pool's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTrialRequest {
    /// The pool.
    pub pool_id: String,
    /// What would change: `remember`, `suppress-mfa` and the tags `device:mfa-every` and
    /// `device:forget-after-idle`, each with its value. A tag without a value is tried as removed.
    pub settings: BTreeMap<String, String>,
    /// How many days back.
    pub days: u32,
}

/// The result of a trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PolicyTrial {
    /// Since when, in milliseconds since the epoch.
    pub since: i64,
    /// The number of users with sign-ins in that time.
    pub users: usize,
    /// The number of events that were read.
    pub events: usize,
    /// Whether all of that time's events were read. If not, the users are a random sample.
    pub is_complete: bool,
    /// The number of sign-ins that were judged.
    pub sign_ins: usize,
    /// How many of them were asked for a code.
    pub asked: usize,
    /// How many of them would be.
    pub would_be_asked: usize,
    /// How many were not asked and would be.
    pub newly_asked: usize,
    /// How many were asked and would not be.
    pub no_longer_asked: usize,
    /// Why a code was asked for or a sign-in refused, and how often.
    pub reasons: Vec<ReasonCount>,
    /// The sign-ins that were not judged.
    pub not_judged: Vec<NotJudgedCount>,
    /// Sign-ins that would change, the latest first.
    pub examples: Vec<PolicyExample>,
}

/// How often a reason was given, and how often it would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReasonCount {
    /// The reason, as a sentence.
    pub reason: String,
    /// In how many sign-ins it was given.
    pub was: usize,
    /// In how many it would be.
    pub would_be: usize,
}

/// Sign-ins that were not judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NotJudgedCount {
    /// Why, as a sentence.
    pub reason: String,
    /// How many.
    pub sign_ins: usize,
}

/// A sign-in that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PolicyExample {
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// The user's `sub`.
    pub sub: String,
    /// The device that was presented.
    pub device_key: Option<String>,
    /// What was decided.
    pub was: String,
    /// What would be.
    pub would_be: String,
}

/// Tries the settings; writes nothing.
pub(crate) fn run(
    store: &dyn Store,
    request: &PolicyTrialRequest,
    now: Moment,
) -> Result<PolicyTrial, ServiceError> {
    let PolicyTrialRequest { pool_id, settings, days: back } = request;
    if !(1..=MOST_DAYS).contains(back) {
        return Err(ServiceError::invalid(format!(
            "A trial looks at the last 1 to {MOST_DAYS} days, not {back}."
        )));
    }
    let pool: Pool = Transaction::new(store)
        .find(pool_id)?
        .ok_or_else(|| ServiceError::not_found(format!("User pool {pool_id} does not exist.")))?;
    let settings = Settings::of(&changed(&pool, settings)?);
    let kept = i64::try_from(days(u64::from(*back)).as_millis()).unwrap_or(i64::MAX);
    let since = Moment::from_millis(now.millis().saturating_sub(kept));
    let mut tally = Tally::new(settings, since);
    tally.read(store, pool_id)?;
    Ok(tally.conclude())
}

impl Settings {
    fn of(pool: &Pool) -> Self {
        let DeviceTags { mfa_every, forget_after_idle, .. } = DeviceTags::of(pool);
        Self { devices: pool.device_policy(), mfa_every, forget_after_idle }
    }
}

/// The pool with the changes; refuses what cannot be tried.
fn changed(pool: &Pool, changes: &BTreeMap<String, String>) -> Result<Pool, ServiceError> {
    const REMEMBER: &str = "remember is always, opt-in or no";
    const SUPPRESS: &str = "suppress-mfa is on or off";
    let mut changed = pool.clone();
    let tags = changed.description.user_pool_tags.get_or_insert_default();
    let (mut remember, mut suppress) = (None, None);
    for (name, value) in changes {
        let wrong = |right: &str| {
            Err(ServiceError::invalid(format!("{name}={value} cannot be tried: {right}.")))
        };
        match (name.as_str(), value.as_str()) {
            ("remember", "always" | "opt-in" | "no") => remember = Some(value.as_str()),
            ("remember", _) => return wrong(REMEMBER),
            ("suppress-mfa", "on" | "off") => suppress = Some(value == "on"),
            ("suppress-mfa", _) => return wrong(SUPPRESS),
            ("device:mfa-every" | "device:forget-after-idle", "") => {
                tags.remove(name);
            }
            ("device:mfa-every" | "device:forget-after-idle", _) => {
                tags.insert(name.clone(), value.clone());
            }
            (tag, _) if tag.starts_with("device:") => {
                return wrong("it does not decide whether a code is asked for");
            }
            _ => {
                return wrong(
                    "what can be tried is remember, suppress-mfa, device:mfa-every and \
                     device:forget-after-idle",
                );
            }
        }
    }
    DeviceTags::check(tags)?;
    let mut devices = changed.description.device_configuration.take();
    match remember {
        None => {}
        Some("no") => devices = None,
        Some(when) => {
            devices = Some(DeviceConfigurationType {
                device_only_remembered_on_user_prompt: Some(when == "opt-in"),
                ..devices.unwrap_or_default()
            });
        }
    }
    match (&mut devices, suppress) {
        (Some(devices), Some(suppress)) => {
            devices.challenge_required_on_new_device = Some(suppress);
        }
        (None, Some(true)) => {
            return Err(ServiceError::invalid(
                "suppress-mfa=on cannot be tried in a pool that remembers no devices: add \
                 remember=always or remember=opt-in.",
            ));
        }
        (_, _) => {}
    }
    changed.description.device_configuration = devices;
    let (own, tried) = (DeviceTags::of(pool), DeviceTags::of(&changed));
    if let Some(idle) = own.forget_after_idle
        && tried.forget_after_idle.is_none_or(|tried| tried > idle)
    {
        return Err(ServiceError::invalid(format!(
            "A longer device:forget-after-idle cannot be tried: devices that were unused for {} \
             are forgotten, so no sign-in tells which one would still be there.",
            how_often(idle)
        )));
    }
    Ok(changed)
}

/// The counts of a trial so far.
struct Tally {
    settings: Settings,
    since: Moment,
    trial: PolicyTrial,
    reasons: BTreeMap<String, (usize, usize)>,
    not_judged: BTreeMap<NotJudged, usize>,
    examples: Vec<PolicyExample>,
}

impl Tally {
    fn new(settings: Settings, since: Moment) -> Self {
        Self {
            settings,
            since,
            trial: PolicyTrial { since: since.millis(), ..PolicyTrial::default() },
            reasons: BTreeMap::new(),
            not_judged: BTreeMap::new(),
            examples: Vec::new(),
        }
    }

    /// Reads the pool's events user by user. A `sub` is random, so the first users are a random
    /// sample.
    fn read(&mut self, store: &dyn Store, pool_id: &str) -> Result<(), ServiceError> {
        let tx = Transaction::new(store);
        let prefix = id_of([pool_id, ""]);
        // `0` is the character after `/`: past the unknown names, whose `sub` follows an empty
        // part.
        let mut after = format!("{prefix}0");
        let mut user = (String::new(), SignIns::default());
        let mut is_past = false;
        while self.trial.events < MOST_EVENTS {
            let batch: Vec<AuditEvent> = tx.scan(&prefix, Some(&after), BATCH)?;
            self.trial.events += batch.len();
            let is_last = batch.len() < BATCH;
            if let Some(last) = batch.last() {
                after = last.id();
            }
            for event in batch {
                let Some(sub) = event.sub.as_deref() else { continue };
                if user.0 != sub {
                    let next = (sub.to_owned(), SignIns::default());
                    let (sub, sign_ins) = std::mem::replace(&mut user, next);
                    self.judge(&sub, sign_ins);
                    is_past = false;
                }
                // The latest is first, and what the service does not list comes last.
                is_past |= !event.is_listed() || event.at < self.since;
                if !is_past && event.kind == Kind::SignIn {
                    user.1.note(event);
                }
            }
            if is_last {
                self.trial.is_complete = true;
                break;
            }
            if is_past {
                after = id_of([pool_id, &user.0]) + "0";
            }
        }
        self.judge(&user.0, user.1);
        Ok(())
    }

    /// Judges the sign-ins of a user.
    fn judge(&mut self, sub: &str, sign_ins: SignIns) {
        let sign_ins = sign_ins.judgeable();
        if sign_ins.is_empty() {
            return;
        }
        self.trial.users += 1;
        for (sign_in, verdict) in sign_ins.iter().zip(replay(&sign_ins, &self.settings)) {
            match verdict {
                Verdict::NotJudged(why) => *self.not_judged.entry(why).or_default() += 1,
                Verdict::Judged { was, would_be } => self.count(sub, sign_in, &was, &would_be),
            }
        }
    }

    fn count(&mut self, sub: &str, sign_in: &RecordedSignIn, was: &Decision, would_be: &Decision) {
        let trial = &mut self.trial;
        trial.sign_ins += 1;
        trial.asked += usize::from(was.asks());
        trial.would_be_asked += usize::from(would_be.asks());
        trial.newly_asked += usize::from(would_be.asks() && !was.asks());
        trial.no_longer_asked += usize::from(was.asks() && !would_be.asks());
        if let Some(reason) = reason(was) {
            self.reasons.entry(reason).or_default().0 += 1;
        }
        if let Some(reason) = reason(would_be) {
            self.reasons.entry(reason).or_default().1 += 1;
        }
        if was.asks() != would_be.asks() || is_refused(was) != is_refused(would_be) {
            const NO_CODE: &str = "No code asked";
            self.examples.push(PolicyExample {
                at: sign_in.at.millis(),
                sub: sub.to_owned(),
                device_key: sign_in.device_key.clone(),
                was: reason(was).unwrap_or_else(|| NO_CODE.to_owned()),
                would_be: reason(would_be).unwrap_or_else(|| NO_CODE.to_owned()),
            });
            // Kept short: only the latest are shown.
            if self.examples.len() > 10 * EXAMPLES {
                self.keep_latest_examples();
            }
        }
    }

    fn keep_latest_examples(&mut self) {
        self.examples.sort_by_key(|example| std::cmp::Reverse(example.at));
        self.examples.truncate(EXAMPLES);
    }

    fn conclude(mut self) -> PolicyTrial {
        self.keep_latest_examples();
        let counted = |(reason, (was, would_be))| ReasonCount { reason, was, would_be };
        let mut reasons: Vec<ReasonCount> = self.reasons.into_iter().map(counted).collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.was.max(reason.would_be)));
        let not_judged = self.not_judged.into_iter().map(|(why, sign_ins)| {
            let reason = match why {
                NotJudged::FactsMissing => "An earlier release recorded too little of them",
                NotJudged::DevicesOff => "The pool remembered no devices then",
            };
            NotJudgedCount { reason: reason.to_owned(), sign_ins }
        });
        PolicyTrial {
            reasons,
            not_judged: not_judged.collect(),
            examples: self.examples,
            ..self.trial
        }
    }
}

fn is_refused(decision: &Decision) -> bool {
    decision.next == Next::Refused
}

/// Why a code is asked for or the sign-in refused; `None` if neither is so.
fn reason(decision: &Decision) -> Option<String> {
    if !decision.asks() && !is_refused(decision) {
        return None;
    }
    Some(match decision.reason? {
        Reason::MfaTooLongAgo { every, .. } => {
            format!("MFA asked: last passed more than {} ago with this device", how_often(every))
        }
        Reason::NoRememberedDevice if decision.is_forgotten => {
            "MFA asked: the device would be forgotten, unused for too long".to_owned()
        }
        reason => reason.sentence(None),
    })
}

/// A sign-in, as far as its events were read.
struct Found {
    /// With how far it had come by the decision: a device proof comes last.
    sign_in: RecordedSignIn,
    /// Whether an event has facts that this release does not read.
    has_other_facts: bool,
}

/// The sign-ins of a user, found in the events. Only what a replay needs is kept of an event.
#[derive(Default)]
struct SignIns {
    found: BTreeMap<String, Found>,
}

impl SignIns {
    /// Adds what an event contains, in any order.
    fn note(&mut self, event: AuditEvent) {
        let Some(about) = event.sign_in else { return };
        let one = self.found.entry(about.id).or_insert_with(|| Found {
            sign_in: RecordedSignIn {
                at: event.at,
                device_key: None,
                facts: None,
                late: None,
                passed_at: None,
            },
            has_other_facts: false,
        });
        if event.outcome == Outcome::Passed {
            one.sign_in.passed_at = Some(event.at);
        }
        let Some(stored) = about.situation else { return };
        let Ok(facts) = serde_json::from_value::<Facts>(stored) else {
            one.has_other_facts = true;
            one.sign_in.device_key = one.sign_in.device_key.take().or(event.device_key);
            return;
        };
        let Facts { situation, presented, .. } = &facts;
        if situation.mfa_passed {
            // An app may name its device with the code and not before.
            if let (Some(presented), Some(key)) = (presented, event.device_key) {
                one.sign_in.late = Some((key, *presented));
            }
            return;
        }
        // The decision after the first factor: before a code, and before the device's proof.
        let progress = |facts: &Facts, at| (facts.situation.device_proven, at);
        let is_earlier = one
            .sign_in
            .facts
            .as_ref()
            .is_none_or(|known| progress(&facts, event.at) < progress(known, one.sign_in.at));
        if is_earlier && !situation.must_change_password {
            one.sign_in.device_key = presented.and(event.device_key);
            (one.sign_in.facts, one.sign_in.at) = (Some(facts), event.at);
        }
    }

    /// Those in which the first factor was passed, as their events say; the oldest first.
    fn judgeable(self) -> Vec<RecordedSignIn> {
        let is_one = |found: &Found| found.sign_in.facts.is_some() || found.has_other_facts;
        let mut sign_ins: Vec<RecordedSignIn> =
            self.found.into_values().filter(is_one).map(|found| found.sign_in).collect();
        sign_ins.sort_by_key(|sign_in| sign_in.at);
        sign_ins
    }
}
