//! Each role of a log can do what it should, and nothing else.

mod application;
mod assigned;
mod duties;
mod projector;
mod scrubber;

/// The password of roles that log in, where the server asks for one.
pub(crate) const PASSWORD: &str = "of no use";

/// Returns a connection string for another role.
pub(crate) fn url_as(url: &str, role: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a connection string of the test server is a URL");
    let place = rest.split_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://{role}:{}@{place}", PASSWORD.replace(' ', "%20"))
}
