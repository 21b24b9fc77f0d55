//! Questions on the terminal. If standard input is none, its lines are the answers.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use console::Term;
use zeroize::Zeroize as _;

use crate::cli_error::{CliError, Secret};

/// Asks for a secret, without showing what is typed.
pub(crate) fn secret(question: &str) -> Result<Secret, CliError> {
    if !io::stdin().is_terminal() {
        return line(question).map(Secret::from);
    }
    write!(io::stderr(), "{question}: ")?;
    let mut typed = Term::stderr().read_secure_line()?;
    let secret = Secret::from(typed.as_str());
    typed.zeroize();
    not_empty(question, &secret)?;
    Ok(secret)
}

/// Asks for a new secret: on a terminal twice.
pub(crate) fn new_secret(question: &str) -> Result<Secret, CliError> {
    let first = secret(question)?;
    if io::stdin().is_terminal() && *secret("The same again")? != *first {
        return Err(CliError::usage("the two are different: nothing was changed"));
    }
    Ok(first)
}

/// Asks for a text.
pub(crate) fn line(question: &str) -> Result<String, CliError> {
    let answer = answer(question)?;
    not_empty(question, &answer)?;
    Ok(answer)
}

fn answer(question: &str) -> Result<String, CliError> {
    if io::stdin().is_terminal() {
        write!(io::stderr(), "{question}: ")?;
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let answer = line.trim_end_matches(['\r', '\n']).to_owned();
    line.zeroize();
    Ok(answer)
}

/// Asks whether to go on. Without a terminal, `--yes` has to say so.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(CliError::usage(format!(
            "{question} Standard input is no terminal, so nobody can be asked: give --yes. \
             --dry-run shows what would be removed"
        )));
    }
    match answer(&format!("{question} [y/N]"))?.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::Failed("nothing was changed".to_owned())),
    }
}

fn not_empty(question: &str, answer: &str) -> Result<(), CliError> {
    if !answer.is_empty() {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "{question}: no answer. Type it, or write it to standard input as a line"
    )))
}
