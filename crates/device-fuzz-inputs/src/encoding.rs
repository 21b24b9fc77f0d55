//! The bytes that `arbitrary` reads as a list, and names for its contents.

/// A list: a byte with its lowest bit set before each element, and one with it clear at the end.
pub(crate) fn list<T>(elements: &[T], element: impl Fn(&T) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for each in elements {
        bytes.push(1);
        bytes.extend(element(each));
    }
    bytes.push(0);
    bytes
}

/// A list of bytes.
pub(crate) fn bytes(data: &[u8]) -> Vec<u8> {
    list(data, |byte| vec![*byte])
}

/// The length of the data, and whether it is UTF-8.
pub(crate) fn text_name(data: &[u8]) -> String {
    let not_text = if std::str::from_utf8(data).is_err() { "_not_utf8" } else { "" };
    format!("{}_bytes{not_text}", data.len())
}

/// Replaces all but letters, digits, underscores and hyphens, for the name of a file.
pub(crate) fn file_name(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}
