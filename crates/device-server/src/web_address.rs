//! The operator's web services that the server calls.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::setup_error::SetupError;

/// An HTTP client for the service at `url`, the value of `setting`.
///
/// It follows no redirect: codes and users' attributes are sent only to the configured URL.
pub(crate) fn client(
    setting: &str,
    url: &str,
    timeout: Duration,
) -> Result<(Client, Url), SetupError> {
    let unusable =
        |reason: &str| SetupError::setting(format!("{setting} cannot be used: {reason}"));
    let url = Url::parse(url).map_err(|error| unusable(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(unusable("it must begin with http:// or https://"));
    }
    let client = Client::builder().timeout(timeout).redirect(Policy::none()).build();
    Ok((client.map_err(|error| unusable(&error.to_string()))?, url))
}

/// Whether requests to `url` leave this machine unencrypted.
pub(crate) fn is_exposed(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_here = host == "localhost"
        || host.ends_with(".localhost")
        || address.is_some_and(|address| address.to_canonical().is_loopback());
    url.scheme() == "http" && !is_here
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let redirect = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
            elsewhere.local_addr().unwrap()
        );
        let configured = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/hook", configured.local_addr().unwrap());
        let (client, url) = client("hook-url", &url, Duration::from_secs(20)).unwrap();
        let answers = async {
            let (mut socket, _) = configured.accept().await.unwrap();
            assert!(socket.read(&mut [0; 4096]).await.unwrap() > 0);
            socket.write_all(redirect.as_bytes()).await.unwrap();
        };
        let (answer, ()) = tokio::join!(client.post(url).body("a code").send(), answers);
        assert_eq!(answer.unwrap().status(), 307);
        let refused = elsewhere.accept().unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock, "nobody was sent on");
    }

    #[test]
    fn http_to_another_machine_is_exposed() {
        for (url, expected) in [
            ("http://localhost:8080/hook", false),
            ("http://127.0.0.1/hook", false),
            ("http://[::1]/hook", false),
            ("https://example.com/hook", false),
            ("http://example.com/hook", true),
            ("http://10.0.0.7/hook", true),
        ] {
            assert_eq!(is_exposed(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
