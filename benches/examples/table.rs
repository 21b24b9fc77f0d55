//! Prints the table of README.md: CPU microseconds for one handshake.

fn main() {
    print!("{}", device_benches::table(11));
}
