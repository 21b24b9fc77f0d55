//! What commands print: tables and fields for people, JSON for programs.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use device_wire::Timestamp;
use serde::Serialize;

use crate::cli_error::CliError;
use crate::utc::utc;

/// The name of a column or field. Colours are taken out again if the output is not a terminal.
const NAME: Style = AnsiColor::Cyan.on_default();

/// The choice between text and JSON.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Format {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Format {
    /// Prints a list: in JSON as the service describes it, otherwise as a table.
    pub(crate) fn list<T: Serialize, const N: usize>(
        self,
        items: &[T],
        columns: [&str; N],
        row: impl Fn(&T) -> [String; N],
    ) -> Result<(), CliError> {
        if self.json {
            return json(&items);
        }
        table(columns, items.iter().map(row).collect())
    }

    /// Prints a sentence about what was done; in JSON as the member `done`.
    pub(crate) fn done(self, sentence: impl AsRef<str>) -> Result<(), CliError> {
        let sentence = sentence.as_ref();
        if self.json { json(&serde_json::json!({ "done": sentence })) } else { say(sentence) }
    }

    /// Prints one thing: in JSON as the service describes it, otherwise its fields.
    pub(crate) fn one<T: Serialize>(
        self,
        item: &T,
        fields: &[(&str, String)],
    ) -> Result<(), CliError> {
        if self.json { json(item) } else { self::fields(fields) }
    }
}

/// Prints JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Prints a text as it is.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

/// Prints a sentence about what was done.
pub(crate) fn say(text: impl AsRef<str>) -> Result<(), CliError> {
    Ok(writeln!(io::stdout().lock(), "{}", clean(text.as_ref()))?)
}

pub(crate) fn table<const N: usize>(
    columns: [&str; N],
    rows: Vec<[String; N]>,
) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    let rows: Vec<[String; N]> = rows.into_iter().map(|row| row.map(|cell| clean(&cell))).collect();
    let mut widths = columns.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut line = |cells: [&str; N], style: Style| -> io::Result<()> {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            text.push_str(cell);
            let fill = width + 2 - cell.chars().count();
            text.extend(std::iter::repeat_n(' ', fill));
        }
        writeln!(out, "{style}{}{style:#}", text.trim_end())
    };
    line(columns, NAME)?;
    for row in &rows {
        line(row.each_ref().map(String::as_str), Style::new())?;
    }
    Ok(())
}

/// Prints names and values; those without a value are left out.
pub(crate) fn fields(fields: &[(&str, String)]) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    let given = || fields.iter().filter(|(_, value)| !value.is_empty());
    let width = given().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in given() {
        let fill = " ".repeat(width - name.chars().count());
        writeln!(out, "{NAME}{name}{NAME:#}{fill}  {}", clean(value))?;
    }
    Ok(())
}

/// The text without control characters: names and addresses are users', and could steer a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A text that may be absent.
pub(crate) fn text(value: Option<&(impl AsRef<str> + ?Sized)>) -> String {
    value.map(|value| value.as_ref().to_owned()).unwrap_or_default()
}

/// A time of the service.
pub(crate) fn time(at: Option<Timestamp>) -> String {
    at.map(|at| utc(at.as_millis())).unwrap_or_default()
}

/// A number with its noun.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_steer_the_terminal() {
        assert_eq!(clean("ada\u{1b}[2J\r\n"), "ada\u{fffd}[2J\u{fffd}\u{fffd}");
        assert_eq!(clean("Zoë 東京"), "Zoë 東京");
    }
}
