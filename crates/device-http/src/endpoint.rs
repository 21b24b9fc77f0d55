//! The URL of the service.

use http::Uri;

use crate::error::{Error, ErrorKind};

/// Environment variables with an endpoint, in order of precedence.
const OVERRIDES: [&str; 2] = ["AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "AWS_ENDPOINT_URL"];

/// The environment variable that, if `true`, disables those of [`OVERRIDES`].
const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// The URL to post to: the given one, or that of the environment, or that of the region.
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
            "no endpoint: set `region` or `endpoint_url` on the builder",
        )),
    }
}

fn regional(region: &str) -> Result<String, Error> {
    // Any other character could end the host name early and send the calls to another host.
    if region.is_empty() || !region.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-') {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("{region:?} is not a region, such as eu-west-1"),
        ));
    }
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://cognito-idp.{region}.{suffix}/"))
}

fn parse(url: &str) -> Result<Uri, Error> {
    // The part before an @ may be a password.
    let shown = if url.contains('@') { String::new() } else { format!(" {url:?}") };
    let refuse =
        |why: &str| Error::new(ErrorKind::Configuration, format!("endpoint URL{shown}: {why}"));
    let uri: Uri = url.parse().map_err(|_| refuse("not a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(refuse("the scheme has to be http or https"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(refuse("remove the user name and password"));
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
    fn the_most_specific_endpoint_wins() {
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
    fn malformed_endpoints_and_regions_are_refused() {
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
    fn an_error_does_not_repeat_a_password() {
        for url in ["http://ada:secret@host/", "ftp://ada:secret@host/", "http://ada:secret @host/"]
        {
            let error = resolve(Some(url), None, |_| None).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
}
