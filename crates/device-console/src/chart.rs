//! Small charts as inline SVG, each beside a table with the same numbers.
//!
//! The `svg` crate writes the markup. Libraries that draw whole charts do not fit: they give each
//! shape a fixed colour (`plotters-svg`) or need a JavaScript engine (`charming`), and here the
//! colours come from the style sheet, in both colour schemes.

use maud::{Markup, PreEscaped, html};
use svg::Node as _;
use svg::node::element::{Rectangle, SVG};

/// A number with its name.
pub(crate) struct Bar<'a> {
    pub(crate) name: &'a str,
    pub(crate) count: usize,
    /// The class that colours it.
    pub(crate) class: &'a str,
}

/// A bar for each number, in the row of the table that says it. `column` names the names.
pub(crate) fn bars(title: &str, column: &str, bars: &[Bar<'_>]) -> Markup {
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let total: usize = bars.iter().map(|bar| bar.count).sum();
    html! {
        figure.chart {
            figcaption { (title) }
            table {
                thead {
                    tr {
                        th scope="col" { (column) }
                        td.bar {}
                        th scope="col" { "Number" }
                        th scope="col" { "Share" }
                    }
                }
                tbody {
                    @for bar in bars {
                        tr {
                            th scope="row" { (bar.name) }
                            td.bar {
                                (drawing(100, 12, [
                                    rectangle("track").set("width", 100).set("height", 12),
                                    rectangle(bar.class)
                                        .set("width", 100 * bar.count / most)
                                        .set("height", 12),
                                ]))
                            }
                            td { (bar.count) }
                            td { (bar.count * 100 / total.max(1)) " %" }
                        }
                    }
                }
            }
        }
    }
}

/// A stack of two numbers with its name.
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// A column for each stack, and below them the table that says the numbers. `columns` names the
/// names and both numbers.
pub(crate) fn stacks(title: &str, columns: [&str; 3], stacks: &[Stack]) -> Markup {
    let most = stacks.iter().map(|stack| stack.good + stack.bad).max().unwrap_or(0).max(1);
    let height = |count: u64| 60 * count / most;
    let drawn = stacks.iter().enumerate().flat_map(|(place, stack)| {
        let (good, bad) = (height(stack.good), height(stack.bad));
        let column = |class, y: u64, height: u64| {
            let column = rectangle(class).set("x", 10 * place + 1).set("width", 8);
            column.set("y", y).set("height", height)
        };
        [
            column("track", 0, 60),
            column("good", 60 - good, good),
            column("bad", 60 - good - bad, bad),
        ]
    });
    html! {
        figure.chart.stacks {
            figcaption { (title) }
            (drawing(10 * stacks.len(), 60, drawn))
            details {
                summary { "The same numbers as a table" }
                table {
                    thead { tr { @for column in columns { th scope="col" { (column) } } } }
                    tbody {
                        @for stack in stacks {
                            tr {
                                th scope="row" { (stack.name) }
                                td { (stack.good) }
                                td { (stack.bad) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A drawing of this width and height, which fills the place that the style sheet gives it. Its
/// numbers are in the table beside it, so nobody misses it who cannot see it.
fn drawing(width: usize, height: usize, rectangles: impl IntoIterator<Item = Rectangle>) -> Markup {
    let mut drawing = SVG::new()
        .set("viewBox", format!("0 0 {width} {height}"))
        .set("preserveAspectRatio", "none")
        .set("aria-hidden", "true")
        .set("focusable", "false");
    for rectangle in rectangles {
        drawing.append(rectangle);
    }
    PreEscaped(drawing.to_string())
}

/// A rectangle that the style sheet colours by its class.
fn rectangle(class: &str) -> Rectangle {
    Rectangle::new().set("class", class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_has_the_whole_width() {
        let bar = |name, count| Bar { name, count, class: "good" };
        let chart = bars("Devices", "Status", &[bar("Remembered", 30), bar("Tracked", 10)]);
        let chart = chart.into_string();
        assert!(chart.contains("class=\"good\" height=\"12\" width=\"100\""), "{chart}");
        assert!(chart.contains("class=\"good\" height=\"12\" width=\"33\""), "{chart}");
        assert!(chart.contains("75 %"), "{chart}");
        // No numbers at all divide by nothing.
        assert!(bars("Devices", "Status", &[bar("None", 0)]).into_string().contains("0 %"));
    }
}
