//! Where data is kept.

use clap::ArgMatches;
use clap::parser::ValueSource;
use device_server::Storage;

use super::{DEFAULT_DATA, Options, invalid};
use crate::serve::ServeError;

/// The source of an option; the greater one wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    File,
    Environment,
    Flag,
}

/// The places exclude each other; the one from the source of higher precedence wins.
pub(super) fn storage(
    options: &Options,
    file: &Options,
    matches: &ArgMatches,
) -> Result<Storage, ServeError> {
    let origin = |id: &str| match matches.value_source(id) {
        Some(ValueSource::CommandLine) => Origin::Flag,
        Some(ValueSource::EnvVariable) => Origin::Environment,
        // In a file that the environment names.
        _ if id == "store" && options.store.is_some() => Origin::Environment,
        _ => Origin::File,
    };
    let data = options.data.as_ref().or(file.data.as_ref());
    let in_memory = options.in_memory.or(file.in_memory).unwrap_or(false);
    let store = options.store.as_ref().or(file.store.as_ref());
    let given = [
        data.map(|data| (origin("data"), "data", Storage::Directory(data.clone()))),
        in_memory.then(|| (origin("in_memory"), "in-memory", Storage::InMemory)),
        store.map(|url| (origin("store"), "store", Storage::Postgres(url.clone().into()))),
    ];
    let given: Vec<_> = given.into_iter().flatten().collect();
    let highest = given.iter().map(|(origin, ..)| *origin).max();
    let mut winners = given.into_iter().filter(|(origin, ..)| Some(*origin) == highest);
    match (winners.next(), winners.next()) {
        (None, _) => Ok(Storage::Directory(DEFAULT_DATA.into())),
        (Some((_, _, storage)), None) => Ok(storage),
        (Some((_, one, _)), Some((_, other, _))) => {
            Err(invalid(format!("{one} and {other} exclude each other: give one of them")))
        }
    }
}
