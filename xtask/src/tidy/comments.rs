//! The length of the first sentence of a public doc comment.

/// The maximum number of words. A code span counts as one; a colon or semicolon ends the sentence.
const MAX_WORDS: usize = 15;

/// The first sentences that are too long, in a Rust file's own comment and in those of `pub` items.
pub(super) fn problems(file: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let mut problems = Vec::new();
    let mut at = 0;
    while let Some(rest @ [first, ..]) = lines.get(at..) {
        let Some(mark) = ["///", "//!"].into_iter().find(|mark| first.starts_with(mark)) else {
            at += 1;
            continue;
        };
        let comment: Vec<&str> = rest.iter().map_while(|line| line.strip_prefix(mark)).collect();
        let item = rest.iter().skip(comment.len()).find(|line| !line.starts_with('#'));
        let is_public = mark == "//!" || item.is_some_and(|line| line.starts_with("pub "));
        let words = words(&comment);
        if is_public && words > MAX_WORDS {
            let line = at + 1;
            problems.push(format!(
                "{file}:{line}: the first sentence has {words} words, not {MAX_WORDS}"
            ));
        }
        at += comment.len();
    }
    problems
}

/// The number of words in the first sentence of a comment.
fn words(comment: &[&str]) -> usize {
    let paragraph = comment.iter().map_while(|line| Some(line.trim()).filter(|l| !l.is_empty()));
    let mut words = 0;
    let mut in_code = false;
    for token in paragraph.flat_map(str::split_whitespace) {
        words += usize::from(!in_code && token.contains(|c: char| c.is_alphanumeric()));
        in_code ^= token.matches('`').count() % 2 == 1;
        if !in_code && token.ends_with(['.', ':', ';', '?']) {
            break;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_first_sentence_of_a_public_item_is_reported() {
        let long = "/// One two three four five six seven eight\n\
                    /// nine ten eleven twelve thirteen fourteen fifteen sixteen.\n";
        let expected = ["a.rs:1: the first sentence has 16 words, not 15"];
        assert_eq!(problems("a.rs", &format!("{long}#[must_use]\npub fn a() {{}}\n")), expected);
        assert_eq!(problems("a.rs", &long.replace("///", "//!")), expected);
        assert!(problems("a.rs", &format!("{long}fn a() {{}}\n")).is_empty());
        assert!(problems("a.rs", &format!("{long}pub(crate) fn a() {{}}\n")).is_empty());
    }

    #[test]
    fn a_sentence_ends_at_a_stop_or_a_paragraph() {
        assert_eq!(words(&[" One two. Three"]), 2);
        assert_eq!(words(&[" One: two"]), 1);
        assert_eq!(words(&[" One", "", " Two"]), 1);
        assert_eq!(words(&[" One `two. three` four - five."]), 4);
    }
}
