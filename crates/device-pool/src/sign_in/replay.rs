//! Recorded sign-ins of a user, decided again under other settings: a pure function.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::host::moment::Moment;
use crate::records::pool::DevicePolicy;
use crate::sign_in::next::{Facts, LastMfa, Next, Presented, Reason, Situation, Standing, next};

/// The settings that decide whether a remembered device replaces a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) devices: DevicePolicy,
    pub(crate) mfa_every: Option<Duration>,
    pub(crate) forget_after_idle: Option<Duration>,
}

/// A recorded sign-in of which the first factor was passed.
#[derive(Clone, Debug)]
pub(crate) struct RecordedSignIn {
    pub(crate) at: Moment,
    pub(crate) device_key: Option<String>,
    /// The facts of the decision after the first factor; `None` if its event lacks them.
    pub(crate) facts: Option<Facts>,
    /// A device that was presented after a code, and what it was then.
    pub(crate) late: Option<(String, Presented)>,
    /// When it ended with tokens, if it did.
    pub(crate) passed_at: Option<Moment>,
}

/// What a sign-in was asked for, and what it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Judged { was: Decision, would_be: Decision },
    NotJudged(NotJudged),
}

/// Why a sign-in is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NotJudged {
    /// An earlier release recorded it, without all facts.
    FactsMissing,
    /// The pool remembered no devices then, so the presented one is not recorded.
    DevicesOff,
}

/// A decision, with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) next: Next,
    pub(crate) reason: Option<Reason>,
    /// Whether the presented device would have been forgotten before.
    pub(crate) is_forgotten: bool,
}

impl Decision {
    fn on(situation: &Situation, is_forgotten: bool) -> Self {
        let (next, reason) = next(situation);
        Self { next, reason, is_forgotten }
    }

    /// Whether a code is asked for: of a second factor, or of one that is set up.
    pub(crate) fn asks(&self) -> bool {
        matches!(self.next, Next::SecondFactor | Next::SetUpMfa)
    }
}

/// What a device would be under the settings, from an earlier sign-in on.
#[derive(Clone, Copy)]
enum Simulated {
    /// It is there, and was last present at a passed second factor then.
    There(Option<Moment>),
    /// It was forgotten, and no sign-in was completed since.
    Forgotten,
}

/// Decides the sign-ins of one user again, the oldest first.
///
/// A code that would have been asked for counts as passed if the sign-in was completed, and then
/// holds for that device as long as the settings say. A code that would not have been asked for
/// counts for nothing. A device keeps the status that it had; in the place of a forgotten device,
/// the next completed sign-in has a new one of the same status.
pub(crate) fn replay(sign_ins: &[RecordedSignIn], settings: &Settings) -> Vec<Verdict> {
    let mut devices: BTreeMap<&str, Simulated> = BTreeMap::new();
    sign_ins.iter().map(|sign_in| replay_one(sign_in, settings, &mut devices)).collect()
}

fn replay_one<'s>(
    sign_in: &'s RecordedSignIn,
    settings: &Settings,
    devices: &mut BTreeMap<&'s str, Simulated>,
) -> Verdict {
    let key = sign_in.device_key.as_deref();
    let Some(facts) = sign_in.facts else {
        // What it did to its device is not known. The next sign-in with it tells.
        let late = sign_in.late.as_ref().map(|(key, _)| key.as_str());
        key.into_iter().chain(late).for_each(|key| {
            devices.remove(key);
        });
        return Verdict::NotJudged(NotJudged::FactsMissing);
    };
    let recorded = facts.situation;
    let policy = if facts.password_proven { settings.devices } else { DevicePolicy::Off };
    let decide = |standing, is_forgotten| {
        Decision::on(&Situation { devices: policy, standing, ..recorded }, is_forgotten)
    };
    if facts.password_proven && recorded.devices == DevicePolicy::Off && policy != recorded.devices
    {
        // Any device may have been presented. It matters only if one could replace the code.
        let without = decide(Standing::Absent, false);
        let with = decide(Standing::Remembered(LastMfa::Valid), false);
        return if without.asks() == with.asks() {
            Verdict::Judged { was: Decision::on(&recorded, false), would_be: without }
        } else {
            Verdict::NotJudged(NotJudged::DevicesOff)
        };
    }
    let is_idle = |device: &Presented| {
        let unused = sign_in.at.since(device.last_authenticated);
        settings.forget_after_idle.is_some_and(|idle| unused >= idle)
    };
    let simulated = |key: Option<&str>, recorded: Presented| {
        let device = match key.and_then(|key| devices.get(key).copied()) {
            Some(Simulated::There(last_mfa)) => Some(Presented { last_mfa, ..recorded }),
            Some(Simulated::Forgotten) => None,
            None => Some(recorded),
        };
        device.filter(|device| !is_idle(device))
    };
    let there = facts.presented.and_then(|recorded| simulated(key, recorded));
    let is_forgotten = facts.presented.is_some() && there.is_none();
    let would_be = decide(Standing::of(there, settings.mfa_every, sign_in.at), is_forgotten);
    let met = match (facts.presented, &sign_in.late) {
        (Some(_), _) => key.map(|key| (key, there)),
        (None, Some((key, recorded))) => Some((&**key, simulated(Some(key), *recorded))),
        (None, None) => None,
    };
    if let Some((key, there)) = met {
        let asked_at = sign_in.passed_at.filter(|_| would_be.asks());
        let after = match there {
            Some(device) => Simulated::There(asked_at.or(device.last_mfa)),
            None if sign_in.passed_at.is_some() => Simulated::There(asked_at),
            None => Simulated::Forgotten,
        };
        devices.insert(key, after);
    }
    Verdict::Judged { was: Decision::on(&recorded, false), would_be }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng};

    use super::*;
    use crate::host::moment::{days, hours};
    use crate::host::risk::Risk;
    use crate::records::pool::Remember;
    use crate::rules::risk::Demand;

    const START: Moment = Moment::from_millis(1_790_000_000_000);

    const fn on(remember: Remember, suppress_mfa: bool) -> DevicePolicy {
        DevicePolicy::On { remember, suppress_mfa }
    }

    const REPLACES: Settings =
        Settings { devices: on(Remember::OptIn, true), mfa_every: None, forget_after_idle: None };

    /// What a user does in a sign-in, whatever the settings are.
    #[derive(Clone)]
    struct Act {
        at: Moment,
        /// The device that is presented, if any.
        device: Option<usize>,
        /// Whether it is presented with the code, and not before.
        late: bool,
        situation: Situation,
        password_proven: bool,
        completes: bool,
    }

    /// A device and its user's app, under some settings.
    #[derive(Clone, Copy)]
    struct Owned {
        remembered: bool,
        last_mfa: Option<Moment>,
        last_authenticated: Moment,
        /// How many devices came before it in its place.
        generation: u32,
        /// Whether the service has forgotten it, and the app no other yet.
        lost: bool,
    }

    /// Acts under settings, as `sign_in::due` and `sign_in::finish` record and decide them.
    fn live(acts: &[Act], owned: &[Owned], settings: &Settings) -> Vec<RecordedSignIn> {
        let mut owned = owned.to_vec();
        let mut recorded = Vec::new();
        for act in acts {
            let devices = if act.password_proven { settings.devices } else { DevicePolicy::Off };
            let index = act.device.filter(|_| devices != DevicePolicy::Off);
            let present = |device: &mut Owned| {
                let unused = act.at.since(device.last_authenticated);
                device.lost |= settings.forget_after_idle.is_some_and(|idle| unused >= idle);
                (!device.lost).then_some(Presented {
                    remembered: device.remembered,
                    last_mfa: device.last_mfa,
                    last_authenticated: device.last_authenticated,
                })
            };
            let at_first = index.filter(|_| !act.late);
            let presented = at_first.and_then(|index| present(owned.get_mut(index)?));
            let standing = Standing::of(presented, settings.mfa_every, act.at);
            let situation = Situation { devices, standing, ..act.situation };
            let asked = Decision::on(&situation, false).asks();
            let passed_at = act.completes.then(|| act.at + Duration::from_secs(5));
            let key = |index: usize, device: &Owned| format!("{index}-{}", device.generation);
            let at_code = index.filter(|_| act.late && asked && act.completes);
            let presented_late = at_code.and_then(|index| present(owned.get_mut(index)?));
            let (mut device_key, mut late) = (None, None);
            if let Some((index, device)) =
                at_first.or(at_code).and_then(|index| Some((index, owned.get_mut(index)?)))
            {
                device_key = presented.map(|_| key(index, device));
                late = presented_late.map(|presented| (key(index, device), presented));
                if let Some(at) = passed_at {
                    let last_mfa = asked.then_some(at);
                    if device.lost {
                        device.generation += 1;
                        (device.lost, device.last_mfa) = (false, last_mfa);
                    } else {
                        device.last_mfa = last_mfa.or(device.last_mfa);
                    }
                    device.last_authenticated = at;
                }
            }
            let facts = Some(Facts { situation, password_proven: act.password_proven, presented });
            recorded.push(RecordedSignIn { at: act.at, device_key, facts, late, passed_at });
        }
        recorded
    }

    fn situation(mfa_due: bool) -> Situation {
        Situation {
            must_change_password: false,
            mfa_due,
            has_second_factor: true,
            risk: Risk::None,
            demand: Demand::Nothing,
            mfa_passed: false,
            devices: DevicePolicy::Off,
            standing: Standing::Absent,
            device_proven: false,
        }
    }

    /// A life of a user with three devices, of which the second is not remembered.
    fn random_life(rng: &mut StdRng) -> (Vec<Act>, Vec<Owned>) {
        let owned = [true, false, true].map(|remembered| Owned {
            remembered,
            last_mfa: rng.random_bool(0.8).then_some(START),
            last_authenticated: START,
            generation: 0,
            lost: false,
        });
        let mut at = START;
        let acts = (0..rng.random_range(1..40)).map(|_| {
            at = at + hours(rng.random_range(1..24 * 12));
            let demand = match rng.random_range(0..12) {
                0 => Demand::MfaIfConfigured,
                1 => Demand::MfaRequired,
                2 => Demand::Block,
                _ => Demand::Nothing,
            };
            let risk = if demand == Demand::Nothing { Risk::None } else { Risk::Medium };
            let blocked = demand == Demand::Block;
            let has_second_factor = rng.random_bool(0.9);
            let situation =
                Situation { risk, demand, has_second_factor, ..situation(rng.random_bool(0.8)) };
            Act {
                at,
                device: rng.random_bool(0.9).then(|| rng.random_range(0..3)),
                // Where the risk asks for a code under some settings only, nothing tells which
                // device would have come with it.
                late: demand == Demand::Nothing && rng.random_bool(0.3),
                situation,
                password_proven: rng.random_bool(0.9),
                completes: !blocked && rng.random_bool(0.85),
            }
        });
        (acts.collect(), owned.to_vec())
    }

    fn random_settings(rng: &mut StdRng) -> Settings {
        let policies =
            [on(Remember::OptIn, true), on(Remember::Always, true), on(Remember::OptIn, false)];
        Settings {
            devices: policies[rng.random_range(0..3)],
            mfa_every: rng.random_bool(0.7).then(|| days(rng.random_range(1..60))),
            forget_after_idle: None,
        }
    }

    fn decisions(sign_ins: &[RecordedSignIn]) -> Vec<(Next, Option<Reason>)> {
        sign_ins.iter().map(|sign_in| next(&sign_in.facts.unwrap().situation)).collect()
    }

    fn replayed(sign_ins: &[RecordedSignIn], settings: &Settings) -> Vec<(Next, Option<Reason>)> {
        let verdicts = replay(sign_ins, settings).into_iter();
        let would_be = verdicts.map(|verdict| match verdict {
            Verdict::Judged { would_be, .. } => (would_be.next, would_be.reason),
            Verdict::NotJudged(why) => panic!("{why:?}"),
        });
        would_be.collect()
    }

    #[test]
    fn the_settings_of_the_time_give_what_was_decided() {
        let mut rng = StdRng::seed_from_u64(11);
        for _ in 0..2000 {
            let (acts, owned) = random_life(&mut rng);
            let mut settings = random_settings(&mut rng);
            settings.forget_after_idle =
                rng.random_bool(0.3).then(|| days(rng.random_range(5..60)));
            let sign_ins = live(&acts, &owned, &settings);
            assert_eq!(replayed(&sign_ins, &settings), decisions(&sign_ins), "{settings:?}");
        }
    }

    /// The strongest statement about a replay: it is what would have been lived.
    #[test]
    fn other_settings_give_what_they_would_have_decided() {
        let mut rng = StdRng::seed_from_u64(12);
        let mut differ = 0;
        for _ in 0..2000 {
            let (acts, owned) = random_life(&mut rng);
            let (then, tried) = (random_settings(&mut rng), random_settings(&mut rng));
            let sign_ins = live(&acts, &owned, &then);
            let expected = decisions(&live(&acts, &owned, &tried));
            differ += usize::from(expected != decisions(&sign_ins));
            assert_eq!(replayed(&sign_ins, &tried), expected, "{then:?} {tried:?}");
        }
        assert!(differ > 500, "{differ}");
    }

    fn is_forgotten(verdict: &Verdict) -> bool {
        match verdict {
            Verdict::Judged { would_be, .. } => would_be.is_forgotten,
            Verdict::NotJudged(_) => false,
        }
    }

    #[test]
    fn forgetting_gives_what_it_would_have_decided() {
        let mut rng = StdRng::seed_from_u64(13);
        let mut forgotten = 0;
        for _ in 0..2000 {
            let (acts, owned) = random_life(&mut rng);
            let then = random_settings(&mut rng);
            let idle = Some(days(rng.random_range(5..40)));
            let tried = Settings { forget_after_idle: idle, ..then };
            let sign_ins = live(&acts, &owned, &then);
            let expected = decisions(&live(&acts, &owned, &tried));
            let asked = |decisions: &[(Next, Option<Reason>)]| {
                let asks = |(next, _): &(Next, _)| *next == Next::SecondFactor;
                decisions.iter().map(asks).collect::<Vec<_>>()
            };
            assert_eq!(asked(&replayed(&sign_ins, &tried)), asked(&expected), "{tried:?}");
            let verdicts = replay(&sign_ins, &tried).into_iter();
            forgotten += verdicts.filter(is_forgotten).count();
        }
        assert!(forgotten > 500, "{forgotten}");
    }

    /// Sign-ins with one remembered device on these days, under `REPLACES`.
    fn on_days(at_days: &[u64]) -> Vec<RecordedSignIn> {
        let owned = [Owned {
            remembered: true,
            last_mfa: Some(START),
            last_authenticated: START,
            generation: 0,
            lost: false,
        }];
        let act = |day: &u64| Act {
            at: START + days(*day),
            device: Some(0),
            late: false,
            situation: situation(true),
            password_proven: true,
            completes: true,
        };
        live(&at_days.iter().map(act).collect::<Vec<_>>(), &owned, &REPLACES)
    }

    const TRIED: &str = "
    settings                    1  5  9  13 17 40
    -                           .  .  .  .  .  .
    mfa-every=7d                .  .  c  .  c  c
    mfa-every=10d               .  .  .  c  .  c
    mfa-every=60d               .  .  .  .  .  .
    forget=20d                  .  .  .  .  .  f
    forget=3d                   .  f  f  f  f  f
    suppress=off                c  c  c  c  c  c
    remember=no                 c  c  c  c  c  c
    ";

    #[test]
    fn a_code_that_would_be_asked_holds_for_later_ones() {
        let mut lines = TRIED.trim().lines();
        let at_days: Vec<u64> = lines
            .next()
            .unwrap()
            .split_whitespace()
            .skip(1)
            .map(|day| day.parse().unwrap())
            .collect();
        let sign_ins = on_days(&at_days);
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |text: &str| days(text.trim_end_matches('d').parse().unwrap());
            let mut settings = REPLACES;
            match words[0].split_once('=') {
                None => {}
                Some(("mfa-every", value)) => settings.mfa_every = Some(number(value)),
                Some(("forget", value)) => settings.forget_after_idle = Some(number(value)),
                Some(("suppress", _)) => settings.devices = on(Remember::OptIn, false),
                Some(_) => settings.devices = DevicePolicy::Off,
            }
            let found: Vec<&str> = replay(&sign_ins, &settings)
                .iter()
                .map(|verdict| match verdict {
                    Verdict::Judged { would_be, .. } if !would_be.asks() => ".",
                    Verdict::Judged { would_be, .. } if would_be.is_forgotten => "f",
                    Verdict::Judged { .. } => "c",
                    Verdict::NotJudged(_) => "?",
                })
                .collect();
            assert_eq!(found, words[1..], "{line}");
        }
    }

    #[test]
    fn what_is_not_recorded_is_not_judged() {
        let mut sign_ins = on_days(&[1, 5, 9]);
        sign_ins[1].facts = None;
        let weekly = Settings { mfa_every: Some(days(7)), ..REPLACES };
        let verdicts = replay(&sign_ins, &weekly);
        assert_eq!(verdicts[1], Verdict::NotJudged(NotJudged::FactsMissing));
        // A pool without devices: no code was replaced, and which one was there is unknown.
        let off = Settings { devices: DevicePolicy::Off, ..REPLACES };
        let act = |mfa_due| Act {
            at: START,
            device: Some(0),
            late: false,
            situation: situation(mfa_due),
            password_proven: true,
            completes: true,
        };
        let verdicts = replay(&live(&[act(true), act(false)], &[], &off), &REPLACES);
        assert_eq!(verdicts[0], Verdict::NotJudged(NotJudged::DevicesOff));
        assert!(matches!(verdicts[1], Verdict::Judged { would_be, .. } if !would_be.asks()));
    }

    #[test]
    fn facts_survive_their_record() {
        let mut rng = StdRng::seed_from_u64(14);
        for _ in 0..200 {
            let (acts, owned) = random_life(&mut rng);
            for sign_in in live(&acts, &owned, &random_settings(&mut rng)) {
                let facts = sign_in.facts.unwrap();
                let stored = serde_json::to_value(facts).unwrap();
                assert_eq!(serde_json::from_value::<Facts>(stored).unwrap(), facts);
            }
        }
        // Of an earlier release.
        let mut stored = serde_json::to_value(Facts {
            situation: situation(true),
            password_proven: true,
            presented: None,
        })
        .unwrap();
        stored.as_object_mut().unwrap().remove("password_proven");
        assert!(serde_json::from_value::<Facts>(stored).is_err());
    }
}
