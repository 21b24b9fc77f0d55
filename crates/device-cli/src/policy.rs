//! `device policy`: device settings tried on recorded sign-ins before they are set.

use std::fmt;
use std::io::{self, Write};

use device_server::{PolicyTrial, PolicyTrialRequest};

use crate::cli_error::CliError;
use crate::pool::{Assignment, check_named_once};
use crate::signed_call::Connection;
use crate::utc::utc;

/// The subcommands of `device policy`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Tell which sign-ins of the last days would be asked for a code under other settings.
    ///
    /// Nothing is changed. For example: `device policy try --pool us-east-1_abc
    /// device:mfa-every=7d`. A tag without a value is tried as removed.
    Try(TryOptions),
}

/// Options of `device policy try`.
#[derive(clap::Args)]
pub(crate) struct TryOptions {
    /// The pool's id
    #[arg(long)]
    pool: String,

    /// remember=always, opt-in or no; suppress-mfa=on or off; device:mfa-every=TIME;
    /// device:forget-after-idle=TIME
    #[arg(required = true, value_name = "NAME=VALUE")]
    settings: Vec<Assignment>,

    /// How many days back
    #[arg(long, default_value_t = 30)]
    days: u32,

    #[command(flatten)]
    server: Connection,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> Result<(), CliError> {
    let Command::Try(TryOptions { pool, settings, days, server, json }) = command;
    check_named_once(settings).map_err(CliError::Usage)?;
    let settings = settings.iter().map(|one| (one.name.clone(), one.value.clone())).collect();
    let request = PolicyTrialRequest { pool_id: pool.clone(), settings, days: *days };
    let trial = server.administer(&request)?;
    let mut out = io::stdout().lock();
    if *json {
        let trial = serde_json::to_string_pretty(&trial).map_err(io::Error::from)?;
        writeln!(out, "{trial}")?;
    } else {
        write!(out, "{}", Report { trial: &trial, days: *days })?;
    }
    Ok(())
}

/// A trial, displayed for people.
struct Report<'t> {
    trial: &'t PolicyTrial,
    days: u32,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trial, days } = self;
        let PolicyTrial { sign_ins, users, asked, would_be_asked, .. } = trial;
        writeln!(f, "{sign_ins} sign-ins of {users} users in the last {days} days")?;
        writeln!(f, "{asked:>7} were asked for a code")?;
        let (newly, no_longer) = (trial.newly_asked, trial.no_longer_asked);
        write!(f, "{would_be_asked:>7} would be asked")?;
        writeln!(f, ": {newly} newly, and {no_longer} no longer")?;
        for told in &trial.not_judged {
            writeln!(f, "{:>7} are not judged: {}", told.sign_ins, lower(&told.reason))?;
        }
        if !trial.reasons.is_empty() {
            writeln!(f, "\n    was  would be")?;
            for told in &trial.reasons {
                writeln!(f, "{:>7}  {:>8}  {}", told.was, told.would_be, told.reason)?;
            }
        }
        if !trial.examples.is_empty() {
            writeln!(f, "\nThe latest that would change:")?;
            for example in &trial.examples {
                let device = example.device_key.as_deref().unwrap_or("no device");
                writeln!(f, "{}  user {}  {device}", utc(example.at), example.sub)?;
                writeln!(f, "  was       {}", example.was)?;
                writeln!(f, "  would be  {}", example.would_be)?;
            }
        }
        if !trial.is_complete {
            let events = trial.events;
            writeln!(
                f,
                "\nNot all sign-ins were read: {events} events is the most. These users are a \
                 random sample; for all sign-ins of fewer days, lower --days."
            )?;
        }
        Ok(())
    }
}

/// The sentence as it goes on in another.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_reads_as_expected() {
        let device = "us-east-1_00000000-0000-4000-8000-000000000000";
        let trial: PolicyTrial = serde_json::from_value(json!({
            "since": 0, "users": 3, "events": 50_000, "isComplete": false, "signIns": 12,
            "asked": 1, "wouldBeAsked": 6, "newlyAsked": 5, "noLongerAsked": 0,
            "reasons": [
                {"reason": "MFA asked: last passed more than 7 days ago with this device",
                    "was": 0, "wouldBe": 5},
                {"reason": "MFA asked: no remembered device was presented", "was": 1, "wouldBe": 1},
            ],
            "notJudged": [{"reason": "The pool remembered no devices then", "signIns": 2}],
            "examples": [{"at": 1_790_000_000_000_i64, "sub": "5f", "deviceKey": device,
                "was": "No code asked",
                "wouldBe": "MFA asked: last passed more than 7 days ago with this device"}],
        }))
        .unwrap();
        let report = Report { trial: &trial, days: 30 }.to_string();
        assert_eq!(report, include_str!("policy/report.txt"), "{report}");
    }
}
