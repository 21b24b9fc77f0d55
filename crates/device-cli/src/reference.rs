//! The command line, described for other programs: completions, man pages, and `docs/cli.md`.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command};
use clap_complete::Shell;

use crate::cli_error::{CliError, EXIT_CODES};
use crate::output::say;

/// Options of `device completions`.
#[derive(clap::Args)]
pub(crate) struct CompletionsOptions {
    /// The shell
    shell: Shell,
}

/// Options of `device man`.
#[derive(clap::Args)]
pub(crate) struct ManOptions {
    /// The directory to write the pages of all commands to [default: `device`'s page, on stdout]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(crate) fn completions(options: &CompletionsOptions, mut command: Command) {
    clap_complete::generate(options.shell, &mut command, "device", &mut io::stdout().lock());
}

pub(crate) fn man(options: &ManOptions, command: Command) -> Result<(), CliError> {
    let Some(directory) = &options.directory else {
        return Ok(clap_mangen::Man::new(command).render(&mut io::stdout().lock())?);
    };
    fs::create_dir_all(directory).map_err(|error| CliError::file(directory, error))?;
    clap_mangen::generate_to(command, directory)
        .map_err(|error| CliError::file(directory, error))?;
    say(format!("the pages are in {}", directory.display()))
}

/// The reference as a page in Markdown, which `cargo xtask docs` puts into `docs/cli.md`.
pub(crate) fn markdown(mut command: Command) -> String {
    command.build();
    let mut page = String::from("## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in EXIT_CODES {
        page.push_str(&format!("| {code} | {meaning} |\n"));
    }
    for sub in command.get_subcommands().filter(|sub| is_listed(sub)) {
        describe(sub, &mut page);
    }
    page
}

fn is_listed(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

/// The options of every command that makes calls, which are described once.
const SERVER: [&str; 4] = ["url", "region", "profile", "data"];

fn describe(command: &Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(|about| about.to_string()).unwrap_or_default();
    let level = name.split(' ').count();
    page.push_str(&format!("\n{} {name}\n\n{}\n", "#".repeat(level.clamp(2, 4)), filled(&about)));
    let is_of_serve = matches!(name, "device serve");
    let subs: Vec<&Command> = command.get_subcommands().filter(|sub| is_listed(sub)).collect();
    if subs.is_empty() {
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").trim();
        page.push_str(&format!("\n```text\n{usage}\n```\n"));
        let arguments: Vec<&Arg> = command
            .get_arguments()
            .filter(|argument| !argument.is_hide_set() && argument.get_id() != "help")
            .collect();
        if name == "device config check" {
            page.push_str("\nIt takes the options of `device serve`.\n");
            return;
        }
        let calls = !is_of_serve && arguments.iter().any(|argument| argument.get_id() == "profile");
        let is_shared = |argument: &&&Arg| {
            let name = argument.get_id().as_str();
            name == "json" || (calls && SERVER.contains(&name))
        };
        let own = arguments.iter().filter(|argument| !is_shared(argument));
        let rows: Vec<String> = own.map(|argument| row(argument)).collect();
        if !rows.is_empty() {
            page.push_str("\n| argument | environment | meaning |\n|---|---|---|\n");
            page.push_str(&rows.concat());
        }
        let prints = arguments.iter().any(|argument| argument.get_id() == "json");
        page.push_str(match (calls, prints) {
            (true, true) => "\nAlso: the server options, and `--json`.\n",
            (true, false) => "\nAlso: the server options.\n",
            (false, true) => "\nAlso: `--json`.\n",
            (false, false) => "",
        });
    }
    for sub in subs {
        describe(sub, page);
    }
}

fn row(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let value = values.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(" ");
    let takes_value = !matches!(
        argument.get_action(),
        ArgAction::SetTrue | ArgAction::SetFalse | ArgAction::Count
    );
    let is_switch = argument.get_num_args().is_some_and(|count| count.min_values() == 0);
    let name = match argument.get_long() {
        Some(long) if takes_value && !is_switch => format!("--{long} {value}"),
        Some(long) => format!("--{long}"),
        None => value,
    };
    let environment = argument.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let help = help.map(|help| help.to_string()).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let cell = |text: &str| text.replace('|', "\\|");
    format!("| `{}` | {} | {} |\n", cell(&name), environment.unwrap_or_default(), cell(&help))
}

/// The text with lines of at most 120 characters.
fn filled(text: &str) -> String {
    let fill = |paragraph: &str| {
        let (mut lines, mut line) = (String::new(), String::new());
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > 120 {
                lines.push_str(&line);
                lines.push('\n');
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines + &line
    };
    text.split("\n\n").map(fill).collect::<Vec<_>>().join("\n\n")
}
