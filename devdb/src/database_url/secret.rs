//! What nobody may see: which parameters hold it, and how it is taken out of texts of other programs.

/// True for the name of a parameter whose value is a password.
pub(super) fn is_secret(key: &str) -> bool {
    key.to_ascii_lowercase().contains("password")
}

/// Hides the passwords of all URLs in a text that another program printed.
pub(crate) fn redacted_text(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| match (word.find("://"), word.rfind('@')) {
            (Some(scheme), Some(at)) if scheme < at => format!("{}://***{}", &word[..scheme], &word[at..]),
            _ => word.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_the_output_of_other_programs_lose_their_credentials() {
        assert_eq!(
            redacted_text("Looking in https://u:pw@host/simple now\n"),
            "Looking in https://***@host/simple now\n"
        );
        assert_eq!(redacted_text("no url, me@there"), "no url, me@there");
    }
}
