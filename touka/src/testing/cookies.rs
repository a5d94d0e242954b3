//! [`CookieJar`], the cookies that the client of a test keeps.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{COOKIE, HOST, SET_COOKIE};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri};
use tokio::time::Instant;

use crate::sync::Mutex;

/// Keeps the cookies of responses and sends them with later requests, as RFC 6265 says, with these limits: a cookie
/// goes back only to the host that set it, and one with the `Domain` of another host is not kept. `Secure`,
/// `HttpOnly` and `SameSite` have no effect: the connection of a test counts as secure, and the client has one site.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieJar(Arc<Mutex<Vec<Cookie>>>);

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    host: String,
    path: String,
    /// `None` for a cookie of the session, which the jar keeps for as long as it exists.
    expires: Option<Instant>,
}

impl CookieJar {
    /// Adds the cookies for this request to its headers. A cookie that the test itself sends replaces one of the same
    /// name.
    pub(super) fn add_to(&self, headers: &mut HeaderMap, uri: &Uri) {
        let host = host(headers);
        let mut cookies = self.0.lock();
        let now = Instant::now();
        cookies.retain(|cookie| cookie.expires.is_none_or(|expires| expires > now));
        let sent: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let is_sent = |name: &str| {
            let pairs = sent.iter().flat_map(|value| value.split(|byte| *byte == b';'));
            let mut names = pairs.map(|pair| pair.split(|byte| *byte == b'=').next().unwrap_or_default());
            names.any(|other| other.trim_ascii() == name.as_bytes())
        };
        let goes =
            |cookie: &&Cookie| cookie.host == host && path_matches(&cookie.path, uri.path()) && !is_sent(&cookie.name);
        let mut kept: Vec<_> = cookies.iter().filter(goes).collect();
        // The sort is stable: of two cookies with equally long paths, the older one is sent first.
        kept.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let kept = kept.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value).into_bytes());
        let pairs = sent.iter().map(|value| value.to_vec()).chain(kept).collect::<Vec<_>>().join(&b"; "[..]);
        if let Ok(value) = HeaderValue::from_bytes(&pairs)
            && !pairs.is_empty()
        {
            headers.insert(COOKIE, value);
        }
    }

    /// Keeps the cookies that the response to a request sets, and drops those that it expires.
    pub(super) fn store(&self, request: &HeaderMap, uri: &Uri, response: &HeaderMap) {
        let host = host(request);
        let mut cookies = self.0.lock();
        for value in response.get_all(SET_COOKIE) {
            let Ok(text) = std::str::from_utf8(value.as_bytes()) else { continue };
            let Some(cookie) = Cookie::parse(text, &host, uri.path()) else { continue };
            let place = cookies.iter().position(|other| other.is_same_as(&cookie));
            let is_over = cookie.expires.is_some_and(|expires| expires <= Instant::now());
            match (place, is_over) {
                (Some(place), true) => drop(cookies.remove(place)),
                (Some(place), false) => cookies[place] = cookie,
                (None, true) => {}
                (None, false) => cookies.push(cookie),
            }
        }
    }
}

impl Cookie {
    /// Reads the value of a `Set-Cookie` header; `None` where a client has to ignore it.
    fn parse(text: &str, host: &str, request_path: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return None;
        }
        let (mut path, mut max_age, mut expires, mut is_foreign) = (default_path(request_path), None, None, false);
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => path = value,
                "path" => path = default_path(request_path),
                "domain" if value.is_empty() => {}
                "domain" => is_foreign = !value.trim_start_matches('.').eq_ignore_ascii_case(host),
                "max-age" => max_age = parse_max_age(value).or(max_age),
                "expires" => expires = parse_date(value).or(expires),
                _ => {}
            }
        }
        if is_foreign {
            return None;
        }
        // `Max-Age` takes precedence. A time that has passed is a life of zero.
        let life = match (max_age, expires) {
            (Some(seconds), _) => Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))),
            (None, Some(at)) => Some(at.duration_since(SystemTime::now()).unwrap_or_default()),
            (None, None) => None,
        };
        let expires = life.and_then(|life| Instant::now().checked_add(life));
        Some(Self {
            name: name.to_owned(),
            value: value.to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
            expires,
        })
    }

    fn is_same_as(&self, other: &Self) -> bool {
        (&self.name, &self.host, &self.path) == (&other.name, &other.host, &other.path)
    }
}

/// Reads a `Max-Age`. A number that is too large is the largest one.
fn parse_max_age(value: &str) -> Option<i64> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| value.parse().unwrap_or(if digits == value { i64::MAX } else { i64::MIN }))
}

/// Reads the date of an `Expires`, also in the form of Netscape: `Thu, 01-Jan-1970 00:00:00 GMT`.
fn parse_date(value: &str) -> Option<SystemTime> {
    let parse = httpdate::parse_http_date;
    parse(value).or_else(|_| parse(&value.replace('-', " "))).ok()
}

/// The host that a request goes to, without its port.
fn host(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    host.map_or_else(String::new, |host| host.host().to_ascii_lowercase())
}

/// The path of a cookie that has no `Path`: that of the request, up to its last `/`.
fn default_path(request_path: &str) -> &str {
    match request_path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &request_path[..end],
    }
}

/// Whether a cookie with this path goes to a request with that path.
fn path_matches(cookie_path: &str, request_path: &str) -> bool {
    request_path
        .strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie_path.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUTURE: &str = "Fri, 01 Jan 2100 00:00:00 GMT";
    const PAST: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

    fn request(host: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))])
    }

    /// Stores the cookies of a response of `localhost`.
    fn set(jar: &CookieJar, path: &'static str, cookies: &[&str]) {
        let cookies = cookies.iter().map(|cookie| (SET_COOKIE, HeaderValue::from_str(cookie).unwrap()));
        jar.store(&request("localhost"), &Uri::from_static(path), &cookies.collect());
    }

    fn sent_to(jar: &CookieJar, host: &'static str, path: &'static str) -> String {
        let mut headers = request(host);
        jar.add_to(&mut headers, &Uri::from_static(path));
        headers.get(COOKIE).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    fn sent(jar: &CookieJar, path: &'static str) -> String {
        sent_to(jar, "localhost", path)
    }

    #[tokio::test]
    async fn a_cookie_comes_back_and_is_replaced() {
        let jar = CookieJar::default();
        set(&jar, "/", &["session=a1; HttpOnly; Secure; SameSite=Lax", " theme = dark "]);
        assert_eq!(sent(&jar, "/any/path"), "session=a1; theme=dark");
        set(&jar, "/", &["session=b2"]);
        assert_eq!(sent(&jar, "/"), "session=b2; theme=dark");
    }

    #[tokio::test]
    async fn paths_decide_where_a_cookie_goes() {
        let jar = CookieJar::default();
        set(&jar, "/shop/cart/add", &["a=1", "b=2; Path=/shop", "c=3; Path=/shop/", "d=4; Path=none", "e=5; Path=/"]);
        assert_eq!(sent(&jar, "/shop/cart"), "a=1; d=4; c=3; b=2; e=5");
        assert_eq!(sent(&jar, "/shop/cart/pay"), "a=1; d=4; c=3; b=2; e=5");
        assert_eq!(sent(&jar, "/shop"), "b=2; e=5");
        assert_eq!(sent(&jar, "/shopping"), "e=5");
        assert_eq!(sent(&jar, "/"), "e=5");
    }

    #[tokio::test]
    async fn the_same_name_on_two_paths_is_two_cookies() {
        let jar = CookieJar::default();
        set(&jar, "/", &["a=1; Path=/", "a=2; Path=/in"]);
        assert_eq!(sent(&jar, "/in"), "a=2; a=1");
        set(&jar, "/", &["a=; Path=/in; Max-Age=0"]);
        assert_eq!(sent(&jar, "/in"), "a=1");
    }

    #[tokio::test(start_paused = true)]
    async fn cookies_expire() {
        let jar = CookieJar::default();
        for over in [
            "Max-Age=0",
            "max-age=-1",
            "Max-Age=-99999999999999999999",
            &format!("Expires={PAST}"),
            "Expires=Thu, 01-Jan-1970 00:00:00 GMT",
            &format!("Max-Age=0; Expires={FUTURE}"),
        ] {
            set(&jar, "/", &["a=1"]);
            assert_eq!(sent(&jar, "/"), "a=1");
            set(&jar, "/", &[&format!("a=; {over}")]);
            assert_eq!(sent(&jar, "/"), "", "{over}");
        }
        for later in [
            &format!("Expires={FUTURE}"),
            &format!("Max-Age=60; Expires={PAST}"),
            &format!("Max-Age=99999999999999999999; Expires={PAST}"),
            "Max-Age=x",
            "Max-Age=+0",
            "Expires=x",
        ] {
            set(&jar, "/", &[&format!("a=1; {later}")]);
            assert_eq!(sent(&jar, "/"), "a=1", "{later}");
        }
        set(&jar, "/", &["a=1; Max-Age=60"]);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(sent(&jar, "/"), "a=1");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(sent(&jar, "/"), "");
    }

    #[tokio::test]
    async fn a_cookie_goes_to_its_own_host() {
        let jar = CookieJar::default();
        set(&jar, "/", &["a=1", "b=2; Domain=LocalHost", "c=3; Domain=.localhost", "d=4; Domain=example.com"]);
        assert_eq!(sent_to(&jar, "localhost:8080", "/"), "a=1; b=2; c=3");
        assert_eq!(sent_to(&jar, "example.com", "/"), "");
        // The last `Domain` counts.
        set(&jar, "/", &["e=5; Domain=example.com; Domain=localhost", "f=6; Domain=localhost; Domain=example.com"]);
        assert_eq!(sent_to(&jar, "localhost", "/"), "a=1; b=2; c=3; e=5");
    }

    #[tokio::test]
    async fn what_is_no_cookie_is_ignored() {
        let jar = CookieJar::default();
        set(&jar, "/", &["", "a", "=1", "; Path=/"]);
        assert_eq!(sent(&jar, "/"), "");
    }

    #[tokio::test]
    async fn a_cookie_of_the_test_comes_first() {
        let jar = CookieJar::default();
        set(&jar, "/", &["a=1", "b=2"]);
        let mut headers = request("localhost");
        headers.append(COOKIE, HeaderValue::from_static("c=3; a=other"));
        headers.append(COOKIE, HeaderValue::from_static("d=4"));
        jar.add_to(&mut headers, &Uri::from_static("/"));
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["c=3; a=other; d=4; b=2"]);
        let mut headers = request("localhost");
        headers.append(COOKIE, HeaderValue::from_bytes(b"a=\xe2\x82\xac\xff").unwrap());
        jar.add_to(&mut headers, &Uri::from_static("/"));
        assert_eq!(headers[COOKIE], b"a=\xe2\x82\xac\xff; b=2"[..]);
    }
}
