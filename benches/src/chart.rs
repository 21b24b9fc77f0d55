//! A drawing of a table of times.

use std::fmt::Write as _;

const COLOURS: [&str; 8] =
    ["#c2410c", "#94a3b8", "#64748b", "#0f766e", "#0369a1", "#7c3aed", "#b45309", "#be185d"];
/// The height of a bar, in the units of the drawing.
const BAR: usize = 9;
const GAP: usize = 10;
const LEFT: usize = 230;
const WIDTH: f64 = 560.0;

/// Draws the first table of a Markdown page as an SVG: a bar for each operation and library.
#[must_use]
pub fn chart(page: &str) -> String {
    let rows: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    rows.split_first().map_or_else(String::new, |(head, rows)| draw(head, rows))
}

/// Draws a table whose first column names operations, and whose other columns are libraries.
fn draw(head: &[&str], rows: &[Vec<&str>]) -> String {
    let time = |cell: &&str| cell.parse::<f64>().ok();
    let longest = rows.iter().flatten().filter_map(time).fold(1.0, f64::max);
    let libraries = head.iter().skip(1).zip(COLOURS);
    let rows: Vec<_> =
        rows.iter().filter(|row| row.iter().skip(1).any(|cell| time(cell).is_some())).collect();
    let group = BAR * libraries.clone().count() + GAP;
    let top = 18 * libraries.clone().count() + 2 * GAP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 850 {}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>CPU microseconds a handshake, shorter is better</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        top + group * rows.len()
    );
    for (i, (library, colour)) in libraries.enumerate() {
        let y = 18 * i + 8;
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{y}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{}\">{library}</text>",
            LEFT + 18,
            y + 10
        );
    }
    for (i, row) in rows.iter().enumerate() {
        let y = top + group * i;
        let (middle, name) = (y + (group - GAP) / 2 + 4, row.first().unwrap_or(&""));
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>",
            LEFT - 8
        );
        for (j, (cell, colour)) in row.iter().skip(1).zip(COLOURS).enumerate() {
            let Some(time) = time(cell) else { continue };
            let (y, width) = (y + BAR * j, WIDTH * time / longest);
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\" \
                 fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\" font-size=\"8\">{cell}</text>",
                BAR - 1,
                LEFT as f64 + width + 4.0,
                y + BAR - 2
            );
        }
    }
    svg + "</svg>\n"
}
