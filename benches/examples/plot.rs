//! Draws `times.svg` from the first table of README.md.
#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

fn main() {
    print!("{}", device_benches::chart(include_str!("../README.md")));
}
