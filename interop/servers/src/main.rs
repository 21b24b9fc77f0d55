//! The client against servers of other makers: `device-interop <server> <endpoint>`.
//!
//! Each step has its own pool, app client and user. README.md has the table of what is expected of
//! which server.

mod service;
mod steps;

use std::error::Error;
use std::process::ExitCode;

use service::Service;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const TABLE: &str = include_str!("../README.md");

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, endpoint] = &arguments[..] else {
        return Err("usage: device-interop <server> <endpoint>".into());
    };
    let service = Service::at(endpoint)?;
    let expected = expected_of(server)?;
    let outcomes = steps::all(&service).await;
    let names = |rows: Vec<&str>| rows.join(", ");
    if expected.iter().map(|(step, _)| *step).ne(outcomes.iter().map(|(step, _)| *step)) {
        return Err(format!(
            "the steps are {}",
            names(outcomes.iter().map(|(step, _)| *step).collect())
        )
        .into());
    }
    let mut surprises = 0;
    for ((step, goes_well), (_, outcome)) in expected.iter().zip(&outcomes) {
        let said = outcome.as_ref().map_or_else(ToString::to_string, |()| "yes".to_owned());
        let is_surprise = *goes_well != outcome.is_ok();
        surprises += usize::from(is_surprise);
        println!("{}{step}: {said}", if is_surprise { "NOT AS EXPECTED " } else { "" });
    }
    println!("{} as expected of {server}, {surprises} not", outcomes.len() - surprises);
    Ok(if surprises == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The steps of the table, and whether each succeeds with that server.
fn expected_of(server: &str) -> Result<Vec<(&'static str, bool)>> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    };
    let mut rows = TABLE.lines().filter(|line| line.starts_with("| ")).map(cells);
    let header = rows.next().ok_or("there is no table")?;
    let column =
        header.iter().position(|cell| *cell == server).ok_or("the table has no such server")?;
    rows.map(|row| match (row.first(), row.get(column)) {
        (Some(step), Some(said)) => Ok((*step, *said == "yes")),
        _ => Err("a row of the table is too short".into()),
    })
    .collect()
}
