//! Where the service is.

use http::Uri;

use crate::{Error, ErrorKind};

/// The environment's names for another endpoint than the region's, the one for this service alone
/// first.
const OVERRIDES: [&str; 2] = ["AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "AWS_ENDPOINT_URL"];

/// What switches those off.
const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// The URL to post to: the one given, else the environment's, else the region's.
pub(crate) fn resolve(
    given: Option<&str>,
    region: Option<&str>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Uri, Error> {
    let of_environment = || {
        let ignored = environment(IGNORE).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        OVERRIDES
            .iter()
            .filter(|_| !ignored)
            .find_map(|name| environment(name).filter(|url| !url.is_empty()))
    };
    match (given.map(str::to_owned).or_else(of_environment), region) {
        (Some(url), _) => parse(&url),
        (None, Some(region)) => parse(&regional(region)?),
        (None, None) => Err(Error::new(
            ErrorKind::Configuration,
            "neither a region nor an endpoint URL was given",
        )),
    }
}

fn regional(region: &str) -> Result<String, Error> {
    // Anything else could end the host's name early, and send the calls to another host.
    if region.is_empty() || !region.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-') {
        return Err(Error::new(ErrorKind::Configuration, format!("{region:?} is not a region")));
    }
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://cognito-idp.{region}.{suffix}/"))
}

fn parse(url: &str) -> Result<Uri, Error> {
    // What is before an @ may be a password.
    let shown = if url.contains('@') { String::new() } else { format!(" {url:?}") };
    let refuse =
        |why: &str| Error::new(ErrorKind::Configuration, format!("endpoint URL{shown}: {why}"));
    let uri: Uri = url.parse().map_err(|_| refuse("it is not a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(refuse("its scheme is neither http nor https"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(refuse("it has a user name or password in it"));
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(
        given: Option<&str>,
        region: Option<&str>,
        environment: &[(&str, &str)],
    ) -> Option<String> {
        let lookup = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        resolve(given, region, lookup).ok().map(|uri| uri.to_string())
    }

    #[test]
    fn the_most_specific_one_counts() {
        let specific = ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "http://specific:1/");
        let general = ("AWS_ENDPOINT_URL", "http://general:2/");
        let region = Some("eu-west-1");
        for (given, environment, expected) in [
            (Some("http://given:3/"), &[specific, general][..], "http://given:3/"),
            (None, &[specific, general], "http://specific:1/"),
            (None, &[general], "http://general:2/"),
            (None, &[("AWS_ENDPOINT_URL", "")], "https://cognito-idp.eu-west-1.amazonaws.com/"),
            (None, &[general, (IGNORE, "TRUE")], "https://cognito-idp.eu-west-1.amazonaws.com/"),
            (None, &[], "https://cognito-idp.eu-west-1.amazonaws.com/"),
        ] {
            assert_eq!(resolved(given, region, environment).as_deref(), Some(expected));
        }
        assert_eq!(
            resolved(None, Some("cn-north-1"), &[]).unwrap(),
            "https://cognito-idp.cn-north-1.amazonaws.com.cn/"
        );
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for url in [
            "",
            "localhost:9229",
            "/path",
            "ftp://host/",
            "http://",
            "http://ada:secret@host/",
            "http://a b/",
        ] {
            assert_eq!(resolved(Some(url), Some("eu-west-1"), &[]), None, "{url}");
        }
        assert_eq!(resolved(None, None, &[]), None);
        for region in
            ["", "not a region", "evil.test/", "evil.test/#", "evil.test:1?", "a@evil.test/"]
        {
            assert_eq!(resolved(None, Some(region), &[]), None, "{region}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_not_repeated() {
        for url in ["http://ada:secret@host/", "ftp://ada:secret@host/", "http://ada:secret @host/"]
        {
            let error = resolve(Some(url), None, |_| None).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
}
