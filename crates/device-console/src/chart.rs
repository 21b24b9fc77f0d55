//! Small charts as inline SVG, each beside a table with the same numbers.
//!
//! Written here and not by a library: a chart is a handful of rectangles whose colours come from
//! the style sheet, in both colour schemes. Libraries write colours, fonts and styles into the
//! markup, which the content security policy refuses.

use maud::{Markup, html};

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
                                svg viewBox="0 0 100 12" preserveAspectRatio="none"
                                    aria-hidden="true" focusable="false" {
                                    rect.track width="100" height="12" {}
                                    rect class=(bar.class) width=(100 * bar.count / most)
                                        height="12" {}
                                }
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
    let width = 10 * stacks.len();
    html! {
        figure.chart.stacks {
            figcaption { (title) }
            svg viewBox=(format!("0 0 {width} 60")) preserveAspectRatio="none" aria-hidden="true"
                focusable="false" {
                @for (place, stack) in stacks.iter().enumerate() {
                    @let (good, bad) = (height(stack.good), height(stack.bad));
                    rect.track x=(10 * place + 1) width="8" height="60" {}
                    rect.good x=(10 * place + 1) y=(60 - good) width="8" height=(good) {}
                    rect.bad x=(10 * place + 1) y=(60 - good - bad) width="8" height=(bad) {}
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_has_the_whole_width() {
        let bar = |name, count| Bar { name, count, class: "good" };
        let chart = bars("Devices", "Status", &[bar("Remembered", 30), bar("Tracked", 10)]);
        let chart = chart.into_string();
        assert!(chart.contains("class=\"good\" width=\"100\""), "{chart}");
        assert!(chart.contains("class=\"good\" width=\"33\""), "{chart}");
        assert!(chart.contains("75 %"), "{chart}");
        // No numbers at all divide by nothing.
        assert!(bars("Devices", "Status", &[bar("None", 0)]).into_string().contains("0 %"));
    }
}
